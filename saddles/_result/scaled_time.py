"""Scaled time: t / log(1/α) for κ = 2, and t α^(κ−2) for κ > 2.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``times``        τ, scaled times
``kappa``        κ, the degree of homogeneity
``log_alpha``    log α, the logarithm of the initial scale
===============  ==========================================================================
"""

from __future__ import annotations

import numpy as np

from saddles import checks
from saddles.typing import Array, ArrayLike

__all__ = ["physical_times", "unit_of_time"]


def physical_times(times: ArrayLike, *, log_alpha: float, kappa: int) -> Array:
    """Convert scaled times to the time of the gradient flow θ' = −∇L.

    Parameters
    ----------
    times : array_like
        Scaled times.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite.
    kappa : int
        Degree of homogeneity, at least 2.

    Returns
    -------
    ndarray
        ``times * log(1/alpha)`` for `kappa` = 2, ``times * alpha**(2 - kappa)`` above.

    Raises
    ------
    OverflowError
        If one of them is too large for a float64.
    """
    log_alpha = checks.log_scale(log_alpha, allow_limit=False)
    scaled = checks.numbers(times, "times").astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        unit = -log_alpha if kappa == 2 else np.exp(np.float64((2 - kappa) * log_alpha))
        physical = np.asarray(scaled * unit)
    if not np.isfinite(physical[np.isfinite(scaled)]).all():
        raise OverflowError(
            f"log_alpha={log_alpha!r}: a time overflows, with kappa={kappa!r} and a unit of time "
            f"{float(unit):g}; keep the scaled times."
        )
    return physical


def unit_of_time(kappa: int) -> str:
    """Return what the axis of scaled times says."""
    if kappa == 2:
        return "scaled time t / log(1/α)"
    return f"scaled time t α{'' if kappa == 3 else f'^{kappa - 2}'}"
