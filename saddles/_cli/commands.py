"""What each command computes and prints."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import saddles
from saddles import checks, implicit_bias, neuron
from saddles._cli.compared import comparison_lines, comparison_record, comparison_table, moves
from saddles._cli.data import Data, Log, Source
from saddles._cli.judges import Judge, by_agf, by_exact_arithmetic, by_gradient_flow
from saddles._cli.output import AGREES, DISAGREES, UNDECIDED, Output, numbers
from saddles._cli.picture import check_picture, draw
from saddles._compare.diagnosis import LOSSES, Words
from saddles._compare.training_run import compared
from saddles._numerics.watch import OutOfTime, share
from saddles._result.path import PathError, SaddlePath
from saddles._tools.file_kinds import STANDARD_INPUT
from saddles.status import Status
from saddles.typing import Array

__all__ = ["bias", "compare", "path", "verify"]

#: How warnings of a comparison name the options.
SHELL = Words("--learning-rate", "--loss", lambda name, factor: f"--loss {name}")

#: If a path was cut short, the flow compared with it goes on to this multiple of its last time.
BEYOND = 2.0

#: Weights of a single neuron below exp(-150) act as zero: their squares vanish beside the data.
SMALLEST_LOG_WEIGHT = -150.0

#: Share of the target that rounding leaves unexplained.
ATTAINED = 1e-10


def path(
    output: Output,
    file: Source,
    target: str,
    *,
    standardize: bool,
    depth: int | None,
    init: str | None,
    max_jumps: int | None,
    log_alpha: float | None,
    learning_rate: float | None,
    loss: str,
    plot: Path | None,
) -> None:
    """Run ``saddles path``."""
    check_picture(plot)
    if learning_rate is not None and not 0 < learning_rate < math.inf:
        raise ValueError(f"--learning-rate={learning_rate!r}: it must be above 0 and finite.")
    weights = None if init is None else _numbers(init)
    data = Data.read(file, target, standardize=standardize)
    found = saddles.diagonal_network(data.X, data.y, depth=depth, init=weights, max_jumps=max_jumps)
    clocks, factor = {"time": found.times}, LOSSES[loss](len(data.y))
    if log_alpha is not None:
        clocks["physical"] = found.physical_times(log_alpha) / factor
    if learning_rate is not None:
        clocks["step"] = clocks["physical"] / learning_rate
    kept = zip(("times", "physical_times", "steps"), clocks.values(), strict=False)
    record = found.to_dict() | {name: numbers(times) for name, times in kept}
    output.record(record | {"features": data.names})
    rows = [
        [
            str(k),
            *(f"{times[k]:.6g}" for times in clocks.values()),
            *moves(found, k, data.names),
            f"{found.losses[k]:.6g}",
        ]
        for k in range(len(found))
    ]
    output.table(["jump", *clocks, "<entered", "<left", "loss"], rows)
    output.line(found.message)
    shown = found if log_alpha is None else replace(found, times=found.times / factor)
    draw(shown, data, plot, log_alpha=log_alpha)


def _numbers(init: str) -> list[float]:
    """Return the numbers of ``--init 1,1,0``."""
    try:
        return [float(part) for part in init.split(",")]
    except ValueError:
        raise ValueError(
            f"--init={init!r}: it must be numbers with commas between them, one a layer: 1,1,0."
        ) from None


def verify(
    output: Output,
    file: Source,
    target: str,
    log_alpha: float,
    standardize: bool,
    max_jumps: int | None,
    plot: Path | None,
) -> int:
    """Run ``saddles verify`` and return its exit status."""
    check_picture(plot)
    log_alpha = checks.log_scale(log_alpha, allow_limit=False)
    data = Data.read(file, target, standardize=standardize)
    with share(1 / 2):
        found = saddles.pesme_flammarion(data.X, data.y, max_jumps=max_jumps)
    judges = _judged(found, data, log_alpha)
    in_time = found.status is not Status.TIME_LIMIT
    status = _exit_status({judge.verdict for judge in judges}, in_time)
    output.record(
        {
            "features": data.names,
            "times": found.times.tolist(),
            "agrees": status == AGREES,
            "judges": [_judge_record(judge) for judge in judges],
        }
    )
    rows = [
        [
            str(k),
            f"{found.times[k]:.6g}",
            *moves(found, k, data.names),
            *(_error(judge.time_errors[k - 1]) for judge in judges),
        ]
        for k in range(1, len(found))
    ]
    names = [judge.name for judge in judges]
    output.table(["jump", "time", "<entered", "<left", *names], rows)
    for judge in judges:
        output.line(_sentence(judge))
    if not in_time:
        output.line(found.message)
    if plot is not None:
        flow = _flow(found, data, log_alpha)
        draw(found if flow is None else saddles.compare(found, flow), data, plot)
    return status


def _judged(found: SaddlePath, data: Data, log_alpha: float) -> list[Judge]:
    """Ask every judge; each gets an equal share of the time that is left."""
    ways = (by_exact_arithmetic, by_agf, by_gradient_flow)
    judges = []
    for waiting, ask in zip((3, 2, 1), ways, strict=True):
        with share(1 / waiting):
            judges.append(ask(found, data, log_alpha))
    return judges


def _exit_status(verdicts: set[str], in_time: bool) -> int:
    """Return the exit status that says these verdicts on a path, found in time or not."""
    if "disagrees" in verdicts:
        return DISAGREES
    return AGREES if in_time and "undecided" not in verdicts else UNDECIDED


def compare(
    output: Output,
    run_file: Log,
    data_file: Source,
    target: str,
    *,
    log_alpha: float,
    learning_rate: float | None,
    loss: str,
    standardize: bool,
    max_jumps: int | None,
    plot: Path | None,
) -> None:
    """Run ``saddles compare``."""
    check_picture(plot)
    if run_file.file == data_file.file == STANDARD_INPUT:
        raise ValueError("RUN.csv and --data cannot both be standard input.")
    data = Data.read(data_file, target, standardize=standardize)
    with share(1 / 2):
        found = saddles.pesme_flammarion(data.X, data.y, max_jumps=max_jumps)
    log = run_file.table()
    known = set(log.header) - {"step", "time", "loss"}
    flow = _flow(found, data, checks.log_scale(log_alpha, allow_limit=False))
    comparison = compared(
        found,
        log,
        log_alpha=log_alpha,
        learning_rate=learning_rate,
        loss_factor=LOSSES[loss](len(data.y)),
        flow=flow,
        names=data.names if known & set(data.names) else None,
        words=SHELL,
    )
    output.record(comparison_record(comparison) | {"features": data.names})
    output.table(*comparison_table(comparison, data.names))
    for line in comparison_lines(comparison):
        output.line(line)
    draw(comparison, data, plot)


def bias(
    output: Output,
    file: Source,
    target: str,
    log_alpha: float,
    delta: float,
    seed: int,
    standardize: bool,
) -> None:
    """Run ``saddles bias``."""
    log_alpha = checks.log_scale(log_alpha, allow_limit=False)
    data = Data.read(file, target, standardize=standardize)
    X, least = data.X, np.linalg.lstsq(data.X, data.y)[0]
    fit = X @ least
    left_over = float(np.linalg.norm(data.y - fit) / (np.linalg.norm(data.y) or 1.0))
    ends = {
        "least l1": implicit_bias.l1(X, fit),
        f"diagonal at {log_alpha:g}": implicit_bias.diagonal(X, fit, log_alpha=log_alpha),
    }
    a0, w0 = _weights(len(data.names), log_alpha, checks.finite_number(delta, "delta"), seed)
    theorem = implicit_bias.single_neuron(X, fit, beta0=a0 * w0, delta=delta)
    real = neuron.limit(X, fit, a0=a0, w0=w0)
    ends[f"neuron at {log_alpha:g}"] = theorem
    output.record(
        {
            "features": data.names,
            "log_alpha": log_alpha,
            "unexplained": left_over,
            "ends": {
                kind: {"beta": end.beta.tolist(), "unique": end.unique, "gap": float(end.gap)}
                for kind, end in zip(("l1", "diagonal", "neuron"), ends.values(), strict=True)
            },
            "neuron": {
                "a0": a0,
                "w0": w0.tolist(),
                "delta": delta,
                "applies": real.applies,
                "message": real.message,
                "beta": numbers(real.beta),
            },
        }
    )
    rows = [
        [name, *(f"{end.beta[i]:.6g}" for end in ends.values())]
        for i, name in enumerate(data.names)
    ]
    norms = [f"{np.abs(end.beta).sum():.6g}" for end in ends.values()]
    output.table(["<column", *ends], [*rows, ["(l1 norm)", *norms]])
    for note in _notes(left_over, ends["least l1"].unique, real):
        output.line(note)


def _weights(size: int, log_alpha: float, delta: float, seed: int) -> tuple[float, Array]:
    """Return a single neuron's a0 and w0 (d,): the smaller is α, and a0² − |w0|² is δ."""
    alpha = math.exp(max(log_alpha, SMALLEST_LOG_WEIGHT))
    direction = np.random.default_rng(seed).standard_normal(size)
    direction /= np.linalg.norm(direction)
    larger = math.hypot(alpha, math.sqrt(abs(delta)))
    return (larger, alpha * direction) if delta >= 0 else (alpha, larger * direction)


