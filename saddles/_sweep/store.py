"""The store of a sweep: one file of JSON lines, safe against being killed at any moment.

The first line is the header: the format, the function's name and settings, the package's version.
Each further line is one finished point, appended at once, with the checksum of what follows it::

    {"crc32":"5b2cbc1f","point":{"width":8},"value":{"loss":0.25}}
    {"crc32":"...","error":{"message":"...","traceback":"...","type":"..."},"point":{"width":9}}

JSON is canonical: sorted keys, no spaces, the shortest text of a float that reads back to the same
bits. So the text of a point identifies it, equal results are equal bytes, and a line that is not
its own canonical text is damaged. A line that a kill has torn has no newline yet, and is cut off
when the store is opened again. Lines of earlier versions have no checksum, and are read. The
version in the header is for the reader to see: another one is told, and no reason to refuse.

==============  ==========================================================================
code name       meaning
==============  ==========================================================================
``key``         canonical JSON of a point
``line``        canonical JSON of a record: a point with its value or its error
``stamped``     a line with its checksum, as it stands in the file
``lines``       key -> the last line about that point
==============  ==========================================================================
"""

from __future__ import annotations

import json
import math
import operator
import re
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from saddles import checks
from saddles._sweep.journal import Journal, journal

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

#: Name in the header of the version that wrote it, which does not tell one sweep from another.
_WRITER = "package"

#: What stands there.
_VERSION = re.compile(r"saddles \d[\w.+!-]*")

#: Name of a line's checksum, the first of its entries: CRC-32 of the line without it.
_CHECKSUM = "crc32"


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
    """Return what `canonical` wrote, equal to the last bit.

    Raises
    ------
    ValueError
        If it is no JSON, or none that `canonical` writes.
    """
    try:
        return json.loads(text, object_hook=_number)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _number(value: dict[str, Any]) -> Any:
    if _TAG not in value:
        return value
    if value[_TAG] not in ("inf", "-inf", "nan"):
        raise ValueError(f"{value!r} is no number")
    return float(value[_TAG])


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
    """The records of a sweep, and the journal (if any) that each new one is appended to.

    Attributes
    ----------
    lines : dict
        Key of a point -> its last line.
    journal : Journal or None
        Open for appending.
    """

    lines: dict[str, str] = field(default_factory=dict)
    journal: Journal | None = None

    def check_writable(self, missing: int) -> None:
        """Raise if records of the points that are `missing` cannot be kept."""
        if self.journal is not None and missing:
            self.journal.check_writable(
                f"{missing} points are missing or failed; copy it to where it can be written, or "
                "leave failed ones with retry_failed=False"
            )

    def record(self, key: str, line: str) -> None:
        """Keep the line of a point, safe from a kill when this returns; the same error once."""
        if self.lines.get(key) == line:
            return
        if self.journal is not None:
            self.journal.append(_stamped(line))
        self.lines[key] = line

    def finished(self, key: str, *, retry_failed: bool) -> bool:
        """Whether a point needs no computing."""
        line = self.lines.get(key)
        return line is not None and not (retry_failed and "error" in read(line))


def _stamped(line: str) -> bytes:
    """Return a line of canonical JSON as it stands in the file."""
    text = line.encode()
    return b'{"%s":"%08x",%s' % (_CHECKSUM.encode(), zlib.crc32(text), text[1:])


@contextmanager
def open_store(path: Path | None, header: Mapping[str, Any]) -> Iterator[Store]:
    """Lock and read the store at `path`, or start it; None keeps the records in memory only.

    Raises
    ------
    ValueError
        If the file is no store, or one of another sweep, or a line of it is damaged.
    OSError
        If the file cannot be written to start it, or not be read.
    RuntimeError
        If another sweep has it open.
    """
    if path is None:
        yield Store()
        return
    with journal(path) as file:
        yield Store(_lines(file, canonical({"format": FORMAT, **header})), file)


def _lines(file: Journal, header: str) -> dict[str, str]:
    """Return the lines of an open store by key, cutting off a torn one; write a missing header."""
    whole, newline, torn = file.read().rpartition(b"\n")
    if not newline and header.encode().startswith(torn):
        file.cut(0)
        file.append(header.encode())
        return {}
    first, *records = whole.split(b"\n")
    _check_header(file.path, first if newline else torn, header)
    lines = dict(_keyed(file.path, k, line) for k, line in enumerate(records, 2))
    if torn:
        file.cut(len(whole) + len(newline))
    return lines


def _check_header(path: Path, first: bytes, header: str) -> None:
    """Raise unless the first line of a file is the header, naming all that differs."""
    theirs, ours = _parsed(first), read(header)
    if not isinstance(theirs, dict) or "format" not in theirs:
        raise ValueError(
            f"store={str(path)!r} is not the store of a sweep; choose another file (nothing was "
            "written to it)."
        )
    ours = _by_its_writer(path, theirs, ours)
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
    if first != canonical(ours).encode():
        raise ValueError(
            f"store={str(path)!r}, line 1 is damaged: {checks.show(first)} should be "
            f"{canonical(ours)}; restore it, or choose another file."
        )


def _by_its_writer(path: Path, theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Return our header with the version in theirs; warn if it is another one."""
    writer, version = theirs.get(_WRITER), ours.get(_WRITER)
    if writer == version or not isinstance(writer, str) or not _VERSION.fullmatch(writer):
        return ours
    warnings.warn(
        f"store={str(path)!r} was begun by {writer}, and this is {version}: its points are kept. "
        "If the function computes something else in this version, choose another file.",
        stacklevel=2,
    )
    return {**ours, _WRITER: writer}


def _keyed(path: Path, number: int, line: bytes) -> tuple[str, str]:
    """Return a line without its checksum, and before it the key of the point that it is about."""
    record = _parsed(line)
    if isinstance(record, dict):
        checksum = record.pop(_CHECKSUM, None)
        text = canonical(record)
        as_written = text.encode() if checksum is None else _stamped(text)
        if line == as_written and _is_record(record):
            return canonical(record["point"]), text
    ours = line.startswith(b'{"%s"' % _CHECKSUM.encode())
    fault = "is damaged: its checksum is another" if ours else "is no record of a sweep"
    raise ValueError(
        f"store={str(path)!r}, line {number} {fault}: {checks.show(line)}; something else wrote to "
        "the file, or the disk fails, so restore it, or delete that line, whose point is then "
        "computed again."
    )


def _is_record(record: dict[str, Any]) -> bool:
    """Whether a line has a point, and its value or an error with all of its entries."""
    if not isinstance(record.get("point"), dict):
        return False
    if record.keys() == {"point", "error"}:
        error = record["error"]
        if not isinstance(error, dict) or error.keys() != {"message", "traceback", "type"}:
            return False
        return all(isinstance(text, str) for text in error.values())
    return record.keys() == {"point", "value"} and isinstance(record["value"], int | float | dict)


def _parsed(line: bytes) -> Any:
    """Return what a line says, or None if it is not JSON."""
    try:
        return read(line)
    except ValueError:
        return None
