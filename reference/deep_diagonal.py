"""Diagonal linear networks of depth D ≥ 3 by plain quadrature and plain integration.

β_i = Π_j w_ij, w_ij(0) = α a_ij, gradient flow on L = |y − Xβ|²/(2n). w_ij² − w_ik² is conserved
(arXiv:2607.12332), so that the smallest weight z of a coordinate, over α, moves by
dz/dS = Π_j (z² + b_j² − b_1²)^½, b_j the other sizes |a_j|, while S = ∫ Xᵀ(y − Xβ)/n dτ runs. A
mode of a deep linear network that starts aligned has a' = a^{L−1}(σ − γ a^L) in each layer (Saxe et
al. 2014, arXiv:1312.6120).

==============  ================================================================
code            symbol
==============  ================================================================
``init``        a, shape (D,) or (D, d)
``alpha``       α
``times``       physical times t
==============  ================================================================
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Digits of the arithmetic of quadratures.
DIGITS = 20


def boundaries(init: ArrayLike) -> tuple[float, float]:
    """Return t⁺ and t⁻ of one coordinate: where z reaches infinity, by quadrature.

    Parameters
    ----------
    init : (D,)
        Initial weights over α, the two smallest of different sizes.
    """
    import mpmath

    weights = [mpmath.mpf(float(a)) for a in np.ravel(init)]
    with mpmath.workdps(DIGITS):
        sizes = sorted(abs(a) for a in weights)
        spreads = [mpmath.sqrt((b - sizes[0]) * (b + sizes[0])) for b in sizes[1:]]

        # z = μ_2 sinh v, so that dz over the first factor is dv.
        def integrand(v: Any) -> Any:
            z = spreads[0] * mpmath.sinh(v)
            return 1 / mpmath.fprod(mpmath.hypot(z, spread) for spread in spreads[1:])

        first = mpmath.asinh(sizes[0] / spreads[0])
        # Beyond the largest spread it falls like e^{−(D−2)v}.
        last = mpmath.asinh(spreads[-1] / spreads[0]) + 60 / mpmath.mpf(len(sizes) - 2)
        near = mpmath.quad(integrand, mpmath.linspace(first, last, 9))
        far = near + 2 * mpmath.quad(integrand, [0, first])
    turned = sum(a < 0 for a in weights) % 2
    return (float(far), float(near)) if turned else (float(near), float(far))


def product_flow(
    X: ArrayLike, y: ArrayLike, init: ArrayLike, alpha: float, times: ArrayLike
) -> Floats:
    """Integrate every weight of Π_j w_j by itself; return β at the times, shape (m, d).

    Parameters
    ----------
    X : (n, d)
    y : (n,)
    init : (D, d)
    alpha : float
    times : (m,)
        Increasing physical times.
    """
    data, target, start = np.asarray(X, float), np.asarray(y, float), np.asarray(init, float)

    def velocity(_: float, flat: Floats) -> Floats:
        w = flat.reshape(start.shape)
        gradient = data.T @ (target - data @ w.prod(axis=0)) / target.size
        others = [np.delete(w, j, axis=0).prod(axis=0) for j in range(len(w))]
        return np.ravel(gradient * np.array(others))

    w = _integrated(velocity, alpha * start.ravel(), times).reshape(-1, *start.shape)
    return np.asarray(w.prod(axis=1))


def difference_flow(
    X: ArrayLike, y: ArrayLike, init: ArrayLike, depth: int, alpha: float, times: ArrayLike
) -> Floats:
    """Integrate u and v of u^D − v^D, from `init` (2, d) times α; as `product_flow`."""
    data, target, start = np.asarray(X, float), np.asarray(y, float), np.asarray(init, float)

    def velocity(_: float, flat: Floats) -> Floats:
        u, v = flat.reshape(start.shape)
        gradient = data.T @ (target - data @ (u**depth - v**depth)) / target.size
        return depth * np.concatenate([u ** (depth - 1) * gradient, -(v ** (depth - 1)) * gradient])

    w = _integrated(velocity, alpha * start.ravel(), times).reshape(-1, *start.shape)
    u, v = w[:, 0], w[:, 1]
    return np.asarray(u**depth - v**depth)


def _integrated(velocity: Any, start: Floats, times: ArrayLike) -> Floats:
    from scipy.integrate import solve_ivp

    ends = np.asarray(times, float)
    size = float(np.abs(start).max())
    run = solve_ivp(velocity, (0, ends[-1]), start, "DOP853", ends, rtol=1e-11, atol=1e-14 * size)
    return np.asarray(run.y.T)


def mode_time(depth: int, rate: float, curvature: float, first: float, share: float) -> float:
    """Return the time in which a layer's size grows from `first` to a mode of share·σ/γ.

    a' = a^{L−1}(σ − γ a^L), in v = log a.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        top = mpmath.log(mpmath.mpf(share) * rate / curvature) / depth

        def integrand(v: Any) -> Any:
            return mpmath.exp((2 - depth) * v) / (rate - curvature * mpmath.exp(depth * v))

        return float(mpmath.quad(integrand, mpmath.linspace(mpmath.log(first), top, 12)))


def first_constant(depth: int, gradient: float, size: float) -> float:
    """Return lim (T_1(α) − T_1)/α^{D−2}, T_1(α) being when half of the first drop is done.

    Of a coordinate that is alone in its jump, has the given gradient at 0, and comes to β = `size`.
    Its smallest weight runs along a' = g a^{D−1}(1 − (a/A)^D), A^D = β. The loss has dropped by
    half at a^D = (1 − 2^{−½})β. Of the time from a = 0 on, what the limit counts is taken off.
    """
    import mpmath

    with mpmath.workdps(DIGITS):
        end = (1 - 1 / mpmath.sqrt(2)) ** (mpmath.mpf(1) / depth)
        late = mpmath.quad(lambda u: u / (1 - u**depth), [0, end])
        scale = mpmath.mpf(size) ** (mpmath.mpf(2 - depth) / depth) / gradient
        return float(scale * (late - end ** (2 - depth) / (depth - 2)))
