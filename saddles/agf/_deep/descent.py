"""The descent of the active weights of any network, from a saddle to the next critical point.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``theta``        θ, all weights, shape (p,); those that are dormant stay 0
``active``       the weights that move, (k,)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.linalg import norm

from saddles._numerics.critical import FLAT, Point, Rules, Spectrum, search
from saddles._numerics.ends import endless
from saddles._numerics.stepping import Equation, Integration, Tolerances
from saddles.agf._deep.whole import Whole
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__ = ["Landed", "descend"]

#: Force where the descent begins, relative to what it is where the new weights stop to help. What
#: the straight way there leaves out is small like the way, and rounding is small beside the force.
FORCE = 1e-8
#: Error of a step, and their number.
RTOL, ATOL, STEPS = 1e-8, 1e-12, 20_000
#: How far the first step goes, as a share of the way from the saddle.
CAREFUL = 1e-3
#: Newton's method is tried where the force has fallen to this share of its largest, and at every
#: decade after that, down to the last.
FIRST, DECADE, LAST = 1e-3, 0.1, 1e-11
#: Force, relative to the largest it could be, at which a point is critical, and may be.
ENOUGH, CRITICAL, PATIENCE = 1e-15, 1e-13, 6
#: Newton's method is tried where the loss has fallen by this share of what the new weights alone
#: can lower it by: close to the saddle that is left it would lead back.
LEFT = 0.01
#: A longer displacement, relative to the point, would leave what the flow conserves, and so the
#: minimum that it tends to among all those that symmetries connect. The error is its square.
NEAR = 1e-4
#: Doublings of the first trial length until the loss has stopped to fall.
TRIAL, DOUBLINGS = 2.0**-30, 60
#: Error of a loss, as a share of it.
ROUNDING = 1e-13
#: How far from a point symmetries are counted, as a share of its size.
AWAY = 0.2
#: Size of the weights, relative to where they stop to help, on their way to infinity.
DIVERGED = 1e4


@dataclass(frozen=True, eq=False)
class Landed:
    """A critical point of the active weights.

    It is ``minimal`` where no curvature leads down, and none is zero but by symmetries: units of
    degree one that share a direction could otherwise still part.
    """

    theta: Array
    force: float
    minimal: bool


def descend(network: Whole, theta: Array, active: Indices, direction: Array, degree: int) -> Landed:
    """Descend from `theta` along a unit `direction` (p,), whose weights just became active.

    Raises
    ------
    Breakdown
        STALLED if no critical point is reached, UNBOUNDED if weights grow beyond all bounds.
    """
    far = _reach(network, theta, direction)
    way = far * FORCE ** (1 / (degree - 1))
    start = (theta + way * direction)[active]
    size = far + float(norm(theta))
    ground = _Ground(network, theta, active, size)

    def velocity(_: float, y: Array) -> Array:
        return -network.slope(ground.whole(y))[active]

    def jacobian(_: float, y: Array) -> Array:
        return -network.bend(ground.whole(y), active)

    run = Integration(
        Equation(velocity, start, jacobian=jacobian, overflows=True),
        Tolerances(rtol=RTOL, atol=ATOL * size, first=CAREFUL * way / norm(velocity(0.0, start))),
        STEPS,
    )
    height = network.value(theta)
    level = height - LEFT * (height - network.value(theta + far * direction))
    largest, mark = 0.0, FIRST
    spread: list[float] = []
    for solver in run:
        if not norm(solver.y) <= DIVERGED * size:
            raise Breakdown(Status.UNBOUNDED, "the active weights grow beyond all bounds")
        force = float(norm(velocity(0.0, solver.y)))
        largest = max(largest, force)
        mark = max(mark, DECADE**3 * force / largest)
        if force <= mark * largest and network.value(ground.whole(solver.y)) < level:
            spread.append(math.log(norm(solver.y)))
            found = ground.polished(solver.y)
            if found is not None and (found.minimal or not endless(spread)):
                return found
            if force <= LAST * largest:
                break
            mark = DECADE * force / largest
    if endless(spread):
        raise Breakdown(
            Status.UNBOUNDED,
            "the minimum lies at infinity: the active weights still grow, by the same share each "
            "time that their gradient falls by a decade",
        )
    raise Breakdown(Status.STALLED, "the descent of the active weights came to no critical point")


def _reach(network: Whole, theta: Array, direction: Array) -> float:
    """Return how far along a direction the loss falls."""
    far = TRIAL
    before = height = network.value(theta)
    for _ in range(DOUBLINGS):
        after = network.value(theta + 2 * far * direction)
        if not after <= before + ROUNDING * height:
            return far
        far, before = 2 * far, after
    raise Breakdown(Status.UNBOUNDED, "the loss falls without bound along what activates")


@dataclass(frozen=True, eq=False)
class _Ground:
    """The loss over the active weights."""

    network: Whole
    theta: Array
    active: Indices
    size: float

    def whole(self, y: Array) -> Array:
        """Return all weights."""
        theta = self.theta.copy()
        theta[self.active] = y
        return theta

    def point(self, y: Array, /) -> Point:
        theta = self.whole(y)
        force = -self.network.slope(theta)[self.active]
        curved = Spectrum.of(self.network.bend(theta, self.active))
        share = float(norm(force)) / (curved.largest * self.size)
        return Point(y, force, share, lambda: curved)

    def newton_step(self, at: Point, /) -> Array:
        assert at.spectrum is not None
        return at.spectrum.inverse(at.force, FLAT * at.spectrum.largest)

    def polished(self, y: Array) -> Landed | None:
        """Apply Newton's method; None where it meets any doubt."""
        rules = Rules(enough=ENOUGH, patience=PATIENCE, longest=2.0)
        found = search(self, y, rules)
        if found is None or found.point.size > CRITICAL:
            return None
        spectrum = found.point.spectrum
        assert spectrum is not None
        if norm(found.moved) > NEAR * norm(y) or spectrum.climbs(found.moved):
            return None
        down = (spectrum.values < -FLAT * spectrum.largest).any()
        return Landed(
            theta=self.whole(found.point.place),
            force=found.point.size,
            minimal=not down and spectrum.flat <= self._freedom(found.point.place),
        )

    def _freedom(self, y: Array) -> int:
        """Return the number of flat directions that symmetries explain: those at weights nearby."""
        shaken = y + AWAY * self.size * np.random.default_rng(0).standard_normal(y.shape)
        return self.network.freedom(self.whole(shaken), self.active)
