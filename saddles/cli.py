"""The command line: ``saddles path FILE.csv --target COLUMN`` prints the staircase of any table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import saddles
from saddles._csv_table import CsvTable
from saddles.path import SaddlePath
from saddles.typing import Array

__all__ = ["main"]


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
        return int(options.run(options))
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
    path.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    path.add_argument(
        "--standardize",
        action="store_true",
        help="centre the target; centre the other columns and divide them by their norms",
    )
    path.add_argument("--max-jumps", type=int, metavar="K", help="stop after K jumps")
    path.add_argument(
        "--plot", type=Path, metavar="OUT", help="draw the staircase (.svg, .png ...)"
    )
    path.add_argument("--json", action="store_true", help="print the whole path as JSON")
    path.set_defaults(run=_path)
    return parser


def _path(options: argparse.Namespace) -> int:
    """Run ``saddles path``."""
    X, y, names = _read(options.file, options.target)
    if options.standardize:
        X, y = _standardized(X), y - y.mean()
    path = saddles.pesme_flammarion(X, y, max_jumps=options.max_jumps)
    if options.plot is not None:
        _draw(path, names, options.plot)
    if options.json:
        print(json.dumps(path.to_dict() | {"features": names}, allow_nan=False))
    else:
        _print(path, names)
    return 0


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


def _draw(path: SaddlePath, names: list[str], file: Path) -> None:
    """Save the picture of a path."""
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
