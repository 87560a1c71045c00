"""Dormant ReLU neurons in step: straight pieces of many ways at once, from kink to kink.

On a straight piece heights change by s q, where s = ∫|a| dt; so the next hyperplane is that of the
least −h_j/q_j. Crossing it adds a multiple of u_j to the velocity, and of one row of products
u_i·u_j to q. Of many hyperplanes only the nearest `CANDIDATES` are looked at for a while: no other
can be met before the `horizon`, as long as the velocity changes by no more than `drift`.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``velocity``     v, that of w in s, (N, d)
``imbalance``    δ = a² − |w|², relative to |w|² at the start
``heights``      side_j u_j·w ≥ 0, (R, m)
``speeds``       −side_j u_j·v, with which w comes nearer to a hyperplane, (R, m)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles._numerics.precision import ZERO
from saddles.agf._relu.piecewise import ON_LINE, PiecewiseUtility, hold, pull_back, within
from saddles.typing import Array, Indices, Mask

__all__ = ["SKIM", "Block", "Clock", "Weights"]

#: A velocity along a hyperplane, but for this share of it, never comes there: above what thousands
#: of updates leave of the rounding of a product.
SKIM = 1e-11
#: Exponent of growth at which a neuron has reached its end in the time that is left.
GROWN = 250.0
#: So many hyperplanes are looked at together, and all of them where they are not many more: rows
#: of them fit into a processor's cache.
CANDIDATES, ALL = 256, 1024
#: Change of the velocity that ends a horizon, at first, in mean bends.
DRIFT = 3.0


@dataclass(frozen=True, eq=False)
class Clock:
    """Times t on a straight piece, of the mean loss: |a|² = R² + 2 s c + s² g², s' = |a|.

    With R = |a| and c = w·v where it begins, and g = |v|, s g = P (e^{gt} − 1) − M (e^{−gt} − 1),
    2P = R + c/g, 2M = R − c/g.
    """

    size: Array
    plus: Array
    minus: Array

    @classmethod
    def of(cls, w: Array, v: Array, imbalance: Array) -> Clock:
        """Return the clocks of weights `w` with velocities `v`, both (R, d)."""
        size = np.linalg.norm(v, axis=1)
        unit = v / size[:, None]
        along = np.sum(w * unit, axis=1)
        excess = np.sum((w - along[:, None] * unit) ** 2, axis=1) + imbalance
        outgoing = np.sqrt(np.maximum(along**2 + excess, 0.0))
        # Of R ± c/g the larger one is not cancelled, and 4PM is `excess`.
        larger = (outgoing + np.abs(along)) / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            other = np.where(larger > 0, excess / (4 * larger), 0.0)
        up = along >= 0
        return cls(size, np.where(up, larger, other), np.where(up, other, larger))

    def way(self, time: Array) -> Array:
        """Return s after `time` (R,); infinite where it is out of sight, or a has turned before."""
        exponent = self.size * time
        turns = self.plus < 0
        turned = np.full(len(turns), math.inf)
        turned[turns] = np.log(-self.minus[turns] / self.plus[turns]) / 2
        seen = np.minimum(exponent, GROWN)
        way = (self.plus * np.expm1(seen) - self.minus * np.expm1(-seen)) / self.size
        beyond = (exponent >= turned) | ((exponent > GROWN) & (self.plus > 0))
        return np.where(beyond, math.inf, way)

    def time(self, way: Array) -> Array:
        """Return the time to `way` (R,)."""
        reached = self.size * way + self.plus - self.minus  # P e^{gt} − M e^{−gt}
        with np.errstate(divide="ignore", invalid="ignore"):
            outgoing = np.sqrt(np.maximum(reached**2 + 4 * self.plus * self.minus, 0.0))
            grown = np.where(
                reached >= 0,
                (reached + outgoing) / (2 * self.plus),
                2 * self.minus / (outgoing - reached),
            )
            return np.log(grown) / self.size


class Weights:
    """Weights that move together, and what they move in; mutable.

    Attributes
    ----------
    w, velocity : ndarray of shape (N, d)
        Where they are, and how they move in s = ∫ |a| dt.
    side : ndarray of shape (N, m)
        Their sides of the hyperplanes.
    sign, imbalance, left : ndarray of shape (N,)
        The sign of a, δ, and the time that is left.
    turned, turning : ndarray of shape (N,)
        Whether a has changed its sign, or is about to.
    drift : ndarray of shape (N,)
        Change of the velocity that ends a horizon.
    """

    def __init__(
        self, utility: PiecewiseUtility, w: Array, sign: Array, imbalance: Array, left: Array
    ) -> None:
        lengths = np.linalg.norm(w, axis=1)
        self.utility, self.sign, self.left = utility, sign.copy(), left
        self.w, self.imbalance = w / lengths[:, None], imbalance / lengths**2
        self.velocity = np.zeros_like(self.w)
        self.turned, self.turning = np.zeros((2, len(w)), dtype=bool)
        self.drift = np.full(len(w), self.least)
        heights = self.w @ utility.lines.T
        self.side = np.where(np.abs(heights) <= ON_LINE, 0.0, np.sign(heights))

    @property
    def least(self) -> float:
        """Return the least change of the velocity that ends a horizon."""
        bends = np.abs(self.utility.bends)
        return DRIFT * float(bends.sum()) / max(len(bends), 1)

    def turning_points(self, rows: Indices | slice) -> Array:
        """Return s where |w|² = −δ on the way down, and a = 0; infinite if never."""
        points = np.full(len(self.w[rows]), math.inf)
        turns = (self.imbalance[rows] < 0) & ~self.turned[rows]
        if turns.any():
            w, v = self.w[rows][turns], self.velocity[rows][turns]
            along, squares = np.sum(w * v, axis=1), np.sum(v**2, axis=1)
            excess = np.sum(w**2, axis=1) + self.imbalance[rows][turns]
            inside = np.maximum(along**2 - squares * excess, 0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                points[turns] = np.where(
                    (along < 0) & (along**2 >= squares * excess),
                    np.maximum(excess / (np.sqrt(inside) - along), 0.0),
                    math.inf,
                )
        return points


class Block:
    """Straight pieces of several weights, until half of them need a closer look.

    Arrays have a row for each of `rows`, and a column for each hyperplane that is looked at.
    """

    def __init__(self, walk: Weights, rows: Indices, heights: Array, speeds: Array) -> None:
        self.walk, self.rows, self.start = walk, rows, walk.velocity[rows]
        self.seen, self.horizon = _candidates(heights, speeds, walk.drift[rows])
        whole = np.broadcast_to(walk.utility.bends, heights.shape)
        self.heights, self.speeds, self.side, bends = (
            values if self.seen is None else np.take_along_axis(values, self.seen, axis=1)
            for values in (heights, speeds, walk.side[rows], whole)
        )
        self.bends = walk.sign[rows, None] * bends
        self.free: dict[int, tuple[Array, Array]] = {}
        for r in np.flatnonzero((self.side == 0).any(axis=1)).tolist():
            i = rows[r]
            free = walk.sign[i] * walk.utility.gradient(walk.side[i])
            lines = walk.utility.lines if self.seen is None else walk.utility.lines[self.seen[r]]
            self.free[r] = free, lines @ free

    def run(self, changes: int) -> int:
        """Move until half of the rows have stopped; return how many rounds that took."""
        walk, rows, every = self.walk, self.rows, np.arange(len(self.rows))
        live: Mask = np.ones(len(rows), dtype=bool)
        waits, rounds = np.empty_like(self.heights), 0
        while rounds < changes and live.any() and 2 * np.count_nonzero(live) >= len(live):
            rounds += 1
            sizes = np.linalg.norm(walk.velocity[rows], axis=1)
            coming = self.speeds > SKIM * sizes[:, None]
            waits.fill(math.inf)
            np.divide(self.heights, self.speeds, out=waits, where=coming)
            nearest = waits.argmin(axis=1)
            wait = np.maximum(waits[every, nearest], 0.0)
            live &= ~self._rests(sizes)
            live &= self._move(live, wait)
            self._cross(live, nearest, waits <= wait[:, None])
            drifted = walk.velocity[rows] - self.start
            if self.seen is not None:
                live &= np.linalg.norm(drifted, axis=1) <= walk.drift[rows]
        self._leave(drifted)
        return rounds

    def _rests(self, sizes: Array) -> Mask:
        """Whether rows do not move, or only shrink."""
        walk, rows = self.walk, self.rows
        w, v = walk.w[rows], walk.velocity[rows]
        squares, along = np.sum(w**2, axis=1), np.sum(w * v, axis=1)
        across = np.linalg.norm(v - (along / squares)[:, None] * w, axis=1)
        turns = (walk.imbalance[rows] < 0) & ~walk.turned[rows]
        shrinks = (along < 0) & (across <= ZERO * sizes) & ~turns
        return np.asarray(shrinks | (sizes <= ZERO * walk.utility.scale))

    def _move(self, live: Mask, wait: Array) -> Mask:
        """Go straight on, and return which rows come to a hyperplane."""
        walk, rows = self.walk, self.rows
        turning, clock = walk.turning_points(rows), None
        allowed = np.minimum(self.horizon, turning)
        timed = np.isfinite(walk.left[rows[0]])
        if timed:
            with np.errstate(divide="ignore", invalid="ignore"):
                clock = Clock.of(walk.w[rows], walk.velocity[rows], walk.imbalance[rows])
                late = clock.way(walk.left[rows])
            allowed = np.fmin(allowed, late)
        step = np.minimum(wait, allowed)
        step[~live | np.isinf(step)] = 0.0
        walk.w[rows] += step[:, None] * walk.velocity[rows]
        self.heights -= step[:, None] * self.speeds
        self.horizon = self.horizon - step
        walk.turning[rows] |= live & (step == turning) & (turning < wait)
        if clock is not None:
            walk.left[rows[live]] -= clock.time(step)[live]
            walk.left[rows[live & (step == late)]] = 0.0
        return np.isfinite(wait) & (wait <= allowed)

    def _products(self, rows: Indices, columns: Indices) -> Array:
        """Return u_i·u_j of the hyperplanes in these `columns` with those that `rows` look at."""
        if self.seen is None:
            return self.walk.utility.products(columns)
        products = self.walk.utility.products(self.seen[rows, columns])
        return np.take_along_axis(products, self.seen[rows], axis=1)

    def _numbers(self, row: int) -> Indices:
        """Return the hyperplanes that a row looks at."""
        return np.arange(len(self.side[row])) if self.seen is None else self.seen[row]

    def _cross(self, live: Mask, nearest: Indices, reached: Mask) -> None:
        """Cross the hyperplanes that let rows through; have a closer look at others."""
        walk, rows, every = self.walk, self.rows, np.arange(len(self.rows))
        side, speed, bend = (
            values[every, nearest] for values in (self.side, self.speeds, self.bends)
        )
        plain = live & (np.count_nonzero(reached, axis=1) == 1)
        plain &= (bend >= 0) | (speed + bend > SKIM * np.abs(bend))
        plain[list(self.free)] = False
        change = np.where(plain, -bend * side, 0.0)
        numbers = nearest if self.seen is None else self.seen[every, nearest]
        walk.velocity[rows] += change[:, None] * walk.utility.lines[numbers]
        self.speeds -= change[:, None] * self.side * self._products(every, nearest)
        at = every[plain], nearest[plain]
        self.side[at], self.heights[at] = -side[plain], 0.0
        self.speeds[at] = -(speed + bend)[plain]
        for r in np.flatnonzero(live & ~plain).tolist():
            self._meet(r, np.flatnonzero(reached[r]))

    def _meet(self, r: int, met: Indices) -> None:
        """Cross the hyperplanes `met` that bend up; slide along those that bend down and hold."""
        walk, i, lines = self.walk, self.rows[r], self.walk.utility.lines[self._numbers(r)]
        side, bends = self.side[r], self.bends[r]
        free, pulls = self.free.pop(r, (walk.velocity[i], -side * self.speeds[r]))
        upward = bends[met] >= 0
        after = np.where(upward, -side[met], 0.0)
        below = bends[met] * ((after > 0).astype(float) - (side[met] > 0))
        side[met] = after
        held = np.flatnonzero(side == 0)
        free = free + below @ lines[met]
        found = hold(lines[held], bends[held], free)
        side[held] = found.side
        above = np.where(found.side > 0, bends[held], 0.0)
        free = free + above @ lines[held]
        touched = np.concatenate([met, held])
        products = self._products(np.full(len(touched), r), touched)
        pulls = pulls + np.concatenate([below, above]) @ products
        kept = found.side == 0
        now = pulls + np.where(kept, found.needed, 0.0) @ products[len(met) :]
        now[held[kept]] = 0.0
        w = within(pull_back(lines[met], walk.w[i])[0], walk.w[i])
        walk.w[i], walk.velocity[i] = within(found.basis, w), found.velocity
        self.speeds[r], self.heights[r, touched] = -side * now, 0.0
        if kept.any():
            self.free[r] = free, pulls

    def _leave(self, drifted: Array) -> None:
        """Hand back what has changed, and choose how far velocities may change in the next one."""
        walk, rows = self.walk, self.rows
        if self.seen is None:
            walk.side[rows] = self.side
            return
        sides = walk.side[rows]
        np.put_along_axis(sides, self.seen, self.side, axis=1)
        walk.side[rows] = sides
        far = np.linalg.norm(drifted, axis=1) > walk.drift[rows]
        walk.drift[rows] *= np.where(far, 2.0, 0.5)
        walk.drift[rows] = np.maximum(walk.drift[rows], walk.least)


def _candidates(heights: Array, speeds: Array, drift: Array) -> tuple[Indices | None, Array]:
    """Return the hyperplanes (R, c) that may be met first, and how far no other one is (R,).

    A speed changes by no more than the velocity, which may do so by `drift`. None stands for all.
    """
    if heights.shape[1] <= ALL:
        return None, np.full(len(heights), math.inf)
    nearest = heights / (np.maximum(speeds, 0.0) + drift[:, None])
    touched = int(np.count_nonzero(nearest == 0, axis=1).max())
    count = min(max(CANDIDATES, 2 * touched), heights.shape[1] - 1)
    seen = np.argpartition(nearest, count, axis=1)
    horizon = np.take_along_axis(nearest, seen[:, count : count + 1], axis=1)[:, 0]
    return np.ascontiguousarray(seen[:, :count]), horizon
