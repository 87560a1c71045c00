"""A saddle path as plain lists, numbers and strings, and back, equal to the last bit.

Points are written by their active units where nothing else is in them.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from saddles import checks
from saddles._result.certificate import Certificate, Certificates
from saddles._result.points import LowRank, stacked
from saddles._result.remaining import Remaining
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["read", "written"]

#: Version of the dictionary.
FORMAT = 1

#: Entries without which no path can be read.
NEEDED = (
    *("algorithm", "source", "status", "kappa", "log_alpha", "shape", "sparse", "by_unit"),
    *("times", "losses", "duals", "active", "entered", "left", "values", "certificates"),
)

_ENTRIES = fields(Certificate)
_UNITS = ("active", "entered", "left")


def written(path: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON can hold of a path, given as its fields."""
    betas, active = path["betas"], path["active"]
    sparse, count = hasattr(betas, "toarray"), len(path["times"])
    rows = [betas[[k]].toarray()[0] for k in range(count)] if sparse else betas
    pairs = list(zip(rows, active, strict=True))
    by_unit = betas.ndim == 2 and all(_only_at(row, units) for row, units in pairs)
    duals, certificates = path["duals"], path["certificates"]
    return {
        "format": FORMAT,
        "algorithm": path["algorithm"],
        "source": path["source"],
        "status": path["status"].name,
        "message": path["status"].sentence,
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
            if entry.name != "left_out" or certificates.left_out.any()
        },
        **_known(path["remaining"]),
        **({} if path["kind"] == "coefficients" else {"kind": path["kind"]}),
        **({} if path["fingerprint"] is None else {"fingerprint": list(path["fingerprint"])}),
    }


def read(data: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the path that `written` wrote as `data`."""
    if not isinstance(data, dict):
        raise TypeError(f"data={checks.show(data)} must be a dictionary that to_dict returned.")
    if data.get("format") != FORMAT:
        raise ValueError(
            f"format={data.get('format')!r}: this version reads format {FORMAT}; write the "
            "path again with SaddlePath.save."
        )
    missing = [name for name in NEEDED if name not in data]
    if missing:
        raise ValueError(f"data lacks {', '.join(missing)}; pass what SaddlePath.to_dict returned.")
    units = {name: tuple(np.array(u, dtype=np.intp) for u in data[name]) for name in _UNITS}
    whole = tuple(np.arange(data["shape"][-1]) for _ in data["values"])
    betas = _read(data, units["active"] if data["by_unit"] else whole)
    certificates = {"left_out": np.zeros(len(data["times"]))} | {
        name: np.array(values, dtype=bool if name == "unique" else float)
        for name, values in data["certificates"].items()
    }
    left = data.get("remaining", {})
    return dict(
        algorithm=data["algorithm"],
        source=data["source"],
        times=np.array(data["times"]),
        betas=betas,
        losses=np.array(data["losses"]),
        duals=None if data["duals"] is None else np.array(data["duals"]),
        certificates=Certificates(**certificates),
        status=Status[data["status"]],
        kappa=data["kappa"],
        log_alpha=float(data["log_alpha"]),
        remaining=Remaining(**{name: float(value) for name, value in left.items()}),
        fingerprint=tuple(data["fingerprint"]) if "fingerprint" in data else None,
        kind=checks.one_of(data.get("kind", "coefficients"), "kind", checks.KINDS),
        **units,
    )


def _plain(value: float) -> float | str:
    """Return a number that JSON can hold, or the word for an infinite one."""
    return value if math.isfinite(value) else str(value)


def _known(remaining: Remaining) -> dict[str, Any]:
    """Return what is known of what remains, in the form of `written`."""
    known = {name: _plain(value) for name, value in vars(remaining).items() if value is not None}
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


def _read(data: dict[str, Any], active: tuple[Indices, ...]) -> Any:
    """Return the points that `_written` wrote."""
    values = data["values"]
    if len(data["shape"]) == 1:
        shapes = [[np.array(factor, dtype=float) for factor in pair] for pair in values]
        return stacked([LowRank(*pair) for pair in shapes])
    if len(data["shape"]) > 2:
        return np.array(values, dtype=float)
    betas: Any = _empty_rows(data["shape"]) if data["sparse"] else np.zeros(data["shape"])
    for row, units, entries in zip(range(len(values)), active, values, strict=True):
        betas[row, units] = entries
    return betas.tocsr() if data["sparse"] else betas


def _empty_rows(shape: list[int]) -> Any:
    from scipy.sparse import lil_array

    return lil_array(tuple(shape))
