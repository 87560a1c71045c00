"""Pictures of paths and flows (needs matplotlib): the loss, what is learnt, and the clocks.

Predictions are dashed and black, as in the talk; what was integrated is drawn in colours that stay
apart for the colour-blind, with markers that stay apart in black and white. Where a clock stands
between −1 and 1 its coefficient is zero. Figures are plain `matplotlib.figure.Figure` objects:
nothing global is touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from saddles import checks
from saddles._points import LowRank, dense
from saddles._run import Run
from saddles.flow.result import Ticking
from saddles.path import SaddlePath
from saddles.typing import Array, ArrayLike

if TYPE_CHECKING:
    from saddles._compare import Comparison
    from saddles.flow.result import Flow

__all__ = ["plot_comparison", "plot_flow", "plot_path"]

#: Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#555555")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")

#: Markers per curve: enough to be met on every plateau of some length.
MARKS = 7

#: Curves carry markers where they exceed this share of the largest.
VISIBLE = 0.01

#: Jump times, or losses, that span more than this ratio are drawn on a logarithmic axis.
WIDE = 30.0

#: A loss smaller than this share of the first one is zero to the eye, even on a logarithmic axis.
ROUNDING = 1e-12

#: No more coefficients than this are drawn and named: those that grow largest.
MOST_LINES = 12

#: Points per curve of a flow; jumps are refined to the integrator's own steps.
POINTS = 800


def plot_path(
    path: SaddlePath,
    *,
    log_alpha: float | None = None,
    names: list[str] | None = None,
    features: ArrayLike | None = None,
) -> Any:
    """Draw the staircase of the loss over time, and what is learnt below it.

    Parameters
    ----------
    path : SaddlePath
        Of any algorithm; the points of matrix problems are shown by their singular values.
    log_alpha : float, optional
        Draw physical times for this initial scale; scaled times by default.
    names : list of str, optional
        Names of the d features, where the points are vectors.
    features : array_like of shape (n, d), optional
        X; with it the clocks S = Xᵀρ of a diagonal network are drawn too, between −1 and 1.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `names` or `features` do not belong to the path.
    """
    times = path.times if log_alpha is None else path.physical_times(log_alpha)
    unit = _unit(path.kappa) if log_alpha is None else f"time t, log α = {log_alpha:g}"
    curves, kind, labels = _shown(path.betas, names)
    clocks = [] if features is None else [_clocks(path, features)]
    figure, (loss, points, *rest) = _axes(times, path.losses, unit, kind, bool(clocks))
    ends = np.append(times, _last(times))
    loss.step(ends, np.append(path.losses, path.losses[-1]), where="post", color="black")
    lines = _lines(curves)
    for line in lines:
        level = np.append(curves[:, line.index], curves[-1, line.index])
        points.step(ends, level, where="post", color=line.colour)
    _mark(points, ends, np.vstack([curves, curves[-1:]]), lines, step=True)
    for axis, S in zip(rest, clocks, strict=True):
        _draw_clocks(axis, *_between(times, S), lines)
    _finish(points, lines, labels, curves.shape[1])
    return figure


def plot_flow(flow: Flow, *, names: list[str] | None = None) -> Any:
    """Draw the loss of a gradient flow over scaled time, what it learns, and its clocks.

    Parameters
    ----------
    flow : Flow
        Any; matrices are shown by their singular values, and only diagonal networks have clocks.
    names : list of str, optional
        Names of the d features, where the points are vectors.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `names` do not belong to the flow.
    """
    found = flow.jumps()
    times = np.append(0.0, found.times)
    end = min(_last(times), flow.until) if len(found) else flow.until
    grid = _grid(flow, end, times[1:])
    curves, kind, labels = _shown(flow.at(grid), names)
    unit = _unit(flow.kappa)
    figure, (loss, points, *rest) = _axes(times, found.losses, unit, kind, _ticks(flow))
    if len(found) == 0:
        points.set_xlim(0.0, end)
    label = f"gradient flow, log α = {flow.log_alpha:g}"
    loss.plot(grid, flow.loss(grid), color=COLOURS[0], label=label)
    loss.legend(frameon=False)
    lines = _lines(curves)
    for line in lines:
        points.plot(grid, curves[:, line.index], color=line.colour)
    _mark(points, grid, curves, lines)
    for axis in rest:
        _draw_clocks(axis, grid, flow.clocks(grid), lines)
    _finish(points, lines, labels, curves.shape[1])
    return figure


def plot_comparison(
    comparison: Comparison, *, names: list[str] | None = None, features: ArrayLike | None = None
) -> Any:
    """Draw a prediction (dashed, black) over the flow or path that it was compared with.

    Parameters
    ----------
    comparison : Comparison
        As `saddles.compare` returns it.
    names : list of str, optional
        Names of the d features, where the points are vectors.
    features : array_like of shape (n, d), optional
        X; with it the clocks S = Xᵀρ of diagonal networks are drawn too.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If `names` or `features` do not belong to the path.
    """
    path, other = comparison.path, comparison.other
    curves, kind, labels = _shown(path.betas, names)
    clocks = [] if features is None else [_clocks(path, features)]
    unit = _unit(path.kappa)
    figure, (loss, below, *rest) = _axes(path.times, path.losses, unit, kind, bool(clocks))
    ends = np.append(path.times, _last(path.times))
    grid, losses, points, label = _followed(other, ends[-1], path.times[1:])
    loss.plot(grid, losses, color=COLOURS[0], label=label)
    loss.step(
        ends,
        np.append(path.losses, path.losses[-1]),
        where="post",
        color="black",
        linestyle="--",
        linewidth=1.2,
        label=f"predicted ({path.algorithm})",
    )
    loss.legend(frameon=False)
    # A training log may hold losses only; then there is nothing to draw but the prediction.
    followed = None if np.isnan(points).all() else _shown(points, None)[0]
    lines = _lines(curves)
    for line in lines:
        if followed is not None:
            below.plot(grid, followed[:, line.index], color=line.colour)
        below.step(
            ends,
            np.append(curves[:, line.index], curves[-1, line.index]),
            where="post",
            color=line.colour if followed is None else "black",
            linestyle="--",
            linewidth=0.8,
        )
    if followed is None:
        labels = [f"{label} predicted" for label in labels]
        _mark(below, ends, np.vstack([curves, curves[-1:]]), lines, step=True)
    else:
        _mark(below, grid, followed, lines)
    measured = getattr(other, "clocks", None) if _ticks(other) else None
    for axis, S in zip(rest, clocks, strict=True):
        if measured is not None:
            _draw_clocks(axis, grid, measured(grid), lines)
        _draw_clocks(axis, *_between(path.times, S), lines, predicted=measured is not None)
    _finish(below, lines, labels, curves.shape[1])
    return figure


@dataclass(frozen=True, kw_only=True)
class _Line:
    """How the curve of one unit is drawn."""

    index: int
    colour: str
    marker: str
    filled: bool


def _axes(
    times: Array, losses: Array, unit: str, kind: str, clocks: bool
) -> tuple[Any, Sequence[Any]]:
    """Return a figure with axes for losses, points of some `kind` and clocks, sharing time."""
    from matplotlib.figure import Figure

    kinds = ["loss", kind, "clocks S"] if clocks else ["loss", kind]
    figure = Figure(figsize=(7.2, 3.0 * len(kinds)), layout="constrained")
    axes = figure.subplots(len(kinds), 1, sharex=True)
    jumps, last = times[1:], _last(times)
    if jumps.size and jumps[-1] > WIDE * jumps[0]:
        axes[0].set_xscale("log")
        axes[0].set_xlim(jumps[0] / 2, last)
    else:
        axes[0].set_xlim(0.0, last)
    visible = losses[losses > ROUNDING * losses[0]]
    if visible.size and visible[0] > WIDE * visible[-1]:
        axes[0].set_yscale("log")
        axes[0].set_ylim(visible[-1] / 3, visible[0] * 2)
    for axis, name in zip(axes, kinds, strict=True):
        axis.set_ylabel(name)
        axis.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel(unit)
    figure.align_ylabels(axes)
    return figure, axes


def _unit(kappa: int) -> str:
    """Return what the axis of scaled times says."""
    if kappa == 2:
        return "scaled time t / log(1/α)"
    return f"scaled time t α{'' if kappa == 3 else f'^{kappa - 2}'}"


def _followed(other: Any, end: float, jumps: Array) -> tuple[Array, Array, Array, str]:
    """Return times (m,), losses (m,) and points (m, ...) of a path, flow or run, and its name."""
    if isinstance(other, SaddlePath):
        end = end if other.status.finished else float(other.times[-1])
        grid = np.unique(np.concatenate([np.linspace(0, end, POINTS), other.times]))
        losses = other.losses[np.searchsorted(other.times, grid, side="right") - 1]
        return grid, losses, dense(other.at(grid)), other.algorithm
    grid = _grid(other, end, jumps)
    kind = "training run" if isinstance(other, Run) else "gradient flow"
    return grid, other.loss(grid), other.at(grid), f"{kind}, log α = {other.log_alpha:g}"


def _ticks(other: Any) -> bool:
    """Whether it is a flow whose units have clocks."""
    return isinstance(getattr(other, "curve", None), Ticking)


def _last(times: Array) -> float:
    """Return where the picture ends: a little after the last jump."""
    return float(times[-1]) * 1.15 or 1.0


def _grid(flow: Any, end: float, jumps: Array) -> Array:
    """Return times dense enough to draw plateaus and jumps, on either kind of axis."""
    end = min(end, flow.until)
    first = min(float(jumps[0]) / 2, end) if jumps.size and jumps[0] > 0 else end
    even = [np.linspace(0, end, POINTS), np.geomspace(first, end, POINTS // 2)]
    grid = np.unique(np.concatenate([*even, flow.times[flow.times <= end]]))
    return np.asarray(np.minimum(grid, end))


def _lines(curves: Array) -> list[_Line]:
    """Return how to draw each curve of (m, q) that is worth a line."""
    peak = np.abs(curves).max(axis=0)
    peak[peak < ROUNDING * peak.max(initial=0.0)] = 0.0
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


def _clocks(path: SaddlePath, features: ArrayLike) -> Array:
    """Return S = Xᵀρ at the saddles of a path (K + 1, d)."""
    X = checks.real_array(features, "features", 2)
    if path.duals is None:
        raise ValueError(f"features are for paths with dual points; {path!r} has none.")
    wanted = (path.duals.shape[1], path.betas.shape[1])
    if X.shape != wanted:
        raise ValueError(f"features has shape {X.shape}; the path is one of X with shape {wanted}.")
    return np.asarray(path.duals @ X)


def _between(times: Array, clocks: Array) -> tuple[Array, Array]:
    """Return times (m,) and clocks (m, d) between the jumps, where they are linear in time."""
    parts = [np.linspace(a, b, 50) for a, b in pairwise(times)]
    grid = np.unique(np.concatenate([*parts, times, [_last(times)]]))
    curves = [np.interp(grid, times, clock) for clock in clocks.T]
    return grid, np.array(curves).T


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
    axis.set_ylim(min(-1.1, 1.05 * clocks.min()), max(1.1, 1.05 * clocks.max()))


def _finish(axis: Any, lines: list[_Line], labels: list[str], count: int) -> None:
    """Add the line at zero and, beside the axis, the legend."""
    from matplotlib.lines import Line2D

    # Above the curves: what is dormant is grey, and not of the colour that happened to come last.
    axis.axhline(0.0, color="0.7", linewidth=1.6, zorder=2.5)
    if not lines:
        axis.set_ylim(-1.0, 1.0)
    else:
        handles = [Line2D([], [], label=labels[line.index], **_look(line)) for line in lines]
        title = f"{len(lines)} of {count}" if len(lines) == MOST_LINES < count else None
        axis.legend(
            handles=handles, title=title, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5)
        )
    # The first pass of the layout makes room for the legend; labels find theirs in the second.
    axis.figure.get_layout_engine().execute(axis.figure)


def _shown(points: Any, names: list[str] | None) -> tuple[Array, str, list[str]]:
    """Return curves (m, q) of function-space points (m, ...), what they are, and a name for each.

    Vectors are shown by their coefficients, matrices by their singular values.
    """
    if len(points[0].shape) != 2 or hasattr(points, "toarray"):
        curves = dense(points).reshape(len(points), -1)
        labels = names or [f"β[{index}]" for index in range(curves.shape[1])]
        kind = "coefficients β"
    else:
        curves = np.array([_singular_values(point) for point in points])
        labels = [f"σ[{index}]" for index in range(curves.shape[1])]
        kind = "singular values"
    if names is not None and (kind == "singular values" or len(names) != curves.shape[1]):
        raise ValueError(
            f"names={checks.show(names)} has {len(names)} names; a path of vectors takes one for "
            f"each of its {curves.shape[1]} coefficients, and a path of matrices none."
        )
    return curves, kind, labels


def _singular_values(point: Any) -> Array:
    """Return the singular values of a dense matrix, or of one kept as its factors."""
    if isinstance(point, LowRank):
        left, right = (
            np.asarray(np.linalg.qr(side, mode="r")) for side in (point.left, point.right)
        )
        found = np.linalg.svd(left @ right.T, compute_uv=False)
        return np.pad(found, (0, min(point.shape) - found.size))
    return np.asarray(np.linalg.svd(point, compute_uv=False))
