"""Records of results: they compare by value, and their `repr` is a line or two.

A dataclass would compare its arrays with ``==`` and print them whole. A subclass of `Record` is
decorated with ``eq=False, repr=False`` instead.
"""

from __future__ import annotations

import math
from dataclasses import fields
from functools import partial
from numbers import Number
from types import MethodType
from typing import Any

import numpy as np

__all__ = ["Record", "same"]

#: Longest word in a `repr`, and the number of an array's entries that take part in a hash.
LONGEST_WORD, HASHED = 40, 4


class Record:
    """What results have in common, beside what their dataclass gives them."""

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, name), getattr(other, name)) for name in _compared(self))

    def __hash__(self) -> int:
        return hash((type(self), *(_hashable(getattr(self, name)) for name in _compared(self))))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={_brief(value)}" for name, value in self._shown().items())
        return f"{type(self).__name__}({said})"

    def _shown(self) -> dict[str, Any]:
        """Return what the `repr` says, by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.repr}  # type: ignore[arg-type]


def _compared(record: Any) -> list[str]:
    return [entry.name for entry in fields(record) if entry.compare]


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal, arrays entry by entry; NaN is equal to NaN."""
    if a is b:
        return True
    if isinstance(a, Number) and isinstance(b, Number):
        return bool(a == b) or (_is_nan(a) and _is_nan(b))
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return _same_arrays(a, b)
    if hasattr(a, "toarray") and hasattr(a, "indptr"):
        return bool(a.shape == b.shape) and _same_sparse(a, b)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, MethodType):
        return same((a.__func__, a.__self__), (b.__func__, b.__self__))
    if isinstance(a, partial):
        return same((a.func, a.args, a.keywords), (b.func, b.args, b.keywords))
    return bool(a == b)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and math.isnan(value)


def _same_arrays(a: Any, b: Any) -> bool:
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "O":
        return all(map(same, a.ravel(), b.ravel()))
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))


def _same_sparse(a: Any, b: Any) -> bool:
    return all(_same_arrays(getattr(a, k), getattr(b, k)) for k in ("indptr", "indices", "data"))


def _hashable(value: Any) -> Any:
    """Return something hashable that is equal for equal values."""
    if isinstance(value, np.ndarray):
        first = value.ravel()[:HASHED] if value.dtype.kind in "biuf" else np.empty(0)
        return (value.shape, *np.nan_to_num(first).tolist())
    if isinstance(value, tuple | list):
        return tuple(map(_hashable, value))
    if isinstance(value, Number | str):
        return 0.0 if _is_nan(value) else value
    return type(value)


def _brief(value: Any) -> str:
    """Return a number with six digits, an array by its shape, anything else cut short."""
    if isinstance(value, float | np.floating):
        return f"{value:.6g}"
    if hasattr(value, "shape") and hasattr(value, "dtype") and value.ndim:
        return f"<{'x'.join(map(str, value.shape))}>"
    if isinstance(value, tuple | list) and value:
        return f"<{len(value)}>" if len(repr(value)) > LONGEST_WORD else repr(value)
    words = " ".join(
        (value.__name__ if callable(value) and hasattr(value, "__name__") else repr(value)).split()
    )
    return words if len(words) <= LONGEST_WORD else f"{words[: LONGEST_WORD - 3]}..."
