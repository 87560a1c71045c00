"""The coordinates of one part of Z: directions, log scales and shape, and how they move.

Read `frame` first, which says what they are and why.

===============  =====================================================================
code name        symbol
===============  =====================================================================
``frame``        Q, shape (m, r), orthonormal columns
``logs``         l, shape (r,)
``shape``        T, shape (r, r), unit upper triangular
``turn``         O, shape (r, width), orthonormal rows; None for the identity
===============  =====================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.precision import CUT_EXPONENT, EPS, beyond_rounding
from saddles.flow._graded.slopes import Variations, shearing, turning
from saddles.typing import Array, Indices

__all__: list[str] = []


@dataclass(frozen=True, eq=False)
class Part:
    """Rows of Z whose block of F couples to no other, and where their coordinates are packed."""

    rows: Indices
    frame: Array
    logs: Array
    turn: Array | None
    first: int

    @classmethod
    def of(cls, start: Array, rows: Indices, log_alpha: float, first: int, alone: bool) -> Part:
        """Factor the start α · start (m, width), of which these rows are not all zero."""
        frame, sizes, turn = np.linalg.svd(start[rows], full_matrices=False)
        kept = sizes > max(start.shape) * EPS * sizes[0]
        logs = log_alpha + np.log(sizes[kept])
        # O drops out of ZZᵀ if there is no other part.
        return cls(rows, frame[:, kept], logs, None if alone else turn[kept], first)

    @property
    def last(self) -> int:
        """Where its coordinates end in the packed vector."""
        r = self.logs.size
        return self.first + self.frame.size + r + r * (r - 1) // 2

    @property
    def places(self) -> Any:
        """Where its log scales are in the packed vector."""
        begin = self.first + self.frame.size
        return slice(begin, begin + self.logs.size)

    @cached_property
    def _above(self) -> Any:
        return np.triu_indices(self.logs.size, 1)

    @cached_property
    def _eye(self) -> Array:
        return np.eye(self.logs.size)

    @cached_property
    def _lower(self) -> Array:
        return np.tri(self.logs.size, k=-1)

    def pack(self, frame: Array, logs: Array, shape: Array) -> Array:
        """Return one vector of all its coordinates."""
        return np.concatenate([frame.ravel(), logs, shape[self._above]])

    def unpack(self, state: Array) -> tuple[Array, Array, Array]:
        """Return Q as integrated (m, r), l (r,), T (r, r) from the vector of all parts."""
        shape = np.eye(self.logs.size)
        shape[self._above] = state[self.places.stop : self.last]
        frame = state[self.first : self.places.start].reshape(self.frame.shape)
        return frame, state[self.places], shape

    def factor(self, state: Array) -> tuple[Array, Array, Array]:
        """Return Q (m, r) and R (r, r) of its frame QR, and its rows of Z, shape (m, width)."""
        frame, logs, shape = self.unpack(state)
        if self.turn is not None:
            shape = shape @ self.turn
        straight, triangle = straightened(frame)
        sizes = np.exp(np.minimum(logs, CUT_EXPONENT))
        return straight, triangle, straight @ (sizes[:, None] * shape)

    def variations(self, state: Array) -> Variations:
        """Return variations of its coordinates, each of them alone."""
        frame, logs, shape = self.unpack(state)
        straight, triangle = straightened(frame)
        sizes = np.where(logs < CUT_EXPONENT, np.exp(np.minimum(logs, CUT_EXPONENT)), 0.0)
        return Variations.of(straight, triangle, sizes, shape)

    def slopes(self, state: Array, drive: Array, dF: Array, own: Variations | None) -> Array:
        """Return what variations (n) that change its block of F by `dF` do to its velocities.

        `own` if they are variations of its own coordinates.
        """
        frame, logs, shape = self.unpack(state)
        straight = straightened(frame)[0]
        dQ = np.zeros((1, *frame.shape)) if own is None else own.dQ
        dturn, dB = turning(straight, drive, dF, dQ)
        if own is not None:
            dturn += dQ
            dturn[: frame.size] -= np.eye(frame.size).reshape(-1, *frame.shape)
        ratios = np.exp(np.minimum(logs - logs[:, None], CUT_EXPONENT))
        dshear = shearing(straight.T @ drive @ straight, ratios, shape, dB, own)
        grown = dB.diagonal(axis1=1, axis2=2)
        return np.hstack([dturn.reshape(len(dF), -1), grown, dshear[(slice(None), *self._above)]])

    def velocity(self, state: Array, straight: Array, triangle: Array, drive: Array) -> Array:
        """Return the derivatives of its coordinates under its block of F."""
        _, logs, shape = self.unpack(state)
        image = drive @ straight
        rates = beyond_rounding(straight.T @ image, 1.0)
        low = rates * self._lower
        # The last term pulls Q back to orthonormality, at the pace of the flow; as Q − QR, rounding
        # would turn Q as well, and not relax.
        turn = straight @ (low - low.T + self._eye - triangle)
        if straight.shape[0] > straight.shape[1]:
            turn += beyond_rounding(image - straight @ (straight.T @ image), 1.0)
        gaps = np.minimum(logs - logs[:, None], CUT_EXPONENT)
        shear = (2 * self._lower.T * rates * np.exp(gaps)) @ shape
        return self.pack(turn, rates.diagonal(), shear)


def straightened(frame: Array) -> tuple[Array, Array]:
    """Return Q (m, r) and R (r, r), with a positive diagonal, of `frame` = QR."""
    from scipy.linalg import lapack

    # numpy's qr returns the same, at four times the cost for small matrices.
    factored, tau, _, info = lapack.dgeqrf(frame)
    signs = np.copysign(1.0, factored.diagonal())
    basis, _, info = lapack.dorgqr(factored, tau)
    assert info == 0
    return np.asarray(basis * signs), np.triu(factored[: signs.size]) * signs[:, None]
