"""Two-layer linear networks: AGF, the published conjecture, and the flow."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

import saddles
from reference.agf_linear import agf_linear as conjecture
from saddles.typing import Array
from tables.table import Check, Table, bounded, levels, worst

#: Initial scales whose flows are extrapolated.
SCALES = (-100.0, -200.0, -400.0)
#: Factor by which the flow is followed beyond its last jump.
AFTER = 1.4
#: Extrapolated from the scales above, times of jumps that a twentieth of the run separates.
EXTRAPOLATED = 1e-6


def cases() -> dict[str, tuple[Array, Array]]:
    """Return (Σxx, Σyx) of each case."""
    rng = np.random.default_rng(8)
    inputs, outputs = (np.linalg.qr(rng.standard_normal((3, 3)))[0] for _ in range(2))
    gains, variances = np.array([3.0, 2.0, 1.0]), np.array([1.2, 1.0, 0.8])
    commuting = _symmetric((inputs * variances) @ inputs.T)
    X = rng.standard_normal((40, 3)) * [1.2, 1.0, 0.7]
    Y = X @ rng.standard_normal((3, 2)) + 0.3 * rng.standard_normal((40, 2))
    b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    third = np.array([2.0, 1.0, 0.5]), np.array([1.0, 3.0, 1.0])
    return {
        "commuting": (commuting, (outputs * (gains * variances)) @ inputs.T),
        "general": (_symmetric(X.T @ X / 40), Y.T @ X / 40),
        "counter-example": (np.diag(s), np.diag(b * s)),
        "counter-example, third mode": (np.diag(third[1]), np.diag(third[0] * third[1])),
    }


def build() -> Table:
    """Return the table."""
    measured = [_measured(name, moments) for name, moments in cases().items()]
    b_first = cases()["counter-example"]
    figure = saddles.compare(saddles.agf.linear(*b_first), _flow(b_first, 0.7)(-200.0)).plot()
    return Table(
        name="linear_networks",
        title="Two-layer linear networks: AGF, the conjecture, and the flow",
        text=(
            "Which mode does a two-layer linear network learn first? f(x) = A W x with loss E|y "
            "- AWx|^2 / 2 and times t / log(1/alpha). AGF follows the clocks of the dormant "
            "directions. The flow is integrated in graded coordinates and extrapolated from "
            "log(alpha) = -100, -200, -400.\n\n"
            "The conjecture (Kunin et al. 2025, Conjecture 4.1) orders modes by the variance "
            "that they explain, b^2 s. The flow orders them by their correlation, b s. Both "
            "agree except in the counter-examples: b = (2, 1), s = (1, 3), and the same with a "
            "third mode b = 1/2, s = 1. The picture is the first of them at log(alpha) = -200."
        ),
        frame=pd.concat([frame for frame, _ in measured], ignore_index=True),
        checks=tuple(check for _, checks in measured for check in checks),
        figure=figure,
        caption=(
            "The first counter-example. After the first jump the loss is 2, as AGF predicts "
            "(dashed), and not 1.5, as the conjecture says."
        ),
    )


def _measured(name: str, moments: tuple[Array, Array]) -> tuple[pd.DataFrame, list[Check]]:
    """Return a row per saddle of one case, and how far AGF and the flow are apart."""
    path = saddles.agf.linear(*moments)
    flow = _flow(moments, AFTER * path.times[-1])
    limit = saddles.vanishing_limit(path, flow, log_alphas=SCALES)
    measured = [0.0, *limit.jump_times]
    plateaus = saddles.compare(path, flow(SCALES[-1]))
    published = conjecture(*moments)
    frame = pd.DataFrame(
        {
            "covariances": name,
            "jump": range(len(path)),
            "AGF time": path.times,
            "flow time": [round(time, 7) for time in measured],
            "difference": bounded(measured, path.times, EXTRAPOLATED),
            "loss": levels(path.losses),
            "conjectured time": published.times,
            "conjectured loss": levels(published.losses),
        }
    )
    return frame, [
        Check(f"{name}: flow, extrapolated, times", worst(measured, path.times), EXTRAPOLATED),
        Check(f"{name}: flow at log(alpha) = -400, plateaus", plateaus.worst_beta, 1e-6),
        Check(f"{name}: flow at log(alpha) = -400, losses", plateaus.worst_loss, 1e-6),
    ]


def _symmetric(matrix: Array) -> Array:
    return (matrix + matrix.T) / 2


def _flow(moments: tuple[Array, Array], until: float) -> Callable[[float], saddles.Flow]:
    """Return the flow as a function of log(alpha), to `until`."""
    return cache(lambda log_alpha: saddles.flow.linear(*moments, log_alpha=log_alpha, until=until))
