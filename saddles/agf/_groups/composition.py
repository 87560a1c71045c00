"""Neurons that learn products in a finite group, in closed form: no sum over n^k tuples is formed.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6, have the cyclic
group with k = 2; Marchetti et al., "Sequential Group Composition" (2026, arXiv:2602.03655), pose
the task for every group. Inputs are shifted templates L_g x, (L_g x)[h] = x[g⁻¹h], for all tuples
(g_1, …, g_k); the target is the one of the product, L_{g_1⋯g_k} x. A neuron θ = (u_1, …, u_k, w)
computes f = (Σ_a u_a·L_{g_a} x)^k w, so κ = k + 1. The loss is L = ½ E|L_{g_1⋯g_k} x − Σ_i f_i|², E
the mean over tuples, |·|² the sum over the n outputs.

A network is a sum of outer products: with U_a(g) = u_a·L_g x the inner product of two neurons is
(w_i·w_j) K_ij, and for k = 2

    K_ij = Σ_gh (U_i(g) + V_i(h))² (U_j(g) + V_j(h))²
         = 4 (U_i·U_j)(V_i·V_j) + n U_i²·U_j² + n V_i²·V_j² + ΣU_i² ΣV_j² + ΣV_i² ΣU_j²
           + 2 (U_i²·U_j ΣV_j + U_i·U_j² ΣV_i + V_i²·V_j ΣU_j + V_i·V_j² ΣU_i);

`moments` has any k. The inner product with the target is Σ_m q_i(m) T_i(m), with q_i(m) = w_i·L_m x
and T_i(m) the sum of (ΣU_a)^k over all tuples of product m: traces over irreps, in `waves`, for the
terms that see all inputs, and the mean of x for the others.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``shifts``          column m is L_m x, (n, n)
``UV``              U_a(g) of neuron i, (k, H, n)
``waves``           û_a, ŵ of neurons at the irreps with power
==================  =====================================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any

import numpy as np

from saddles.agf._groups.moments import Moments, power_slope, power_sum
from saddles.agf._groups.pairs import Pair, Seen
from saddles.agf._groups.products import Products
from saddles.agf._groups.waves import Waves
from saddles.typing import Array, Indices

__all__ = ["GRID", "Composition"]

#: Largest n^(k+1), the residual of all tuples, at which that is formed: 32 elements for k = 2. That
#: is fast, and rounding is least where neurons nearly cancel.
GRID = 32**3


class Composition(ABC):
    """Loss, utilities and gradients; what is special to a group is left to its subclasses."""

    template: Array
    kind = "template"

    @property
    @abstractmethod
    def _inputs(self) -> int:
        """The number k of factors."""

    @property
    @abstractmethod
    def _table(self) -> Indices:
        """Products of the group's elements (n, n)."""

    @property
    @abstractmethod
    def _divide(self) -> Indices:
        """Quotients g⁻¹h of the group's elements (n, n)."""

    @property
    @abstractmethod
    def _mean(self) -> float:
        """Mean of the template, zero if it is rounding."""

    @property
    @abstractmethod
    def _waves(self) -> list[Waves]:
        """The irreps with power, beside the trivial one."""

    @property
    @abstractmethod
    def _functions(self) -> Array:
        """An orthonormal basis of functions on the group, the constant first, by irreps (n, n)."""

    @property
    def degree(self) -> int:
        """Degree of homogeneity κ = k + 1, 3 for products of two elements."""
        return self._inputs + 1

    @property
    def size(self) -> int:
        """Number of parameters of a neuron, (k + 1) n."""
        return self.degree * len(self.template)

    def loss(self, theta: Array, /) -> float:
        """Return L of the network with neurons `theta` (H, (k+1)n)."""
        if self._grid:
            residual = self._residual(theta).ravel()
            return float(residual @ residual) / (2 * self._tuples)
        seen = self._keep(theta)
        fit = np.sum(self._with_target(seen)) - np.sum(self._overlaps(seen, seen)) / 2
        return float(self.template @ self.template / 2 - fit / self._tuples)

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, (k+1)n)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities (H,) of neurons `theta`, given the `active` ones (A, (k+1)n)."""
        seen = self._see(theta)
        overlaps = self._overlaps(seen, self._keep(active))
        return np.asarray((self._with_target(seen) - overlaps) / self._tuples)

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, (k+1)n) of the utilities."""
        if self._grid:
            return self._grid_pull(theta, self._residual(active))
        others = self._keep(active)
        seen = others if active is theta else self._see(theta)
        pull = self._target_pull(seen)
        if len(active):
            pair = self._pair(seen, others)
            pull[:, :-1] -= (pair.slope() @ self._shifts.T).transpose(1, 0, 2)
            pull[:, -1] -= pair.kernel() @ others.w
        return pull.reshape(theta.shape) / self._tuples

    def within(self, theta: Array, basis: Array, /) -> Products | None:
        """Return the loss over z, θ_i + `basis` (p, m) z_i; None if it would not be faster."""
        if self._inputs != 2:
            return None
        found = Products(self._shifts, self._table, self._functions, theta, basis)
        return found if found.fits else None

    def point(self, theta: Array, /) -> Array:
        """Return the template (n,) that the network has learnt: E L_{(g_1⋯g_k)⁻¹} f.

        It is what of the network is shifted as the target is; x itself once all is learnt.
        """
        seen = self._see(theta)
        constant = float(power_sum(seen.UV) @ seen.w.sum(1)) / len(self.template)
        waves = zip(self._waves, seen.waves, strict=True)
        parts = [wave.learnt(one) for wave, one in waves]
        return np.asarray(sum(parts, np.full(len(self.template), constant)) / self._tuples)

    @cached_property
    def _tuples(self) -> int:
        """The number n^k of tuples."""
        return int(len(self.template) ** self._inputs)

    @property
    def _grid(self) -> bool:
        """Whether the residual of all tuples is small."""
        return self._tuples * len(self.template) <= GRID

    @cached_property
    def _shifts(self) -> Array:
        """Matrix (n, n) with column m = L_m x: a row times it is its product with each shift."""
        return np.ascontiguousarray(self.template[self._divide].T)

    def _parts(self, theta: Array) -> tuple[Array, Array]:
        """Return the weights (H, k+1, n), and U_a(g) of all inputs (k, H, n)."""
        parts = theta.reshape(len(theta), self.degree, len(self.template))
        return parts, parts[:, :-1].transpose(1, 0, 2) @ self._shifts

    def _grid_sums(self, theta: Array) -> tuple[Array, Array]:
        """Return ΣU_a of all tuples (H, n^k), and w (H, n)."""
        parts, UV = self._parts(theta)
        sums = UV[0]
        for U in UV[1:]:
            sums = (sums[:, :, None] + U[:, None]).reshape(
                len(theta), sums.shape[1] * len(self.template)
            )
        return sums, parts[:, -1]

    def _residual(self, theta: Array) -> Array:
        """Return the residual of all tuples (n^k, n).

        The last one is kept: dormant neurons ask for it again and again beside the same others.
        """
        if self._last and np.array_equal(self._last[0], theta):
            return self._last[1]
        sums, w = self._grid_sums(theta)
        residual = self._targets - (sums**self._inputs).T @ w
        self._last[:] = theta.copy(), residual
        return np.asarray(residual)

    def _grid_pull(self, theta: Array, residual: Array) -> Array:
        """Return the gradients (H, (k+1)n) of the utilities beside a residual of all tuples."""
        sums, w = self._grid_sums(theta)
        k, n = self._inputs, len(self.template)
        along = k * sums ** (k - 1) * (w @ residual.T)
        pull = np.empty((len(theta), k + 1, n))
        slopes = [
            along.reshape(len(theta), n**a, n, n ** (k - 1 - a)).sum(3).sum(1) for a in range(k)
        ]
        pull[:, :-1] = np.stack(slopes, axis=1) @ self._shifts.T
        pull[:, -1] = sums**k @ residual
        return pull.reshape(theta.shape) / self._tuples

    @cached_property
    def _last(self) -> list[Array]:
        """The last neurons that were asked for, and their residual."""
        return []

    @cached_property
    def _targets(self) -> Array:
        """Targets L_{g_1⋯g_k} x of all tuples (n^k, n)."""
        products = np.arange(len(self.template))
        for _ in range(self._inputs - 1):
            products = self._table[products].ravel()
        return np.ascontiguousarray(self._shifts.T[products])

    def _see(self, theta: Array) -> Seen:
        parts, UV = self._parts(theta)
        return Seen(UV, parts[:, -1], tuple(wave.see(parts) for wave in self._waves))

    def _keep(self, active: Array) -> Seen:
        """Return `_see` of neurons beside which others are asked for again and again."""
        if not (self._kept and np.array_equal(self._kept[0], active)):
            kept = active.copy()
            self._kept[:] = kept, self._see(kept)
        seen: Seen = self._kept[1]
        return seen

    @cached_property
    def _kept(self) -> list[Any]:
        """The last neurons of `_keep`, and what was seen of them."""
        return []

    def _with_target(self, seen: Seen) -> Array:
        """Return Σ_m q_i(m) T_i(m), (H,)."""
        result = np.zeros(len(seen.w))
        for wave, one in zip(self._waves, seen.waves, strict=True):
            result += wave.overlap(one)
        if self._mean:
            result += self._mean * seen.w.sum(1) * power_sum(seen.UV)
        return result

    def _target_pull(self, seen: Seen) -> Array:
        """Return the derivatives of `_with_target` over the weights, (H, k+1, n)."""
        result = np.zeros((len(seen.w), self.degree, len(self.template)))
        for wave, one in zip(self._waves, seen.waves, strict=True):
            result += wave.slope(one)
        if self._mean:
            level = self._mean * seen.w.sum(1)[:, None]
            slope = level * power_slope(seen.UV)
            result[:, :-1] += (slope @ self._shifts.T).transpose(1, 0, 2)
            result[:, -1] += self._mean * power_sum(seen.UV)[:, None]
        return result

    def _pair(self, seen: Seen, others: Seen) -> Pair | Moments:
        if self._inputs == 2:
            return Pair(seen, others, not self._mean)
        return Moments(seen, others)

    def _overlaps(self, seen: Seen, others: Seen) -> Array:
        """Return Σ_j (w_i·w_j) K_ij, (H,)."""
        pair = self._pair(seen, others)
        return np.asarray(np.sum(pair.gram * pair.kernel(), axis=1))
