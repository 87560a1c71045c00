"""Active neurons: from the moment of activation to the next critical point.

The active neurons follow θ' = −∂L/∂θ, all of them together, from the last critical point with the
new ones beside it, small and along the directions that they have turned to. Which critical point
they reach is a question about that flow, so it is followed (`active_flow`) until it is
certain; Newton's method then adds the digits. The flow may also creep: norms grow without bound,
like a power of time, while the loss falls ever more slowly to an infimum that no finite point
attains. It is then followed, in the logarithm of time, until that infimum can be extrapolated.

Where neurons come to mirror each other, as pairs of one frequency do at infinity, the next critical
point may be unstable in directions that break the symmetry. New neurons are therefore tilted, a
little and always in the same way: else rounding would choose the side to which the flow leaves.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``theta``       θ, the active neurons, (A, p)
``z``           coordinates of `saddles.agf._engine.coordinates`
``sizes``       norms that neurons may about come to, (A,)
``creep``       fall of L from the neurons to the infimum, relative to L(0), at infinity
==============  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles.agf._engine.active_flow import COMMON, DESCENT_STEPS, GROWN, Step, follow, shares
from saddles.agf._engine.arrival import Nearby
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.creep import ROUGH, Demand, Trail
from saddles.agf._engine.levels import AMPLITUDE, HARDLY, NO_PART, STATIONARY
from saddles.homogeneous import Declared
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = [
    "CREEP",
    "Descent",
    "amplitude",
    "descend_neurons",
    "newton",
    "reach",
    "settle",
]

#: Less than a quarter, for rounding: a loss that falls below is not bounded by 0.
BOUNDED_BELOW = 0.2
#: Extrapolations of the infimum to which the loss creeps may differ by this, relative to L(0).
CREEP = 1e-5
#: After `LONG` looks they need not agree, if neurons have grown by the factor `FAR` and the loss
#: falls by no more than `ROUGH` while time grows fourfold. After `LONGER` looks a fall by no more
#: than `STILL` will do. After `LONGEST` looks, or after `MANY` steps, a fall by `ROUGH` will do,
#: even if it exceeds the one before or the norms are about to stop: the farther out neurons are
#: that nearly cancel, the shorter steps become. The first two wait longer for a
#: smaller `CREEP`: what is ahead of a pair of neurons falls like time^(−κ/(κ + 1)).
LONG, LONGER, LONGEST, MANY = 10, 14, 30, DESCENT_STEPS // 2
FAR, STILL = 1.5, 2e-4


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
    lasted : float
        How long the neurons moved fast: from half of `GROWN` until the force had `FALLEN`.
    """

    theta: Array
    creep: float
    loss: float | None = None
    lasted: float = 0.0


def reach(network: Declared, active: Array, direction: Array) -> float:
    """Return the norm at which one more neuron of this `direction` (p,) would serve best.

    Along the ray L(c) = L − c^κ U + c^{2κ} q is least where c^κ = U / (2q). It is evaluated where
    c^κ U = L: there L(c) is c^{2κ} q, and at least L/4 if no loss along the ray is negative.
    """
    row, degree = direction[None], network.degree
    utility, loss = float(network.utility(row, active)[0]), float(network.loss(active))
    size = float((loss / utility) ** (1 / degree)) if utility > 0 else math.nan
    held = network.loss(np.vstack([active, size * row]))
    if not held >= BOUNDED_BELOW * loss:
        raise Breakdown(Status.UNBOUNDED, "a neuron activates that nothing holds back")
    return size * float((loss / (2 * held)) ** (1 / degree))


def amplitude(degree: int) -> float:
    """Return how small a new neuron of this degree starts, beside the norm that it may come to.

    Of a high degree it would hardly ever grow from `AMPLITUDE`.
    """
    return float(AMPLITUDE ** min(1.0, COMMON / degree))


