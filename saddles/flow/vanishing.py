"""Jump times of a gradient flow, extrapolated to a vanishing initial scale.

Pesme and Flammarion, "Saddle-to-saddle dynamics in diagonal linear networks" (NeurIPS 2023,
arXiv:2304.00488), prove convergence as α → 0; this module measures how fast. Near a jump and in
unscaled time, the flow depends on α by exponentially small terms only. Hence the scaled
time at which the loss passes a fixed level between two plateaus is

    T_k(α) = T_k + c_k h + O(exp(−const/h)),   h = 1/log(1/α),

and a polynomial in h through a few measurements gives T_k to the accuracy of the flow itself. A
diagonal network of depth κ > 2 has

    T_k(α) = T_k + c_k h + O(α^κ),   h = α^{κ−2}:

a jump takes time h, and dormant coefficients of size α^κ add to the residual. Ties
keep this series: clocks that ring together pass the edge with the same offsets at every α. What
breaks it is a unit that starts to grow at a jump and settles at exactly zero weight with zero
gradient (possible only for special data): it decays like 1/t instead of exponentially, and later
jumps carry a term h log h.

==================  =================================================================
code name           symbol
==================  =================================================================
``h``               h = 1/log(1/α), or α^{κ−2}
``powers``          exponents of h, 1 the first, of the terms that are taken out
``measured``        T_k(α): the loss is halfway between the plateaus k − 1 and k
``jump_times``      T_k, and ``slopes`` c_k
``order``           p in |T_k(α) − T_k| ∝ h^p
==================  =================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from saddles import checks
from saddles._numerics.watch import OutOfTime, counting, left, long_work, tick
from saddles._result.flow import Flow
from saddles._tools.record import Record
from saddles.status import Status
from saddles.typing import Array

__all__ = ["VanishingLimit", "vanishing_limit"]

#: A raw error enters the fitted order if it exceeds the extrapolation's own error this many times.
RESOLVED = 100.0

#: Scales at which a flow is measured without others, as log α for degree 2, and as h above.
LOGARITHMS, WIDTHS = (-1e4, -1e5, -1e6), (1e-4, 1e-5, 1e-6)


class _Staircase(Protocol):
    """The part of a path that is used: its losses, shape (K + 1,)."""

    @property
    def losses(self) -> Array: ...


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VanishingLimit(Record):
    """Jump times of a flow at several initial scales, and in the limit.

    Attributes
    ----------
    jump_times : ndarray of shape (K,)
        Extrapolated scaled jump times.
    errors : ndarray of shape (K,)
        Difference that the coarsest scale makes to the extrapolation: an estimate of its error.
    slopes : ndarray of shape (K,)
        c_k, by which the measured times differ from the extrapolated ones to first order, in units
        of h: 1/log(1/α) for degree 2, and α^(κ − 2) above.
    order : float
        Median over the jumps of the fitted order, in h, at which the measured times tend to the
        extrapolated ones: close to 1. NaN if no jump has a resolved error.
    log_alphas : ndarray of shape (m,)
        The initial scales, from the largest to the smallest.
    measured : ndarray of shape (m, K)
        Scaled jump times of the flow at each of them.
    status : Status
        `Status.CONVERGED`, or `Status.TIME_LIMIT` if there was no time for the smallest scales:
        then ``log_alphas`` are those that were measured.
    """

    jump_times: Array
    errors: Array
    slopes: Array
    order: float
    log_alphas: Array
    measured: Array
    status: Status = Status.CONVERGED


@long_work
def vanishing_limit(
    path: _Staircase,
    flow: Callable[[float], Flow],
    *,
    log_alphas: Sequence[float] | None = None,
    powers: Sequence[float] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> VanishingLimit:
    """Measure the jump times of a flow at several initial scales and extrapolate to alpha = 0.

    Parameters
    ----------
    path : SaddlePath
        Supplies the plateau losses (K + 1,) and the degree: a jump is where the flow's loss is
        halfway between two of them. Its times are not used.
    flow : callable
        Takes a log_alpha and returns the `Flow` from that scale, long enough to show all jumps.
    log_alphas : sequence of float, optional
        At least two different initial scales. They must be so small that jumps are well separated
        in units of 1/log(1/alpha), since the influence of neighbouring jumps is exponentially small
        in their distance; ``errors`` shows how small. By default they are -1e4, -1e5 and -1e6 for
        degree 2, and above those at which ``alpha**(kappa - 2)`` is 1e-4, 1e-5 and 1e-6.
    powers : sequence of float, optional
        Exponents, above 0 and increasing, of the terms of T_k(alpha) - T_k. For degree 2 they are
        exponents of 1/log(1/alpha), by default 1, 2, 3 and so on. Above they are exponents of
        alpha, by default kappa - 2, kappa, kappa + 2 and so on, as in a diagonal network. With m
        scales the first m - 1 exponents are used.
    progress : bool
        Whether to show a bar of the scales measured (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop: what two or more scales give is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    VanishingLimit
        Extrapolated times, their errors, and what they come from.

    Raises
    ------
    TypeError, ValueError
        If the scales are not usable, waits of the path have different degrees, or a flow failed or
        does not show every jump.
    TimeoutError
        If the time is over before two scales are measured.

    Examples
    --------
    >>> import saddles
    >>> X, y = [[1.0, 0.5], [0.5, 1.0]], [1.0, 0.0]
    >>> path = saddles.pesme_flammarion(X, y)
    >>> limit = saddles.vanishing_limit(
    ...     path, lambda log_alpha: saddles.flow.diagonal(X, y, log_alpha=log_alpha)
    ... )
    >>> bool(abs(limit.jump_times - path.times[1:]).max() < 1e-8), round(limit.order, 4)
    (True, 1.0)
    """
    kappa = getattr(path, "kappa", 2)
    degrees = getattr(path, "degrees", None) or (kappa,)
    if set(degrees) != {kappa}:
        raise ValueError(
            f"path has waits of the degrees {degrees}: times of different units have no limit "
            "in common; compare path.physical_times(log_alpha) with a flow from that scale."
        )
    scales = _checked_scales(_usual_scales(kappa) if log_alphas is None else log_alphas)
    terms = _checked_powers(powers, kappa, len(scales) - 1)
    levels = np.asarray(path.losses, dtype=float)
    halfway = (levels[:-1] + levels[1:]) / 2
    rows, status = _measured(partial(_flow_of_degree, flow, kappa), scales, halfway)
    scales, measured = scales[: len(rows)], np.array(rows)
    h = -1 / scales if kappa == 2 else np.exp((kappa - 2) * scales)
    jump_times, slopes, errors = _extrapolate(h, terms, measured)
    order = _fitted_order(h, np.abs(measured - jump_times), errors)
    return VanishingLimit(
        jump_times=jump_times,
        errors=errors,
        slopes=slopes,
        order=order,
        log_alphas=scales,
        measured=measured,
        status=status,
    )


def _usual_scales(kappa: int) -> Sequence[float]:
    return LOGARITHMS if kappa == 2 else [math.log(width) / (kappa - 2) for width in WIDTHS]


def _checked_powers(powers: Any, kappa: int, count: int) -> Array:
    """Return the exponents of h (count,) or fewer."""
    if powers is None:
        if kappa == 2:
            return np.arange(1.0, count + 1)
        return 1 + 2 * np.arange(count) / (kappa - 2)
    terms: Array = checks.real_array(powers, "powers", 1)
    if not (np.diff(np.append(0.0, terms)) > 0).all():
        raise ValueError(f"powers={checks.show(powers)} must be above 0 and increasing.")
    return np.asarray(terms[:count] / max(kappa - 2, 1))


def _flow_of_degree(flow: Callable[[float], Flow], kappa: int, log_alpha: float) -> Flow:
    """Return the flow from a scale, if it is one of a network of the path's degree."""
    trajectory = flow(log_alpha)
    degree = getattr(trajectory, "kappa", kappa)
    if degree != kappa:
        raise ValueError(
            f"flow({log_alpha:g}) has degree kappa={degree}, but path has kappa={kappa}: their "
            "scaled times have different units; pass the flow of a network of the same depth."
        )
    return trajectory


def _checked_scales(log_alphas: Sequence[float]) -> Array:
    """Return the different scales (m,), largest first."""
    if isinstance(log_alphas, str | bytes) or not np.iterable(log_alphas):
        raise TypeError(f"log_alphas={checks.show(log_alphas)} must be a sequence of numbers.")
    scales = {checks.log_scale(value, allow_limit=False) for value in log_alphas}
    if len(scales) < 2:
        raise ValueError(
            f"log_alphas={checks.show(log_alphas)}: an extrapolation needs at least two different "
            "scales; add one."
        )
    return np.array(sorted(scales, reverse=True))


def _measured(
    flow: Callable[[float], Flow], scales: Array, levels: Array
) -> tuple[list[Array], Status]:
    """Return the times (K,) at each scale for which there is time, and whether that is all."""
    rows: list[Array] = []
    with counting("vanishing limit", "scales", len(scales)) as counted:
        try:
            for scale in scales:
                tick()
                rows.append(_measure(flow, scale, levels))
                counted(f"log alpha {scale:g}")
        except OutOfTime:
            if len(rows) < 2:
                raise
            return rows, Status.TIME_LIMIT
    return rows, Status.CONVERGED


def _measure(flow: Callable[[float], Flow], log_alpha: float, levels: Array) -> Array:
    """Return the times (K,) at which the flow's loss falls through `levels`."""
    trajectory = flow(float(log_alpha))
    if trajectory.status is Status.TIME_LIMIT:
        left()  # raises if the limit was ours, and not the flow's own
    if not trajectory.success:
        raise ValueError(
            f"flow({log_alpha:g}) ended with status {trajectory.status.value!r}, so its jump times "
            f"cannot be trusted: {trajectory.message}"
        )
    times = trajectory.crossing_times(levels)
    if np.isnan(times).any():
        missed = int(np.argmax(np.isnan(times)))
        raise ValueError(
            f"flow({log_alpha:g}) ends at scaled time {trajectory.until:g} before its loss falls "
            f"through {levels[missed]:g}, halfway down jump {missed + 1}; let it run longer, or "
            "check that path and flow belong to the same problem."
        )
    return times


def _extrapolate(h: Array, powers: Array, values: Array) -> tuple[Array, Array, Array]:
    """Return the value at h = 0, the slope there, and what the first h changes in the value.

    Parameters
    ----------
    h : ndarray of shape (m,)
        Decreasing and positive.
    powers : ndarray of shape (k,)
        Exponents of the terms, of which m − 1 at most are used.
    values : ndarray of shape (m, K)
        One column per quantity.
    """
    whole = _fitted(h, powers, values)
    less = _fitted(h[1:], powers, values[1:])
    return whole[0], whole[1], np.abs(whole[0] - less[0])


def _fitted(h: Array, powers: Array, values: Array) -> Array:
    """Return the coefficients (k + 1, K) of 1 and of the powers of h."""
    powers = np.append(0.0, powers[: len(h) - 1])
    terms = (h[:, None] / h[0]) ** powers
    return np.asarray((np.linalg.lstsq(terms, values)[0].T / h[0] ** powers).T)


def _fitted_order(h: Array, raw: Array, errors: Array) -> float:
    """Return the median over jumps of the slope of log `raw` (m, K) against log `h` (m,)."""
    resolved = (raw > RESOLVED * errors).all(axis=0)
    if not resolved.any():
        return math.nan
    slopes = np.polyfit(np.log(h), np.log(raw[:, resolved]), 1)[0]
    return float(np.median(slopes))
