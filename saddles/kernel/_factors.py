"""Derivatives that are outer products: δ xᵀ for the matrix of a linear layer with input x.

The sum of the products of two of them is (δ·δ')(x·x'), so a kernel needs their factors only, and
these fit into memory where the Jacobian does not. Whether a derivative is an outer product is not
read off the module but checked.

===========  ===================================================================
code name    symbol
===========  ===================================================================
``left``     δ, shape (n, c, rows of the matrix)
``right``    x, shape (n, c, columns of the matrix)
===========  ===================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles.kernel._per_sample import Outputs
from saddles.typing import Array

__all__ = ["factored", "products", "slices"]

#: Largest error of an image δ (xᵀu), relative to |δ| Σ|x_i u_i|: products and their sum round.
ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class _Factors:
    """Derivatives left ⊗ right with respect to one tensor; a vector's right is 1."""

    left: Array
    right: Array


def factored(net: Outputs, held: int, passing: int) -> list[_Factors] | None:
    """Return the factors of all derivatives, one for each tensor of weights.

    None if a derivative has none, or if together they would exceed `held` bytes; `passing` bounds
    the derivatives that are in memory at once.
    """
    shapes = [_matrix(tuple(t.shape)) for t in net.tensors.values()]
    widths = sum(map(sum, shapes))
    if 8 * len(net.samples) * net.count * widths > held:
        return None
    step = passing // (8 * net.count * net.size)
    parts: list[list[_Factors]] = [[] for _ in shapes]
    for samples in slices(0, len(net.samples), step):
        rows = net.rows(samples, slice(None))
        for part, row, shape in zip(parts, rows, shapes, strict=True):
            found = _factors(row.reshape(*row.shape[:2], *shape))
            if found is None:
                return None
            part.append(found)
    return [
        _Factors(
            np.concatenate([one.left for one in part]), np.concatenate([one.right for one in part])
        )
        for part in parts
    ]


def products(left: list[_Factors], right: list[_Factors]) -> Array:
    """Return the kernel (n, m): the sums of products of derivatives."""
    return np.asarray(
        sum(
            (a.left[:, k] @ b.left[:, k].T) * (a.right[:, k] @ b.right[:, k].T)
            for a, b in zip(left, right, strict=True)
            for k in range(a.left.shape[1])
        )
    )


def slices(start: int, stop: int, step: int) -> list[slice]:
    """Return slices of at most `step`, and at least one, from start to stop."""
    step = max(1, step)
    return [slice(first, min(first + step, stop)) for first in range(start, stop, step)]


def _matrix(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the shape of a tensor of weights as a matrix; a vector is one of one column."""
    return (shape[0] if shape else 1, int(np.prod(shape[1:], dtype=int)))


def _factors(rows: Array) -> _Factors | None:
    """Return the factors of matrices (n, c, p, q), or None unless each is an outer product.

    A matrix J that maps a random vector u as δ xᵀ does is δ xᵀ, with certainty. Its largest image
    shows a row that is not lost in rounding.
    """
    if rows.shape[3] == 1:
        return _Factors(rows[..., 0], np.ones((*rows.shape[:2], 1)))
    probe = np.random.default_rng(0).standard_normal(rows.shape[3])
    images = rows @ probe
    n, c = np.ogrid[: rows.shape[0], : rows.shape[1]]
    right = rows[n, c, np.abs(images).argmax(axis=2)]
    column = np.abs(right).argmax(axis=2)
    pivot = right[n, c, column][..., None]
    left = rows[n, c, :, column] / np.where(pivot == 0, 1, pivot)
    errors = np.abs(images - left * (right @ probe)[..., None])
    sizes = np.abs(left) * (np.abs(right) @ np.abs(probe))[..., None]
    return _Factors(left, right) if (errors <= ROUNDING * sizes).all() else None
