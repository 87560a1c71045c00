"""How long neurons search in d dimensions: closed form, alternation and flow, up to d = 10⁶."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

import saddles
from tables.table import Check, Table, bounded

#: Activation, Hermite degree p of the target, sign of a, and log(1/α).
CASES = (
    ("relu", 1, 1.0, 20.0),
    ("relu", 2, 1.0, 20.0),
    ("quadratic", 2, 1.0, 10.0),
    ("cubic", 3, 1.0, 10.0),
    ("relu", 4, -1.0, 20.0),
)
#: Dimensions, of which the flow is followed in the first ones.
DIMENSIONS, FLOWED = (1e2, 1e4, 1e6), 2
#: Local error of the flow, and by how many units of t it is followed beyond the norm 1.
RTOL, LATER = 1e-8, 0.5
#: AGF follows its neuron by steps, and so does the flow.
CLOSED, FLOW = 1e-7, 1e-5
#: Laws in d have a next term, of the order of v(0).
LAW = 0.02


def build() -> Table:
    """Return the table."""
    cases = [_Case(*case) for case in CASES]
    frame = pd.concat([case.rows() for case in cases], ignore_index=True)
    return Table(
        name="search",
        title="Searching for one direction in d dimensions",
        text=(
            "How much later does a neuron activate in more dimensions? The target is He_p of one "
            "of d coordinates, so p is its information exponent. One neuron starts balanced, with "
            "the overlap 1/sqrt(d) with this coordinate. log(1/alpha) is 20 for ReLU and 10 for "
            "the other activations.\n\n"
            "The time by `search_time` is the scaled time at which the norm of the neuron is 1. "
            "The next columns are the relative differences of AGF and of gradient flow from it, "
            "for gradient flow with d up to 10^4. The flow's time is the one at which the loss is "
            "halfway between its plateaus, less its value for d = 100, since the drop takes the "
            "same time in every dimension. The last two columns say how the time grows from 10^4 "
            "to 10^6: by the law for large d, and by `search_time`. For p = 2 they are the "
            "increase of the time for each factor e of d, and for p > 2 the power of d.\n\n"
            "Times are t/log(1/alpha) for ReLU, t alpha for quadratic and t alpha^2 for cubic "
            "neurons. For ReLU the scaled time has the same limit, alpha to 0, in every "
            "dimension. For p = 4 this limit is far away at the alpha of the table: with d = 10^6 "
            "the search takes thousands of times as long as the growth."
        ),
        frame=frame,
        checks=(
            Check("AGF's times against the closed form", max(c.agf for c in cases), CLOSED),
            Check("flow's dependence on d against it", max(c.flow for c in cases), FLOW),
            Check("growth from d = 1e4 to 1e6, from its law", max(c.off for c in cases), LAW),
        ),
        figure=_figure(cases),
        caption=(
            "Scaled time against d, relative to the time with overlap 1. For information exponent "
            "1 it does not grow. For 2 it grows like log d, for 3 like the square root of d, and "
            "for 4 like d. Dots are gradient flow."
        ),
    )


class _Case:
    """One activation and one degree, in all dimensions."""

    def __init__(self, activation: str, p: int, sign: float, size: float) -> None:
        self.activation, self.p, self.log_alpha = activation, p, -size
        runs = [self._run(sign, d) for d in DIMENSIONS]
        self.times = np.array([self.time(d**-0.5) for d in DIMENSIONS])
        self.paths = np.array([path.times[1] for path in runs])
        halves = np.array([self._half(path) for path in runs[:FLOWED]])
        closed = self.times[:FLOWED]
        self.flowed = halves - halves[0] + closed[0]
        self.agf = float(np.abs(self.paths / self.times - 1).max())
        self.flow = float(np.abs(self.flowed / closed - 1).max())
        self.law, self.growth = self._growth()
        self.off = abs(self.growth / self.law - 1) if self.law else abs(self.growth)

    def _run(self, sign: float, d: float) -> Any:
        """Return AGF's path of one neuron that has the overlap 1/√d."""
        link = [*[0.0] * self.p, 1.0]
        path = saddles.agf.single_index(
            link,
            activation=self.activation,
            overlaps=[[d**-0.5]],
            signs=[sign],
            log_alpha=self.log_alpha,
            max_jumps=1,
        )
        self.k = path.network.degree - 1
        known = path.network.activation.hermite(self.p)[self.p]
        self.mu = sign * float(known) * math.factorial(self.p)
        return path

    def time(self, v0: float) -> float:
        """Return the scaled time of a search."""
        return saddles.agf.search_time(self.k, self.p, self.mu, v0, log_alpha=self.log_alpha)

    @property
    def unit(self) -> float:
        """Scaled time over t."""
        return -1 / self.log_alpha if self.k == 1 else math.exp((self.k - 1) * self.log_alpha)

    def _half(self, path: Any) -> float:
        """Return when the flow's loss is halfway down its drop."""
        until = path.times[1] + LATER * self.unit
        flow = saddles.flow.neurons(
            path.network, path.init, log_alpha=self.log_alpha, until=until, rtol=RTOL
        )
        return float(flow.crossing_times([path.losses[:2].mean()])[0])

    def _growth(self) -> tuple[float, float]:
        """Return the law and what the last two times say: a power, or a slope over log d."""
        last, factor = self.times[1:], DIMENSIONS[2] / DIMENSIONS[1]
        if self.p == 1:
            return 0.0, math.log(last[1] / last[0]) / math.log(factor)
        if self.p == 2:
            k = self.k
            speed = k ** (k / 2) * (k + 1) ** ((1 - k) / 2) * self.mu
            law = k / (4 * speed) * (self.unit if k == 1 else 1.0)
            return law, (last[1] - last[0]) / math.log(factor)
        searched = last - (1 / self.mu if self.k == 1 else 0.0)
        return self.p / 2 - 1, math.log(searched[1] / searched[0]) / math.log(factor)

    def rows(self) -> pd.DataFrame:
        """Return one row per dimension."""
        flow = [*bounded(self.flowed, self.times[:FLOWED], FLOW), ""]
        return pd.DataFrame(
            {
                "activation": self.activation,
                "p": self.p,
                "d": [f"1e{round(math.log10(d))}" for d in DIMENSIONS],
                "search_time": self.times,
                "AGF": bounded(self.paths, self.times, CLOSED),
                "flow": flow,
                "law": ["", "", f"{self.law:.4f}"],
                "growth": ["", "", f"{self.growth:.4f}"],
            }
        )


def _figure(cases: list[_Case]) -> Any:
    """Draw the times against d."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    grid = np.geomspace(2, 1e6, 60)
    for case in cases:
        alone = case.time(1.0)
        label = f"{case.activation}, p = {case.p}"
        (line,) = axes.plot(grid, [case.time(d**-0.5) / alone for d in grid], label=label)
        axes.plot(DIMENSIONS[:FLOWED], case.flowed / alone, "o", color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="time / time with overlap 1")
    axes.legend()
    return figure
