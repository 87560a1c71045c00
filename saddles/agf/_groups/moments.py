"""Neurons of any number k of inputs in pairs, by moments of their responses: no n^k tuples.

A power of a sum of k responses is a coefficient of a product of exponentials. So the inner product
of two neurons' powers over all tuples is

    Σ (ΣU_a)^k (ΣV_a)^k = (k!)² [s^k t^k] Π_a Σ_g exp(s U_a(g) + t V_a(g)),

a product of k polynomials, whose coefficients are sums over one element g. `pairs` has this written
out for k = 2, where it is faster.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``U``               U_a(g) = u_a·L_g x, (k, H, n)
``scaled``          U_a(g)^r / r! for r = 0 … k, (k+1, k, H, n)
``factors``         coefficients of s^p t^r of each factor, (k, k+1, k+1, H, A)
==================  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np

from saddles.agf._groups.pairs import Seen
from saddles.typing import Array

__all__ = ["Moments", "power_slope", "power_sum"]


@dataclass(frozen=True, eq=False)
class Moments:
    """Neurons (H) beside others (A), of k inputs."""

    seen: Seen
    others: Seen

    @cached_property
    def gram(self) -> Array:
        """Products w_i·w_j (H, A)."""
        return np.asarray(self.seen.w @ self.others.w.T)

    @cached_property
    def factors(self) -> Array:
        """Coefficients of the factors (k, k+1, k+1, H, A)."""
        own, other = _scaled(self.seen.UV), _scaled(self.others.UV)
        joined = own[:, None] @ other[None].swapaxes(-1, -2)
        return np.asarray(joined.transpose(2, 0, 1, 3, 4))

    def kernel(self) -> Array:
        """Return K_ij (H, A)."""
        inputs = len(self.factors)
        return np.asarray(math.factorial(inputs) ** 2 * reduce(_times, self.factors)[-1, -1])

    def slope(self) -> Array:
        """Return ∂/∂U_a,i(g) of Σ_j (w_i·w_j) K_ij (k, H, n)."""
        own, other = _scaled(self.seen.UV), _scaled(self.others.UV)
        result, inputs = np.zeros_like(self.seen.UV), len(self.factors)
        for a in range(inputs):
            rest = reduce(_times, np.delete(self.factors, a, axis=0))[::-1, ::-1] * self.gram
            for p in range(1, inputs + 1):
                result[a] += own[p - 1, a] * np.sum(rest[p] @ other[:, a], axis=0)
        return math.factorial(inputs) ** 2 * result


def power_sum(U: Array) -> Array:
    """Return Σ (ΣU_a)^k over all tuples (H,)."""
    sums = _scaled(U).sum(axis=3).swapaxes(0, 1)
    return np.asarray(math.factorial(len(U)) * reduce(_times, sums[:, :, None])[-1, 0])


def power_slope(U: Array) -> Array:
    """Return the derivatives (k, H, n) of `power_sum` over U."""
    scaled = _scaled(U)
    sums, result = scaled.sum(axis=3).swapaxes(0, 1)[:, :, None], np.zeros_like(U)
    for a in range(len(U)):
        rest = reduce(_times, np.delete(sums, a, axis=0))[::-1, 0]
        for p in range(1, len(U) + 1):
            result[a] += scaled[p - 1, a] * rest[p][:, None]
    return math.factorial(len(U)) * result


def _scaled(U: Array) -> Array:
    """Return U^r / r! for r = 0 … k, (k+1, k, H, n)."""
    powers = [np.ones_like(U)]
    for r in range(1, len(U) + 1):
        powers.append(powers[-1] * U / r)
    return np.stack(powers)


def _times(a: Array, b: Array) -> Array:
    """Return the product of polynomials in s and t, cut off at the powers that they have."""
    result = np.zeros_like(a)
    for p in range(a.shape[0]):
        for r in range(a.shape[1]):
            result[p:, r:] += a[p, r] * b[: a.shape[0] - p, : a.shape[1] - r]
    return result
