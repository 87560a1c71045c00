"""A saddle path as plain lists, numbers and strings, and back, equal to the last bit.

Points are written by their active units where nothing else is in them. What is read may come from
anybody: every entry is checked before anything of its size is allocated, and whatever is wrong is
a ``ValueError`` that names the entry. A file has the checksum of what it says.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np

from saddles import checks
from saddles._result.certificate import ADDED, Certificate, Certificates
from saddles._result.points import LowRank, stacked
from saddles._result.remaining import Remaining
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["dumped", "parsed", "read", "written"]

#: Version of the dictionary, and of what a file has: its checksum too.
FORMAT, FILED = 1, 2

#: Entries without which no path can be read.
NEEDED = (
    *("algorithm", "source", "status", "kappa", "log_alpha", "shape", "sparse", "by_unit"),
    *("times", "losses", "duals", "active", "entered", "left", "values", "certificates"),
)

#: Dense points of more features are written in full: a short file makes nobody allocate much.
LARGEST_BY_UNIT = 50_000

#: How numbers are written that JSON does not have.
WORDS = ("inf", "-inf", "nan")

_ENTRIES = fields(Certificate)
_UNITS = ("active", "entered", "left")


def written(path: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold of a path, given as its fields and its message."""
    betas, active = path["betas"], path["active"]
    sparse, count = hasattr(betas, "toarray"), len(path["times"])
    rows = [betas[[k]].toarray()[0] for k in range(count)] if sparse else betas
    pairs = list(zip(rows, active, strict=True))
    short = betas.ndim == 2 and (sparse or betas.shape[1] <= LARGEST_BY_UNIT)
    by_unit = short and all(_only_at(row, units) for row, units in pairs)
    duals, certificates = path["duals"], path["certificates"]
    return {
        "format": FORMAT,
        "algorithm": path["algorithm"],
        "source": path["source"],
        "status": path["status"].name,
        "message": path["message"],
        "kappa": path["kappa"],
        "log_alpha": _plain(path["log_alpha"]),
        "shape": list(betas.shape),
        "sparse": sparse,
        "by_unit": by_unit,
        "times": path["times"].tolist(),
        "losses": path["losses"].tolist(),
        "duals": None if duals is None else duals.tolist(),
        **{name: [u.tolist() for u in path[name]] for name in _UNITS},
        "values": [_written(row, units if by_unit else None) for row, units in pairs],
        "certificates": {
            entry.name: [_plain(v) for v in getattr(certificates, entry.name).tolist()]
            for entry in _ENTRIES
            if entry.name not in ADDED or getattr(certificates, entry.name).any()
        },
        **_known(path["remaining"]),
        **({} if path["kind"] == "coefficients" else {"kind": path["kind"]}),
        **({} if path["degrees"] is None else {"degrees": list(path["degrees"])}),
        **({} if path["fingerprint"] is None else {"fingerprint": list(path["fingerprint"])}),
    }


def dumped(data: dict[str, Any]) -> str:
    """Return the text of a file with what `written` returned, and its checksum."""
    filed = {**data, "format": FILED}
    return json.dumps({**filed, "crc32": _checksum(filed)}, allow_nan=False) + "\n"


def parsed(text: str) -> dict[str, Any]:
    """Return what a file says; `read` looks at what it means."""
    try:
        data = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repetition)
    except RecursionError:
        raise ValueError("JSON is nested too deeply; a path has no such lists") from None
    if not isinstance(data, dict):
        raise ValueError(f"{checks.show(data)} is no object of JSON, as a path is")
    return data


