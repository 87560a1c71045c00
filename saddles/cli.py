"""The command line: ``saddles path`` and ``saddles compare``; ``--help`` says how.

``saddles path FILE.csv --target COLUMN`` prints the staircase of any table of numbers;
``saddles compare RUN.csv --data FILE.csv --target COLUMN`` sets a training log beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

import saddles
from saddles._csv_table import CsvTable
from saddles.path import SaddlePath
from saddles.typing import Array

__all__ = ["main"]


#: Name of a loss -> what it is over |r|²/(2n), for n samples.
LOSSES: dict[str, Callable[[int], float]] = {
    "half-mean": lambda n: 1.0,
    "mean": lambda n: 2.0,
    "half-sum": lambda n: float(n),
    "sum": lambda n: 2.0 * n,
}


class _BadInput(Exception):
    """What is wrong with the file or the options, in one line."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, or 2 for bad input.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; ``sys.argv`` by default.
    """
    options = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            status = int(options.run(options))
        for warning in caught:
            print(f"saddles: warning: {warning.message}", file=sys.stderr)
        return status
    except (_BadInput, saddles.PathError, ValueError, OSError, ImportError) as error:
        print(f"saddles: error: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="saddles", description="Predict the staircase of training from a tiny initialisation."
    )
    parser.add_argument("--version", action="version", version=f"saddles {saddles.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    path = commands.add_parser(
        "path",
        help="the saddle path of a diagonal linear network on the columns of a CSV file",
        description="Print the saddle path of a diagonal linear network: when which column of the "
        "file enters or leaves, and the loss |y - X beta|^2 / (2 n) after each jump. Times are "
        "scaled: multiply by log(1/alpha).",
    )
    path.add_argument("file", type=Path, metavar="FILE.csv", help="numbers under a header line")
    _add_common(path)
    path.set_defaults(run=_path)
    _add_compare(commands)
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    """Add the options that every command on a data file takes."""
    command.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    command.add_argument(
        "--standardize",
        action="store_true",
        help="centre the target; centre the other columns and divide them by their norms",
    )
    command.add_argument("--max-jumps", type=int, metavar="K", help="stop after K jumps")
    command.add_argument(
        "--plot", type=Path, metavar="OUT", help="draw the staircase (.svg, .png ...)"
    )
    command.add_argument("--json", action="store_true", help="print everything as JSON")


def _add_compare(commands: Any) -> None:
    """Add ``saddles compare``."""
    compare = commands.add_parser(
        "compare",
        help="a training log of one's own beside the predicted staircase of its data",
        description="Compare a training log with the saddle path of a diagonal linear network on "
        "the data that it was trained on: relative errors of the jump times (scaled: divided by "
        "log(1/alpha)), and the loss on each plateau. Nothing is fitted: the learning rate, the "
        "initial scale and the loss are those declared. Even a perfect run is off by O(1/log("
        "1/alpha)).",
        epilog="example: saddles compare run.csv --data data.csv --target y --alpha 1e-4 "
        "--learning-rate 0.01 --loss mean",
    )
    compare.add_argument(
        "run_file",
        type=Path,
        metavar="RUN.csv",
        help="columns step or time, loss, and (if wanted) coefficients named as the data's columns "
        "or beta[0], beta[1] ...; others are left alone",
    )
    compare.add_argument("--data", type=Path, required=True, metavar="FILE.csv", help="the data")
    scale = compare.add_mutually_exclusive_group(required=True)
    scale.add_argument("--alpha", type=float, metavar="A", help="the initial scale, below 1")
    scale.add_argument("--log-alpha", type=float, metavar="L", help="or its natural logarithm")
    compare.add_argument(
        "--learning-rate", type=float, metavar="H", help="of gradient descent, if the log has steps"
    )
    compare.add_argument(
        "--loss",
        choices=tuple(LOSSES),
        default="half-mean",
        help="the loss that was trained and logged: |r|^2 over 2n, n, 2 or 1 (default: over 2n)",
    )
    _add_common(compare)
    compare.set_defaults(run=_compare)


def _path(options: argparse.Namespace) -> int:
    """Run ``saddles path``."""
    X, y, names = _data(options.file, options)
    path = saddles.pesme_flammarion(X, y, max_jumps=options.max_jumps)
    if options.plot is not None:
        _draw(path, names, options.plot)
    if options.json:
        print(json.dumps(path.to_dict() | {"features": names}, allow_nan=False))
    else:
        _print(path, names)
    return 0


def _compare(options: argparse.Namespace) -> int:
    """Run ``saddles compare``."""
    X, y, names = _data(options.data, options)
    path = saddles.pesme_flammarion(X, y, max_jumps=options.max_jumps)
    known = set(CsvTable.read(options.run_file).header) - {"step", "time", "loss"}
    comparison = saddles.compare_run(
        path,
        options.run_file,
        log_alpha=_log_alpha(options),
        learning_rate=options.learning_rate,
        loss_factor=LOSSES[options.loss](len(y)),
        names=names if known & set(names) else None,
    )
    if options.plot is not None:
        _draw(comparison, names, options.plot)
    if options.json:
        print(json.dumps(_report(comparison) | {"features": names}, allow_nan=False))
    else:
        _print_comparison(comparison, names)
    return 0


def _log_alpha(options: argparse.Namespace) -> float:
    """Return log α, however it was given."""
    if options.alpha is None:
        return float(options.log_alpha)
    if not 0 < options.alpha < 1:
        raise _BadInput(f"--alpha={options.alpha!r}: the initial scale lies between 0 and 1.")
    return math.log(options.alpha)


def _data(file: Path, options: argparse.Namespace) -> tuple[Array, Array, list[str]]:
    """Return features, target and names from a CSV file, standardised if asked for."""
    X, y, names = _read(file, options.target)
    return (_standardized(X), y - y.mean(), names) if options.standardize else (X, y, names)


def _read(file: Path, target: str) -> tuple[Array, Array, list[str]]:
    """Return features (n, d), target (n,) and the features' names from a CSV file."""
    table = CsvTable.read(file)
    if target not in table.header:
        have = ", ".join(map(repr, table.header))
        raise _BadInput(f"{file} has no column {target!r}; it has {have}.")
    names = [name for name in table.header if name != target]
    if not names:
        raise _BadInput(
            f"{file} has the target {target!r} only; it needs a column to predict from."
        )
    data = table.numbers([*names, target])
    return data[:, :-1], data[:, -1], names


