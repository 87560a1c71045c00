"""Neurons that are balanced, and stay so.

The flow of a neuron a σ(w·x) conserves k a² − |w|², k the degree of σ, as its symmetry a -> a/s^k,
w -> s w tells. On unit directions that is a quantity of which rounding grows like 1/|θ|² while a
neuron shrinks: a balanced one would leave the cone k a² = |w|² and come to w = 0. So directions
that begin on the cone are put back onto it wherever they are used.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``weights``      c, of the conserved quantity Σ_i c_i θ_i²; they have two values, of either sign
``units``        θ̂, (D, p)
===============  ==========================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles.typing import Array, Mask

__all__ = ["Balance"]

#: Directions this near to the cone are on it, up to rounding.
BALANCED = 1e-12


@dataclass(frozen=True, eq=False)
class Balance:
    """What puts directions onto the cone of balanced neurons."""

    weights: Array

    @cached_property
    def _parts(self) -> tuple[tuple[Mask, float], ...]:
        """Which entries have the one value and which the other, and the norms of both parts."""
        high, low = float(self.weights.max()), float(self.weights.min())
        shares = (-low / (high - low)) ** 0.5, (high / (high - low)) ** 0.5
        return (self.weights == high, shares[0]), (self.weights == low, shares[1])

    def holds(self, units: Array) -> Mask:
        """Return which of these directions are on the cone (D,)."""
        return np.asarray(np.abs(units**2 @ self.weights) <= BALANCED * np.ptp(self.weights))

    def onto(self, units: Array, rows: Mask) -> Array:
        """Return directions of which the `rows` (D,) are put onto the cone."""
        if not rows.any():
            return units
        found = units.copy()
        for part, norm in self._parts:
            some = units[np.ix_(rows, part)]
            found[np.ix_(rows, part)] = norm * some / np.linalg.norm(some, axis=1, keepdims=True)
        return found

    def tangents(self, rows: Array) -> Array:
        """Return the derivative of `onto` by rows (D, p) of any norm, (D, p, p)."""
        found = np.zeros((*rows.shape, rows.shape[1]))
        for part, norm in self._parts:
            some = rows[:, part]
            lengths = np.linalg.norm(some, axis=1)[:, None, None]
            units = some[:, :, None] / lengths
            across = np.eye(some.shape[1]) - units * units.transpose(0, 2, 1)
            found[np.ix_(np.arange(len(rows)), part, part)] = norm * across / lengths
        return found
