"""Speed and growth of the limit path, made only by name and printed (``tables/speed.py``).

Beside scikit-learn's ``lars_path`` (method "lasso", the whole path), run in turn in this process.
Jumps are more than knots: coordinates also leave. Growth exponents are slopes in log–log scale.
"""

from __future__ import annotations

import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import lars_path

import saddles
from saddles._clocks import Course, Race
from saddles._screening import Screen
from saddles.typing import Array
from tables import diabetes
from tables.table import Check, Table

#: Beside lars_path, with rounds each; 20 relevant features and noise.
PEERS = {(442, 10): 40, (200, 400): 7, (500, 2000): 5, (500, 20_000): 3}
#: For the growth in d and in n.
WIDER = [(200, 10_000), (200, 30_000), (200, 100_000)]
LONGER = [(100, 20_000), (200, 20_000), (400, 20_000)]
ROUNDS = 3
#: Most that the whole path may grow with d, as an exponent, and what every certificate shows.
EXPONENT, CERTIFIED = 0.8, 1e-9


def gaussian(n: int, d: int) -> tuple[Array, Array]:
    """Return features in feature-major order and targets; diabetes has a shape of its own."""
    if (n, d) == (442, 10):
        return diabetes.data()[:2]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((d, n)).T
    effects = rng.choice([-1, 1], 20) * rng.uniform(1, 2, 20)
    return X, X[:, :20] @ effects + rng.standard_normal(n)


def build() -> Table:
    """Return the table."""
    sizes = list(dict.fromkeys([*PEERS, *WIDER, *LONGER]))
    frame = pd.DataFrame([_row(*size) for size in sizes])
    seconds = dict(zip(sizes, frame["seconds"], strict=True))
    worst = float(frame.pop("certificate").max())
    in_d = _slope([d for _, d in WIDER], [seconds[size] for size in WIDER])
    in_n = _slope([n for n, _ in LONGER], [seconds[size] for size in LONGER])
    return Table(
        name="path_speed",
        title="Speed of the limit path",
        text=(
            "Medians of interleaved runs in CPU seconds. `looks` is the mean share of the columns "
            "that a jump looks at, `product` the time of a jump over that of one product Xᵀr, "
            "`memory` the peak allocated beyond the data, over the data. Growth in n at "
            f"d = 20,000: exponent {in_n:.2f}; in d at n = 200: {in_d:.2f}."
        ),
        frame=frame,
        checks=(
            Check("worst certificate", worst, CERTIFIED),
            Check("growth exponent in d at n = 200", in_d, EXPONENT),
        ),
    )


def _row(n: int, d: int) -> dict[str, Any]:
    X, y = gaussian(n, d)
    rounds = PEERS.get((n, d), ROUNDS)
    cases: dict[str, Callable[[], Any]] = {"ours": lambda: saddles.pesme_flammarion(X, y)}
    if (n, d) in PEERS:
        cases["lars"] = lambda: lars_path(X, y, method="lasso")
    spent = _medians(cases, rounds)
    residual = y - y.mean()
    product = _medians({"product": lambda: residual @ X}, 9)["product"]
    path, looks, peak = _looked_at(X, y)
    jumps = len(path) - 1
    return {
        "n": n,
        "d": d,
        "jumps": jumps,
        "seconds": spent["ours"],
        "lars_path": spent.get("lars", np.nan),
        "lars / ours": spent.get("lars", np.nan) / spent["ours"],
        "product": spent["ours"] / jumps / product,
        "looks": looks,
        "memory": peak / X.nbytes,
        "certificate": path.certificates.worst,
    }


def _medians(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median CPU seconds of each case, run in turn."""
    spent: dict[str, list[float]] = {name: [] for name in cases}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lars_path warns of early stopping
        for _ in range(rounds):
            for name, run in cases.items():
                start = time.process_time()
                run()
                spent[name].append(time.process_time() - start)
    return {name: float(np.median(values)) for name, values in spent.items()}


def _looked_at(X: Array, y: Array) -> tuple[saddles.SaddlePath, float, int]:
    """Return the path, the mean share of columns looked at after the start, and peak bytes."""
    counts: list[int] = []
    race = Screen.race

    def counting(screen: Screen, course: Course) -> Race:
        before = screen.looks
        found = race(screen, course)
        counts.append(screen.looks - before)
        return found

    tracemalloc.start()
    try:
        Screen.race = counting  # type: ignore
        path = saddles.pesme_flammarion(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        Screen.race = race  # type: ignore
        tracemalloc.stop()
    return path, float(np.mean(counts[1:])) / X.shape[1], peak


def _slope(sizes: list[int], seconds: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
