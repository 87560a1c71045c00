"""Other people's solvers, asked for the whole of what ours computes, and held to it.

A peer that stops early has not done the same work. Each of these is given room enough, and raises
if it used it up.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import lars_path

from saddles.typing import Array

__all__ = ["Lasso", "solved", "whole_lars"]

#: Knots allowed per sample. Paths to interpolation have about two; scikit-learn's own limit of 500
#: for all would cut them off.
KNOTS = 20


class Lasso(NamedTuple):
    """The lasso's path: penalties (k,), falling to none, and coefficients (d, k)."""

    penalties: Array
    betas: Array

    @property
    def last(self) -> float:
        """The last penalty, over the first."""
        return float(self.penalties[-1] / self.penalties[0])

    def left(self, X: Array, y: Array) -> float:
        """Return the share of the first loss that its end leaves."""
        rest = y - X @ self.betas[:, -1]
        return float(rest @ rest / (y @ y))


def whole_lars(X: Array, y: Array) -> Lasso:
    """Return the lasso's whole path by scikit-learn's `lars_path`."""
    most = KNOTS * y.size
    with warnings.catch_warnings():
        # It says so where an interpolation is reached, and the penalties are rounding.
        warnings.simplefilter("ignore")
        penalties, _, betas = lars_path(X, y, method="lasso", max_iter=most)
    if len(penalties) > most:
        raise RuntimeError(f"lars_path was cut off after {most} steps")
    return Lasso(np.asarray(penalties), np.asarray(betas))


def solved(problem: Any) -> None:
    """Solve a problem of cvxpy by Clarabel, and raise unless it meets its own tolerances."""
    problem.solve(solver="CLARABEL")
    if problem.status != "optimal":
        raise RuntimeError(f"Clarabel ended with status {problem.status!r}")
