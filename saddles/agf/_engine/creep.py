"""Critical points at infinity: where a creeping flow is going, from where it has come.

A loss of homogeneous neurons may have an infimum that no finite point attains: norms grow like a
power of time while the loss falls towards it like another, L(t) = L∞ + C t^(−b) and smaller terms.
(Two neurons ±Rc + δ/R^(κ−1) that nearly cancel compute the derivative of one along δ, up to
R^(−2κ); the flow then has R^(2κ+2) ~ t.) The flow's time has no bound on a plateau as α → 0, so
the creep goes all the way, and dormant neurons see the residual at infinity.

It is extrapolated: three points of the flow give L∞, C and b. What dormant neurons see is the
residual of the last of them. The flow is evaluated whenever time has doubled, not after steps of
the integrator: where it ends then depends on steps by no more than their error.

===============  ===================================================================
code name        symbol
===============  ===================================================================
``level``        L∞ / L(0)
``ahead``        C t^(−b) / L(0): fall still to come
===============  ===================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles._numerics.precision import EPS
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.levels import HARDLY, ROUGHLY, SAFELY
from saddles.typing import Array

__all__ = ["FARTHEST", "ROUGH", "WINDOW", "Demand", "Trail"]

#: Looks between points that are fitted: time grows by `WINDOW` meanwhile.
BETWEEN = 2
WINDOW = 2.0**BETWEEN
#: A fall by this share of L(0), while time last grew by `WINDOW`, may be left of a slow creep.
ROUGH = 5e-4
#: Nothing farther ahead than this multiple of the error is extrapolated: estimates may agree
#: by chance.
FARTHEST = 20.0


@dataclass(frozen=True, eq=False)
class _Fit:
    """L∞ (`level`), and how far the last of three points is above it (`ahead`)."""

    level: float
    ahead: float

    @classmethod
    def of(cls, first: float, second: float, last: float) -> _Fit | None:
        """Fit L∞ + C t^(−b) to losses between which time grows by `WINDOW`.

        None if they do not fall ever more slowly.
        """
        falls = first - second, second - last
        if not falls[0] > falls[1] > 0:
            return None
        ahead = falls[1] / (falls[0] / falls[1] - 1)
        return cls(last - ahead, ahead)


@dataclass(frozen=True)
class Demand:
    """What a loss must show that creeps: the less, the longer it has been followed.

    Attributes
    ----------
    error : float
        Estimates of L∞ agree to this.
    rough : float
        Else they agree to `ROUGHLY` times that, or the loss has fallen by no more than this while
        time last grew by `WINDOW`, and by less than before; or nothing is left of it beyond the
        error.
    growing : float
        Or by more than before, but no more than this, where no curvature leads down: a slow saddle
        is being left where it does.
    pace : float
        A norm grows at least like this power of time: else all are about to stop. Where it grows
        like a much larger one, it has not come to its final pace, which is 1/(2κ + 2) for pairs.
    """

    error: float
    rough: float = 0.0
    growing: float = 0.0
    pace: float = HARDLY


class Trail:
    """The loss along a flow, in units of L(0), and what it tends to.

    Attributes
    ----------
    level, ahead : float
        The infimum, and how far the last point is above it, once the flow is `at_infinity`.
    """

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.norms: list[Array] = []
        self.place: Array | None = None
        self.estimate: float | None = None
        self.level, self.ahead = math.nan, math.nan

    @property
    def looks(self) -> int:
        """How often the flow was looked at."""
        return len(self.losses)

    @property
    def latest(self) -> float:
        """The last fall that was seen, no less than rounding."""
        return max(self.losses[-2] - self.losses[-1] if self.looks > 1 else 0.0, EPS)

    def lost(self, run: Coordinates, time: float, z: Array) -> bool:
        """Return whether the flow has moved hardly faster than rounding since the last look.

        Neurons that nearly cancel have forces that fall, and curvatures that grow, with their
        norms. Time has doubled between looks.
        """
        before, self.place = self.place, z
        if before is None:
            return False
        speed = float(np.linalg.norm(z - before)) / (time / 2)
        return speed <= SAFELY * run.rounding(z)

    def at_infinity(self, run: Coordinates, z: Array, gradient: Array, demand: Demand) -> bool:
        """Add the point of the flow where time has doubled, and the gradient there.

        Return whether L∞ is known.
        """
        loss = run.loss(z) / run.start
        self.losses.append(loss)
        self.norms.append(np.log(np.linalg.norm(run.at(z), axis=1)))
        points = self.losses[-1 - 2 * BETWEEN :: BETWEEN]
        fit = _Fit.of(*points) if len(points) == 3 else None
        before, self.estimate = self.estimate, None if fit is None else fit.level
        if demand.rough and 0 <= loss <= demand.error:
            self.level, self.ahead = loss, loss
            return True
        growth = run.growth(z, gradient)
        if len(points) < 3 or not growth > 0 or not demand.pace <= self._pace():
            return False
        if fit is not None and before is not None and self._pace() <= 1 / (run.network.degree + 1):
            error = demand.error * (ROUGHLY if demand.rough else 1.0)
            agree = abs(fit.level - before) <= error
            # The growth of norms lets expect a fall that is equal for pairs of degree 3; where it
            # is much more, the flow has not come to its final pace yet.
            near = growth <= ROUGHLY * fit.ahead <= ROUGHLY * FARTHEST * demand.error
            if agree and near and run.flat(z, float(np.linalg.norm(gradient))):
                self.level, self.ahead = fit.level, fit.ahead
                return True
        before_that, fall = -np.diff(points)
        self.level, self.ahead = loss, float(fall)
        if not (0 < fall <= demand.rough and growth <= ROUGHLY * fall):
            return False
        if fall <= before_that:
            return True
        return bool(fall <= demand.growing and run.flat(z, float(np.linalg.norm(gradient))))

    def _pace(self) -> float:
        """Return the largest power of time with which a norm grows."""
        grown = self.norms[-1] - self.norms[-1 - BETWEEN]
        return float(grown.max() / math.log(WINDOW))
