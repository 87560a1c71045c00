"""Which predicted plateaus an initial scale leaves room for.

A plateau ends when a dormant unit has outgrown it. From a finite scale a plateau is seen only if
that unit was still small when the plateau began, so the unit must grow many times over on it.
Otherwise two jumps run into each other, in a flow that is right.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``rates``        g_k, the pull on the unit that enters in jump k. The logarithm of the unit's
                 weights grows by g_k log(1/α) in one unit of scaled time
``falls``        L_{k−1} − L_k. A quadratic loss falls by g_k |Δβ|/2 when unit k enters, where
                 |Δβ| is the l1 norm of a vector and the sum of the singular values of a matrix
===============  ==========================================================================
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from saddles._result.path import SaddlePath
from saddles._result.points import dense
from saddles.typing import Array, Mask

__all__ = ["joined_jumps", "resolved_plateaus"]

#: On a plateau that is to be seen, the weights of the unit that ends it must grow by exp of this.
#: Of 776 plateaus of random regressions, at log α from -7 to -100, those that the flow blurred had
#: at most 2.5.
GROWN = 3.0


def resolved_plateaus(path: SaddlePath, log_alpha: float) -> Mask:
    """Return whether a run from `log_alpha` has time to show each plateau of a path (K+1,).

    The last plateau has no next jump, and counts as seen.
    """
    seen = np.ones(len(path), dtype=bool)
    log_unit = math.log(-log_alpha) if path.kappa == 2 else (2 - path.kappa) * log_alpha
    growth = np.log(np.diff(path.times)) + np.log(_rates(path)) + log_unit
    seen[:-1] = growth >= math.log(GROWN)
    return seen


def joined_jumps(resolved: Mask) -> list[tuple[int, int]]:
    """Return the first and last number of each bunch of jumps that a plateau sets apart."""
    apart = np.flatnonzero(resolved[1:]) + 1
    starts = np.append(1, apart[:-1] + 1)
    return list(zip(starts.tolist(), apart.tolist(), strict=True)) if apart.size else []


def _rates(path: SaddlePath) -> Array:
    """Return the pull (K,) on the unit that enters in each jump.

    Where points are coefficients, the fall of the loss says it. Elsewhere it is what a clock has on
    average from time 0 on, 1/τ_k.
    """
    rates = np.asarray(1.0 / path.times[1:])
    if path.kappa != 2 or path.kind != "coefficients":
        return rates
    betas, falls = dense(path.betas), -np.diff(path.losses)
    sizes = np.array([_size(step) for step in np.diff(betas, axis=0)])
    known = (falls > 0) & (sizes > 0)
    return np.where(known, 2 * falls / np.where(known, sizes, 1.0), rates)


def _size(step: Array) -> float:
    """Return the l1 norm of a vector, or the sum of the singular values of a matrix."""
    matrix: Any = step if step.ndim == 2 else step.reshape(1, -1)
    values = np.linalg.svd(matrix, compute_uv=False) if step.ndim == 2 else np.abs(matrix)
    return float(values.sum())
