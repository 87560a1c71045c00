"""Following trajectories in coordinates in which nothing is exponentially small.

Parts of a network that never meet are followed one by one, and what the network does is their sum.
Plateaus are leapt over where there is a closed form, and all else is integrated.
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
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from saddles._numerics.ends import Outlook, together
from saddles._numerics.precision import ULPS
from saddles._numerics.stepping import (
    Budget,
    Ending,
    Equation,
    Integration,
    Pieces,
    Tolerances,
    before_jump,
    nodes,
)
from saddles._numerics.watch import OutOfTime, share
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles._result.remaining import UNKNOWN, left_by
from saddles._result.trajectory import Curve
from saddles.flow._graded.alone import Alone
from saddles.flow._graded.leap import Leap
from saddles.flow._inputs import STEP_SHARE
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__: list[str] = []

#: Steps per coordinate before giving up. At most 50 are usual at the default tolerance.
STEPS_PER_COORDINATE = 5000

#: Steps of BDF, which have one order throughout, all err to the same side: so each may err by less.
BDF_SHARE = 0.5

#: Steps between two looks at the gradient; a converged flow takes large steps, so few are wasted.
STEPS_PER_LOOK = 8


#: Endings after which what was followed stands.
ENDINGS = (None, Ending.FINISHED, Ending.OUT_OF_TIME)


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

    def errors(self, state: Array, least: float, /) -> Array | float:
        """Return what a step from `state` may err by; not less than `least`, nor than rounding."""

    def leap(self, time: float, state: Array, until: float, rtol: float, /) -> Leap | None:
        """Return a closed form to go on with, at most to `until`, if there is one."""

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


def follow(
    parts: Sequence[Coordinates],
    request: Request,
    *,
    floor: float = 0.0,
    alone: Alone | None = None,
) -> Flow:
    """Return the flow, to `until` or to the end of training.

    Parameters
    ----------
    parts : sequence of Coordinates
        What never meets, in the same units of time.
    request : Request
        What is asked for.
    floor : float
        Loss beside those of the parts.
    alone : Alone, optional
        Modes that have a closed form, beside the parts.
    """
    rests = all(one.pace == 0 for one in parts) and alone is None
    if rests:
        ends = [_rest(one, request.until or 1.0) for one in parts]
    else:
        ends = _marched(parts, request)
    stop = min((end.curve.until for end in ends if not end.in_time), default=math.inf)
    curves: list[Curve] = [end.curve for end in ends]
    times = [end.curve.times / end.curve.speed for end in ends]
    outlooks = [end.outlook for end in ends]
    if alone is not None:
        listed, outlook = alone.followed(request.until)
        curves, times, outlooks = [*curves, alone], [*times, listed], [*outlooks, outlook]
    outlook = together(outlooks)
    status = outlook.status or Status.UNTIL_REACHED
    if rests:
        status = Status.NOTHING_TO_LEARN
    steps = np.unique(np.concatenate(times))
    if stop < math.inf:
        status, steps = Status.TIME_LIMIT, np.append(steps[steps < stop], stop)
    elif request.until is not None:
        steps[-1] = request.until
    return Flow(
        algorithm=request.algorithm,
        source=request.source,
        log_alpha=request.log_alpha,
        kappa=2,
        times=steps,
        curve=Sum(tuple(curves), floor) if floor or len(curves) > 1 else curves[0],
        status=status,
        remaining=left_by(outlook) if stop == math.inf else UNKNOWN,
    )


class _End(NamedTuple):
    """A trajectory, what could still happen after it, and whether there was time to follow it."""

    curve: GradedCurve
    outlook: Outlook
    in_time: bool


def _rest(coordinates: Coordinates, until: float) -> _End:
    """Return a trajectory on which nothing moves."""
    from scipy.integrate._ivp.base import ConstantDenseOutput

    end = until * coordinates.scale
    still = ConstantDenseOutput(0.0, end, coordinates.start)
    rest = GradedCurve(coordinates, Pieces(np.array([0.0, end]), [still]))
    return _End(rest, Outlook(moves=False, left=0.0, whole=0.0), in_time=True)


def _marched(parts: Sequence[Coordinates], request: Request) -> list[_End]:
    """Follow the parts one by one; each may take its share of the time that is left."""
    ends = []
    for number, one in enumerate(parts):
        with share(1 / (len(parts) - number)):
            ends.append(_march(one, request))
    return ends


def _march(coordinates: Coordinates, request: Request) -> _End:
    """Step from the start to `until`, or until training has ended."""
    march = _March(coordinates, request)
    ending = march.go()
    curve = GradedCurve(coordinates, _joined(march.way))
    if not curve.packed.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    if march.broken is not None or march.outlook is None or ending not in ENDINGS:
        raise PathError(
            march.broken or Status.INTEGRATION_FAILED, detail=f"at scaled time {curve.until:g}"
        )
    return _End(curve, march.outlook, ending is not Ending.OUT_OF_TIME)


class _March:
    """Stretches that are integrated, and leaps over the plateaus between them."""

    def __init__(self, coordinates: Coordinates, request: Request) -> None:
        one, until = coordinates, request.until
        self.coordinates, self.request = one, request
        self.tolerance = max(request.rtol, ULPS * one.scale / STEP_SHARE)
        # In the integrator's time nothing grows faster than at about 1.
        self.until = math.inf if until is None else until * one.pace * one.scale
        self.budget = Budget(STEPS_PER_COORDINATE * one.start.size)
        self.way: list[Pieces] = []
        self.leap: Leap | None = None
        self.outlook: Outlook | None = None
        self.broken: Status | None = None

    def go(self) -> Ending | None:
        """Follow the flow; return why there are no more steps."""
        time, state = 0.0, self.coordinates.start
        self._try_leap(time, state)
        while True:
            if self.leap is not None:
                leapt = self.leap
                self.way.append(Pieces(np.array([leapt.begin, leapt.end]), [leapt]))
                time, state, self.leap = leapt.end, leapt.last, None
                if time == self.until:
                    self._look(time, state)
                    return Ending.FINISHED
            run = self._integration(time, state)
            try:
                self.way.append(run.recorded(self._done, self.request.algorithm))
            except OutOfTime:
                if not self.way:
                    raise
                run.ending = Ending.OUT_OF_TIME
            time, state = run.solver.t, run.solver.y
            if run.ending is Ending.OUT_OF_TIME:
                self._look(time, state)
            if self.leap is None:
                return run.ending

    def _integration(self, time: float, state: Array) -> Integration:
        one, logs = self.coordinates, self.coordinates.logs

        def horizon(now: float, there: Array) -> float:
            return before_jump(now, there[logs], one.velocity(now, there)[logs])

        # After a leap, what rests does so to rounding: nothing shows LSODA that it is stiff.
        method, share = ("BDF", BDF_SHARE) if self.way else ("LSODA", 1.0)
        atol = one.errors(state, share * STEP_SHARE * self.tolerance)
        return Integration(
            Equation(one.velocity, state, jacobian=one.jacobian, begin=time, overflows=True),
            Tolerances(atol=atol, horizon=horizon, stride=1.0),
            self.budget,
            until=self.until,
            method=method,
        )

    def _done(self, step: int, solver: Any) -> bool:
        finished = solver.status == "finished"
        if not finished and step % STEPS_PER_LOOK:
            return False
        self._look(solver.t, solver.y)
        if finished or self.broken is not None or self.outlook is None:
            return True
        if self.outlook.moves:
            self._try_leap(solver.t, solver.y)
        ends = self.outlook.status is not None and self.until == math.inf
        return ends or self.leap is not None or self.broken is not None

    def _look(self, time: float, state: Array) -> None:
        try:
            self.outlook = self.coordinates.outlook(time, state, self.tolerance)
        except Breakdown as breakdown:
            self.broken = breakdown.status

    def _try_leap(self, time: float, state: Array) -> None:
        try:
            self.leap = self.coordinates.leap(time, state, self.until, self.tolerance)
        except Breakdown as breakdown:
            self.broken = breakdown.status


def _joined(way: Sequence[Pieces]) -> Pieces:
    """Return pieces that follow each other as one."""
    times = [piece.times[1:] for piece in way]
    curves = [curve for piece in way for curve in piece.curves]
    return Pieces(np.concatenate([np.zeros(1), *times]), curves)


@dataclass(frozen=True, eq=False)
class Sum:
    """What parts that never meet do together, as one curve in function space.

    Attributes
    ----------
    parts : tuple of Curve
        What each does, in the same space; it rests from its own end on.
    floor : float
        Loss beside those of the parts.
    """

    parts: tuple[Curve, ...]
    floor: float

    def point(self, tau: Array) -> Array:
        """Return the points in function space, shape (q, ...)."""
        return np.asarray(sum(part.point(tau) for part in self.parts))

    def loss(self, tau: Array) -> Array:
        """Return the losses, shape (q,)."""
        return np.asarray(self.floor + sum(part.loss(tau) for part in self.parts))

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ, shape (q,)."""
        return np.asarray(sum(part.loss_rate(tau) for part in self.parts))

    def conservation(self) -> float:
        """Return the largest value of any part."""
        return max(part.conservation() for part in self.parts)


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
        """Return max |l − ∫ l' dt| / max(1, log(1/α)) over log scales and integrated steps."""
        logs = self.coordinates.logs
        gaps = [np.zeros_like(self.coordinates.start[logs])]
        for (begin, end), piece in zip(pairwise(self.times), self.packed.curves, strict=True):
            if isinstance(piece, Leap):
                continue  # a closed form
            (inner,), weights, (length,) = nodes(np.array([begin, end]))
            rates = [self.coordinates.velocity(0.0, state)[logs] for state in piece(inner).T]
            ends = piece(np.array([begin, end]))[logs]
            gaps.append(ends[:, 1] - ends[:, 0] - length * weights @ np.array(rates))
        gap = np.abs(np.cumsum(gaps, axis=0)).max()
        return float(gap / max(1.0, self.coordinates.scale))