def descend_neurons(
    network: Declared,
    theta: Array,
    sizes: Array,
    *,
    creep: float = CREEP,
    tilt: int = 0,
    life: float = math.inf,
    most: float = math.inf,
) -> Descent:
    """Follow the gradient flow of the neurons `theta` (A, p) to the critical point that it reaches.

    Parameters
    ----------
    network : Declared
        The loss.
    theta : ndarray of shape (A, p)
        Where they start; new ones are tilted a little from there.
    sizes : ndarray of shape (A,)
        Norms that they may about come to.
    creep : float
        How closely estimates of an infimum at infinity must agree, relative to L(0).
    tilt : int
        Seed of the tilt of new neurons.
    life : float
        Time of the flow after which neurons that still creep are left where they are.
    most : float
        Steps after which they are given up.

    Raises
    ------
    Breakdown
        If it reaches no critical point and does not creep to an infimum either.
    """
    for _ in range(network.size):  # each time their subspace has grown
        run = Coordinates.of(network, theta, sizes)
        run = run.tilted(shares(theta, sizes, network.degree) < GROWN, sizes, seed=tilt)
        found = _descended(run, sizes, creep, life, most)
        if found.creep or run.misses(found.theta) <= CERTIFICATE_TOLERANCE:
            return found
        theta, sizes = found.theta, _norms(found.theta)
    raise Breakdown(Status.STALLED, "the active neurons move in ever more directions")


def _descended(run: Coordinates, sizes: Array, creep: float, life: float, most: float) -> Descent:
    """Descend in the subspace that was found at the start."""
    if run.many:
        from saddles.agf._engine.active_search import search

        theta, short = search(run, sizes, creep)
        return Descent(theta, short)
    largest = float(np.linalg.norm(np.maximum(sizes, _norms(run.theta))))
    near, trail, lasted = Nearby(run), Trail(), 0.0
    for steps, step in enumerate(_unbroken(follow(run, sizes), near)):
        if near.begins_anew(step):
            trail = Trail()
        lasted = lasted or step.time
        if steps > most:
            raise Breakdown(Status.STALLED, f"the active neurons took more than {most:g} steps")
        if near.settled(step):
            break
        for time, z in () if near.found is not None else step.looks:
            looks = LONGEST if steps >= MANY else trail.looks + 1
            far, degree = run.norm(z) >= FAR * largest, run.network.degree
            demand = _demand(creep, looks, far=far, degree=degree)
            if trail.lost(run, time, z):  # a small fall will do, if it is less than the one before
                demand = replace(demand, rough=HARDLY, growing=ROUGH, pace=-math.inf)
            if trail.at_infinity(run, z, run.gradient(z), demand):
                return Descent(run.at(z), trail.ahead, max(trail.level, 0.0) * run.start, lasted)
            if time >= life:
                return Descent(run.at(z), trail.latest, None, lasted)
    if near.found is not None:
        return replace(_critical(*run.sharpened(near.found)), lasted=lasted)
    # Newton's method gained nothing and the flow stood still to its last step.
    if run.size(step.z, step.force) <= STATIONARY:
        return replace(_critical(*run.sharpened(step.z)), lasted=lasted)
    raise Breakdown(Status.STALLED, "the flow of the active neurons came to no critical point")


def _unbroken(steps: Iterator[Step], near: Nearby) -> Iterator[Step]:
    """Yield the steps; near a critical point what is left to follow may be rounding, and break."""
    try:
        yield from steps
    except Breakdown:
        if near.found is None:
            raise


def _demand(creep: float, looks: int, *, far: bool, degree: int) -> Demand:
    """Return what a creeping loss must show after this number of looks."""
    if looks >= LONGEST:
        return Demand(creep, ROUGH, ROUGH, pace=-math.inf)
    due = looks - max(0.0, math.log2(CREEP / creep) * (degree + 1) / degree)
    rough = ROUGH if far and due >= LONG else STILL if due >= LONGER else 0.0
    return Demand(creep, rough, creep)


def settle(network: Declared, theta: Array, found: Descent, *, creep: float = CREEP) -> Descent:
    """Descend again after neurons at zero were taken out of what `descend_neurons` found."""
    if found.creep:
        return Descent(theta, found.creep, found.loss)
    sizes = np.linalg.norm(theta, axis=1)
    run = Coordinates.of(network, theta, sizes, NO_PART)
    polished = None if run.many else run.polish(run.origin)
    if polished is not None:
        return _critical(run, polished)
    return descend_neurons(network, theta, sizes, creep=creep)


def newton(network: Declared, theta: Array, start: float) -> Descent | None:
    """Return the critical point near `theta` (A, p), if there is one; `start` is L(0)."""
    run = Coordinates(network, theta, np.eye(theta.shape[1]), start)
    found = run.polish(run.origin)
    return None if found is None else Descent(run.at(found), 0.0)


def _critical(run: Coordinates, z: Array) -> Descent:
    return Descent(run.at(z), 0.0, run.loss(z))


def _norms(theta: Array) -> Array:
    return np.asarray(np.linalg.norm(theta, axis=1))
