"""The space in which neurons move, where it is smaller than that of their parameters.

Neurons never leave a space that holds their starts and all their gradients. In coordinates of it
the flow is the same, but smaller: quadratic neurons on modular addition, say, need two numbers
for each frequency of the template. The space is found by sampling gradients, so that a flow in it
is looked at again, by `leaks`, once it is known.

===========  =========================================================
code name    symbol
===========  =========================================================
``basis``    B, orthonormal, (p, m): θ = z Bᵀ
``z``        coordinates, one neuron per row, (H, m)
===========  =========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles.homogeneous import Declared
from saddles.typing import Array

__all__ = ["Within", "leaks", "within"]

#: A gradient's share outside of a space that is rounding.
OUT_OF_SPACE = 1e-12

#: Share that is more than the rounding of many neurons which almost cancel.
LEAK = 1e-8

#: Samples in a row that must lie in the space.
SAMPLES = 3


@dataclass(frozen=True, eq=False)
class Within:
    """A `HomogeneousNetwork` in coordinates of a space that its neurons do not leave."""

    network: Declared
    basis: Array

    @property
    def degree(self) -> int:
        """Degree of homogeneity."""
        return self.network.degree

    @property
    def size(self) -> int:
        """Dimension m of the space."""
        return int(self.basis.shape[1])

    def lift(self, z: Array) -> Array:
        """Return the neurons (..., p) at coordinates (..., m)."""
        return np.asarray(z @ self.basis.T)

    def loss(self, z: Array, /) -> float:
        """Return the loss."""
        return self.network.loss(self.lift(z))

    def gradient(self, z: Array, /) -> Array:
        """Return ∂L/∂z, shape (H, m)."""
        return np.asarray(self.network.gradient(self.lift(z)) @ self.basis)

    def utility(self, z: Array, active: Array, /) -> Array:
        """Return the utilities (H,)."""
        return self.network.utility(self.lift(z), self.lift(active))

    def utility_gradient(self, z: Array, active: Array, /) -> Array:
        """Return the gradients (H, m) of the utilities."""
        pull = self.network.utility_gradient(self.lift(z), self.lift(active))
        return np.asarray(pull @ self.basis)

    def point(self, z: Array, /) -> Array:
        """Return the function-space point."""
        return self.network.point(self.lift(z))

    @cached_property
    def hessian(self) -> Callable[[Array, Array], Array] | None:
        """The second derivatives of the loss, as the network knows them best."""
        offer = self.network.within
        if offer and offer(np.zeros((1, self.network.size)), self.basis) is not None:
            return self._from_products
        return None if self.network.hessian is None else self._from_hessian

    @cached_property
    def _products(self) -> dict[int, Any]:
        """The loss over coordinates, by the number of neurons, if the network offers it."""
        return {}

    def _from_products(self, z: Array, basis: Array, /) -> Array:
        count, size = z.shape
        if count not in self._products:
            assert self.network.within is not None
            nobody = np.zeros((count, self.network.size))
            self._products[count] = self.network.within(nobody, self.basis)
        whole = self._products[count].hessian(z.ravel()).reshape(count, size, count, size)
        blocks = basis.T @ (whole @ basis).transpose(0, 2, 1, 3)
        return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(count * basis.shape[1], -1))

    def _from_hessian(self, z: Array, basis: Array, /) -> Array:
        assert self.network.hessian is not None
        return np.asarray(self.network.hessian(self.lift(z), self.basis @ basis))


def within(network: Declared, theta: Array) -> tuple[Within | None, Array]:
    """Return the least space that the neurons (H, p) need, and their coordinates in it.

    None, and the neurons as they are, if that is the whole space, or if some entry of a neuron is
    zero: exact zeros stay zero in the given coordinates alone.
    """
    rows = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    if not rows.all():
        return None, theta
    basis, clean = _widened(np.zeros((rows.shape[1], 0)), rows), 0
    size = _natural(network, rows)
    rng = np.random.default_rng(0)
    while clean < SAMPLES and basis.shape[1] < rows.shape[1]:
        z = rng.standard_normal((2, len(rows), basis.shape[1])) / math.sqrt(basis.shape[1])
        probes, others = z @ basis.T
        wider = _widened(basis, network.utility_gradient(probes, size * others))
        clean = clean + 1 if wider.shape == basis.shape else 0
        basis = wider
    if basis.shape[1] == rows.shape[1]:
        return None, theta
    return Within(network, basis), np.asarray(theta @ basis)


def leaks(space: Within, z: Array) -> bool:
    """Say whether the gradient at coordinates (H, m) points out of the space."""
    theta = space.lift(z)
    norms = np.linalg.norm(theta, axis=1, keepdims=True)
    present, norms = theta[norms[:, 0] > 0], norms[norms[:, 0] > 0]
    pull = space.network.utility_gradient(present / norms, present)
    at_rest = space.network.utility_gradient(present / norms, present[:0])
    out = pull - (pull @ space.basis) @ space.basis.T
    return bool(np.linalg.norm(out) > LEAK * np.linalg.norm(at_rest))


def _natural(network: Declared, rows: Array) -> float:
    """Return the norm at which neurons would explain the data, 1 if nothing pulls them."""
    pull = float(np.linalg.norm(network.utility_gradient(rows, rows[:0]), axis=1).max())
    start = network.loss(rows[:0])
    return float((start / pull) ** (1 / network.degree)) if pull > 0 and start > 0 else 1.0


def _widened(basis: Array, rows: Array) -> Array:
    """Return an orthonormal basis of the space of `basis` (p, m) and `rows` (H, p)."""
    lengths = np.linalg.norm(rows, axis=1)
    outside = rows - (rows @ basis) @ basis.T
    _, sizes, axes = np.linalg.svd(outside, full_matrices=False)
    new = axes[sizes > OUT_OF_SPACE * max(lengths.max(initial=0.0), np.finfo(float).tiny)]
    return np.linalg.qr(np.hstack([basis, new.T]))[0] if len(new) else basis
