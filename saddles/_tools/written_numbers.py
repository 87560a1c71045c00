"""Numbers as files write them: what counts as one, its float64, and its exact value.

A number is what R, pandas and Excel all read as one: ASCII digits, a sign, a point, an exponent.
Python reads more than that (``12_05``, Arabic digits), which in a table is a slip.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from saddles import checks

__all__: list[str] = []

_DIGITS = r"[+-]?(?:[0-9]+{mark}?[0-9]*|{mark}[0-9]+)(?:[eE][+-]?[0-9]+)?"

#: A number with a decimal point; one with a decimal comma (or neither).
POINT, COMMA = (re.compile(_DIGITS.format(mark=mark)) for mark in (r"\.", ","))

#: Digits in groups of three, as in 1,234.
GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")

#: What pandas and R write for a value that is not there, and Excel for one that it cannot compute.
MISSING = frozenset(
    {"", "NA", "N/A", "n/a", "<NA>", "NaT", "NULL", "Null", "null", "None", "none", ".", "?", "-"}
    | {"#N/A", "#N/A N/A", "#NA", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"}
)

#: Spellings of numbers that are none.
NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity|1\.#IND|1\.#QNAN|1\.#INF)", re.IGNORECASE)

#: How pandas, R and Excel write a column of truth values.
LOGICAL = {"True": "1", "False": "0", "TRUE": "1", "FALSE": "0", "true": "1", "false": "0"}


def is_number(cell: str, *, commas: bool = False) -> bool:
    """Tell whether a cell is a number, with a decimal point or perhaps a comma."""
    cell = cell.strip()
    return bool(POINT.fullmatch(cell) or (commas and COMMA.fullmatch(cell)))


def decimal_mark(columns: Sequence[Sequence[str]], sep: str) -> str:
    """Return the decimal mark of columns of cells: "," if some use it and none has a point.

    Parameters
    ----------
    columns : sequence of sequences of str
        The cells.
    sep : str
        What separates the cells; if that is a comma, no number has one.

    Raises
    ------
    ValueError
        If 1,234 may be a thousand or one and a bit.
    """
    if sep == ",":
        return "."
    marked = [cell for column in columns for cell in column if "," in cell or "." in cell]
    commas = [cell for cell in marked if COMMA.fullmatch(cell)]
    if not commas or any(map(POINT.fullmatch, marked)):
        return "."
    if sep != ";" and all(map(GROUPED.fullmatch, commas)):
        raise ValueError(
            f"{checks.show(commas[0])} may be a thousand or a decimal fraction; say --decimal , "
            "or write it without the comma"
        )
    return ","


def without_logicals(column: Sequence[str]) -> list[str]:
    """Return the cells of a column, stripped; if all are truth values, as 1 and 0."""
    cells = [cell.strip() for cell in column]
    return [LOGICAL[cell] for cell in cells] if LOGICAL.keys() >= {*cells} else cells


def as_float(cell: str, decimal: str) -> float:
    """Return a cell as a finite float64, or say what is wrong with it, without a full stop."""
    if (COMMA if decimal == "," else POINT).fullmatch(cell):
        number = float(cell.replace(",", "."))
        if math.isinf(number):
            raise ValueError(f"{checks.show(cell)} is too large for a float64; divide its column")
        if number == 0 and any(digit in "123456789" for digit in re.split("[eE]", cell)[0]):
            raise ValueError(
                f"{checks.show(cell)} is not zero but too small for a float64; multiply its column"
            )
        return number
    if cell in MISSING:
        raise ValueError(f"the value is missing{f' ({cell})' if cell else ''}")
    if NOT_FINITE.fullmatch(cell):
        raise ValueError(f"{checks.show(cell)} is not finite")
    raise ValueError(f"{checks.show(cell)} is not a number")


def as_fraction(cell: str, decimal: str) -> Fraction:
    """Return a number that `as_float` takes exactly as it is written."""
    if not as_float(cell, decimal):
        return Fraction(0)  # whatever its exponent
    return Fraction(Decimal(cell.replace(",", ".")))
