"""What a law may ask of an answer: each function compares, or raises `Broken` with both sides."""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles.typing import Array, ArrayLike

__all__ = [
    "Broken",
    "Late",
    "NoPath",
    "Wrote",
    "close",
    "close_each",
    "equal",
    "holds",
    "shown",
    "up_to_a_factor",
]


class Broken(AssertionError):
    """A law does not hold for one answer.

    Attributes
    ----------
    what : str
        Quantity that was checked.
    expected, got : str
        Both sides, in words or numbers.
    name, statement : str
        Of what every law takes for granted; empty if the law itself does not hold.
    """

    name = statement = ""

    def __init__(self, what: str, *, expected: Any, got: Any) -> None:
        self.what, self.expected, self.got = what, shown(expected), shown(got)
        super().__init__(f"{what}: expected {self.expected}, got {self.got}")


class NoPath(Broken):
    """A solver raised an exception, or returned what is no path."""

    name = "a solver returns a path"
    statement = (
        "For every problem it returns times, betas and losses, finite and of matching shapes."
    )


class Late(Broken):
    """A solver did not return in time."""

    name = "a solver returns in time"
    statement = "For every problem it returns within the time limit."


class Wrote(Broken):
    """A solver changed the data that it was given."""

    name = "a solver leaves its data alone"
    statement = "What it is given, it reads only: whoever calls it needs the data again."


def shown(value: Any) -> str:
    """Return numbers with ten digits, anything else as it prints."""
    if isinstance(value, np.ndarray):
        return np.array2string(value, precision=10, separator=", ", threshold=100)
    if isinstance(value, float | np.floating):
        return f"{float(value):.10g}"
    return str(value)


def holds(condition: Any, what: str, *, expected: Any, got: Any) -> None:
    """Raise unless the condition is true."""
    if not condition:
        raise Broken(what, expected=expected, got=got)


def equal(what: str, got: Any, expected: Any) -> None:
    """Raise unless both are the same."""
    holds(got == expected, what, expected=expected, got=got)


def close(
    what: str,
    got: ArrayLike,
    expected: ArrayLike,
    tolerance: float,
    *,
    scale: ArrayLike | None = None,
) -> None:
    """Raise unless the arrays agree to `tolerance` times `scale`, by default the largest entry."""
    found, wanted = _alike(what, got, expected)
    unit = np.abs(wanted).max(initial=0.0) if scale is None else scale
    _compare(what, found, wanted, tolerance * np.asarray(unit))


def close_each(what: str, got: ArrayLike, expected: ArrayLike, tolerance: float) -> None:
    """Raise unless every entry agrees to `tolerance`, relative to itself."""
    found, wanted = _alike(what, got, expected)
    _compare(what, found, wanted, tolerance * np.abs(wanted))


def _alike(what: str, got: ArrayLike, expected: ArrayLike) -> tuple[Array, Array]:
    """Return both as arrays of one shape."""
    found, wanted = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    if found.shape != wanted.shape:
        raise Broken(
            f"{what} (shape {wanted.shape} against {found.shape})", expected=wanted, got=found
        )
    return found, wanted


def _compare(what: str, found: Array, wanted: Array, allowed: Array) -> None:
    off = np.abs(found - wanted)
    if not (off <= allowed).all():
        excess = np.where(off <= allowed, 0.0, off)
        raise Broken(
            f"{what} (they differ by {excess.max():.2g})",
            expected=wanted,
            got=found,
        )


def up_to_a_factor(
    what: str, got: ArrayLike, expected: ArrayLike, tolerance: float, *, ours: str
) -> None:
    """Raise unless the arrays agree to `tolerance`; say so if one factor would make them agree.

    Parameters
    ----------
    what : str
        What is compared.
    got, expected : array_like of equal shapes
        Both sides.
    tolerance : float
        Relative to the largest of what is expected.
    ours : str
        The convention of the laws, in words.
    """
    found, wanted = _alike(what, got, expected)
    unit = float(np.abs(wanted).max(initial=0.0))
    try:
        _compare(what, found, wanted, np.asarray(tolerance * unit))
    except Broken:
        square = float(np.sum((wanted / unit) ** 2)) if unit else 0.0
        factor = float(np.sum(found / unit * (wanted / unit))) / square if square else 1.0
        if not (np.abs(found - factor * wanted) <= tolerance * abs(factor) * unit).all():
            raise
        said = f"{what}, all {factor:.6g} times what is expected: another convention? {ours}"
        raise Broken(said, expected=wanted, got=found) from None
