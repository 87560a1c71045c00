"""Quadratic neurons on modular addition in pairs: overlaps, their slopes and second derivatives.

With the responses U, V and outputs w of `saddles.agf._modular_network`, p² L is a constant, minus
Σ_im q_i(m) T_i(m), plus ½ Σ_ij (w_i·w_j) K_ij. Second derivatives are over coordinates z of a
subspace, θ_i = θ_i⁰ + B z_i: responses are affine in z, so that they are sums of products of small
matrices.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``UV``              U_i(a) and V_i(b), (2, H, p)
``gram``            w_i·w_j, (H, A)
``kernel``          K_ij, (H, A)
``slope``           ∂/∂U_i(a) and ∂/∂V_i(b) of Σ_j (w_i·w_j) K_ij, others held fixed, (2, H, p)
``along``           responses and outputs of the columns of B: U, V and w, each (m, p)
``first[i, α, j]``  derivative of K_ij over z_iα, its second neuron held fixed, (H, m, H)
``both``            derivative of K_ij over z_iα and z_jβ, one in each neuron, (H, m, H, m)
``same``            second derivatives of Σ_j (w_i·w_j) K_ij over z_i, others fixed, (H, m, m)
``hankel``          q_i(a + b), (H, p, p)
==================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles.typing import Array

__all__ = ["Pair", "Seen", "energy", "target"]


@dataclass(frozen=True, eq=False)
class Seen:
    """Neurons as the data see them; see the tables of this module and of the network's."""

    UV: Array
    w: Array
    waves: Any = None

    @property
    def U(self) -> Array:
        """Responses to the first input (H, p)."""
        return np.asarray(self.UV[0])

    @property
    def V(self) -> Array:
        """Responses to the second input (H, p)."""
        return np.asarray(self.UV[1])

    @cached_property
    def squares(self) -> Array:
        """Squares of the responses (2, H, p)."""
        return np.asarray(self.UV**2)

    def swapped(self) -> Seen:
        """Return the same with the two inputs exchanged."""
        return Seen(self.UV[::-1], self.w)


@dataclass(frozen=True, eq=False)
class Pair:
    """Neurons (H) beside others (A); sums of U and V vanish where the template is ``centred``."""

    seen: Seen
    others: Seen
    centred: bool

    @cached_property
    def gram(self) -> Array:
        """Products w_i·w_j (H, A)."""
        return np.asarray(self.seen.w @ self.others.w.T)

    @cached_property
    def overlaps(self) -> Array:
        """Products U_i·U_j and V_i·V_j (2, H, A)."""
        return np.asarray(self.seen.UV @ self.others.UV.transpose(0, 2, 1))

    def kernel(self) -> Array:
        """Return K_ij (H, A)."""
        p, (UU, VV) = self.seen.w.shape[1], self.overlaps
        own, other = self.seen.squares, self.others.squares
        result = 4 * UU * VV + p * (own[0] @ other[0].T + own[1] @ other[1].T)
        result += own.sum(2).T @ other.sum(2)[::-1]
        if not self.centred:
            for k in (0, 1):
                result += 2 * (own[k] @ self.others.UV[k].T) * self.others.UV[1 - k].sum(1)
                result += 2 * self.seen.UV[1 - k].sum(1)[:, None] * (self.seen.UV[k] @ other[k].T)
        return np.asarray(result)

    def slope(self) -> Array:
        """Return ∂/∂U_i(a) and ∂/∂V_i(b) of Σ_j (w_i·w_j) K_ij (2, H, p)."""
        own, other, squares = self.seen.UV, self.others.UV, self.others.squares
        level = self.seen.w.shape[1] * squares + squares.sum(2, keepdims=True)[::-1]
        result = 2 * own * (self.gram @ level) + (4 * self.gram * self.overlaps[::-1]) @ other
        if not self.centred:
            sums = other.sum(2, keepdims=True)[::-1]
            shift = np.sum(self.gram * (own @ squares.transpose(0, 2, 1)), axis=2)
            result += 4 * own * (self.gram @ (sums * other)) + 2 * shift[::-1, :, None]
            result += 2 * own.sum(2, keepdims=True)[::-1] * (self.gram @ squares)
        return np.asarray(result)


def energy(seen: Seen, along: Seen, *, centred: bool) -> Array:
    """Return the second derivatives of ½ Σ_ij (w_i·w_j) K_ij: (H, m, H, m)."""
    pair = Pair(seen, seen, centred)
    gram, kernel = pair.gram, pair.kernel()
    turn = along.w @ seen.w.T
    first = _first(seen, along, centred) + _first(seen.swapped(), along.swapped(), centred)
    result = _both(seen, along, centred)
    result *= gram[:, None, :, None]
    mixed = turn[:, :, None] * first.transpose(2, 0, 1)[:, None, :, :]
    result += mixed
    result += mixed.transpose(2, 3, 0, 1)
    result += (along.w @ along.w.T)[:, None, :] * kernel[:, None, :, None]
    rows = np.arange(len(gram))
    slope = np.einsum("al,ibl->iab", turn, first)
    result[rows, :, rows, :] += slope + slope.transpose(0, 2, 1) + _same(seen, along, gram)
    return np.asarray(result)


