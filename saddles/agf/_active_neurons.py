"""Active neurons: from the moment of activation to the next critical point.

The active neurons follow θ' = −∂L/∂θ, all of them together, from the last critical point with the
new ones beside it, small and along the directions that they have turned to. Which critical point
they reach is a question about that flow, so it is followed (`saddles.agf._active_flow`) until it is
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
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.agf._active_coordinates import ENOUGH, SHARP, STATIONARY, Coordinates
from saddles.agf._active_flow import Step, follow
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
#: New neurons start this small beside the norm that they will about have.
AMPLITUDE = 1e-2
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
#: How often a subspace may turn out to be too small for the neurons that descend in it.
WIDER = 4


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
    for step in follow(run, sizes):
        if near.begins_anew(step):
            trail = Trail()
        found = near.critical(step)
        if found is not None:
            return _critical(*run.sharpened(found))
        steps += step.age >= 0
        for z in step.looks:
            demand = _demand(creep, steps, far=run.norm(z) >= FAR * largest)
            if trail.at_infinity(run, z, run.gradient(z), demand):
                return Descent(run.at(z), trail.ahead, max(trail.level, 0.0) * run.start)
    # Newton's method gained nothing and the flow stood still to its last step.
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
        self.run, self.era = run, 0
        self.peak, self.levels = 0.0, LEVELS
        self.tried, self.calm = 0.0, math.inf

    def begins_anew(self, step: Step) -> bool:
        """Whether the force is larger than ever, or a slow saddle was left; all is tried again."""
        if step.era > self.era:
            self.era, self.tried, self.calm = step.era, 0.0, math.inf
        elif step.force <= self.peak:
            return False
        self.peak, self.levels = step.force, LEVELS
        return True

    def critical(self, step: Step) -> Array | None:
        """Return the critical point (A m,) near the end of the step, if there is one."""
        run, z, force, age = self.run, step.z, step.force, step.age
        size = run.size(z, force)
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
