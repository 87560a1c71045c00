"""The store of a sweep: one file of JSON lines, safe against being killed at any moment.

The first line is the header: the format, the function's name and settings, the package's version.
Each further line is one finished point, appended and synced to disk at once::

    {"point":{"width":8},"value":{"loss":0.25}}
    {"error":{"message":"...","traceback":"...","type":"ValueError"},"point":{"width":9}}

JSON is canonical: sorted keys, no spaces, the shortest text of a float that reads back to the same
bits. So the text of a point identifies it, and equal results are equal bytes. A line that a kill
has torn has no newline yet, and is cut off when the store is opened again.

==============  ==========================================================================
code name       meaning
==============  ==========================================================================
``key``         canonical JSON of a point
``line``        canonical JSON of a record: a point with its value or its error
``lines``       key -> the last line about that point
==============  ==========================================================================
"""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from saddles import checks

__all__ = [
    "FORMAT",
    "Store",
    "arrays",
    "canonical",
    "check_name",
    "open_store",
    "plain",
    "plain_entry",
    "read",
]

#: Version of the lines that a store holds.
FORMAT = 1

#: Marks a number that JSON does not have; no name begins with its first character.
_TAG = "$float"


def check_name(name: Any, of: str) -> str:
    """Return a name of a point's or a value's entry, or say what is wrong with it."""
    if not isinstance(name, str):
        raise TypeError(f"{of} has the name {checks.show(name)}; names must be strings.")
    if name.startswith("$"):
        raise ValueError(f"{of} has the name {name!r}; names must not begin with '$'.")
    return str(name)


def plain(value: Any, name: str) -> Any:
    """Return `value` as bool, int, float, str, None or nested lists of them, to the last bit.

    Raises
    ------
    TypeError
        If it is something else; numbers and arrays of numpy are none.
    """
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, list | tuple):
        return [plain(entry, f"{name}[{k}]") for k, entry in enumerate(value)]
    if isinstance(value, float):
        return float(value)
    if hasattr(value, "__array__") and not np.ma.isMaskedArray(value):
        return _plain_array(np.asarray(value), name)
    try:
        return operator.index(value)
    except TypeError:
        raise _not_plain(value, name) from None


def _plain_array(array: Any, name: str) -> Any:
    """Return an array of real numbers, booleans or text as nested lists."""
    if array.dtype.kind not in "biufU":
        raise _not_plain(array, name)
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        raise TypeError(
            f"{name}={checks.show(array)} has dtype {array.dtype}, of more digits than a float64 "
            "has; convert it with .astype(float)."
        )
    return array.tolist()


def _not_plain(value: Any, name: str) -> TypeError:
    kind = f" of dtype {value.dtype}" if isinstance(value, np.ndarray) else ""
    return TypeError(
        f"{name}={checks.show(value)} is a {type(value).__name__}{kind}; it must be a number, a "
        "string, None, or an array or list of those, so convert it (complex numbers to real and "
        "imaginary part, objects to their numbers)."
    )


def plain_entry(value: Any, name: str) -> Any:
    """Return an entry of a point as a plain value, or say why it cannot be one."""
    entry = plain(value, name)
    if any(isinstance(leaf, float) and math.isnan(leaf) for leaf in _leaves(entry)):
        raise ValueError(
            f"{name}={checks.show(value)}: a point that holds NaN cannot be found again; use None "
            "or a string."
        )
    return entry


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for entry in value:
            yield from _leaves(entry)
    else:
        yield value


