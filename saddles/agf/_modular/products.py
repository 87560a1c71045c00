"""Quadratic neurons on modular addition within a small subspace, where all pairs are few numbers.

With U, V and w of `saddles.agf._modular.network`, a neuron's outputs are s(a, b)² w, s(a, b) =
U(a) + V(b). Neurons that move in a subspace, θ_i = θ_i⁰ + B z_i, have s_i linear in coordinates, so
that s_i² are combinations of products of columns of B. Over an orthonormal basis of those products
(waves in a times waves in b) and of the outputs, the residual of all p² pairs is a small matrix.

The residual is formed before it is multiplied by anything: if neurons nearly cancel, the
slopes along which they still move then lose far fewer digits than by sums over pairs of neurons.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``coordinates``     c, neurons θ_i = Σ_α c_iα (column α), (A, M); the last ones never move
``products``        products of columns α and β over the basis, (M, M, n)
``outputs``         w of the columns over the basis of outputs, (M, q)
``targets``         the targets over both bases, (n, q)
``moved[i, α]``     product of s_i and column α, (A, M, n)
``squares``         s_i², (A, n)
==================  =====================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles.agf._engine.subspace import NO_PART, span, with_neurons
from saddles.typing import Array

__all__ = ["Products"]

#: Most entries of ``products``.
ENTRIES = 20_000_000


class Products:
    """Loss, gradient and second derivatives over coordinates of one subspace.

    Parameters
    ----------
    shifts : ndarray of shape (p, p)
        Entry [c, m] is x[c − m].
    theta : ndarray of shape (A, 3p)
        θ⁰.
    basis : ndarray of shape (3p, m)
        B, orthonormal.
    """

    def __init__(self, shifts: Array, theta: Array, basis: Array) -> None:
        columns, self._start = with_neurons(theta, basis)
        self._period, self._free = len(shifts), basis.shape[1]
        u, v, w = columns.T.reshape(-1, 3, self._period).transpose(1, 0, 2)
        waves = _waves(self._period)
        self._products, used = _products(u @ shifts, v @ shifts, waves)
        kept = span(w)
        self._outputs = w @ kept
        self._targets, self._constant = _targets(shifts, waves, used, kept)

    @staticmethod
    def fit(period: int, columns: int) -> bool:
        """Whether this number of columns is small enough."""
        return columns**2 * period**2 <= ENTRIES

    def _at(self, z: Array) -> tuple[Array, Array, Array, Array]:
        """Return ``moved``, ``squares``, the outputs w_i (A, q) and the residual (n, q)."""
        c = self._start.copy()
        c[:, : self._free] += z.reshape(len(c), -1)
        count, _, n = self._products.shape
        moved = (c @ self._products.reshape(count, -1)).reshape(len(c), count, n)
        squares = (c[:, None, :] @ moved)[:, 0]
        w = c @ self._outputs
        return moved[:, : self._free], squares, w, self._targets - squares.T @ w

    def loss(self, z: Array) -> float:
        """Return L."""
        residual = self._at(z)[3].ravel()
        return float(self._constant + residual @ residual / (2 * self._period**2))

    def gradient(self, z: Array) -> Array:
        """Return ∂L/∂z, flattened."""
        moved, squares, w, residual = self._at(z)
        slope = (moved @ (2 * (w @ residual.T))[:, :, None])[:, :, 0]
        slope += (squares @ residual) @ self._outputs[: self._free].T
        return np.asarray(-slope.ravel() / self._period**2)

    def hessian(self, z: Array) -> Array:
        """Return ∂²L/∂z²."""
        moved, squares, w, residual = self._at(z)
        (count, free, n), outputs = moved.shape, self._outputs[: self._free]
        turn = w @ outputs.T
        flat = moved.reshape(-1, n)
        result = (flat @ flat.T).reshape(count, free, count, free)
        result *= 4 * (w @ w.T)[:, None, :, None]
        mixed = 2 * (flat @ squares.T).reshape(count, free, count)
        mixed = mixed[:, :, :, None] * turn[:, None, None, :]
        result += mixed
        result += mixed.transpose(2, 3, 0, 1)
        result += (squares @ squares.T)[:, None, :, None] * (outputs @ outputs.T)[:, None, :]
        rows = np.arange(count)
        own = self._products[: self._free, : self._free].reshape(-1, n)
        bend = (2 * w @ residual.T @ own.T).reshape(count, free, free)
        cross = 2 * moved @ (residual @ outputs.T)
        result[rows, :, rows, :] -= bend + cross + cross.transpose(0, 2, 1)
        return np.asarray(result.reshape(flat.shape[0], -1) / self._period**2)


def _waves(p: int) -> Array:
    """Return the real waves of period p, orthonormal columns, the constant first: (p, p)."""
    angles = 2 * np.pi / p * (np.outer(np.arange(p), np.arange(1, p // 2 + 1)) % p)
    both = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(p, -1)[:, : p - 1]
    waves = np.hstack([np.ones((p, 1)), both])
    return np.asarray(waves / np.linalg.norm(waves, axis=0))


def _products(U: Array, V: Array, waves: Array) -> tuple[Array, Any]:
    """Return the products of the responses of columns, and which products of waves they use."""
    p = U.shape[1]
    cross = (U @ waves)[:, None, :, None] * (V @ waves)[None, :, None, :]
    cross = cross + cross.transpose(1, 0, 2, 3)
    cross[:, :, :, 0] += np.sqrt(p) * ((U[:, None] * U) @ waves)
    cross[:, :, 0, :] += np.sqrt(p) * ((V[:, None] * V) @ waves)
    largest = np.abs(cross).max(axis=(0, 1))
    used = largest > NO_PART * largest.max()
    return np.ascontiguousarray(cross[:, :, used]), used


def _targets(shifts: Array, waves: Array, used: Any, kept: Array) -> tuple[Array, float]:
    """Return the targets where neurons can reach them, and the loss of the rest."""
    p = len(shifts)
    sums = np.add.outer(np.arange(p), np.arange(p)) % p
    whole = np.tensordot(waves, np.tensordot(waves, shifts.T[sums], (0, 1)), (0, 1))
    within = whole[used] @ kept
    whole[used] -= within @ kept.T
    return within, float(np.sum(whole**2)) / (2 * p**2)
