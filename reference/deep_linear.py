"""Deep linear networks: the flow of all weights by a plain integrator, and closed forms.

Saxe, McClelland and Ganguli (2014, arXiv:1312.6120): W_j' = −(W_L…W_{j+1})ᵀ ∇f(W) (W_{j−1}…W_1)ᵀ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

Array = NDArray[np.float64]


def product(layers: Sequence[Array]) -> Array:
    """Return W_L…W_1."""
    return np.asarray(reduce(lambda low, high: high @ low, layers))


def crossing_times(
    gradient: Callable[[Array], Array],
    value: Callable[[Array], float],
    init: Sequence[Array],
    alpha: float,
    levels: Sequence[float],
    until: float,
) -> list[float]:
    """Return the times t α^{L−2} at which f falls through each level, NaN where it does not.

    Parameters
    ----------
    gradient, value : callable
        ∇f(W) and f(W).
    init : sequence of arrays
        Layers over α, from the input on.
    alpha : float
        The initial scale.
    levels : sequence of float
        Values of f.
    until : float
        The last scaled time.
    """
    followed, layers = _flow(gradient, init, alpha)
    events = [lambda t, y, level=level: value(product(layers(y))) - level for level in levels]
    found = followed(until, events)
    return [float(times[0]) if times.size else float("nan") for times in found.t_events]


def end(
    gradient: Callable[[Array], Array], init: Sequence[Array], alpha: float, until: float
) -> Array:
    """Return W at the scaled time `until`, from layers α·init."""
    followed, layers = _flow(gradient, init, alpha)
    return product(layers(followed(until).y[:, -1]))


def _flow(
    gradient: Callable[[Array], Array], init: Sequence[Array], alpha: float
) -> tuple[Callable[..., Any], Callable[[Array], list[Array]]]:
    """Return how to follow the flow in the time t α^{L−2}, and the layers in its coordinates."""
    depth, shapes = len(init), [layer.shape for layer in init]
    ends = np.cumsum([0] + [layer.size for layer in init])

    def layers(y: Array) -> list[Array]:
        return [
            y[low:high].reshape(shape)
            for low, high, shape in zip(ends, ends[1:], shapes, strict=False)
        ]

    def velocity(_: float, y: Array) -> Array:
        W = layers(y)
        G = -gradient(product(W))
        moved = []
        for j in range(depth):
            above = product(W[j + 1 :]) if j + 1 < depth else np.eye(shapes[-1][0])
            below = product(W[:j]) if j else np.eye(shapes[0][1])
            moved.append((above.T @ G @ below.T).ravel())
        return alpha ** (2 - depth) * np.concatenate(moved)

    def followed(until: float, events: Any = None) -> Any:
        start = alpha * np.concatenate([layer.ravel() for layer in init])
        return solve_ivp(
            velocity, (0, until), start, "LSODA", rtol=1e-12, atol=1e-14 * alpha, events=events
        )

    return followed, layers


def identity_start(rates: Sequence[float], depth: int) -> list[float]:
    """Return the scaled jump times of commuting modes from the identity, 1/((L − 2) σ)."""
    return sorted(1 / ((depth - 2) * rate) for rate in rates if rate > 0)


def reduced_rank(sigma_xx: Array, sigma_yx: Array, rank: int) -> Array:
    """Return P_k Σyx Σxx⁻¹, the best map of rank k."""
    best = sigma_yx @ np.linalg.inv(sigma_xx)
    values, vectors = np.linalg.eigh(best @ sigma_yx.T)
    top = vectors[:, np.argsort(values)[::-1][:rank]]
    return np.asarray(top @ top.T @ best)
