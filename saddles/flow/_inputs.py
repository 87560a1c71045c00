"""Checks of the arguments that several flows share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from saddles import checks
from saddles.typing import Array

__all__ = ["checked_rtol", "checked_until", "initial_factor"]


def checked_until(until: Any) -> float | None:
    """Return the last scaled time, or None."""
    if until is None:
        return None
    return checks.real_number(
        until,
        "until",
        "the last scaled time must be finite and above 0; leave it out to follow the flow to its "
        "end",
        lambda value: 0 < value < math.inf,
    )


def checked_rtol(rtol: Any) -> float:
    """Return the relative error that a step may make."""
    return checks.real_number(
        rtol,
        "rtol",
        "the relative error per step must be from 1e-12 to 1e-3",
        lambda value: 1e-12 <= value <= 1e-3,
    )


def initial_factor(initial: Any, rows: int, width: int | None, seed: int) -> Array:
    """Return initial weights (rows, width) over alpha: the user's, or seeded Gaussian ones.

    The default width is `rows`: no more columns are needed for any W = UUᵀ.
    """
    columns = checks.count(width, "width", least=1)
    if checks.count(seed, "seed") is None:
        raise TypeError("seed=None: it must be a whole number of at least 0; pass one.")
    if initial is None:
        return np.random.default_rng(seed).standard_normal((rows, columns or rows))
    factor = checks.real_array(initial, "initial", 2)
    if factor.shape[0] != rows or columns not in (None, factor.shape[1]):
        raise ValueError(
            f"initial={checks.show(factor)} has shape {factor.shape}; it must have shape "
            f"({rows}, {columns or 'width'}): the initial weights divided by alpha."
        )
    if not factor.any():
        raise ValueError(
            f"initial={checks.show(factor)} is zero everywhere, where the flow rests; pass generic "
            "weights, or leave it out."
        )
    return factor
