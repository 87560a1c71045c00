"""What the trainer is asked for, and what it shows of each saddle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles._result.path import Saddle
from saddles.optim._cost import FALL, LATE, SMALL
from saddles.optim._network import Network
from saddles.typing import Array

__all__ = ["Step"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """What the user asked for; see `AGF`."""

    max_neurons: int
    starts: int | Array
    criterion: str
    cost: str
    ridge: float
    per_jump: int
    patience: int | None
    batch_size: int
    seed: int

    @property
    def growing(self) -> str:
        """Return how costs are minimised while the network grows."""
        return "outputs" if self.cost == LATE else self.cost

    @property
    def last(self) -> str:
        """Return how the cost of the chosen network is minimised."""
        return "auto" if self.cost == LATE else self.cost

    @property
    def least(self) -> float:
        """Return how finely costs descend: whoever follows utilities looks at the saddles."""
        return FALL if self.criterion == "utility" else SMALL

    def check_starts(self, size: int) -> None:
        """Raise unless starts that are given have `size` entries each."""
        if isinstance(self.starts, np.ndarray) and self.starts.shape[1] != size:
            raise ValueError(
                f"starts has shape {self.starts.shape}; unit weights have {size} entries here, so "
                f"it must be (S, {size}): the columns of X, and one more for the bias if there is "
                "one."
            )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Step(Saddle):
    """One saddle of the trainer: `time` counts jumps, and `beta` is f on the samples (n, c).

    Attributes
    ----------
    network : Network
        The network there.
    utility : float
        Utility of the neuron that became active; 0 at the start.
    penalised : float
        The loss with its penalty. Every jump lowers it, or reaches a new best score.
    validation : float or None
        Loss on the validation samples, if there are any.
    score : float
        Validation loss; without one, the loss that generalised cross-validation expects.
    gradients : int
        Gradients of single neurons so far, each over all samples used.
    seconds : float
        Processor time so far.
    """

    network: Network
    utility: float
    penalised: float
    validation: float | None
    score: float
    gradients: int
    seconds: float

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return len(self.active)
