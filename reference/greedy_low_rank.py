"""Greedy low-rank learning, verbatim: Algorithm 3 of Kunin et al. with its ε, η and T.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), Algorithm 3, after Li, Luo and
Lyu (2021, arXiv:2012.09839), Algorithm 1:

    r ← 0, W_0 ← 0, U_0(∞) ∈ R^{d×0}
    while λ_1(−∇L(W_r)) > 0:
        r ← r + 1
        u_r ← unit top eigenvector of −∇L(W_{r−1})
        U_r(0) ← [U_{r−1}(∞), √ε u_r]
        for t = 0, 1, ..., T:  U_r(t+1) ← U_r(t) − η ∇L(U_r(t))
        W_r ← U_r(∞) U_r(∞)ᵀ
    return the sequence of W_r

The gradient over the factor, ∇L(U), is that of ½ f(UUᵀ), which is ∇f(UUᵀ) U. What the page leaves
to the reader: λ_1 > 0 becomes λ_1 > `zero`, and U_r(∞) is U_r(T+1).

===============  ===========================================
code             symbol
===============  ===========================================
``gradient``     ∇f, from symmetric (d, d) to symmetric (d, d)
``epsilon``      ε, square of the new column's norm
``eta``          η, step
``T``            number of steps less one
===============  ===========================================
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def greedy_low_rank(
    gradient: Callable[[Floats], Floats],
    d: int,
    epsilon: float,
    eta: float,
    T: int,
    zero: float = 1e-6,
    max_rank: int | None = None,
) -> list[Floats]:
    """Return W_0, W_1, ..., each (d, d).

    Parameters
    ----------
    gradient
        ∇f on symmetric matrices.
    d
        Size of W.
    epsilon, eta, T
        Perturbation, step and number of iterations.
    zero
        Eigenvalue at which the loop ends.
    max_rank
        Stop at this rank.
    """
    U = np.zeros((d, 0))
    Ws = [np.zeros((d, d))]
    while max_rank is None or U.shape[1] < max_rank:
        eigenvalues, eigenvectors = np.linalg.eigh(-gradient(Ws[-1]))
        if not eigenvalues[-1] > zero:
            break
        U = np.column_stack([U, np.sqrt(epsilon) * eigenvectors[:, -1]])
        for _ in range(T + 1):
            U = U - eta * gradient(U @ U.T) @ U
        Ws.append(U @ U.T)
    return Ws


def gradient_descent(
    gradient: Callable[[Floats], Floats], U: Floats, eta: float, steps: int, every: int
) -> tuple[Floats, Floats]:
    """Descend on ½ f(UUᵀ) in float64; return times (m,) and W (m, d, d) at every `every`-th step.

    Wrong from initial scales of about 1e-16: what the dormant directions know is then lost in the
    rounding of the active ones.
    """
    times, Ws = [], []
    for step in range(steps + 1):
        if step % every == 0:
            times.append(eta * step)
            Ws.append(U @ U.T)
        U = U - eta * gradient(U @ U.T) @ U
    return np.array(times), np.array(Ws)


def flow_in_multiple_precision(
    M: Floats, mask: Floats, U: Floats, log_alpha: float, step: float, steps: int, digits: int = 60
) -> list[Floats]:
    """Follow U' = −(mask ∘ (UUᵀ − M)) U from α U by Runge–Kutta in mpmath; W after every step.

    For d up to 4 or so. `digits` must exceed 2 log(1/α)/log(10) by the digits that are wanted.
    """
    from mpmath import mp, mpf

    d, r = U.shape
    with mp.workdps(digits):
        target = [[mpf(float(M[i, j])) for j in range(d)] for i in range(d)]
        seen = [[bool(mask[i, j]) for j in range(d)] for i in range(d)]
        V = [[mp.exp(mpf(log_alpha)) * mpf(float(U[i, k])) for k in range(r)] for i in range(d)]

        def product(V: list[list[mpf]]) -> list[list[mpf]]:
            return [[mp.fdot(V[i], V[j]) for j in range(d)] for i in range(d)]

        def velocity(V: list[list[mpf]]) -> list[list[mpf]]:
            W = product(V)
            pull = [
                [target[i][j] - W[i][j] if seen[i][j] else mpf(0) for j in range(d)]
                for i in range(d)
            ]
            return [
                [mp.fdot(pull[i], [V[j][k] for j in range(d)]) for k in range(r)] for i in range(d)
            ]

        def moved(V: list[list[mpf]], h: mpf, D: list[list[mpf]]) -> list[list[mpf]]:
            return [[V[i][k] + h * D[i][k] for k in range(r)] for i in range(d)]

        h, Ws = mpf(step), []
        for _ in range(steps):
            k1 = velocity(V)
            k2 = velocity(moved(V, h / 2, k1))
            k3 = velocity(moved(V, h / 2, k2))
            k4 = velocity(moved(V, h, k3))
            for i in range(d):
                for k in range(r):
                    V[i][k] += h / 6 * (k1[i][k] + 2 * k2[i][k] + 2 * k3[i][k] + k4[i][k])
            Ws.append(np.array(product(V), dtype=float))
    return Ws
