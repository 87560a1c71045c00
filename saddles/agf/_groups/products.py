"""Quadratic neurons on products within a small subspace, where all pairs are few numbers.

With U, V and w of `saddles.agf._groups.composition`, k = 2, a neuron's outputs are s(g, h)² w,
s(g, h) = U(g) + V(h). Neurons that move in a subspace, θ_i = θ_i⁰ + B z_i, have s_i linear in
coordinates, so that s_i² are combinations of products of columns of B. Over an orthonormal basis of
those products (waves in g times waves in h) and of the outputs, the residual of all n² pairs is a
small matrix. Waves belong to irreps, so that few of them are used by neurons of few irreps.

The residual is formed before it is multiplied by anything: if neurons nearly cancel, the
slopes along which they still move then lose far fewer digits than by sums over pairs of neurons.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``coordinates``     c, neurons θ_i = Σ_α c_iα (column α), (A, M); the last ones never move
``used``            the products of waves that columns use, N pairs of numbers
``products``        products of columns α and β over the basis, (M, M, N)
``outputs``         w of the columns over the basis of outputs, (M, q)
``targets``         the targets over both bases, (N, q)
``moved[i, α]``     product of s_i and column α, (A, M, N)
``squares``         s_i², (A, N)
==================  =====================================================================
"""

from __future__ import annotations

import numpy as np

from saddles.agf._engine.levels import NO_PART
from saddles.agf._engine.subspace import span, with_neurons
from saddles.typing import Array, Indices

__all__ = ["Products"]

#: Most entries of ``products``.
ENTRIES = 20_000_000


class Products:
    """Loss, gradient and second derivatives over coordinates of one subspace.

    Parameters
    ----------
    shifts : ndarray of shape (n, n)
        Column m is L_m x.
    table : ndarray of int, shape (n, n)
        Products of the group's elements.
    waves : ndarray of shape (n, n)
        An orthonormal basis of functions on the group, the constant first.
    theta : ndarray of shape (A, 3n)
        θ⁰.
    basis : ndarray of shape (3n, m)
        B, orthonormal.
    """

    def __init__(
        self, shifts: Array, table: Indices, waves: Array, theta: Array, basis: Array
    ) -> None:
        columns, self._start = with_neurons(theta, basis)
        self._order, self._free = len(shifts), basis.shape[1]
        u, v, w = columns.T.reshape(-1, 3, self._order).transpose(1, 0, 2)
        U, V = u @ shifts, v @ shifts
        used = _used(U @ waves, V @ waves)
        #: Whether there are few enough of them; else nothing else may be asked for.
        self.fits = len(w) ** 2 * len(used[0]) <= ENTRIES
        if self.fits:
            self._products, used = _products(U, V, waves, used)
            kept = span(w)
            self._outputs = w @ kept
            self._targets, self._constant = _targets(shifts, table, waves, used, kept)

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
        return float(self._constant + residual @ residual / (2 * self._order**2))

    def gradient(self, z: Array) -> Array:
        """Return ∂L/∂z, flattened."""
        moved, squares, w, residual = self._at(z)
        slope = (moved @ (2 * (w @ residual.T))[:, :, None])[:, :, 0]
        slope += (squares @ residual) @ self._outputs[: self._free].T
        return np.asarray(-slope.ravel() / self._order**2)

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
        return np.asarray(result.reshape(flat.shape[0], -1) / self._order**2)


def _used(U: Array, V: Array) -> tuple[Indices, Indices]:
    """Return the pairs of waves that may be used: of responses, and of squares with constants."""
    own, other = (np.abs(over).max(axis=0, initial=0.0) for over in (U, V))
    mask = np.logical_and.outer(own > NO_PART * own.max(), other > NO_PART * other.max())
    mask[0] = mask[:, 0] = True
    first, second = np.nonzero(mask)
    return first, second


def _products(
    U: Array, V: Array, waves: Array, used: tuple[Indices, Indices]
) -> tuple[Array, tuple[Indices, Indices]]:
    """Return the products of the responses of columns, and which products of waves they use."""
    first, second = used
    cross = (U @ waves)[:, None, first] * (V @ waves)[None, :, second]
    cross = cross + cross.transpose(1, 0, 2)
    root = np.sqrt(U.shape[1])
    cross[:, :, second == 0] += root * ((U[:, None] * U) @ waves)
    cross[:, :, first == 0] += root * ((V[:, None] * V) @ waves)
    largest = np.abs(cross).max(axis=(0, 1))
    large = largest > NO_PART * largest.max()
    return np.ascontiguousarray(cross[:, :, large]), (first[large], second[large])


def _targets(
    shifts: Array, table: Indices, waves: Array, used: tuple[Indices, Indices], kept: Array
) -> tuple[Array, float]:
    """Return the targets where neurons can reach them, and the loss of the rest."""
    n, seen = len(shifts), kept.T @ shifts
    whole = waves.T @ seen[:, table] @ waves
    within = whole[:, *used].T
    whole[:, *used] = 0.0
    beside = n * np.sum((shifts - kept @ seen) ** 2)
    return np.ascontiguousarray(within), float(np.sum(whole**2) + beside) / (2 * n**2)
