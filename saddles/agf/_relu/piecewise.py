"""The utility of a (leaky) ReLU neuron: piecewise linear in its weight.

Maennel, Bousquet and Gelly, "Gradient Descent Quantizes ReLU Network Features" (2018,
arXiv:1803.08367). With φ(z) = max(z, 0) + s min(z, 0) and the residual r held fixed, a neuron
a φ(w·x) moves by w' = a ∇G(w), a' = G(w), where

    G(w) = (1/n) Σ_k r_k φ(w·x_k) = c·w + Σ_j b_j max(u_j·w, 0).

Samples on one line through the origin share a unit vector u_j. Between the hyperplanes u_j·w = 0
the gradient is constant. At a hyperplane that bends down (a b_j < 0) the gradients of both sides
may point at each other; w then slides along it (Filippov), with the shortest velocity between them.

With several outputs, r_k and a in R^q, the pull on a is the vector G(w) and w sees a·G: for each a
the utility of one output again.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``lines``        u_j, shape (m, d), no two of them parallel
``whole``        the lines of all samples, if G bends on each; they keep what is computed once
``bends``        b_j = (1 − s)/n Σ r_k |x_k| over the samples of line j, shape (m,) or (m, q)
``offset``       c, the gradient where every u_j·w < 0, shape (d,) or (q, d)
``scale``        (1/n) Σ |r_k| |x_k|, the size that ∇G is compared with
``sign``         the sign of a: the direction moves along sign · ∇G
``side``         sign of u_j·w; 0 for the hyperplanes that hold w, shape (m,)
===============  ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS, ZERO
from saddles.typing import Array, Indices

__all__ = [
    "Held",
    "Lines",
    "PiecewiseUtility",
    "Pulls",
    "Slide",
    "entered",
    "hold",
    "leave",
    "past",
    "pull_back",
    "slide",
    "within",
]

#: Directions of neurons that differ by less are the same: each is right to about 1e-14.
SAME_DIRECTION = 1e-9

#: Unit vectors of parallel samples differ by the rounding of a quotient and a norm.
SAME_LINE = 16 * EPS

#: Lines of which all products are held: half a gigabyte.
MOST_PRODUCTS = 8192

#: A weight this close to a hyperplane, relative to |w|, is on it.
ON_LINE = 64 * EPS
#: Half of the digits: how far a weight is moved off a hyperplane that rounding would move it off.
NUDGE = EPS**0.5


@dataclass(frozen=True, eq=False)
class Lines:
    """The samples (n, d), collected by the line through the origin on which they lie.

    Attributes
    ----------
    X : ndarray of shape (n, d)
        The samples.
    normals : ndarray of shape (m, d)
        A unit vector for each line.
    sizes : ndarray of shape (n,)
        x_k = ± |x_k| u_j with this sign and size; 0 for samples at the origin.
    members, spans : ndarray of int
        Line j has the samples ``members[spans[j, 0] : spans[j, 1]]``.
    """

    X: Array
    normals: Array
    sizes: Array
    members: Indices
    spans: Indices

    @classmethod
    def of(cls, X: Array) -> Lines:
        """Collect the samples; those at the origin lie on no line."""
        norms = np.linalg.norm(X, axis=1)
        used = np.flatnonzero(norms > 0)
        if not used.size:
            none = np.zeros((0, 2), dtype=np.intp)
            return cls(X, np.zeros((0, X.shape[1])), norms, used, none)
        normals = X[used] / norms[used, None]
        probe = np.random.default_rng(0).standard_normal((X.shape[1],))
        signs = np.where(normals @ probe >= 0, 1.0, -1.0)
        normals = normals * signs[:, None]
        order = _sorted_along(normals, probe)
        apart = np.abs(np.diff(normals[order], axis=0)).max(axis=1, initial=0.0) > SAME_LINE
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
        norms[used] *= signs
        spans = np.stack([starts, np.append(starts[1:], used.size)], axis=1)
        return cls(X, normals[order][starts], norms, used[order], spans)

    @cached_property
    def gram(self) -> Array | None:
        """u_i·u_j, shape (m, m); None where the lines are too many to hold it."""
        return self.normals @ self.normals.T if len(self.normals) <= MOST_PRODUCTS else None

    @cached_property
    def of_sample(self) -> Indices:
        """The line of each sample (n,), −1 for those at the origin."""
        numbers = np.full(len(self.X), -1)
        numbers[self.members] = np.repeat(np.arange(len(self.spans)), np.diff(self.spans)[:, 0])
        return numbers

    def bends(self, residual: Array, slope: float) -> Array:
        """Return b for this residual, shape (m,) or (m, q)."""
        if not self.members.size:
            return np.zeros((0, *residual.shape[1:]))
        moments = (residual.T * np.abs(self.sizes)).T[self.members]
        sums = np.add.reduceat(moments, self.spans[:, 0])
        return np.asarray((1 - slope) / len(self.X) * sums)

    def utility(self, residual: Array, slope: float) -> PiecewiseUtility:
        """Return G for this residual (n,), a bend for every line."""
        n = len(self.X)
        below = np.where(self.sizes > 0, slope, 1.0) * residual / n
        return PiecewiseUtility(
            lines=self.normals,
            bends=self.bends(residual, slope),
            offset=np.asarray(below @ self.X),
            scale=float(np.abs(residual) @ np.abs(self.sizes)) / n,
            members=self.members,
            spans=self.spans,
            whole=self,
        )

    def pulls(self, residual: Array, slope: float) -> Pulls:
        """Return G for this residual (n, q), a bend for every line."""
        n = len(self.X)
        below = np.where(self.sizes > 0, slope, 1.0)[:, None] * residual / n
        return Pulls(
            lines=self.normals,
            bends=self.bends(residual, slope),
            offset=np.asarray(below.T @ self.X),
            scale=float(np.linalg.norm(residual, axis=1) @ np.abs(self.sizes)) / n,
            members=self.members,
            spans=self.spans,
        )


def _sorted_along(normals: Array, probe: Array) -> Indices:
    """Order lines so that parallel ones are neighbours: by angle in the plane, or by projection."""
    key: Array = normals @ probe
    if normals.shape[1] == 2:
        key = np.arctan2(normals @ np.array([-probe[1], probe[0]]), key)
    return np.argsort(key, kind="stable")


@dataclass(frozen=True, eq=False)
class PiecewiseUtility:
    """G and its gradient; see the module's table."""

    lines: Array
    bends: Array
    offset: Array
    scale: float
    members: Indices
    spans: Indices
    whole: Lines | None = None

    @classmethod
    def of(cls, X: Array, residual: Array, slope: float, *, noise: float = 0.0) -> PiecewiseUtility:
        """Return G with the lines on which it bends by more than rounding, and than `noise`."""
        return Lines.of(X).utility(residual, slope).bent(noise)

    def bent(self, noise: float = 0.0) -> PiecewiseUtility:
        """Return G with the lines on which it bends by more than rounding, and than `noise`."""
        bent = np.abs(self.bends) > max(4 * EPS * self.scale, noise)
        if bent.all():
            return self
        return replace(
            self,
            lines=self.lines[bent],
            bends=self.bends[bent],
            spans=self.spans[bent],
            whole=None,
        )

    @cached_property
    def gram(self) -> Array | None:
        """u_i·u_j, shape (m, m); None where the lines are too many to hold it."""
        if self.whole is not None:
            return self.whole.gram
        return self.lines @ self.lines.T if len(self.lines) <= MOST_PRODUCTS else None

    def products(self, lines: Indices) -> Array:
        """Return u_i·u_j of these `lines` i (k,) with every j, shape (k, m)."""
        if self.gram is None:
            return np.asarray(self.lines[lines] @ self.lines.T)
        return self.gram[lines]

    def value(self, w: Array) -> Array:
        """Return G at each row of `w` (..., d)."""
        return np.asarray(w @ self.offset + np.maximum(w @ self.lines.T, 0.0) @ self.bends)

    def samples(self, lines: Indices) -> Indices:
        """Return the samples on these lines, in their order."""
        return _samples(self.members, self.spans, lines)

    def gradient(self, side: Array) -> Array:
        """Return ∇G in the cone of `side` (m,); hyperplanes on which it is 0 are left out."""
        return np.asarray(self.offset + (self.bends * (side > 0)) @ self.lines)


