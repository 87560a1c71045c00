"""Clocks of dormant neurons of any degree, and what a utility step takes and returns.

The formulas are those of `saddles.agf._engine.dormant`: a neuron activates when it has gathered
the utility A that it lacks.

===============  =========================================================================
code name        symbol
===============  =========================================================================
``lacking``      A, the utility that each still has to gather, (D,)
``slowness``     s = (κ − 2) A + s₀, (D,);  ``floor`` s₀
===============  =========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._engine.levels import ROUNDING
from saddles.typing import Array, Indices

__all__ = ["Clock", "Dormant", "Phase"]


@dataclass(frozen=True)
class Clock:
    """How norms, clocks and directions hang together; see the module's formulas.

    Attributes
    ----------
    degree : int
        κ.
    scale : float
        log(1/α), infinite in the limit.
    log_threshold : float
        log h.
    """

    degree: int
    scale: float
    log_threshold: float = 0.0

    @property
    def log_floor(self) -> float:
        """Return log s₀."""
        if self.degree == 2:
            return -math.log(self.scale)
        return -(self.degree - 2) * (self.scale + self.log_threshold)

    @property
    def logarithm(self) -> float:
        """Return a time of log(1/α) in scaled time: what takes that long takes none in the limit.

        For κ > 2 only.
        """
        power = (self.degree - 2) * self.scale
        return 0.0 if math.isinf(power) else self.scale * math.exp(-power)

    def lacking(self, log_norms: Array) -> Array:
        """Return A of neurons with log|θ/α| = `log_norms`."""
        if self.degree == 2:
            limit = math.isinf(self.scale)
            return 1 + (0 * log_norms if limit else (self.log_threshold - log_norms) / self.scale)
        power = self.degree - 2
        return np.asarray((np.exp(-power * log_norms) - math.exp(self.log_floor)) / power)

    def log_norms(self, lacking: Array) -> Array:
        """Return log|θ| of neurons that lack A; for κ > 2 and a finite scale only."""
        return -self.log_slowness(lacking) / (self.degree - 2) - self.scale

    def log_slowness(self, lacking: Array) -> Array:
        """Return log s."""
        above = np.maximum((self.degree - 2) * lacking, 0.0)
        with np.errstate(divide="ignore"):
            return np.logaddexp(np.log(above), self.log_floor)

    def after(self, lacking: Array, gained: Array) -> Array:
        """Return A once log norms have grown by `gained`."""
        if self.degree == 2:
            return np.asarray(lacking - gained / self.scale)
        power = self.degree - 2
        with np.errstate(over="ignore"):
            slowness = np.exp(self.log_slowness(lacking) - power * gained)
        return np.asarray((slowness - math.exp(self.log_floor)) / power)

    def gain(self, lacking: Array) -> Array:
        """Return by how much log norms have to grow; in the limit, until next to nothing lacks.

        Infinite where what is lacking is gathered in no own time at all.
        """
        if self.degree == 2:
            return (
                np.full(len(lacking), math.inf) if math.isinf(self.scale) else lacking * self.scale
            )
        if math.isinf(self.scale):
            return np.where(lacking > 0, -math.log(ROUNDING) / (self.degree - 2), math.inf)
        return (self.log_slowness(lacking) - self.log_floor) / (self.degree - 2)


@dataclass(frozen=True, eq=False)
class Dormant:
    """Dormant neurons: where each points and what it lacks; see the module's table."""

    directions: Array
    lacking: Array

    def rows(self, units: Indices) -> Dormant:
        """Return some of them."""
        return Dormant(self.directions[units], self.lacking[units])


@dataclass(frozen=True, eq=False)
class Phase:
    """What a utility step ends with.

    Attributes
    ----------
    delay : float
        Scaled time until the first clock rings; infinite if none does.
    units : ndarray of int
        Rows that ring.
    margin : float
        Relative lead over the next row, whose delay supposes that it goes on at its present
        growth: growth never falls, so the true lead is no larger.
    after : Dormant
        All rows at the ring.
    begun : Dormant, optional
        All rows where their flow on the way to the ring began.
    pull : float
        Largest |∇U| at the start of the phase.
    unique : bool
        False if rounding of the data could lead a neuron elsewhere.
    """

    delay: float
    units: Indices
    margin: float
    after: Dormant
    pull: float
    begun: Dormant | None = None
    unique: bool = True
