"""One cost step of the trainer: from a jump to the next saddle.

The neurons descend on few samples first, then on more, and superfluous ones leave. If there are
more samples still, all of them confirm that the cost has fallen. A network that only learnt the
noise of its samples is given up: the jump then refits output weights, on all samples. A saddle from
which the next neuron takes far more than a finer descent would is left as it is on few samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.optim._back import step_back
from saddles.optim._cost import (
    WORTH,
    Fit,
    Shown,
    Task,
    descend,
    growing_method,
    searches_outputs,
)
from saddles.optim._samples import Samples
from saddles.optim._score import Score
from saddles.typing import Array, Indices

__all__: list[str] = []


@dataclass(frozen=True, eq=False)
class Rested:
    """A saddle: the network on all samples, the neurons left in it, and how well they rest."""

    fit: Shown
    kept: Indices
    gradients: int
    stationarity: float


@dataclass(frozen=True, eq=False)
class CostStep:
    """The cost step of the last `entered` neurons of a network, W (H, p), with given outputs.

    The cost at the saddle before is `limit`, and the best score so far is `best`.
    """

    samples: Samples
    score: Score
    cost: str
    least: float
    W: Any
    outputs: Array
    entered: int
    limit: float
    best: float

    def rough(self) -> Rested | None:
        """Return the next saddle as few samples show it, before any neuron leaves."""
        few = self.samples.few(self.W.size)
        if few is self.samples.largest:
            return None
        fit, used = self._descended(few, self.W, self.outputs, max(self.least, WORTH))
        shown = self.samples.task.shown(fit.W, fit.outputs) if self.samples.are_many else fit
        return Rested(shown, self._all, used, few.stationarity(fit))

    def rested(self, rough: Rested | None) -> Rested:
        """Return the next saddle, if all samples confirm that the cost has fallen."""
        most, task = self.samples.largest, self.samples.task
        W, outputs = (rough.fit.W, rough.fit.outputs) if rough else (self.W, self.outputs)
        fit, used = self._descended(most, W, outputs, self.least)
        fit, kept, back = self._left(most, fit)
        gradients, stationarity = used + back, most.stationarity(fit)
        gradients += rough.gradients if rough else 0
        if most is task:
            return Rested(fit, kept, gradients, stationarity)
        shown = task.shown(fit.W, fit.outputs)
        if not shown.penalised < self.limit:
            shown, kept = task.at(self.W, self.outputs), self._all
            stationarity = most.stationarity(most.at(shown.W, shown.outputs, keep=True))
        return Rested(shown, kept, gradients, stationarity)

    @property
    def _all(self) -> Indices:
        return np.arange(len(self.W))

    def _descended(self, task: Task, W: Any, outputs: Array, least: float) -> tuple[Fit, int]:
        """Return the network after a descent on these samples, and the gradients used."""
        method = self._method(task)
        fit = task.at(W, outputs, keep=searches_outputs(task, method))
        end = descend(task, fit, method, floor=self.score.floor, least=least)
        return end.fit, end.gradients

    def _left(self, task: Task, fit: Fit) -> tuple[Fit, Indices, int]:
        """Return the network after the step back on these samples."""
        limit = self.limit
        if task is not self.samples.task:
            limit = task.at(self.W[: -self.entered]).penalised
        back = step_back(
            task,
            fit,
            self._method(task),
            floor=self.score.floor,
            passes=lambda small, large: self.score.passes(small, large, limit, self.best),
            goal=lambda large: self.score.goal(large, limit, self.best),
        )
        return back.fit, back.kept, back.gradients

    def _method(self, task: Task) -> str:
        return growing_method(self.cost, task, self.W)
