"""Linear attention: what is learnt in closed form, by the alternation and by gradient flow."""

from __future__ import annotations

import numpy as np
import pandas as pd

import saddles
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: The published setting: variances proportional to 1/i with trace 2.
DIMENSION, LENGTH = 4, 32
#: Levels published for it, to five digits.
PUBLISHED = np.array([1.0, 0.56219, 0.35555, 0.22510, 0.13220])
HEADS, SEED = 5, 4
#: Of the flow: plateaus are then right to 1e-9, jump times to 1e-3.
LOG_ALPHA = -8.0
#: Of the flow that is drawn: its jumps are still wide.
DRAWN = -4.0
CLOSED, PLATEAU, TIME = 1e-9, 1e-6, 5e-3


def initial() -> Array:
    """Return seeded heads of norm 1, shape (HEADS, 2D + 1)."""
    rows = np.random.default_rng(SEED).standard_normal((HEADS, 2 * DIMENSION + 1))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def build() -> Table:
    """Return the table."""
    values = 1 / np.arange(1.0, DIMENSION + 1)
    covariance = np.diag(2 * values / values.sum())
    init = initial()
    modes = saddles.agf.attention_modes(covariance, LENGTH)
    path = saddles.agf.attention(covariance, LENGTH, init=init)
    network = saddles.agf.LinearAttention(covariance, LENGTH)
    flow = saddles.flow.neurons(network, init, log_alpha=LOG_ALPHA, rtol=1e-7)
    found = flow.jumps()
    learnt = np.array([np.diag(M)[k] for k, M in enumerate(path.betas[1:])])
    measured = np.append(0.0, found.times)
    bounds = np.append(0.0, modes.bounds(measured, log_alpha=LOG_ALPHA))
    frame = _frame(modes, path, learnt, found.losses, measured, bounds)
    late = float((bounds - measured).max())
    wide = saddles.flow.neurons(network, init, log_alpha=DRAWN, rtol=1e-7)
    return Table(
        name="attention",
        title="Linear attention: levels, components and times",
        text=(
            "Does linear attention visit its predicted levels? In-context regression with D = "
            f"{DIMENSION}, contexts of N = {LENGTH} pairs and input variances proportional to "
            "1/i with trace 2; exact population loss. Levels and components m = 1/(tr + (N+1) "
            f"lambda) are closed forms. AGF is the alternation in the limit from {HEADS} seeded "
            "heads. The flow is the integrated gradient flow of the same heads at log(alpha) = "
            f"{LOG_ALPHA:g}.\n\n"
            "Times are t alpha. No head can have activated before the bound that earlier jumps "
            f"leave. Differences are relative. The picture is at log(alpha) = {DRAWN:g}."
        ),
        frame=frame,
        checks=(
            Check("levels against the published five digits", worst(modes.losses, PUBLISHED), 2e-5),
            Check("AGF's levels against the closed form", worst(path.losses, modes.losses), CLOSED),
            Check("AGF's components", worst(learnt, modes.components), CLOSED),
            Check("the flow's plateaus", worst(found.losses, modes.losses), PLATEAU),
            Check("the flow's jump times against AGF's", worst(measured, path.times), TIME),
            Check("how far the flow precedes its bounds", late, 0.0),
        ),
        figure=saddles.compare(path, wide).plot(),
        caption=(
            "Each jump adds one component. The flow (colours) should reach the levels of the "
            "prediction (dashed); at this scale its jumps are wide."
        ),
    )


def _frame(
    modes: saddles.agf.AttentionModes,
    path: saddles.agf.NeuronPath,
    learnt: Array,
    losses: Array,
    measured: Array,
    bounds: Array,
) -> pd.DataFrame:
    """Return one row per number of modes learnt; the flow's `losses` and times `measured`."""
    return pd.DataFrame(
        {
            "modes": np.arange(DIMENSION + 1),
            "level": modes.losses,
            "AGF": bounded(path.losses, modes.losses, CLOSED),
            "flow": bounded(losses, modes.losses, PLATEAU),
            "component": np.append(np.nan, modes.components),
            "AGF component": ["", *bounded(learnt, modes.components, CLOSED)],
            "AGF time": path.times,
            "flow time": bounded(measured, path.times, TIME),
            "above its bound": measured >= bounds,
        }
    )
