"""The one entrance for data: what a user gives as X and y comes out ready for an algorithm."""

from __future__ import annotations

from typing import Any

from saddles._problems.in_units import InUnits
from saddles._problems.regression import Regression
from saddles.typing import ArrayLike

__all__ = ["as_regression", "ready"]


def as_regression(X: Any, y: ArrayLike | None, *, dense: bool = True) -> Regression:
    """Return `X` if it is a `Regression` (then `y` must be None), else build one from both.

    Unless `dense` is False its features are made a float64 array.
    """
    if isinstance(X, Regression):
        if y is not None:
            raise TypeError("y is already part of the Regression; leave it out.")
        problem = X
    elif y is None:
        raise TypeError(
            "y=None: targets are required; pass y, or pass a saddles.Regression instead of X."
        )
    else:
        problem = Regression(X, y)
    return problem.dense() if dense else problem


def ready(X: Any, y: ArrayLike | None = None, *, dense: bool = False) -> InUnits:
    """Return data in units: of any storage, but such that reading single columns is fast.

    With `dense` its features are a float64 array.
    """
    data = InUnits.of(as_regression(X, y, dense=dense))
    return data if dense else data.read_often()
