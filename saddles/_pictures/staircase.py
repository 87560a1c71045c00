"""Pictures of staircases and of what was followed: the loss, what is learnt, and the clocks.

They need matplotlib. Predictions are dashed and black, as in the talk. What was integrated is drawn
in colours that stay apart for the colour-blind, with markers that stay apart in black and white.
Where a clock stands between −1 and 1 its coefficient is zero. Figures are plain
`matplotlib.figure.Figure` objects that notebooks show: nothing global is touched. This module knows
curves only; a result says what its curves are (`saddles._result.curves`).

===============  ==========================================================================
code name        meaning
===============  ==========================================================================
``times``        times at which saddles are reached (K+1,), or a grid of times (m,)
``curves``       one curve per coefficient, or per singular value, (K+1, q) or (m, q)
``clocks``       S, one per feature, (K+1, d) or (m, d)
===============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from saddles._pictures.words import legend, new_picture
from saddles.typing import Array

__all__ = [
    "Curves",
    "Followed",
    "Staircase",
    "draw_both",
    "draw_followed",
    "draw_staircase",
    "grid",
]

#: Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#555555")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

#: Markers per curve: enough to be met on every plateau of some length.
MARKS = 7

#: Curves carry markers where they exceed this share of the largest.
VISIBLE = 0.01

#: Jump times, or losses, that span more than this ratio are drawn on a logarithmic axis.
WIDE_RANGE = 30.0

#: A loss smaller than this share of the first one is zero to the eye, even on a logarithmic axis.
TO_THE_EYE = 1e-12

#: No more coefficients than this are drawn and named: those that grow largest.
MOST_LINES = 12

#: Points per curve of a flow; jumps are refined to the integrator's own steps.
POINTS = 800


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """What is learnt, as curves over time.

    Attributes
    ----------
    values : ndarray of shape (m, q)
        One curve a column.
    kind : str
        What they are: the name of their axis.
    labels : list of str
        A name for each.
    """

    values: Array
    kind: str
    labels: list[str]


@dataclass(frozen=True, kw_only=True, eq=False)
class Staircase:
    """A predicted staircase, whose curves stand still between jumps and whose clocks are linear.

    Attributes
    ----------
    times, losses : ndarray of shape (K+1,)
        When each saddle is reached, and the loss there.
    curves : Curves
        What is learnt at each saddle, (K+1, q).
    clocks : ndarray of shape (K+1, d), optional
        Clocks at each saddle.
    label : str
        What the prediction is called.
    end : float, optional
        Where the picture ends; a little after the last jump by default.
    """

    times: Array
    losses: Array
    curves: Curves
    clocks: Array | None = None
    label: str = ""
    end: float | None = None

    @property
    def ends(self) -> Array:
        """Where every step begins, and where the last one ends (K+2,)."""
        return np.append(self.times, last(self.times) if self.end is None else self.end)

    @property
    def heights(self) -> Array:
        """The curves' heights at `ends` (K+2, q)."""
        return np.vstack([self.curves.values, self.curves.values[-1:]])


@dataclass(frozen=True, kw_only=True, eq=False)
class Followed:
    """What was integrated or logged, at the times of a grid.

    Attributes
    ----------
    times, losses : ndarray of shape (m,)
        Times and losses.
    curves : Curves or None
        What is learnt, (m, q); None if only losses are known.
    clocks : ndarray of shape (m, d), optional
        Clocks.
    label : str
        What it is called.
    """

    times: Array
    losses: Array
    curves: Curves | None
    clocks: Array | None = None
    label: str = ""


def draw_staircase(path: Staircase, unit: str) -> Any:
    """Draw a staircase over time, given in the `unit`; return a matplotlib figure."""
    curves, with_clocks = path.curves, path.clocks is not None
    figure, (loss, points, *rest) = _axes(path.times, path.losses, unit, curves.kind, with_clocks)
    loss.step(path.ends, np.append(path.losses, path.losses[-1]), where="post", color="black")
    lines = _lines(curves.values)
    for line in lines:
        points.step(path.ends, path.heights[:, line.index], where="post", color=line.colour)
    _mark(points, path.ends, path.heights, lines, step=True)
    for axis in rest:
        _draw_clocks(axis, *_between(path), lines)
    _finish(points, lines, curves.labels, curves.values.shape[1])
    return figure


