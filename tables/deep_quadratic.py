"""Three-layer quadratic networks: waits of different degrees, predicted and measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import saddles
from reference.quadratic_flow import staircase
from saddles.typing import Array
from tables.table import Check, Table

#: Inputs, and the widths of both hidden layers; samples; seeds.
D, HIDDEN, OUTER, SAMPLES, SEEDS = 2, 3, 2, 40, (0, 2, 3)
#: Initial scales.
SCALES = (0.008, 0.004, 0.002)
#: The flow is followed so much longer than the last jump.
AFTER = 1.3
#: What the waits may be off by at the smallest scale, what halving the scale may leave of that, and
#: what the losses of plateaus may be off by.
WAITS, LEFT, PLATEAUS = 0.01, 0.6, 1e-5


def network(w: Any, X: Any) -> Any:
    """Return w_3·(W_2 (W_1 x)²)² for all weights in one row."""
    cuts = HIDDEN * D, HIDDEN * (D + OUTER)
    first = (X @ w[: cuts[0]].reshape(HIDDEN, D).T) ** 2
    return (first @ w[cuts[0] : cuts[1]].reshape(OUTER, HIDDEN).T) ** 2 @ w[cuts[1] :]


def problem(seed: int) -> tuple[Array, Array, Array]:
    """Return X, Y made by a network of random weights, and the start θ̂."""
    rng = np.random.default_rng(seed)
    size = HIDDEN * (D + OUTER) + OUTER
    X = rng.standard_normal((SAMPLES, D))
    Y = np.asarray(network(rng.standard_normal(size), X))
    return X, Y / np.sqrt(np.mean(Y**2)), rng.standard_normal(size)


def build() -> Table:
    """Return the table."""
    measured = [_measured(seed) for seed in SEEDS]
    return Table(
        name="deep_quadratic",
        title="Three-layer quadratic networks: clocks of different degrees",
        text=(
            "How long are the waits of a network with quadratic units? The network is f(x) = "
            "w_3·φ(W_2 φ(W_1 x)) with φ(z) = z², two inputs, and three and two hidden units. It "
            "is trained on the outputs of another such network with loss |y - f|^2 / 2n. The "
            "first wait has degree 7 and lasts τ alpha^(-5). All later ones have degree 3 and "
            "last τ/alpha.\n\n"
            "Each row is a jump. The last columns are the differences of the flow's waits from "
            "the predicted ones, relative to these. The prediction is a conjecture after the "
            "first wait. Its errors halve whenever alpha is halved."
        ),
        frame=pd.concat([frame for frame, _ in measured], ignore_index=True),
        checks=tuple(check for _, checks in measured for check in checks),
    )


def _measured(seed: int) -> tuple[pd.DataFrame, list[Check]]:
    """Return a row per jump from one start, and how far its path and the flow are apart."""
    X, Y, init = problem(seed)
    path = saddles.agf.deep_network(network, X, Y, init)
    assert path.degrees is not None
    levels = (path.losses[:-1] + path.losses[1:]) / 2
    waits = {}
    for alpha in SCALES:
        times = path.physical_times(float(np.log(alpha)))
        sizes, until = (D, HIDDEN, OUTER), AFTER * times[-1]
        measured, plateaus = staircase(X, Y, init, sizes, alpha, levels, until)
        waits[alpha] = np.diff(np.append(0, measured)) / np.diff(times) - 1
    frame = pd.DataFrame(
        {
            "seed": seed,
            "jump": range(1, len(path)),
            "degree": path.degrees,
            "predicted wait": [float(f"{wait:.5g}") for wait in np.diff(path.times)],
            "loss before": [f"{loss:.5g}" for loss in path.losses[:-1]],
            **{
                f"wait of the flow, alpha = {alpha}": [f"{100 * x:+.1f} %" for x in errors]
                for alpha, errors in waits.items()
            },
        }
    )
    before, last = waits[SCALES[-2]], waits[SCALES[-1]]
    worst, left = float(np.abs(last).max()), float(np.abs(last[1:] / before[1:]).max())
    apart = float(np.abs(plateaus - path.losses[:-1]).max())
    return frame, [
        Check(f"seed {seed}: waits at alpha = {SCALES[-1]}", worst, WAITS),
        Check(f"seed {seed}: errors of waits at alpha over 2 alpha", left, LEFT),
        Check(f"seed {seed}: losses of plateaus", apart, PLATEAUS),
        Check(f"seed {seed}: first wait", float(abs(last[0])), 1e-6),
    ]
