"""Real data: completing the covariance of the pixels of handwritten digits from some entries."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import saddles
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: Share of the covariances that are observed.
SHARE = 0.6
#: Saddles shown; later ones fit the sample's details.
JUMPS = 7
#: Columns of the flow: a narrow U makes this number of first jumps as a wide one does.
WIDTH = 2
#: Initial scales whose flows are extrapolated: so small, because eigenvalues are close here.
SCALES = (-500.0, -1000.0, -2000.0)
#: What is left of one jump at the next in those.
EXTRAPOLATED = 1e-6


def data() -> tuple[Array, Any]:
    """Return the covariance (64, 64) of 8 x 8 pixels, trace one, and the mask of its entries."""
    pixels = load_digits().data
    covariance = np.cov(pixels, rowvar=False)
    rng = np.random.default_rng(0)
    upper = np.triu(rng.random(covariance.shape) < SHARE) | np.eye(64, dtype=bool)
    return (covariance + covariance.T) / (2 * np.trace(covariance)), upper | upper.T


def build() -> Table:
    """Return the table."""
    covariance, mask = data()
    loss = saddles.MatrixCompletion(covariance, mask)
    path = saddles.greedy_low_rank(loss, max_jumps=JUMPS)
    until = (path.times[WIDTH] + path.times[WIDTH + 1]) / 2
    limit = saddles.vanishing_limit(
        _First(path.losses[: WIDTH + 1]),
        lambda log_alpha: saddles.flow.matrix(loss, log_alpha=log_alpha, width=WIDTH, until=until),
        log_alphas=SCALES,
    )
    measured = [0.0, *limit.jump_times]
    checks = (
        Check("flow, extrapolated, times", worst(measured, path.times[: WIDTH + 1]), EXTRAPOLATED),
        Check("stationarity", float(path.certificates.stationarity.max()), 1e-10),
        Check("observed share, from the loss", _loss_gap(loss, path), 1e-12),
    )
    return Table(
        name="digits",
        title="Covariance of digits, completed from some of its entries",
        text=(
            "How well does greedy low-rank learning complete a covariance? The matrix is the "
            "covariance of the 64 pixels of 1797 digits (scikit-learn's copy of the UCI test "
            f"set), of trace one. All variances and {SHARE:.0%} of the covariances are "
            "observed.\n\n"
            "Each jump adds one rank. Columns show the share of the squared entries that is "
            "left unexplained: of the observed entries and of the hidden ones. The best "
            "approximation of that rank, which sees all entries, is for comparison. Jump times "
            f"are t / log(1/alpha). Those of the first {WIDTH} jumps are also measured on the "
            f"flow of {WIDTH} columns, extrapolated from log(alpha) = -500, -1000, -2000."
        ),
        frame=_frame(covariance, mask, path, measured),
        checks=checks,
        figure=path.plot(),
        caption=(
            "The loss and the singular values of greedy low-rank learning. Each jump adds one "
            "singular value."
        ),
    )


def _frame(
    covariance: Array, mask: Any, path: saddles.SaddlePath, measured: list[float]
) -> pd.DataFrame:
    """Return the rows: ranks, jump times (R+1,) and those `measured`, and what is unexplained."""
    unmeasured, hidden = len(path) - len(measured), ~mask
    values, vectors = np.linalg.eigh(covariance)
    best = [
        (vectors[:, 64 - r :] * values[64 - r :]) @ vectors[:, 64 - r :].T for r in range(JUMPS + 1)
    ]
    gaps = bounded(measured, path.times[: len(measured)], EXTRAPOLATED)
    return pd.DataFrame(
        {
            "rank": range(len(path)),
            "predicted time": path.times,
            "flow": [*(round(time, 5) for time in measured), *[None] * unmeasured],
            "difference": [*gaps, *[""] * unmeasured],
            "observed, left": [_left(covariance, W, mask) for W in path.betas],
            "hidden, left": [_left(covariance, W, hidden) for W in path.betas],
            "hidden, left by best rank": [_left(covariance, W, hidden) for W in best],
        }
    )


class _First:
    """The first levels of a path."""

    def __init__(self, losses: Array) -> None:
        self.losses = losses


def _left(target: Array, W: Array, where: Any) -> float:
    """Return the share of the squared entries of `target` at `where` that W does not explain."""
    return float(np.sum((W - target)[where] ** 2) / np.sum(target[where] ** 2))


def _loss_gap(loss: saddles.MatrixCompletion, path: saddles.SaddlePath) -> float:
    """Return the largest relative difference of a path's losses from their definition."""
    direct = [float(np.sum((W[loss.rows, loss.cols] - loss.values) ** 2)) / 2 for W in path.betas]
    return worst(path.losses, direct)
