"""Pictures of paths and flows (needs matplotlib): the loss as a staircase, and the coefficients.

Predictions are dashed and black, as in the talk; what was integrated is drawn in colours that
stay apart for the colour-blind, with line styles that stay apart in black and white. Figures are
plain `matplotlib.figure.Figure` objects: nothing global is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from saddles import checks
from saddles.path import LowRank, SaddlePath, dense
from saddles.typing import Array

if TYPE_CHECKING:
    from saddles._compare import Comparison

__all__ = ["plot_comparison", "plot_path"]

#: Okabe and Ito's colours, which colour-blind readers can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#555555")
STYLES = ("-", "--", "-.", ":")

#: Jump times, or losses, that span more than this ratio are drawn on a logarithmic axis.
WIDE = 30.0

#: A loss smaller than this share of the first one is zero to the eye, even on a logarithmic axis.
ROUNDING = 1e-12

#: No more coefficients than this are drawn and named: those that grow largest.
MOST_LINES = 12

#: Points per curve of a flow; jumps are refined to the integrator's own steps.
POINTS = 800


def plot_path(
    path: SaddlePath, *, log_alpha: float | None = None, names: list[str] | None = None
) -> Any:
    """Draw the staircase of the loss over time, and the coefficients below it.

    Parameters
    ----------
    path : SaddlePath
        Of any algorithm; the points of matrix problems are shown by their singular values.
    log_alpha : float, optional
        Draw physical times for this initial scale; scaled times by default.
    names : list of str, optional
        Names of the d features, where the points are vectors.

    Returns
    -------
    matplotlib.figure.Figure
    """
    times = path.times if log_alpha is None else path.physical_times(log_alpha)
    unit = "scaled time t / log(1/α)" if log_alpha is None else f"time t, log α = {log_alpha:g}"
    curves, kind, labels = _shown(path.betas, names)
    figure, loss, betas = _axes(times, path.losses, unit, kind)
    ends = np.append(times, _last(times))
    loss.step(ends, np.append(path.losses, path.losses[-1]), where="post", color="black")
    for colour, style, index in _lines(curves):
        betas.step(
            ends,
            np.append(curves[:, index], curves[-1, index]),
            where="post",
            color=colour,
            linestyle=style,
            label=labels[index],
        )
    _finish(betas)
    return figure


def plot_comparison(comparison: Comparison, *, names: list[str] | None = None) -> Any:
    """Draw a prediction (dashed, black) over the flow or path that it was compared with.

    Parameters
    ----------
    comparison : Comparison
        As `saddles.compare` returns it.
    names : list of str, optional
        Names of the d features, where the points are vectors.

    Returns
    -------
    matplotlib.figure.Figure
    """
    path, other = comparison.path, comparison.other
    curves, kind, labels = _shown(path.betas, names)
    figure, loss, betas = _axes(path.times, path.losses, "scaled time t / log(1/α)", kind)
    ends = np.append(path.times, _last(path.times))
    if isinstance(other, SaddlePath):
        end = ends[-1] if other.status.finished else other.times[-1]
        grid = np.unique(np.concatenate([np.linspace(0, end, POINTS), other.times]))
        points, label = dense(other.at(grid)), other.algorithm
        losses = other.losses[np.searchsorted(other.times, grid, side="right") - 1]
    else:
        grid = _grid(other, ends[-1])
        losses, points = other.loss(grid), other.at(grid)
        label = f"gradient flow, log α = {other.log_alpha:g}"
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
    followed = _shown(points, None)[0]
    for colour, style, index in _lines(curves):
        betas.plot(grid, followed[:, index], color=colour, linestyle=style, label=labels[index])
        betas.step(
            ends,
            np.append(curves[:, index], curves[-1, index]),
            where="post",
            color="black",
            linestyle="--",
            linewidth=0.8,
        )
    _finish(betas)
    return figure


def _axes(times: Array, losses: Array, unit: str, kind: str) -> tuple[Any, Any, Any]:
    """Return a figure with a loss axis above an axis for points of some `kind`, sharing time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 6.0), layout="constrained")
    loss, betas = figure.subplots(2, 1, sharex=True)
    jumps = times[1:]
    last = _last(times)
    if jumps.size and jumps[-1] > WIDE * jumps[0]:
        betas.set_xscale("log")
        betas.set_xlim(jumps[0] / 2, last)
    else:
        betas.set_xlim(0.0, last)
    visible = losses[losses > ROUNDING * losses[0]]
    if visible.size and visible[0] > WIDE * visible[-1]:
        loss.set_yscale("log")
        loss.set_ylim(visible[-1] / 3, visible[0] * 2)
    loss.set_ylabel("loss")
    betas.set_ylabel(kind)
    betas.set_xlabel(unit)
    for axis in (loss, betas):
        axis.spines[["top", "right"]].set_visible(False)
    return figure, loss, betas


def _last(times: Array) -> float:
    """Return where the picture ends: a little after the last jump."""
    return float(times[-1]) * 1.15 or 1.0


def _grid(flow: Any, end: float) -> Array:
    """Return times dense enough to draw plateaus and jumps."""
    end = min(end, flow.until)
    return np.unique(np.concatenate([np.linspace(0, end, POINTS), flow.times[flow.times <= end]]))


def _lines(curves: Array) -> list[tuple[str, str, int]]:
    """Return a colour and a style for each curve (m, q) that is worth a line."""
    peak = np.abs(curves).max(axis=0)
    peak[peak < ROUNDING * peak.max(initial=0.0)] = 0.0
    order = np.sort(np.argsort(-peak, kind="stable")[: min(MOST_LINES, int((peak > 0).sum()))])
    return [
        (COLOURS[k % len(COLOURS)], STYLES[(k // len(COLOURS)) % len(STYLES)], int(index))
        for k, index in enumerate(order)
    ]


def _finish(axis: Any) -> None:
    """Add the line at zero and, beside the axis, the legend."""
    axis.axhline(0.0, color="0.7", linewidth=0.6, zorder=0)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


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
