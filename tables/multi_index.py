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
#: How well two scales show a power of α.
POWER = 0.05


@dataclass(frozen=True)
class _Case:
    """A target, who learns it, and its jump times and levels in closed form."""

    name: str
    target: saddles.agf.HermiteTarget
    signs: tuple[int, ...]
    times: tuple[float, ...]
    levels: tuple[float, ...]
    activation: str = "relu"
    inputs: int | None = None
    down: float = 0.5
    """How far down a drop the flow is measured."""
    settled: tuple[int, ...] = ()
    """Jumps of which the excess is constant from the second scale on only: partings at 1/h of a
    cluster whose deviations have grown to α^{1 − hT} when another one rings, at T."""


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
            settled=(3,),
        ),
        _Case(  # neurons of either sign part, out of the target's span, and then settle slowly
            "z1 + z1 z2",
            saddles.agf.HermiteTarget({(1, 0): 1.0, (1, 1): 1.0}),
            (1, 1, -1, -1),
            (1.6477056237, 13.0186225101),
            (1.0, 0.0849931694, 0.0807241385),
            inputs=3,
            down=0.1,
        ),
    )


def build() -> Table:
    """Return the table."""
    blocks, gaps = zip(*map(_block, _cases()), strict=True)
    times, levels, limits, excess, power = np.max(gaps, axis=0)
    return Table(
        name="multi_index",
        title="Multi-index targets: neurons that ring together and part",
        text=(
            "Do neurons part when the splitting clock says? Population loss of Gaussian inputs, "
            "with as many inputs as the target has coordinates, and one more for the last target. "
            "As many neurons learn as there are teachers, or more. Neurons of one sign turn to one "
            "direction, ring together and sit at a saddle as one. Their deviations are powers of "
            "alpha, which grow until they part. Times are t/log(1/alpha).\n\n"
            "Columns: target; jump; whether neurons part in it; time in closed form (to eight "
            "digits for the fourth and fifth target); AGF's relative difference; gradient flow, "
            "extrapolated linearly in 1/log(1/alpha) from log(1/alpha) = 20 and 40; the flow's "
            "excess times log(1/alpha) at 10, 20 and 40; loss after the jump. The flow is measured "
            "halfway down each drop, and for the last target, whose neurons settle slowly, a tenth "
            "down. The excess is the same at all scales up to a power of alpha, as it must be if "
            "the limit is right. That power is small at log(1/alpha) = 10, except where the fifth "
            "target's first cluster parts. When the second cluster rings, the deviations of the "
            "first one have grown to alpha^0.317, and so much the excess has still to change."
        ),
        frame=pd.concat(blocks, ignore_index=True),
        checks=(
            Check("AGF's times against closed forms", times, TIME),
            Check("AGF's levels against closed forms", levels, LEVEL),
            Check("flow's times, extrapolated, against AGF's", limits, FLOW),
            Check("flow's excess at two scales: constant", excess, EXCESS),
            Check("power of alpha that moves the fifth target's parting", power, POWER),
        ),
    )


def _block(case: _Case) -> tuple[pd.DataFrame, Array]:
    """Return the rows of a target, and what its four checks measure."""
    path = saddles.agf.multi_index(
        case.target,
        case.inputs,
        activation=case.activation,
        signs=case.signs,
        width=len(case.signs),
        seed=SEED,
    )
    measured = np.array([_measured(path, scale, case.down) for scale in SCALES])
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
            "excess": [" ".join(f"{each:.3f}" for each in jump) for jump in excess.T],
            "loss": np.where(path.losses[1:] < 1e-12, 0.0, path.losses[1:]),
        }
    )
    late, ends = np.array(case.settled, dtype=int) - 1, np.array(case.times)
    early = excess[0].copy()
    early[late] = excess[1, late]
    first, second = np.abs(excess[:2, late] - excess[-1, late])
    powers = np.log(first / second) / (SCALES[1] - SCALES[0])
    powers /= 1 - ends[late - 1] / ends[late]
    gaps = (
        worst(path.times[1:], case.times),
        float(np.abs(path.losses - case.levels).max()),
        worst(limits, path.times[1:]),
        float(np.abs(excess[-1] / early - 1).max()),
        float(np.abs(powers - 1).max(initial=0.0)),
    )
    return frame, np.array(gaps)


def _measured(path: saddles.agf.MultiIndexPath, size: float, down: float) -> Array:
    """Return when the flow is so far `down` each drop."""
    flow = saddles.flow.neurons(
        path.network,
        path.init,
        log_alpha=-size,
        until=path.times[-1] + AFTER / size,
        rtol=RTOL,
    )
    return flow.crossing_times(path.losses[:-1] + down * np.diff(path.losses))
