"""What float64 resolves: the constants that modules share.

================  ======================================================================
code name         meaning
================  ======================================================================
``EPS``           spacing of float64 at 1
``ULPS``          sixteen of them: what a few operations leave of a difference of equals
``DISTURBED``     the share of a float's digits that rounding leaves of a zero
``ZERO``          a share of the largest that a quantity could be, below which it is zero
``SINGULAR``      a share of the largest eigenvalue, below which one is zero
``CONSTANT``      a share of a size, below which what varies is constant
``CUT_EXPONENT``  where exponents are cut
================  ======================================================================
"""

from __future__ import annotations

import numpy as np

from saddles.typing import Array

__all__ = [
    "CONSTANT",
    "CUT_EXPONENT",
    "DISTURBED",
    "EPS",
    "SINGULAR",
    "ULPS",
    "ZERO",
    "beyond_rounding",
]

EPS = float(np.finfo(float).eps)

#: A quantity that is known to a few ulp cannot be asked for to better than this.
ULPS = 16 * EPS

#: A quantity this small, relative to the largest it could be, is a zero that rounding disturbed: a
#: quarter of a float's digits is left to rounding, and small integer data stay well above it.
DISTURBED = 0.75
ZERO = float(EPS**DISTURBED)

#: Eigenvalues of moments below this, relative to the largest, are rounding of zero.
SINGULAR = 1e-12

#: What varies by less than this, relative to its size, is constant up to rounding.
CONSTANT = 1e-13

#: Exponents that stay near 0 on a trajectory are cut here. A trial point of an implicit step may
#: lie anywhere: e^50 = 5e21, or its square, is large enough to have such a step refused, while
#: squares and products of it stay finite.
CUT_EXPONENT = 50.0


def beyond_rounding(difference: Array, terms: Array | float) -> Array:
    """Return a difference of equals, 0 where it is a few ulp of the sizes of its `terms`.

    What is at rest is then so exactly. Implicit steps grow without end there, while velocities that
    flicker by an ulp would bound their length. So would a jump from 0 to what is just larger: it is
    left out by degrees.
    """
    known = np.clip(2 * (np.abs(difference) - ULPS * terms), 0.0, np.abs(difference))
    return np.asarray(np.copysign(known, difference))
