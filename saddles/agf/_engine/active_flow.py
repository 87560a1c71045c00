"""The flow of the active neurons, step by step: first while new ones grow, then as time multiplies.

New neurons start small and grow like an exponential of time, or faster; once they have grown, what
is left relaxes over ever longer times, and the logarithm of time is the integrator's. A slow saddle
that the flow leaves late begins an era, in which times are short again.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``z``           coordinates of `saddles.agf._engine.coordinates`, (A m,)
``sizes``       norms that neurons may about come to, (A,)
``force``       |∂L/∂z|
``aged``        t₀, the time that has passed where the logarithm takes over
``age``         log(t / t₀)
==============  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from saddles._numerics.stepping import (
    Budget,
    Ending,
    Equation,
    Integration,
    Tolerances,
    crossing,
)
from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.levels import FALLEN, STATIONARY
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = [
    "COMMON",
    "DESCENT_STEPS",
    "ERAS",
    "GROWN",
    "KINKED_DESCENT_STEPS",
    "Step",
    "follow",
    "shares",
]

Curve: TypeAlias = Callable[[float], Array]
Height: TypeAlias = Callable[[Array], float]
Pace: TypeAlias = Callable[[float], float]

#: Local relative error of the flow while new neurons grow; it is `STATIONARY` in the logarithm of
#: time. Errors move neurons along their valley, from which the next flow starts, and grow where it
#: passes saddles. Neurons that nearly cancel, R times as large as new ones, do so to R^(−3): the
#: error is at most this share of that.
GROWTH_RTOL, CANCELLED = 3e-8, 3e-4
#: Time's logarithm takes over once a new neuron has grown to this share, and the force has fallen.
GROWN = 0.3
#: Shares of a norm are meant for neurons of at most this degree. What one of a higher degree does
#: is as much a share of what it may come to only if its norm is a larger share.
COMMON = 3
#: A saddle is left once the flow is `LEFT` times as fast as at its slowest there; `ERAS` saddles
#: may be passed.
LEFT, ERAS = 100.0, 10
#: A step that fails is repeated by another integrator, which may err by the first share of what was
#: allowed, and by no less than the second in all.
FINER = 0.1
FINEST = FINER**3
#: The integrators that take turns. They change also where more than this number of steps are
#: crowded: one that switches between methods may not see that the flow has become stiff.
METHODS, CROWD = ("LSODA", "BDF"), 300
#: The logarithm of time after which what has not moved never will.
OLDEST = 100.0
#: Steps of the integrator after which the descent is given up: of neurons that are smooth, and of
#: those with kinks, along which it may have to slide in ever shorter steps.
DESCENT_STEPS, KINKED_DESCENT_STEPS = 10_000, 1_000


@dataclass(frozen=True, eq=False)
class Step:
    """A step of the flow.

    Attributes
    ----------
    z : ndarray of shape (A m,)
        Where it ends.
    force : float
        |∂L/∂z| there.
    age : float
        The logarithm of time, from 0 where an era begins; −inf while the new neurons grow.
    era : int
        How many slow saddles were left before.
    looks : tuple of (float, ndarray of shape (A m,))
        When time has doubled within the step, and where.
    time : float
        The time since new neurons had grown to half of `GROWN`; 0 while they grow.
    """

    z: Array
    force: float
    age: float = -math.inf
    era: int = 0
    looks: tuple[tuple[float, Array], ...] = ()
    time: float = 0.0


def shares(theta: Array, sizes: Array, degree: int) -> Array:
    """Return the shares that neurons `theta` (H, p) have of the norms `sizes` (H,).

    Those of a degree above `COMMON` are what one of that degree would have for the same output.
    """
    part = np.linalg.norm(theta, axis=1) / sizes
    return np.asarray(part ** max(1.0, degree / COMMON))


def follow(run: Coordinates, sizes: Array) -> Iterator[Step]:
    """Yield the steps of the flow of the neurons of `run`, from their start."""
    norms, degree = np.linalg.norm(run.theta, axis=1), run.network.degree
    small = shares(run.theta, sizes, degree) < GROWN

    def growth(z: Array) -> float:
        return (
            float(shares(run.at(z)[small], sizes[small], degree).max()) if small.any() else math.inf
        )

    rtol = min(
        GROWTH_RTOL, CANCELLED * float(sizes[small].min(initial=math.inf) / norms.max()) ** 3
    )
    peak, birth, last, start = 0.0, 0.0, 0.0, run.origin
    atol, share = rtol * float(norms.min()), growth(start)
    for time, z, force, curve in _steps(run, start, lambda _: 1.0, rtol, atol):
        yield Step(z, force)
        before, share = share, growth(z)
        if before < GROWN / 2 <= share:
            birth = _reached(curve(), growth, GROWN / 2, last, time)
        last = time
        if share < GROWN / 2:
            continue
        peak = max(peak, force)
        if force <= FALLEN * peak and share >= GROWN:
            break
    yield from _aging(run, z, last - birth)


def _reached(curve: Curve, height: Height, level: float, start: float, stop: float) -> float:
    """Return when the height of the curve comes to a level that it has at the stop."""
    return crossing(lambda time: height(curve(time)) - level, start, stop)


def _aging(run: Coordinates, z: Array, aged: float) -> Iterator[Step]:
    """Yield the steps in the logarithm of the time that passes, `aged` at first.

    A slow saddle that is left begins an era: what follows is as fast as leaving it was. Speeds are
    those from step to step. The force itself is mostly the integrator's error where neurons that
    nearly cancel are far out, in a narrow valley.
    """
    error = STATIONARY * run.norm(z) / math.sqrt(z.size)
    for era in range(ERAS):
        lowest = since = math.inf
        left, last, pace = False, 0.0, partial(_exponential, aged)
        for age, place, force, curve in _steps(run, z, pace, STATIONARY, error, 1.0):
            yield Step(place, force, age, era, _doublings(aged, last, age, curve), pace(age))
            speed = float(np.linalg.norm(place - z)) / (pace(age) - pace(last))
            z, last = place, age
            if speed < lowest:
                lowest, since = speed, pace(age)
            left = speed > LEFT * lowest and run.size(place, speed) > CERTIFICATE_TOLERANCE
            if age > OLDEST:
                return
            if left:
                z, aged = place, (pace(age) - since) / math.log(LEFT)
                break
        if not left:
            return


def _doublings(
    aged: float, last: float, age: float, curve: Callable[[], Curve]
) -> tuple[tuple[float, Array], ...]:
    """Return when the time, `aged` e^age, is a power of two between two ages, and the places."""
    power, zero = math.log(2), math.log(aged)
    first, past = (math.floor((zero + end) / power) + 1 for end in (last, age))
    return tuple((2.0**k, curve()(k * power - zero)) for k in range(first, past))


def _exponential(aged: float, age: float) -> float:
    """Return the time t₀ e^age, which is its own derivative."""
    return aged * math.exp(age)


def _steps(
    run: Coordinates,
    z: Array,
    pace: Pace,
    rtol: float,
    atol: float,
    longest: float = math.inf,
) -> Iterator[tuple[float, Array, float, Callable[[], Curve]]]:
    """Yield time, z, |∂L/∂z| and what makes the curve, after every step of the integrator.

    The equation is z' = −pace(time) ∂L/∂z. A step that fails is repeated by the other integrator,
    with less error. It also takes over where steps are crowded. Where rounding of the force moves z
    by more than the error, during the longest step or until new neurons have grown, no shorter
    steps would tell more: then that is the error, and it is renewed as time grows.
    """
    time, again, finer = 0.0, False, 1.0
    budget = Budget(KINKED_DESCENT_STEPS if run.network.kinked else DESCENT_STEPS)
    while True:
        relative, error, until, first = finer * rtol, finer * atol, math.inf, None
        duration = longest * pace(time + longest) if math.isfinite(longest) else None
        rounded = run.drift(z, duration)
        coarse = rounded > error
        if coarse:
            relative, error = max(relative, rounded / run.norm(z)), rounded
            until = time + longest
        if math.isfinite(longest) and (again or coarse):
            first = longest / CROWD  # as the last ones
        tolerances = Tolerances(
            rtol=relative, atol=error, longest=longest, first=first, crowd=CROWD
        )
        flow = _integration(run, time, z, pace, tolerances, budget, until, METHODS[again])
        for solver in flow:
            time, z = solver.t, solver.y.copy()
            force = float(np.linalg.norm(run.gradient(z)))
            yield time, z.copy(), force, solver.dense_output
        if flow.ending is Ending.SPENT:
            return
        if flow.ending is Ending.FAILED:
            finer *= FINER
            if finer < FINEST:
                raise Breakdown(Status.STALLED, "the flow of the active neurons broke off")
        again ^= flow.ending is not Ending.FINISHED


def _integration(
    run: Coordinates,
    time: float,
    z: Array,
    pace: Pace,
    tolerances: Tolerances,
    budget: Budget,
    until: float,
    method: str,
) -> Integration:
    """Return the integration of the flow from `z`, for a while or without an end."""

    def jacobian(time: float, z: Array) -> Array:
        rows = -pace(time) * run.hessian(z)
        if not np.isfinite(rows).all():
            raise FloatingPointError("second derivatives overflow")
        return np.asarray(rows)

    flow = Equation(
        lambda time, z: -pace(time) * run.gradient(z),
        z,
        jacobian=jacobian,
        begin=time,
        overflows=True,
    )
    try:
        return Integration(flow, tolerances, budget, until=until, method=method)
    except FloatingPointError as error:
        raise Breakdown(Status.STALLED, f"active neurons: {error}") from None
