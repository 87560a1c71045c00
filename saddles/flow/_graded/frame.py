"""Graded coordinates: a linear flow Z' = F(Z) Z from a tiny Z, with nothing exponentially small.

Continuous QR factorisation, as for Lyapunov exponents (Dieci, Russell and Van Vleck, "On the
computation of Lyapunov exponents for continuous dynamical systems", SIAM J. Numer. Anal. 34, 1997),
with the triangular factor split into its scales and its shape. F is symmetric and depends on Z
through ZZᵀ alone. With B = QᵀFQ,

    Z = Q diag(eˡ) T O,   l' = diag B,   Q' = (I − QQᵀ)FQ + Q(tril(B, −1) − tril(B, −1)ᵀ),
    T' = S T,   S_ik = 2 B_ik exp(l_k − l_i) for i < k and 0 elsewhere,   O constant.

In Z itself every column turns to the direction that grows fastest, and what the dormant ones know
is left in differences of columns, which float64 loses below α = 1e-16. Here Q keeps directions, l
keeps sizes, and both move by amounts of order one. The growth is fastest first, so that l
decreases but for O(1), and no exponential is large. An error in l is a relative error in Z: one
absolute tolerance serves every α.

What this cannot see are tilts of Q below the tolerance. Noise then decides when such a tilt grows
back, so that it must not. Where F is block diagonal at every Z (observations that form a
disconnected graph) each block has a frame of its own, and the tilts between them are exactly 0.
Elsewhere every plateau is examined, and a flow that would leave one along an invisible tilt ends
there (`Status.UNDECIDED`).

===============  =====================================================================
code name        symbol
===============  =====================================================================
``frame``        Q, shape (m, r), orthonormal columns
``logs``         l, shape (r,)
``shape``        T, shape (r, r), unit upper triangular
``turn``         O, shape (r, width), orthonormal rows; None for the identity
``drive(Z)``     F, shape (m, m); for matrices −∇f(ZZᵀ)
===============  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.precision import CUT_EXPONENT, EPS
from saddles._numerics.stepping import bounded
from saddles.status import Status
from saddles.typing import Array, Indices

__all__: list[str] = []

#: A tilt that moves slower than this, or than the tolerance, relative to the pace, is below what
#: the integrator sees.
INVISIBLE = 1e-8

#: A tilt that grows slower than this, relative to the pace, is neutral but for rounding.
NEUTRAL = 1e-6

#: Error of a growth rate, in units of the tolerance.
RATE_ERROR = 10.0

#: Step of the finite differences of F, relative to its argument: errors of F are some 1e-10 then.
DIFFERENCE = 1e-5


@dataclass(frozen=True, eq=False)
class System:
    """What to integrate, and what to read off.

    Attributes
    ----------
    drive : callable
        Takes Z (m, r), returns F (m, m), symmetric.
    loss : callable
        Takes Z (m, r), returns the loss.
    readout : callable
        Takes Z (m, r), returns the point in function space.
    squares : float
        Minus the derivative of the loss with respect to time, divided by |FZ|².
    """

    drive: Callable[[Array], Array]
    loss: Callable[[Array], float]
    readout: Callable[[Array], Array]
    squares: float


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

    def factor(self, state: Array) -> tuple[Array, Array]:
        """Return its Q made orthonormal (m, r), and its rows of Z, shape (m, width)."""
        frame, logs, shape = self.unpack(state)
        if self.turn is not None:
            shape = shape @ self.turn
        straight = _orthonormal(frame)
        return straight, straight @ (np.exp(np.minimum(logs, CUT_EXPONENT))[:, None] * shape)

    def velocity(self, state: Array, straight: Array, drive: Array) -> Array:
        """Return the derivatives of its coordinates under its block of F."""
        frame, logs, shape = self.unpack(state)
        image = drive @ straight
        rates = straight.T @ image
        low = rates * self._lower
        # The last term pulls Q back to orthonormality, at the pace of the flow.
        turn = image + straight @ (low - low.T - rates) + (straight - frame)
        gaps = np.minimum(logs - logs[:, None], CUT_EXPONENT)
        shear = (2 * self._lower.T * rates * np.exp(gaps)) @ shape
        return self.pack(turn, rates.diagonal(), shear)


@dataclass(frozen=True, eq=False)
class Graded:
    """The flow in graded coordinates, packed into one vector: (Q, l, T above its diagonal) a part.

    ``scale`` is log(1/α), ``pace`` the size of F near the start.
    """

    system: System
    size: tuple[int, int]
    parts: tuple[Part, ...]
    scale: float
    pace: float

    @classmethod
    def of(cls, system: System, start: Array, log_alpha: float) -> Graded:
        """Find the parts, and measure the pace at the origin as well as at the start."""
        groups = _independent_rows(system.drive, start)
        parts: list[Part] = []
        for rows in groups:
            if start[rows].any():
                first = parts[-1].last if parts else 0
                parts.append(Part.of(start, rows, log_alpha, first, len(groups) == 1))
        width = parts[0].logs.size if len(groups) == 1 else start.shape[1]
        begin = start * math.exp(log_alpha)
        drives = (system.drive(0.0 * start), system.drive(begin))
        pace = max(float(np.linalg.norm(drive, 2)) for drive in drives)
        return cls(system, (start.shape[0], width), tuple(parts), -log_alpha, pace)

    @cached_property
    def start(self) -> Array:
        """The packed coordinates at the start."""
        return np.concatenate([p.pack(p.frame, p.logs, np.eye(p.logs.size)) for p in self.parts])

    @cached_property
    def logs(self) -> Any:
        """The places of l in the packed vector."""
        places = np.arange(self.parts[-1].last)
        return np.concatenate([places[part.places] for part in self.parts])

    def factor(self, state: Array) -> Array:
        """Return Z, shape (m, width)."""
        return self._placed(state)[1]

    def _placed(self, state: Array) -> tuple[list[Array], Array]:
        """Return Q of every part, and Z."""
        placed = [part.factor(state) for part in self.parts]
        if len(self.parts) == 1 and self.parts[0].rows.size == self.size[0]:
            return [placed[0][0]], placed[0][1]
        factor = np.zeros(self.size)
        for part, (_, rows) in zip(self.parts, placed, strict=True):
            factor[part.rows] = rows
        return [straight for straight, _ in placed], factor

    def velocity(self, _time: float, state: Array) -> Array:
        """Return the derivatives of all coordinates in the integrator's time."""
        with np.errstate(over="ignore", invalid="ignore"):
            frames, factor = self._placed(state)
            drive = self.system.drive(factor) / self.pace
            moved = [
                part.velocity(state, straight, _block(drive, part.rows))
                for part, straight in zip(self.parts, frames, strict=True)
            ]
        velocity = np.concatenate(moved)
        if np.isfinite(velocity.sum()):
            return velocity
        return bounded(velocity)

    def point(self, factor: Array) -> Array:
        """Return the point in function space."""
        return self.system.readout(factor)

    def loss(self, factor: Array) -> float:
        """Return the loss."""
        return self.system.loss(factor)

    def loss_rate(self, factor: Array) -> float:
        """Return dL/dt = −squares · |FZ|²."""
        return -self.system.squares * float(np.sum((self.system.drive(factor) @ factor) ** 2))

    def ended(self, state: Array, rtol: float) -> Status | None:
        """Say whether training has ended, left the range of float64, or is undecided.

        The active columns rest if FZ is `rtol` of its natural size; a dormant one would wake up if
        F had a positive eigenvalue.
        """
        logs = state[self.logs]
        if logs.max() > CUT_EXPONENT:
            return Status.OVERFLOW
        factor = self.factor(state)
        drive = self.system.drive(factor) / self.pace
        resting = np.linalg.norm(drive @ factor) <= rtol * np.linalg.norm(factor)
        begun = np.linalg.norm(drive - self._first_drive) > rtol
        if begun and not resting:
            return None
        least = logs.max() + math.log(rtol) / 2 if begun else math.inf
        if any(self._undecided(part, state, factor, drive, rtol, least) for part in self.parts):
            return Status.UNDECIDED
        if not resting:
            return None
        if logs.min() > least:
            return Status.CONVERGED
        growth = max(np.linalg.eigvalsh(_block(drive, part.rows))[-1] for part in self.parts)
        return Status.CONVERGED if growth <= rtol else None

    @cached_property
    def _first_drive(self) -> Array:
        """F at the origin, over the pace."""
        return self.system.drive(np.zeros(self.size)) / self.pace

    def _undecided(
        self, part: Part, state: Array, factor: Array, drive: Array, rtol: float, least: float
    ) -> bool:
        """Whether a tilt of the frame of `part` grows that is too small to be known.

        Columns whose log scale is at least `least` are active.
        """
        unseen, neutral = unseen_rates(rtol)
        frame, logs, _ = part.unpack(state)
        straight = _orthonormal(frame)
        block = _block(drive, part.rows)
        rates = straight.T @ block @ straight
        growth = rates.diagonal()
        # Entry (i, j): j grows, and faster than i, which is the larger of the two.
        growing = (growth > neutral) & (growth > growth[:, None] + neutral)
        active = logs > least
        growing[active] = False
        if (growing & (np.abs(rates) < unseen) & (logs[:, None] > logs)).any():
            return True
        rest = part.rows.size - int(active.sum())
        if not active.any() or rest == 0:
            return False
        basis = np.linalg.qr(straight[:, active], mode="complete")[0]
        beside, inside = basis[:, active.sum() :], straight[:, active]
        if np.abs(beside.T @ block @ inside).max() > unseen:
            return False
        tilted = _TiltGrowth(self, part.rows, factor, block, inside, beside)
        return tilted.largest() > neutral


