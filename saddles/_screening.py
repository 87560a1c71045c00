"""Which clocks ring next, found without a look at those that cannot.

The clocks S = Xᵀρ move with the dual point, ρ' = r, so that |ΔS_i| ≤ |x_i| ΔA, where A = ∫|r| dτ is
the arc length of ρ. A clock that was S_i when the arc length was A cannot ring before it is

    key_i = A + min(t_i⁺ − S_i, S_i + t_i⁻) / |x_i|,

and is not looked at before then. The jump is looked for among the smallest keys first; what would
ring there limits how far the others must be looked at. The runner-up is found with the winner.

===========  ======================================================================
code name    symbol
===========  ======================================================================
``arc``      A, up to the last saddle
``keys``     arc length before which a clock cannot ring (d,); infinite while held
``stride``   arc length from the last saddle to the runner-up of the last race
``reach``    what rounding may have moved a clock by, over |x_i|
``noise``    what rounding may leave of x·r, for unit x
``clocks``   S (m,)
``speed``    x·r (m,)
===========  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from saddles.problems import InUnits
from saddles.typing import Array, Indices

__all__ = ["Course", "Race", "Screen"]

#: Looking at every clock of data with fewer entries takes less time than choosing.
SCREEN_FROM = 2**17

#: So many clocks are looked at first, and `GROWTH` times as many each time more are needed.
HELPING = 128
GROWTH = 4

#: Rounding of a scalar product x·ρ, relative to |x| A and per sample; and of a key.
ROUNDING = 4 * float(np.finfo(float).eps)


class Course(NamedTuple):
    """Where the dual point is and where it goes; see the module's table."""

    dual: Array
    residual: Array
    size: float
    arc: float
    reach: float
    noise: float
    held: Indices


class Race(NamedTuple):
    """The clocks that ring first, and when.

    ``units`` are those of the clocks that ring ``first``, up to rounding, ``goals`` the boundaries
    that they reach and ``blur`` the share of rounding in their delays, all (m,); the next one rings
    ``second``. If none rings, ``first`` is infinite and ``units`` are all that move.
    """

    units: Indices
    goals: Array
    blur: Array
    first: float
    second: float


@dataclass(eq=False)
class Screen:
    """Keys of all clocks of a problem, brought up to date by each race."""

    data: InUnits
    upper: Array
    lower: Array
    choosing: bool = True
    keys: Array = field(init=False)
    stride: float = field(init=False, default=0.0)
    held: Indices = field(init=False)
    looks: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        n, d = self.data.shape
        self.choosing = self.choosing and n * d >= SCREEN_FROM
        self.keys = np.zeros(d if self.choosing else 0)
        self.held = np.zeros(0, dtype=np.intp)
        self._all = np.arange(0 if self.choosing else d)

    def race(self, course: Course) -> Race:
        """Return the next race: all clocks that could be first or second in it."""
        if not self.choosing:
            return self._ranked(course, *self._looked_at(course, None))
        if course.size == 0:
            return self._ranked(course, *self._nobody)
        keys = self.keys
        keys[self.held] = 0.0
        keys[course.held] = math.inf
        self.held = course.held.copy()
        seen: tuple[Any, ...] = self._nobody
        race = self._ranked(course, *seen)
        limit = course.arc + self.stride
        while True:
            due = (keys < limit).nonzero()[0]
            helping = HELPING
            while due.size:
                now, due = self._nearest(due, helping)
                seen = tuple(
                    np.concatenate(pair)
                    for pair in zip(seen, self._looked_at(course, now), strict=True)
                )
                keys[now] = math.inf
                race = self._ranked(course, *seen)
                due = due[keys[due] < self._limit(course, race)]
                helping *= GROWTH
            needed = self._limit(course, race)
            if needed <= limit:
                break
            limit = needed
        self._set_keys(course, race, *seen)
        return race

    @property
    def _nobody(self) -> tuple[Indices, Array, Array]:
        return np.zeros(0, dtype=np.intp), np.zeros(0), np.zeros(0)

    def _looked_at(self, course: Course, units: Indices | None) -> tuple[Indices, Array, Array]:
        """Return clocks and speeds of `units` (None: of all), the zeros put back that are zeros.

        Whatever stationarity or orthogonality makes zero is rounding in the products.
        """
        clocks, speed = self.data.products(units, course.dual, course.residual)
        norms = self.data.norms if units is None else self.data.norms[units]
        speed[np.abs(speed) <= course.noise * norms] = 0.0
        if units is None:
            speed[course.held] = 0.0
            units = self._all
        self.looks += units.size
        return units, clocks, speed

    def _ranked(self, course: Course, units: Indices, clocks: Array, speed: Array) -> Race:
        """Return the race of those that move."""
        moving = speed.nonzero()[0]
        if moving.size < speed.size:
            units, clocks, speed = units[moving], clocks[moving], speed[moving]
        goals = np.where(speed > 0, self.upper[units], -self.lower[units])
        with np.errstate(over="ignore"):
            delays = (goals - clocks) / speed
        first = float(delays.min(initial=math.inf))
        blur = np.zeros(0)
        if not math.isfinite(first):
            return Race(units, goals, blur, first, math.inf)
        reach = course.reach + first * course.noise
        blur = reach * self.data.norms[units] / np.abs(speed)
        later = delays - first > blur
        second = float(delays[later].min(initial=math.inf))
        ties = (~later).nonzero()[0]
        return Race(units[ties], goals[ties], blur[ties], first, second)

    def _nearest(self, due: Indices, count: int) -> tuple[Indices, Indices]:
        """Split `due` into the clocks of the `count` smallest keys, in order of place, and others.

        Ties and a small excess do not matter.
        """
        if due.size <= 2 * count:
            return due, due[:0]
        keys = self.keys[due]
        chosen = keys <= np.partition(keys, count)[count]
        return due[chosen], due[~chosen]

    def _limit(self, course: Course, race: Race) -> float:
        """Return the arc length of the runner-up's ring, and what rounding may hide."""
        if not math.isfinite(race.second):
            return math.inf
        arc = course.arc + race.second * course.size
        reach = course.reach + race.second * course.noise
        return arc + 2 * reach + ROUNDING * course.dual.size * arc

    def _set_keys(
        self, course: Course, race: Race, units: Indices, clocks: Array, speed: Array
    ) -> None:
        """Set the keys of clocks that were looked at, as of the moment when the first rings."""
        if not math.isfinite(race.first):
            return
        clocks = clocks + race.first * speed
        room = np.minimum(self.upper[units] - clocks, clocks + self.lower[units])
        with np.errstate(divide="ignore"):
            self.keys[units] = np.maximum(room, 0.0) / self.data.norms[units]
        self.keys[units] += course.arc + race.first * course.size
        if math.isfinite(race.second):
            self.stride = race.second * course.size
