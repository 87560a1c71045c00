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
from typing import NamedTuple

import numpy as np

from saddles.alternation import Breakdown
from saddles.problems import InUnits
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["ROUNDING", "Course", "Race", "Screen"]

#: Looking at every clock of data with fewer entries takes less time than choosing.
SCREEN_FROM = 2**17

#: So many clocks are looked at first, and `GROWTH` times as many each time more are needed.
HELPING = 256
GROWTH = 4

#: A race is looked for within so many times the arc length that the last one took.
MARGIN = 2.0

#: A clock beyond its boundary by more than this, relative to |x| A, has been missed.
BEYOND = 1e-9

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


class _Looks(NamedTuple):
    """Clocks that were looked at.

    ``delays`` until they are at their ``goals`` are infinite if they stand still; ``slowness`` is
    |x_i| over their speed.
    """

    units: Indices
    clocks: Array
    speed: Array
    goals: Array
    delays: Array
    slowness: Array


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
        """Return the next race: its clocks are all that could be first or second in it."""
        if not self.choosing:
            return self._ranked(course, self._looked_at(course, None))
        if course.size == 0:
            self._check_end(course)
            return self._ranked(course, self._nobody)
        self.keys[self.held] = 0.0
        self.keys[course.held] = math.inf
        self.held = course.held.copy()
        seen, limit = [self._nobody], course.arc + MARGIN * self.stride
        while True:
            self._look_up_to(course, limit, seen)
            looked = _Looks(*(np.concatenate(part) for part in zip(*seen, strict=True)))
            race = self._ranked(course, looked)
            needed = self._limit(course, race.second)
            if needed <= limit:
                break
            seen, limit = [looked], needed
        self._set_keys(course, race, looked)
        return race

    def _check_end(self, course: Course) -> None:
        """Raise if a clock is beyond its boundary at the end, where all can be looked at once."""
        clocks = self.data.products(None, course.dual)[0]
        slack = BEYOND * np.maximum(self.data.norms * course.arc, np.abs(clocks))
        if ((clocks - self.upper > slack) | (-clocks - self.lower > slack)).any():
            raise Breakdown(Status.INACCURATE, "a clock is beyond its boundary at the end")

    def _look_up_to(self, course: Course, limit: float, seen: list[_Looks]) -> None:
        """Look at the clocks with keys below `limit`, or below what the runner-up makes of it."""
        due = (self.keys < limit).nonzero()[0]
        first = second = math.inf
        helping = HELPING
        while due.size:
            now, due = self._nearest(due, helping)
            looks = self._looked_at(course, now)
            seen.append(looks)
            self.keys[now] = math.inf
            if due.size:
                best = np.partition(looks.delays, min(1, now.size - 1))[:2].tolist()
                first, second = sorted([first, second, *best])[:2]
                due = due[self.keys[due] < self._limit(course, second)]
                helping *= GROWTH

    @property
    def _nobody(self) -> _Looks:
        nothing = np.zeros(0)
        return _Looks(np.zeros(0, dtype=np.intp), *[nothing] * 5)

    def _looked_at(self, course: Course, units: Indices | None) -> _Looks:
        """Look at the clocks of `units` (None: of all), putting back the zeros that are zeros.

        Whatever stationarity or orthogonality makes zero is rounding in the products.
        """
        clocks, speed = self.data.products(units, course.dual, course.residual)
        norms, upper, lower = self.data.norms, self.upper, self.lower
        if units is None:
            units = self._all
            speed[course.held] = 0.0
        else:
            norms, upper, lower = norms[units], upper[units], lower[units]
        self.looks += units.size
        pace = np.abs(speed)
        still = pace <= course.noise * norms
        speed[still] = 0.0
        goals = np.where(speed > 0, upper, -lower)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            delays, slowness = (goals - clocks) / speed, norms / pace
        delays[still], slowness[still] = math.inf, 0.0
        return _Looks(units, clocks, speed, goals, delays, slowness)

    def _ranked(self, course: Course, looks: _Looks) -> Race:
        """Return the race of those that move."""
        delays = looks.delays
        first = float(delays.min(initial=math.inf))
        if not math.isfinite(first):
            moving = looks.speed.nonzero()[0]
            return Race(looks.units[moving], looks.goals[moving], np.zeros(0), first, math.inf)
        blur = (course.reach + first * course.noise) * looks.slowness
        ties = (delays - first <= blur).nonzero()[0]
        if ties.size == delays.size:
            second = math.inf
        elif ties.size == 1:
            second = float(np.partition(delays, 1)[1])
        else:
            second = float(np.delete(delays, ties).min())
        return Race(looks.units[ties], looks.goals[ties], blur[ties], first, second)

    def _nearest(self, due: Indices, count: int) -> tuple[Indices, Indices]:
        """Split `due` into the clocks of the `count` smallest keys, in order of place, and others.

        Ties and a small excess do not matter.
        """
        if due.size <= 2 * count:
            return due, due[:0]
        keys = self.keys[due]
        chosen = keys <= np.partition(keys, count)[count]
        return due[chosen], due[~chosen]

    def _limit(self, course: Course, delay: float) -> float:
        """Return the arc length after `delay`, and what rounding may hide."""
        if not math.isfinite(delay):
            return math.inf
        arc = course.arc + delay * course.size
        reach = course.reach + delay * course.noise
        return arc + 2 * reach + ROUNDING * course.dual.size * arc

    def _set_keys(self, course: Course, race: Race, looks: _Looks) -> None:
        """Set the keys of clocks that were looked at, as of the moment when the first rings."""
        if not math.isfinite(race.first):
            return
        units, clocks = looks.units, looks.clocks + race.first * looks.speed
        room = np.minimum(self.upper[units] - clocks, clocks + self.lower[units])
        with np.errstate(divide="ignore"):
            keys = np.maximum(room, 0.0) / self.data.norms[units]
        self.keys[units] = keys + (course.arc + race.first * course.size)
        if math.isfinite(race.second):
            self.stride = race.second * course.size
