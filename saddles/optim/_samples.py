"""How many samples each part of the trainer works on.

Few neurons have few parameters, and need few samples. A descent begins on a number of samples in
proportion to the parameters, and ends on at most `most` of them. All samples have the last word on
whether the cost has fallen, so they are passed through a few times only.

================  ====================================================================
code name         symbol
================  ====================================================================
``most``          the largest number of samples that a descent sees, ``batch_size``
``chance``        utility of the best direction of one neuron, where all that is left is noise
================  ====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from saddles.optim._cost import Task, enough
from saddles.optim._score import CHOSEN
from saddles.typing import Indices

__all__: list[str] = []


@dataclass(frozen=True, eq=False)
class Samples:
    """All samples, and nested random choices of them."""

    task: Task
    most: int
    seed: int

    @cached_property
    def largest(self) -> Task:
        """Return the most samples that a descent sees."""
        return self.some(self.most)

    @cached_property
    def chosen(self) -> Indices:
        """Return the rows of these samples."""
        return np.sort(self._order)

    def few(self, parameters: int) -> Task:
        """Return as many samples as a first descent over this number of parameters needs."""
        rows = self.rows(parameters)
        return self.some(rows) if rows < self.most else self.largest

    def rows(self, parameters: int) -> int:
        """Return the number of these samples; all that there may be if it is not far below."""
        return enough(parameters, min(self.most, len(self.task.X)))

    def some(self, rows: int) -> Task:
        """Return a task with at most this number of samples."""
        task = self.task
        if rows >= len(task.X):
            return task
        chosen = np.sort(self._order[:rows])
        return replace(task, X=np.asarray(task.X[chosen]), Y=task.Y[chosen])

    @property
    def are_many(self) -> bool:
        """Whether descents leave samples out."""
        return self.largest is not self.task

    def clear(self, parameters: int) -> float:
        """Return the utility above which a neuron does more than a descent on more samples.

        Its square is the share of the squared loss that the neuron takes. A descent over some
        parameters on few samples leaves a share of parameters over samples. Where no samples are
        left out there is no such utility.
        """
        if not self.are_many:
            return math.inf
        return math.sqrt(max(parameters, 1) / len(self.few(parameters).X))

    @cached_property
    def _order(self) -> Indices:
        """Return the order in which samples are chosen."""
        n = len(self.task.X)
        draw = np.random.default_rng(self.seed)
        return draw.choice(n, min(self.most, n), replace=False)

    @property
    def chance(self) -> float:
        """Return the utility that noise has in the largest descent, if that leaves samples out.

        Its square is the share of the squared loss that the parameters of one neuron take away from
        noise. No descent on these samples could tell such a decrease from noise.
        """
        n, p = len(self.largest.X), self.task.X.shape[1]
        return math.sqrt(CHOSEN * p / n) if self.are_many else 0.0