@dataclass(frozen=True, eq=False)
class _TiltGrowth:
    """The second variation of the flow when active columns tilt: C -> Vᵀ[FVC + F'(VC)U]."""

    graded: Graded
    rows: Indices
    factor: Array
    block: Array
    inside: Array
    beside: Array

    def largest(self) -> float:
        """Return the largest growth rate of a tilt, relative to the pace."""
        from scipy.sparse.linalg import LinearOperator, eigsh

        shape = (self.beside.shape[1], self.factor.shape[1])
        own = self.factor[self.rows]
        # Only the directions of U matter; an orthogonal O changes nothing.
        across = np.linalg.svd(own, full_matrices=False)[2][: self.inside.shape[1]]
        n = shape[0] * across.shape[0]

        def apply(flat: Array) -> Array:
            tilt = flat.reshape(shape[0], across.shape[0])
            change = np.zeros_like(self.factor)
            change[self.rows] = self.beside @ tilt @ across
            step = DIFFERENCE * np.linalg.norm(own) / np.linalg.norm(change)
            drives = [self.graded.system.drive(self.factor + s * change) for s in (step, -step)]
            slope = _block(drives[0] - drives[1], self.rows) / (2 * step * self.graded.pace)
            moved = self.block @ self.beside @ tilt + slope @ own @ across.T
            return np.asarray((self.beside.T @ moved).ravel())

        if n <= 40:
            dense = np.array([apply(unit) for unit in np.eye(n)])
            return float(np.linalg.eigvalsh((dense + dense.T) / 2)[-1])
        operator = LinearOperator((n, n), matvec=apply, dtype=float)
        start = np.random.default_rng(0).standard_normal(n)
        top = eigsh(operator, k=1, which="LA", v0=start, tol=1e-3, return_eigenvectors=False)
        return float(top[0])


