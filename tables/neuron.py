"""The single neuron on whitened inputs: the exact solution against integration, per regime."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

from saddles import neuron
from saddles.typing import Array
from tables.table import Check, Table, bounded

#: Imbalance, initial direction and norm of beta0, with |beta*| = 1.
CASES = {
    "lazy": (20.0, (0.0, 1.0), 0.5),
    "rich": (0.0, (0.3, 1.0), 1e-3),
    "rich, slightly upstream": (1e-12, (0.3, 1.0), 1e-3),
    "rich, slightly downstream": (-1e-12, (0.3, 1.0), 1e-3),
    "intermediate": (1.0, (-0.5, 1.0), 0.5),
    "delayed rich": (-20.0, (0.02, 1.0), 0.5),
    "sign change": (-3.0, (-1.0, 0.5), 0.5),
}
TARGET = np.array([1.0, 0.0])
#: DOP853 at its tightest tolerance leaves a few 1e-12 on these spans.
INTEGRATED = 1e-11
POINTS = 60


def build() -> Table:
    """Return the table."""
    rows, curves = [], {}
    for name, (delta, direction, norm) in CASES.items():
        a0, w0 = _weights(delta, norm * np.array(direction) / np.linalg.norm(direction))
        trajectory = neuron.exact(TARGET, a0, w0)
        regime = neuron.regime(trajectory.delta, beta0=a0 * w0, beta_star=TARGET)
        settling = (12 - 2 * np.log(norm)) / min(regime.rates)
        times = np.linspace(0.0, trajectory.delay + settling, POINTS)
        states = np.column_stack(trajectory.at(times))
        gap = np.abs(states - _integrated(a0, w0, times)).max() / np.abs(states).max()
        drift = np.abs(states[:, 0] ** 2 - (states[:, 1:] ** 2).sum(axis=1) - trajectory.delta)
        size = (states**2).sum(axis=1).max()
        rows.append((name, regime.name, delta, times[-1], gap, drift.max() / size))
        curves[name] = (times / times[-1], trajectory.kernel_distance(times))
    columns = ["case", "regime", "delta", "until", "exact-integrated", "drift of delta"]
    frame = pd.DataFrame(rows, columns=columns)
    worst_gap, worst_drift = frame["exact-integrated"].max(), frame["drift of delta"].max()
    zeros = np.zeros(len(frame))
    frame["exact-integrated"] = bounded(frame["exact-integrated"], zeros, INTEGRATED)
    frame["drift of delta"] = bounded(frame["drift of delta"], zeros, 1e-13)
    return Table(
        name="neuron",
        title="Single neuron: exact solution against integration",
        text=(
            "Is the exact solution of the single neuron right? f(x) = a w.x on whitened inputs, "
            "with |beta*| = 1, the loss |beta - beta*|^2 / 2 and its time. The exact solution "
            "is compared with DOP853 at relative tolerance 3e-14. Differences are relative to "
            "the largest weight."
        ),
        frame=frame,
        checks=(
            Check("exact against integrated", float(worst_gap), INTEGRATED),
            Check("drift of delta along the exact solution", float(worst_drift), 1e-13),
        ),
        figure=_figure(curves),
        caption=(
            "How far the kernel of the single neuron has turned since the start, over time, "
            "one curve for each regime. For lazy starts it hardly turns."
        ),
    )


def _weights(delta: float, beta0: Array) -> tuple[float, Array]:
    """Return a0 > 0 and w0 with a0 w0 = beta0 and a0² − |w0|² = delta."""
    half = np.hypot(delta, 2 * np.linalg.norm(beta0))
    squared = (half + delta) / 2 if delta >= 0 else 2 * beta0 @ beta0 / (half - delta)
    a0 = float(np.sqrt(squared))
    return a0, beta0 / a0


def _integrated(a0: float, w0: Array, times: Array) -> Array:
    """Return (a, w) at the times, shape (q, 1 + d), by scipy alone."""

    def velocity(_t: float, z: Array) -> Array:
        slope = z[0] * z[1:] - TARGET
        return -np.append(z[1:] @ slope, z[0] * slope)

    start = np.append(a0, w0)
    solution = solve_ivp(
        velocity, (0, times[-1]), start, t_eval=times, method="DOP853", rtol=3e-14, atol=1e-16
    )
    return np.asarray(solution.y.T)


def _figure(curves: dict[str, tuple[Array, Array]]) -> object:
    from matplotlib.figure import Figure

    from saddles._pictures.staircase import COLOURS, STYLES

    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for k, (name, (times, distance)) in enumerate(curves.items()):
        axes.plot(times, distance, color=COLOURS[k], linestyle=STYLES[k % 4], label=name)
    axes.set(xlabel="time / time until settled", ylabel="kernel distance from the start")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure
