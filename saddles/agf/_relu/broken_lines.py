"""Where ReLU neurons go while the residual stands still: along broken lines, exactly.

A neuron a φ(w·x) moves by w' = a ∇G(w), a' = G(w), with G piecewise linear (`piecewise`): between
hyperplanes w moves straight, at one that bends up it crosses, along one that bends down it slides.
The way of w is that of the ascent of sign(a) G, whatever |a|; a² − |w|² is conserved. If it is not
negative, a keeps its sign; else a changes it once at most, where a = 0, and w turns back. If it is
positive, w may come to 0, and goes straight on.

All neurons are followed together: `lockstep` takes them from hyperplane to hyperplane, until one of
them turns, fades or comes to its end, as is settled here.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``sign``         the sign of a
``side``         sign of u_j·w; 0 for the hyperplanes along which w slides, shape (m,)
``imbalance``    δ = a² − |w|², relative to |w|² at the start
``heights``      side_j u_j·w ≥ 0, (R, m)
``speeds``       −side_j u_j·v, with which w comes nearer to a hyperplane, (R, m)
``left``         time that is left to go, (N,)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles._numerics.precision import ZERO
from saddles._numerics.watch import tick
from saddles.agf._relu.lockstep import SKIM, Block, Clock, Weights
from saddles.agf._relu.piecewise import (
    NUDGE,
    ON_LINE,
    SAME_DIRECTION,
    PiecewiseUtility,
    leave,
    past,
    pull_back,
    slide,
    within,
)
from saddles.typing import Array, Indices, Mask

__all__ = ["End", "climb", "climb_all", "neurons_climb", "neurons_move"]

#: Neurons with ||a| − |w|| below this, relative to |θ|, are balanced but for rounding.
BALANCED = 1e-12
#: Changes of hyperplane, per hyperplane, after which an ascent is given up. Each climbs, so that
#: none repeats; in practice there are fewer than one per hyperplane.
CHANGES_PER_LINE = 100
#: |w| at which a weight that comes to 0 is on the other side, relative to |a|.
BEYOND = 1e-100


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
    """

    direction: Array
    sign: float
    growth: float
    ratio: float
    kinks: Indices
    residual: float
    unique: bool = True


def climb(
    utility: PiecewiseUtility, w: Array, *, sign: float, imbalance: float = math.inf
) -> End | None:
    """Follow one weight `w` (d,); see `climb_all`."""
    return climb_all(utility, w[None], np.array([sign]), np.array([imbalance]))[0]


def climb_all(
    utility: PiecewiseUtility, w: Array, sign: Array, imbalance: Array
) -> list[End | None]:
    """Follow w' = a ∇G(w) from each row of `w` to the end of its direction, exactly.

    Parameters
    ----------
    utility : PiecewiseUtility
        G.
    w : ndarray of shape (N, d)
        Starts, not 0.
    sign : ndarray of shape (N,)
        Signs of a, ±1.
    imbalance : ndarray of shape (N,)
        δ = a² − |w|², in the units of `w`; infinite for an a that keeps its sign.

    Returns
    -------
    list of End or None
        None if the hyperplanes did not come to an end within `CHANGES_PER_LINE`.
    """
    walk = _Walk(utility, w, sign, imbalance, np.full(len(w), math.inf))
    walk.run()
    return walk.ends


def neurons_climb(utility: PiecewiseUtility, theta: Array) -> list[End | None]:
    """Follow neurons (w, a), the rows of `theta` (N, d + 1), to the ends of their directions."""
    walk = _Walk.of_neurons(utility, theta, math.inf)
    walk.run()
    return walk.ends


def neurons_move(utility: PiecewiseUtility, theta: Array, time: float) -> Array | None:
    """Follow neurons (w, a) for a `time`, in that of the mean loss.

    Parameters
    ----------
    utility : PiecewiseUtility
        G.
    theta : ndarray of shape (N, d + 1)
        Starts, w not 0.
    time : float
        How long.

    Returns
    -------
    ndarray of shape (N, d + 1) or None
        Their directions then; None if the hyperplanes did not come to an end.
    """
    walk = _Walk.of_neurons(utility, theta, time)
    walk.run()
    moved = np.column_stack([walk.w, walk.sign * walk.outgoing()])
    return moved / np.linalg.norm(moved, axis=1, keepdims=True) if walk.done.all() else None


