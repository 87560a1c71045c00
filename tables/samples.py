"""A sample of n: errors of times and losses, and limits that do not commute."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

import saddles
from saddles.typing import Array
from tables.table import Check, Table

#: Sizes of samples, how many of each, and the first seed.
SIZES, DRAWS, SEED = (250, 1000, 4000, 16000, 64000), 60, 0
#: Samples whose path is followed to its second jump, and its neurons.
FOLLOWED, WIDTH = (100, 1000), 40
#: Standard deviations times √n: of y φ(b·x)/c², and of the loss of the first neuron.
TIME_SPREAD, LOSS_SPREAD = 2.797, 0.2144
#: Slope of the error over n, from −1/2; the error at the largest n, relative to the law: sixty
#: draws know a standard deviation to a tenth.
SLOPE, LAW = 0.05, 0.2
#: Until the samples in front of a neuron are the same again.
LEAST_SQUARES_STEPS = 100


def build() -> Table:
    """Return the table."""
    network = saddles.agf.MultiIndex(saddles.agf.HermiteTarget.teacher([1.0, 1.0], np.eye(2)))
    path = saddles.agf.multi_index(network.target, width=2, signs=[1, 1])
    errors = np.array([_errors(network, n, path.times[1], path.losses[1]) for n in SIZES])
    scaled = errors * np.sqrt(SIZES)[:, None]
    slopes = np.polyfit(np.log(SIZES), np.log(errors), 1)[0]
    second = [_second(network, n) for n in FOLLOWED]
    frame = pd.DataFrame(
        {
            "n": SIZES,
            "time, rms error * sqrt(n)": scaled[:, 0].round(6),
            "loss, rms error * sqrt(n)": scaled[:, 1].round(6),
            "second jump of one sample": [
                *[f"{time:.4f}" for time in second],
                *[""] * (len(SIZES) - len(second)),
            ],
        }
    )
    early = max(second) / path.times[2]
    return Table(
        name="samples",
        title="Samples of a multi-index target",
        text=(
            "How much does a sample of n move the first jump, and does the path of many samples "
            "become the path of the population? The target is relu(z1) + relu(z2) in two inputs. "
            f"The population's first jump is at {path.times[1]:.6f} and leaves the loss "
            f"{path.losses[1]:.6f}; neurons part at {path.times[2]:.6f}. {DRAWS} samples of each "
            "size.\n\n"
            "Columns: n; root mean square error of the first jump time, and of the loss after it, "
            f"times the square root of n. In the limit these are {TIME_SPREAD} and {LOSS_SPREAD}. "
            "Last, the time of the second jump on the first sample of that size, by `agf.relu`.\n\n"
            "The limits n to infinity and alpha to 0 do not commute. On a sample the loss is "
            "quadratic as long as no sample changes sides, so neurons on the same side of all "
            "samples never part, and those that differ in one sample part at once. At alpha to 0 "
            "the second jump therefore comes long before the population's, if it comes at all "
            "(inf: no second jump)."
        ),
        frame=frame,
        checks=(
            Check("slope of the time's error over n, from -1/2", abs(slopes[0] + 0.5), SLOPE),
            Check("slope of the loss's error over n, from -1/2", abs(slopes[1] + 0.5), SLOPE),
            Check("time's error, from its law", abs(scaled[-1, 0] / TIME_SPREAD - 1), LAW),
            Check("loss's error, from its law", abs(scaled[-1, 1] / LOSS_SPREAD - 1), LAW),
            Check("a sample's second jump over the population's", early, 0.7),
        ),
    )


def _errors(network: saddles.agf.MultiIndex, n: int, time: float, loss: float) -> Array:
    """Return the root mean square errors of the first jump's time and loss."""
    found = []
    for seed in range(SEED, SEED + DRAWS):
        X, y = network.sample(n, seed)
        attracting = saddles.agf.extremal_directions(X, y)
        growth, direction = attracting.growth[0], attracting.directions[0]
        found.append([1 / growth - time, _loss(X, y, direction) - loss])
    return np.asarray(np.sqrt(np.mean(np.square(found), axis=0)), dtype=float)


def _loss(X: Array, y: Array, w: Array) -> float:
    """Return the loss that one neuron leaves: least squares on the samples in front of it."""
    front = X @ w > 0
    for _ in range(LEAST_SQUARES_STEPS):
        w = np.asarray(np.linalg.lstsq(X[front], y[front], rcond=None)[0], dtype=float)
        now = X @ w > 0
        if (now == front).all():
            break
        front = now
    return float(np.mean((y - np.maximum(X @ w, 0.0)) ** 2) / 2)


def _second(network: saddles.agf.MultiIndex, n: int) -> float:
    """Return the time of the second jump on a sample."""
    X, y = network.sample(n, SEED)
    path = saddles.agf.relu(X, y, width=WIDTH, seed=SEED, max_jumps=2, on_failure="return")
    return float(path.times[2]) if len(path) > 2 else math.inf