@dataclass(frozen=True, eq=False)
class Pulls:
    """G with several outputs; see the module's table."""

    lines: Array
    bends: Array
    offset: Array
    scale: float
    members: Indices
    spans: Indices

    @classmethod
    def of(cls, X: Array, residual: Array, slope: float, *, noise: float = 0.0) -> Pulls:
        """Return G with the lines on which it bends by more than rounding, and than `noise`."""
        return Lines.of(X).pulls(residual, slope).bent(noise)

    def bent(self, noise: float = 0.0) -> Pulls:
        """Return G with the lines on which it bends by more than rounding, and than `noise`."""
        bent = np.linalg.norm(self.bends, axis=1) > max(4 * EPS * self.scale, noise)
        return replace(self, lines=self.lines[bent], bends=self.bends[bent], spans=self.spans[bent])

    def along(self, a: Array) -> PiecewiseUtility:
        """Return a·G for one `a` (q,)."""
        return PiecewiseUtility(
            lines=self.lines,
            bends=np.asarray(self.bends @ a),
            offset=np.asarray(a @ self.offset),
            scale=self.scale * float(np.linalg.norm(a)),
            members=self.members,
            spans=self.spans,
        )

    def value(self, w: Array) -> Array:
        """Return G at each row of `w`, shape (..., q)."""
        return np.asarray(w @ self.offset.T + np.maximum(w @ self.lines.T, 0.0) @ self.bends)

    def samples(self, lines: Indices) -> Indices:
        """Return the samples on these lines, in their order."""
        return _samples(self.members, self.spans, lines)

    def matrix(self, side: Array) -> Array:
        """Return M (q, d), G(w) = M w in the cone of `side` (m,)."""
        return np.asarray(self.offset + (self.bends * (side > 0)[:, None]).T @ self.lines)


