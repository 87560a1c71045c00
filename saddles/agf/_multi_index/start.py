"""Where neurons start: drawn in any dimension, over an orthonormal basis of what they span.

Directions that are uniform in R^d are Gaussian vectors over their norms. Their first r coordinates
are drawn as they are. Of the others only the inner products matter, and these are those of the
columns of an upper triangle, with χ_{d−r−j} on its diagonal and normal numbers above it (Bartlett,
1933). So a draw in 10⁶ dimensions costs as much as one in ten.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``overlaps``     v = Uᵀŵ, (H, r)
``rest``         the other coordinates, over a basis of their own, (H, d − r) or (H, H)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles.typing import Array

__all__ = ["Start"]

#: The norm of overlaps may exceed 1 by this, which is rounding.
ROUNDED = 1e-12


@dataclass(frozen=True)
class Start:
    """A start of `width` balanced neurons of degree k + 1, |θ| = 1 and |w|² = k a².

    ``d`` may be infinite. If `whole`, all d coordinates are wanted, not a basis of what is spanned.
    """

    width: int
    d: float
    r: int
    k: int
    seed: int
    whole: bool = False

    def neurons(self, overlaps: Any, signs: Any) -> Array:
        """Return neurons (H, 1 + d') with these overlaps or drawn ones, d' = d or min(d, r + H)."""
        rng = np.random.default_rng(self.seed)
        ahead, turns = rng.standard_normal((self.width, self.r)), rng.random(self.width) < 0.5
        w = np.hstack([ahead, self._rest(rng)])
        if overlaps is None:
            w /= np.linalg.norm(w, axis=1, keepdims=True)
        else:
            v = self._checked(overlaps)
            w[:, : self.r] = v
            left = np.sqrt(np.maximum(1 - np.sum(v * v, axis=1), 0.0))[:, None]
            rest = w[:, self.r :]
            size = np.linalg.norm(rest, axis=1, keepdims=True)
            w[:, self.r :] = rest * np.divide(left, size, out=np.zeros_like(size), where=size > 0)
        a = np.where(turns, -1.0, 1.0) if signs is None else self._signed(signs)
        return np.column_stack([a, math.sqrt(self.k) * w]) / math.sqrt(self.k + 1)

    def _rest(self, rng: np.random.Generator) -> Array:
        """Return what a neuron has beside z, over a basis of at most H directions."""
        others, width = self.d - self.r, self.width
        if others <= width or self.whole:
            return rng.standard_normal((width, int(others)))
        if math.isinf(others):
            return np.eye(width)
        triangle = np.triu(rng.standard_normal((width, width)), 1)
        freedom = float(others) - np.arange(width)
        return np.asarray((triangle + np.diag(np.sqrt(rng.chisquare(freedom)))).T)

    def _checked(self, overlaps: Any) -> Array:
        v = checks.real_array(overlaps, "overlaps", 2)
        if v.shape != (self.width, self.r):
            raise ValueError(
                f"overlaps has shape {v.shape}; give one row for each neuron, with the overlap "
                f"with each of the target's coordinates, ({self.width}, {self.r})."
            )
        norms = np.linalg.norm(v, axis=1)
        if (long := norms > 1 + ROUNDED).any() or (self.d == self.r and (norms < 1).any()):
            where = int(long.argmax())
            raise ValueError(
                f"overlaps[{where}] has the norm {float(norms[where])!r}; a direction has at most "
                f"1 in the target's span, and just 1 if d = r (d={self.d!r})."
            )
        return v

    def _signed(self, signs: Any) -> Array:
        found = checks.real_array(signs, "signs", 1)
        if found.shape != (self.width,) or (np.abs(found) != 1).any():
            raise ValueError(
                f"signs={checks.show(found)} must have one entry for each neuron, 1 or -1, "
                f"({self.width},)."
            )
        return found
