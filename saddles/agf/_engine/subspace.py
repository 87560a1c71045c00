"""Orthonormal columns of the small spaces in which losses of active neurons are tabulated."""

from __future__ import annotations

import numpy as np

from saddles.agf._engine.levels import NO_PART
from saddles.typing import Array

__all__ = ["in_proportion", "span", "with_neurons"]


def with_neurons(theta: Array, basis: Array) -> tuple[Array, Array]:
    """Return `basis` (p, m) and what of `theta` is beside it (p, M), and theta over it (A, M)."""
    inside = theta @ basis
    beside = theta - inside @ basis.T
    beside -= (beside @ basis) @ basis.T
    size = np.linalg.norm(theta, axis=1, keepdims=True)
    beside[np.linalg.norm(beside, axis=1) <= NO_PART * size[:, 0]] = 0.0
    extra = span(beside)
    return np.hstack([basis, extra]), np.hstack([inside, beside @ extra])


def in_proportion(columns: Array, coordinates: Array, free: int) -> tuple[Array, Array]:
    """Return `columns` (p, M), those after the `free` first ones as long as neurons are along them.

    And the `coordinates` (A, M) of neurons over those. Lengths are relative to the largest
    coordinate: outputs that need such columns are seen to be small.
    """
    largest = np.abs(coordinates).max(axis=0)
    lengths = np.ones(columns.shape[1])
    lengths[free:] = largest[free:] / largest.max()
    return columns * lengths, coordinates / lengths


def span(rows: Array) -> Array:
    """Return orthonormal columns (p, r) that span the rows."""
    if not rows.any():
        return np.zeros((rows.shape[1], 0))
    _, sizes, right = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(right[sizes > NO_PART * sizes[0]].T)
