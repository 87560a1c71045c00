"""Neurons that ring together and part later: the splitting clock on multi-index targets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

import saddles
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: Scales log(1/α) at which the flow is followed; its local error; its end, in units of t.
SCALES, RTOL, AFTER = (10.0, 20.0, 40.0), 1e-9, 14.0
SEED = 0
#: AGF's times, by its steps; its losses; the flow, extrapolated; its excess at two scales.
TIME, LEVEL, FLOW, EXCESS = 1e-6, 1e-6, 1e-4, 0.02
#: Of a second cluster's parting, which a power of α moves that is not small at log(1/α) = 10.
SECOND = 1e-4


@dataclass(frozen=True)
class _Case:
    """A target, who learns it, and its jump times and levels in closed form."""

    name: str
    target: saddles.agf.HermiteTarget
    signs: tuple[int, ...]
    times: tuple[float, ...]
    levels: tuple[float, ...]
    activation: str = "relu"


def _equal(r: int) -> _Case:
    """Return r equal ReLU teachers: all neurons ring at 1/c and part at 1/h."""
    angle = math.acos(r**-0.5)
    c = r / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle))
    h = r**1.5 / (2 * math.pi * math.sqrt(r - 1))
    start = (r / 2 + r * (r - 1) / (2 * math.pi)) / 2
    teacher = saddles.agf.HermiteTarget.teacher(np.ones(r), np.eye(r))
    name = " + ".join(f"relu(z{i + 1})" for i in range(r))
    return _Case(name, teacher, (1,) * r, (1 / c, 1 / h), (start, start - c * c, 0.0))


def _cases() -> tuple[_Case, ...]:
    teacher = saddles.agf.HermiteTarget.teacher
    four = [[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]
    return (
        _equal(2),
        _equal(3),
        _Case(
            "|z1| + |z2|/2",
            teacher([1.0, 0.5], np.eye(2)),
            (1, 1, 1, 1),
            (1 / (1 + 1 / math.pi), math.pi / 2),
            (0.9433099, 0.0743394, 0.0),
            activation="abs",
        ),
        _Case(
            "relu(z1) + relu(z2)/2",
            teacher([1.0, 0.5], np.eye(2)),
            (1, 1),
            (1.6688617, 3.9629487),
            (0.3920775, 0.0330238, 0.0),
        ),
        _Case(
            "relu(z1) + relu(z2) - relu(-z1)/2 - relu(-z2)/2",
            teacher([1.0, 1.0, -0.5, -0.5], four),
            (1, 1, 1, -1, -1, -1),
            (1.3675065, 3.0358024, math.sqrt(2) * math.pi),
            (0.6647887, 0.1300505, 0.0215447, 0.0),
        ),
    )


def build() -> Table:
    """Return the table."""
    blocks, gaps = zip(*map(_block, _cases()), strict=True)
    times, levels, limits, excess, second = np.max(gaps, axis=0)
    return Table(
        name="multi_index",
        title="Multi-index targets: neurons that ring together and part",
        text=(
            "Do neurons part when the splitting clock says? Population loss of Gaussian inputs, "
            "with as many inputs as the target has coordinates. As many neurons learn as there are "
            "teachers, or more. Neurons of one sign turn to one direction, ring together and sit "
            "at a saddle as one. Their deviations are powers of alpha, which grow until they part. "
            "Times are t/log(1/alpha).\n\n"
            "Columns: target; jump; whether neurons part in it; time in closed form (to eight "
            "digits for the last two targets); AGF's relative difference; gradient flow, halfway "
            "down each drop, extrapolated linearly in 1/log(1/alpha) from log(1/alpha) = 20 and "
            "40; the flow's excess times log(1/alpha) at the smallest and the largest scale; loss "
            "after the jump. The excess is the same at all scales up to a power of alpha, as it "
            "must be if the limit is right. Where the second cluster of the last target parts, "
            "that power is not small at log(1/alpha) = 10."
        ),
        frame=pd.concat(blocks, ignore_index=True),
        checks=(
            Check("AGF's times against closed forms", times, TIME),
            Check("AGF's levels against closed forms", levels, LEVEL),
            Check("flow's times, extrapolated, against AGF's", limits, FLOW),
            Check("flow's excess at two scales: constant", excess, EXCESS),
            Check("a second cluster parts: the same of the flow", second, SECOND),
        ),
    )


def _block(case: _Case) -> tuple[pd.DataFrame, Array]:
    """Return the rows of a target, and what its four checks measure."""
    path = saddles.agf.multi_index(
        case.target,
        activation=case.activation,
        signs=case.signs,
        width=len(case.signs),
        seed=SEED,
    )
    measured = np.array([_measured(path, scale) for scale in SCALES])
    sizes = np.array(SCALES)[:, None]
    excess = (measured - path.times[1:]) * sizes
    limits = (measured * sizes)[-1] - (measured * sizes)[-2]
    limits = limits / (SCALES[-1] - SCALES[-2])
    frame = pd.DataFrame(
        {
            "target": [case.name, *[""] * (len(case.times) - 1)],
            "jump": range(1, len(path)),
            "parting": ["yes" if len(units) else "" for units in path.splits[1:]],
            "closed form": case.times,
            "AGF": bounded(path.times[1:], case.times, TIME),
            "flow, extrapolated": bounded(limits, path.times[1:], FLOW),
            "excess": [f"{first:.2f} {last:.2f}" for first, last in excess[[0, -1]].T],
            "loss": np.where(path.losses[1:] < 1e-12, 0.0, path.losses[1:]),
        }
    )
    gaps = (
        worst(path.times[1:], case.times),
        float(np.abs(path.losses - case.levels).max()),
        worst(limits[:2], path.times[1:3]),
        float(np.abs(excess[-1] / excess[0] - 1)[:2].max()),
        worst(limits[2:], path.times[3:]),
    )
    return frame, np.array(gaps)


def _measured(path: saddles.agf.MultiIndexPath, size: float) -> Array:
    """Return when the flow is halfway down each drop."""
    flow = saddles.flow.neurons(
        path.network,
        path.init,
        log_alpha=-size,
        until=path.times[-1] + AFTER / size,
        rtol=RTOL,
    )
    return flow.crossing_times((path.losses[:-1] + path.losses[1:]) / 2)
