"""Active neurons: from the moment of activation to the next critical point.

The active neurons follow θ' = −∂L/∂θ, all of them together, from the last critical point with the
new ones beside it, small and along the directions that they have turned to. Which critical point
they reach is a question about that flow, so it is followed, by a stiff integrator, until it is
certain; Newton's method then adds the digits. The flow may also creep: norms grow without bound,
like a power of time, while the loss falls ever more slowly to an infimum that no finite point
attains. It is then followed, in the logarithm of time, until that infimum can be extrapolated.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``theta``       θ, the active neurons, (A, p)
``z``           coordinates of `saddles.agf._active_coordinates`
``sizes``       norms that neurons may about come to, (A,)
``creep``       fall of L from the neurons to the infimum, relative to L(0), at infinity
==============  ====================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from saddles.agf._active_coordinates import ENOUGH, SHARP, STATIONARY, Coordinates
from saddles.agf._at_infinity import Demand, Trail
from saddles.alternation import CERTIFICATE_TOLERANCE, Breakdown
from saddles.homogeneous import HomogeneousNetwork
from saddles.status import Status
from saddles.typing import Array

__all__ = [
    "AMPLITUDE",
    "CREEP",
    "LEVELS",
    "STATIONARY",
    "Descent",
    "descend",
    "newton",
    "reach",
    "settle",
]

#: Most coordinates for which second derivatives are formed.
DENSE = 450
#: Less than a quarter, for rounding: a loss that falls below is not bounded by 0.
LEAST = 0.2
#: Local relative error of the flow: while new neurons grow, and in the logarithm of time. Neurons
#: that all but cancel, R times as large as new ones, do so to R^(−3): the error is at most this
#: share of that.
RTOL, FINE, CANCELLED = 1e-5, 1e-7, 1e-2
#: New neurons start this small beside the norm that they will about have.
AMPLITUDE = 1e-2
#: Time's logarithm takes over once a new neuron has come to this share of the norm that it may come
#: to, and the force has fallen to this share of its peak.
GROWN, FALLEN = 0.3, 0.1
#: The force is tried for a nearby critical point each time that it has fallen to such a share.
LEVELS: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10)
#: Extrapolations of the infimum to which the loss creeps may differ by this, relative to L(0).
CREEP = 1e-5
#: After `LONG` steps they need not agree, if neurons have grown by the factor `FAR` and the loss
#: falls by no more than `ROUGH` while time grows fourfold: the farther neurons are that all but
#: cancel, the shorter are the steps. After `LONGER` steps a fall by no more than `STILL` will do;
#: after `LONGEST`, one by `ROUGH`, be it more than the one before or norms about to stop.
LONG, LONGER, LONGEST, FAR, ROUGH, STILL = 200, 400, 800, 1.5, 5e-4, 2e-4
#: Points that are stationary while the logarithm of time grows by this, but for the integrator's
#: error, and from which no curvature leads down, are critical enough, though Newton's method finds
#: none near in their flat valley.
CALM = 3.0
#: A saddle is left once the force is so many times its least there, and so many may be passed.
LEFT, AGES = 100.0, 10
#: How often a subspace may turn out to be too small for the neurons that descend in it.
WIDER = 4
#: A step that fails is taken anew by another integrator, with so much of the error allowed, down to
#: so little in all.
FINER, FINEST = 0.1, 1e-3
#: Steps of the integrator after which the descent is given up: of neurons that are smooth, and of
#: those with kinks, along which it may have to slide in ever shorter steps.
STEPS, KINKED_STEPS = 3_000, 1_000


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the flow of the active neurons ends.

    Attributes
    ----------
    theta : ndarray of shape (A, p)
        The critical point, or the last neurons that were followed to infinity.
    creep : float
        0 at a critical point; else the extrapolated fall of the loss beyond theta, relative to
        L(0).
    loss : float, optional
        L of the critical point, extrapolated at infinity.
    """

    theta: Array
    creep: float
    loss: float | None = None


def reach(network: HomogeneousNetwork, active: Array, direction: Array) -> float:
    """Return the norm at which one more neuron of this `direction` (p,) would serve best.

    Along the ray L(c) = L − c^κ U + c^{2κ} q is least where c^κ = U / (2q). It is looked at where
    c^κ U = L: there L(c) is c^{2κ} q, and at least L/4 if no loss along the ray is negative.
    """
    row, degree = direction[None], network.degree
    utility, loss = float(network.utility(row, active)[0]), float(network.loss(active))
    size = float((loss / utility) ** (1 / degree)) if utility > 0 else math.nan
    held = network.loss(np.vstack([active, size * row]))
    if not held >= LEAST * loss:
        raise Breakdown(Status.UNBOUNDED, "a neuron activates that nothing holds back")
    return size * float((loss / (2 * held)) ** (1 / degree))