def draw_followed(flow: Followed, jumps: Array, levels: Array, unit: str) -> Any:
    """Draw what was followed; return a matplotlib figure.

    Parameters
    ----------
    flow : Followed
        It, with curves.
    jumps : ndarray of shape (J + 1,)
        Times of its jumps, after a 0: they choose the axes.
    levels : ndarray of shape (J + 1,)
        Losses before, between and after the jumps.
    unit : str
        Of time.
    """
    curves = flow.curves
    assert curves is not None
    figure, axes = _axes(jumps, levels, unit, curves.kind, flow.clocks is not None)
    loss, points, *rest = axes
    if len(jumps) == 1:
        points.set_xlim(0.0, flow.times[-1])
    legend(loss, loss.plot(flow.times, flow.losses, color=COLOURS[0]), [flow.label])
    lines = _lines(curves.values)
    for line in lines:
        points.plot(flow.times, curves.values[:, line.index], color=line.colour)
    _mark(points, flow.times, curves.values, lines)
    if flow.clocks is not None:
        _draw_clocks(rest[0], flow.times, flow.clocks, lines)
    _finish(points, lines, curves.labels, curves.values.shape[1])
    return figure


def draw_both(path: Staircase, flow: Followed, unit: str, beside: Followed | None = None) -> Any:
    """Draw a prediction, dashed and black, over what was followed; return a matplotlib figure.

    What stands `beside` the latter (the flow that a training run should follow) is dotted.
    """
    curves, with_clocks = path.curves, path.clocks is not None
    figure, (loss, below, *rest) = _axes(
        path.times, path.losses, unit, curves.kind, with_clocks, path.ends[-1]
    )
    _both_losses(loss, path, flow, beside)
    lines = _lines(curves.values)
    if beside is not None and beside.curves is not None:
        for line in lines:
            heights = beside.curves.values[:, line.index]
            below.plot(beside.times, heights, color=line.colour, linestyle=":", linewidth=1.2)
    _both_curves(below, path, flow, lines)
    for axis in rest:
        ticking = [one for one in (flow, beside) if one is not None and one.clocks is not None][:1]
        for one in ticking:
            assert one.clocks is not None
            _draw_clocks(axis, one.times, one.clocks, lines)
        _draw_clocks(axis, *_between(path), lines, predicted=bool(ticking))
    # A training log may hold losses only; then there is nothing to draw but the prediction.
    known = flow.curves is not None
    labels = curves.labels if known else [f"{label} predicted" for label in curves.labels]
    _finish(below, lines, labels, curves.values.shape[1])
    return figure


def _both_losses(axis: Any, path: Staircase, flow: Followed, beside: Followed | None) -> None:
    """Draw the loss that was followed, what stands beside it, and the predicted one."""
    lines = axis.plot(flow.times, flow.losses, color=COLOURS[0])
    if beside is not None:
        lines += axis.plot(beside.times, beside.losses, color=COLOURS[1], linestyle=":")
    lines += axis.step(
        path.ends,
        np.append(path.losses, path.losses[-1]),
        where="post",
        color="black",
        linestyle="--",
        linewidth=1.2,
    )
    named = [flow.label, *([] if beside is None else [beside.label]), f"predicted ({path.label})"]
    legend(axis, lines, named)


def _both_curves(axis: Any, path: Staircase, flow: Followed, lines: list[_Line]) -> None:
    """Draw the curves that were followed, if they are known, and the predicted ones."""
    known = flow.curves
    for line in lines:
        if known is not None:
            axis.plot(flow.times, known.values[:, line.index], color=line.colour)
        axis.step(
            path.ends,
            path.heights[:, line.index],
            where="post",
            color=line.colour if known is None else "black",
            linestyle="--",
            linewidth=0.8,
        )
    if known is None:
        _mark(axis, path.ends, path.heights, lines, step=True)
    else:
        _mark(axis, flow.times, known.values, lines)


