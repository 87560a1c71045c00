"""What chooses the width: the score of a network, and whether a smaller one does as well.

================  ====================================================================
code name         symbol
================  ====================================================================
``score``         validation loss; without one, the loss that is expected on new samples
``limit``         cost of the saddle before
``best``          the best score so far
================  ====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass

from saddles.optim._cost import Shown, Task

__all__: list[str] = []

#: Parameters that a unit weight counts for: it is fitted, and chosen among many directions. The
#: same factor serves knots in multivariate adaptive regression splines (Friedman, 1991).
CHOSEN = 2

#: Share by which a score must be better to count: it is no more certain than that.
PROGRESS = 0.01


@dataclass(frozen=True, eq=False)
class Score:
    """The score of networks on the samples that they were fitted to, or on those held out."""

    task: Task
    held: Task | None
    floor: float

    def of(self, fit: Shown) -> tuple[float | None, float]:
        """Return the validation loss, if there is one, and the score."""
        if self.held is not None:
            held = self.held
            loss = held.loss.value(held.features(fit.W) @ fit.outputs, held.Y)
            return loss, loss
        return None, self.task.loss.expected(fit.loss, self._parameters(fit), *fit.f.shape)

    def passes(self, small: Shown, large: Shown, limit: float, best: float) -> bool:
        """Whether a smaller network does as well as a larger one, and better than those before.

        It is better with a cost below `limit`, that of the saddle before, or with a new best score.
        One of the two falls in every jump, so no network comes twice.
        """
        if small.penalised <= self.floor:
            return True
        score = self.of(small)[1]
        return score <= self.of(large)[1] and (small.penalised < limit or betters(score, best))

    def goal(self, large: Shown, limit: float, best: float) -> float:
        """Return the largest cost with which one neuron less may pass, as far as that is known."""
        if self.held is not None:
            return limit
        size, shape = self._parameters(large, fewer=1), large.f.shape
        penalty = CHOSEN * (large.penalised - large.loss)
        as_well, new = (
            self.task.loss.allowed(score, size, *shape) + penalty
            for score in (self.of(large)[1], best)
        )
        return min(as_well, max(limit, new))

    def _parameters(self, fit: Shown, fewer: int = 0) -> int:
        """Return the parameters that a network's score counts, less those of some neurons."""
        (H, p), c = fit.W.shape, fit.f.shape[1]
        return int((H - fewer) * (CHOSEN * (p - 1) + c) + self.task.offset * c)


def betters(score: float, best: float) -> bool:
    """Whether a score is so much better than the best one that growth should go on."""
    return score < (1 - PROGRESS) * best
