"""Every fixed direction of a (leaky) ReLU neuron in the plane: one sort, one cumulative sum.

On the unit circle w = (cos θ, sin θ) the utility G is continuous and, between the 2m angles at
which it bends, a cosine: G(θ) = |d| cos(θ − arg d). So the signs of G' at both ends of every arc
say all: a direction is fixed where they differ, inside an arc (at ± arg d) or at a bend; an arc
with d = 0 is dead, every direction in it is fixed. The direction moves by θ' = (a/|w|) G'(θ), up to
the next fixed direction and no further, so basins are the intervals between them.

=================  =====================================================================
code name          symbol
=================  =====================================================================
``bounds``         angles of the bends, increasing, shape (2m,)
``pulls``          d on the arc after each bend, shape (2m, 2)
``after``          sign of G' just after each bend, shape (2m,)
``before``         sign of G' at the end of the arc after each bend, shape (2m,)
``angles``         the fixed sets in order: first and last angle of each, shape (q, 2)
``slopes``         sign of G' between a fixed set and the next, shape (q,)
=================  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from saddles._numerics.precision import EPS, ZERO
from saddles.agf._relu.piecewise import PiecewiseUtility
from saddles.typing import Array, Indices, Mask

__all__ = ["Arcs", "arcs"]

#: The slope of G at a bend has this rounding, relative to `scale`: below it, d points at the bend.
TANGENT = 4 * EPS


@dataclass(frozen=True, eq=False)
class Arcs:
    """The fixed sets of the circle in the order of their angles.

    Attributes
    ----------
    angles : ndarray of shape (q, 2)
        First and last angle of each set: equal for a direction, different for a dead arc.
    lines : ndarray of int, shape (q,)
        The line whose bend holds the direction; −1 for others.
    slopes : ndarray of shape (q,)
        Sign of G' between a set and the next.
    pulls : ndarray of shape (q, 2)
        d in the arc that holds the set, or that begins with it.
    rounding : float
        What the running sum of d misses after a whole turn.
    """

    angles: Array
    lines: Indices
    slopes: Array
    pulls: Array
    rounding: float = 0.0

    @property
    def dead(self) -> Mask:
        """Which sets are arcs."""
        return np.asarray(self.angles[:, 0] != self.angles[:, 1])

    def basins(self, sign: float) -> Array:
        """Return the angles (q, 2) from which each set is reached for a of this sign.

        The ends are where the neighbours begin; a set that nothing flows to has itself alone.
        """
        ends = self.angles.copy()
        towards_next = sign * self.slopes > 0
        towards_last = sign * self.slopes < 0
        following = np.roll(self.angles[:, 0], -1)
        following[-1] += 2 * math.pi
        preceding = np.roll(self.angles[:, 1], 1)
        preceding[0] -= 2 * math.pi
        ends[towards_last, 1] = following[towards_last]
        reached = np.roll(towards_next, 1)
        ends[reached, 0] = preceding[reached]
        return ends

    def stable(self, sign: float) -> Mask:
        """Which sets attract both of their sides for a of this sign."""
        before = np.roll(self.slopes, 1)
        return np.asarray((sign * before > 0) & (sign * self.slopes < 0))


def arcs(utility: PiecewiseUtility) -> Arcs:
    """Enumerate the fixed sets of the direction in the plane, in O(m log m)."""
    if not len(utility.bends):
        return _no_bends(utility)
    bounds, pulls, lines = _arcs_of_the_circle(utility)
    rounding, pulls = float(np.hypot(*(pulls[-1] - pulls[0]))), pulls[1:]
    dead = np.hypot(pulls[:, 0], pulls[:, 1]) <= ZERO * utility.scale
    after = np.where(dead, 0.0, _slope_sign(pulls, bounds, utility.scale, at_start=True))
    ends = np.roll(bounds, -1)
    before = np.where(dead, 0.0, _slope_sign(pulls, ends, utility.scale, at_start=False))
    return replace(_fixed_sets(bounds, pulls, lines, after, before), rounding=rounding)


def _arcs_of_the_circle(utility: PiecewiseUtility) -> tuple[Array, Array, Indices]:
    """Return the angles of the bends (2m,), d before the first and after each, and their lines."""
    # A line's far side begins a quarter turn before the angle of u_j and ends one after it.
    psi = np.arctan2(utility.lines[:, 1], utility.lines[:, 0])
    bounds = np.concatenate([psi - math.pi / 2, psi + math.pi / 2]) % (2 * math.pi)
    steps = utility.bends[:, None] * utility.lines
    turns = np.concatenate([steps, -steps])
    order = np.argsort(bounds, kind="stable")
    m = len(psi)
    # Just before the first bend of all, in the arc that contains angle 0 or ends at it.
    middle = (bounds[order[0]] + bounds[order[-1]] - 2 * math.pi) / 2
    start = utility.lines @ np.array([math.cos(middle), math.sin(middle)]) > 0
    first = utility.offset + (utility.bends * start) @ utility.lines
    # The sum visits the whole circle; extended precision keeps its rounding below the tolerances.
    pulls = np.cumsum(np.vstack([first, turns[order]]), axis=0, dtype=np.longdouble)
    return bounds[order], np.asarray(pulls, dtype=float), order % m


def _slope_sign(pulls: Array, angles: Array, scale: float, *, at_start: bool) -> Array:
    """Return the sign of G' in arcs with d = `pulls` at their start or end.

    Where d points along the bend G' vanishes there, and its sign beside it is that of ∓G.
    """
    cosine, sine = np.cos(angles), np.sin(angles)
    slope = pulls[:, 1] * cosine - pulls[:, 0] * sine
    height = pulls[:, 0] * cosine + pulls[:, 1] * sine
    tangent = np.sign(-height if at_start else height)
    return np.where(np.abs(slope) <= TANGENT * scale, tangent, np.sign(slope))


def _fixed_sets(bounds: Array, pulls: Array, lines: Indices, after: Array, before: Array) -> Arcs:
    """Collect the changes of sign and the dead arcs, in order."""
    dead, preceding = after == 0, np.roll(before, 1)
    inside, at_bend = after * before < 0, preceding * after < 0
    facing = np.arctan2(pulls[inside, 1], pulls[inside, 0]) + math.pi * (after[inside] < 0)
    widths = np.roll(bounds, -1) - bounds
    widths[-1] += 2 * math.pi
    halves = widths[inside] / 2
    middles = bounds[inside] + halves
    facing = middles + np.clip(_wrapped(facing - middles), -halves, halves)
    opens = np.flatnonzero(dead & (preceding != 0))
    closes = np.flatnonzero((preceding == 0) & ~dead)
    closes = closes[np.searchsorted(closes, opens, side="right") % max(len(closes), 1)]
    first = np.concatenate([facing, bounds[at_bend], bounds[opens]])
    last = np.concatenate([facing, bounds[at_bend], bounds[closes]])
    last[last < first] += 2 * math.pi
    number = np.full(len(first), -1)
    number[len(facing) : len(facing) + np.count_nonzero(at_bend)] = lines[at_bend]
    slopes = np.concatenate([before[inside], after[at_bend], after[closes]])
    held = np.concatenate([pulls[inside], pulls[at_bend], pulls[opens]])
    whole_turns = 2 * math.pi * (first >= 2 * math.pi)
    angles = np.stack([first - whole_turns, last - whole_turns], axis=1)
    order = np.argsort(angles[:, 0], kind="stable")
    return Arcs(angles[order], number[order], slopes[order], held[order])


def _wrapped(angles: Array) -> Array:
    """Return angles in [−π, π)."""
    return np.asarray((angles + math.pi) % (2 * math.pi) - math.pi)


def _no_bends(utility: PiecewiseUtility) -> Arcs:
    """Return the two directions of a linear G, or the whole circle if there is none."""
    if math.hypot(*utility.offset) <= ZERO * utility.scale:
        return Arcs(np.array([[0.0, 2 * math.pi]]), np.array([-1]), np.zeros(1), np.zeros((1, 2)))
    top = math.atan2(utility.offset[1], utility.offset[0])
    angles = np.array([top, top + math.pi]) % (2 * math.pi)
    order = np.argsort(angles)
    slopes, pulls = np.array([-1.0, 1.0]), np.tile(utility.offset, (2, 1))
    return Arcs(np.stack([angles, angles], 1)[order], np.full(2, -1), slopes[order], pulls)