def canonical(value: Any) -> str:
    """Return the one JSON text of a plain value, or of dictionaries of them.

    JSON has no NaN and no infinity: they are written ``{"$float":"nan"}``, ``{"$float":"inf"}``.
    """
    return json.dumps(_finite(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """Put an object in the place of each number that JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_TAG: str(value)}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return value


def read(text: str | bytes) -> Any:
    """Return what `canonical` wrote, equal to the last bit."""
    return json.loads(text, object_hook=_number)


def _number(value: dict[str, Any]) -> Any:
    return float(value[_TAG]) if _TAG in value else value


#: Kind of array that a list of numbers of one type becomes.
_KINDS = {bool: "b", int: "iu", float: "f"}


def arrays(value: Any) -> Any:
    """Return `value` with each list of numbers of one type and a regular shape as an array."""
    if isinstance(value, dict):
        return {key: arrays(entry) for key, entry in value.items()}
    if not isinstance(value, list):
        return value
    types = {type(leaf) for leaf in _leaves(value)} or {float}
    if len(types) > 1 or (kind := types.pop()) not in _KINDS:
        return value
    try:
        array = np.array(value)
    except ValueError:  # ragged
        return value
    return array if array.dtype.kind in _KINDS[kind] else value  # object: beyond 64 bits


@dataclass(frozen=True, eq=False)
class Store:
    """The records of a sweep, and the file (if any) that each new one is appended to.

    Attributes
    ----------
    lines : dict
        Key of a point -> its last line.
    file : file or None
        Open for appending.
    """

    lines: dict[str, str] = field(default_factory=dict)
    file: BinaryIO | None = None

    def record(self, key: str, line: str) -> None:
        """Keep the line of a point; on disk when this returns. The same error is kept once."""
        if self.lines.get(key) == line:
            return
        if self.file is not None:
            _append(self.file, line)
        self.lines[key] = line

    def finished(self, key: str, *, retry_failed: bool) -> bool:
        """Whether a point needs no computing."""
        line = self.lines.get(key)
        return line is not None and not (retry_failed and "error" in read(line))


def _append(file: BinaryIO, line: str) -> None:
    """Write one whole line and wait until it is on the disk."""
    file.write(line.encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def open_store(path: Path | None, header: Mapping[str, Any]) -> Iterator[Store]:
    """Lock and read the store at `path`, or start it; None keeps the records in memory only.

    Raises
    ------
    ValueError
        If the file is no store, or one of another sweep.
    RuntimeError
        If another sweep has it open.
    """
    if path is None:
        yield Store()
        return
    with _locked(path), path.open("a+b") as file:
        file.seek(0)
        lines = _lines(path, file, canonical({"format": FORMAT, **header}))
        yield Store(lines, file)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the kernel's lock on ``path.lock``; it dies with this process, however that ends."""
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise ImportError("store needs filelock: pip install 'saddles[sweep]'") from error
    lock = FileLock(path.with_name(path.name + ".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RuntimeError(
            f"store={str(path)!r} is in use by another sweep; wait for it, or choose another file."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _lines(path: Path, file: BinaryIO, header: str) -> dict[str, str]:
    """Return the lines of an open store by key, cutting off a torn one; write a missing header."""
    whole, newline, torn = file.read().rpartition(b"\n")
    if not newline and header.encode().startswith(torn):
        file.truncate(0)
        _append(file, header)
        return {}
    first, *records = whole.split(b"\n")
    _check_header(path, first if newline else torn, header)
    lines = {_key(path, k, line): line.decode() for k, line in enumerate(records, 2)}
    if torn:
        file.truncate(len(whole) + len(newline))
        os.fsync(file.fileno())
    return lines


def _check_header(path: Path, first: bytes, header: str) -> None:
    """Raise unless the first line of a file is the header, naming all that differs."""
    theirs, ours = _parsed(first), read(header)
    if not isinstance(theirs, dict) or "format" not in theirs:
        raise ValueError(
            f"store={str(path)!r} is not the store of a sweep; choose another file (nothing was "
            "written to it)."
        )
    differences = [
        f"{name} is {checks.show(theirs.get(name))} there and {checks.show(ours.get(name))} here"
        for name in sorted(ours.keys() | theirs.keys())
        if canonical(theirs.get(name)) != canonical(ours.get(name))
    ]
    if differences:
        raise ValueError(
            f"store={str(path)!r} belongs to another sweep: {'; '.join(differences)}. Choose "
            "another file."
        )


def _key(path: Path, number: int, line: bytes) -> str:
    """Return the key of the point that a line is about."""
    record = _parsed(line)
    if not (isinstance(record, dict) and _is_record(record)):
        raise ValueError(
            f"store={str(path)!r}, line {number} is no record of a sweep: "
            f"{checks.show(line)}; something else wrote to the file, so restore it or delete that "
            "line."
        )
    return canonical(record["point"])


def _is_record(record: dict[str, Any]) -> bool:
    """Whether a line has a point, and its value or an error with all of its entries."""
    if record.keys() == {"point", "error"}:
        error = record["error"]
        return isinstance(error, dict) and error.keys() == {"message", "traceback", "type"}
    return record.keys() == {"point", "value"}


def _parsed(line: bytes) -> Any:
    """Return what a line says, or None if it is not JSON."""
    try:
        return read(line)
    except ValueError:
        return None
