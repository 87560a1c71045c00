"""The picture of modular addition: the loss over scaled time, and the power of each frequency.

AGF is dashed and black; the flow's curves are told apart by colour and marker.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import saddles
from saddles.agf import ModularAddition, NeuronPath
from saddles.plots import COLOURS
from saddles.typing import Array

MARKERS = ("o", "s", "^", "D", "v", "P")
#: Points of the flow, spaced evenly in the logarithm of time; every so many carries a marker.
POINTS, EVERY = 1500, 130


def picture(network: ModularAddition, path: NeuronPath, flow: saddles.Flow) -> Any:
    """Draw the staircases of AGF and of the flow, as mean squared errors per output, and powers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    error, power = figure.subplots(2, 1, sharex=True)
    grid = np.geomspace(path.times[1] / 2, flow.until, POINTS)
    steps = np.append(path.times, 1.15 * path.times[-1])
    scale = 2 / network.period
    shown, staircase = flow.at(grid), np.append(path.losses, path.losses[-1])
    dashes = {"color": "black", "linestyle": "--", "linewidth": 1.2, "where": "post"}

    for level in network.plateaus * scale:
        error.axhline(level, color="0.8", linewidth=0.8, zorder=0)
    label = f"gradient flow, α = {np.exp(flow.log_alpha):.2g}"
    error.plot(grid, flow.loss(grid) * scale, color="0.45", linewidth=1.8, label=label)
    error.step(steps, staircase * scale, label="AGF, α → 0", **dashes)
    error.set_ylabel("mean squared error per output")
    error.legend(frameon=False, loc="upper right", title="grey lines: predicted levels")

    for index, k in enumerate(network.frequencies):
        look = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        start = EVERY * (index + 1) // 4
        curve = _learnt(network, shown, k)
        power.plot(grid, curve, label=f"frequency {k}", markevery=(start, EVERY), **look)
        ladder = _learnt(network, path.betas, k)
        power.step(steps, np.append(ladder, ladder[-1]), **dashes)
    power.set_ylabel("share of the frequency learnt")
    power.set_xlabel("scaled time t α")
    power.legend(frameon=False, loc="center left", bbox_to_anchor=(0.66, 0.55))
    power.set_xscale("log")
    power.set_xlim(grid[0], steps[-1])
    for axis in (error, power):
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def _learnt(network: ModularAddition, points: Array, k: int) -> Array:
    """Return the share (m,) of the power of frequency k that templates (m, p) hold."""
    return np.asarray(np.abs(np.fft.fft(points)[:, k] / network.spectrum[k]) ** 2)