def _samples(members: Indices, spans: Indices, lines: Indices) -> Indices:
    """Return the samples on `lines`, in their order."""
    groups = [members[slice(*spans[j])] for j in lines]
    return np.sort(np.concatenate([np.zeros(0, dtype=np.intp), *groups]))


@dataclass(frozen=True, eq=False)
class Slide:
    """The velocity sign · ∇G of a weight on hyperplanes.

    Attributes
    ----------
    velocity : ndarray of shape (d,)
        The shortest that they allow.
    side : ndarray of shape (m,)
        The side to which each of them lets the weight go, 0 if it holds it.
    basis : ndarray of shape (h, d)
        Orthonormal normals of those that hold.
    """

    velocity: Array
    side: Array
    basis: Array


@dataclass(frozen=True, eq=False)
class Held:
    """What hyperplanes (h, d) make of the velocity ``free`` with which a weight comes to them.

    Attributes
    ----------
    velocity : ndarray of shape (d,)
        The shortest that they allow.
    side : ndarray of shape (h,)
        The side to which each of them lets the weight go, 0 if it holds it.
    basis : ndarray of shape (k, d)
        Orthonormal normals of those that hold.
    needed : ndarray of shape (h,)
        velocity = free + Σ needed_j u_j.
    """

    velocity: Array
    side: Array
    basis: Array
    needed: Array


def hold(normals: Array, bends: Array, free: Array) -> Held:
    """Return how a weight goes on from hyperplanes with these `normals` (h, d).

    All of them bend down: `bends` (h,), times the sign of a, are negative. `free` (d,) is the
    velocity below all of them.
    """
    found = _held(normals, bends, free, guess=True)
    # The shortest velocity is the one that leads away from every hyperplane that lets go.
    noise = ON_LINE * float(np.linalg.norm(free) + np.abs(bends).max(initial=0.0))
    if (found.side * (normals @ found.velocity) >= -noise).all():
        return found
    return _held(normals, bends, free, guess=False)


def _held(normals: Array, bends: Array, free: Array, *, guess: bool) -> Held:
    """Let go of hyperplanes until the others hold; `guess` is quick, and may be wrong."""
    side, needed = np.zeros(len(normals)), np.zeros(len(normals))
    while True:
        held = np.flatnonzero(side == 0)
        if not held.size:
            return Held(np.asarray(free), side, normals[:0], needed)
        basis, pulls = pull_back(normals[held], free)
        shares = pulls / bends[held]
        out = shares.min() <= ON_LINE or shares.max() >= 1 - ON_LINE
        if out and held.size > 1 and not guess:
            shares = _shortest(free, bends[held, None] * normals[held])
        loose = (shares <= ON_LINE) | (shares >= 1 - ON_LINE)
        if not loose.any():
            needed[held] = pulls
            return Held(within(basis, free), side, basis, needed)
        let_go = held[loose]
        side[let_go] = np.where(shares[loose] > 0.5, 1.0, -1.0)
        needed[let_go] = np.where(side[let_go] > 0, bends[let_go], 0.0)
        free = free + needed[let_go] @ normals[let_go]


