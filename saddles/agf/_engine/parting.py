"""The splitting clock: when neurons that activated together part.

For κ = 2 all neurons of one sign in one basin align to the same direction b and ring together.
They then sit, as one, at a saddle; but not exactly, for deviations from b are powers of α. While
the residual stands still a deviation obeys δ' = ∇²U(b) δ, dormant or active: in units of
log(1/α) its exponent x, δ = α^(−x), grows by h in scaled time, where h is the eigenvalue of
P⊥∇²U P⊥ along which it points. It starts at −1, and the neurons part when it comes to 0: later than
they rang, for h is less than the growth of their norm.

Where eigenvectors turn from one saddle to the next, exponents are handed on as in greedy low-rank
learning: the direction that grows fastest takes the largest one that it overlaps with, and so on.
That is a conjecture, and the certificate says so.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``direction``    b, (p,)
``modes``        eigenvectors, orthonormal columns across b, (p, p − 1)
``rates``        h, falling, (p − 1,)
``exponents``    x, at most 0, (p − 1,)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles.agf._engine.coordinates import DENSE
from saddles.agf._engine.leaving import Exits
from saddles.agf._engine.levels import STATIONARY, TIE
from saddles.homogeneous import Declared
from saddles.typing import Array, Indices

__all__ = ["Deviations", "Parting", "alike", "first_parting", "tells"]

#: Directions that differ by less are one, and so small an overlap of eigenvectors is none: what is
#: left of them is the error of a descent. Second derivatives of a utility are those of the loss
#: along a neuron as small as this.
ALIKE = 1e-6


def alike(directions: Array, within: float = ALIKE) -> Indices:
    """Return the first row of `directions` (A, p) that each is equal to, (A,)."""
    apart = np.linalg.norm(directions[:, None] - directions, axis=2)
    return np.asarray((apart <= within).argmax(axis=1))


def tells(network: Declared) -> bool:
    """Whether a network offers what the splitting clock needs."""
    smooth = network.hessian is not None and not network.kinked
    return network.degree == 2 and smooth and network.size <= DENSE


def bends(network: Declared, directions: Array, active: Array) -> Array:
    """Return ∇²U (D, p, p) along `directions` (D, p), beside the `active` neurons."""
    assert network.hessian is not None
    count, size = directions.shape
    every = network.hessian(np.vstack([active, ALIKE * directions]), np.eye(size))
    blocks = every.reshape(len(active) + count, size, len(active) + count, size)
    return np.stack([-blocks[k, :, k] for k in range(len(active), len(active) + count)])


@dataclass(frozen=True, eq=False)
class _Modes:
    """The eigenvectors of ∇²U across a direction, and their rates."""

    direction: Array
    modes: Array
    rates: Array

    @classmethod
    def of(cls, direction: Array, bend: Array, before: Array, exponents: Array) -> _Modes:
        """Take eigenvectors, among equal rates those along which exponents are known."""
        across = np.linalg.svd(direction[None])[2][1:].T
        inner = across.T @ bend @ across
        known = across.T @ before
        nudge = STATIONARY * float(np.abs(inner).max() or 1.0)
        vectors = np.linalg.eigh(inner + nudge * (known * exponents) @ known.T)[1]
        rates = np.einsum("ji,jk,ki->i", vectors, inner, vectors)
        order = np.argsort(-rates, kind="stable")
        return cls(direction, across @ vectors[:, order], rates[order])


@dataclass(frozen=True, eq=False)
class Deviations:
    """The exponents of each neuron's deviations; `turned` where they were handed on by overlaps."""

    direction: Array
    modes: Array
    exponents: Array
    turned: bool = False

    @classmethod
    def start(cls, direction: Array, exponent: float) -> Deviations:
        """Begin with deviations of the same order along all directions."""
        across = np.linalg.svd(direction[None])[2][1:].T
        return cls(direction, across, np.full(across.shape[1], exponent))

    def along(self, direction: Array, bend: Array) -> tuple[Deviations, Array]:
        """Return the exponents along the eigenvectors of a `bend` (p, p), and their rates."""
        before = _carried(self.modes, self.direction, direction)
        found = _Modes.of(direction, bend, before, self.exponents)
        overlap = found.modes.T @ before
        exponents = _handed_on(overlap, self.exponents)
        mixed = np.abs(exponents[:, None] - self.exponents) > ALIKE
        turned = self.turned or bool((np.abs(overlap) > ALIKE)[mixed].any())
        return Deviations(direction, found.modes, exponents, turned), found.rates

    def along_which(self, places: Array) -> Array:
        """Return the largest exponent that deviations along `places` (k, p) have, (k,)."""
        parts = np.abs(places @ self.modes) > ALIKE
        return np.asarray(np.where(parts, self.exponents, -math.inf).max(axis=1, initial=-math.inf))

    def grown(self, rates: Array, delay: float) -> Deviations:
        """Return the exponents after a delay."""
        later = np.minimum(self.exponents + rates * delay, 0.0)
        return Deviations(self.direction, self.modes, later, self.turned)