def unseen_rates(rtol: float) -> tuple[float, float]:
    """Return below which speed a tilt, and below which growth rate its growth, may be an error."""
    return max(INVISIBLE, rtol), max(NEUTRAL, RATE_ERROR * rtol)


def _independent_rows(drive: Callable[[Array], Array], start: Array) -> list[Indices]:
    """Return the groups of rows whose blocks of F are all that is ever not zero.

    At a Z in general position an entry of F that is exactly zero is zero by structure.
    """
    from scipy.sparse.csgraph import connected_components

    probe = np.random.default_rng(0).standard_normal((start.shape[0], start.shape[0]))
    probe *= 1e-3 * np.linalg.norm(start) / np.linalg.norm(probe)
    linked = (drive(0.0 * start) != 0) | (drive(probe) != 0)
    count, labels = connected_components(linked, directed=False)
    return [np.flatnonzero(labels == k) for k in range(count)]


def _block(matrix: Array, rows: Indices) -> Array:
    """Return the block of `matrix` (m, m) at `rows`."""
    return matrix if rows.size == matrix.shape[0] else matrix[np.ix_(rows, rows)]


def _orthonormal(frame: Array) -> Array:
    """Return the columns (m, r) made orthonormal from the left, whatever their size."""
    from scipy.linalg import lapack

    # numpy's qr returns the same, at four times the cost for small matrices.
    factored, tau, _, info = lapack.dgeqrf(frame)
    signs = np.copysign(1.0, factored.diagonal())
    basis, _, info = lapack.dorgqr(factored, tau)
    assert info == 0
    return np.asarray(basis * signs)
