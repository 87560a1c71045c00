"""One regression learnt by diagonal networks of depth 2 to 5, and from other initial weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

import saddles
from reference.deep_diagonal import first_constant
from tables.table import Check, Table, worst

#: The flow's steps, relative; and what extrapolation leaves of them.
RTOL, EXTRAPOLATED = 1e-9, 1e-7

#: At these α^{D−2} the flows are measured.
WIDTHS = (1e-3, 1e-4, 1e-5)

TEXT = (
    "Does a deeper diagonal network, β = w_1 w_2 ⋯ w_D, make the same jumps, and when? The data "
    "are the example of arXiv:2607.12332, in which coefficient 0 enters and leaves. Column start "
    "has the initial weights over α. They are (1, …, 1, 0) for every coordinate, or those of "
    "coefficient 2 are doubled, or all weights are equal. Times are t/log(1/α) for D = 2, and t "
    "α^{D−2} above. The flow is measured at three α and extrapolated. Column c is its lateness: "
    "T(α) = T + c α^{D−2}.\n\n"
    "If all coordinates start alike, order and plateaus are the same at every depth, and only the "
    "unit of time changes. The times of D = 3 are π/2 times those of D = 2, and the times of D = "
    "4 are equal to them. Doubled weights change nothing at D = 2. At D = 3 coefficient 2 then "
    "comes first, and coefficient 0 is never learnt. From equal weights no coefficient can become "
    "negative."
)

CAPTION = (
    "Losses of gradient flow at α = 0.01 (colours) and of the limit (dashed), over time divided "
    "by the boundary of the clocks. The deeper the network, the sharper the plateaus: a jump "
    "takes a share 1/log(1/α) of the time for D = 2, and α^{D−2} above."
)

#: The scale and the times of the picture, and the losses that it shows.
ALPHA, END, LOSSES = 0.01, 13.0, (1e-3, 0.4)


def _doubled(depth: int) -> np.ndarray:
    init = np.ones((depth, 4))
    init[-1] = 0.0
    init[:, 2] *= 2
    return init


def build() -> Table:
    """Return the table."""
    X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
    y = np.array([1.0, 0.0])
    plain = saddles.pesme_flammarion(X, y)
    rows, gaps, scaled, first = [], [], [], []
    rows += _rows(2, "1, …, 1, 0", plain)
    for depth in (3, 4, 5):
        path, limit = _measured(X, y, depth=depth)
        rows += _rows(depth, "1, …, 1, 0", path, limit)
        gaps.append(worst(limit.jump_times, path.times[1:]))
        boundary = float(saddles.boundaries(depth=depth)[0])
        scaled.append(worst(path.times, boundary * plain.times))
        scaled.append(worst(path.betas, plain.betas))
        first.append(worst(limit.slopes[:1], [first_constant(depth, *_first_jump(X, y))]))
    doubled, limit = _measured(X, y, init=_doubled(3))
    gaps.append(worst(limit.jump_times, doubled.times[1:]))
    rows += _rows(3, "coefficient 2 doubled", doubled, limit)
    rows += _rows(2, "coefficient 2 doubled", saddles.diagonal_network(X, y, init=_doubled(2)))
    rows += _rows(3, "all equal", saddles.diagonal_network(X, y, init=np.ones(3)))
    checks = (
        Check("times and plateaus from equal shapes against depth 2", max(scaled), 1e-12),
        Check("flow, extrapolated, against path, times", max(gaps), EXTRAPOLATED),
        Check("first constant of the flow against its quadrature", max(first), 1e-4),
    )
    return Table(
        name="depth",
        title="What depth changes in a diagonal network",
        frame=pd.DataFrame(rows),
        checks=checks,
        text=TEXT,
        figure=_figure(X, y, plain),
        caption=CAPTION,
    )


def _first_jump(X: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the gradient on coefficient 0, which is first, and the value that it comes to."""
    pull = float(X[:, 0] @ y)
    return pull / len(y), pull / float(X[:, 0] @ X[:, 0])


def _figure(X: np.ndarray, y: np.ndarray, path: saddles.SaddlePath) -> Any:
    """Draw the losses of flows of depth 2, 3 and 4 at the same α."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(layout="constrained")
    tau = np.linspace(0, END, 1000)
    for depth in (2, 3, 4):
        flow = saddles.flow.diagonal(X, y, depth=depth, log_alpha=math.log(ALPHA))
        losses = flow.loss(tau * float(saddles.boundaries(depth=depth)[0]))
        axis.plot(tau, np.maximum(losses, LOSSES[0] / 2), label=f"D = {depth}")
    ends = [*path.losses[:-1], LOSSES[0] / 2, LOSSES[0] / 2]
    axis.step([*path.times, END], ends, "k--", where="post", label="limit")
    axis.set(xlabel="scaled time / boundary", ylabel="loss", yscale="log", ylim=LOSSES)
    axis.legend(frameon=False)
    plt.close(figure)
    return figure


def _measured(
    X: np.ndarray, y: np.ndarray, **shape: Any
) -> tuple[saddles.SaddlePath, saddles.VanishingLimit]:
    """Return the path, and the flow's times in the limit."""
    path = saddles.diagonal_network(X, y, **shape)
    limit = saddles.vanishing_limit(
        path,
        lambda scale: saddles.flow.diagonal(X, y, log_alpha=scale, rtol=RTOL, **shape),
        log_alphas=[math.log(width) / (path.kappa - 2) for width in WIDTHS],
    )
    return path, limit


def _rows(
    depth: int, start: str, path: saddles.SaddlePath, limit: saddles.VanishingLimit | None = None
) -> list[dict[str, object]]:
    """Return a row per jump."""
    return [
        {
            "depth": depth,
            "start": start,
            "jump": k,
            "entered": str(path.entered[k].tolist()),
            "left": str(path.left[k].tolist()),
            "loss": 0.0 if path.losses[k] < 1e-12 else path.losses[k],
            "time": path.times[k],
            "flow agrees to": "" if limit is None else f"<{EXTRAPOLATED:.0e}",
            "c": "" if limit is None else f"{limit.slopes[k - 1]:.3f}",
        }
        for k in range(1, len(path))
    ]
