"""A matrix loss as a function of the factor U: φ(U) = ½ f(UUᵀ), its force and its curvature.

===============  =================================================================================
code name        symbol
===============  =================================================================================
``U``            U, the active columns, shape (d, r)
``pull``         −∇f(UUᵀ), dense or sparse, shape (d, d)
``force``        −∇f(UUᵀ) U = U', the flow's velocity; −∇φ
``stiffness``    ∇²φ D = ∇f(UUᵀ) D + ∇²f[UDᵀ + DUᵀ] U
===============  =================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles._matrix.declared import DeclaredLoss
from saddles._matrix.parts import Parts, independent_parts, within
from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["NOISE", "OnFactors", "entries"]

#: Rounding of ∇f relative to its size: what a few sums over rows, and an eigensolver, leave.
NOISE = 20 * EPS
#: Largest d for which W = UUᵀ is formed although the loss could do without.
DENSE_MATRIX = 200
#: Most numbers of second derivatives that are formed together: 8 MB.
TOGETHER = 1_000_000
#: Where gradients are differenced, a step relative to W. The error of a central difference, step²
#: plus eps / step, is least near the cube root of eps.
STEP = EPS ** (1 / 3)


@dataclass(frozen=True, eq=False)
class OnFactors:
    """A loss as a function of U: dense matrices for small d, the loss's own sparse ones above."""

    loss: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "loss", DeclaredLoss.of(self.loss))

    @cached_property
    def parts(self) -> Parts:
        """The parts of the loss that never interact; see `parts`."""
        return independent_parts(lambda U: self.pull(U), self.loss.size, hidden=not self.sparse)

    def within(self, basis: Array, others: Array) -> OnFactors:
        """Return the loss of one part (d, m) beside the columns (d, r) of others."""
        return OnFactors(within(self.loss, basis, others))

    @property
    def sparse(self) -> bool:
        """Whether the loss is evaluated without the dense W."""
        return self.loss.size > DENSE_MATRIX and self.loss.at_factor is not None

    def at(self, U: Array) -> tuple[float, Any]:
        """Return f(UUᵀ) and −∇f(UUᵀ)."""
        if self.sparse:
            value, gradient = self.loss.at_factor(U)
            return float(value), -gradient
        W = U @ U.T
        return float(self.loss.value(W)), -self._gradient(W)

    def pull(self, U: Array) -> Any:
        """Return −∇f(UUᵀ)."""
        return -self.loss.at_factor(U)[1] if self.sparse else -self._gradient(U @ U.T)

    def force(self, U: Array) -> Array:
        """Return −∇f(UUᵀ) U, shape (d, r)."""
        if self.sparse:
            return np.asarray(self.pull(U) @ U)
        return np.asarray(self.loss.gradient(U @ U.T) @ -U)

    def rounding(self, U: Array, pull: Any) -> float:
        """Return how far rounding may shift an eigenvalue of −∇f(UUᵀ).

        As far as ∇f itself is off if every number in U is off by its last digit.
        """
        own = NOISE * float(np.linalg.norm(entries(pull)))
        if not U.size:
            return own
        digits = EPS * np.random.default_rng(0).standard_normal(U.shape)
        shifted = self.pull(U * (1 + digits)) - pull
        return own + float(np.linalg.norm(entries(shifted)))

    def curvature(self, U: Array, D: Array) -> Any:
        """Return ∇²f[UDᵀ + DUᵀ] at UUᵀ, dense or sparse (d, d)."""
        if self.sparse:
            return self.loss.along_factor(U, D)
        half = U @ D.T
        return self._products(U @ U.T, (half + half.T)[None])[0]

    def stiffness(self, U: Array, pull: Any, D: Array) -> Array:
        """Return ∇²φ(U) D, shape (d, r)."""
        return np.asarray(self.curvature(U, D) @ U - pull @ D)

    def hessian(self, U: Array, pull: Any, rows: Array) -> Array:
        """Return ∇²φ(U) in the coordinates Y of U = `rows` Y, symmetric, shape (d r, d r)."""
        d, r = U.shape
        pull = pull.toarray() if hasattr(pull, "toarray") else pull
        bent = [(rows.T @ turned).reshape(-1, d * r) for turned in self._bent(U, rows)]
        hessian = np.concatenate(bent) - np.kron(rows.T @ pull @ rows, np.eye(r))
        return np.asarray((hessian + hessian.T) / 2)

    def _bent(self, U: Array, rows: Array) -> Iterator[Array]:
        """Yield ∇²f[UDᵀ + DUᵀ] U (k, d, r) for D = `rows`[:, i] eⱼᵀ, in the order of (i, j)."""
        if self.sparse:
            for row in rows.T:
                for unit in np.eye(U.shape[1]):
                    yield np.asarray(self.curvature(U, np.outer(row, unit)) @ U)[None]
            return
        W = U @ U.T
        some = max(1, TOGETHER // (U.shape[1] * W.size))
        for first in range(0, rows.shape[1], some):
            half = np.einsum("ki,lj->ijkl", rows[:, first : first + some], U)
            half = half.reshape(-1, *W.shape)
            yield self._products(W, half + half.transpose(0, 2, 1)) @ U

    def _gradient(self, W: Array) -> Array:
        gradient = np.asarray(self.loss.gradient(W), dtype=float)
        return np.asarray((gradient + gradient.T) / 2)

    def _products(self, W: Array, along: Array) -> Array:
        """Return ∇²f(W)[D] for each D of `along` (k, d, d)."""
        product = self.loss.hessian_product or self._difference
        if self.loss.takes_stacks:
            return np.asarray(product(W, along), dtype=float)
        return np.array([product(W, D) for D in along], dtype=float).reshape(along.shape)

    def _difference(self, W: Array, along: Array) -> Array:
        size = float(np.abs(along).max()) or 1.0
        step = STEP * max(float(np.abs(W).max()), size**2) / size
        ahead, behind = (self._gradient(W + sign * step * along) for sign in (1, -1))
        return np.asarray((ahead - behind) / (2 * step))


def entries(matrix: Any) -> Array:
    """Return the entries that a dense or sparse matrix stores."""
    return np.asarray(matrix.data if hasattr(matrix, "toarray") else matrix)