def descend(
    network: HomogeneousNetwork, theta: Array, sizes: Array, *, creep: float = CREEP
) -> Descent:
    """Follow the gradient flow of the neurons `theta` (A, p) to the critical point that it reaches.

    Parameters
    ----------
    network : HomogeneousNetwork
        The loss.
    theta : ndarray of shape (A, p)
        Where they start.
    sizes : ndarray of shape (A,)
        Norms that they may about come to.
    creep : float
        How closely estimates of an infimum at infinity must agree, relative to L(0).

    Raises
    ------
    Breakdown
        If it reaches no critical point and does not creep to an infimum either.
    """
    for _ in range(WIDER):
        run = Coordinates.of(network, theta, sizes)
        found = _descended(run, sizes, creep)
        if found.creep or run.misses(found.theta) <= CERTIFICATE_TOLERANCE:
            return found
        theta, sizes = found.theta, _norms(found.theta)
    raise Breakdown(Status.STALLED, "the active neurons move in ever more directions")


def _descended(run: Coordinates, sizes: Array, creep: float) -> Descent:
    """Descend in the subspace that was found at the start."""
    if run.origin.size > DENSE:
        from saddles.agf._active_search import search

        theta, short = search(run, sizes, creep)
        return Descent(theta, short)
    largest = float(np.linalg.norm(np.maximum(sizes, _norms(run.theta))))
    near, trail, steps = _Near(run), Trail(), 0
    for step in _flow(run, sizes):
        if near.rises(step.force, step.age):
            trail = Trail()
        found = near.critical(step.z, step.force)
        if found is not None:
            return _critical(*run.sharpened(found))
        steps += step.age is not None
        for z in step.looks:
            demand = _demand(creep, steps, far=run.norm(z) >= FAR * largest)
            if trail.at_infinity(run, z, run.gradient(z), demand):
                return Descent(run.at(z), trail.ahead, max(trail.level, 0.0) * run.start)
    # As good as a critical point, in a valley that float64 cannot tell from flat.
    if run.size(step.z, step.force) <= STATIONARY:
        return _critical(*run.sharpened(step.z))
    raise Breakdown(Status.STALLED, "the flow of the active neurons came to no critical point")


def _demand(creep: float, steps: int, *, far: bool) -> Demand:
    """Return what a creeping loss must show after so many steps."""
    if steps >= LONGEST:
        return Demand(creep, ROUGH, ROUGH, pace=-math.inf)
    rough = ROUGH if far and steps >= LONG else STILL if steps >= LONGER else 0.0
    return Demand(creep, rough, creep)


class _Near:
    """Whether a flow has come near a critical point: asked at each of its steps."""

    def __init__(self, run: Coordinates) -> None:
        self.run = run
        self.peak, self.levels, self.age = 0.0, LEVELS, -math.inf
        self.tried, self.calm = 0.0, math.inf

    def rises(self, force: float, age: float | None) -> bool:
        """Whether all begins anew: the force is larger than ever, or a saddle was left.

        Time has the logarithm `age`.
        """
        before, self.age = self.age, -math.inf if age is None else age
        if self.age < before:
            self.tried, self.calm = 0.0, math.inf
        elif force <= self.peak:
            return False
        self.peak, self.levels = force, LEVELS
        return True

    def critical(self, z: Array, force: float) -> Array | None:
        """Return the critical point near `z`, if there is one."""
        run, size, age = self.run, self.run.size(z, force), self.age
        if size > CERTIFICATE_TOLERANCE:
            self.calm = math.inf
        still = size <= STATIONARY and age > self.tried
        if not (still or (self.levels and force <= self.levels[0] * self.peak)):
            return None
        found = run.polish(z)
        # Where Newton's method gains nothing, the flow may go on all the same.
        if found is not None and (found is not z or size <= ENOUGH):
            return found
        passed = sum(force <= level * self.peak for level in self.levels)
        self.levels, self.tried = self.levels[passed:], max(age, 0.0) + 1.0
        if still:
            self.calm = min(self.calm, age) if run.flat(z, force) else math.inf
        return z if still and age - self.calm >= CALM else None


def settle(
    network: HomogeneousNetwork, theta: Array, found: Descent, *, creep: float = CREEP
) -> Descent:
    """Descend again after neurons at zero were taken out of what `descend` found."""
    if found.creep:
        return Descent(theta, found.creep, found.loss)
    sizes = np.linalg.norm(theta, axis=1)
    run = Coordinates.of(network, theta, sizes, SHARP)
    polished = run.polish(run.origin)
    if polished is not None:
        return _critical(run, polished)
    return descend(network, theta, sizes, creep=creep)


def newton(network: Any, theta: Array, start: float) -> Descent | None:
    """Return the critical point near `theta` (A, p), if there is one; `start` is L(0).

    Of the `network` only the degree and the gradient are used, and the hessian if it has one.
    """
    run = Coordinates(network, theta, np.eye(theta.shape[1]), start)
    found = run.polish(run.origin)
    return None if found is None else Descent(run.at(found), 0.0)


