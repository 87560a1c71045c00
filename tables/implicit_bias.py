"""Theorem 3.1 three ways: in closed form, as a convex program, and where gradient flow ends."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reference.implicit_bias import single_neuron as convex_program
from saddles import implicit_bias, neuron
from saddles.typing import Array
from tables.table import Check, Table, bounded

DELTAS = (-30.0, -10.0, -3.0, -1.0, -0.3, -0.1, 0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
#: Starts on either side of the origin; from the second, strongly downstream flows pass through it.
SIDES = (1, -1)
#: The flow is integrated to 1e-13 per step and followed until it rests.
FLOW = 1e-9
#: The solver's own gap is 2e-9; relative to the size of the objective's terms.
OBJECTIVE = 1e-7
#: What the figure shows of the plane.
WINDOW = ((-0.2, 2.4), (-0.5, 1.1))
#: Two closed forms of the same point.
CLOSED = 1e-12


def data() -> tuple[Array, Array, Array]:
    """Return X (3, 6) of rank 3, attainable targets y (3,), and a start beta0 (6,)."""
    rng = np.random.default_rng(2025)
    X = rng.normal(size=(3, 6))
    return X, X @ rng.normal(size=6), -0.5 * rng.normal(size=6)


@dataclass(frozen=True)
class _Row:
    """One imbalance: where the flow ends, where it should, and what the theorem says."""

    end: Array
    limit: neuron.Limit
    closed: implicit_bias.Minimizer
    convex: float
    scale: float

    @property
    def flow_gap(self) -> float:
        """Distance of the flow's end from the predicted one."""
        return _gap(self.end, self.limit.beta)

    @property
    def theorem_gap(self) -> float:
        """Distance of the theorem's minimiser from the predicted end, where it applies."""
        return _gap(self.closed.beta, self.limit.beta) if self.limit.applies else math.nan

    @property
    def objective_gap(self) -> float:
        """Difference of the two optimal values, relative to the size of the objective's terms."""
        return abs(self.convex - self.closed.objective) / self.scale


def _gap(beta: Array, reference: Array) -> float:
    return float(np.linalg.norm(beta - reference) / np.linalg.norm(reference))


def build() -> Table:
    """Return the table."""
    rows = [_row(side, delta) for side in SIDES for delta in DELTAS]
    zeros = np.zeros(len(rows))
    flow, theorem, objective = (
        np.array([getattr(row, name) for row in rows])
        for name in ("flow_gap", "theorem_gap", "objective_gap")
    )
    frame = pd.DataFrame(
        {
            "start": [f"{side:+d}" for side in SIDES for _ in DELTAS],
            "delta": [*DELTAS, *DELTAS],
            "|beta|": [np.linalg.norm(row.limit.beta) for row in rows],
            "theorem": ["applies" if row.limit.applies else "beta passes 0" for row in rows],
            "objective, closed form": [row.closed.objective for row in rows],
            "objective, cvxpy": [float(f"{row.convex:.6g}") for row in rows],
            "flow-limit": bounded(flow, zeros, FLOW),
            "theorem-limit": bounded(np.nan_to_num(theorem), zeros, CLOSED),
            "cvxpy-closed form": bounded(objective, zeros, OBJECTIVE),
        }
    )
    frame.loc[np.isnan(theorem), "theorem-limit"] = "-"
    checks = (
        Check("end of the flow against its predicted limit", float(flow.max()), FLOW),
        Check("theorem against the limit where it applies", float(np.nanmax(theorem)), CLOSED),
        Check("cvxpy against closed form, objective", float(objective.max()), OBJECTIVE),
        Check("stationarity", max(row.closed.stationarity for row in rows), CLOSED),
        Check("feasibility", max(row.closed.feasibility for row in rows), CLOSED),
    )
    return Table(
        name="implicit_bias",
        title="Theorem 3.1: closed form, convex program and flow",
        text=(
            "Where does the single linear neuron a w.x end? 3 samples of 6 features, the same "
            "start beta0 = a0 w0 (or its negative), and different delta = a^2 - |w|^2.\n\n"
            "The limit is that of the flow, with the sign that a has there. The theorem's "
            "minimiser is computed in closed form, and as a semidefinite program (Clarabel). If "
            "beta passes through 0, the theorem does not apply; the table marks these rows. "
            "Gaps are relative; those of the objective are relative to the size of its terms."
        ),
        frame=frame,
        checks=checks,
        figure=_figure(),
        caption=(
            "Trajectories of the single neuron from one start, for several delta. Each curve "
            "should end in its circle, the minimiser of the theorem."
        ),
    )


def _row(side: int, delta: float) -> _Row:
    X, y, start = data()
    beta0 = side * start
    closed = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta)
    flow = neuron.function_space_flow(X, y, beta0=beta0, delta=delta)
    with warnings.catch_warnings():
        # A solver that ends inaccurate shows in the objective's gap, which is checked.
        warnings.simplefilter("ignore", UserWarning)
        convex = convex_program(X, y, beta0, delta)
    a0 = _output_weight(beta0, delta)
    size = abs(delta) + 2 * float(np.linalg.norm(closed.beta)) + float(beta0 @ beta0) / a0**2
    return _Row(
        end=flow.at(flow.until),
        limit=neuron.limit(X, y, a0=a0, w0=beta0 / a0),
        closed=closed,
        convex=convex.objective,
        scale=size**1.5,
    )


def _output_weight(beta0: Array, delta: float) -> float:
    """Return a0 > 0 with a0 w0 = beta0 and a0² − |w0|² = delta."""
    norm = float(np.linalg.norm(beta0))
    half = math.hypot(delta, 2 * norm)
    return math.sqrt((half + delta) / 2 if delta >= 0 else 2 * norm**2 / (half - delta))


def _figure() -> object:
    """Draw trajectories in function space over the loss of a single sample, per delta."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    X, y, beta0 = np.array([[1.0, 2.0]]), np.array([2.0]), np.array([0.6, -0.15])
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.subplots()
    grid = [np.linspace(*side, 200) for side in WINDOW]
    loss = (X[0, 0] * grid[0] + X[0, 1] * grid[1][:, None] - y[0]) ** 2 / 2
    axes.contour(*grid, loss, levels=np.geomspace(0.01, 10, 10), colors="0.85", linewidths=0.8)
    axes.plot(grid[0], (y[0] - grid[0]) / 2, color="0.4", linewidth=1.0, label="zero loss")
    deltas = (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0)
    for k, delta in enumerate(deltas):
        flow = neuron.function_space_flow(X, y, beta0=beta0, delta=delta)
        path = flow.at(np.linspace(0, flow.until, 2000))
        colour = colormaps["viridis"](k / len(deltas))
        axes.plot(*path.T, color=colour, label=f"δ = {delta:g}")
        end = implicit_bias.single_neuron(X, y, beta0=beta0, delta=delta).beta
        axes.plot(*end, marker="o", markersize=6, color=colour, markeredgecolor="black")
    axes.plot([], [], "o", color="white", markeredgecolor="black", label="Theorem 3.1")
    axes.plot(*beta0, marker="s", markersize=7, color="black", linestyle="", label="start")
    axes.set(xlabel="β₁", ylabel="β₂", aspect="equal", xlim=WINDOW[0], ylim=WINDOW[1])
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
