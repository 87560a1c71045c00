"""Greedy low-rank learning: the fast path, Algorithm 3 verbatim, and the flow, on three losses."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

import saddles
from reference.greedy_low_rank import greedy_low_rank as algorithm_3
from saddles.typing import Array
from tables.table import Check, Table, bounded, levels, worst

#: Columns of U.
RANK = 4
#: Initial scales whose flows are extrapolated; jumps of these problems are far apart there.
SCALES = (-100.0, -200.0, -400.0)
#: Factor by which the flow is followed beyond its last jump.
AFTER = 4.0
#: Algorithm 3: ε, η and T. Its own error is some √ε; a step must resolve eigenvalues up to 10.
EPSILON, ETA, STEPS = 1e-14, 0.05, 8_000
#: Extrapolated from the scales above, times of jumps that a twentieth of the run separates.
EXTRAPOLATED = 1e-4


def target() -> Array:
    """Return a symmetric matrix (6, 6) of rank 4 with eigenvalues 9, 6, 4 and 2.5."""
    modes = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    matrix = (modes * [9.0, 6.0, 4.0, 2.5, 0.0, 0.0]) @ modes.T
    return np.asarray((matrix + matrix.T) / 2)


def losses() -> dict[str, saddles.MatrixLoss]:
    """Return one loss of each kind."""
    M, mask = target(), np.ones((6, 6), dtype=bool)
    for i, j in [(0, 5), (1, 3)]:
        mask[i, j] = mask[j, i] = False
    draws = np.random.default_rng(4).standard_normal((24, 6, 6)) / 6
    A = (draws + draws.transpose(0, 2, 1)) / 2
    return {
        "full observation": saddles.FullMatrix(M),
        "completion": saddles.MatrixCompletion(M, mask),
        "sensing": saddles.MatrixSensing(A, np.tensordot(A, M, axes=2)),
    }


def build() -> Table:
    """Return the table."""
    measured = [_measured(name, loss) for name, loss in losses().items()]
    return Table(
        name="greedy_low_rank",
        title="Greedy low-rank learning: predicted and measured",
        text=(
            "Are the saddles and jump times of greedy low-rank learning those of the flow? W = "
            "UUᵀ (6 x 6), U with 4 columns, learns by U' = -grad f(UUᵀ) U. The losses are: all "
            "entries of a matrix with eigenvalues 9, 6, 4, 2.5; all pairs of its entries "
            "except two; and 24 random linear measurements of it.\n\n"
            "Each row is a saddle. Times are t / log(1/alpha): predicted by the general clock, "
            "and measured on the flow in graded coordinates, extrapolated from log(alpha) = "
            "-100, -200, -400. The picture is completion at log(alpha) = -50."
        ),
        frame=pd.concat([frame for frame, _ in measured], ignore_index=True),
        checks=tuple(check for _, checks in measured for check in checks),
        figure=_figure(),
        caption=(
            "Completion: loss and singular values. The flow (colours) should reach the plateaus "
            "of the prediction (dashed); at this scale its jumps are wide."
        ),
    )


def _measured(name: str, loss: saddles.MatrixLoss) -> tuple[pd.DataFrame, list[Check]]:
    """Return a row per saddle of one loss, and how far path, flow and Algorithm 3 are apart."""
    path = saddles.greedy_low_rank(loss, max_rank=RANK)
    flow = _flow(loss, AFTER * path.times[-1])
    limit = saddles.vanishing_limit(path, flow, log_alphas=SCALES)
    verbatim = algorithm_3(loss.gradient, 6, EPSILON, ETA, STEPS, max_rank=RANK)
    measured = [0.0, *limit.jump_times]
    plateaus = saddles.compare(path, flow(SCALES[-1]))
    errors = [float(np.abs(W - beta).max()) for W, beta in zip(verbatim, path.betas, strict=True)]
    frame = pd.DataFrame(
        {
            "loss of": name,
            "rank": [np.linalg.matrix_rank(W, tol=1e-6) for W in path.betas],
            "predicted time": path.times,
            "flow": [round(time, 7) for time in measured],
            "difference": bounded(measured, path.times, EXTRAPOLATED),
            "loss": levels(path.losses),
        }
    )
    return frame, [
        Check(f"{name}: flow, extrapolated, times", worst(measured, path.times), EXTRAPOLATED),
        Check(f"{name}: order of its approach, from 1", abs(limit.order - 1), 0.01),
        Check(f"{name}: flow at log(alpha) = -400, plateaus", plateaus.worst_beta, 1e-6),
        Check(f"{name}: Algorithm 3 verbatim, every W", max(errors), 1e-6),
        Check(f"{name}: stationarity", float(path.certificates.stationarity.max()), 1e-10),
    ]


def _figure() -> Any:
    """Draw completion beside its flow."""
    loss = losses()["completion"]
    path = saddles.greedy_low_rank(loss, max_rank=RANK)
    return saddles.compare(path, _flow(loss, AFTER * path.times[-1])(-50.0)).plot()


def _flow(loss: saddles.MatrixLoss, until: float) -> Callable[[float], saddles.Flow]:
    """Return the flow of `loss` as a function of log(alpha), to `until`."""
    return cache(
        lambda log_alpha: saddles.flow.matrix(loss, log_alpha=log_alpha, width=RANK, until=until)
    )