def slide(utility: PiecewiseUtility, side: Array, sign: float) -> Slide:
    """Return the velocity of a weight that is on the hyperplanes where `side` (m,) is 0.

    All of those must bend down, sign · b_j < 0.
    """
    side, held = side.copy(), np.flatnonzero(side == 0)
    free = sign * utility.gradient(side)
    found = hold(utility.lines[held], sign * utility.bends[held], free)
    side[held] = found.side
    return Slide(found.velocity, side, found.basis)


def past(lines: Array, side: Array, w: Array) -> Array:
    """Return a weight `w` (d,) at rest beyond the hyperplanes that it has just crossed.

    The last sample that moves a ReLU neuron may push it off itself. It comes to rest on that
    sample's hyperplane, with nothing beyond that would take it farther. Steps of training are
    finite and take it beyond, where it stays whatever residual the sample has later. On the
    hyperplane itself rounding would decide whether it comes back.
    """
    size = float(np.linalg.norm(w))
    near = np.flatnonzero((side != 0) & (side * (lines @ w) < NUDGE / 2 * size))
    if not near.size:
        return w
    moved = w + pull_back(lines[near], w)[1] @ lines[near]
    return np.asarray(moved + NUDGE * size * np.linalg.pinv(lines[near]) @ side[near])


def leave(utility: PiecewiseUtility, side: Array, j: int, sign: float) -> bool:
    """Enter in `side` to where a weight leaves hyperplane `j`, which bends up; whether it must.

    It could leave to the other side too if both push away; then it goes where that is faster. On a
    side where nothing moves it, it stays: φ'(0) is that of a sample that is not seen.
    """
    towards = []
    for side[j] in (-1.0, 1.0):
        velocity = slide(utility, side, sign).velocity
        if np.linalg.norm(velocity) <= ZERO * utility.scale:
            return True
        towards.append(float(utility.lines[j] @ velocity))
    below, above = towards
    side[j] = 1.0 if above > 0 and above >= -below else -1.0
    return not below < 0 < above


def pull_back(normals: Array, free: Array) -> tuple[Array, Array]:
    """Return an orthonormal basis of `normals` (h, d), and p with free + Σ p_j u_j orthogonal."""
    if len(normals) == 1:
        size = float(np.linalg.norm(normals))
        return normals / size, -(normals @ free) / size**2
    left, singular, right = np.linalg.svd(normals, full_matrices=False)
    rank = int(np.count_nonzero(singular > SAME_LINE * singular[0]))
    basis = right[:rank]
    return basis, np.asarray(-(left[:, :rank] @ ((basis @ free) / singular[:rank])))


def within(basis: Array, vector: Array) -> Array:
    """Return the part of `vector` (d,) orthogonal to `basis` (h, d), cleaned of rounding."""
    inside = np.asarray(vector - (vector @ basis.T) @ basis)
    return np.asarray(inside - (inside @ basis.T) @ basis)


def _shortest(free: Array, pulls: Array) -> Array:
    """Return the shares λ in [0, 1] that make |free + Σ λ_j pulls_j| least, shape (m,)."""
    from scipy.optimize import lsq_linear

    size = float(np.linalg.norm(pulls))
    answer: Any = lsq_linear(pulls.T / size, -free / size, bounds=(0, 1), method="bvls", tol=EPS)
    return np.asarray(answer.x)


def entered(utility: PiecewiseUtility, side: Array) -> Slide:
    """Return how a weight goes on from the hyperplanes where `side` is 0.

    Those that bend down may hold it; the others it leaves, to where they let it go. Nothing bends
    where a sample that is fitted begins to be seen: there the velocity says to which side.
    """
    start = side.copy()
    upward = np.flatnonzero((side == 0) & ~(utility.bends < 0))
    start[upward] = -1.0
    for j in upward:
        leave(utility, start, int(j), 1.0)
    return slide(utility, start, 1.0)
