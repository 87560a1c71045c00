"""A comparison of a training run in words and numbers: a table, lines below it, a record.

=============  ============================================================================
column         what it shows
=============  ============================================================================
``limit``      the path of a vanishing initial scale
``flow``       gradient flow at the run's own scale
``measured``   the run
``off ...``    the run's jump time beside either
=============  ============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

import saddles
from saddles._cli.output import numbers, reached
from saddles._compare.resolution import joined_jumps
from saddles._result.path import SaddlePath

__all__ = ["comparison_lines", "comparison_record", "comparison_table", "moves"]

#: Set behind the loss of a plateau that the initial scale is too large to show.
SHORT = "*"


def comparison_table(
    comparison: saddles.Comparison, names: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """Return the columns and rows of the table of a comparison, for features of these `names`."""
    found, flow = comparison.path, comparison.flow
    missing = np.full(len(found), math.nan)
    flowed = missing[1:] if flow is None else flow.measured
    times = np.stack([comparison.predicted, flowed, comparison.measured], axis=1)
    errors = np.stack([comparison.time_errors, comparison.flow_errors], axis=1)
    times, errors = np.vstack([np.zeros(3), times]), np.vstack([np.full(2, math.nan), errors])
    levels = missing if flow is None else flow.levels
    losses = np.stack([found.losses, levels, comparison.levels], axis=1)
    rows = [
        [
            str(k),
            moves(found, k, names)[0],
            *(_number(time) for time in times[k, :2]),
            reached(times[k, 2]),
            *(_share(error) for error in errors[k]),
            *(_number(loss) for loss in losses[k, :2]),
            reached(losses[k, 2]),
        ]
        for k in range(len(found))
    ]
    for row, resolved in zip(rows, comparison.resolved, strict=True):
        row[-1] += "" if resolved else SHORT
    of_times = ["limit", "flow", "measured", "off limit", "off flow"]
    return ["jump", "<entered", *of_times, "loss", "flow", "measured"], rows


def comparison_lines(comparison: saddles.Comparison) -> Iterator[str]:
    """Yield what the reader of the table has to know besides."""
    jumps = cast(saddles.Run, comparison.other).jumps()
    where = f" at {', '.join(f'{time:.6g}' for time in jumps.times)}" if len(jumps) else ""
    yield f"In the log alone: {len(jumps)} jump{'' if len(jumps) == 1 else 's'}{where}."
    bunches = [
        f"{first} {'and' if end == first + 1 else 'to'} {end}"
        for first, end in joined_jumps(comparison.resolved)
        if end > first
    ]
    if bunches:
        yield (
            f"{SHORT} The plateau is shorter than this initial scale resolves: jumps "
            f"{', '.join(bunches)} run into each other, even in a correct run."
        )
    if np.isnan(comparison.measured).any():
        yield "not reached: the log ends (or begins) before that jump."


def comparison_record(comparison: saddles.Comparison) -> dict[str, Any]:
    """Return the numbers of a comparison for JSON, null for what was not seen."""
    jumps, flow = cast(saddles.Run, comparison.other).jumps(), comparison.flow
    columns = {
        "predicted_times": comparison.predicted,
        "measured_times": comparison.measured,
        "time_errors": comparison.time_errors,
        "predicted_losses": comparison.path.losses,
        "measured_losses": comparison.levels,
        "coefficient_errors": comparison.beta_errors,
        "times_in_log": jumps.times,
        "losses_in_log": jumps.losses,
    }
    if flow is not None:
        columns |= {
            "flow_times": flow.measured,
            "flow_losses": flow.levels,
            "flow_errors": comparison.flow_errors,
        }
    record: dict[str, Any] = {name: numbers(column) for name, column in columns.items()}
    return record | {"resolved": comparison.resolved.tolist()}


def moves(found: SaddlePath, k: int, names: Sequence[str]) -> tuple[str, str]:
    """Return who entered and who left in a jump."""
    entered, left = (
        ", ".join(names[i] for i in units) or "-" for units in (found.entered[k], found.left[k])
    )
    return entered, left


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.6g}"


def _share(error: float) -> str:
    return "-" if math.isnan(error) else f"{error:+.1%}"
