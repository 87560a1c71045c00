"""Which clocks ring next, found without a look at those that cannot.

From time to time all clocks are evaluated: S = Xᵀρ₀ and their speeds c = Xᵀr₀ at a base ρ₀. A dual
point ρ = ρ₀ + κ r₀ + v has the clocks

    S_i + κ c_i + x_i·v,  |x_i·v| ≤ |x_i| |v|,

and v is short as long as the residual has not turned much. A clock whose

    span_i = min((t_i⁺ − S_i) / (max(c_i, 0) + a |x_i|), (t_i⁻ + S_i) / (max(−c_i, 0) + a |x_i|))

is large cannot ring while κ ≤ span_i and |v| ≤ a span_i. Those with the smallest spans are kept:
their columns are gathered, and only these are evaluated. All are evaluated again when ρ, at the
runner-up's ring, would leave the tube in which the others are safe. Where many are kept they are
sifted in their turn, in a narrower tube; the few that are left run in every race.

===========  ======================================================================
code name    symbol
===========  ======================================================================
``spans``    span_i
``slope``    a / |r₀|
``kept``     the clocks that are evaluated
===========  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from saddles._diagonal.race import Bounds, Clocks, Course, Race
from saddles._diagonal.tube import Tube
from saddles._problems.features import Features
from saddles._problems.in_units import InUnits
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices, Mask

__all__ = ["Screen"]

#: Looking at every clock of columns with fewer entries takes less time than choosing.
SCREEN_FROM = 2**17

#: At most this share of the clocks is kept, and always the second number of them. If these are too
#: few for one race, `GROWTH` times as many are kept.
SHARE = 1 / 16
LEAST = 64
GROWTH = 4

#: The number kept is such that they are evaluated about this number of times for each time that
#: all others are. Both cost the same then, for columns that are kept lie together. It grows like
#: the 3/5 power of the product of races in a tube and looks in each, since races grow like its 2/3
#: power.
BALANCE = 4.0
POWER = 0.6

#: Slope of the first tube, and the range of the others.
SLOPE, SLOPES = 0.1, (1e-3, 1e1)

#: Number of clocks that may join those that run, and of races that are run with the same clocks.
LATE = 64
RACES = 256

#: A clock beyond its boundary by more than this, relative to |x| ∫|r|, has been missed.
BEYOND = 1e-9


class Screen:
    """The clocks of a problem; each race starts where the last one's first clock rang."""

    def __init__(self, data: InUnits, upper: Array, lower: Array) -> None:
        self.data, self.upper, self.lower = data, upper, lower
        self.bounds = Bounds.of(data.norms, upper, lower)
        self.looks = 0
        self.marks = np.zeros(data.shape[1], dtype=bool)
        self.habits: list[_Habit] = []
        self._all = _Sieve(self, data.features, None)

    def race(self, course: Course) -> Race:
        """Return the next race: its clocks are all that could be first or second in it."""
        if course.size == 0:
            self._check_end(course)
            nothing = np.zeros(0)
            return Race(course.held[:0], nothing, nothing, 0.0, nothing, math.inf, math.inf)
        if course.leaving.size:
            self._all.release(course)
        return self._all.race(course)

    def _check_end(self, course: Course) -> None:
        """Raise if a clock is beyond its boundary at the end, where all can be evaluated once."""
        if self.marks.size * course.dual.size < SCREEN_FROM:
            return
        clocks = self.data.products(None, course.dual)[0]
        slack = BEYOND * np.maximum(self.data.norms * course.arc, np.abs(clocks))
        if ((clocks - self.upper > slack) | (-clocks - self.lower > slack)).any():
            raise Breakdown(Status.INACCURATE, "a clock is beyond its boundary at the end")

    def at_boundary(self, course: Course, units: Indices | None) -> Mask:
        """Mark which of `units` (None: of all) stand at their boundary."""
        self.marks[course.held] = self.marks[course.resting] = True
        marked = self.marks.copy() if units is None else self.marks[units]
        self.marks[course.held] = self.marks[course.resting] = False
        return marked


@dataclass
class _Habit:
    """How many clocks a sieve keeps, and the slope of its tube; both follow what was needed."""

    count: int
    slope: float = SLOPE


