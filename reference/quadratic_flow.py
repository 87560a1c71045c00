"""The flow of a three-layer quadratic network f = w_3·(W_2 (W_1 x)²)² by a plain integrator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Array = NDArray[np.float64]


def staircase(
    X: Array,
    Y: Array,
    init: Array,
    widths: tuple[int, int, int],
    alpha: float,
    levels: Sequence[float] | Array,
    until: float,
) -> tuple[Array, Array]:
    """Return when the loss |Y − f(X)|²/(2n) falls through levels, and it between two such times.

    Parameters
    ----------
    X, Y : ndarray of shape (n, d) and (n,)
        Data.
    init : ndarray of shape (p,)
        Weights over α: W_1, W_2, w_3.
    widths : tuple of int
        Inputs d and the widths of both hidden layers.
    alpha : float
        The initial scale.
    levels : sequence of K floats
        Losses, falling.
    until : float
        The last time.

    Returns
    -------
    ndarray of shape (K,), ndarray of shape (K,)
        Times, NaN where the loss does not fall so far, and the loss halfway before each.
    """
    d, hidden, outer = widths
    cuts = [hidden * d, hidden * (d + outer)]

    def parts(theta: Array) -> tuple[Array, Array, Array]:
        W1, W2, w3 = np.split(theta, cuts)
        return W1.reshape(hidden, d), W2.reshape(outer, hidden), w3

    def residual(theta: Array) -> Array:
        W1, W2, w3 = parts(theta)
        return np.asarray(Y - ((X @ W1.T) ** 2 @ W2.T) ** 2 @ w3)

    def loss(theta: Array) -> float:
        return float(np.mean(residual(theta) ** 2) / 2)

    def velocity(_: float, theta: Array) -> Array:
        W1, W2, w3 = parts(theta)
        below = X @ W1.T
        squares = below**2
        above = squares @ W2.T
        r = residual(theta) / len(Y)
        back = 2 * (r[:, None] * w3) * above
        first = 2 * (back @ W2) * below
        return np.concatenate([(first.T @ X).ravel(), (back.T @ squares).ravel(), r @ above**2])

    events = [lambda t, y, level=level: loss(y) - level for level in levels]
    found = solve_ivp(
        velocity,
        (0, until),
        alpha * init,
        "LSODA",
        rtol=1e-10,
        atol=1e-12 * alpha,
        events=events,
        dense_output=True,
    )
    times = np.array([t[0] if t.size else np.nan for t in found.t_events])
    middles = (np.append(0.0, times[:-1]) + times) / 2
    return times, np.array([loss(found.sol(t)) if t == t else np.nan for t in middles])
