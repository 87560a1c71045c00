"""One cost step of the trainer: from a jump to the next saddle.

The neurons descend on few samples first, then on more, and superfluous ones leave. If there are
more samples still, all of them confirm that the cost has fallen. A network that only learnt the
noise of its samples is given up: the jump then refits output weights, on all samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.optim._back import step_back
from saddles.optim._cost import Fit, Task, chosen_method, descend, searches_outputs
from saddles.optim._samples import Samples
from saddles.optim._score import Score
from saddles.typing import Array, Indices

__all__: list[str] = []


@dataclass(frozen=True, eq=False)
class Rested:
    """A saddle: the network on all samples, the neurons left in it, and how well they rest."""

    fit: Fit
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

    def rested(self) -> Rested:
        """Return the next saddle."""
        task, most = self.samples.task, self.samples.largest
        few = self.samples.few(self.W.size)
        fit, gradients = self._descended(few, self.W, self.outputs)
        if few is not most:
            fit, used = self._descended(most, fit.W, fit.outputs)
            gradients += used
        fit, kept, used = self._left(most, fit)
        gradients, stationarity = gradients + used, most.stationarity(fit)
        if most is not task:
            fit = task.at(fit.W, fit.outputs)
            if not fit.penalised < self.limit:
                fit, kept = task.at(self.W, self.outputs), np.arange(len(self.W))
                stationarity = task.stationarity(fit)
        return Rested(fit, kept, gradients, stationarity)

    def _descended(self, task: Task, W: Any, outputs: Array) -> tuple[Fit, int]:
        """Return the network after a descent on these samples, and the gradients used."""
        method = self._method(task)
        fit = task.at(W, outputs, keep=searches_outputs(task, method))
        end = descend(task, fit, method, floor=self.score.floor, least=self.least)
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
        return chosen_method(self.cost, task, self.W)
