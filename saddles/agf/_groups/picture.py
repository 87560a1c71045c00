"""The picture of composition: the loss over scaled time, and what is learnt of each irrep.

AGF is black, and dashed beside a flow; irreps are told apart by colour and marker.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from saddles._pictures.staircase import COLOURS
from saddles._pictures.words import new_picture
from saddles._result.flow import Flow
from saddles._result.path import SaddlePath
from saddles.typing import Array

__all__ = ["plot_parts"]

MARKERS = ("o", "s", "^", "D", "v", "P")
#: Points of the flow, spaced evenly in the logarithm of time, and the number from one marker to the
#: next.
FLOW_POINTS, EVERY = 1500, 130


def plot_parts(
    path: SaddlePath,
    flow: Flow | None,
    plateaus: Array,
    parts: Mapping[str, Callable[[Array], Array]],
    what: str,
    length: int,
) -> Any:
    """Draw the staircases of AGF and of the flow, as mean squared errors per output, and powers.

    `parts` has names, and maps from templates (m, n) of this `length` to the shares (m,) that are
    learnt; `what` says of what.
    """
    if not isinstance(path, SaddlePath) or len(path) < 2 or np.shape(path.betas[0]) != (length,):
        raise ValueError(
            f"path={path!r} must have a jump, and templates of length {length} as its points; "
            "pass a path of this network."
        )
    figure = new_picture(7.2, 6.0)
    error, power = figure.subplots(2, 1, sharex=True)
    scale = 2 / length
    _draw_errors(error, plateaus, path, flow, scale)
    for index, (name, learnt) in enumerate(parts.items()):
        look = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
        ladder = learnt(np.asarray(path.betas))
        steps = np.append(ladder, ladder[-1])
        if flow is None:
            power.step(_ends(path), steps, where="post", label=name, markevery=3, **look)
        else:
            grid, marked = _grid(path, flow), (EVERY * (index + 1) // 4, EVERY)
            curve = learnt(flow.at(np.minimum(grid, flow.until)))
            power.plot(grid, curve, label=name, markevery=marked, **look)
            power.step(_ends(path), steps, where="post", color="black", linestyle="--", lw=1.2)
    power.set_ylabel(f"share of the {what} learnt")
    power.set_xlabel("scaled time t α")
    power.legend(frameon=False, loc="center left", bbox_to_anchor=(0.66, 0.55))
    power.set_xscale("log")
    power.set_xlim(path.times[1] / 2, _ends(path)[-1])
    for axis in (error, power):
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def _draw_errors(
    axis: Any, plateaus: Array, path: SaddlePath, flow: Flow | None, scale: float
) -> None:
    """Draw losses, and the levels predicted by the power that remains."""
    for level in plateaus * scale:
        axis.axhline(level, color="0.8", linewidth=0.8, zorder=0)
    if flow is not None:
        grid, label = _grid(path, flow), f"gradient flow, {_scale(flow.log_alpha)}"
        losses = flow.loss(np.minimum(grid, flow.until)) * scale
        axis.plot(grid, losses, color="0.45", linewidth=1.8, label=label)
    line = {"color": "black", "linestyle": "-" if flow is None else "--", "linewidth": 1.2}
    staircase = np.append(path.losses, path.losses[-1]) * scale
    axis.step(_ends(path), staircase, where="post", label=f"AGF, {_scale(path.log_alpha)}", **line)
    axis.set_ylabel("mean squared error per output")
    axis.legend(frameon=False, loc="upper right", title="grey lines: predicted levels")


def _scale(log_alpha: float) -> str:
    """Say what the initial scale is, also one that is below all floats."""
    if math.isinf(log_alpha):
        return "α → 0"
    alpha = math.exp(log_alpha)
    return f"α = {alpha:.2g}" if alpha else f"log α = {log_alpha:.4g}"


def _ends(path: SaddlePath) -> Array:
    """Return the jump times, and where the last plateau is cut."""
    return np.append(path.times, 1.15 * path.times[-1])


def _grid(path: SaddlePath, flow: Flow) -> Array:
    """Return times of the flow, which rests where it has ended."""
    end = _ends(path)[-1] if flow.status.finished else flow.until
    return np.geomspace(path.times[1] / 2, end, FLOW_POINTS)
