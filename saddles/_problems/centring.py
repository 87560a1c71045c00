"""Means taken away, and what is constant told from what varies: one rule for all that centres.

A mean is taken away twice. The first leaves the rounding of a sum of large numbers; what is left is
small, and so is the rounding of its own mean.

===========  =============================================================
code name    symbol
===========  =============================================================
``weight``   w, (n,): samples of weight 0 say nothing about what is constant
``means``    Σ w_k x_k / Σ w_k, of each column
===========  =============================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles._numerics.precision import EPS
from saddles.typing import Array, Mask

__all__ = ["JITTER", "centred", "is_constant"]

#: Numbers that should be equal, computed in different ways, differ by up to this number of ulp. A
#: larger difference is variation, however small it is relative to the numbers.
JITTER = 4


def is_constant(highest: Array, lowest: Array, eps: float = EPS) -> Mask:
    """Mark the columns whose entries, as seen, differ by no more than their own rounding (d,).

    `eps` is that of the numbers as they were given.
    """
    size = np.maximum(np.abs(highest), np.abs(lowest))
    return np.asarray(highest - lowest <= JITTER * eps * size)


def centred(values: Any, weight: Array | None = None) -> tuple[Array, Array]:
    """Return values (n, ...) less their means, as float64, and the means.

    What is constant becomes zero. Else a path would, in the end, fit rounding with a coefficient
    as huge as the rounding is small.
    """
    used = values if weight is None else values[weight > 0]
    constant = is_constant(used.max(axis=0), used.min(axis=0), float(np.finfo(values.dtype).eps))
    rest, means = _less_mean(values, weight)
    rest, left = _less_mean(rest, weight)
    rest[..., constant] = 0.0
    return rest, means + left


def _less_mean(values: Any, weight: Array | None) -> tuple[Array, Array]:
    total = values.mean(axis=0, dtype=float) if weight is None else weight @ values
    means = total if weight is None else total / weight.sum()
    return np.asarray(values - means), means