def _critical(run: Coordinates, z: Array) -> Descent:
    return Descent(run.at(z), 0.0, run.loss(z))


def _norms(theta: Array) -> Array:
    return np.asarray(np.linalg.norm(theta, axis=1))


@dataclass(frozen=True, eq=False)
class _Step:
    """A step of the flow: where it ends, |∂L/∂z| there, and where time has doubled within it.

    There is no `age`, the logarithm of time, while the new neurons grow.
    """

    z: Array
    force: float
    age: float | None = None
    looks: tuple[Array, ...] = ()


def _flow(run: Coordinates, sizes: Array) -> Iterator[_Step]:
    """Yield the steps of the flow."""
    norms = _norms(run.theta)
    small = norms < GROWN * sizes

    def growth(z: Array) -> float:
        shares = _norms(run.at(z)[small]) / sizes[small]
        return float(shares.max()) if small.any() else math.inf

    rtol = min(RTOL, CANCELLED * float(sizes[small].min(initial=math.inf) / norms.max()) ** 3)
    peak, birth, last, start = 0.0, 0.0, 0.0, run.origin
    atol, grown = rtol * float(norms.min()), growth(start)
    for time, z, force, curve in _steps(run, start, lambda _: 1.0, rtol, atol):
        yield _Step(z, force)
        before, grown = grown, growth(z)
        if before < GROWN / 2 <= grown:
            birth = _crossing(curve(), growth, GROWN / 2, last, time)
        last = time
        if grown < GROWN / 2:
            continue
        peak = max(peak, force)
        if force <= FALLEN * peak and grown >= GROWN:
            break
    yield from _aging(run, z, last - birth)


def _crossing(curve: Any, height: Any, level: float, start: float, stop: float) -> float:
    """Return when the height of the curve comes to a level that it has at the stop."""
    from scipy.optimize import brentq

    def above(time: float) -> float:
        return float(height(curve(time))) - level

    return start if above(start) >= 0 else float(brentq(above, start, stop))


def _aging(run: Coordinates, z: Array, aged: float) -> Iterator[_Step]:
    """Yield the steps in the logarithm of the time that passes, `aged` at first.

    A slow saddle that is left begins a new age: what follows is as fast as leaving it was.
    """
    error = FINE * run.norm(z) / math.sqrt(z.size)
    for _ in range(AGES):
        lowest = since = math.inf
        left, last, pace = False, 0.0, partial(_exponential, aged)
        for age, place, force, curve in _steps(run, z, pace, FINE, error, 1.0):
            yield _Step(place, force, age, _doublings(math.log(aged), last, age, curve))
            last = age
            if force < lowest:
                lowest, since = force, pace(age)
            left = force > LEFT * lowest and run.size(place, force) > CERTIFICATE_TOLERANCE
            if left:
                z, aged = place, (pace(age) - since) / math.log(LEFT)
                break
        if not left:
            return


def _doublings(birth: float, last: float, age: float, curve: Any) -> tuple[Array, ...]:
    """Return the places between two ages at which the time since `birth` is a power of two."""
    first, past = (math.floor((birth + time) / math.log(2)) + 1 for time in (last, age))
    return tuple(curve()(k * math.log(2) - birth) for k in range(first, past))


def _exponential(aged: float, age: float) -> float:
    return aged * math.exp(age)


def _steps(
    run: Coordinates, z: Array, pace: Any, rtol: float, atol: float, longest: float = math.inf
) -> Iterator[tuple[float, Array, float, Callable[[], Any]]]:
    """Yield time, z, |∂L/∂z| and what makes the curve, after every step of the integrator.

    It is one of z' = −pace(time) ∂L/∂z.
    """
    from scipy.integrate import BDF, LSODA

    def solver(time: float, z: Array, finer: float) -> Any:
        return (LSODA if finer == 1 else BDF)(
            lambda time, z: -pace(time) * run.gradient(z),
            time,
            z,
            math.inf,
            max_step=longest,
            rtol=finer * rtol,
            atol=finer * atol,
            jac=lambda time, z: -pace(time) * run.hessian(z),
        )

    finer, flow = 1.0, solver(0.0, z, 1.0)
    for _ in range(KINKED_STEPS if getattr(run.network, "kinked", False) else STEPS):
        # A failed step is taken anew or reported by a status, not by a warning besides.
        with np.errstate(over="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            time, z = flow.t, flow.y.copy()
            with suppress(ValueError, np.linalg.LinAlgError):
                flow.step()
        if flow.status == "failed" or flow.t == time or not np.isfinite(flow.y).all():
            finer *= FINER
            if finer < FINEST:
                raise Breakdown(Status.STALLED, "the flow of the active neurons broke off")
            flow = solver(time, z, finer)
            continue
        force = float(np.linalg.norm(run.gradient(flow.y)))
        yield flow.t, flow.y.copy(), force, flow.dense_output