@dataclass(eq=False)
class _Sieve:
    """Clocks of which few are kept at a time: those of `units` (None: all), columns `features`."""

    screen: Screen
    features: Features
    units: Indices | None
    depth: int = 0
    kept: Clocks | _Sieve | None = field(init=False, default=None)
    tube: Tube | None = field(init=False, default=None)
    races: int = field(init=False, default=0)
    looks: int = field(init=False, default=0)
    looked: tuple[Array, Array, Array] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        here = slice(None) if self.units is None else self.units
        screen, d = self.screen, self.features.shape[1]
        self.norms = screen.data.norms[here]
        self.upper, self.lower = screen.upper[here], screen.lower[here]
        self.most = max(LEAST, math.ceil(SHARE * d))
        if len(screen.habits) == self.depth:
            screen.habits.append(_Habit(self.most))
        self.habit = screen.habits[self.depth]

    def release(self, course: Course) -> None:
        """Let clocks that leave their boundary run."""
        if isinstance(self.kept, _Sieve):
            self.kept.release(course)
        elif self.kept is not None:
            self.kept.release(course.leaving, course.dual)

    def race(self, course: Course) -> Race:
        """Return the race: its clocks are all of these that could be first or second in it."""
        if self.kept is None or self._is_worn(self.kept):
            self.kept = self._sifted(course)
        while True:
            race = self.kept.race(course)
            self.races += 1
            if isinstance(self.kept, Clocks):
                self.screen.looks += self.kept.units.size
            if self.tube is None or self._is_safe(self.tube, course, race.second):
                self.looked = None
                return race
            self.kept = self._sifted(course)

    def _is_worn(self, kept: Clocks | _Sieve) -> bool:
        """Whether those that are kept should be chosen again, if only because of their number."""
        if isinstance(kept, _Sieve):
            return False
        if self.tube is None and kept.units.size > self.most:
            return self.features.shape[0] * self.features.shape[1] >= SCREEN_FROM
        return self.races >= RACES or kept.late > LATE

    def _is_safe(self, tube: Tube, course: Course, delay: float) -> bool:
        """Whether no clock that is not kept could ring within `delay`; habits change if not."""
        if tube.holds(course, delay):
            return True
        if self.races > 1:
            slope = tube.astray / tube.along if tube.along > 0 else math.inf
            self.habit.slope = min(max(slope, SLOPES[0]), SLOPES[1])
        elif tube.slope > SLOPES[0]:
            self.habit.slope = SLOPES[0]
        else:
            self.habit.count *= GROWTH
        return False

    def _sifted(self, course: Course) -> Clocks | _Sieve:
        """Look at all, and return those to be kept from here on."""
        screen, features, habit = self.screen, self.features, self.habit
        n, d = features.shape
        values, speed = self._look(course)
        fixed, span = screen.at_boundary(course, self.units), math.inf
        if habit.count < d and n * d >= SCREEN_FROM:
            spans = self._spans(course, values, speed, fixed)
            span = float(np.partition(spans, habit.count)[habit.count])
        self.races, self.looks, self.tube, self.kept = 0, screen.looks, None, None
        if math.isfinite(span):
            chosen = spans < span
            self.tube = Tube(
                course.dual, course.residual, course.size, habit.slope, span, course.arc
            )
            places = (chosen | fixed).nonzero()[0]
            if n * habit.count >= SCREEN_FROM and 2 * places.size <= d:
                units = places if self.units is None else self.units[places]
                return _Sieve(screen, features.chosen(places), units, self.depth + 1)
        else:
            chosen, habit.count = ~fixed, self.most
        if self.tube is None and self.units is None:
            clocks = Clocks(screen.data, screen.bounds, course.dual, values)
            clocks.hold(fixed.nonzero()[0])
            return clocks
        places = chosen.nonzero()[0]
        units = places if self.units is None else self.units[places]
        columns = features.chosen(places)
        return Clocks(screen.data, screen.bounds, course.dual, values[places], units, columns)

    def _look(self, course: Course) -> tuple[Array, Array]:
        """Return all clocks and their speeds (d,), after a change of habit."""
        screen, d = self.screen, self.features.shape[1]
        if self.looked is not None and self.looked[0] is course.dual:
            return self.looked[1:]
        if self.tube and self.races > 1:
            share = BALANCE * d / (screen.looks - self.looks)
            change = min(max(share**POWER, 1 / GROWTH), GROWTH)
            self.habit.count = min(math.ceil(self.habit.count * change), self.most)
        screen.looks += d
        values, speed = self.features.products(None, course.dual, course.residual)
        self.looked = course.dual, values, speed
        return values, speed

    def _spans(self, course: Course, clocks: Array, speed: Array, fixed: Mask) -> Array:
        """Return the span of every clock (d,); infinite for those that stand at their boundary."""
        widening = self.norms * (self.habit.slope * course.size)
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            spans = np.maximum(speed, 0.0)
            spans += widening
            np.divide(self.upper - clocks, spans, out=spans)
            widening -= np.minimum(speed, 0.0)
            np.divide(self.lower + clocks, widening, out=widening)
        np.minimum(spans, widening, out=spans)
        spans[fixed] = math.inf
        return spans
