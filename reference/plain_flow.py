"""Gradient flow θ' = −∇L of neurons in the weights themselves, by a stiff solver of scipy.

Nothing but the loss and its derivatives is used: no norms and directions, no plateaus, no jumps. It
serves small networks from moderate scales α, at which float64 holds dormant weights beside active
ones.

=================  ==========================================================================
code               symbol
=================  ==========================================================================
``times``          τ = t α^(κ−2), scaled times of the steps of the solver
``forces``         |∇L|² = −dL/dt
``unit``           α^(2−κ) = t/τ
=================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq

__all__ = ["Trajectory", "follow"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectory:
    """Weights (m, H, p), losses (m,) and forces (m,) at scaled times (m,)."""

    times: Floats
    weights: Floats
    losses: Floats
    forces: Floats
    unit: float

    def passes(self, level: float) -> float:
        """Return when the loss first falls to `level`, infinity if it has not."""
        if not (self.losses <= level).any():
            return np.inf
        k = int((self.losses <= level).argmax())
        ends = slice(k - 1, k + 1)
        slopes = -self.unit * self.forces[ends]
        left = CubicHermiteSpline(self.times[ends], self.losses[ends] - level, slopes)
        return float(brentq(left, *self.times[ends], xtol=1e-12))

    def bottom(self, begin: float, end: float) -> float:
        """Return the loss where the force is least between two times: on the plateau there."""
        return float(self.losses[self.rest(begin, end)])

    def rest(self, begin: float, end: float) -> int:
        """Return the step at which the force is least between two times."""
        inside = np.flatnonzero((self.times >= begin) & (self.times <= end))
        return int(inside[self.forces[inside].argmin()])


def follow(
    loss: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    hessian: Callable[[Floats], Floats] | None,
    init: Floats,
    *,
    alpha: float,
    degree: int,
    until: float,
    enough: float = 0.0,
    rtol: float = 1e-7,
    method: Any = "LSODA",
    **options: Any,
) -> Trajectory:
    """Follow α · `init` (H, p) to the scaled time `until`, or until the loss is `enough`.

    The loss and its gradient (H, p) take weights (H, p); its second derivatives (Hp, Hp) are for
    methods with implicit steps. A method and its options are those of `solve_ivp`.
    """
    unit = alpha ** (2 - degree)

    def left(_: float, y: Floats) -> float:
        return loss(y.reshape(init.shape)) - enough

    stop: Any = left
    stop.terminal = True
    found = solve_ivp(
        lambda _, y: -gradient(y.reshape(init.shape)).ravel(),
        (0.0, until * unit),
        alpha * init.ravel(),
        events=stop,
        rtol=rtol,
        atol=alpha * rtol / 100,
        method=method,
        jac=None if hessian is None else lambda _, y: -hessian(y.reshape(init.shape)),
        **options,
    )
    if found.status < 0:
        raise RuntimeError(found.message)
    weights = found.y.T.reshape(-1, *init.shape)
    return Trajectory(
        times=found.t / unit,
        weights=weights,
        losses=np.array([loss(theta) for theta in weights]),
        forces=np.array([np.sum(gradient(theta) ** 2) for theta in weights]),
        unit=unit,
    )
