"""Which columns of a training log hold steps and losses, whoever wrote it.

=====================  ==================================================================
written by             headers
=====================  ==================================================================
`saddles.Recorder`     ``step,loss``
a loop of your own     ``Step,Loss`` or ``iteration,train_loss``; ``time`` of gradient flow
Keras                  ``epoch,loss,val_loss``
Lightning              ``epoch,step,train_loss``, where a loss is blank in some rows
TensorBoard            ``Wall time,Step,Value``
Weights & Biases       ``Step,run - loss,run - loss__MIN,run - loss__MAX``
=====================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LogColumns", "claims", "find_columns"]

#: Names of columns that count steps, the first that is there.
STEPS = (
    *("step", "steps", "_step", "global_step", "global step", "trainer/global_step"),
    *("iteration", "iterations", "iter", "epoch", "epochs"),
)

#: Names of columns of losses, the first that is there.
LOSSES = (
    *("loss", "train_loss", "train/loss", "train loss", "loss/train"),
    *("training_loss", "training loss", "value"),
)


@dataclass(frozen=True)
class LogColumns:
    """Where a log has its steps and losses.

    Attributes
    ----------
    clock : str
        The column of steps or of times.
    kind : {"step", "time"}
        Which of the two.
    loss : str
        The column of losses.
    """

    clock: str
    kind: str
    loss: str

    @property
    def counts_epochs(self) -> bool:
        """Whether its steps are epochs."""
        return self.kind == "step" and _plain(self.clock).startswith("epoch")


def find_columns(names: Iterable[Any], log: str) -> LogColumns:
    """Return the columns of a log with these names.

    Parameters
    ----------
    names : iterable
        The columns' names.
    log : str
        What the message calls the log.

    Raises
    ------
    ValueError
        If there are none, or several of which any may be meant.
    """
    names = list(names)
    have = f"it has {', '.join(map(repr, names))}"
    steps, times = _first(names, STEPS), _first(names, ("time",))
    if len(steps) + len(times) != 1:
        raise ValueError(f"{log} must have a column 'step' or a column 'time'; {have}.")
    losses = _first(names, LOSSES)
    if len(losses) != 1:
        which = "one column 'loss', not several" if losses else "a column 'loss'"
        raise ValueError(f"{log} must have {which}; {have}.")
    return LogColumns((steps + times)[0], "step" if steps else "time", losses[0])


def claims(name: str, kind: str) -> bool:
    """Tell whether a column is, by its name, of the kind: "step" (or time) or "loss"."""
    return _plain(name) in (LOSSES if kind == "loss" else (*STEPS, "time"))


def _first(names: Sequence[Any], known: Sequence[str]) -> list[Any]:
    """Return the columns that bear the first of the known names that is there."""
    for wanted in known:
        if exact := [name for name in names if name == wanted]:
            return exact
        if found := [name for name in names if _plain(name) == wanted]:
            return found
    return []


def _plain(name: Any) -> str:
    """Return a name in lower case, without the name of a run before it."""
    return str(name).strip().lower().rpartition(" - ")[2]
