"""The algorithms that must obey the laws. A new one is one more entry."""

from __future__ import annotations

from functools import partial

import saddles
from saddles.testing._solver import Solver

#: Two computations from data that differ by rounding; the problems' condition numbers reach 1e4.
CLOSE = 1e-9

#: Keywords of every algorithm, and of the limit alone.
TAKES = ("Regression", "max_jumps")
TAKES_BOUNDARIES = (*TAKES, "boundaries")

SUBJECTS = {
    name: Solver.of(solve, takes, tolerance=CLOSE, extremes=True)
    for name, solve, takes in (
        ("pesme_flammarion", saddles.pesme_flammarion, TAKES_BOUNDARIES),
        ("agf.diagonal, limit", saddles.agf.diagonal, TAKES),
        ("agf.diagonal, -230", partial(saddles.agf.diagonal, log_alpha=-230), TAKES),
        ("agf.diagonal, -0.1", partial(saddles.agf.diagonal, log_alpha=-0.1), TAKES),
    )
}
