"""What a law may ask of an answer: each function compares, or raises `Broken` with both sides."""

from __future__ import annotations

from typing import Any

import numpy as np

from saddles.typing import Array, ArrayLike

__all__ = ["Broken", "NoPath", "close", "close_each", "equal", "holds", "shown"]


class Broken(AssertionError):
    """A law does not hold for one answer.

    Attributes
    ----------
    what : str
        What was looked at.
    expected, got : str
        Both sides, in words or numbers.
    """

    def __init__(self, what: str, *, expected: Any, got: Any) -> None:
        self.what, self.expected, self.got = what, shown(expected), shown(got)
        super().__init__(f"{what}: expected {self.expected}, got {self.got}")


class NoPath(Broken):
    """A solver raised an exception, or returned what is no path."""


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
