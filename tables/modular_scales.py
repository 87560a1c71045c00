"""Modular addition from random neurons: when frequencies begin, at several initial scales."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

import saddles
from saddles.agf import ModularAddition, NeuronPath
from saddles.typing import Array
from tables.modular_addition import PERIOD, SPECTRUM, WIDTH, initial, published
from tables.table import Check, Table, worst

#: Initial scales, and the tolerance of the flow.
SCALES, RTOL = (1e-2, 1e-3, 1e-4), 1e-7
#: Seeds of starts with six neurons of each frequency; the first is drawn.
SEEDS = (2, 0, 1)
#: A frequency begins once this share of its power has left the loss.
BEGUN = 0.1
#: The flow is followed longer than AGF takes until the last frequency compared begins, by the first
#: factor; by the second from the start whose neurons have all frequencies at once.
LONGER, MIXED = 1.05, 1.15
#: How well times of a start at a scale are the same elsewhere: rounding grows where neurons pass
#: saddles.
SAME = 5e-3
#: By how much the rate of the first frequency, whose neurons have no saddle behind them, is not 1.
FIRST = 0.05
#: Median and worst of the differences between AGF and the flow over the later frequencies, at each
#: scale. At 0.001 more than half of the times are wrong.
MEDIANS, WORST = (2e-3, 0.2, 2e-3), (0.6, 3.0, 1.0)
#: The median of the flow against the limit at the smallest scale; all jumps that are drawn.
LIMIT, DRAWN = 5e-3, 0.2
#: Jumps until the last frequency compared has begun, and the last that is drawn.
JUMPS = 11
#: Times that agree.
CLOSE = 1e-2
#: Times that do not and whose error bars do not say so: there should be none, and there is one.
UNFORESEEN = 1
#: By how much an error bar may differ elsewhere: which neuron the second run has ring next is up to
#: more than the first one's, and a bar below this is as good as none.
BAR = 0.1


def build() -> Table:
    """Return the table."""
    network = published()
    runs = [_Runs.of(network, f"six each, {seed}", pure(seed), 3, LONGER) for seed in SEEDS]
    runs.append(_Runs.of(network, "of all frequencies", initial(), 2, MIXED))
    frame = pd.concat([run.frame(network) for run in runs], ignore_index=True)
    path, flow = runs[0].paths[-1], runs[0].flows[-1]
    jumps = flow.jumps().times
    later, rates = _Later.of(runs), [run.rates[0] for run in runs]
    drawn = worst(path.times[1 : len(jumps) + 1], jumps)
    return Table(
        name="modular_scales",
        title="Modular addition: initial scales",
        text=_text(network, later),
        frame=frame,
        checks=(
            Check("first frequency: rate, from 1", worst(rates, np.ones(len(rates))), FIRST),
            *later.checks,
            Check("all jumps of the picture against AGF", drawn, DRAWN),
        ),
        figure=network.plot(path, flow=flow),
        caption=(
            "The first start at the smallest scale. Jumps of AGF (dashed) and of the flow "
            "(solid) should coincide."
        ),
        known=_known(frame),
    )


def _text(network: ModularAddition, later: _Later) -> str:
    """Say what is compared, and what was found."""
    return (
        "When does each frequency begin, and how far can AGF be trusted? The table has these "
        "times by AGF at the initial scale α, by gradient flow from the same neurons at the "
        "same α, and by AGF in the limit α → 0. The network is that of the table "
        "modular_addition. A frequency begins when a tenth of its power has left the loss. "
        "Times are scaled, t α. Three starts have six random neurons of each frequency. The "
        "last start is the random one of the table modular_addition, and its flow is followed "
        "until frequency 3 begins.\n\n"
        "The last column is the exponent b of |flow − limit| ~ α^b, if this difference "
        "falls from scale to scale. For the first frequency b is 1. Phases of later neurons "
        "turn slowly compared with their growth. When these neurons activate, an error of "
        f"order α^{_valley(network):.3f} is left, and neurons that nearly cancel keep this "
        "error. AGF at the same α includes this effect. It does not include the slow growth "
        "of neurons towards infinity. Where this decides which neuron activates next, times "
        "are wrong by up to a factor of three, although the status of the path is a "
        "success. "
        f"{later.counted}\n\n"
        "Every time of AGF has a relative error bar, `certificates.time_error`. It is the "
        "change of the time if the rest of the path is run again, with coarser tolerances and "
        "another tilt. At a finite α the second run also lets neurons creep for a share of "
        "the plateau only, and lets dormant neurons grow during descents. "
        f"{later.foreseen} The picture is the first start at the smallest scale."
    )


def pure(seed: int) -> Array:
    """Return random neurons of norm 1, six of each frequency: (18, 60)."""
    waves = np.fft.rfft(np.random.default_rng(seed).standard_normal((WIDTH, 3, PERIOD)))
    own = np.repeat(list(SPECTRUM), WIDTH // len(SPECTRUM))
    waves *= (np.arange(waves.shape[2]) == own[:, None])[:, None]
    rows = np.fft.irfft(waves, PERIOD).reshape(WIDTH, -1)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class _Runs:
    """AGF and the flow from one start, at every scale; times are of the first frequencies (f,).

    ``bars`` are the error bars of AGF's times, relative, (scales + 1, f): the last are the limit's.
    """

    name: str
    paths: list[NeuronPath]
    flows: list[saddles.Flow]
    limits: Array
    agf: Array
    flow: Array
    bars: Array

    @classmethod
    def of(
        cls, network: ModularAddition, name: str, start: Array, count: int, longer: float
    ) -> _Runs:
        """Run them until `count` frequencies have begun, and the flow `longer` times as long."""
        levels = network.plateaus[:-1] + BEGUN * np.diff(network.plateaus)
        follow = partial(saddles.agf.modular_addition, network, init=start, max_jumps=JUMPS)
        limit = follow()
        limits = _begun(limit, levels[:count])
        paths, flows = [], []
        for alpha in SCALES:
            log_alpha = math.log(alpha)
            path = follow(log_alpha=log_alpha)
            until = longer * max(limits[-1], _begun(path, levels[:count])[-1])
            flow = saddles.flow.neurons(network, start, log_alpha=log_alpha, until=until, rtol=RTOL)
            paths.append(path)
            flows.append(flow)
        return cls(
            name,
            paths,
            flows,
            limits,
            np.array([_begun(path, levels[:count]) for path in paths]),
            np.array([flow.crossing_times(levels[:count]) for flow in flows]),
            np.array([_bars(path, levels[:count]) for path in (*paths, limit)]),
        )

    @property
    def rates(self) -> Array:
        """Return b of |flow − limit| ~ α^b (f,), NaN where it does not fall at every scale."""
        gaps = np.abs(self.flow - self.limits)
        falls = (np.diff(gaps, axis=0) < 0).all(axis=0)
        slopes = np.polyfit(np.log(SCALES), np.log(gaps), 1)[0]
        return np.where(falls, slopes, np.nan)

    def frame(self, network: ModularAddition) -> pd.DataFrame:
        """Return one row per frequency."""
        columns = {}
        for k, alpha in enumerate(SCALES):
            columns[f"AGF, {alpha:g}"] = self.agf[k].round(4)
            columns[f"bar, {alpha:g}"] = self.bars[k].round(2)
            columns[f"flow, {alpha:g}"] = self.flow[k].round(4)
        count = len(self.limits)
        return pd.DataFrame(
            {
                "start": [self.name] * count,
                "frequency": network.frequencies[:count],
                **columns,
                "AGF, limit": self.limits.round(4),
                "bar, limit": self.bars[-1].round(2),
                "rate": ["" if np.isnan(b) else f"{b:.1f}" for b in self.rates],
            }
        )


@dataclass(frozen=True, eq=False)
class _Later:
    """The later frequencies of all starts: (scales, f) differences from the flow, and error bars.

    ``gaps`` are those of AGF at the same scale, ``beyond`` those of AGF in the limit; all are
    relative.
    """

    gaps: Array
    beyond: Array
    bars: Array

    @classmethod
    def of(cls, runs: list[_Runs]) -> _Later:
        """Join what the runs found after their first frequencies."""
        agf = np.hstack([run.agf[:, 1:] for run in runs])
        flows = np.hstack([run.flow[:, 1:] for run in runs])
        limits = np.hstack([run.limits[1:] for run in runs])
        bars = np.hstack([run.bars[:-1, 1:] for run in runs])
        return cls(np.abs(agf / flows - 1), np.abs(limits / flows - 1), bars)

    @property
    def checks(self) -> list[Check]:
        """The median and the worst difference at each scale, what bars miss, and the limit."""
        found = []
        for alpha, mine, median, most in zip(SCALES, self.gaps, MEDIANS, WORST, strict=True):
            name = f"later frequencies at {alpha:g}"
            found.append(Check(f"{name}: median", float(np.median(mine)), median))
            found.append(Check(f"{name}: worst", float(mine.max()), most))
        missed = float(((self.gaps > CLOSE) & (self.bars <= CLOSE)).sum())
        limit = float(np.median(self.beyond[-1]))
        return [
            *found,
            Check("times off by more than a per cent whose error bar is less", missed, UNFORESEEN),
            Check(f"later frequencies at {SCALES[-1]:g}, the limit: median", limit, LIMIT),
        ]

    @property
    def counted(self) -> str:
        """How many times agree with the flow's, in words."""
        mine, limit = (
            ", ".join(map(str, (g <= CLOSE).sum(axis=1))) for g in (self.gaps, self.beyond)
        )
        return (
            f"Of the {self.gaps.shape[1]} times of later frequencies, {mine} are within one per "
            f"cent of the flow at α = {', '.join(map(str, SCALES))}, if AGF has the same α. With "
            f"AGF in the limit {limit} are."
        )

    @property
    def foreseen(self) -> str:
        """How many wrong times have an error bar, in words."""
        off, barred = self.gaps > CLOSE, self.bars > CLOSE
        return (
            f"Of the {off.sum()} times that are off by more than a per cent, "
            f"{(off & barred).sum()} have an error bar of more than a per cent. Of the "
            f"{(~off).sum()} others, {(~off & barred).sum()} have one."
        )


