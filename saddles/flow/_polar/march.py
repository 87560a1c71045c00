"""Neurons in polar coordinates, followed: the steps, when they end, and what shakes them.

The coordinates are those of `saddles.flow._polar.coordinates`.

===========  ================================================================
code name    symbol
===========  ================================================================
``knots``    s at the integrator's steps, shape (m,)
``sigmas``   σ there: scaled time τ in units in which the first pull is 1
===========  ================================================================
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS, ULPS
from saddles._numerics.stepping import (
    Budget,
    Ending,
    Equation,
    Integration,
    Pieces,
    Tolerances,
)
from saddles._result.path import PathError
from saddles.flow._inputs import STEP_SHARE
from saddles.flow._polar.coordinates import FASTEST, PULL_ROUNDING, Polar
from saddles.flow._polar.rest import creeps, escapes, rests
from saddles.flow._polar.trajectory import PolarCurve, Still
from saddles.flow._polar.tree import Tree
from saddles.status import Status
from saddles.typing import Array

__all__ = ["fastest", "is_robust", "march", "resting"]

#: Neurons at rest leave a saddle at a rate above this; slower ones are not waited for. Derivatives
#: at a rest known to `rtol` are not known better.
LEAST_ESCAPE = 1e-6

#: A neuron has left an unstable direction by rounding alone when what it has been exposed to, the
#: rate of escape times its proper time, reaches 36 = log(1/EPS).
WAIT = 100.0

#: Steps per neuron before giving up. A few hundred are usual at the default tolerance.
STEPS_PER_NEURON = 5000

#: Steps between two looks at the gradient; a converged flow takes large steps, so few are wasted.
STEPS_PER_NEURON_LOOK = 16

#: Change of a log norm or a direction, where the flow is slow, or of a time, relative to the last,
#: that shaking by `rtol` may make.
ROBUST = 1e-3

#: Times at which the shaken flow is compared, and the largest speed of a slow one, in units of σ.
COMPARED, SLOW = 400, 100.0


def fastest(rtol: float) -> float:
    """Return the largest rate of relaxation at which rounding of a pull stays below a step's error.

    It is never below `FASTEST`.
    """
    return max(FASTEST, STEP_SHARE * rtol / (PULL_ROUNDING * EPS))


def march(
    polar: Polar, rtol: float, until: float | None, *, apart: bool = False
) -> tuple[PolarCurve, Status]:
    """Follow the neurons to `until`, or until they rest; `apart` with relative differences."""
    last = math.inf if until is None else until * polar.speed
    if until is not None and last / polar.speed < until:  # by an ulp
        last = math.nextafter(last, math.inf)
    sigmas, status, vigil = [0.0], Status.INTEGRATION_FAILED, _Vigil(polar, rtol)
    budget = Budget(STEPS_PER_NEURON * (polar.theta.shape[0] + 2))
    tree = Tree.of(polar, polar.start()) if apart else None
    parts: list[tuple[Pieces, Tree | None]] = []

    def done(_: int, solver: Any) -> bool:
        nonlocal status
        state = solver.y if tree is None else tree.state(solver.y)
        sigmas.append(max(sigmas[-1], float(state[0])))
        passed = sigmas[-1] >= last
        verdict = vigil.look(solver.t, state, at_once=passed)
        if passed:
            status = verdict or Status.UNTIL_REACHED
        elif verdict is not None and (until is None or verdict is not Status.CONVERGED):
            status = verdict
        strays = tree is not None and tree.strays(solver.y)
        return strays or status is not Status.INTEGRATION_FAILED

    begin, run = 0.0, _integration(polar, rtol, budget, tree)
    while True:
        states = run.recorded(done, "flow.neurons")
        parts.append((states, tree))
        if run.ending is not None or status is not Status.INTEGRATION_FAILED:
            break
        assert tree is not None
        begin, tree = run.solver.t, tree.regrown(run.solver.y)
        run = _integration(polar, rtol, budget, tree, begin)
    if run.ending is Ending.OUT_OF_TIME:
        status = Status.TIME_LIMIT
    whole = _joined(parts)
    if not whole.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    return PolarCurve.of(polar, whole, sigmas, min(last, sigmas[-1])), status


def _joined(parts: list[tuple[Pieces, Tree | None]]) -> Pieces:
    """Return the pieces one after the other, with states of `Polar`."""
    times = [parts[0][0].times[:1], *(pieces.times[1:] for pieces, _ in parts)]
    curves: list[Any] = []
    for pieces, tree in parts:
        curves += pieces.curves if tree is None else [tree.along(each) for each in pieces.curves]
    return Pieces(np.concatenate(times), curves)


class _Vigil:
    """Watches for the end, and for neurons that rest where they should not.

    An implicit step damps what grows as well as what decays, if it is long enough: a neuron that
    sits on an unstable direction may stay there, where no error estimate sees it.
    """

    def __init__(self, polar: Polar, rtol: float) -> None:
        self.polar, self.rtol = polar, rtol
        self.steps, self.last = 0, 0.0
        self.exposure = np.zeros(len(polar.theta))

    def look(self, s: float, state: Array, *, at_once: bool) -> Status | None:
        """Return why the flow ends here, or None; most looks only count the steps."""
        self.steps += 1
        if self.polar.overflows(state):
            return Status.OVERFLOW
        if self.steps % STEPS_PER_NEURON_LOOK and not at_once:
            return None
        leaving = escapes(self.polar, state, self.rtol)
        proper = self.polar.rates(state) * (s - self.last)
        unstable = leaving > LEAST_ESCAPE
        self.exposure = np.where(unstable, self.exposure + leaving * proper, 0.0)
        self.last = s
        if self.exposure.max() > WAIT:
            return Status.DIRECTIONS_LOST
        if creeps(self.polar, state):
            return Status.CREEP_LOST
        at_rest = rests(self.polar, state, self.rtol)
        return Status.CONVERGED if at_rest and not unstable.any() else None


def _integration(
    polar: Polar, rtol: float, budget: Budget, tree: Tree | None, begin: float = 0.0
) -> Integration:
    """Return the integration of the neurons, whose end is looked for."""
    atol = max(STEP_SHARE * rtol, ULPS * polar.scale)
    if tree is None:
        equation = Equation(polar.velocity, polar.start(), jacobian=polar.jacobian)
        return Integration(equation, Tolerances(atol=atol), budget)
    equation = Equation(tree.velocity, tree.begin, begin=begin)
    tolerances = Tolerances(atol=atol, horizon=tree.horizon, rounding=tree.rounding)
    return Integration(equation, tolerances, budget)


def resting(polar: Polar, until: float) -> PolarCurve:
    """Return the trajectory of neurons that nothing pulls."""
    still = replace(polar, unit=1.0)
    last = until * still.speed
    rest = Pieces(np.array([0.0, last]), [Still(still.start(), last)])
    return PolarCurve.of(still, rest, [0.0, last], last)


def is_robust(curve: PolarCurve, rtol: float, *, apart: bool = False) -> tuple[bool, float]:
    """Say whether the neurons stay where they are if their directions are shaken, and until when.

    Until the end, unless there is no time for that.

    The shaking adds up to `rtol` over log(1/α) units of s, and leaves neurons that relax alone.
    Components that are exactly zero throughout are kept so: float64 knows them exactly.
    """
    polar = curve.polar
    random = np.random.default_rng(0).standard_normal(polar.theta.shape)
    moving = np.any([polar.unpack(state)[1] for state in curve.states(curve.knots)], axis=0)
    shaken = replace(polar, shake=rtol / max(1.0, polar.scale) * random * moving)
    # A flow that ends as soon as it has jumped may be compared with one that jumps a little later.
    later = ROBUST * curve.until
    other, status = march(shaken, rtol, curve.until + later, apart=apart)
    if not status.success:
        return False, curve.until
    last = min(curve.until, other.until) if status is Status.TIME_LIMIT else curve.until
    grid = np.linspace(0, last, COMPARED)
    mine = curve.states(curve.place(grid))
    speeds = np.array([np.abs(polar.velocity(0.0, state)) for state in mine])
    slow = speeds[:, 2:].max(axis=1) <= SLOW * speeds[:, 0]
    shifts = [other.states(other.place(np.maximum(grid + s, 0.0))) for s in (0.0, later, -later)]
    gaps = np.min([np.abs(mine - its)[:, 2:].max(axis=1) for its in shifts], axis=0)
    # A jump that comes later by this much of σ moves what grows before it by its speed times that.
    longest = max(1.0, curve.until * polar.speed)
    allowed = ROBUST * np.maximum(1.0, longest * speeds[:, 2:].max(axis=1) / speeds[:, 0])
    return bool((gaps[slow] <= allowed[slow]).all()), last