def read(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the path that `written` wrote as `data`."""
    if not isinstance(data, dict):
        raise TypeError(f"data={checks.show(data)} must be a dictionary that to_dict returned.")
    try:
        _check_names(data)
        return _read(data)
    except RecursionError:
        raise ValueError("data is nested too deeply; pass what to_dict returned.") from None


def _check_names(data: dict[str, Any]) -> None:
    """Raise unless the entries are those of a path, and what their checksum says."""
    form = data.get("format")
    if isinstance(form, bool) or form not in (FORMAT, FILED):
        raise ValueError(
            f"format={checks.show(form)}: this version reads format {FORMAT} and {FILED}; write "
            "the path again with SaddlePath.save."
        )
    missing = [name for name in (*NEEDED, *["crc32"] * (form == FILED)) if name not in data]
    if missing:
        raise ValueError(f"data lacks {', '.join(missing)}; pass what SaddlePath.to_dict returned.")
    if form == FORMAT:
        return
    found = _checksum({name: entry for name, entry in data.items() if name != "crc32"})
    if data["crc32"] != found:
        raise ValueError(
            f"crc32={checks.show(data['crc32'])}, but the checksum of the other entries is "
            f"{found!r}: the file is damaged, or was edited; if you edited it, make its format "
            f"{FORMAT}, which has no checksum."
        )


def _read(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields from entries of the right names."""
    count = len(_list(data["times"], "times"))
    shape = _shape(data["shape"], count)
    by_unit, sparse = _truth(data["by_unit"], "by_unit"), _truth(data["sparse"], "sparse")
    if (by_unit or sparse) and len(shape) != 2:
        raise ValueError(f"shape={data['shape']!r}: by_unit and sparse are for vectors.")
    limit = shape[1] if by_unit else sys.maxsize
    units = {name: _units(data[name], name, count, limit) for name in _UNITS}
    duals = data["duals"]
    return dict(
        algorithm=_text(data["algorithm"], "algorithm"),
        source=_text(data["source"], "source"),
        times=_times(data["times"]),
        betas=_betas(data["values"], shape, units["active"] if by_unit else None, sparse=sparse),
        losses=_numbers(data["losses"], "losses", count),
        duals=None if duals is None else _numbers(duals, "duals", count, _width(duals)),
        certificates=_certificates(data["certificates"], count),
        status=_status(data["status"]),
        kappa=checks.whole_number(_number(data["kappa"], "kappa", int), "kappa", least=2),
        log_alpha=checks.log_scale(_number(data["log_alpha"], "log_alpha"), allow_limit=True),
        remaining=_remaining(data.get("remaining", {})),
        fingerprint=_fingerprint(data["fingerprint"]) if "fingerprint" in data else None,
        degrees=_degrees(data["degrees"], count - 1) if "degrees" in data else None,
        kind=checks.one_of(_text(data.get("kind", "coefficients"), "kind"), "kind", checks.KINDS),
        **units,
    )


def _list(value: Any, name: str, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or length not in (None, len(value)):
        size = "" if length is None else f" of {length} entries"
        raise ValueError(f"{name}={checks.show(value)} must be a list{size}.")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}={checks.show(value)} must be a string.")
    return value


def _truth(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{name}={checks.show(value)} must be true or false.")
    return value


def _number(value: Any, name: str, kind: type = float) -> Any:
    """Return a float, also one that `_plain` made a word of, or an int."""
    if isinstance(value, bool) or not isinstance(value, (int,) if kind is int else (int, float)):
        if kind is float and value in WORDS:
            return float(value)
        raise ValueError(f"{name}={checks.show(value)} must be a number.")
    try:
        return kind(value)
    except OverflowError:
        raise ValueError(f"{name}={checks.show(value)} does not fit a float64.") from None


def _numbers(value: Any, name: str, *shape: int) -> Array:
    """Return nested lists of finite numbers as an array of this shape."""
    leaves = [_number(leaf, name) for leaf in _leaves(value, name, shape)]
    array = np.array(leaves, dtype=float)
    if not np.isfinite(array).all():
        bad = leaves[int(np.argmin(np.isfinite(array)))]
        raise ValueError(f"{name} has the entry {bad!r}; its numbers must be finite.")
    return array.reshape(shape)


def _leaves(value: Any, name: str, shape: tuple[int, ...]) -> Iterator[Any]:
    """Yield what nested lists of this shape hold; no more of it exists than `value` has."""
    entries = _list(value, name, shape[0])
    if len(shape) == 1:
        yield from entries
    else:
        for k, entry in enumerate(entries):
            yield from _leaves(entry, f"{name}[{k}]", shape[1:])


def _width(rows: Any) -> int:
    """Return the length of the first of some rows; 0 if there is none."""
    first = rows[0] if isinstance(rows, list) and rows else None
    return len(first) if isinstance(first, list) else 0


def _shape(value: Any, count: int) -> tuple[int, ...]:
    """Return the shape of the points, of which there are `count`."""
    shape = tuple(_number(side, "shape", int) for side in _list(value, "shape"))
    if not all(0 <= side <= sys.maxsize for side in shape) or not 0 < len(shape) <= 32:
        raise ValueError(f"shape={checks.show(value)} is not the shape of an array.")
    if shape[0] != count or count == 0:
        raise ValueError(
            f"shape={checks.show(value)} and {count} times: there must be one time for each point, "
            "and at least one."
        )
    return shape


def _times(value: Any) -> Array:
    times = _numbers(value, "times", len(value))
    if times[0] != 0 or (np.diff(times) < 0).any():
        raise ValueError(f"times={checks.show(value)} must begin with 0 and never decrease.")
    return times


def _units(value: Any, name: str, count: int, limit: int) -> tuple[Indices, ...]:
    """Return the units of every saddle, each below `limit`."""
    rows = []
    for k, row in enumerate(_list(value, name, count)):
        units = [_number(unit, name, int) for unit in _list(row, f"{name}[{k}]")]
        if units and not 0 <= min(units) <= max(units) < limit:
            raise ValueError(
                f"{name}[{k}]={checks.show(row)}: units are counted from 0, and there are {limit}."
            )
        if len(set(units)) < len(units):
            raise ValueError(f"{name}[{k}]={checks.show(row)} names a unit twice.")
        rows.append(np.array(units, dtype=np.intp))
    return tuple(rows)


def _certificates(value: Any, count: int) -> Certificates:
    names = {entry.name for entry in _ENTRIES}
    if not isinstance(value, dict) or not names - {*ADDED} <= value.keys() <= names:
        raise ValueError(
            f"certificates={checks.show(value)} must have the entries {', '.join(sorted(names))}."
        )
    kinds = {entry.name: type(entry.default) for entry in _ENTRIES if entry.name in ADDED}
    found: dict[str, Any] = {name: np.zeros(count, kind) for name, kind in kinds.items()}
    for name, entries in value.items():
        full = f"certificates.{name}"
        read = _truth if name in ("unique", "conjectured") else _number
        found[name] = np.array([read(entry, full) for entry in _list(entries, full, count)])
    return Certificates(**found)


def _status(value: Any) -> Status:
    if not isinstance(value, str) or value not in Status.__members__:
        raise ValueError(
            f"status={checks.show(value)} must be one of {', '.join(Status.__members__)}."
        )
    return Status[value]


def _remaining(value: Any) -> Remaining:
    if not isinstance(value, dict) or not value.keys() <= {"loss", "next_jump", "direction"}:
        raise ValueError(
            f"remaining={checks.show(value)} may have a loss, a next_jump and a direction."
        )
    found = dict(value)
    direction = found.pop("direction", None)
    if direction is not None:
        direction = tuple(_number(entry, "direction") for entry in _list(direction, "direction"))
    known = {name: _number(entry, name) for name, entry in found.items()}
    return Remaining(**known, direction=direction)


def _fingerprint(value: Any) -> tuple[float, ...]:
    return tuple(_number(entry, "fingerprint") for entry in _list(value, "fingerprint"))


def _degrees(value: Any, count: int) -> tuple[int, ...]:
    """Return the degree of every wait, each at least 2."""
    return tuple(
        checks.whole_number(_number(degree, "degrees", int), "degrees", least=2)
        for degree in _list(value, "degrees", count)
    )


def _betas(
    values: Any, shape: tuple[int, ...], active: tuple[Indices, ...] | None, *, sparse: bool
) -> Any:
    """Return the points, given by their `active` units or in full."""
    if len(shape) == 1:
        return _factors(_list(values, "values", shape[0]))
    if active is None:
        points = _numbers(values, "values", *shape)
        return _rows(points) if sparse else points
    rows = _list(values, "values", shape[0])
    found = [
        _numbers(row, f"values[{k}]", units.size)
        for k, (row, units) in enumerate(zip(rows, active, strict=True))
    ]
    if sparse:
        return _rows((np.concatenate(found), np.concatenate(active), _ends(active)), shape)
    if shape[1] > LARGEST_BY_UNIT:
        raise ValueError(
            f"shape={list(shape)}: dense points of more than {LARGEST_BY_UNIT} features are "
            "written in full, not by unit."
        )
    betas = np.zeros(shape)
    for beta, units, entries in zip(betas, active, found, strict=True):
        beta[units] = entries
    return betas


def _ends(active: tuple[Indices, ...]) -> Indices:
    return np.cumsum([0] + [units.size for units in active])


def _rows(entries: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Return sparse rows, their indices in order."""
    from scipy.sparse import csr_array

    rows = csr_array(entries, shape=shape)
    rows.sort_indices()
    return rows


def _factors(values: list[Any]) -> Any:
    """Return matrices that are given by their factors."""
    points = []
    for k, pair in enumerate(values):
        rank = _width(_list(pair, f"values[{k}]", 2)[0])
        factors = [_list(factor, f"values[{k}]") for factor in pair]
        points.append(LowRank(*(_numbers(f, f"values[{k}]", len(f), rank) for f in factors)))
        if points[k].shape != points[0].shape:
            raise ValueError(f"values[{k}] has the shape {points[k].shape}, not that of values[0].")
    return stacked(points)


def _checksum(data: dict[str, Any]) -> str:
    """Return the CRC-32 of entries as eight digits; it knows their order, and no layout."""
    return f"{zlib.crc32(json.dumps(data).encode()):08x}"


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError(f"an object of JSON has one of its {len(pairs)} names twice")
    return data


def _plain(value: float) -> float | str:
    """Return a number that JSON can hold, or the word for an infinite one."""
    return value if math.isfinite(value) else str(value)


def _known(remaining: Remaining) -> dict[str, Any]:
    """Return what is known of what remains, in the form of `written`."""
    found = {name: value for name, value in vars(remaining).items() if value is not None}
    known = {
        name: list(value) if name == "direction" else _plain(value) for name, value in found.items()
    }
    return {"remaining": known} if known else {}


def _only_at(beta: Array, units: Indices) -> bool:
    """Whether the entries of a vector other than those at `units` are zero."""
    inside = bool((units < beta.size).all())
    return inside and np.count_nonzero(beta) == np.count_nonzero(beta[units])


def _written(beta: Any, units: Indices | None) -> list[Any]:
    """Return what to write of a point: factors, or an array, of a vector only `units` if given."""
    if isinstance(beta, LowRank):
        return [beta.left.tolist(), beta.right.tolist()]
    return list((beta if units is None else beta[units]).tolist())
