"""Certificates: how far a saddle is from its own optimality conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles._tools.record import Record
from saddles.typing import Array

__all__ = ["ADDED", "CERTIFICATE_TOLERANCE", "Certificate", "Certificates"]

#: Attributes that earlier versions did not have; where files do not name them they are 0.
ADDED = ("left_out", "conjectured", "time_error")

#: A saddle whose own optimality conditions fail by more than this is never returned as right.
CERTIFICATE_TOLERANCE = 1e-7
#: Errors of times, relative, that a path's message mentions.
NOTABLE = 0.01


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """How far a saddle is from meeting its optimality conditions; all numbers are scale-free.

    Attributes
    ----------
    stationarity : float
        Largest gradient over the active units, relative to the largest it could be.
    violation : float
        Largest violation of the constraints: a wrong sign, a clock beyond its boundary, a unit
        at its boundary that should have joined.
    margin : float
        Relative lead of the clock that rang over the next one, (second − first) / first. If it
        is small, rounding of the data could change the order. Infinite if there is no second
        clock, and for the start.
    unique : bool
        False if other coefficients give the same function (those returned have minimum norm).
    creep : float
        0 at a critical point. At a saddle at infinity, the loss of the neurons minus its infimum,
        relative to the first loss; the loss of the saddle is then this infimum, extrapolated. If
        no extrapolation is possible, the decrease of the loss over the last fourfold increase of
        time.
    left_out : float
        At the end of a path, an upper bound of the decrease of the loss along directions that
        rounding hides, relative to the first loss. 0 at other saddles.
    conjectured : bool
        Whether the time of a jump so far rests on a conjecture: neurons parted whose eigenvectors
        of the utility had turned between saddles, and exponents were handed on in their order; or
        weights of a deep network waited at a saddle other than the origin.
    time_error : float
        Error bar of the jump's time, relative to it. 0 unless a saddle at infinity comes before
        the jump. Then the rest of the path is run again with other tolerances, and this is how
        far the time has moved; infinite if the second run has no such jump.
    """

    stationarity: float
    violation: float
    margin: float = math.inf
    unique: bool = True
    creep: float = 0.0
    left_out: float = 0.0
    conjectured: bool = False
    time_error: float = 0.0

    def __str__(self) -> str:
        said = [f"{max(self.stationarity, self.violation):.1g}"]
        if math.isfinite(self.margin):
            said.append(f"lead {self.margin:.2g}")
        if not self.unique:
            said.append("not unique")
        if self.at_infinity:
            said.append("at infinity")
        if self.conjectured:
            said.append("time rests on a conjecture")
        if self.time_error > NOTABLE:
            said.append(f"time ±{100 * self.time_error:.2g} %")
        return ", ".join(said)

    @property
    def at_infinity(self) -> bool:
        """Whether the saddle is an infimum that norms reach at infinity, up to its `creep`."""
        return self.creep > 0

    def holds(self, tolerance: float) -> bool:
        """Return whether stationarity and violation are both at most `tolerance`.

        A point short of an infimum at infinity is not stationary: there, `creep` is what must be
        small, and whoever follows the descent sees to that.
        """
        stationary = self.stationarity <= tolerance or self.at_infinity
        return stationary and self.violation <= tolerance


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Certificates(Record):
    """The certificates of a whole path, one entry per saddle.

    Attributes
    ----------
    stationarity, violation, margin : ndarray of shape (K+1,)
        See `Certificate`.
    unique : ndarray of bool, shape (K+1,)
        See `Certificate`.
    creep : ndarray of shape (K+1,)
        See `Certificate`.
    left_out, time_error : ndarray of shape (K+1,)
        See `Certificate`.
    conjectured : ndarray of bool, shape (K+1,)
        See `Certificate`.
    """

    stationarity: Array
    violation: Array
    margin: Array
    unique: Any
    creep: Array
    left_out: Array
    conjectured: Any
    time_error: Array

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what a pickle holds; earlier versions did not have all attributes."""
        none = np.zeros(len(state["margin"]))
        self.__dict__.update(dict.fromkeys(ADDED, none) | state)

    def __getitem__(self, index: int) -> Certificate:
        return Certificate(
            stationarity=float(self.stationarity[index]),
            violation=float(self.violation[index]),
            margin=float(self.margin[index]),
            unique=bool(self.unique[index]),
            creep=float(self.creep[index]),
            left_out=float(self.left_out[index]),
            conjectured=bool(self.conjectured[index]),
            time_error=float(self.time_error[index]),
        )

    @property
    def at_infinity(self) -> Any:
        """Which saddles are infima at infinity (K+1,); see `Certificate.at_infinity`."""
        return self.creep > 0

    @property
    def worst(self) -> float:
        """Largest stationarity residual or violation on the path."""
        return float(max(self.stationarity.max(), self.violation.max()))

    @property
    def remark(self) -> str:
        """What must be said of jump times that are uncertain by more than a per cent, or ""."""
        doubtful = np.flatnonzero(self.time_error > NOTABLE)
        if not doubtful.size:
            return ""
        worst = int(self.time_error.argmax())
        size = float(self.time_error[worst])
        error = f"by {100 * size:.0f} %" if size < 1 else "by as much as itself, or more"
        return (
            f"After a saddle at infinity the times of some jumps are uncertain by more than 1 % "
            f"({doubtful.size} of {len(self.time_error) - 1}), that of jump {worst} {error}: see "
            "certificates.time_error."
        )
