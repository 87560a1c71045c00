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
from collections.abc import Sequence

import numpy as np

from saddles._numerics.precision import EPS
from saddles.typing import Array

__all__ = ["CANCELLATION", "INTERPOLATED", "added", "beyond", "least_squares"]

#: A residual smaller than this share of what it was has lost digits worth winning back.
CANCELLATION = 0.1

#: Each refinement wins as many digits as the factors have; two are enough for updated ones.
REFINEMENTS = 2

#: Each wins a digit at least, for columns that are told apart at all.
MOST_REFINEMENTS = 32

#: What is left of a combination of columns, relative to its terms, where products have twice a
#: float's digits.
DEPENDENT = EPS**1.75

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


def beyond(A: Array, Y: Array, stack: Array, grain: tuple[Array, Array]) -> Array:
    """Return what columns Y (n, m) have beyond those of A, right to its own last digits.

    Zero, where they are combinations of those: to twice the digits of a float, or to what rounding
    may have changed of A (k,) and Y (m,) before, relative to their norms, if that is more. `stack`
    is that of `least_squares`; A may be of any condition that allows for factors.
    """
    n, k = A.shape
    Q, T = stack[:n], stack[n : n + k]
    sizes = np.exp2(np.frexp(np.linalg.norm(A, axis=0))[1])[:, None]  # nothing may be rounded
    slices, z, r = _slices(A / sizes.T), np.zeros((k, Y.shape[1])), Y
    for _ in range(MOST_REFINEMENTS):
        f = _sum([Y, -r, *_fine_products(slices, -z)])
        slope = _sum(_fine_products([part.T for part in slices], r))
        along = Q.T @ f + T.T @ (sizes * slope)
        change, shift = sizes * (T @ along), f - Q @ along
        z, r = z + change, r + shift
        if (np.abs(shift).max(axis=0) <= EPS * np.abs(r).max(axis=0)).all():
            break
    of_A, of_Y = (np.maximum(known, DEPENDENT) for known in grain)
    rounding = of_A @ np.abs(z) + of_Y * np.linalg.norm(Y, axis=0)
    return np.where(np.linalg.norm(r, axis=0) > rounding, r, 0.0)


def added(sum_: Array, A: Array, z: Array) -> Array:
    """Return sum_ + Az, for a vector or a matrix z: rounded once, as it were."""
    return _sum([sum_, *_fine_products(_slices(A), z)])


def _fine_products(slices: Sequence[Array], z: Array) -> list[Array]:
    """Return terms of the product of a matrix in slices and z, right to twice a float's digits."""
    return [part @ other for part in slices for other in _slices(z)]


def _slices(values: Array) -> tuple[Array, Array, Array]:
    """Return three arrays with this sum; products of the first ones with each other are exact."""
    first, rest = _split(values, max(values.shape))
    return first, *_split(rest, max(values.shape))


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
