"""A published path in rational numbers on which a coefficient enters and leaves again."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from tables.staircase import COLUMNS, staircase
from tables.table import Check, Table, worst

#: Times (of the sum loss), coefficients and losses (of the sum loss) in arXiv:2607.12332.
TIMES = (Fraction(0), Fraction(1), Fraction(4), Fraction(276, 49))
BETAS = (
    (0, 0, 0, 0),
    (Fraction(4, 5), 0, 0, 0),
    (0, 0, Fraction(7, 5), 0),
    (0, 0, Fraction(10, 7), Fraction(-10, 49)),
)
LOSSES = (Fraction(1, 2), Fraction(1, 10), Fraction(1, 100), Fraction(0))
N_SAMPLES = 2


def build() -> Table:
    """Return the table, with the published numbers beside the computed ones."""
    X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
    y = np.array([1.0, 0.0])
    text = (
        "Do the computed jump times agree with the published ones where a coefficient leaves "
        "again? In the example of arXiv:2607.12332, with two samples and four features, "
        "coefficient 0 enters at the first jump and leaves at the second. The published times are "
        "those of the sum loss. All others are of the mean loss, so they are twice as long. The "
        "exact column takes the data as float64, in which 7/10 and 1/10 are rounded.\n\n"
        f"{COLUMNS}"
    )
    table = staircase("nonmonotone", "A path that is not monotone", text, X, y)
    frame = table.frame
    frame.insert(3, "published", [str(time) for time in TIMES])
    times = [float(N_SAMPLES * time) for time in TIMES]
    losses = [float(loss / N_SAMPLES) for loss in LOSSES]
    gap = float(np.abs(frame["loss"] - losses).max())
    checks = (
        Check("PF against the published times", worst(frame["PF"], times), 1e-14),
        Check("PF against the published losses", gap, 1e-14),
        *table.checks,
    )
    frame["loss"] = losses
    return replace(table, checks=checks)
