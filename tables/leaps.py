"""Staircases: what neurons see of them, against gradient flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import saddles
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: log(α) of the two flows, and their local error.
SCALES, RTOL = (-4.0, -5.0), 1e-8
#: The flow is followed so far beyond the last jump.
BEYOND = 1.02
#: Times extrapolated in α^(κ−2); levels against ones known to six digits.
TIME, LEVEL = 1e-4, 6e-6


@dataclass(frozen=True)
class _Case:
    """A target, its neurons, and the levels that were found by an independent program."""

    name: str
    terms: dict[tuple[int, ...], float]
    activation: Any
    d: int
    width: int
    seed: int
    levels: tuple[float, ...]


CASES = (
    _Case(
        "z1 + z1z2 + z1z2z3, relu3",
        {(1, 0, 0): 1.0, (1, 1, 0): 1.0, (1, 1, 1): 1.0},
        "relu3",
        3,
        8,
        1,
        (1.5, 1.05505, 0.53952, 0.50236, 0.44931),
    ),
    _Case("He2 + He3, relu2", {(2,): 1.0, (3,): 1.0}, "relu2", 3, 6, 0, (4.0, 2.922537, 2.684326)),
    _Case(
        "He2 + He3, He2 + He3 on the sphere",
        {(2,): 1.0, (3,): 1.0},
        saddles.agf.Spherical(3, (0.0, 0.0, 1.0, 1.0)),
        3,
        6,
        0,
        (4.0, 0.0),
    ),
)


def build() -> Table:
    """Return the table."""
    blocks, gaps = zip(*map(_block, CASES), strict=True)
    times, levels = np.max(gaps, axis=0)
    return Table(
        name="leaps",
        title="Staircases of Hermite polynomials",
        text=(
            "Is a staircase learnt step by step? The target z1 + z1 z2 + z1 z2 z3 has leap 1: each "
            "term adds one coordinate. Yet from its first jump on every active neuron overlaps "
            "with all three coordinates. Jumps of norms come one direction at a time; the leaps "
            "are made within the search, while a neuron is small.\n\n"
            "Columns: target and activation; jump; information exponent and leap as the activation "
            "sees the target; AGF's time t alpha^k-1 in the limit; relative difference of gradient "
            "flow halfway down each drop, extrapolated in alpha^(k-1) from log(alpha) = -4 and -5; "
            "loss after the jump; overlaps of the new neuron."
        ),
        frame=pd.concat(blocks, ignore_index=True),
        checks=(
            Check("flow's times, extrapolated, against AGF's", times, TIME),
            Check("AGF's levels against an independent program's", levels, LEVEL),
        ),
    )


def _block(case: _Case) -> tuple[pd.DataFrame, Array]:
    """Return the rows of a case, and what its two checks measure."""
    target, count = saddles.agf.HermiteTarget(case.terms), len(case.levels) - 1
    path = saddles.agf.multi_index(
        target,
        case.d,
        activation=case.activation,
        width=case.width,
        seed=case.seed,
        max_jumps=count,
    )
    k = path.network.degree - 1
    measured = np.array([_measured(path, scale) for scale in SCALES])
    errors = np.exp((k - 1) * np.array(SCALES))
    limits = (errors[0] * measured[1] - errors[1] * measured[0]) / (errors[0] - errors[1])
    exponents = (
        saddles.agf.information_exponent(target, activation=case.activation),
        saddles.agf.leap(target, activation=case.activation),
    )
    frame = pd.DataFrame(
        {
            "target": [case.name, *[""] * (count - 1)],
            "jump": range(1, count + 1),
            "exponent, leap": [f"{exponents[0]}, {exponents[1]}", *[""] * (count - 1)],
            "AGF": path.times[1:].round(8),
            "flow, extrapolated": bounded(limits, path.times[1:], TIME),
            "loss": path.losses[1:].round(8) + 0.0,
            "overlaps": [_overlaps(path, jump) for jump in range(1, count + 1)],
        }
    )
    gap = float(np.abs(path.losses - case.levels).max())
    return frame, np.array([worst(limits, path.times[1:]), gap])


def _overlaps(path: saddles.agf.MultiIndexPath, jump: int) -> str:
    """Return the overlaps of the first neuron that a jump adds."""
    added = np.isin(path.active[jump], path.active[jump - 1], invert=True)
    return " ".join(f"{each:.3f}" for each in path.overlaps[jump][added][0])


def _measured(path: saddles.agf.MultiIndexPath, log_alpha: float) -> Array:
    """Return when the flow is halfway down each drop."""
    flow = saddles.flow.neurons(
        path.network, path.init, log_alpha=log_alpha, until=BEYOND * path.times[-1], rtol=RTOL
    )
    return flow.crossing_times((path.losses[:-1] + path.losses[1:]) / 2)
