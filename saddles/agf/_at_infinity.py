"""Critical points at infinity: where a creeping flow is going, from where it has come.

A loss of homogeneous neurons may have an infimum that no finite point attains: norms grow like a
power of time while the loss falls towards it like another, L(t) = L∞ + C t^(−b) and smaller terms.
(Two neurons ±Rc + δ/R^(κ−1) that all but cancel compute the derivative of one along δ, up to
R^(−2κ); the flow then has R^(2κ+2) ~ t.) The flow's time has no bound on a plateau as α → 0, so
the creep goes all the way, and dormant neurons see the residual at infinity.

It is extrapolated: three points of the flow give L∞, C and b. What dormant neurons see is the
residual of the last of them.

===============  ===================================================================
code name        symbol
===============  ===================================================================
``age``          logarithm of the flow's time
``level``        L∞ / L(0)
``ahead``        C t^(−b) / L(0): fall still to come
===============  ===================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._active_coordinates import Coordinates
from saddles.typing import Array

__all__ = ["Demand", "Trail"]

#: Time grows by this factor between the points that are fitted, and between estimates that are
#: compared.
WINDOW, AGAIN = 4.0, 2.0
#: The least distance between points, in the logarithm of time.
EVERY = 0.1
#: Powers of time, b, that a fit may find.
POWERS = (0.05, 10.0)
#: Fall that the growth of norms lets expect, beside what is fitted. They are equal for pairs of
#: neurons of degree 3; much more means that the flow has not come to its final pace yet.
EXPECTED = 4.0
#: Nothing farther ahead, relative to L(0), is extrapolated: estimates may agree by chance.
FARTHEST = 2e-4
#: Norms that grow slower than this power of time are about to stop; where one grows faster than the
#: other, it has not come to its final pace, which is 1/(2κ + 2) for pairs.
GROWING, FASTEST = 0.01, 0.25


@dataclass(frozen=True, eq=False)
class _Fit:
    """L(0) (`level` + `ahead`) is the loss at the last of three points."""

    level: float
    ahead: float
    power: float


@dataclass(frozen=True)
class Demand:
    """What a loss must show that creeps: the less, the longer it has been followed.

    Attributes
    ----------
    error : float
        Estimates of L∞ agree to this.
    rough : float
        Else it has fallen by no more than this while time last grew by `WINDOW`, and by less than
        before; or there is nothing left of it beyond the error.
    growing : float
        Or by more than before, but no more than this, where no curvature leads down: a slow saddle
        is being left where it does.
    pace : float
        A norm grows at least like this power of time: else all are about to stop.
    """

    error: float
    rough: float = 0.0
    growing: float = 0.0
    pace: float = GROWING


class Trail:
    """The loss along a flow, in units of L(0), and what it tends to.

    Attributes
    ----------
    level, ahead : float
        The infimum, and how far the last point is above it, once the flow is `at_infinity`.
    """

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.losses: list[float] = []
        self.norms: list[Array] = []
        self.estimate: tuple[float, _Fit] | None = None
        self.level, self.ahead = math.nan, math.nan

    def wants(self, age: float) -> bool:
        """Whether a point of this age is worth adding."""
        return not self.ages or age >= self.ages[-1] + EVERY

    def at_infinity(
        self, run: Coordinates, age: float, z: Array, gradient: Array, demand: Demand
    ) -> bool:
        """Add a point of the flow and the gradient there; whether L∞ is known."""
        loss = run.loss(z) / run.start
        self.ages.append(age)
        self.losses.append(loss)
        self.norms.append(np.log(np.linalg.norm(run.at(z), axis=1)))
        before = self.estimate
        if before is not None and age < before[0] + math.log(AGAIN):
            return False
        points = self._points()
        fit = self._fit(points) if points else None
        self.estimate = None if fit is None else (age, fit)
        if demand.rough and 0 <= loss <= demand.error:
            self.level, self.ahead = loss, loss
            return True
        growth = run.growth(z, gradient)
        if not points or not growth > 0 or not demand.pace <= self._pace(points[1]):
            return False
        if fit is not None and before is not None and self._pace(points[1]) <= FASTEST:
            agree = abs(fit.level - before[1].level) <= demand.error
            if agree and growth <= EXPECTED * fit.ahead <= EXPECTED * FARTHEST:
                self.level, self.ahead = fit.level, fit.ahead
                return True
        before_that, fall = -np.diff([self.losses[k] for k in points])
        self.level, self.ahead = loss, float(fall)
        if not (0 < fall <= demand.rough and growth <= EXPECTED * fall):
            return False
        if fall <= before_that:
            return True
        return bool(fall <= demand.growing and run.flat(z, float(np.linalg.norm(gradient))))

    def _pace(self, since: int) -> float:
        """Return the largest power of time with which a norm grows."""
        grown = self.norms[-1] - self.norms[since]
        return float(grown.max() / (self.ages[-1] - self.ages[since]))

    def _points(self) -> tuple[int, ...]:
        """Return the indices of three points, time growing by `WINDOW` between them."""
        back = self.ages[-1] - math.log(WINDOW) * np.array([2.0, 1.0])
        first, second = (int(k) - 1 for k in np.searchsorted(self.ages, back, side="right"))
        return (first, second, len(self.ages) - 1) if 0 <= first < second else ()

    def _fit(self, chosen: tuple[int, ...]) -> _Fit | None:
        """Return L∞, C and b; None if the loss does not fall like that."""
        from scipy.optimize import brentq

        ages, losses = (np.array([row[k] for k in chosen]) for row in (self.ages, self.losses))
        (d1, d2), (f1, f2) = np.diff(ages), -np.diff(losses)
        if not f1 > f2 > 0:
            return None

        def excess(power: float) -> float:
            return float(math.expm1(power * d1) / -math.expm1(-power * d2) - f1 / f2)

        low, high = POWERS
        if not excess(low) < 0 < excess(high):
            return None
        power = float(brentq(excess, low, high))
        ahead = float(f2 / math.expm1(power * d2))
        return _Fit(float(losses[-1]) - ahead, ahead, power)
