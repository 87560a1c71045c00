"""Plain gradient descent and gradient flow of a diagonal linear network in its own weights.

The network of Pesme & Flammarion (2023, arXiv:2304.00488) and of Kunin et al. (2025,
arXiv:2506.06489, section on diagonal linear networks): f(x) = x·(u⊙v), loss
L = 1/(2n) |y − X(u⊙v)|², u(0) = α·1, v(0) = 0, flow θ' = −∇L. Four integrators of nothing but
that: gradient descent, the same by automatic differentiation, the classical Runge–Kutta
method, and Taylor series in multiple precision for α that float64 cannot follow.

=================  ==============================================================
code               symbol
=================  ==============================================================
``u``, ``v``       the weights, β = u⊙v
``g``              −∇_β L = Xᵀ(y − Xβ) / n, so that u' = g⊙v and v' = g⊙u
``log_alpha``      log α < 0
``scaled_times``   τ = t / log(1/α), t the physical time
``step``           largest step of physical time (learning rate of the descent)
=================  ==============================================================

In float64 keep log α above −15 or so. A coefficient that falls to zero and leaves with the other
sign exchanges the roles of u + v and u − v, and u² − v² = α² (conserved) is lost to rounding beside
u² of order one when α² is near 1e-16: the flow then waits at that saddle for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, log
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Series = list[Any]  # of mpmath numbers, which have no static type


@dataclass(frozen=True)
class Samples:
    """What an integrator saw at the requested times.

    Attributes
    ----------
    times : (m,)
        Physical times t.
    scaled_times : (m,)
        τ = t / log(1/α).
    betas : (m, d)
        β = u⊙v there.
    """

    times: Floats
    scaled_times: Floats
    betas: Floats


def gradient_descent(
    X: ArrayLike, y: ArrayLike, log_alpha: float, scaled_times: ArrayLike, step: float
) -> Samples:
    """Descend with a fixed small step: θ ← θ − h ∇L(θ).

    Parameters
    ----------
    X : (n, d)
        Data.
    y : (n,)
        Targets.
    log_alpha : float
        Logarithm of the initial scale α.
    scaled_times : (m,)
        Increasing scaled times at which to sample.
    step : float
        Largest learning rate; h is the largest one not above it that divides the time to the next
        sample evenly, so that samples fall on whole steps.

    Returns
    -------
    Samples
    """
    velocity = _velocity(X, y)
    return _march(lambda theta, h: theta + h * velocity(theta), X, log_alpha, scaled_times, step)


def runge_kutta(
    X: ArrayLike, y: ArrayLike, log_alpha: float, scaled_times: ArrayLike, step: float
) -> Samples:
    """Integrate the flow by the classical fourth-order Runge–Kutta method.

    Parameters and result are those of `gradient_descent`.
    """
    velocity = _velocity(X, y)

    def advance(theta: Floats, h: float) -> Floats:
        k1 = velocity(theta)
        k2 = velocity(theta + h / 2 * k1)
        k3 = velocity(theta + h / 2 * k2)
        k4 = velocity(theta + h * k3)
        return theta + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return _march(advance, X, log_alpha, scaled_times, step)


def torch_gradient_descent(
    X: ArrayLike, y: ArrayLike, log_alpha: float, scaled_times: ArrayLike, step: float
) -> Samples:
    """Descend as `gradient_descent` does, with the gradient of the loss left to torch.

    Parameters and result are those of `gradient_descent`; the arithmetic is float64.
    """
    import torch

    data = torch.tensor(np.asarray(X, float))
    target = torch.tensor(np.asarray(y, float))

    def advance(theta: Floats, h: float) -> Floats:
        u, v = (torch.tensor(weight, requires_grad=True) for weight in theta)
        loss = ((target - data @ (u * v)) ** 2).mean() / 2
        loss.backward()
        return theta - h * np.stack([u.grad.numpy(), v.grad.numpy()])

    return _march(advance, X, log_alpha, scaled_times, step)


def mpmath_flow(
    X: ArrayLike,
    y: ArrayLike,
    log_alpha: float,
    scaled_times: ArrayLike,
    *,
    digits: int | None = None,
    order: int = 30,
    tolerance: float = 1e-20,
) -> Samples:
    """Integrate the flow by its Taylor series with adaptive step, in multiple precision.

    Parameters
    ----------
    X, y, log_alpha, scaled_times
        As for `gradient_descent`.
    digits : int, optional
        Decimal digits of the arithmetic; by default 2 log10(1/α) + 30, since u² − v² = α² must
        survive beside u² of order one.
    order : int
        Terms of the series.
    tolerance : float
        Bound on the last two terms of the series, relative to the weights (u_i, v_i) of each
        coordinate.

    Returns
    -------
    Samples
        Rounded to float64.
    """
    import mpmath

    scaled = np.asarray(scaled_times, float)
    with mpmath.workdps(digits or ceil(-2 * log_alpha / log(10)) + 30):
        data = [[mpmath.mpf(x) for x in row] for row in np.asarray(X, float).tolist()]
        target = [mpmath.mpf(b) for b in np.asarray(y, float).tolist()]
        u, v = [mpmath.exp(log_alpha)] * len(data[0]), [mpmath.mpf(0)] * len(data[0])
        now, betas = mpmath.mpf(0), []
        for tau in scaled.tolist():
            end = mpmath.mpf(tau) * -log_alpha
            while now < end:
                U, V = _taylor(data, target, u, v, order)
                h = min(end - now, _trust(U, V, tolerance))
                now += h
                u = [mpmath.polyval(series[::-1], h) for series in U]
                v = [mpmath.polyval(series[::-1], h) for series in V]
            betas.append([float(a * b) for a, b in zip(u, v, strict=True)])
    return Samples(-log_alpha * scaled, scaled, np.array(betas))


def _velocity(X: ArrayLike, y: ArrayLike) -> Callable[[Floats], Floats]:
    """θ' as a function of θ = (u, v), an array (2, d)."""
    data, target = np.asarray(X, float), np.asarray(y, float)

    def velocity(theta: Floats) -> Floats:
        u, v = theta
        g = data.T @ (target - data @ (u * v)) / len(target)
        return np.stack([g * v, g * u])

    return velocity


