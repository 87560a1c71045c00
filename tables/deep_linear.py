"""Linear networks of two, three and four layers: predicted jumps, and the flow as α vanishes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import saddles
from reference.deep_linear import reduced_rank
from saddles.typing import Array
from tables.table import Check, Table, levels

#: Initial scales of the flow at each depth.
SCALES = {3: (1e-3, 1e-4, 1e-5), 4: (1e-2, 3e-3, 1e-3)}
#: The flow is followed so much longer than the last jump that is measured, the second one.
AFTER = 1.3
#: At the smallest scale, relative to the predicted time.
CLOSE = 2e-3
#: Digits of measured times that all machines agree on.
DIGITS = 6


def integers() -> tuple[Array, Array, list[Array]]:
    """Return Σxx, Σyx and four layers over α of a problem in small integers."""
    xx = np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 2]])
    target = np.array([[2.0, 0, 1], [-1, 1, 0], [0, 1, 1]])
    first = np.array([[1.0, 0, 1], [0, 1, -1], [1, 1, 0]])
    second = np.array([[1.0, 1, 0], [0, 1, 1], [-1, 0, 1]])
    third = np.array([[1.0, -1, 0], [1, 1, 0], [0, 1, 1]])
    return xx, target @ xx, [first, second, third, first.T]


def commuting() -> tuple[Array, Array, list[Array]]:
    """Return a problem whose larger correlation explains less, and layers that do not commute."""
    b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    return np.diag(s), np.diag(b * s), [layer[:2, :2] for layer in integers()[2]]


def build() -> Table:
    """Return the table."""
    frames, checks = [], []
    for name, (xx, yx, init) in (("integers", integers()), ("commuting", commuting())):
        two = saddles.agf.linear(xx, yx)
        frames.append(_rows(name, 2, two, {}))
        for depth, scales in SCALES.items():
            path = saddles.agf.deep_linear(xx, yx, init=init[:depth])
            half = (path.losses[:2] + path.losses[1:3]) / 2
            measured = {
                alpha: saddles.flow.deep_linear(
                    xx,
                    yx,
                    init=init[:depth],
                    log_alpha=float(np.log(alpha)),
                    until=AFTER * path.times[2],
                ).crossing_times(half)
                for alpha in scales
            }
            frames.append(_rows(name, depth, path, measured))
            worst = float(np.abs(measured[scales[-1]] / path.times[1:3] - 1).max())
            best = [reduced_rank(xx, yx, k) for k in range(len(path))]
            apart = max(float(np.abs(W - V).max()) for W, V in zip(path.betas, best, strict=True))
            case = f"{name}, {depth} layers"
            if name == "integers":
                checks.append(Check(f"{case}: flow at the smallest alpha, times", worst, CLOSE))
            checks.append(Check(f"{case}: saddles are the best maps of their rank", apart, 1e-8))
    return Table(
        name="deep_linear",
        title="Deep linear networks: what depth changes",
        text=(
            "Does a deeper linear network make the same jumps, and when? The network is f(x) = "
            "W_L…W_1 x, with the loss E|y - Wx|^2 / 2. Times are t / log(1/alpha) for two layers, "
            "and t alpha^(L-2) for L layers. They are predicted for alpha → 0, and measured on "
            "the flow at three alpha.\n\n"
            "The problem `integers` has small integers, and covariances that do not commute. The "
            "problem `commuting` has b = (2, 1), s = (1, 3): the mode with the larger correlation "
            "explains less variance. There two layers rest at a loss of 2, and deeper networks at "
            "1.5. Their flow also passes the loss of 2, and stays there for a time like "
            "log(1/alpha). So its second jump approaches the prediction only like alpha "
            "log(1/alpha)."
        ),
        frame=pd.concat(frames, ignore_index=True),
        checks=tuple(checks),
    )


def _rows(
    name: str, depth: int, path: saddles.SaddlePath, measured: dict[float, Array]
) -> pd.DataFrame:
    """Return one row per saddle; the flow is measured for the first two jumps."""
    rows: dict[str, Any] = {
        "problem": name,
        "layers": depth,
        "jump": range(len(path)),
        "predicted time": [float(f"{time:.{DIGITS}g}") for time in path.times],
        "loss": levels(path.losses),
    }
    every: list[Array] = [*measured.values()] or [np.zeros(0)] * 3
    for column, times in zip(("large", "middle", "small"), every, strict=True):
        found = ["", *(f"{time:.{DIGITS}g}" for time in times)]
        rows[f"flow, {column} alpha"] = found + [""] * (len(path) - len(found))
    return pd.DataFrame(rows)
