"""Following a trajectory in coordinates in which nothing is exponentially small.

LSODA switches between Adams (jumps: smooth, explosive) and BDF (plateaus: stiff) by itself. Log
scales are of size log(1/α) and known to a few ulp, all else is of order one, so that one absolute
tolerance serves every α.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``pace``         |F| near the start: the integrator's time is pace · t
``speed``        integrator's time per unit of scaled time, pace · log(1/α)
``logs``         l, the log scales among the coordinates
===============  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from saddles._numerics.ends import Outlook
from saddles._numerics.precision import ULPS
from saddles._numerics.stepping import Ending, Equation, Integration, Pieces, Tolerances, nodes
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles._result.remaining import NOTHING, UNKNOWN, Remaining, left_by
from saddles.flow._inputs import STEP_SHARE
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__: list[str] = []

#: Steps per coordinate before giving up. At most 50 are usual at the default tolerance.
STEPS_PER_COORDINATE = 5000

#: Steps between two looks at the gradient; a converged flow takes large steps, so few are wasted.
STEPS_PER_LOOK = 8


class Coordinates(Protocol):
    """A gradient flow in some coordinates, packed into one vector."""

    @property
    def scale(self) -> float:
        """Return log(1/α)."""

    @property
    def pace(self) -> float:
        """Return |F| near the start, 0 if nothing moves."""

    @property
    def start(self) -> Array:
        """Return the packed coordinates at the start."""

    @property
    def logs(self) -> Any:
        """Return the places of the log scales in the packed vector."""

    def velocity(self, time: float, state: Array, /) -> Array:
        """Return the derivatives of all coordinates in the integrator's time."""

    def jacobian(self, time: float, state: Array, /) -> Array:
        """Return the derivatives of the velocity, shape (n, n)."""

    def outlook(self, time: float, state: Array, rtol: float, /) -> Outlook:
        """Return what could still happen, or raise `Breakdown`; `rtol` is that of weights."""

    def factor(self, state: Array, /) -> Array:
        """Return the weights Z, shape (m, width)."""

    def point(self, factor: Array, /) -> Array:
        """Return the point in function space."""

    def loss(self, factor: Array, /) -> float:
        """Return the loss."""

    def loss_rate(self, factor: Array, /) -> float:
        """Return dL/dt."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks of a flow."""

    log_alpha: float
    until: float | None
    rtol: float
    algorithm: str
    source: str


def follow(coordinates: Coordinates, request: Request) -> Flow:
    """Return the flow, to `until` or to the end of training."""
    if coordinates.pace == 0:
        curve, status = _rest(coordinates, request.until or 1.0)
        remaining = NOTHING
    else:
        curve, status, remaining = _march(coordinates, request)
        if not status.success:
            raise PathError(status, detail=f"at scaled time {curve.until:g}")
    times = curve.times / curve.speed
    if request.until is not None:
        times[-1] = request.until
    return Flow(
        algorithm=request.algorithm,
        source=request.source,
        log_alpha=request.log_alpha,
        kappa=2,
        times=times,
        curve=curve,
        status=status,
        remaining=remaining,
    )


def _rest(coordinates: Coordinates, until: float) -> tuple[GradedCurve, Status]:
    """Return a trajectory on which nothing moves."""
    from scipy.integrate._ivp.base import ConstantDenseOutput

    end = until * coordinates.scale
    still = ConstantDenseOutput(0.0, end, coordinates.start)
    rest = Pieces(np.array([0.0, end]), [still])
    return GradedCurve(coordinates, rest), Status.NOTHING_TO_LEARN


def _march(coordinates: Coordinates, request: Request) -> tuple[GradedCurve, Status, Remaining]:
    """Step from the start to `until`, or until training has ended."""
    until, start = request.until, coordinates.start
    tolerance = max(request.rtol, ULPS * coordinates.scale / STEP_SHARE)
    run = Integration(
        Equation(coordinates.velocity, start, jacobian=coordinates.jacobian, overflows=True),
        Tolerances(atol=STEP_SHARE * tolerance),
        STEPS_PER_COORDINATE * start.size,
        until=math.inf if until is None else until * coordinates.pace * coordinates.scale,
    )
    outlook: Outlook | None = None
    broken: Status | None = None

    def done(step: int, solver: Any) -> bool:
        nonlocal outlook, broken
        finished = solver.status == "finished"
        if not finished and step % STEPS_PER_LOOK:
            return False
        try:
            outlook = coordinates.outlook(solver.t, solver.y, tolerance)
        except Breakdown as breakdown:
            broken = breakdown.status
            return True
        return finished or (until is None and outlook.status is not None)

    packed = run.recorded(done)
    if not packed.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    curve = GradedCurve(coordinates, packed)
    if broken is not None or outlook is None or run.ending not in (None, Ending.FINISHED):
        return curve, broken or Status.INTEGRATION_FAILED, UNKNOWN
    return curve, outlook.status or Status.UNTIL_REACHED, left_by(outlook)


@dataclass(frozen=True, eq=False)
class GradedCurve:
    """The trajectory in the integrator's time, and what follows from it.

    Attributes
    ----------
    coordinates : Coordinates
        What was integrated.
    packed : Pieces
        The packed coordinates, at the integrator's times.
    """

    coordinates: Coordinates
    packed: Pieces

    @property
    def times(self) -> Array:
        """The integrator's times at which its steps end (m,)."""
        return self.packed.times

    @property
    def speed(self) -> float:
        """Integrator's time that passes in one unit of scaled time."""
        return (self.coordinates.pace or 1.0) * self.coordinates.scale

    @property
    def until(self) -> float:
        """Last scaled time."""
        return float(self.times[-1] / self.speed)

    def states(self, tau: Array) -> Array:
        """Return the packed coordinates at scaled times `tau` (q,), shape (q, n)."""
        return np.asarray(self.packed(np.minimum(tau * self.speed, self.times[-1])).T)

    def factors(self, tau: Array) -> list[Array]:
        """Return the weights Z at scaled times `tau` (q,)."""
        return [self.coordinates.factor(state) for state in self.states(tau)]

    def point(self, tau: Array) -> Array:
        """Return the points in function space, shape (q, ...)."""
        return np.array([self.coordinates.point(factor) for factor in self.factors(tau)])

    def loss(self, tau: Array) -> Array:
        """Return the losses, shape (q,)."""
        return np.array([self.coordinates.loss(factor) for factor in self.factors(tau)])

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ, shape (q,)."""
        slopes = [self.coordinates.loss_rate(factor) for factor in self.factors(tau)]
        return np.asarray(self.coordinates.scale * np.array(slopes))

    def conservation(self) -> float:
        """Return max |l − ∫ l' dt| / max(1, log(1/α)) over log scales and steps."""
        logs = self.coordinates.logs
        inner, weights, steps = nodes(self.times)
        states = self.packed(inner.ravel()).T
        rates = [self.coordinates.velocity(0.0, state)[logs] for state in states]
        speeds = np.array(rates).reshape(*inner.shape, -1)
        grown = np.cumsum(np.einsum("sni,n,s->si", speeds, weights, steps), axis=0)
        found = self.packed(self.times[1:])[logs].T
        gap = np.abs(found - self.coordinates.start[logs] - grown).max()
        return float(gap / max(1.0, self.coordinates.scale))