def _march(
    advance: Callable[[Floats, float], Floats],
    X: ArrayLike,
    log_alpha: float,
    scaled_times: ArrayLike,
    step: float,
) -> Samples:
    """Repeat ``advance(theta, h)`` from the initial weights, in equal steps between samples."""
    d = np.asarray(X).shape[1]
    theta = np.stack([np.full(d, np.exp(log_alpha)), np.zeros(d)])
    scaled = np.asarray(scaled_times, float)
    times = -log_alpha * scaled
    now, betas = 0.0, []
    for end in times.tolist():
        count = ceil((end - now) / step)
        for _ in range(count):
            theta = advance(theta, (end - now) / count)
        now = end
        betas.append(theta[0] * theta[1])
    return Samples(times, scaled, np.array(betas))


def _taylor(
    data: list[Series], target: Series, u: Series, v: Series, order: int
) -> tuple[list[Series], list[Series]]:
    """Taylor coefficients of u(t) and v(t), lowest first, by comparing powers of t.

    (k+1) u_{k+1} = Σ_j g_j v_{k−j} and likewise for v, where β_k = Σ_j u_j v_{k−j} and
    g_k = Xᵀ([k = 0] y − Xβ_k) / n.
    """
    import mpmath

    U, V = [[a] for a in u], [[b] for b in v]
    G: list[Series] = [[] for _ in u]
    for k in range(order):
        beta = [mpmath.fdot(a, b[::-1]) for a, b in zip(U, V, strict=True)]
        residual = [
            (b if k == 0 else 0) - mpmath.fdot(x, beta) for x, b in zip(data, target, strict=True)
        ]
        for column, g, a, b in zip(zip(*data, strict=True), G, U, V, strict=True):
            g.append(mpmath.fdot(column, residual) / len(target))
            next_a, next_b = mpmath.fdot(g, b[::-1]), mpmath.fdot(g, a[::-1])
            a.append(next_a / (k + 1))
            b.append(next_b / (k + 1))
    return U, V


def _trust(U: list[Series], V: list[Series], tolerance: float) -> Any:
    """Longest step at which the last two terms stay below the tolerance, for every coordinate.

    The bound is on (u_i, v_i), though u − v may be far smaller: since (u ± v)' = ±g (u ± v), and
    truncating a series respects sums and differences, each keeps a relative error of that size.
    """
    import mpmath

    longest = mpmath.inf
    for a, b in zip(U, V, strict=True):
        size = abs(a[0]) + abs(b[0])
        for k in (len(a) - 2, len(a) - 1):
            term = abs(a[k]) + abs(b[k])
            if term:
                longest = min(longest, mpmath.root(tolerance * size / term, k))
    return longest
