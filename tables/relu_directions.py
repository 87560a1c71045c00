"""ReLU neurons in the plane: the enumerated directions against where small networks turn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import saddles
from saddles.agf import ExtremalDirections, ReluNetwork
from saddles.typing import Array
from tables.table import Check, Table

#: Samples of each data set.
SIZES = (2, 3, 4, 5, 6, 8, 12, 20)
#: The one that is drawn.
SHOWN = 3
#: Neurons followed on each, half of them with a > 0.
NEURONS = 64
#: Steps of the direction's flow, as angles where the pull is largest: long ones, then shorter.
LONG, STEPS, SHORTER = 0.02, 10_000, 18
#: Step of a network's flow, times its fastest rate; at kinks angles go to and fro by as much.
STEP = 5e-3
#: A direction is reached once the flow is this close; slower neurons are counted.
REACHED = 1e-6
#: Initial scales of whole networks.
ALPHAS = (1e-3, 1e-5, 1e-7)


def data(size: int) -> tuple[Array, Array]:
    """Return seeded Gaussian samples (size, 2) and targets (size,)."""
    rng = np.random.default_rng(size)
    return rng.standard_normal((size, 2)), rng.standard_normal(size)


def build() -> Table:
    """Return the table."""
    cases = [_Case.of(size) for size in SIZES]
    frame = pd.DataFrame([case.row for case in cases])
    aligned = [case.alignments() for case in cases]
    medians = np.median(aligned, axis=0)
    for alpha, angles in zip(ALPHAS, np.transpose(aligned), strict=True):
        powers = np.ceil(np.log10(angles)).astype(int)
        frame[f"network {alpha:.0e}"] = [f"<1e{power:03d}" for power in powers]
    late = frame["on the way"].sum() / (NEURONS * len(SIZES))
    return Table(
        name="relu_directions",
        title="Directions of ReLU neurons: enumerated against followed",
        text=(
            "Do ReLU neurons turn to the directions that were enumerated? Gaussian samples in "
            "the plane (seeded). Columns 2 to 4 count the enumerated directions: those that "
            "attract neurons with a > 0, those with a < 0, and those on kinks.\n\n"
            f"Then {NEURONS} neurons are followed with the residual frozen. Each goes to the "
            f"direction in whose basin it starts. It has arrived within {REACHED:.0e}, or rests "
            "in an arc where the gradient is zero, or is still on its way because growth there "
            "is small. The last columns follow whole networks of 24 balanced neurons from scale "
            "alpha until the loss has fallen by 1 %. They show the median angle to the nearest "
            "attracting direction of a neuron's sign.\n\n"
            f"The picture is the case of {SHOWN} samples: directions on the circle (triangles; "
            "open on kinks), the utility around it, and where the followed neurons ended (dots "
            "a > 0, crosses a < 0)."
        ),
        frame=frame,
        figure=cases[SIZES.index(SHOWN)].plot(),
        caption=(
            "Three samples. The neurons that were followed (dots and crosses) should end on the "
            "directions that were enumerated (triangles)."
        ),
        checks=(
            Check("share of neurons still on the way", float(late), 0.05),
            Check("median angle at the smallest scale", float(medians[-1]), 1e-2),
            Check("its fall from scale to scale", float((medians[1:] / medians[:-1]).max()), 0.5),
        ),
    )


@dataclass(frozen=True, eq=False)
class _Case:
    """One data set: its directions, and angles and signs (NEURONS,) of neurons that were followed.

    ``start`` and ``end`` are the angles before and after.
    """

    size: int
    found: ExtremalDirections
    sign: Array
    start: Array
    end: Array

    @classmethod
    def of(cls, size: int) -> _Case:
        """Enumerate the directions, and follow neurons."""
        X, y = data(size)
        start, sign = _starts(size)
        found = saddles.agf.extremal_directions(X, y)
        return cls(size, found, sign, start, _flown(X, y, start, sign))

    @property
    def row(self) -> dict[str, int]:
        """How many directions there are, and how many neurons arrived."""
        gaps, resting = _gaps(self.found, self.start, self.end, self.sign)
        arrived = int(np.count_nonzero(gaps <= REACHED))
        return {
            "samples": self.size,
            "for a > 0": int(np.count_nonzero(self.found.sign == 1)),
            "for a < 0": int(np.count_nonzero(self.found.sign == -1)),
            "on kinks": int(np.count_nonzero(self.found.kinked)),
            "arrived": arrived,
            "dead": resting,
            "on the way": len(gaps) - arrived,
        }

    def alignments(self) -> list[float]:
        """Return the median angle of a whole network's neurons at each scale."""
        return [_alignment(*data(self.size), self.found, alpha) for alpha in ALPHAS]

    def plot(self) -> Any:
        """Draw the directions, and where the neurons ended."""
        ends = np.column_stack([np.cos(self.end), np.sin(self.end), self.sign])
        return self.found.plot(flowed=ends)


def _starts(seed: int) -> tuple[Array, Array]:
    """Return angles and signs of neurons."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 2 * math.pi, NEURONS), np.repeat([1.0, -1.0], NEURONS // 2)


def _flown(X: Array, y: Array, angles: Array, sign: Array) -> Array:
    """Follow the directions by steps that shrink."""
    scale = float(np.sum(np.abs(y) * np.linalg.norm(X, axis=1)))
    for shrink in range(SHORTER + 1):
        for _ in range(STEPS if not shrink else 60):
            w = np.stack([np.cos(angles), np.sin(angles)], axis=1)
            pulls = ((w @ X.T > 0) * y) @ X / scale
            turn = w[:, 0] * pulls[:, 1] - w[:, 1] * pulls[:, 0]
            angles = angles + LONG * 0.5**shrink * sign * turn
    return angles


def _gaps(found: ExtremalDirections, start: Array, end: Array, sign: Array) -> tuple[Array, int]:
    """Return angles between ends and where the basins say, and how many rest in a dead arc."""
    gaps, resting = [], 0
    for first, last, s in zip(start, end, sign, strict=True):
        mine = found.sign == s
        turns = first + 2 * math.pi * np.arange(-1, 3)
        low, high = found.basins[mine].T[:, :, None]
        inside = ((turns >= low) & (turns <= high)).any(axis=1)
        if inside.any():
            away = last - found.angles[mine][inside][0]
            gaps.append(abs((away + math.pi) % (2 * math.pi) - math.pi))
        else:
            resting += 1
    return np.array(gaps), resting


def _alignment(X: Array, y: Array, found: ExtremalDirections, alpha: float) -> float:
    """Return the median angle of a network's neurons once 1 % of the loss is gone."""
    rng = np.random.default_rng(0)
    angles = rng.uniform(0, 2 * math.pi, 24)
    theta = np.column_stack([np.cos(angles), np.sin(angles), rng.choice([-1.0, 1.0], 24)])
    theta, network = alpha * theta / math.sqrt(2), ReluNetwork(X, y)
    pull = float(np.abs(found.growth).max())
    first = network.loss(theta)
    while network.loss(theta) > 0.99 * first:
        half = theta + STEP / 2 / pull * network.utility_gradient(theta, theta)
        theta = theta + STEP / pull * network.utility_gradient(half, half)
    own = np.arctan2(theta[:, 1], theta[:, 0])
    same = found.sign == np.sign(theta[:, 2:])
    away = np.abs((own[:, None] - found.angles + math.pi) % (2 * math.pi) - math.pi)
    grown = np.linalg.norm(theta, axis=1) > alpha
    return float(np.median(np.where(same, away, math.inf).min(axis=1)[grown]))
