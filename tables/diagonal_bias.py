"""Where the diagonal flow ends at finite initial scale: the minimiser of the hyperbolic entropy."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

import saddles
from reference.implicit_bias import hyperbolic_entropy
from saddles import implicit_bias
from saddles.typing import Array
from tables.table import Check, Table, bounded

LOG_ALPHAS = (-0.1, -1.0, -5.0, -20.0, -100.0, -1e3, -1e4)
#: The exponential cones of the solver resolve coefficients down to about this scale.
CONVEX_RANGE = -20.0
FLOW, CONVEX = 1e-9, 1e-4
#: A distance below this has too few digits to be shown: both ends are known to about eps.
REACHED = 1e-9


def data() -> tuple[Array, Array]:
    """Return X (5, 12) and attainable targets y (5,)."""
    rng = np.random.default_rng(2025)
    X = rng.normal(size=(5, 12))
    return X, X @ rng.normal(size=12)


def build() -> Table:
    """Return the table."""
    X, y = data()
    sparse = implicit_bias.l1(X, y).beta
    minimisers = [implicit_bias.diagonal(X, y, log_alpha=scale) for scale in LOG_ALPHAS]
    betas = np.array([minimiser.beta for minimiser in minimisers])
    size = np.abs(betas).max(axis=1)
    flows = np.array([_end(X, y, scale) for scale in LOG_ALPHAS])
    flow_gaps = np.abs(flows - betas).max(axis=1) / size
    convex_gaps = np.array(
        [
            np.abs(_convex(X, y, scale) - beta).max() / np.abs(beta).max()
            for scale, beta in zip(LOG_ALPHAS, betas, strict=True)
            if scale >= CONVEX_RANGE
        ]
    )
    zeros = np.zeros(len(LOG_ALPHAS))
    shown = bounded(convex_gaps, np.zeros(convex_gaps.size), CONVEX)
    distance = np.abs(betas - sparse).max(axis=1)
    frame = pd.DataFrame(
        {
            "log alpha": LOG_ALPHAS,
            "l1 norm": np.abs(betas).sum(axis=1),
            "distance to the l1 minimiser": [_shown(value) for value in distance],
            "flow-entropy": bounded(flow_gaps, zeros, FLOW),
            "cvxpy-entropy": [*shown, *["out of range"] * (len(LOG_ALPHAS) - len(shown))],
        }
    )
    checks = (
        Check("flow's end against the entropy's minimiser", float(flow_gaps.max()), FLOW),
        Check("cvxpy against the entropy's minimiser", float(convex_gaps.max()), CONVEX),
        Check("l1 norm in excess of the least", _excess(betas[-1], sparse), 1e-9),
        Check("stationarity", max(m.stationarity for m in minimisers), 1e-9),
    )
    return Table(
        name="diagonal_bias",
        title="Diagonal network at finite initial scale",
        text=(
            "Where does a diagonal network at a finite initial scale end? 5 samples with 12 "
            "features, which can be fitted. The flow from u = alpha, v = 0 ends at the "
            "minimiser of the hyperbolic entropy (by Newton's method on its dual). It tends to "
            "the least l1 norm as alpha shrinks. cvxpy solves the same problem with exponential "
            "cones, if its range allows."
        ),
        frame=frame,
        checks=checks,
    )


def _shown(distance: float) -> str:
    return f"{distance:.6g}" if distance > REACHED else f"<{REACHED:.0e}"


def _end(X: Array, y: Array, log_alpha: float) -> Array:
    """Return where the flow rests: twice as long as its own criterion would follow it."""
    settled = saddles.flow.diagonal(X, y, log_alpha=log_alpha).until
    flow = saddles.flow.diagonal(X, y, log_alpha=log_alpha, until=2 * settled)
    return flow.at(flow.until)


def _convex(X: Array, y: Array, log_alpha: float) -> Array:
    with warnings.catch_warnings():
        # An inaccurate end shows in the difference, which is what the table is about.
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(hyperbolic_entropy(X, y, log_alpha).beta)


def _excess(beta: Array, sparse: Array) -> float:
    return float(np.abs(beta).sum() / np.abs(sparse).sum() - 1)
