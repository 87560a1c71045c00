"""Picture of the directions of ReLU neurons on the circle, and of the utility around it.

A figure is a plain `matplotlib.figure.Figure`, in the colours and signs of the other pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from saddles._pictures.staircase import COLOURS, POINTS
from saddles._pictures.words import new_picture
from saddles.typing import Array, ArrayLike, Mask

__all__ = ["Directions", "plot_directions"]


class Directions(Protocol):
    """What is drawn of directions in the plane; `saddles.agf.ExtremalDirections` says more."""

    @property
    def angles(self) -> Array:
        """Return the angles of the directions (m,)."""

    @property
    def sign(self) -> Array:
        """Return the sign of a that each attracts (m,)."""

    @property
    def outputs(self) -> Array:
        """Return the outgoing directions (m, q)."""

    @property
    def dead(self) -> Array:
        """Return the arcs in which neurons rest (k, 2)."""

    @property
    def utility(self) -> Callable[[Array], Array]:
        """Return the map from w (h, 2) to G(w)."""

    @property
    def kinked(self) -> Mask:
        """Return which of them sit on kinks (m,)."""


def plot_directions(found: Directions, *, flowed: ArrayLike | None = None) -> Any:
    """Draw directions in the plane on the circle, and the utility around it.

    Up and down triangles attract neurons with a > 0 and a < 0, and repel the others; open ones sit
    on kinks. Arcs in which neurons rest are grey.

    Parameters
    ----------
    found : Directions
        As `saddles.agf.extremal_directions` returns it, of two dimensions.
    flowed : array_like of shape (H, 2 + q), optional
        Neurons (w, a) that were followed: their directions are drawn beside the circle and the
        curve, those with a > 0 outside (for several outputs all of them).

    Returns
    -------
    matplotlib.figure.Figure
    """
    own = found.angles
    figure = new_picture(9.0, 3.8)
    circle, curve = figure.subplots(1, 2, width_ratios=(1, 1.7))
    grid = np.union1d(np.linspace(0, 2 * np.pi, POINTS), own)
    circle.plot(np.cos(grid), np.sin(grid), color="black", linewidth=0.8)
    circle.set_aspect("equal")
    circle.axis("off")
    heights = _heights(found, grid)
    span = float(np.ptp(heights)) or 1.0
    curve.axhline(0.0, color="0.6", linewidth=0.8)
    curve.plot(np.degrees(grid), heights, color="black", linewidth=1.2)
    _shade(found, circle, curve)
    for sign, colour, marker, name in zip((1, -1), COLOURS, "^v", _names(found), strict=False):
        mine = found.sign == sign
        for kinked, face in ((False, colour), (True, "white")):
            those = mine & (found.kinked == kinked)
            if not those.any():
                continue
            look = {"marker": marker, "color": face, "edgecolor": colour, "zorder": 3, "s": 60}
            circle.scatter(np.cos(own[those]), np.sin(own[those]), **look)
            label = f"{name}, {'on a kink' if kinked else 'smooth'}"
            curve.scatter(np.degrees(own[those]), _heights(found, own[those]), label=label, **look)
    if flowed is not None:
        _draw_flowed(found, np.asarray(flowed, dtype=float), circle, curve, span)
    curve.set_xlim(0, 360)
    curve.set_xticks([0, 90, 180, 270, 360])
    curve.set_xlabel("angle of w in degrees")
    curve.set_ylabel("utility G(w)" if found.outputs.shape[1] == 1 else "|G(w)|")
    curve.spines[["top", "right"]].set_visible(False)
    curve.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)
    return figure


def _names(found: Directions) -> tuple[str, str]:
    """Return what up and down triangles attract."""
    one = found.outputs.shape[1] == 1
    return ("attracts a > 0", "attracts a < 0") if one else ("attracts", "")


def _heights(found: Directions, angles: Array) -> Array:
    """Return G at these angles, its length for several outputs."""
    values = found.utility(np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return values if values.ndim == 1 else np.asarray(np.linalg.norm(values, axis=1))


def _shade(found: Directions, circle: Any, curve: Any) -> None:
    """Draw the arcs in which neurons rest."""
    for first, last in found.dead:
        arc = np.linspace(first, last, POINTS)
        circle.plot(np.cos(arc), np.sin(arc), color="0.7", linewidth=5, solid_capstyle="butt")
        for turn in (0.0, 360.0):
            curve.axvspan(np.degrees(first) - turn, np.degrees(last) - turn, color="0.9", lw=0)


def _draw_flowed(found: Directions, neurons: Array, circle: Any, curve: Any, span: float) -> None:
    """Draw neurons beside the circle and below or above the curve."""
    if neurons.ndim != 2 or neurons.shape[1] != 2 + found.outputs.shape[1]:
        raise ValueError(
            f"flowed has shape {neurons.shape}; it must be (H, {2 + found.outputs.shape[1]}), one "
            "neuron (w, a) per row."
        )
    angles = np.arctan2(neurons[:, 1], neurons[:, 0]) % (2 * np.pi)
    up = np.ones(len(neurons), bool) if neurons.shape[1] > 3 else neurons[:, 2] > 0
    low, high = curve.get_ylim()
    for those, colour, radius, height in (
        (up, COLOURS[0], 1.13, high + 0.06 * span),
        (~up, COLOURS[1], 0.87, low - 0.06 * span),
    ):
        x, y = radius * np.cos(angles[those]), radius * np.sin(angles[those])
        circle.scatter(x, y, s=10, color=colour, marker="o" if radius > 1 else "x", linewidth=0.8)
        curve.scatter(
            np.degrees(angles[those]),
            np.full(np.count_nonzero(those), height),
            s=10,
            color=colour,
            marker="o" if radius > 1 else "x",
            linewidth=0.8,
            label=f"followed, {'a > 0' if radius > 1 else 'a < 0'}" if those.any() else None,
        )
