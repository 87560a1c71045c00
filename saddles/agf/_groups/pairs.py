"""Neurons of two inputs in pairs: overlaps and their slopes, in any group of n elements.

With the letters of `saddles.agf._groups.composition`, n² L is a constant, minus Σ_im q_i(m) T_i(m),
plus ½ Σ_ij (w_i·w_j) K_ij. `moments` has any number of inputs.

==================  =====================================================================
code name           symbol
==================  =====================================================================
``UV``              U_i(g) and V_i(h), (2, H, n)
``gram``            w_i·w_j, (H, A)
``kernel``          K_ij, (H, A)
``slope``           ∂/∂U_i(g) and ∂/∂V_i(h) of Σ_j (w_i·w_j) K_ij, others held fixed, (2, H, n)
==================  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles.typing import Array

__all__ = ["Pair", "Seen"]


@dataclass(frozen=True, eq=False)
class Seen:
    """Neurons as the data see them; see the tables of this module and of `composition`."""

    UV: Array
    w: Array
    waves: tuple[Any, ...] = ()

    @property
    def U(self) -> Array:
        """Responses to the first input (H, n)."""
        return np.asarray(self.UV[0])

    @property
    def V(self) -> Array:
        """Responses to the second input (H, n)."""
        return np.asarray(self.UV[1])

    @cached_property
    def squares(self) -> Array:
        """Squares of the responses (2, H, n)."""
        return np.asarray(self.UV**2)

    def swapped(self) -> Seen:
        """Return the same with the two inputs exchanged."""
        return Seen(self.UV[::-1], self.w)


@dataclass(frozen=True, eq=False)
class Pair:
    """Neurons (H) beside others (A); sums of U and V vanish where the template is ``centred``."""

    seen: Seen
    others: Seen
    centred: bool

    @cached_property
    def gram(self) -> Array:
        """Products w_i·w_j (H, A)."""
        return np.asarray(self.seen.w @ self.others.w.T)

    @cached_property
    def overlaps(self) -> Array:
        """Products U_i·U_j and V_i·V_j (2, H, A)."""
        return np.asarray(self.seen.UV @ self.others.UV.transpose(0, 2, 1))

    def kernel(self) -> Array:
        """Return K_ij (H, A)."""
        n, (UU, VV) = self.seen.w.shape[1], self.overlaps
        own, other = self.seen.squares, self.others.squares
        result = 4 * UU * VV + n * (own[0] @ other[0].T + own[1] @ other[1].T)
        result += own.sum(2).T @ other.sum(2)[::-1]
        if not self.centred:
            for k in (0, 1):
                result += 2 * (own[k] @ self.others.UV[k].T) * self.others.UV[1 - k].sum(1)
                result += 2 * self.seen.UV[1 - k].sum(1)[:, None] * (self.seen.UV[k] @ other[k].T)
        return np.asarray(result)

    def slope(self) -> Array:
        """Return ∂/∂U_i(g) and ∂/∂V_i(h) of Σ_j (w_i·w_j) K_ij (2, H, n)."""
        own, other, squares = self.seen.UV, self.others.UV, self.others.squares
        level = self.seen.w.shape[1] * squares + squares.sum(2, keepdims=True)[::-1]
        result = 2 * own * (self.gram @ level) + (4 * self.gram * self.overlaps[::-1]) @ other
        if not self.centred:
            sums = other.sum(2, keepdims=True)[::-1]
            shift = np.sum(self.gram * (own @ squares.transpose(0, 2, 1)), axis=2)
            result += 4 * own * (self.gram @ (sums * other)) + 2 * shift[::-1, :, None]
            result += 2 * own.sum(2, keepdims=True)[::-1] * (self.gram @ squares)
        return np.asarray(result)
