"""The talk's two tables, for any data: Pesme–Flammarion against AGF against two oracles.

Columns: scaled jump times by the dual path, by alternating gradient flows at α = exp(−230), in
exact rational arithmetic, and of the integrated gradient flow extrapolated to α → 0; then the
relative differences from the exact ones.
"""

from __future__ import annotations

from fractions import Fraction

import pandas as pd

import saddles
from reference.pesme_flammarion import pesme_flammarion as exact_path
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: Initial scale of the AGF column; its clock is exact at any.
AGF_SCALE = -230.0
#: Initial scales whose flows are extrapolated, and the one that is drawn.
FLOW_SCALES = (-1e4, -1e5, -1e6)
DRAWN_SCALE = -50.0
#: Rounding of two algorithms that solve the same linear systems in different orders.
ROUNDING = 1e-12
#: Extrapolation of flows that were integrated to 1e-8 per step.
EXTRAPOLATED = 1e-8

#: What the columns are.
COLUMNS = (
    "Each row is a jump, with the features that enter and leave. Times are t / log(1/alpha) of "
    "the mean loss, computed in four ways. PF is the path of Pesme and Flammarion. AGF is "
    f"alternating gradient flow at log(alpha) = {AGF_SCALE:g}. The column exact has the path in "
    "rational arithmetic. The column flow has gradient flow, extrapolated from log(alpha) = -1e4, "
    "-1e5, -1e6. The next columns have the relative differences from the exact times, and the "
    "last one the loss after the jump."
)


def staircase(name: str, title: str, text: str, X: Array, y: Array) -> Table:
    """Return the table of jump times of one regression, four ways."""

    def flow(log_alpha: float) -> saddles.Flow:
        return saddles.flow.diagonal(X, y, log_alpha=log_alpha)

    path = saddles.pesme_flammarion(X, y)
    agf = saddles.agf.diagonal(X, y, log_alpha=AGF_SCALE)
    exact = exact_path(X, y)
    limit = saddles.vanishing_limit(path, flow, log_alphas=FLOW_SCALES)
    times = [float(time) for time in exact.times]
    extrapolated = [0.0, *limit.jump_times]
    frame = pd.DataFrame(
        {
            "jump": range(len(path)),
            "entered": [" ".join(map(str, units)) for units in path.entered],
            "left": [" ".join(map(str, units)) for units in path.left],
            "PF": path.times,
            "AGF": agf.times,
            "exact": times,
            "flow": [round(time, 9) for time in extrapolated],
            "PF-exact": bounded(path.times, times, ROUNDING),
            "AGF-exact": bounded(agf.times, times, ROUNDING),
            "flow-exact": bounded(extrapolated, times, EXTRAPOLATED),
            "loss": path.losses,
        }
    )
    checks = (
        Check("PF against exact, times", worst(path.times, times), ROUNDING),
        Check("AGF against exact, times", worst(agf.times, times), ROUNDING),
        Check("AGF against PF, times", worst(agf.times, path.times), ROUNDING),
        Check("PF against exact, fits", worst(path.betas @ X.T, _floats(exact.fits)), 1e-9),
        Check("flow, extrapolated, against exact, times", worst(extrapolated, times), EXTRAPOLATED),
        Check("order of the flow's approach in 1/log(1/alpha), from 1", abs(limit.order - 1), 0.01),
    )
    figure = saddles.compare(path, flow(DRAWN_SCALE)).plot()
    caption = (
        "Loss and coefficients over scaled time. The prediction (dashed) should lie on the "
        f"gradient flow at log(alpha) = {DRAWN_SCALE:g} (colours), whose jumps have a width."
    )
    return Table(
        name=name,
        title=title,
        text=text,
        frame=frame,
        checks=checks,
        figure=figure,
        caption=caption,
    )


def _floats(rows: list[list[Fraction]]) -> list[list[float]]:
    return [[float(value) for value in row] for row in rows]
