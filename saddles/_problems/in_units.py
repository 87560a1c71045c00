"""A regression in units in which no product can overflow, with its tolerances: for solvers.

Units are powers of two, so that nothing is rounded.

================  ======================================================================
code name         symbol
================  ======================================================================
``column_unit``   what the columns of X were divided by, (d,)
``target_unit``   what y was divided by
``norms``         |x_i|, (d,), in these units
================  ======================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS, ZERO
from saddles._problems.features import Features
from saddles._problems.regression import Regression
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__ = ["InUnits"]

#: What rounding moves a clock by, as a share of what is tolerated of it: a few eps to `ZERO`.
ROUNDING_SHARE = 2 * EPS / ZERO

#: Relative uncertainty of a jump time from which on a path is not continued.
TIME_TOLERANCE = 1e-6

#: Columns whose largest entry is smaller, or larger than its inverse, are rescaled.
EXTREME = 1e-100


@dataclass(frozen=True, eq=False)
class InUnits:
    """A regression in units (powers of two, hence exact) in which no product can overflow.

    Attributes
    ----------
    X, y, n_samples
        Data with columns of moderate size and targets of order one.
    norms : ndarray of shape (d,)
        Norms of the columns of `X`.
    rounding, grain
        What was rounded before; see `Regression`.
    column_unit : ndarray of shape (d,)
        What the columns were divided by; 1 unless a column is extreme.
    target_unit : float
        What the targets were divided by.
    """

    features: Features
    y: Array
    norms: Array
    n_samples: float
    rounding: float
    grain: Array
    column_unit: Array
    target_unit: float

    @classmethod
    def of(cls, problem: Regression) -> InUnits:
        """Return `problem` in its units; columns are copied only if one is extreme."""
        features, (largest, norms) = problem.features, problem.sizes
        extreme = (largest > 0) & ((largest < EXTREME) | (largest > 1 / EXTREME))
        unit = np.ones_like(largest)
        if extreme.any():
            unit[extreme] = np.exp2(np.frexp(largest[extreme])[1])
            features = features.divided(unit)
            norms = features.sizes()[1]
        target_unit = math.ldexp(1.0, math.frexp(np.abs(problem.y).max())[1])
        return cls(
            features=features,
            y=problem.y / target_unit,
            norms=norms,
            n_samples=problem.n_samples,
            rounding=problem.rounding,
            grain=problem.grain,
            column_unit=unit,
            target_unit=target_unit,
        )

    @property
    def X(self) -> Any:
        """The features as they are stored."""
        return self.features.X

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and features, (n, d)."""
        return self.features.shape

    def read_often(self) -> InUnits:
        """Return the same data, stored such that reading single columns is fast."""
        features = self.features.read_often()
        return self if features is self.features else replace(self, features=features)

    def columns(self, indices: Indices) -> Array:
        """Return columns of X, (n, m)."""
        return self.features.columns(indices)

    def products(self, indices: Indices | None, *vectors: Array) -> list[Array]:
        """Return x_i·v, (m,) for each of `vectors` and the columns at `indices` (None: all)."""
        return self.features.products(indices, *vectors)

    @cached_property
    def target_norm(self) -> float:
        """Return |y|."""
        return float(np.linalg.norm(self.y))

    def check_time(self, blur: float, time: float, jump: int, apart: float = 0.0) -> None:
        """Raise if a jump's time is less certain than a path's may be.

        Rounding of clocks may take part of `blur`, which is tolerated; clocks that count as one
        ring may be `apart`. Clocks of features that are almost collinear differ by little more than
        their rounding, and move against each other as slowly.
        """
        share = ROUNDING_SHARE * blur
        if share > TIME_TOLERANCE * time or apart > TIME_TOLERANCE * time:
            share = max(share, apart) / time
            detail = f"the time of jump {jump} is known to a relative {share:.1g} only"
            raise Breakdown(Status.INACCURATE, detail)

    def least_push(self, slack: float, time: float, apart: float = 0.0) -> float:
        """Return the least x·r, for unit x, that brings a clock so near to its boundary there.

        In a negligible time, that is. The clock may be `apart` from the boundary, or by as much as
        rounding takes of `slack`.
        """
        return max(4 * ROUNDING_SHARE * slack, apart) / (TIME_TOLERANCE * time)

    def resolution(self, size: float) -> float:
        """Return what rounding may leave of x·r, for unit x and a residual of norm `size`."""
        return max(ZERO * size, self.rounding * self.target_norm)

    @cached_property
    def rescaled(self) -> bool:
        """Whether columns were divided by other units than 1."""
        return bool((self.column_unit != 1).any())

    def betas(self, beta: Array, indices: Indices | None = None) -> Array:
        """Return coefficients (m,) of the columns at `indices` (None: all) in the user's units."""
        if not self.rescaled:
            return beta * self.target_unit
        unit = self.column_unit if indices is None else self.column_unit[indices]
        with np.errstate(over="ignore"):  # the loop ends a path with an infinite coefficient
            return beta * self.target_unit / unit

    def loss(self, residual: Array) -> float:
        """Return the mean loss of a residual (n,) in the user's units."""
        loss = float(residual.dot(residual)) / (2 * self.n_samples)
        return loss * self.target_unit * self.target_unit

    def time(self, time: float) -> float:
        """Return a time of the sum loss here as one of the mean loss in the user's units."""
        return time * self.n_samples / self.target_unit
