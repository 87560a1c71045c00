"""Least squares of independent columns, with a residual that is right to its own last digits.

Near the end of a path the residual is many orders of magnitude smaller than the targets, and its
direction decides all later times. The augmented system {r + Az = y, Aᵀr = 0} is then refined
(Björck, "Iterative refinement of linear least squares solutions", 1967) with residuals of higher
precision: of matrix and vector so few leading bits are split off that their product is exact
(Ozaki, Ogita, Oishi and Rump, "Error-free transformations of matrix multiplication", 2012); what is
left of either is so small that ordinary products do for it, and the sum of all is compensated.

============  ==================================================================
code name     symbol
============  ==================================================================
``stack``     [Q; T], with Q = A T orthonormal: (n + k, k), rows beyond ignored
``z``, ``r``  solution (k,) and residual (n,)
============  ==================================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["CANCELLATION", "INTERPOLATED", "least_squares"]

#: A residual smaller than this share of what it was has lost digits worth winning back.
CANCELLATION = 0.1

#: Each refinement wins as many digits as the factors have; two are enough for updated ones.
REFINEMENTS = 2

#: A residual smaller than this per sample, relative to the targets, is rounding of the data
#: themselves: what is left of an exact interpolation.
INTERPOLATED = 4 * EPS


def least_squares(A: Array, y: Array, stack: Array, careful: bool) -> tuple[Array, Array]:
    """Solve min |y − Az| given [Q; T] with Q = AT orthonormal.

    Projecting twice leaves the residual an error of eps |y|; if that is not good enough, `careful`
    refines.
    """
    n, k = A.shape
    Q, T = stack[:n], stack[n : n + k]
    along = y @ Q
    z, r = T @ along, y - Q @ along
    if not careful:
        return z, r - Q @ (r @ Q)
    unit = np.exp2(np.frexp(np.maximum(A.max(axis=0), -A.min(axis=0)))[1])
    head, tail = _split(A / unit, max(n, k))
    for _ in range(REFINEMENTS):
        f = _sum([y, -r, *(-part for part in _products(head, tail, z * unit))])
        slope = _sum(_products(head.T, tail.T, r)) * unit
        along = f @ Q + slope @ T
        z, r = z + T @ along, r + (f - Q @ along)
    exact = r @ r <= n * INTERPOLATED**2 * (y @ y)
    return z, np.zeros_like(r) if exact else r


def _split(values: Array, terms: int) -> tuple[Array, Array]:
    """Return the leading bits of an array and the rest; `terms` products of the former sum exactly.

    That is, of leading bits with other leading bits.
    """
    bits = (53 - math.ceil(math.log2(terms + 1))) // 2
    exponent = math.frexp(float(np.abs(values).max(initial=0.0)))[1] - bits
    shift = math.ldexp(1.5, 52 + exponent)  # adding it rounds to multiples of 2^exponent
    head = values + shift
    head -= shift
    return head, values - head


def _products(head: Array, tail: Array, vector: Array) -> list[Array]:
    """Return terms of the product of a split matrix and a vector: an exact one, and small ones."""
    first, rest = _split(vector, max(head.shape))
    return [head @ first, head @ rest, tail @ vector]


def _sum(terms: list[Array]) -> Array:
    """Return the sum of arrays, right to its last digits (Neumaier's compensated sum)."""
    total, lost = terms[0], np.zeros_like(terms[0])
    for term in terms[1:]:
        new = total + term
        back = new - total
        lost += (total - (new - back)) + (term - back)
        total = new
    return total + lost
