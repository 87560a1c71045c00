"""Whether a multiplication table is that of a group; if not, which axiom fails for which elements.

=============  =========================================
code name      symbol
=============  =========================================
``table``      entry [g, h] is g·h, (n, n)
=============  =========================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles import checks
from saddles.typing import Indices

__all__ = ["LARGEST", "checked_table", "few", "listed"]

#: Largest order of a group: its irreps take an eigendecomposition of that size, a minute for this.
LARGEST = 2000


def few(order: int, what: str) -> None:
    """Raise if a group has too many elements, before its table is made."""
    if order > LARGEST:
        raise ValueError(
            f"{what} has {order} elements, and a group may have at most {LARGEST}; take a smaller "
            "one."
        )


def listed(value: Any, name: str, of: str) -> list[Any]:
    """Return what can be listed as a list."""
    try:
        return list(value)
    except TypeError:
        raise TypeError(f"{name}={checks.show(value)} must be a list of {of}.") from None


def checked_table(value: Any) -> Indices:
    """Return the multiplication table of a group (n, n), read-only, or say why it is none."""
    table = _whole_numbers(value)
    _refuse_repeats(table, "row")
    _refuse_repeats(table.T, "column")
    n = len(table)
    if not (identity := (table == np.arange(n)).all(axis=1)).any():
        raise ValueError(
            "table has no identity: no element e has e·h = h for all h, for no row is "
            f"0, 1, …, {n - 1}; sort rows and columns of the table alike."
        )
    e = int(identity.argmax())
    if (wrong := table[:, e] != np.arange(n)).any():
        g = int(wrong.argmax())
        raise ValueError(
            f"table has no identity: {e}·h = h for all h, but {g}·{e} = {table[g, e]}; correct "
            "that entry."
        )
    for g in range(n):
        left, right = table[table[g]], table[g][table]
        if (left != right).any():
            h, k = (int(i) for i in np.argwhere(left != right)[0])
            raise ValueError(
                f"table is not associative: ({g}·{h})·{k} = {left[h, k]}, but {g}·({h}·{k}) = "
                f"{right[h, k]}; correct these entries, or use Group.from_permutations."
            )
    table.setflags(write=False)
    return table


def _whole_numbers(value: Any) -> Indices:
    """Return a square table whose entries are numbers of its elements, a copy."""
    array = checks.real_array(value, "table", 2)
    n = len(array)
    if array.shape != (n, n) or n > LARGEST:
        raise ValueError(
            f"table={checks.show(array)} has shape {array.shape}; it must be square, with a row "
            f"and a column for each of at most {LARGEST} elements."
        )
    table: Indices = np.rint(np.clip(array, -1, n)).astype(np.intp)
    if (wrong := (table != array) | (table < 0) | (table >= n)).any():
        g, h = (int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"table[{g}, {h}]={float(array[g, h])!r}: the group is not closed; number its {n} "
            f"elements from 0 to {n - 1}, and give g·h as such a number."
        )
    return table


def _refuse_repeats(table: Indices, line: str) -> None:
    """Raise if an element occurs twice in a row: something then has no inverse."""
    n = len(table)
    if not (wrong := (np.sort(table, axis=1) != np.arange(n)).any(axis=1)).any():
        return
    g = int(wrong.argmax())
    twice = int((np.bincount(table[g], minlength=n) > 1).argmax())
    h, k = (int(i) for i in np.flatnonzero(table[g] == twice)[:2])
    products = f"{g}·{h} = {g}·{k}" if line == "row" else f"{h}·{g} = {k}·{g}"
    raise ValueError(
        f"table has {products} = {twice}, so {g} has no inverse: every element must occur once "
        f"in {line} {g}; correct that {line}."
    )
