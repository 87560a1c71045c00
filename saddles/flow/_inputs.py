"""Checks of the arguments that several flows share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import ULPS
from saddles.typing import Array

__all__ = ["STEP_SHARE", "checked_rtol", "checked_until", "finite_scale", "initial_factor"]

#: Share of the tolerance that a single step may use: errors of logarithms shift all later times.
STEP_SHARE = 0.05

#: Below this, the rounding of log(1/α) exceeds the coarsest tolerance that may be asked for.
LEAST_LOG_ALPHA = -1e-3 / ULPS


def finite_scale(log_alpha: Any, limit: str) -> float:
    """Return log(alpha), large enough that digits are left; `limit` computes what is beyond."""
    scale = checks.log_scale(log_alpha, allow_limit=False)
    if scale < LEAST_LOG_ALPHA:
        raise ValueError(
            f"log_alpha={scale!r}: below {LEAST_LOG_ALPHA:.3g} the rounding of log(1/alpha) leaves "
            f"no digit of what is learnt; the flow is its limit there, so use {limit}."
        )
    return scale


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
    checks.whole_number(seed, "seed")
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
