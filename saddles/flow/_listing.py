"""Times at which closed forms are listed: dense about every jump, sparse on plateaus.

===============  =====================================================================
code name        meaning
===============  =====================================================================
``centres``      scaled times at which half of a mode is learnt, shape (k,)
``folds``        scaled time of one e-folding of each, shape (k,)
===============  =====================================================================
"""

from __future__ import annotations

import math

import numpy as np

from saddles.typing import Array

__all__ = ["FOLDINGS", "listed"]

#: Without `until`, the last mode is followed for this many of its e-foldings: what is missing of it
#: falls by e^{−2·20} = 4e-18.
FOLDINGS = 20.0

#: This many times per e-folding of a jump, up to `FOLDINGS_NEAR` e-foldings away from it.
POINTS_PER_FOLDING, FOLDINGS_NEAR = 4, 3.0

#: Beyond, on plateaus, each is this many times as far from the jump as the one before.
STRETCH = 1.5


def listed(centres: Array, folds: Array, stop: float) -> Array:
    """Return times (m,) from 0 to `stop`, dense about the centres in units of their foldings."""
    near = np.arange(POINTS_PER_FOLDING * FOLDINGS_NEAR) / POINTS_PER_FOLDING
    reach = math.log(1 + stop / (FOLDINGS_NEAR * float(folds.min()))) / math.log(STRETCH)
    far = FOLDINGS_NEAR * STRETCH ** np.arange(math.ceil(reach))
    offsets = np.concatenate([-far, -near, near, far])
    times = (centres[:, None] + np.multiply.outer(folds, offsets)).ravel()
    return np.unique(np.concatenate([[0.0, stop], times[(times > 0) & (times < stop)]]))
