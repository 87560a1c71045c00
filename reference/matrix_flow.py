"""Plain gradient flow of a symmetric matrix factorisation in its own weights.

The setting of Li, Luo and Lyu (ICLR 2021, arXiv:2012.09839): W = UUᵀ, U' = −∇f(UUᵀ) U, U(0) = α G.
Two integrators of nothing but that: the classical Runge–Kutta method in float64, and Taylor series
in multiple precision for α that float64 cannot follow.

=================  ==============================================================
code               symbol
=================  ==============================================================
``U``              the weights, (d, H)
``start``          G
``gradient(W)``    ∇f(W), a callable from (d, d) to (d, d)
``log_alpha``      log α < 0
``scaled_times``   τ = t / log(1/α), t the physical time
``step``           largest step of physical time
``P[k]``, ``A[k]`` Taylor coefficients of P and of −∇f(W), see `_propagator`
=================  ==============================================================

In float64 all columns of U turn to the direction that grows fastest, and the others survive in
their differences, which rounding destroys: keep log α above −15 or so, and the flow short.
"""

from collections.abc import Callable
from math import ceil, exp, inf, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Gradient = Callable[[Any], Any]
Fixed = Any  # an array of Python integers, each 2^bits times a number


def runge_kutta(
    gradient: Gradient,
    start: ArrayLike,
    log_alpha: float,
    scaled_times: ArrayLike,
    step: float,
) -> Floats:
    """Integrate the flow by the classical fourth-order Runge–Kutta method.

    Parameters
    ----------
    gradient : callable
        ∇f.
    start : (d, H)
        G.
    log_alpha : float
        Logarithm of the initial scale α.
    scaled_times : (m,)
        Increasing scaled times at which to sample.
    step : float
        Largest step; the one taken divides the time to the next sample evenly.

    Returns
    -------
    (m, d, d)
        W at the requested times.
    """

    def velocity(U: Floats) -> Floats:
        return np.asarray(-gradient(U @ U.T) @ U)

    U = np.exp(log_alpha) * np.asarray(start, float)
    now, samples = 0.0, []
    for end in (-log_alpha * np.asarray(scaled_times, float)).tolist():
        count = ceil((end - now) / step)
        for _ in range(count):
            h = (end - now) / count
            k1 = velocity(U)
            k2 = velocity(U + h / 2 * k1)
            k3 = velocity(U + h / 2 * k2)
            k4 = velocity(U + h * k3)
            U = U + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        now = end
        samples.append(U @ U.T)
    return np.array(samples)


def mpmath_flow(
    gradient: Gradient,
    start: ArrayLike,
    log_alpha: float,
    scaled_times: ArrayLike,
    *,
    digits: int | None = None,
    order: int = 24,
    tolerance: float = 1e-15,
) -> Floats:
    """Integrate the flow by its Taylor series with adaptive step, in multiple precision.

    A step is U(t + h) = P(h) U(t), where P' = A P, P(0) = 1 and A(h) = −∇f(P(h) W(t) P(h)ᵀ).
    Cutting the series of P, rather than that of U, makes an error that is relative along every
    direction, however small U is along it; so the digits must be many and the tolerance need not
    be small.

    Parameters
    ----------
    gradient : callable
        ∇f of a quadratic f, hence affine in W, its coefficients of order one; it must work on
        arrays of mpmath numbers (dtype object), as numpy's arithmetic does.
    start, log_alpha, scaled_times
        As for `runge_kutta`.
    digits : int, optional
        Decimal digits behind the point; by default 2 log10(1/α) + 30, at least 50.
    order : int
        Terms of the series.
    tolerance : float
        Bound on the last two terms of the series of P.

    Returns
    -------
    (m, d, d)
        W at the requested times, rounded to float64.
    """
    import mpmath

    with mpmath.workdps(digits or max(50, ceil(-2 * log_alpha / log(10)) + 30)):
        bits = mpmath.mp.prec
        number = np.vectorize(mpmath.mpf, otypes=[object])
        fixed = np.vectorize(lambda x: int(mpmath.ldexp(x, bits)), otypes=[object])
        G = number(np.asarray(start, float))
        origin = gradient(number(np.zeros((len(G), len(G)))))
        units = number(np.eye(len(G) ** 2).reshape(-1, len(G), len(G)))
        slopes = fixed(np.stack([gradient(unit) - origin for unit in units], axis=-1))
        constant, U = fixed(origin), fixed(G * mpmath.exp(log_alpha))
        ends = fixed(-mpmath.mpf(log_alpha) * number(np.asarray(scaled_times, float)))

    now, samples, ahead = 0, [], list(ends)
    while ahead:
        P = _propagator(constant, slopes, U, order, bits)
        h = int(_trust(P, tolerance, bits) * 2**bits)
        while ahead and ahead[0] <= now + h:
            there = _sum(P, ahead.pop(0) - now, bits) @ U >> bits
            samples.append((there @ there.T >> bits) / 2**bits)
        now, U = now + h, _sum(P, h, bits) @ U >> bits
    return np.array(samples).astype(float)


def _propagator(constant: Fixed, slopes: Fixed, U: Fixed, order: int, bits: int) -> list[Fixed]:
    """Taylor coefficients of P, lowest first, by comparing powers of h.

    (k+1) P_{k+1} = Σ_j A_j P_{k−j},  (k+1) W_{k+1} = Σ_j A_j W_{k−j} + its transpose,
    A_k = −∇f(W_k) + [k > 0] ∇f(0).
    """
    d = len(U)
    A, P, W = [], [np.eye(d, dtype=int).astype(object) << bits], [U @ U.T >> bits]
    for k in range(order):
        A.append(-(slopes @ W[k].ravel() >> bits) - (constant if k == 0 else 0))
        both = np.hstack([np.vstack(P[::-1]), np.vstack(W[::-1])])
        sums = (np.hstack(A) @ both >> bits) // (k + 1)
        P.append(sums[:, :d])
        W.append(sums[:, d:] + sums[:, d:].T)
    return P


def _sum(P: list[Fixed], h: int, bits: int) -> Fixed:
    """P(h) = Σ_k P_k h^k, by Horner's scheme."""
    total = P[-1]
    for term in P[-2::-1]:
        total = (total * h >> bits) + term
    return total


def _trust(P: list[Fixed], tolerance: float, bits: int) -> float:
    """Longest step at which the last two terms of P stay below the tolerance."""
    longest = inf
    for k in (len(P) - 2, len(P) - 1):
        if term := max(abs(entry) for entry in P[k].ravel()):
            longest = min(longest, exp((log(tolerance) + bits * log(2) - log(term)) / k))
    return longest