def target(seen: Seen, along: Seen, q: Array, q_along: Array) -> Array:
    """Return the second derivatives of Σ_m q_i(m) T_i(m), neuron by neuron: (H, m, m)."""
    p = q.shape[1]
    sums = np.add.outer(np.arange(p), np.arange(p)) % p
    hankel = q[:, sums]
    product = along.U @ hankel @ along.V.T
    level = along.U @ along.U.T + along.V @ along.V.T
    slope = 2 * q_along.sum(1)[:, None] * (seen.U @ along.U.T + seen.V @ along.V.T)[:, None, :]
    turned = q_along[:, sums]
    slope = slope + 2 * np.einsum("bcd,id,ac->iba", turned, seen.V, along.U, optimize=True)
    slope = slope + 2 * np.einsum("bcd,ic,ad->iba", turned, seen.U, along.V, optimize=True)
    both = 2 * product + slope
    return np.asarray(both + both.transpose(0, 2, 1) + 2 * q.sum(1)[:, None, None] * level)


def _first(seen: Seen, along: Seen, centred: bool) -> Array:
    """Return the part of ``first`` that moves U: (H, m, H)."""
    p, V_sum, V_squares = seen.U.shape[1], seen.V.sum(1), (seen.V**2).sum(1)
    moved = along.U * seen.U[:, None, :]
    result = 2 * p * (moved @ (seen.U**2).T) + 2 * moved.sum(2)[:, :, None] * V_squares
    result += 4 * (seen.V @ seen.V.T)[:, None, :] * (along.U @ seen.U.T)
    if not centred:
        result += 4 * (moved @ seen.U.T) * V_sum
        result += 2 * V_sum[:, None, None] * (along.U @ (seen.U**2).T)
        result += 2 * (seen.V @ (seen.V**2).T)[:, None, :] * along.U.sum(1)[:, None]
    return np.asarray(result)


def _both(seen: Seen, along: Seen, centred: bool) -> Array:
    """Return ``both``: (H, m, H, m)."""
    mixed = _both_mixed(seen, along, centred)
    result = mixed + mixed.transpose(2, 3, 0, 1)
    result += _both_alike(seen, along, centred)
    result += _both_alike(seen.swapped(), along.swapped(), centred)
    return np.asarray(result)


def _both_alike(seen: Seen, along: Seen, centred: bool) -> Array:
    """Return the part of ``both`` that moves U in either neuron."""
    (h, p), m = seen.U.shape, len(along.U)
    moved = (along.U * seen.U[:, None, :]).reshape(h * m, p)
    result = (4 * p * moved @ moved.T).reshape(h, m, h, m)
    overlaps = 4 * (along.U @ along.U.T)
    result += (seen.V @ seen.V.T)[:, None, :, None] * overlaps[:, None, :]
    if not centred:
        lone = 4 * (moved @ along.U.T).reshape(h, m, 1, m) * seen.V.sum(1)[:, None]
        result += lone
        result += lone.transpose(2, 3, 0, 1)
    return np.asarray(result)


def _both_mixed(seen: Seen, along: Seen, centred: bool) -> Array:
    """Return the part of ``both`` that moves U in the first neuron and V in the second."""
    moved_U, moved_V = along.U * seen.U[:, None, :], along.V * seen.V[:, None, :]
    sums = 4 * moved_U.sum(2)[:, :, None, None] * moved_V.sum(2)
    across = 4 * (along.U @ seen.U.T)[:, :, None] * (along.V @ seen.V.T).T[:, None, None, :]
    result = sums + across
    if not centred:
        result += 4 * (moved_U @ seen.U.T)[:, :, :, None] * along.V.sum(1)
        turned = (moved_V @ seen.V.T).transpose(2, 0, 1)[:, None, :, :]
        result += 4 * along.U.sum(1)[:, None, None] * turned
    return np.asarray(result)


def _same(seen: Seen, along: Seen, gram: Array) -> Array:
    """Return the part of ``same`` that leaves w alone: (H, m, m)."""
    p = seen.U.shape[1]
    result: Array = np.zeros((len(gram), len(along.U), len(along.U)))
    for one, moved in ((seen, along), (seen.swapped(), along.swapped())):
        V_sum, V_squares = one.V.sum(1)[:, None], (one.V**2).sum(1)[:, None]
        level = 2 * gram @ (p * one.U**2 + 2 * V_sum * one.U + V_squares)
        result += (moved.U * level[:, None, :]) @ moved.U.T
        lone = 2 * np.einsum("ai,b->iab", moved.U @ (gram @ one.U**2).T, moved.V.sum(1))
        result += lone + lone.transpose(0, 2, 1)
    U_seen, V_seen = along.U @ seen.U.T, along.V @ seen.V.T
    cross = 4 * (U_seen * gram[:, None, :]) @ V_seen.T
    return np.asarray(result + cross + cross.transpose(0, 2, 1))
