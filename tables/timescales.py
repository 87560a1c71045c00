"""The talk's table of time scales: how fast the norm and the direction of beta move, measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from saddles import neuron
from tables.table import Check, Table

DELTAS = (-100.0, -10.0, 0.0, 10.0, 100.0)
NORMS = (0.01, 0.1)
#: Step of the difference, relative to the fastest time scale; its error is of fourth order.
STEP = 2e-2
#: What that leaves where the direction is slowest, in truncation and in rounding.
DIFFERENCE = 1e-4


def build() -> Table:
    """Return the table."""
    target, direction = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    rows, gaps = [], []
    for norm in NORMS:
        for delta in DELTAS:
            beta0 = norm * direction
            speeds = neuron.speeds(beta0, delta, beta0 - target)
            measured = _measured(delta, norm, direction, target)
            predicted = np.array([speeds.radial, np.linalg.norm(speeds.directional)])
            gaps.append(float(np.abs(measured / predicted - 1).max()))
            rows.append((delta, norm, *predicted, *measured.round(6), _words(delta)))
    columns = [
        "delta",
        "|beta|",
        "d|beta|/dt",
        "|d direction/dt|",
        "measured d|beta|/dt",
        "measured |d direction/dt|",
        "norm, direction",
    ]
    frame = pd.DataFrame(rows, columns=columns)
    for column in columns[4:6]:
        frame[column] = [float(f"{value:.5g}") for value in frame[column]]
    return Table(
        name="timescales",
        title="Time scales of norm and direction",
        text=(
            "How fast do norm and direction of a single neuron move? Speeds of |beta| and of "
            "beta/|beta| on whitened inputs, with |beta*| = 1 and 53 degrees between beta and "
            "beta*: by the formulas, and by finite differences of the exact solution.\n\n"
            "As beta shrinks, the norm's speed is proportional to |beta| for delta = 0, and "
            "stays for large |delta|. The direction's speed is of order one for delta = 0, "
            "grows for positive delta and falls for negative delta."
        ),
        frame=frame,
        checks=(Check("measured against formula", max(gaps), DIFFERENCE),),
    )


def _words(delta: float) -> str:
    if delta == 0:
        return "proportional to |beta|, O(1)"
    return "fast, fast" if delta > 0 else "fast, slow"


def _measured(delta: float, norm: float, direction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return d|beta|/dt and |d direction/dt| at beta = norm * direction, by differences."""
    half = np.hypot(delta, 2 * norm)
    a_squared = (half + delta) / 2 if delta >= 0 else 2 * norm**2 / (half - delta)
    a = float(np.sqrt(a_squared))
    flow = neuron.exact(target, a, norm * direction / a)
    # The solution starts here, so the difference is one-sided: of fourth order by five points.
    h = STEP * norm / half
    points = flow.beta(h * np.arange(5))
    norms = np.linalg.norm(points, axis=1)
    weights = np.array([-25 / 12, 4.0, -3.0, 4 / 3, -1 / 4]) / h
    turned = np.linalg.norm(weights @ (points / norms[:, None]))
    return np.array([weights @ norms, turned])
