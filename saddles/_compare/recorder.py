"""Training logs: a recorder for loops of your own, and reading what others wrote.

A log is a table with a column ``step`` or ``time``, a column ``loss`` (`log_columns` knows what
others call them) and, if wanted, one column per coefficient of the function that the network
computes: ``beta[0]``, ``beta[1]`` ... Whatever else it holds (validation losses) is left alone.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saddles import checks
from saddles._compare.log_columns import find_columns
from saddles._tools.csv_table import CsvTable
from saddles.typing import Array

__all__ = ["Recorder"]

#: What to do about a loss that is no number.
DIVERGED = "if training diverged, end the log before that row"


class Recorder:
    """Keep the losses (and coefficients) of a training loop, to compare them with a prediction.

    Works in any loop: losses and coefficients may be numbers, arrays or torch tensors (on any
    device, with or without gradients); torch itself is not needed.

    Parameters
    ----------
    every : int, default=1
        Keep one step in `every` and pass over the others, so that a tensor on a far device is not
        fetched. Call `record` at every step nevertheless, or pass the step: it counts its calls.
        A jump should last many of the steps that are kept.

    Examples
    --------
    In a torch loop, for a module that computes ``x @ (u * v)``:

    ``recorder.record(loss, u * v)``

    before ``loss.backward()``, so that step 0 is the initialisation. Here in numpy:

    >>> import numpy as np, saddles
    >>> X, y = np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([1.0, 1.0])
    >>> u, v, recorder = np.full(2, 1e-6), np.zeros(2), saddles.Recorder(every=10)
    >>> for step in range(4000):
    ...     residual = y - X @ (u * v)
    ...     recorder.record(residual @ residual / (2 * len(y)), u * v)
    ...     pull = X.T @ residual / len(y)
    ...     u, v = u + 0.01 * pull * v, v + 0.01 * pull * u
    >>> recorder
    <Recorder: 400 entries until step 3990, 2 coefficients>
    >>> path = saddles.pesme_flammarion(X, y)
    >>> run = saddles.compare_run(path, recorder, log_alpha=np.log(1e-6), learning_rate=0.01)
    >>> run.same_jumps, run.predicted.tolist(), run.measured.round(2).tolist()
    (True, [1.0, 2.0], [1.0, 2.04])
    """

    def __init__(self, *, every: int = 1) -> None:
        self.every = checks.whole_number(every, "every", least=1)
        self._next = 0
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._betas: list[Array] = []

    def record(self, loss: Any, coefficients: Any = None, *, step: int | None = None) -> None:
        """Keep one step of training.

        Parameters
        ----------
        loss : float, array or tensor of shape ()
            The training loss before this step's update.
        coefficients : array or tensor, optional
            The function-space point (β of a linear model, the matrix of a matrix problem); always
            or never, and always of one shape.
        step : int, optional
            Number of updates made so far; by default the number of calls before this one.

        Raises
        ------
        TypeError, ValueError
            If the loss is not a finite number (training has diverged), steps do not increase, or
            coefficients come and go or change their shape.
        """
        step = self._next if step is None else checks.whole_number(step, "step")
        if step < self._next:
            raise ValueError(f"step={step}: steps must increase; the next one may be {self._next}.")
        self._next = step + 1
        if step % self.every:
            return
        value = _trained(loss, "loss", step)
        if value.size != 1:
            raise ValueError(f"loss has shape {value.shape}; pass one number per step.")
        if self._losses and (coefficients is None) == bool(self._betas):
            raise ValueError(f"step {step}: pass coefficients at every step, or at none.")
        if coefficients is not None:
            point = np.array(_trained(coefficients, "coefficients", step))
            if self._betas and point.shape != self._betas[0].shape:
                raise ValueError(
                    f"step {step}: coefficients have shape {point.shape}, and had "
                    f"{self._betas[0].shape} before; record one model per recorder."
                )
            self._betas.append(point)
        self._steps.append(step)
        self._losses.append(float(value.reshape(())))

    def __len__(self) -> int:
        """Return the number of entries kept."""
        return len(self._steps)

    def __repr__(self) -> str:
        count = self._betas[0].size if self._betas else 0
        until = f" until step {self._steps[-1]}" if self._steps else ""
        return f"<Recorder: {len(self)} entries{until}, {count or 'no'} coefficients>"

    def columns(self) -> dict[str, Array]:
        """Return the log as columns: ``step``, ``loss``, and ``beta[i]`` in row-major order."""
        if not self._steps:
            raise ValueError("nothing is recorded yet; call record(loss) in the training loop.")
        columns = {"step": np.array(self._steps, dtype=float), "loss": np.array(self._losses)}
        if self._betas:
            flat = np.array(self._betas).reshape(len(self), -1)
            columns |= dict(zip(beta_names(flat.shape[1]), flat.T, strict=True))
        return columns

    def save(self, file: str | Path) -> None:
        """Write the log to `file` as CSV; ``saddles compare`` and `compare_run` read it."""
        columns = self.columns()
        with Path(file).open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(columns)
            for row in zip(*(column.tolist() for column in columns.values()), strict=True):
                writer.writerow([int(row[0]), *map(repr, row[1:])])


def _trained(value: Any, name: str, step: int) -> Array:
    """Return what a step of training gives as an array, or say that training has diverged."""
    try:
        return checks.real_array(value, name, None)
    except ValueError:
        numbers = checks.numbers(value, name).astype(np.float64)
        if not numbers.size or np.abs(numbers).max() <= checks.LARGEST:
            raise
        worst = float(numbers[~(np.abs(numbers) <= checks.LARGEST)][0])
        raise ValueError(
            f"step {step}: {name}={worst!r}, so training has diverged; lower the learning rate, "
            "or stop recording before this step."
        ) from None


def beta_names(count: int) -> list[str]:
    """Return the names of columns of coefficients."""
    return [f"beta[{index}]" for index in range(count)]


def read_log(log: Any, names: Sequence[str]) -> tuple[str, Array, Array, Array | None]:
    """Return a log's clock ("step" or "time"), times (m,), losses (m,) and coefficients (m, p).

    Parameters
    ----------
    log : Recorder, mapping, data frame, or path of a CSV file
        The log.
    names : sequence of str
        Names of the columns of coefficients; None is returned if the log has none of them.
    """
    if isinstance(log, str | Path | CsvTable):
        table = log if isinstance(log, CsvTable) else CsvTable.read(Path(log))
        found, betas = find_columns(table.header, str(table.file)), _betas(table.header, names)
        table = table.where_filled(found.loss)
        columns = table.numbers([found.clock, found.loss, *betas], {found.loss: f"; {DIVERGED}"})
        places = [f"{table.file}, row {line}: " for line, _ in table.rows]
    else:
        source = log.columns() if isinstance(log, Recorder) else log
        if not isinstance(source, Mapping) and not hasattr(source, "iloc"):
            raise TypeError(
                f"log={checks.show(log)} must be a saddles.Recorder, a mapping or data frame of "
                "columns, or the path of a CSV file."
            )
        found, betas = find_columns(source, "log"), _betas(list(source), names)
        read = (found.clock, found.loss, *betas)
        wanted = [checks.real_array(source[name], name, 1, remedy=DIVERGED) for name in read]
        for name, column in zip(read[1:], wanted[1:], strict=True):
            checks.same_length(wanted[0], found.clock, column, name)
        columns, places = np.stack(wanted, axis=1), [""] * len(wanted[0])
    times = columns[:, 0]
    _check_times(times, found.clock, places)
    if found.counts_epochs:
        warnings.warn(
            f"the log counts in {found.clock!r}: each epoch is taken for one step of descent; if "
            "it is more, multiply the column.",
            stacklevel=3,
        )
    return found.kind, times, columns[:, 1], columns[:, 2:] if betas else None


def _betas(found: list[Any], names: Sequence[str]) -> list[str]:
    """Return the names of the coefficients if they are there, or say which is missing."""
    betas = [name for name in names if name in found]
    if betas and len(betas) < len(names):
        missing = next(name for name in names if name not in found)
        raise ValueError(
            f"the log has a coefficient {betas[0]!r} but no {missing!r}; log all {len(names)} "
            "coefficients of the prediction, or none."
        )
    return betas


def _check_times(times: Array, clock: str, places: Sequence[str]) -> None:
    """Raise unless times are finite, at least 0 and increasing, and enough for a curve.

    `places` say where each of them stands, for messages.
    """
    if len(times) < 3:
        rows = "one row" if len(times) == 1 else f"{len(times)} rows"
        raise ValueError(f"the log has {rows}; a staircase takes many more.")
    if not (times[0] >= 0 and math.isfinite(times[-1])):
        raise ValueError(
            f"{places[0]}{clock}={float(times[0])!r}: times start at 0 and are finite."
        )
    if not (increasing := np.diff(times) > 0).all():
        where = int(np.argmin(increasing))
        raise ValueError(
            f"{places[where + 1]}{clock}={float(times[where + 1])!r} follows {clock}="
            f"{float(times[where])!r}; it must increase from row to row, so sort the log and keep "
            "one run."
        )
