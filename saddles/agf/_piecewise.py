"""The utility of a (leaky) ReLU neuron: piecewise linear, so that its ascent is a broken line.

Maennel, Bousquet and Gelly, "Gradient Descent Quantizes ReLU Network Features" (2018,
arXiv:1803.08367). With φ(z) = max(z, 0) + s min(z, 0) and the residual r held fixed, a neuron
a φ(w·x) moves by w' = a ∇G(w), a' = G(w), where

    G(w) = (1/n) Σ_k r_k φ(w·x_k) = c·w + Σ_j b_j max(u_j·w, 0).

Samples on one line through the origin share a unit vector u_j. Between the hyperplanes u_j·w = 0
the gradient is constant and w moves straight. At a hyperplane that bends down (a b_j < 0) the two
gradients may point at each other; w then slides along it (Filippov), with the shortest velocity
between them. If a² ≥ |w|², a keeps its sign; else it changes it once at most, where a = 0.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``lines``        u_j, shape (m, d), no two of them parallel
``bends``        b_j = (1 − s)/n Σ r_k |x_k| over the samples of line j, shape (m,)
``offset``       c, the gradient where every u_j·w < 0, shape (d,)
``scale``        (1/n) Σ |r_k| |x_k|, the size that ∇G is compared with
``sign``         the sign of a: the direction moves along sign · ∇G
``side``         sign of u_j·w; 0 for the hyperplanes along which w slides, shape (m,)
``imbalance``    δ = a² − |w|², which the flow conserves
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.typing import Array, Indices, Mask

__all__ = ["End", "PiecewiseUtility", "climb"]

EPS = float(np.finfo(float).eps)

#: A gradient this small, relative to `scale`, is a zero that rounding disturbed: eps^(3/4).
ZERO = EPS**0.75

#: Unit vectors of parallel samples differ by the rounding of a quotient and a norm.
PARALLEL = 16 * EPS

#: A weight this close to a hyperplane, relative to |w|, is on it.
ON_LINE = 64 * EPS

#: Half of the digits: how far a weight is moved off a hyperplane that rounding would move it off.
NUDGE = EPS**0.5

#: Changes of hyperplane, per hyperplane, after which an ascent is given up. Each climbs, so that
#: none repeats; in practice there are fewer than one per hyperplane.
PATIENCE = 100


@dataclass(frozen=True, eq=False)
class PiecewiseUtility:
    """G and its gradient; see the module's table."""

    lines: Array
    bends: Array
    offset: Array
    scale: float
    members: Indices
    spans: Indices

    @classmethod
    def of(cls, X: Array, residual: Array, slope: float) -> PiecewiseUtility:
        """Collect the samples (n, d) by line; those with r_k = 0 or x_k = 0 play no part."""
        n, d = X.shape
        sizes = np.linalg.norm(X, axis=1)
        used = np.flatnonzero((sizes > 0) & (residual != 0))
        if not used.size:
            return cls(np.zeros((0, d)), np.zeros(0), np.zeros(d), 0.0, used, np.zeros((0, 2), int))
        moments = residual[used] * sizes[used] / n
        units = X[used] / sizes[used, None]
        probe = np.random.default_rng(0).standard_normal((d,))
        sides = np.where(units @ probe >= 0, 1.0, -1.0)
        units = units * sides[:, None]
        order = _sorted_along(units, probe)
        apart = np.abs(np.diff(units[order], axis=0)).max(axis=1, initial=0.0) > PARALLEL
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
        bends = (1 - slope) * np.add.reduceat(moments[order], starts)
        rest = np.where(sides > 0, slope, -1.0) * moments
        scale = float(np.abs(moments).sum())
        # Residuals that cancel on a line leave no bend but rounding.
        bent = np.abs(bends) > 4 * EPS * np.add.reduceat(np.abs(moments[order]), starts)
        spans = np.stack([starts, np.append(starts[1:], used.size)], axis=1)
        return cls(
            lines=units[order][starts][bent],
            bends=bends[bent],
            offset=np.asarray(rest @ units),
            scale=scale,
            members=used[order],
            spans=spans[bent],
        )

    def value(self, w: Array) -> Array:
        """Return G at each row of `w` (..., d)."""
        return np.asarray(w @ self.offset + np.maximum(w @ self.lines.T, 0.0) @ self.bends)

    def samples(self, lines: Indices) -> Indices:
        """Return the samples on these lines, in their order."""
        groups = [self.members[slice(*self.spans[j])] for j in lines]
        return np.sort(np.concatenate([np.zeros(0, dtype=np.intp), *groups]))

    def gradient(self, side: Array) -> Array:
        """Return ∇G in the cone of `side` (m,); hyperplanes on which it is 0 are left out."""
        return np.asarray(self.offset + (self.bends * (side > 0)) @ self.lines)


