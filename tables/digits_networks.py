"""Real data: ReLU and linear networks on handwritten digits, AGF's first jumps against the flow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import saddles
from saddles._pictures.staircase import COLOURS, STYLES
from saddles.agf import NeuronPath, ReluNetwork
from saddles.typing import Array
from tables.table import Check, Table, worst

#: Principal components kept, and how many of the 1797 digits the ReLU networks see.
COMPONENTS, SAMPLES = 4, 60
#: Neurons of the ReLU networks with one output and with ten.
WIDTHS = 12, 6
#: Initial scales of the ReLU flows, log(1/alpha), and their step, times the fastest rate at first.
SCALES, STEP = (20.0, 40.0), 0.02
#: Columns, and jumps shown, of the linear network; initial scales whose flows are extrapolated.
LINEAR, LOG_ALPHAS = 2, (-500.0, -1000.0, -2000.0)
#: Times extrapolated from two scales by steps that go to and fro at kinks; from three, smoothly.
TIME, LINEAR_TIME = 2e-3, 1e-6
#: Loss in the middle of a plateau at the smaller scale, relative.
PLATEAU = 5e-3


def data(samples: int | None) -> tuple[Array, Array]:
    """Return principal components (n, 4) of mean square norm one, and labels (n,)."""
    digits = load_digits()
    count = len(digits.data)
    rows = np.random.default_rng(0).permutation(count)[:samples] if samples else np.arange(count)
    pixels = digits.data[rows] - digits.data[rows].mean(axis=0)
    # The sign of a component is arbitrary; the largest entry is made positive.
    components = np.linalg.svd(pixels, full_matrices=False)[2][:COMPONENTS]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], 1)
    X = pixels @ (components * np.sign(largest)).T
    return X / np.sqrt(np.mean(np.sum(X**2, axis=1))), digits.target[rows]


def build() -> Table:
    """Return the table."""
    X, labels = data(SAMPLES)
    parity, classes = np.where(labels % 2 == 0, 1.0, -1.0), np.eye(10)[labels]
    runs = {
        "ReLU, even or odd": _run(X, parity, WIDTHS[0]),
        "ReLU, ten outputs": _run(X, classes, WIDTHS[1]),
    }
    frames = [run.frame(name) for name, run in runs.items()]
    checks = [check for name, run in runs.items() for check in run.checks(name)]
    linear, gap = _linear()
    return Table(
        name="digits_networks",
        title="Networks on digits: AGF's first jumps and plateaus against gradient flow",
        text=(
            "Do AGF's first jumps agree with gradient flow on handwritten digits? The digits "
            "(scikit-learn's copy of the UCI test set) are centred and reduced to their first "
            f"{COMPONENTS} principal components. ReLU networks see {SAMPLES} of the 1797, so "
            f"that their flow takes seconds: {WIDTHS[0]} neurons learn +1 for even and -1 for "
            f"odd digits, {WIDTHS[1]} neurons the ten classes. A two-layer linear network sees "
            "all digits and learns the ten classes.\n\n"
            "Times are t / log(1/alpha). ReLU flows are integrated from log(alpha) = -20 and "
            "-40 by short steps. Their jump times (half of a drop of the loss) are extrapolated "
            "linearly in 1/log(1/alpha). Columns c are the excess of the time, multiplied by "
            "log(1/alpha), at the two scales; they should be alike. With ten outputs AGF ends "
            "where neurons that share a direction would separate. The linear flow is "
            f"extrapolated from log(alpha) = {', '.join(f'{a:g}' for a in LOG_ALPHAS)}."
        ),
        frame=pd.concat([*frames, linear], ignore_index=True),
        checks=(*checks, Check("linear network: flow, extrapolated, times", gap, LINEAR_TIME)),
        figure=_figure(runs["ReLU, even or odd"]),
        caption=(
            "Twelve ReLU neurons on even and odd digits. The jumps of the flow move towards the "
            "prediction (dotted) as alpha shrinks."
        ),
    )


@dataclass(frozen=True, eq=False)
class _Run:
    """A path, and the losses (steps,) of the flows of its neurons over scaled time."""

    path: NeuronPath
    flows: dict[float, tuple[Array, Array]]

    def excess(self) -> Array:
        """Return the flows' jump times less the path's, times log(1/α), shape (2, K)."""
        halves = (self.path.losses[1:] + self.path.losses[:-1]) / 2
        return np.array(
            [
                (np.interp(-halves, -np.minimum.accumulate(losses), times) - self.path.times[1:])
                * scale
                for scale, (times, losses) in self.flows.items()
            ]
        )

    def measured(self) -> Array:
        """Return jump times (K,), extrapolated."""
        first, second = self.excess() / np.array(SCALES)[:, None]
        ratio = SCALES[1] / SCALES[0]
        return np.asarray(self.path.times[1:] + (ratio * second - first) / (ratio - 1))

    def plateaus(self) -> Array:
        """Return losses of the flow from the smaller scale in the middle of plateaus (K − 1,)."""
        middles = (self.path.times[1:-1] + self.path.times[2:]) / 2
        return np.interp(middles, *self.flows[SCALES[-1]])

    def frame(self, name: str) -> pd.DataFrame:
        """Return the rows of the table."""
        path, excess = self.path, self.excess().round(1)
        return pd.DataFrame(
            {
                "network": name,
                "jump": range(len(path)),
                "active": [len(units) for units in path.active],
                "AGF time": path.times.round(6),
                "flow time": [0.0, *self.measured().round(3)],
                "c, -20": [None, *excess[0]],
                "c, -40": [None, *excess[1]],
                "AGF loss": path.losses.round(6),
                "flow loss": [path.losses[0].round(6), *self.plateaus().round(3), None],
            }
        )

    def checks(self, name: str) -> list[Check]:
        """Return what must agree."""
        path, stationarity = self.path, float(self.path.certificates.stationarity.max())
        times, plateaus = worst(self.measured(), path.times[1:]), self.plateaus()
        found = [
            Check(f"{name}: flow, extrapolated, times", times, TIME),
            Check(f"{name}: stationarity", stationarity, 1e-10),
        ]
        if plateaus.size:
            found.append(Check(f"{name}: plateaus", worst(plateaus, path.losses[1:-1]), PLATEAU))
        return found


def _run(X: Array, Y: Array, width: int) -> _Run:
    """Return the path of seeded balanced neurons, and the flows of the same."""
    size = X.shape[1], Y.reshape(len(X), -1).shape[1]
    rng = np.random.default_rng(0)
    w, a = rng.standard_normal((width, size[0])), rng.standard_normal((width, size[1]))
    w, a = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (w, a))
    init = np.hstack([w, a]) / math.sqrt(2)
    path = saddles.agf.relu(X, Y, init=init)
    network = ReluNetwork(X, Y)
    rate = float(np.linalg.norm(network.utility_gradient(init, init[:0]), axis=1).max())
    return _Run(path, {scale: _flow(network, init, scale, rate, path) for scale in SCALES})


def _flow(
    network: ReluNetwork, init: Array, scale: float, rate: float, path: NeuronPath
) -> tuple[Array, Array]:
    """Return scaled times and losses of the gradient flow, by midpoints.

    Where a kink holds a neuron, steps go to and fro around it by their own length.
    """
    step, theta, losses = STEP / rate, math.exp(-scale) * init, []
    for _ in range(int(1.15 * path.times[-1] * scale / step)):
        half = theta + step / 2 * network.utility_gradient(theta, theta)
        theta = theta + step * network.utility_gradient(half, half)
        losses.append(network.loss(theta))
    times = step / scale * np.arange(1.0, len(losses) + 1)
    return np.asarray(times, dtype=float), np.array(losses)


def _linear() -> tuple[pd.DataFrame, float]:
    """Return the rows of the linear network, and how far its flow's times are off."""
    X, labels = data(None)
    Y = np.eye(10)[labels] - 0.1
    moments = {"sigma_xx": X.T @ X / len(X), "sigma_yx": Y.T @ X / len(X)}
    moments["sigma_xx"] = (moments["sigma_xx"] + moments["sigma_xx"].T) / 2
    variance = Y.T @ Y / len(X)
    path = saddles.agf.linear(**moments, sigma_yy=variance, max_jumps=LINEAR + 1)
    until = float((path.times[-2] + path.times[-1]) / 2)

    def flow(log_alpha: float) -> saddles.Flow:
        options: dict[str, Any] = {"log_alpha": log_alpha, "width": LINEAR, "until": until}
        return saddles.flow.linear(**moments, sigma_yy=variance, **options)

    shown = saddles.agf.linear(**moments, sigma_yy=variance, max_jumps=LINEAR)
    limit = saddles.vanishing_limit(shown, flow, log_alphas=LOG_ALPHAS)
    frame = pd.DataFrame(
        {
            "network": "linear, ten outputs",
            "jump": range(len(shown)),
            "active": [len(units) for units in shown.active],
            "AGF time": shown.times.round(6),
            "flow time": [0.0, *limit.jump_times.round(5)],
            "AGF loss": shown.losses.round(6),
        }
    )
    return frame, worst(limit.jump_times, shown.times[1:])


def _figure(run: _Run) -> Any:
    """Draw the loss of the flows and of AGF."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 3.6), layout="constrained")
    axis = figure.subplots()
    for colour, style, (scale, (times, losses)) in zip(
        COLOURS, STYLES, run.flows.items(), strict=False
    ):
        thin = slice(None, None, max(1, len(times) // 600))
        label = f"gradient flow, log α = -{scale:g}"
        axis.plot(times[thin], losses[thin], color=colour, linestyle=style, label=label)
    path, last = run.path, run.flows[SCALES[0]][0][-1]
    axis.step(
        np.append(path.times, last),
        np.append(path.losses, path.losses[-1]),
        where="post",
        color="black",
        linestyle=":",
        label="AGF, α → 0",
    )
    axis.set_xlabel("scaled time t / log(1/α)")
    axis.set_ylabel("loss")
    axis.set_xlim(0, last)
    axis.set_ylim(0, None)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    return figure
