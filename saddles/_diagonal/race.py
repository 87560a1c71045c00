"""Clocks that run side by side, and the race among them.

The clocks S = Xᵀρ of some columns, which are kept together, move with the dual point, ρ' = r, at
speed c = Xᵀr, each until it reaches its boundary: t⁺ above or −t⁻ below. A race takes one product
with these columns; the clocks themselves are carried on from ring to ring. Clocks, boundaries and
speeds are kept over |x_i|, so that rounding is the same for all.

============  ======================================================================
code name     symbol
============  ======================================================================
``arc``       ∫|r| dτ
``reach``     what rounding may have moved a clock by, over |x_i|
``noise``     what rounding may leave of x·r, for unit x
``scale``     1 / |x_i|; 0 for columns of zeros, and for clocks at their boundary (m,)
``clocks``    S_i / |x_i| (m,); ``ahead`` at the ring
``speed``     x_i·r / |x_i| (m,); ``pace`` its magnitude
``ceiling``,  t⁺ / |x_i|, −t⁻ / |x_i| (m,)
``floor``
============  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from saddles._problems.features import Features
from saddles._problems.in_units import ROUNDING_SHARE, TIME_TOLERANCE, InUnits
from saddles.typing import Array, Indices, Mask

__all__ = ["Bounds", "Clocks", "Course", "Race"]

AT_ONCE = np.zeros(1)

#: What exceeds rounding by this factor is taken for a signal.
SEEN = 16


@dataclass(frozen=True, eq=False)
class Bounds:
    """Boundaries of all clocks, also over |x_i| (d,); see the module's table.

    They are ``even`` if all are as far above zero as below.
    """

    upper: Array
    lower: Array
    scale: Array
    ceiling: Array
    floor: Array
    even: bool

    @classmethod
    def of(cls, norms: Array, upper: Array, lower: Array) -> Bounds:
        """Return the bounds t⁺ and t⁻ for columns of these norms; those of zeros never ring."""
        with np.errstate(over="ignore", divide="ignore"):
            scale = 1 / norms
            ceiling, floor = upper * scale, -lower * scale
        scale[norms == 0] = 0.0
        return cls(upper, lower, scale, ceiling, floor, np.array_equal(upper, lower))

    def at(self, units: Indices) -> tuple[Array, Array, Array]:
        """Return scale, ceiling and floor of `units`."""
        return self.scale[units], self.ceiling[units], self.floor[units]


class Course(NamedTuple):
    """Where the dual point is and where it goes; see the module's table.

    The clocks of ``held`` and ``resting`` stand at their boundary; those of ``leaving`` stood there
    until now.
    """

    dual: Array
    residual: Array
    size: float
    time: float
    arc: float
    reach: float
    noise: float
    held: Indices
    resting: Indices
    leaving: Indices


class Race(NamedTuple):
    """The clocks that ring first, and when.

    ``units`` are those of the clocks that ring ``first``, up to rounding, ``goals`` the boundaries
    that they reach and ``pace`` how fast, over |x_i|, all (m,). Clocks ring together that are at
    most ``slack`` from their boundary when the first is there, and ``apart`` is how far they are
    (m,), both over |x_i|. The next one rings ``second``. If none rings, ``first`` is infinite and
    ``units`` are all that move.
    """

    units: Indices
    goals: Array
    pace: Array
    slack: float
    apart: Array
    first: float
    second: float


class Clocks:
    """Clocks of `columns`, those of `units` (None: all), where the dual point is `dual`."""

    def __init__(
        self,
        data: InUnits,
        bounds: Bounds,
        dual: Array,
        clocks: Array,
        units: Indices | None = None,
        columns: Features | None = None,
    ) -> None:
        self._data, self._bounds = data, bounds
        self._all, self._late = units is None, np.zeros(0, dtype=np.intp)
        self._places: dict[int, int] = {}
        self._blocks = [data.features if columns is None else columns]
        self.units = np.arange(clocks.size) if units is None else units
        self._scale, self._ceiling, self._floor = bounds.at(self.units)
        self._even = bounds.even
        self._dual, self._clocks = dual, clocks * self._scale
        self._ahead = self._clocks

    @property
    def late(self) -> int:
        """How many clocks were added."""
        return int(self._late.size)

    def hold(self, units: Indices) -> None:
        """Let the clocks of `units` rest where they are, if these are the clocks of all."""
        self._scale[units] = 0.0

    def release(self, units: Indices, dual: Array) -> None:
        """Let clocks that stand at their boundary run again, or run here for the first time."""
        strangers = []
        for unit in units.tolist():
            place = unit if self._all else self._places.get(unit)
            if place is None:
                strangers.append(unit)
            else:
                self._scale[place] = self._bounds.scale[unit]
        if strangers:
            self._add(np.array(strangers), dual)

    def _add(self, units: Indices, dual: Array) -> None:
        self._advance(dual)
        self.units = np.concatenate([self.units, units])
        self._late = np.concatenate([self._late, units])
        late = self._data.features.chosen(self._late)
        self._blocks[1:] = [late]
        scale, ceiling, floor = self._bounds.at(units)
        clocks = late.pull(dual)[-units.size :] * scale
        self._clocks = self._ahead = np.concatenate([self._clocks, clocks])
        self._scale = np.concatenate([self._scale, scale])
        self._ceiling = np.concatenate([self._ceiling, ceiling])
        self._floor = np.concatenate([self._floor, floor])

    def _advance(self, dual: Array) -> None:
        """Be at `dual`: where the last race began, or where its first clock rang."""
        if dual is not self._dual:
            self._clocks, self._dual = self._ahead, dual

    def race(self, course: Course) -> Race:
        """Return the race that starts where the last one's first clock rang.

        Whatever stationarity or orthogonality makes zero is rounding in the products, and no speed.
        """
        self._advance(course.dual)
        clocks, speed = self._clocks, self._speed(course.residual)
        pace = np.abs(speed)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            if self._even:
                delays = np.copysign(self._ceiling, speed)  # a third of the time of the other way
            else:
                delays = np.where(speed > 0, self._ceiling, self._floor)
            delays -= clocks
            delays /= speed
            delays[pace <= course.noise] = math.inf
            first = _least(delays)
            if not math.isfinite(first):
                moving = (pace > course.noise).nonzero()[0]
                units, goals = self._arrivals(moving, speed)
                return Race(units, goals, pace[moving], 0.0, pace[:0], first, math.inf)
            slack = course.reach + first * course.noise
            lead = delays - first
            lead *= pace
            ties = (lead <= slack).nonzero()[0]
            if ties.size > 1:
                ties = ties[_together(lead[ties], pace[ties], slack, course.time + first)]
            self._ahead = first * speed
            self._ahead += clocks
        apart = lead[ties] if ties.size > 1 else AT_ONCE
        rung = ties.item() if ties.size == 1 else ties  # a number is faster than an array of one
        delays[rung] = math.inf
        self._scale[rung] = 0.0
        units, goals = self._arrivals(ties, speed)
        pace = pace[ties]
        if not self._all:
            self._places.update(zip(units.tolist(), ties.tolist(), strict=True))
        return Race(units, goals, pace, slack, apart, first, _least(delays))

    def _speed(self, residual: Array) -> Array:
        speed = self._blocks[0].pull(residual)
        if len(self._blocks) > 1:
            speed = np.concatenate([speed, self._blocks[1].pull(residual)])
        speed *= self._scale
        return speed

    def _arrivals(self, places: Indices, speed: Array) -> tuple[Indices, Array]:
        """Return clocks, and the boundaries to which they move."""
        units, upper, lower = self.units[places], self._bounds.upper, self._bounds.lower
        if units.size == 1:
            return units, upper[units] if speed.item(places.item()) > 0 else -lower[units]
        return units, np.where(speed[places] > 0, upper[units], -lower[units])


def _together(lead: Array, pace: Array, slack: float, time: float) -> Mask:
    """Mark the clocks that ring with the first one, of those that are short by at most `slack`.

    Slow clocks that are seen to be apart, by more than rounding, ring one after the other.
    """
    seen = lead > SEEN * ROUNDING_SHARE * slack
    return np.asarray(~seen | (lead <= TIME_TOLERANCE * time * pace))


def _least(values: Array) -> float:
    """Return the smallest of `values`, infinity if there are none."""
    return float(values[values.argmin()]) if values.size else math.inf
