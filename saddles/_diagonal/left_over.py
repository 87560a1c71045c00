"""What the loss could still fall by, where no clock moves that can be told from one at rest.

A column that differs from the active ones by less than the resolution pulls by less than that: its
clock is taken to rest. Yet what it has beyond them, however little, is a direction of its own, and
all of the residual along it would be learnt in the end. So these directions are found, to their
own last digits, and the residual's share in them is told.

===========  ======================================================================
code name    symbol
===========  ======================================================================
``still``    columns whose pull |x·r| cannot be told from zero (d,)
``beyond``   x − AA⁺x, what a column has beyond the active ones, of unit length (n,)
===========  ======================================================================
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from saddles._diagonal.cone import Fit
from saddles._diagonal.refined_least_squares import beyond
from saddles._numerics.precision import ZERO
from saddles._problems.in_units import InUnits
from saddles.status import TWELVE_DIGITS
from saddles.typing import Array, Indices

__all__ = ["left_over"]

#: Rounding of the directions, of those of columns that agree to sixteen digits.
SLACK = 1 + 1e-6

#: Columns are read in blocks of this number of entries.
BLOCK = 2**20


def left_over(data: InUnits, goals: tuple[Array, Array], fit: Fit) -> float:
    """Return an upper bound of how far the loss could still fall, in the user's units.

    Parameters
    ----------
    data : InUnits
        The regression.
    goals : tuple of two ndarrays of shape (d,)
        Boundaries of the clocks, above and below; an infinite one allows for no such coefficient.
    fit : Fit
        Where no clock moves.
    """
    if fit.factors.size == data.shape[1]:
        return 0.0
    if fit.size**2 <= TWELVE_DIGITS * data.target_norm**2:
        return data.loss(fit.residual)
    directions = list(_directions(data, fit, _still(data, goals, fit)))
    if not directions:
        return 0.0
    basis, spread, _ = np.linalg.svd(np.array(directions).T, full_matrices=False)
    return SLACK * data.loss(fit.residual @ basis[:, spread > ZERO])


def _still(data: InUnits, goals: tuple[Array, Array], fit: Fit) -> Indices:
    """Return the columns beside the fit's that pull by no more than rounding (m,)."""
    pulls = data.products(None, fit.residual)[0]
    still = (np.abs(pulls) <= fit.noise * data.norms) & (data.norms > 0)
    still &= np.isfinite(np.where(pulls > 0, *goals))
    still[fit.factors.support] = False
    return np.flatnonzero(still)


def _directions(data: InUnits, fit: Fit, units: Indices) -> Iterator[Array]:
    """Yield what columns have beyond those of the fit, of unit length; not if that is rounding."""
    factors = fit.factors
    step = max(1, BLOCK // factors.n)
    for first in range(0, units.size, step):
        some = units[first : first + step]
        unit = np.exp2(np.frexp(data.norms[some])[1])
        grain = data.grain[factors.support], data.grain[some]
        rest = beyond(factors.columns, data.columns(some) / unit, factors.stack, grain)
        yield from (column / np.linalg.norm(column) for column in rest.T if column.any())