def _sorted_along(units: Array, probe: Array) -> Indices:
    """Order lines so that parallel ones are neighbours: by angle in the plane, or by projection."""
    key: Array = units @ probe
    if units.shape[1] == 2:
        key = np.arctan2(units @ np.array([-probe[1], probe[0]]), key)
    return np.argsort(key, kind="stable")


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
        None if the hyperplanes did not come to an end within `PATIENCE`.
    """
    walk = _Walk(utility, w, sign, imbalance)
    for _ in range(PATIENCE * (len(utility.bends) + 1)):
        if (end := walk.step()) is not None:
            return end
    return None


class _Walk:
    """A weight on its way; the only mutable object here, made and dropped by `climb`."""

    def __init__(self, utility: PiecewiseUtility, w: Array, sign: float, imbalance: float) -> None:
        self.utility, self.sign, self.unique = utility, sign, True
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
            below = float(self.utility.lines[j] @ self._velocity())
            above = below + self.sign * float(self.utility.bends[j])
            self.unique &= not below < 0 < above
            self.side[j] = 1.0 if above > 0 and above >= -below else -1.0

    def _velocity(self) -> Array:
        """Return the shortest velocity that the sliding hyperplanes allow; release the others."""
        utility = self.utility
        while True:
            free = self.sign * utility.gradient(self.side)
            held = np.flatnonzero(self.side == 0)
            if not held.size:
                return np.asarray(free)
            left, singular, right = np.linalg.svd(utility.lines[held], full_matrices=False)
            rank = int(np.count_nonzero(singular > PARALLEL * singular[0]))
            basis, bends = right[:rank], self.sign * utility.bends[held]
            shares = -(left[:, :rank] @ ((basis @ free) / singular[:rank])) / bends
            if held.size > 1 and (shares.min() <= ON_LINE or shares.max() >= 1 - ON_LINE):
                shares = _shortest(free, bends[:, None] * utility.lines[held])
            loose = (shares <= ON_LINE) | (shares >= 1 - ON_LINE)
            if not loose.any():
                self.w = self.w - (self.w @ basis.T) @ basis
                slid = free - (free @ basis.T) @ basis
                return np.asarray(slid - (slid @ basis.T) @ basis)
            self.side[held[loose]] = np.where(shares[loose] > 0.5, 1.0, -1.0)

    def step(self) -> End | None:
        """Go straight to the next hyperplane, or say where the direction ends."""
        v = self._velocity()
        size, along = float(np.linalg.norm(v)), float(v @ self.w)
        if size <= ZERO * self.utility.scale:
            return self._end(self.w, 0.0, v)
        approach, heights = self.utility.lines @ v, self.utility.lines @ self.w
        if along < 0 and float(np.linalg.norm(v - along * self.w)) <= ZERO * size:
            if self.imbalance < 0:
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
        self.w, self.unique = direction, False
        self._take_sides(touched)
        return True

    def _move(self, wait: float, v: Array, reached: Mask) -> None:
        """Cross hyperplanes that bend up, stop on those that bend down, and rescale w."""
        w = self.w + wait * v
        down = self.sign * self.utility.bends < 0
        self.side = np.where(reached, np.where(down, 0.0, -self.side), self.side)
        length = float(np.linalg.norm(w))
        self.w, self.imbalance = w / length, self.imbalance / length**2

    def _time_of_turning(self, v: Array, along: float) -> float:
        """Return when |w|² = −δ on the way down, where a = 0; infinite if never."""
        if not self.imbalance < 0 or along >= 0:
            return math.inf
        square, excess = float(v @ v), 1.0 + self.imbalance
        inside = along**2 - square * excess
        return math.inf if inside < 0 else max(excess / (-along + math.sqrt(inside)), 0.0)

    def _turn(self) -> None:
        """Let a change its sign: the way back is not the way here where hyperplanes bend."""
        self.sign, self.imbalance = -self.sign, math.inf
        held = self.side == 0
        self._take_sides(held)

    def _end(self, direction: Array, growth: float, v: Array) -> End:
        """Describe the end, with the residual of its fixed-point equation."""
        across = v - (v @ direction) * direction
        return End(
            direction=direction,
            sign=self.sign,
            growth=growth,
            kinks=np.flatnonzero(self.side == 0),
            residual=float(np.linalg.norm(across)) / (self.utility.scale or 1.0),
            unique=self.unique,
            vanishes=growth < 0 < self.imbalance < math.inf,
        )


def _shortest(free: Array, pulls: Array) -> Array:
    """Return the shares λ in [0, 1] that make |free + Σ λ_j pulls_j| least, shape (m,)."""
    from scipy.optimize import lsq_linear

    size = float(np.linalg.norm(pulls))
    answer: Any = lsq_linear(pulls.T / size, -free / size, bounds=(0, 1), method="bvls", tol=EPS)
    return np.asarray(answer.x)