class _Walk(Weights):
    """Weights on their way; the only mutable object here, made and dropped by one call."""

    def __init__(
        self, utility: PiecewiseUtility, w: Array, sign: Array, imbalance: Array, left: Array
    ) -> None:
        super().__init__(utility, w, sign, imbalance, left)
        self.unique, self.done = np.ones(len(w), dtype=bool), np.zeros(len(w), dtype=bool)
        self.through = np.zeros(len(w), dtype=bool)
        self.left_end = np.full(w.shape, math.inf)
        self.ends: list[End | None] = [None] * len(w)
        on_line = self.side == 0
        for i in np.flatnonzero(on_line.any(axis=1)).tolist():
            self._take_sides(i, on_line[i])

    @classmethod
    def of_neurons(cls, utility: PiecewiseUtility, theta: Array, left: float) -> _Walk:
        """Begin with neurons (w, a), the rows of `theta`."""
        w, a = theta[:, :-1], theta[:, -1]
        sizes = np.sum(w**2, axis=1)
        imbalance = a**2 - sizes
        imbalance[np.abs(imbalance) <= BALANCED * (a**2 + sizes)] = 0.0
        sign = np.where(a != 0, np.copysign(1.0, a), np.copysign(1.0, utility.value(w)))
        return cls(utility, w, sign, imbalance, np.full(len(w), left))

    def outgoing(self) -> Array:
        """Return |a|, relative to what |w| was at the start, shape (N,)."""
        squares = np.sum(self.w**2, axis=1) + self.imbalance
        return np.asarray(np.sqrt(np.maximum(squares, 0.0)))

    def _take_sides(self, i: int, on_line: Mask) -> None:
        """Leave the hyperplanes among `on_line` that bend up; slide along the others."""
        upward = np.flatnonzero(on_line & (self.sign[i] * self.utility.bends > 0))
        self.side[i, upward] = -1.0
        for j in upward:
            self.unique[i] &= leave(self.utility, self.side[i], int(j), float(self.sign[i]))

    def run(self) -> None:
        """Take every weight to its end."""
        changes = CHANGES_PER_LINE * (len(self.utility.bends) + 1)
        while changes > 0 and not self.done.all():
            tick()
            rows = np.flatnonzero(~self.done)
            heights, speeds = self._sights(rows)
            sights = zip(rows.tolist(), heights, speeds, strict=True)
            on = np.array([self._goes_on(*sight) for sight in sights])
            if on.any():
                block = Block(self, rows[on], heights[on], speeds[on])
                changes -= block.run(changes)
            changes -= 1

    def _sights(self, rows: Indices) -> tuple[Array, Array]:
        """Return heights and speeds (R, m), from velocities that are computed anew."""
        utility, side, sign = self.utility, self.side[rows], self.sign[rows, None]
        self.velocity[rows] = sign * (utility.offset + (utility.bends * (side > 0)) @ utility.lines)
        for i in rows[(side == 0).any(axis=1)]:
            found = slide(utility, self.side[i], float(self.sign[i]))
            self.side[i], self.velocity[i] = found.side, found.velocity
            self.w[i] = within(found.basis, self.w[i])
        side = self.side[rows]
        heights = np.maximum(side * (self.w[rows] @ utility.lines.T), 0.0)
        return heights, -side * (self.velocity[rows] @ utility.lines.T)

    def _goes_on(self, i: int, heights: Array, speeds: Array) -> bool:
        """Whether a weight goes straight on to a hyperplane; if not, do what it does instead."""
        row, w, v = slice(i, i + 1), self.w[i], self.velocity[i]
        length, size = float(np.linalg.norm(w)), float(np.linalg.norm(v))
        along = float(v @ w) / length
        if size <= ZERO * self.utility.scale:
            self.w[i] = past(self.utility.lines, self.side[i], w)
            return self._end(i, self.w[i] / np.linalg.norm(self.w[i]), 0.0)
        if self.left[i] <= 0:
            return self._end(i, w / length, 0.0)
        if self.turning[i]:
            return self._turn(i)
        fades = along < 0 and float(np.linalg.norm(v - along * w / length)) <= ZERO * size
        if fades and (self.turned[i] or not self.imbalance[i] < 0):
            return self._shrink(i, heights / length, along)
        if (speeds > SKIM * size).any():
            return True
        if math.isfinite(point := float(self.turning_points(row)[0])):
            return self._turn_at(i, point)
        if math.isinf(self.left[i]):
            return self._passes(i, v / size) or self._end(i, v / size, size)
        way = float(Clock.of(w[None], v[None], self.imbalance[row]).way(self.left[row])[0])
        self.w[i] = v if math.isinf(way) else w + way * v
        return self._end(i, v / size, size)

    def _turn(self, i: int) -> bool:
        """Let a change its sign: the way back is not the way here where hyperplanes bend."""
        self.sign[i], self.turned[i], self.turning[i] = -self.sign[i], True, False
        self._take_sides(i, self.side[i] == 0)
        return False

    def _turn_at(self, i: int, point: float) -> bool:
        """Go straight on to where a changes its sign, if there is time for it."""
        row = slice(i, i + 1)
        clock = Clock.of(self.w[row], self.velocity[row], self.imbalance[row])
        way = min(point, float(clock.way(self.left[row])[0]))
        self.left[row] -= clock.time(np.array([way]))
        self.w[i] += way * self.velocity[i]
        return self._turn(i) if way == point else self._end(i, self.w[i], 0.0)

    def _shrink(self, i: int, heights: Array, along: float) -> bool:
        """Decide what becomes of a weight that goes straight to 0; `heights` are those of w/|w|."""
        w, delta = self.w[i], float(self.imbalance[i])
        touched = (self.side[i] != 0) & (heights <= ON_LINE)
        off = self._along(i, self.side[i, touched] @ self.utility.lines[touched])
        if np.linalg.norm(off) > ON_LINE:
            self.w[i], self.unique[i] = w + NUDGE * float(np.linalg.norm(w)) * off, False
            return False
        if not 0 < delta < math.inf:
            return self._end(i, w / np.linalg.norm(w), along)
        row = slice(i, i + 1)
        clock = Clock.of(self.w[row], self.velocity[row], self.imbalance[row])
        way = float(clock.way(self.left[row])[0])
        to_zero = float(np.linalg.norm(w) / np.linalg.norm(self.velocity[i]))
        if way < to_zero:
            self.w[i] = w * (1 - way / to_zero)
            return self._end(i, w / np.linalg.norm(w), along)
        self.left[i] -= clock.time(np.array([to_zero]))[0]
        return self._go_through(i)

    def _along(self, i: int, vector: Array) -> Array:
        """Return the part of `vector` (d,) along the hyperplanes that hold a weight."""
        held = self.utility.lines[self.side[i] == 0]
        return within(pull_back(held, vector)[0], vector) if len(held) else vector

    def _go_through(self, i: int) -> bool:
        """Let a weight that has come to 0 go on straight; if it comes back, it stays."""
        w = self.w[i] * (BEYOND * math.sqrt(self.imbalance[i]) / float(np.linalg.norm(self.w[i])))
        # Where hyperplanes bend, w may have other ways from 0 than straight on.
        self.unique[i] &= w.size == 1 or not self.utility.bends.any()
        if self.through[i]:
            self.w[i] = w
            return self._end(i, w / np.linalg.norm(w), 0.0)
        self.w[i], self.side[i], self.through[i] = -w, -self.side[i], True
        return False

    def _passes(self, i: int, direction: Array) -> bool:
        """Whether hyperplanes that hold the end of a ray let it out on their other side.

        Such an end attracts from one side alone; whatever disturbs the flow moves it on. Growth
        rises on a way, so what comes back to it has not left.
        """
        if np.abs(direction - self.left_end[i]).max() <= SAME_DIRECTION:
            return False
        touched = (self.side[i] != 0) & (np.abs(self.utility.lines @ direction) <= ON_LINE)
        if not (touched & (self.sign[i] * self.utility.bends > 0)).any():
            return False
        before = self.side[i].copy()
        self._take_sides(i, touched)
        if (self.side[i] == before).all():
            return False
        self.w[i], self.left_end[i], self.unique[i] = direction, direction, False
        return True

    def _end(self, i: int, direction: Array, growth: float) -> bool:
        """Describe the end, with the residual of its fixed-point equation."""
        v = self.velocity[i]
        across = v - (v @ direction) * direction
        square = float(self.w[i] @ self.w[i])
        self.ends[i] = End(
            direction=direction,
            sign=float(self.sign[i]),
            growth=growth,
            ratio=1.0 if growth else math.sqrt(max(1.0 + self.imbalance[i] / square, 0.0)),
            kinks=np.flatnonzero(self.side[i] == 0),
            residual=float(np.linalg.norm(across)) / (self.utility.scale or 1.0),
            unique=bool(self.unique[i]),
        )
        self.done[i] = True
        return False
