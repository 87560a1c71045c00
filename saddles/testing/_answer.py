"""What a solver returned, whatever its form, as arrays that laws can compare.

A solver may return an object with the attributes ``times``, ``betas`` and ``losses`` (a
`saddles.SaddlePath` is one), a mapping with these keys, or the three in a tuple, in this order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from saddles.status import Status
from saddles.testing._expect import NoPath
from saddles.typing import Array

__all__ = ["Answer"]

REQUIRED = ("times", "betas", "losses")

#: Groups of units of a `SaddlePath`.
GROUPS = ("active", "entered", "left")


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """A path, as far as laws look at it.

    Attributes
    ----------
    times : ndarray of shape (K+1,)
        Scaled times t / log(1/α); the first is 0, that of the start.
    betas : ndarray of shape (K+1, ...)
        Function-space point from each time on; the first is zero.
    losses : ndarray of shape (K+1,)
        Losses there.
    active, entered, left : list of lists of int, or None
        Units that are not zero, that became so, that are so no longer, if the solver says.
    duals : ndarray of shape (K+1, n) or (K+1, d), or None
        Dual points or clocks, if the solver returns them.
    unique : list of bool or None
        Whether the coefficients of each saddle are the only ones with its fit, if it says.
    status : Status or None
        Why the path ends, if it is one of this package.
    """

    times: Array
    betas: Array
    losses: Array
    active: list[list[int]] | None = None
    entered: list[list[int]] | None = None
    left: list[list[int]] | None = None
    duals: Array | None = None
    unique: list[bool] | None = None
    status: Status | None = None

    def __len__(self) -> int:
        """Return the number of saddles, K + 1."""
        return len(self.times)

    @classmethod
    def of(cls, result: Any, shape: tuple[int, ...]) -> Answer:
        """Read a solver's result, whose betas must have the given shape, or say what is wrong."""
        entries = _entries(result)
        times, losses = (_array(entries[name], name) for name in ("times", "losses"))
        betas = _array(_dense(entries["betas"]), "betas")
        count = times.shape[0] if times.ndim == 1 else 0
        wanted = {"times": (count,), "betas": (count, *shape), "losses": (count,)}
        got = {"times": times.shape, "betas": betas.shape, "losses": losses.shape}
        if count == 0 or wanted != got:
            sides = ", ".join(("K+1", *map(str, shape)))
            raise NoPath(
                "shapes of the answer",
                expected=f"times (K+1,), betas ({sides}), losses (K+1,), the start included",
                got=", ".join(f"{name} {size}" for name, size in got.items()),
            )
        groups = {name: _units(entries.get(name), name, count) for name in GROUPS}
        status = entries.get("status")
        return cls(
            times=times,
            betas=betas,
            losses=losses,
            duals=None if entries.get("duals") is None else _array(entries["duals"], "duals"),
            unique=_flags(entries.get("certificates")),
            status=status if isinstance(status, Status) else None,
            **groups,
        )


def _entries(result: Any) -> Mapping[str, Any]:
    """Return what there is of a result, by name."""
    optional = (*GROUPS, "duals", "certificates", "status")
    if isinstance(result, Mapping):
        found = {name: result[name] for name in (*REQUIRED, *optional) if name in result}
    elif isinstance(result, tuple | list) and not hasattr(result, "times"):
        if len(result) != len(REQUIRED):
            raise _unreadable(f"a {type(result).__name__} of {len(result)} entries")
        found = dict(zip(REQUIRED, result, strict=True))
    else:
        found = {n: getattr(result, n) for n in (*REQUIRED, *optional) if hasattr(result, n)}
    if missing := [name for name in REQUIRED if name not in found]:
        raise _unreadable(f"a {type(result).__name__} without {', '.join(missing)}")
    return found


def _unreadable(got: str) -> NoPath:
    return NoPath(
        "what the solver returned",
        expected="attributes or keys times, betas and losses, or a tuple of the three",
        got=got,
    )


def _dense(betas: Any) -> Any:
    """Return points as rows of numbers, if they are sparse or kept as factors."""
    if hasattr(betas, "toarray"):
        return betas.toarray()
    points = isinstance(betas, list | tuple) or (
        isinstance(betas, np.ndarray) and betas.dtype.kind == "O"
    )
    if points and len(betas) and all(hasattr(beta, "toarray") for beta in betas):
        return [beta.toarray() for beta in betas]
    return betas


def _array(value: Any, name: str) -> Array:
    """Return finite real numbers as a float64 array."""
    rule = "an array of finite real numbers"
    try:
        array = np.asarray(value)
    except ValueError:
        raise NoPath(name, expected=rule, got="rows of different lengths") from None
    if array.dtype.kind == "O" and all(isinstance(entry, Real) for entry in array.flat):
        array = array.astype(float)  # fractions, say
    if array.dtype.kind not in "biuf":
        raise NoPath(name, expected=rule, got=f"dtype {array.dtype}")
    if not np.isfinite(array).all():
        raise NoPath(name, expected=rule, got=array)
    return np.asarray(array, dtype=float)


def _units(groups: Any, name: str, count: int) -> list[list[int]] | None:
    if groups is None:
        return None
    if not hasattr(groups, "__len__") or len(groups) != count:
        raise NoPath(name, expected=f"{count} lists of units, one per saddle", got=groups)
    return [np.asarray(group).tolist() for group in groups]


def _flags(certificates: Any) -> list[bool] | None:
    unique = getattr(certificates, "unique", None)
    return None if unique is None else np.asarray(unique).tolist()