def _notes(left_over: float, unique: bool, real: neuron.Limit) -> list[str]:
    """Return what a reader of the table has to know besides."""
    notes = []
    if left_over > ATTAINED:
        notes.append(f"The columns leave {left_over:.2g} of the target's norm unexplained.")
    if not unique:
        notes.append("Other coefficients have the same least l1 norm.")
    if not real.applies:
        notes.append(f"Single neuron: {real.message}")
    return notes


def _error(error: float) -> str:
    return "-" if math.isnan(error) else f"{error:+.1e}"


def _sentence(judge: Judge) -> str:
    """Return a judge's verdict with its numbers."""
    if judge.remark:
        return f"{judge.name}: {judge.verdict}: {judge.remark.rstrip('.')}."
    return (
        f"{judge.name}: {judge.verdict} within {judge.tolerance:g} (coefficients "
        f"{judge.beta_error:.1e}, losses {judge.loss_error:.1e})."
    )


def _judge_record(judge: Judge) -> dict[str, Any]:
    return {
        "name": judge.name,
        "verdict": judge.verdict,
        "remark": judge.remark,
        "tolerance": judge.tolerance,
        "time_errors": numbers(judge.time_errors),
        "beta_error": numbers([judge.beta_error])[0],
        "loss_error": numbers([judge.loss_error])[0],
    }


def _flow(found: SaddlePath, data: Data, log_alpha: float) -> saddles.Flow | None:
    """Return the gradient flow at an initial scale; None, with a warning, if it fails."""
    cut = None if found.status.finished else BEYOND * float(found.times[-1]) or None
    try:
        return saddles.flow.diagonal(data.X, data.y, log_alpha=log_alpha, until=cut)
    except (PathError, OutOfTime) as error:
        warnings.warn(f"no gradient flow to compare with: {error}", stacklevel=2)
        return None
