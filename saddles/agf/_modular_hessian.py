"""Second derivatives of the quadratic network on modular addition, restricted to a subspace.

With the responses U, V and outputs w of `saddles.agf._modular_network`, p² L is a constant, minus
Σ_im q_i(m) T_i(m), plus ½ Σ_ij (w_i·w_j) K_ij. In coordinates z, θ_i = θ_i⁰ + B z_i, responses are
affine in z, so that all second derivatives are sums of products of small matrices.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``along``           responses and outputs of the columns of B: U, V and w, each (m, p)
``first[i, α, j]``  derivative of K_ij over z_iα, its second neuron held fixed, (H, m, H)
``both``            derivative of K_ij over z_iα and z_jβ, one in each neuron, (H, m, H, m)
``same``            second derivatives of Σ_j (w_i·w_j) K_ij over z_i, others fixed, (H, m, m)
``hankel``          q_i(a + b), (H, p, p)
==================  =====================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles.typing import Array

__all__ = ["energy", "target"]


def energy(seen: Any, along: Any) -> Array:
    """Return the second derivatives of ½ Σ_ij (w_i·w_j) K_ij: (H, m, H, m)."""
    gram, kernel = seen.gram(seen), seen.kernel(seen)
    turn = along.w @ seen.w.T
    first = _first(seen, along) + _first(seen.swapped(), along.swapped())
    mixed = np.einsum("aj,jbi->iajb", turn, first)
    result = mixed + mixed.transpose(2, 3, 0, 1)
    result += np.einsum("ab,ij->iajb", along.w @ along.w.T, kernel)
    result += gram[:, None, :, None] * _both(seen, along)
    rows = np.arange(len(gram))
    slope = np.einsum("al,ibl->iab", turn, first)
    result[rows, :, rows, :] += slope + slope.transpose(0, 2, 1) + _same(seen, along, gram)
    return np.asarray(result)


def target(seen: Any, along: Any, q: Array, q_along: Array) -> Array:
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


def _first(seen: Any, along: Any) -> Array:
    """Return the part of ``first`` that moves U: (H, m, H)."""
    p, V_sum, V_squares = seen.U.shape[1], seen.V.sum(1), (seen.V**2).sum(1)
    moved = along.U * seen.U[:, None, :]
    return np.asarray(
        2 * p * moved @ (seen.U**2).T
        + 4 * (moved @ seen.U.T) * V_sum
        + 2 * moved.sum(2)[:, :, None] * V_squares
        + 2 * V_sum[:, None, None] * (along.U @ (seen.U**2).T)
        + 4 * (seen.V @ seen.V.T)[:, None, :] * (along.U @ seen.U.T)
        + 2 * (seen.V @ (seen.V**2).T)[:, None, :] * along.U.sum(1)[:, None]
    )


def _both(seen: Any, along: Any) -> Array:
    """Return ``both``: (H, m, H, m)."""
    half = _both_alike(seen, along) + _both_alike(seen.swapped(), along.swapped())
    mixed = _both_mixed(seen, along)
    return np.asarray(half + mixed + mixed.transpose(2, 3, 0, 1))


def _both_alike(seen: Any, along: Any) -> Array:
    """Return the part of ``both`` that moves U in either neuron."""
    (h, p), m = seen.U.shape, len(along.U)
    moved = (along.U * seen.U[:, None, :]).reshape(h * m, p)
    lone = np.einsum("iab,j->iajb", (moved @ along.U.T).reshape(h, m, m), seen.V.sum(1))
    overlaps = np.einsum("ij,ab->iajb", seen.V @ seen.V.T, along.U @ along.U.T)
    squares = (moved @ moved.T).reshape(h, m, h, m)
    return np.asarray(4 * (p * squares + lone + lone.transpose(2, 3, 0, 1) + overlaps))


def _both_mixed(seen: Any, along: Any) -> Array:
    """Return the part of ``both`` that moves U in the first neuron and V in the second."""
    moved_U, moved_V = along.U * seen.U[:, None, :], along.V * seen.V[:, None, :]
    U_sums, V_sums = along.U.sum(1), along.V.sum(1)
    terms = np.einsum("iaj,b->iajb", moved_U @ seen.U.T, V_sums)
    terms += np.einsum("ia,jb->iajb", moved_U.sum(2), moved_V.sum(2))
    terms += np.einsum("aj,bi->iajb", along.U @ seen.U.T, along.V @ seen.V.T)
    terms += np.einsum("a,jbi->iajb", U_sums, moved_V @ seen.V.T)
    return np.asarray(4 * terms)


def _same(seen: Any, along: Any, gram: Array) -> Array:
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
