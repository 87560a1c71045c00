"""Dormant ReLU neurons with several outputs, or at a finite scale: linear flows, piece by piece.

While the residual stands still and no u_j·w changes its sign, a neuron θ = (w, a) obeys
w' = P Mᵀa, a' = M w, with G(w) = M w in its cone (`piecewise`) and P the projector onto the
hyperplanes that hold it. That is θ' = Fθ with a symmetric F, whose eigenvectors are (v_i, ±u_i)
for the singular triples (u_i, σ_i, v_i) of MP, so

    θ(t) = Σ_k e^{ε_k t} z_k,    ε = σ, −σ and 0,    z_k orthogonal to one another,

exactly, and so are its norm and, for t → ∞, its direction. A piece ends where u_j·w = 0, or where
a hyperplane lets go: both are zeros of linear functions of θ. Time is that of the mean loss.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``theta``        θ = (w, a), of norm 1 where a piece begins, shape (p,)
``rates``        ε_k, falling, shape (k,)
``modes``        z_k, shape (k, p)
``side``         sign of u_j·w; 0 for the hyperplanes that hold w, shape (m,)
``grown``        log |θ| over the norm at the start
===============  ==========================================================================
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from saddles._numerics.precision import EPS, ZERO
from saddles._numerics.watch import tick
from saddles.agf._relu.piecewise import (
    ON_LINE,
    Pulls,
    leave,
    past,
    pull_back,
    slide,
    within,
)
from saddles.typing import Array, Indices, Mask

__all__ = ["Way", "held_rates", "turn"]

#: A hyperplane is passed once w is so far behind it, relative to |w|; a pull fails to hold once it
#: misses by as much, relative to |a| and `scale`. Rounding of a sum of exponentials is below.
BEHIND = 1e-13
#: Pieces, per hyperplane, after which a way is given up; in practice there is about one per
#: hyperplane.
PIECES_PER_LINE = 50
#: Times, in units of the fastest rate, at which a piece is evaluated first, and their ratio later.
LOOKS, LOOKS_RATIO = np.linspace(0.0, 4.0, 81), 1.05
#: Rates closer than this, relative to the fastest, are equal.
SAME_RATE = 1e-9
#: Exponent at which a mode has vanished beside the leading one.
VANISHED = 40.0
#: |w| beside |θ| that is zero.
NO_WEIGHT = 1e-9


@dataclass(frozen=True, eq=False)
class _Leg:
    """One piece of a way."""

    start: float
    grown: float
    rates: Array
    modes: Array

    @property
    def lead(self) -> float:
        """Return the leading rate."""
        return float(self.rates.max())

    def at(self, time: float) -> tuple[Array, float]:
        """Return θ/|θ| and ``grown`` at `time` since the start of the leg."""
        theta = np.exp((self.rates - self.lead) * time) @ self.modes
        size = float(np.linalg.norm(theta))
        return theta / size, self.grown + self.lead * time + math.log(size)

    def reaches(self, target: float) -> float:
        """Return when ``grown`` rises to `target`, at 0 if it is there; infinite if it never does.

        It is the logarithm of a sum of exponentials and so convex: it rises through a value once.
        """
        from scipy.optimize import brentq

        if self.lead <= 0:
            return math.inf

        def missing(time: float) -> float:
            return self.at(time)[1] - target

        high = max(1 / self.lead, -2 * missing(0.0) / self.lead)
        while missing(high) < 0:
            high *= 2
        low = 0.0
        if missing(0.0) >= 0:
            slope = float(self.rates @ np.sum(self.modes**2, axis=1))
            if slope >= 0:
                return 0.0
            while missing(high / 2) > 0 and high > EPS:
                high /= 2
            low = high / 2
            if missing(low) > 0:
                return 0.0
        return float(brentq(missing, low, high, xtol=1e-300, rtol=4 * EPS))


@dataclass(frozen=True, eq=False)
class Way:
    """The way of one dormant neuron while the residual stands still.

    Attributes
    ----------
    legs : tuple
        Its pieces in order; the last has no end.
    direction : ndarray of shape (p,)
        The limit of θ/|θ|.
    growth : float
        Rate of log |θ| there.
    kinks : ndarray of int
        Hyperplanes that hold it.
    residual : float
        How far the limit misses P Mᵀa = σ w, M w = σ a, relative to ``scale``.
    unique : bool
        False if it met a hyperplane that pushes to both of its sides.
    vanishes : bool
        True if w, a vector, came to 0 and is pulled beyond: it ends there, for its way is open.
    """

    legs: tuple[_Leg, ...]
    direction: Array
    growth: float
    kinks: Indices
    residual: float
    unique: bool
    vanishes: bool = False

    def ring(self, target: float) -> float:
        """Return when log |θ| has grown by `target`; infinite if it never does."""
        ends = [leg.start for leg in self.legs[1:]] + [math.inf]
        for leg, end in zip(self.legs, ends, strict=True):
            time = leg.start + leg.reaches(target)
            if time < end:
                return time
        return math.inf

    def at(self, time: float) -> tuple[Array, float]:
        """Return θ/|θ| and the growth of log |θ| until `time`."""
        leg = self.legs[bisect_right([leg.start for leg in self.legs], time) - 1]
        return leg.at(time - leg.start)


def turn(pulls: Pulls, theta: Array, *, noise: float = 0.0, until: float = math.inf) -> Way | None:
    """Follow one dormant neuron from `theta` (p,) to the end of its direction.

    Parameters
    ----------
    pulls : Pulls
        G.
    theta : ndarray of shape (p,)
        (w, a), w not 0. With a single output, balanced neurons (|a| = |w|) keep their sign of a.
    noise : float
        Rates that count as none.
    until : float
        A time after which the way does not matter.

    Returns
    -------
    Way or None
        None if there were too many pieces.
    """
    walk = _Walk(pulls, theta, noise)
    for _ in range(PIECES_PER_LINE * (len(pulls.lines) + 1)):
        tick()
        if (way := walk.step(until)) is not None:
            return way
    return None


def held_rates(pulls: Pulls, theta: Array) -> Array:
    """Return the singular values of MP for a neuron `theta` (p,), in the piece that it is in."""
    return _Walk(pulls, theta, 0.0).sizes()


class _Walk:
    """A neuron on its way; the only mutable object here, made and dropped by `turn`."""

    def __init__(self, pulls: Pulls, theta: Array, noise: float) -> None:
        self.pulls, self.noise = pulls, max(noise, ZERO * pulls.scale)
        self.dimension = pulls.lines.shape[1]
        self.theta = theta / np.linalg.norm(theta)
        w, a = self.parts
        self.balanced = len(a) == 1 and abs(abs(a[0]) - np.linalg.norm(w)) <= 16 * EPS
        self.time, self.grown, self.unique = 0.0, 0.0, True
        self.legs: list[_Leg] = []
        heights = pulls.lines @ w
        on_line = np.abs(heights) <= ON_LINE * np.linalg.norm(w)
        self.side = np.where(on_line, 0.0, np.sign(heights))
        self._settle(np.flatnonzero(on_line))

    @property
    def parts(self) -> tuple[Array, Array]:
        """Return w and a."""
        return self.theta[: self.dimension], self.theta[self.dimension :]

    def _settle(self, touched: Indices) -> None:
        """Leave the hyperplanes `touched` that bend up, slide along the others if they hold."""
        w, a = self.parts
        utility = self.pulls.along(a)
        self.side[touched] = np.where(utility.bends[touched] < 0, 0.0, -1.0)
        for j in touched[utility.bends[touched] >= 0]:
            self.unique &= leave(utility, self.side, int(j), 1.0)
        found = slide(utility, self.side, 1.0)
        self.side, self.basis = found.side, found.basis
        w = within(found.basis, w)
        if self.balanced:
            a = np.copysign(np.linalg.norm(w), a)
        self.theta = np.concatenate([w, a])

    def step(self, until: float) -> Way | None:
        """Go to the end of the piece, or say where the direction ends."""
        leg = self._leg()
        self.legs.append(leg)
        if np.abs(leg.rates).max() <= self.noise:
            w, a = self.parts
            self.theta = np.concatenate([past(self.pulls.lines, self.side, w), a])
            return self._end(replace(leg, rates=np.zeros(1), modes=self.theta[None]))
        found = _first_event(_Margins(leg, *self._events(), self.dimension))
        if found is None or self.time + found[0] > until:
            return self._end(leg)
        wait, passed = found
        self.theta, self.grown = leg.at(wait)
        self.time += wait
        if np.linalg.norm(self.parts[0]) <= NO_WEIGHT:
            return self._go_through(leg)
        self._settle(self._place(np.unique(self.numbers[passed])))
        return None

    def _go_through(self, leg: _Leg) -> Way | None:
        """Let a w that has come to 0 rest beyond, where nothing sees it, or go on if w is a number.

        That is pulled on, or back to 0, where it rests. Else its way is open.
        """
        refused = replace(self._end(leg), vanishes=True)
        before, (_, a) = leg.at(0.0)[0][: self.dimension], self.parts
        if not before.any():  # it began at 0
            before = self.side @ self.pulls.lines
        w = -NO_WEIGHT * before / float(np.linalg.norm(before))
        self.theta, self.side = np.concatenate([w, a]), -self.side
        self._settle(np.flatnonzero(self.side == 0))
        if self.sizes().max(initial=0.0) <= self.noise:
            return None
        if self.dimension > 1:
            return refused
        if float(a @ self._matrix() @ w) > 0:
            return None
        self.side, self.basis = np.zeros_like(self.side), np.eye(1)
        self.legs.append(_Leg(self.time, self.grown, np.zeros(1), self.theta[None]))
        return self._end(self.legs[-1])

    def _matrix(self) -> Array:
        """Return MP."""
        matrix = self.pulls.matrix(self.side)
        return np.asarray(matrix - (matrix @ self.basis.T) @ self.basis)

    def sizes(self) -> Array:
        """Return its singular values."""
        return np.asarray(np.linalg.svd(self._matrix(), compute_uv=False))

    def _leg(self) -> _Leg:
        """Return the piece that begins here; without exponents that are not needed."""
        w, a = self.parts
        matrix = self._matrix()
        left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
        used = sizes > self.noise
        left, sizes, right = left[:, used], sizes[used], right[used]
        inner, outer = right @ w, a @ left
        grow, fade = (inner + outer) / 2, (inner - outer) / 2
        rest = np.concatenate([w - inner @ right, a - left @ outer])
        if self.balanced and np.linalg.norm(rest) <= ZERO and inner @ outer < 0:
            # It fades, and no rounding may turn it back.
            grow, rest = np.zeros_like(grow), np.zeros_like(rest)
        modes = np.vstack(
            [
                np.hstack([right, left.T]) * grow[:, None],
                rest,
                np.hstack([right, -left.T]) * fade[:, None],
            ]
        )
        rates = np.concatenate([sizes, [0.0], -sizes])
        present = np.linalg.norm(modes, axis=1) > EPS**2
        return _Leg(self.time, self.grown, rates[present], modes[present])

    def _events(self) -> tuple[Array, Mask]:
        """Return rows (e, p) that are positive on θ within the piece, and which scale with |a|."""
        lines, d = self.pulls.lines, self.dimension
        free, held = np.flatnonzero(self.side), np.flatnonzero(self.side == 0)
        heights = np.zeros((len(free), len(self.theta)))
        heights[:, :d] = self.side[free, None] * lines[free]
        rows, self.numbers = [heights], np.concatenate([free, held, held])
        if held.size:
            # Of each output, as of Mᵀa: what keeps w on the hyperplanes, between 0 and their bends.
            needed = np.stack(
                [
                    pull_back(lines[held], row)[1]
                    for row in self.pulls.matrix(self.side) / (self.pulls.scale or 1.0)
                ],
                axis=1,
            )
            bends = self.pulls.bends[held] / (self.pulls.scale or 1.0)
            nothing = np.zeros((len(held), d))
            rows += [np.hstack([nothing, -needed]), np.hstack([nothing, needed - bends])]
        return np.vstack(rows), np.arange(len(free) + 2 * len(held)) >= len(free)

    def _place(self, touched: Indices) -> Indices:
        """Put w exactly on the hyperplanes `touched`, and on those that hold it."""
        w, a = self.parts
        mine = np.union1d(touched, np.flatnonzero(self.side == 0))
        w = within(pull_back(self.pulls.lines[mine], w)[0], w)
        self.theta = np.concatenate([w, a])
        return mine

    def _end(self, leg: _Leg) -> Way:
        """Describe the end of the last leg."""
        self.legs[-1] = leg
        lead = leg.lead
        leading = leg.rates >= lead - SAME_RATE * np.abs(leg.rates).max()
        direction = leg.modes[leading].sum(axis=0)
        direction = direction / np.linalg.norm(direction)
        w, a = direction[: self.dimension], direction[self.dimension :]
        matrix = self.pulls.matrix(self.side)
        velocity = np.concatenate([within(self.basis, a @ matrix), matrix @ w])
        # An end at the edge of a piece may attract from this side of it alone.
        edge = (self.side != 0) & (np.abs(self.pulls.lines @ w) <= ON_LINE * np.linalg.norm(w))
        self.unique &= lead <= 0 or not (self.pulls.along(a).bends[edge] > 0).any()
        missing = float(np.linalg.norm(velocity - lead * direction))
        return Way(
            legs=tuple(self.legs),
            direction=direction,
            growth=lead,
            kinks=np.flatnonzero(self.side == 0),
            residual=missing / (self.pulls.scale or 1.0),
            unique=self.unique,
        )


@dataclass(frozen=True, eq=False)
class _Margins:
    """Rows of θ on a leg, which are positive within the piece, as functions of time.

    They are divided by the exponential of the leading rate, and may be negative by `BEHIND` times
    |a| where ``outer``, times |w| elsewhere.
    """

    leg: _Leg
    rows: Array
    outer: Mask
    dimension: int

    @cached_property
    def weights(self) -> Array:
        """Each row at each mode."""
        return np.asarray(self.rows @ self.leg.modes.T)

    def _decays(self, times: Array) -> Array:
        return np.exp(np.multiply.outer(self.leg.rates - self.leg.lead, times))

    def __call__(self, times: Array) -> Array:
        """Return their values at `times` (t,), shape (e, t)."""
        decays, d = self._decays(times), self.dimension
        theta = self.leg.modes.T @ decays
        inner, outer = np.linalg.norm(theta[:d], axis=0), np.linalg.norm(theta[d:], axis=0)
        allowed = np.where(self.outer[:, None], outer, inner)
        return np.asarray(self.weights @ decays + BEHIND * allowed)

    def slopes(self, times: Array) -> Array:
        """Return their derivatives, without the part that is allowed, shape (e, t)."""
        rates = self.leg.rates - self.leg.lead
        return np.asarray((self.weights * rates) @ self._decays(times))

    def one(self, row: int, time: float) -> float:
        """Return one of them at one time."""
        return float(self(np.array([time]))[row, 0])

    def worst(self, time: float) -> float:
        """Return the least of them at one time."""
        return float(self(np.array([time])).min())

    def dip(self, times: Array, values: Array) -> tuple[int, float] | None:
        """Return between which two of `times` a row dips below zero and comes back, and when.

        Its tangents at both say whether it could.
        """
        from scipy.optimize import minimize_scalar

        slopes = self.slopes(times)
        dips = (slopes[:, :-1] < 0) & (slopes[:, 1:] > 0)
        dips &= values[:, :-1] + slopes[:, :-1] * np.diff(times) < 0
        for look, row in np.argwhere(dips.T).tolist():
            lowest = minimize_scalar(
                partial(self.one, row),
                bounds=(times[look], times[look + 1]),
                method="bounded",
                options={"xatol": 1e-12 * times[look + 1]},
            )
            if lowest.fun < 0:
                return look, float(lowest.x)
        return None


def _first_event(margins: _Margins) -> tuple[float, Mask] | None:
    """Return when the first margin becomes negative on a leg, and which have; None if none does."""
    from scipy.optimize import brentq

    times = _looks(margins.leg)
    values = margins(times)
    behind = (values < 0).any(axis=0)
    first = int(behind.argmax()) if behind.any() else len(times)
    if first == 0:
        return 0.0, values[:, 0] < BEHIND / 2
    # Looks at which all is well, and the next.
    dip = margins.dip(times[: first + 1], values[:, : first + 1])
    if dip is None and first == len(times):
        return None
    last, look = (times[first - 1], times[first]) if dip is None else (times[dip[0]], dip[1])
    wait = float(brentq(margins.worst, last, look, xtol=EPS * (look - last), rtol=4 * EPS))
    return wait, margins(np.array([wait]))[:, 0] < BEHIND / 2


def _looks(leg: _Leg) -> Array:
    """Return times from 0 to where only the leading modes are left."""
    fastest = float(np.abs(leg.rates).max())
    gaps = leg.lead - leg.rates
    later = gaps[gaps > SAME_RATE * fastest]
    last = VANISHED / float(later.min()) if later.size else 0.0
    looks = LOOKS / fastest
    if last <= looks[-1]:
        return np.asarray(looks)
    count = math.ceil(math.log(last / looks[-1]) / math.log(LOOKS_RATIO))
    return np.concatenate([looks, looks[-1] * LOOKS_RATIO ** np.arange(1, count + 1)])
