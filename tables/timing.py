"""What the table of timings measures with: cases run in turn, memory, columns looked at."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

import saddles
from saddles._diagonal.race import Course, Race
from saddles._diagonal.screening import Screen
from saddles.typing import Array
from tables import diabetes

Cases = dict[str, Callable[[], Any]]


def gaussian(n: int, d: int) -> tuple[Array, Array]:
    """Return features in feature-major order, at most 20 of them relevant, and targets.

    Diabetes has a shape of its own: (442, 10).
    """
    if (n, d) == (442, 10):
        return diabetes.data()[:2]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((d, n)).T
    effects = rng.choice([-1, 1], 20) * rng.uniform(1, 2, 20)
    return X, X[:, :20] @ effects[:d] + rng.standard_normal(n)


def text_like(n: int, d: int) -> tuple[Any, Array]:
    """Return sparse positive features, one entry in a hundred, and targets."""
    from scipy.sparse import random_array

    rng = np.random.default_rng(0)
    X = random_array((n, d), density=0.01, format="csc", rng=rng, data_sampler=rng.exponential)
    effects = rng.choice([-1, 1], 20) * rng.uniform(1, 2, 20)
    return X, X[:, :20] @ effects + 0.1 * rng.standard_normal(n)


def in_turn(
    cases: Cases, rounds: int, clock: Callable[[], float] = time.process_time
) -> dict[str, Array]:
    """Return the seconds of each case (rounds,), run in turn."""
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            begin = clock()
            run()
            spent[name].append(clock() - begin)
    return {name: np.array(values) for name, values in spent.items()}


class Looks(NamedTuple):
    """A path, the mean share of the columns that a jump looks at, and the peak of memory."""

    path: saddles.SaddlePath
    share: float
    peak: int


def looked_at(X: Any, y: Array, max_jumps: int | None = None) -> Looks:
    """Return what a path looks at after its start, and how many bytes it allocates at most."""
    counts: list[int] = []
    with _counting(counts):
        tracemalloc.start()
        path = saddles.pesme_flammarion(X, y, max_jumps=max_jumps)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return Looks(path, float(np.mean(counts[1:])) / X.shape[1], peak)


@contextmanager
def _counting(counts: list[int]) -> Iterator[None]:
    """Append to `counts` how many columns each race looks at."""
    race = Screen.race

    def counting(screen: Screen, course: Course) -> Race:
        before = screen.looks
        found = race(screen, course)
        counts.append(screen.looks - before)
        return found

    Screen.race = counting  # type: ignore
    try:
        yield
    finally:
        Screen.race = race  # type: ignore


def slope(sizes: list[int], seconds: list[float]) -> float:
    """Return the exponent of the power law that fits best, in log–log scale."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
