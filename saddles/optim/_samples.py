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

from saddles.optim._cost import Task
from saddles.optim._score import CHOSEN
from saddles.typing import Indices

__all__: list[str] = []

#: Samples per parameter of a first descent: their noise then adds a fortieth to the loss on others.
EACH = 40

#: Samples below which fewer are no quicker.
LEAST = 4096


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

    def few(self, parameters: int) -> Task:
        """Return as many samples as a first descent over this number of parameters needs."""
        rows = self.rows(parameters)
        return self.some(rows) if rows < self.most else self.largest

    def rows(self, parameters: int) -> int:
        """Return the number of these samples; all that there may be if it is not far below."""
        rows, most = max(LEAST, EACH * parameters), min(self.most, len(self.task.X))
        return rows if 2 * rows < most else most

    def some(self, rows: int) -> Task:
        """Return a task with at most this number of samples."""
        task = self.task
        if rows >= len(task.X):
            return task
        chosen = np.sort(self._order[:rows])
        return replace(task, X=task.X[chosen], Y=task.Y[chosen])

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
        return math.sqrt(CHOSEN * p / n) if n < len(self.task.X) else 0.0
