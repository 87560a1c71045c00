"""Where a ReLU neuron's direction goes while the residual stands still: a broken line, exactly.

A neuron a φ(w·x) moves by w' = a ∇G(w), a' = G(w), with G piecewise linear (`piecewise`): between
hyperplanes w moves straight, at one that bends up it crosses, along one that bends down it slides.
The way of w is that of the ascent of sign(a) G, whatever |a|; a² − |w|² is conserved. If it is not
negative, a keeps its sign; else a changes it once at most, where a = 0, and w turns back.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``sign``         the sign of a
``side``         sign of u_j·w; 0 for the hyperplanes along which w slides, shape (m,)
``imbalance``    δ = a² − |w|², relative to |w|²
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles._numerics.precision import EPS, ZERO
from saddles._numerics.watch import tick
from saddles.agf._relu.piecewise import (
    ON_LINE,
    PiecewiseUtility,
    leave,
    pull_back,
    slide,
    within,
)
from saddles.typing import Array, Indices, Mask

__all__ = ["End", "climb"]

#: Half of the digits: how far a weight is moved off a hyperplane that rounding would move it off.
NUDGE = EPS**0.5

#: Changes of hyperplane, per hyperplane, after which an ascent is given up. Each climbs, so that
#: none repeats; in practice there are fewer than one per hyperplane.
CHANGES_PER_LINE = 100


@dataclass(frozen=True, eq=False)
class End:
    """Where a neuron's direction ends while the residual stands still.

    Attributes
    ----------
    direction : ndarray of shape (d,)
        The limit of w/|w|.
    sign : float
        The sign of a there.
    growth : float
        sign · G(direction): the rate of log |w|; 0 where nothing moves, below 0 where w fades.
    ratio : float
        |a|/|w| there: 1, unless the neuron is at rest.
    kinks : ndarray of int
        Hyperplanes that hold the direction.
    residual : float
        |P⊥ v| at the direction, relative to `scale`, with v the velocity of w there.
    unique : bool
        False if w met a hyperplane that pushes to both of its sides, or a direction on one that
        attracts from one side alone; another end is then as near as rounding.
    vanishes : bool
        True if w = 0 is reached in finite time with a ≠ 0; what follows is not determined.
    """

    direction: Array
    sign: float
    growth: float
    ratio: float
    kinks: Indices
    residual: float
    unique: bool = True
    vanishes: bool = False


def climb(
    utility: PiecewiseUtility, w: Array, *, sign: float, imbalance: float = math.inf
) -> End | None:
    """Follow w' = a ∇G(w) from `w` (d,) to the end of its direction, exactly, piece by piece.

    Parameters
    ----------
    utility : PiecewiseUtility
        G.
    w : ndarray of shape (d,)
        Start, not 0.
    sign : float
        Sign of a, ±1.
    imbalance : float
        δ = a² − |w|², in the units of `w`; infinite for an a that keeps its sign.

    Returns
    -------
    End or None
        None if the hyperplanes did not come to an end within `CHANGES_PER_LINE`.
    """
    walk = _Walk(utility, w, sign, imbalance)
    for _ in range(CHANGES_PER_LINE * (len(utility.bends) + 1)):
        tick()
        if (end := walk.step()) is not None:
            return end
    return None


class _Walk:
    """A weight on its way; the only mutable object here, made and dropped by `climb`."""

    def __init__(self, utility: PiecewiseUtility, w: Array, sign: float, imbalance: float) -> None:
        self.utility, self.sign, self.unique, self.turned = utility, sign, True, False
        length = float(np.linalg.norm(w))
        self.w, self.imbalance = w / length, imbalance / length**2
        heights = utility.lines @ self.w
        on_line = np.abs(heights) <= ON_LINE
        self.side = np.where(on_line, 0.0, np.sign(heights))
        self._take_sides(on_line)

    def _take_sides(self, on_line: Mask) -> None:
        """Leave the hyperplanes among `on_line` that bend up; slide along the others."""
        upward = np.flatnonzero(on_line & (self.sign * self.utility.bends > 0))
        self.side[upward] = -1.0
        for j in upward:
            self.unique &= leave(self.utility, self.side, int(j), self.sign)

    def _velocity(self) -> Array:
        """Return the velocity, leaving the hyperplanes that let go of the weight."""
        found = slide(self.utility, self.side, self.sign)
        self.side, self.w = found.side, within(found.basis, self.w)
        return found.velocity

    def step(self) -> End | None:
        """Go straight to the next hyperplane, or say where the direction ends."""
        v = self._velocity()
        size, along = float(np.linalg.norm(v)), float(v @ self.w)
        if size <= ZERO * self.utility.scale:
            return self._end(self.w, 0.0, v)
        approach, heights = self.utility.lines @ v, self.utility.lines @ self.w
        if along < 0 and float(np.linalg.norm(v - along * self.w)) <= ZERO * size:
            if self.imbalance < 0 and not self.turned:
                self._turn()
                return None
            return None if self._nudged(heights) else self._end(self.w, along, v)
        # A hyperplane along which v runs is never reached.
        moving = (self.side * approach < 0) & (np.abs(approach) > ON_LINE * size)
        waits = np.full(len(heights), math.inf)
        waits[moving] = np.maximum(-heights[moving] / approach[moving], 0.0)
        wait = float(waits.min(initial=math.inf))
        if (stop := self._time_of_turning(v, along)) < wait:
            self.w = self.w + stop * v
            self._turn()
            return None
        if math.isinf(wait):
            return None if self._passes(v / size) else self._end(v / size, size, v)
        self._move(wait, v, waits <= wait)
        return None

    def _nudged(self, heights: Array) -> bool:
        """Whether w, on its way to 0, leaves a hyperplane that it has just crossed; push it off."""
        touched = (self.side != 0) & (np.abs(heights) <= ON_LINE)
        if touched.any():
            self.w = self.w + NUDGE * self.side[touched] @ self.utility.lines[touched]
            self.unique = False
        return bool(touched.any())

    def _passes(self, direction: Array) -> bool:
        """Whether hyperplanes that hold the end of a ray let it out on their other side.

        Such an end attracts from one side alone; whatever disturbs the flow moves it on.
        """
        touched = (self.side != 0) & (np.abs(self.utility.lines @ direction) <= ON_LINE)
        upward = touched & (self.sign * self.utility.bends > 0)
        if not upward.any():
            return False
        before = self.side.copy()
        self._take_sides(touched)
        if (self.side == before).all():
            return False
        self.w, self.unique = direction, False
        return True

    def _move(self, wait: float, v: Array, reached: Mask) -> None:
        """Cross hyperplanes that bend up, stop on those that bend down, and rescale w."""
        w = self.w + wait * v
        if reached.any():  # else rounding shows beside a w that has shrunk on its way
            w = within(pull_back(self.utility.lines[reached], w)[0], w)
        down = self.sign * self.utility.bends < 0
        self.side = np.where(reached, np.where(down, 0.0, -self.side), self.side)
        length = float(np.linalg.norm(w))
        self.w, self.imbalance = w / length, self.imbalance / length**2

    def _time_of_turning(self, v: Array, along: float) -> float:
        """Return when |w|² = −δ on the way down, where a = 0; infinite if never."""
        if not self.imbalance < 0 or self.turned or along >= 0:
            return math.inf
        square, excess = float(v @ v), 1.0 + self.imbalance
        inside = along**2 - square * excess
        return math.inf if inside < 0 else max(excess / (-along + math.sqrt(inside)), 0.0)

    def _turn(self) -> None:
        """Let a change its sign: the way back is not the way here where hyperplanes bend."""
        self.sign, self.turned = -self.sign, True
        held = self.side == 0
        self._take_sides(held)

    def _end(self, direction: Array, growth: float, v: Array) -> End:
        """Describe the end, with the residual of its fixed-point equation."""
        across = v - (v @ direction) * direction
        return End(
            direction=direction,
            sign=self.sign,
            growth=growth,
            ratio=1.0 if growth else math.sqrt(max(1.0 + self.imbalance, 0.0)),
            kinks=np.flatnonzero(self.side == 0),
            residual=float(np.linalg.norm(across)) / (self.utility.scale or 1.0),
            unique=self.unique,
            vanishes=growth < 0 < self.imbalance < math.inf,
        )
