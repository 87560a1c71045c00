"""Modular addition: jump times in closed form, by the alternation, and of gradient flow."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

import saddles
from saddles.typing import Array
from tables.modular_addition import initial, published
from tables.modular_ladder import sixes
from tables.table import Check, Table, bounded, worst

#: Initial scales, from which times are extrapolated linearly, and the tolerance of the flow.
SCALES, RTOL = (1e-2, 2e-3), 1e-6
#: The same of one neuron, whose jump the next one follows soon.
LONE_SCALES = (1e-3, 1e-4)
#: AGF integrates directions that rest, or to its own tolerance; two scales leave O(α²).
CLOSED, EXTRAPOLATED = 1e-9, 1e-5
#: Error over α at the two scales: the same up to O(α).
RATE = 1e-2


def build() -> Table:
    """Return the table."""
    network = published()
    start = np.vstack([_unit(sixes(network, k)) for k in network.frequencies])
    bounds = network.time_bounds()[network.frequencies]
    path = saddles.agf.modular_addition(network, init=start)
    measured = [_times(network, start, a, path.losses, 1.2 * bounds[-1]) for a in SCALES]
    lone = saddles.agf.modular_addition(network, init=initial(), max_jumps=1)
    first = [_times(network, initial(), a, lone.losses, 1.1 * lone.times[1]) for a in LONE_SCALES]

    agf = np.append(path.times[1:], lone.times[1])
    times = np.hstack([np.array(measured), np.array(first)])
    scales = np.array([[*3 * [a], b] for a, b in zip(SCALES, LONE_SCALES, strict=True)])
    limits = (scales[0] * times[1] - scales[1] * times[0]) / (scales[0] - scales[1])
    rates = (times - agf) / scales
    frame = pd.DataFrame(
        {
            "start": [*3 * ["six per frequency"], "random, first jump"],
            "frequency": [*network.frequencies, 1],
            "no earlier than": [*bounds, network.time_bounds().min()],
            "AGF": [*path.times[1:], round(lone.times[1], 6)],
            "AGF - closed form": [*bounded(path.times[1:], bounds, CLOSED), ""],
            "flow, larger alpha": [f"{time:.4f}" for time in times[0]],
            "flow, smaller alpha": [f"{time:.5f}" for time in times[1]],
            "(flow - AGF)/alpha": [f"{rate:.2f}" for rate in rates[1]],
            "flow, extrapolated, - AGF": bounded(limits, agf, EXTRAPOLATED),
        }
    )
    return Table(
        name="modular_times",
        title="Modular addition: jump times",
        text=(
            "Are jump times right where they are known in closed form? The templates have p = 20 "
            "and the spectrum 10, 5, 2.5 at frequencies 1, 3, 5. Times are scaled, t α. Eighteen "
            "neurons start along the six exact solutions of each frequency, all with norm α. The "
            "six neurons of a frequency become active together, at the earliest time possible, "
            "1/(3U*). The loss after a jump is the power of the other frequencies.\n\n"
            "The flow jumps at the times at which half of a drop of the loss is done. It starts "
            "from α = 0.01 and 0.002, and for the random start of the table modular_addition from "
            "0.001 and 0.0001. The drop, and the growth beyond size 1, take a time of order 1, so "
            "scaled times approach the limit like α."
        ),
        frame=frame,
        checks=(
            Check("AGF's times against the closed form", worst(path.times[1:], bounds), CLOSED),
            Check("AGF's levels", _level_gap(network, path.losses), CLOSED),
            Check("flow's times, extrapolated, against AGF's", worst(limits, agf), EXTRAPOLATED),
            Check("flow's error over alpha, not constant by", worst(rates[0], rates[1]), RATE),
        ),
    )


def _unit(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _level_gap(network: saddles.agf.ModularAddition, losses: Array) -> float:
    if len(losses) != len(network.plateaus):
        return math.inf
    return float(np.abs(losses - network.plateaus).max() / losses[0])


def _times(
    network: saddles.agf.ModularAddition, start: Array, alpha: float, losses: Array, until: float
) -> Array:
    """Return the scaled times at which the flow is halfway between the levels `losses`."""
    log_alpha = math.log(alpha)
    flow = saddles.flow.neurons(network, start, log_alpha=log_alpha, until=until, rtol=RTOL)
    return flow.crossing_times((losses[:-1] + losses[1:]) / 2)