def grid(end: float, jumps: Array, steps: Array) -> Array:
    """Return times dense enough to draw plateaus and jumps, on either kind of axis.

    Parameters
    ----------
    end : float
        The last of them.
    jumps : ndarray of shape (J,)
        Times of jumps.
    steps : ndarray
        Times at which something is known.
    """
    first = min(float(jumps[0]) / 2, end) if jumps.size and jumps[0] > 0 else end
    even = [np.linspace(0, end, POINTS), np.geomspace(first, end, POINTS // 2)]
    found = np.unique(np.concatenate([*even, steps[steps <= end]]))
    return np.asarray(np.minimum(found, end))


def last(times: Array) -> float:
    """Return where the picture ends: a little after the last jump."""
    return float(times[-1]) * 1.15 or 1.0


@dataclass(frozen=True, kw_only=True)
class _Line:
    """How the curve of one unit is drawn."""

    index: int
    colour: str
    marker: str
    filled: bool


def _axes(
    times: Array, losses: Array, unit: str, kind: str, clocks: bool, end: float | None = None
) -> tuple[Any, Sequence[Any]]:
    """Return a figure with axes for losses, points of some `kind` and clocks, sharing time."""
    kinds = ["loss", kind, "clocks S"] if clocks else ["loss", kind]
    figure = new_picture(7.2, 3.0 * len(kinds))
    axes = figure.subplots(len(kinds), 1, sharex=True)
    jumps, end = times[1:], last(times) if end is None else end
    if jumps.size and jumps[-1] > WIDE_RANGE * jumps[0]:
        axes[0].set_xscale("log")
        axes[0].set_xlim(jumps[0] / 2, end)
    else:
        axes[0].set_xlim(0.0, end)
    visible = losses[losses > TO_THE_EYE * losses[0]]
    if visible.size and visible[0] > WIDE_RANGE * visible[-1]:
        axes[0].set_yscale("log")
        axes[0].set_ylim(visible[-1] / 3, visible[0] * 2)
    for axis, name in zip(axes, kinds, strict=True):
        axis.set_ylabel(name)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel(unit)
    figure.align_ylabels(axes)
    return figure, axes


def _lines(curves: Array) -> list[_Line]:
    """Return how to draw each curve of (m, q) that is worth a line."""
    peak = np.abs(curves).max(axis=0)
    peak[peak < TO_THE_EYE * peak.max(initial=0.0)] = 0.0
    order = np.sort(np.argsort(-peak, kind="stable")[: min(MOST_LINES, int((peak > 0).sum()))])
    count = len(COLOURS)
    return [
        _Line(index=int(i), colour=COLOURS[k % count], marker=MARKERS[k % count], filled=k < count)
        for k, i in enumerate(order)
    ]


def _mark(
    axis: Any, times: Array, curves: Array, lines: list[_Line], *, step: bool = False
) -> None:
    """Set markers on curves (m, q), beside each other, where they are not near zero."""
    low, high = axis.get_xlim()
    log = axis.get_xscale() == "log"
    peak = max((float(np.abs(curves[:, line.index]).max()) for line in lines), default=0.0)
    for k, line in enumerate(lines):
        shares = (np.arange(MARKS) + (k + 0.5) / len(lines)) / MARKS
        where = low * (high / low) ** shares if log else low + (high - low) * shares
        where = where[(where >= times[0]) & (where <= times[-1])]
        curve = curves[:, line.index]
        if step:
            heights = curve[np.searchsorted(times, where, side="right") - 1]
        else:
            heights = np.interp(where, times, curve)
        seen = np.abs(heights) > VISIBLE * peak
        axis.plot(where[seen], heights[seen], linestyle="", **_look(line))


def _look(line: _Line) -> dict[str, Any]:
    """Return the colour and the marker of a line, as matplotlib calls them."""
    return {
        "color": line.colour,
        "marker": line.marker,
        "markersize": 5,
        "markerfacecolor": line.colour if line.filled else "white",
    }


def _between(path: Staircase) -> tuple[Array, Array]:
    """Return times (m,) and clocks (m, d) between the jumps, where they are linear in time."""
    assert path.clocks is not None
    parts = [np.linspace(a, b, 50) for a, b in pairwise(path.times)]
    times = np.unique(np.concatenate([*parts, path.ends]))
    curves = [np.interp(times, path.times, clock) for clock in path.clocks.T]
    return times, np.array(curves).T


def _draw_clocks(
    axis: Any, times: Array, clocks: Array, lines: list[_Line], *, predicted: bool = False
) -> None:
    """Draw clocks (m, d): those of the lines in their colours, the others in grey behind them."""
    drawn = {line.index for line in lines}
    others = [index for index in range(clocks.shape[1]) if index not in drawn]
    if others and not predicted:
        axis.plot(times, clocks[:, others], color="0.8", linewidth=0.8, zorder=1)
    for line in lines:
        colour, style = ("black", "--") if predicted else (line.colour, "-")
        width = 0.8 if predicted else 1.5
        axis.plot(times, clocks[:, line.index], color=colour, linestyle=style, linewidth=width)
    if not predicted:
        _mark(axis, times, clocks, lines)
    for boundary in (-1.0, 1.0):
        axis.axhline(boundary, color="0.5", linewidth=0.8, linestyle=":", zorder=0)
    low, high = axis.get_ylim() if predicted else (-1.1, 1.1)
    axis.set_ylim(min(low, 1.05 * clocks.min()), max(high, 1.05 * clocks.max()))


def _finish(axis: Any, lines: list[_Line], labels: list[str], count: int) -> None:
    """Add the line at zero and, beside the axis, the legend."""
    from matplotlib.lines import Line2D

    # Above the curves: what is dormant is grey, and not of the colour that happened to come last.
    axis.axhline(0.0, color="0.7", linewidth=1.6, zorder=2.5)
    if not lines:
        axis.set_ylim(-1.0, 1.0)
    else:
        handles = [Line2D([], [], **_look(line)) for line in lines]
        title = f"{len(lines)} of {count}" if len(lines) == MOST_LINES < count else None
        names = [labels[line.index] for line in lines]
        legend(axis, handles, names, title=title, loc="center left", bbox_to_anchor=(1, 0.5))
    # The first pass of the layout makes room for the legend; labels find theirs in the second.
    axis.figure.get_layout_engine().execute(axis.figure)
