"""A text as rows of fields: what separates them, and which lines are comments."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from saddles._tools.written_numbers import POINT, is_number

__all__: list[str] = []

#: Which separator it may be, in the order of preference, and what people call them.
NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "space"}

#: Number of rows from which the separator is found.
SAMPLE = 200

#: A comment line. The errors of Excel begin with the same mark.
COMMENT = re.compile(r"\s*#(?!N/?A\b|DIV/0!|VALUE!|REF!|NAME\?|NUM!|NULL!)")

#: A number, and a comment after it.
NOTED = re.compile(rf"\s*({POINT.pattern})\s*#.*", re.DOTALL)

#: Weight of rows that fit the header, beside that of cells which are numbers.
FITS = 0.01

Row = tuple[int, list[str]]


@dataclass(frozen=True)
class Records:
    """A text taken apart.

    Attributes
    ----------
    sep : str
        What separates fields.
    rows : list of (int, list of str)
        The number of the line, and its fields; the header is the first.
    left_out : list of int
        Lines after the header that are comments and would be rows otherwise.
    """

    sep: str
    rows: list[Row]
    left_out: list[int]


def records(text: str, sep: str | None) -> Records:
    """Take a text apart; without `sep`, the separator is that under which cells are numbers."""
    lines = list(io.StringIO(text, newline=""))
    if lines and (said := re.fullmatch(r"sep=(.)\s*", lines[0])):  # Excel's own hint
        sep, lines[0] = sep or said[1], "\n"
    comments = {k: line for k, line in enumerate(lines) if COMMENT.match(line)}
    plain = ["\n" if k in comments else line for k, line in enumerate(lines)]
    if sep is None:
        sep = max(NAMES, key=lambda sep: _fit(plain, sep))
    rows = list(_rows(plain, sep))
    first = rows[0][0] if rows else 0
    if rows and all(map(is_number, rows[0][1])):
        before = [k for k in comments if k + 1 < first]
        names = _fields(comments[before[-1]], sep) if before else []
        if len(names) == len(rows[0][1]) and not any(map(is_number, names)):
            rows.insert(0, (before[-1] + 1, names))
    width = len(rows[0][1]) if rows else 0
    left_out = [
        k + 1
        for k, line in comments.items()
        if k + 1 > first
        and len(cells := _fields(line, sep)) == width
        and any(map(is_number, cells))
    ]
    return Records(sep, rows, left_out)


def separator(name: str) -> str:
    """Return a separator that is given as itself or by its name."""
    called = {words: mark for mark, words in NAMES.items()} | {"\\t": "\t", "whitespace": " "}
    mark = called.get(name.lower().removesuffix("s"), called.get(name, name))
    if len(mark) != 1 or mark in '"\r\n' or mark.isalnum():
        raise ValueError(
            f"--sep={name!r}: give one character, or one of {', '.join(NAMES.values())}."
        )
    return mark


def _fields(comment: str, sep: str) -> list[str]:
    """Return the fields of a comment line, were it none."""
    try:
        return next((fields for _, fields in _rows([comment.strip().lstrip("#")], sep)), [])
    except csv.Error:
        return []


def _rows(lines: Iterable[str], sep: str) -> Iterator[Row]:
    """Yield the number and the fields of each line that is not blank."""
    if sep == " ":
        lines = (re.sub(r"[ \t]+", " ", line.strip(" \t\r\n")) + "\n" for line in lines)
    reader, start = csv.reader(lines, delimiter=sep, skipinitialspace=True, strict=True), 1
    for fields in reader:
        if any(map(str.strip, fields)):
            yield start, fields if "#" not in "".join(fields) else _without_note(fields)
        start = reader.line_num + 1


def _without_note(fields: list[str]) -> list[str]:
    """Return fields up to a comment that follows a number."""
    for k, field in enumerate(fields):
        if noted := NOTED.fullmatch(field):
            return [*fields[:k], noted[1]]
    return fields


def _fit(lines: list[str], sep: str) -> tuple[float, bool, int]:
    """Return how well a separator fits: spaces and fewer columns are the second choice."""
    try:
        header, *rows = (fields for _, fields in islice(_rows(lines, sep), SAMPLE))
    except (csv.Error, ValueError):
        return 0.0, sep != " ", 0
    width = len(header)
    score = sum(
        FITS + sum(is_number(cell, commas=sep != ",") for cell in row) / len(row)
        for row in rows
        if len(row) in (width, width + 1) and width > 1
    )
    return score, sep != " ", width