def _standardized(X: Array) -> Array:
    """Centre the columns and divide them by their norms; a constant column becomes zero."""
    X = X - X.mean(axis=0)
    norms = np.linalg.norm(X, axis=0)
    rounding = X.shape[0] * np.finfo(float).eps * np.abs(X).max(initial=0.0)
    return np.where(norms > rounding, X / np.where(norms > 0, norms, 1.0), 0.0)


def _draw(path: SaddlePath | saddles.Comparison, names: list[str], file: Path) -> None:
    """Save the picture of a path or a comparison."""
    try:
        figure = path.plot(names=names)
    except ImportError:
        raise _BadInput("--plot needs matplotlib: pip install 'saddles[plot]'") from None
    figure.savefig(file)


def _print(path: SaddlePath, names: list[str]) -> None:
    """Print one line per saddle, then why the path ends."""
    entered = [", ".join(names[i] for i in units) or "-" for units in path.entered]
    left = [", ".join(names[i] for i in units) or "-" for units in path.left]
    wide, narrow = (
        max(map(len, [title, *cells])) for title, cells in (("entered", entered), ("left", left))
    )
    print(f"{'jump':>4}  {'time':>13}  {'entered':<{wide}}  {'left':<{narrow}}  {'loss':>13}")
    for k, (time, loss) in enumerate(zip(path.times, path.losses, strict=True)):
        print(f"{k:>4}  {time:>13.6g}  {entered[k]:<{wide}}  {left[k]:<{narrow}}  {loss:>13.6g}")
    print(path.message)


def _print_comparison(comparison: saddles.Comparison, names: list[str]) -> None:
    """Print one line per jump, then what is in the log alone."""
    path = comparison.path
    entered = [", ".join(names[i] for i in units) or "-" for units in path.entered]
    wide = max(map(len, ["entered", *entered]))
    print(
        f"{'jump':>4}  {'entered':<{wide}}  {'time':>11}  {'measured':>11}  {'error':>8}  "
        f"{'loss':>11}  {'measured':>11}"
    )
    times = [(0.0, 0.0, 0.0)]
    times += zip(comparison.predicted, comparison.measured, comparison.time_errors, strict=True)
    for k, (time, measured, error) in enumerate(times):
        print(
            f"{k:>4}  {entered[k]:<{wide}}  {time:>11.6g}  {measured:>11.6g}  {error:>+8.1%}  "
            f"{path.losses[k]:>11.6g}  {comparison.levels[k]:>11.6g}"
        )
    found = cast(saddles.Run, comparison.other).jumps()
    where = f" at {', '.join(f'{time:.6g}' for time in found.times)}" if len(found) else ""
    print(f"In the log alone: {len(found)} jump{'' if len(found) == 1 else 's'}{where}.")
    if np.isnan(comparison.measured).any():
        print("nan: the log ends (or begins) before that jump.")


def _report(comparison: saddles.Comparison) -> dict[str, Any]:
    """Return the numbers of a comparison for JSON, null for what was not seen."""
    found = cast(saddles.Run, comparison.other).jumps()
    columns = {
        "predicted_times": comparison.predicted,
        "measured_times": comparison.measured,
        "time_errors": comparison.time_errors,
        "predicted_losses": comparison.path.losses,
        "measured_losses": comparison.levels,
        "coefficient_errors": comparison.beta_errors,
        "times_in_log": found.times,
        "losses_in_log": found.losses,
    }
    return {
        name: [None if math.isnan(value) else value for value in column.tolist()]
        for name, column in columns.items()
    }