def _carried(modes: Array, old: Array, new: Array) -> Array:
    """Turn modes by the rotation that takes the direction `old` (p,) to `new` (p,)."""
    if old @ new < ALIKE - 1:
        return modes
    middle = old + new
    return np.asarray(modes - np.outer(middle, (middle @ modes) / (1 + old @ new)))


def _handed_on(overlap: Array, exponents: Array) -> Array:
    """Return the exponent of each new mode (q,), given its overlaps (q, q) with the old ones."""
    order = np.argsort(-exponents, kind="stable")
    left, found = overlap[:, order].copy(), np.empty(len(exponents))
    for i in range(len(left)):
        pivot = int((np.abs(left[i]) > ALIKE).argmax())
        found[i] = exponents[order[pivot]]
        rest = left[i + 1 :]
        rest -= np.outer(rest[:, pivot] / (left[i, pivot] or 1.0), left[i])
        rest[:, pivot] = 0.0
    return found


@dataclass(frozen=True, eq=False)
class Parting:
    """The next parting of active neurons: when, and where each goes, `aside` (A, p)."""

    delay: float
    aside: Array
    conjectured: bool = False

    def due(self, delay: float) -> bool:
        """Whether neurons part within a delay."""
        return self.delay <= delay * (1 + TIE) and math.isfinite(self.delay)

    @property
    def rows(self) -> Indices:
        """Return which neurons part."""
        return np.flatnonzero(np.linalg.norm(self.aside, axis=1) > ALIKE)


def first_parting(network: Declared, theta: Array, known: list[Deviations], home: Array) -> Parting:
    """Return the next parting of active neurons `theta` (A, p) that began along `home` (A, p)."""
    out = Exits.of(network, theta, alike(home, STATIONARY))
    if out is None or not len(out.rates):
        return Parting(math.inf, np.zeros_like(theta))
    norms = np.linalg.norm(theta, axis=1, keepdims=True)
    units, first = theta / norms, alike(theta / norms)
    every = np.unique(first)
    found = dict(zip(every, bends(network, units[every], theta), strict=True))
    told = [each.along(units[k], found[k])[0] for each, k in zip(known, first, strict=True)]
    exponents = np.max([each.along_which(out.along[:, k]) for k, each in enumerate(told)], axis=0)
    exponents[exponents > -ALIKE] = 0.0
    delays = -exponents / out.rates
    delay = float(delays.min())
    modes = out.along[delays <= delay * (1 + TIE)]
    aside = np.tensordot(np.tensordot(modes, norms * home, 2), modes, 1)
    aside *= np.linalg.norm(theta) / (np.linalg.norm(aside) or 1.0)
    return Parting(delay, aside, any(each.turned for each in told))