def _begun(path: NeuronPath, levels: Array) -> Array:
    """Return the times of the first jumps to below the levels."""
    return np.asarray(path.times[(path.losses[:, None] < levels).argmax(axis=0)])


def _bars(path: NeuronPath, levels: Array) -> Array:
    """Return the error bars of these times."""
    errors = path.certificates.time_error
    return np.asarray(errors[(path.losses[:, None] < levels).argmax(axis=0)])


def _valley(network: ModularAddition) -> float:
    """Return b where the slowest part of a direction's turn falls like |θ|^(−b).

    It is the least curvature of the utility on the sphere at the second neuron's rest, over κU.
    """
    path = saddles.agf.modular_addition(network, init=pure(SEEDS[0]), max_jumps=2)
    active, unit = path.neurons[1], path.directions[2][0]
    space = np.eye(unit.size) - np.outer(unit, unit)

    def turn(direction: Array) -> Array:
        slope = network.utility_gradient(direction[None], active)[0]
        return np.asarray(space @ slope)

    step = 1e-5
    growth = float(network.utility_gradient(unit[None], active)[0] @ unit)
    slopes = [(turn(unit + step * e) - turn(unit - step * e)) / (2 * step) for e in space]
    curvature = growth * space - np.array(slopes)
    rates = np.linalg.eigvalsh((curvature + curvature.T) / 2) / growth
    return float(rates[rates > 1e-3].min())


def _known(frame: pd.DataFrame) -> dict[str, Array]:
    """Return by how much times may differ elsewhere."""
    columns = [name for name in frame if name.startswith(("AGF", "flow"))]
    bars = {name: np.full(len(frame), BAR) for name in frame if name.startswith("bar")}
    return {name: 1e-4 + SAME * frame[name].to_numpy(float) for name in columns} | bars
