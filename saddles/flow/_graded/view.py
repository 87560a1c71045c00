"""How the columns of one part of a frame stand: who grows, who rests, and what is beside them.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``straight``     Q with orthonormal columns, shape (m, r)
``block``        the block of F of this part, over the pace, shape (m, m)
``growth``       diag QᵀFQ, shape (r,)
===============  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.ends import LEAST_RATE
from saddles.flow._graded.part import Part
from saddles.typing import Array

__all__: list[str] = []


@dataclass(frozen=True, eq=False)
class View:
    """How the columns of a part stand: all rates in units of the pace.

    Attributes
    ----------
    growth : ndarray of shape (r,)
        Their growth rates.
    own : ndarray of shape (r,)
        What each would be without the column itself, where F feels it.
    pull : ndarray of shape (r,)
        |Fq|.
    seen : ndarray of bool, shape (r,)
        Whether F feels them.
    rests : ndarray of bool, shape (r,)
        Whether they are seen, and rest.
    """

    part: Part
    straight: Array
    block: Array
    growth: Array
    own: Array
    pull: Array
    seen: Any
    rests: Any

    @cached_property
    def beside(self) -> Array:
        """A basis of what is across the columns that rest, shape (m, m − k)."""
        basis = np.linalg.qr(self.straight[:, self.rests], mode="complete")[0]
        return np.asarray(basis[:, self.rests.sum() :])

    def across(self) -> tuple[Array, Array]:
        """Return rates (k,) and directions (m, k) in which dormant columns could grow."""
        if self.rests.all():
            return np.zeros(0), np.zeros((self.part.rows.size, 0))
        rates, modes = np.linalg.eigh(self.beside.T @ self.block @ self.beside)
        free = int((~self.rests).sum())
        return rates[-free:], self.beside @ modes[:, -free:]

    def wait(self, state: Array) -> float:
        """Return how long it takes, in the integrator's time, until a dormant column is large."""
        grows = ~self.rests & (self.growth > LEAST_RATE)
        waits = np.maximum(-state[self.part.places][grows], 0.0) / self.growth[grows]
        return float(waits.min(initial=math.inf))
