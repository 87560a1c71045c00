"""An explicit step of many independent equations at once, each of its own length.

The method is scipy's DOP853 (Hairer, Nørsett and Wanner, "Solving Ordinary Differential
Equations I", 1993, section II.10), from whose tables its coefficients come.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``velocity``     t (D,), y (D, m) -> dy/dt (D, m)
``size``         h, the lengths of the steps, (D,)
``stages``       k₁, k₂, …, (s, D, m)
===============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from saddles.typing import Array

__all__ = ["curves", "step"]

Velocity = Callable[[Array, Array], Array]


def step(
    velocity: Velocity,
    t: Array,
    y: Array,
    rates: Array,
    size: Array,
    rtol: float,
    atol: float | Array,
) -> tuple[Array, Array, Array, Array]:
    """Return y at t + h, the `rates` dy/dt there, which steps are good, and the next lengths.

    The error of a component is at most `atol` + `rtol` |y|.
    """
    from scipy.integrate._ivp.rk import MAX_FACTOR, MIN_FACTOR, SAFETY

    method = _method()
    stages, new = _stages(velocity, t, y, rates, size)
    scale = atol + rtol * np.maximum(np.abs(y), np.abs(new))
    fifth, third = (
        np.sum((np.tensordot(weights, stages, 1) / scale) ** 2, axis=1)
        for weights in (method.E5, method.E3)
    )
    bound = np.sqrt((fifth + 0.01 * third) * y.shape[1])
    error = size * np.divide(fifth, bound, out=np.zeros_like(bound), where=bound > 0)
    good = error <= 1
    with np.errstate(divide="ignore"):
        factor = np.clip(
            SAFETY * error ** (-1 / (1 + method.error_estimator_order)), MIN_FACTOR, MAX_FACTOR
        )
    return new, stages[-1], good, size * np.where(np.isfinite(error), factor, MIN_FACTOR)


def curves(velocity: Velocity, t: Array, y: Array, size: Array) -> list[Callable[[float], Array]]:
    """Return t -> y (m,) within each of the steps from `t` (D,)."""
    method = _method()
    stages, new = _stages(velocity, t, y, velocity(t, y), size)
    for row, share in zip(method.A_EXTRA, method.C_EXTRA, strict=True):
        place = y + size[:, None] * np.tensordot(row[: len(stages)], stages, 1)
        stages = np.concatenate([stages, velocity(t + share * size, place)[None]])
    h, moved, end = size[:, None], new - y, method.n_stages
    first = h * stages[0] - moved
    last = 2 * moved - h * (stages[end] + stages[0])
    terms = np.concatenate([[moved, first, last], h * np.tensordot(method.D, stages, 1)])

    def curve(k: int) -> Callable[[float], Array]:
        def at(time: float) -> Array:
            x, value = (time - t[k]) / size[k], np.zeros(y.shape[1])
            for i, term in enumerate(reversed(terms[:, k])):
                value = (value + term) * (1 - x if i % 2 else x)
            return np.asarray(y[k] + value)

        return at

    return [curve(k) for k in range(len(y))]


def _stages(
    velocity: Velocity, t: Array, y: Array, rates: Array, size: Array
) -> tuple[Array, Array]:
    """Return the stages, that at the end of the step included, and y at its end."""
    method, h = _method(), size[:, None]
    stages = np.empty((method.n_stages + 1, *y.shape))
    stages[0] = rates
    for s in range(1, method.n_stages):
        place = y + h * np.tensordot(method.A[s, :s], stages[:s], 1)
        stages[s] = velocity(t + method.C[s] * size, place)
    new = y + h * np.tensordot(method.B, stages[:-1], 1)
    stages[-1] = velocity(t + size, new)
    return stages, new


def _method() -> Any:
    from scipy.integrate import DOP853

    return DOP853
