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
decreases up to O(1), and no exponential is large. An error in l is a relative error in Z: one
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
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.ends import LEAST_RATE, Outlook, gains, still
from saddles._numerics.precision import CUT_EXPONENT, ULPS
from saddles._numerics.stepping import bounded
from saddles.flow._graded.leap import Leap, leap, rows_of
from saddles.flow._graded.part import Part, straightened
from saddles.flow._graded.saddle import Saddle
from saddles.flow._graded.systems import System
from saddles.flow._graded.view import View
from saddles.flow._inputs import STEP_SHARE
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__: list[str] = []

#: A tilt that moves slower than this, or than the tolerance, relative to the pace, is below what
#: the integrator sees.
INVISIBLE = 1e-8

#: A tilt that grows slower than this, relative to the pace, is neutral up to rounding.
NEUTRAL = 1e-6

#: Error of a growth rate, in units of the tolerance.
RATE_ERROR = 10.0

#: Columns of a log scale below this change F by less than e^(−80), and are not tried without.
UNFELT_LOG = -40.0

#: Step of the finite differences of F, relative to its argument: errors of F are then about 1e-10.
DIFFERENCE = 1e-5


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

    def _placed(self, state: Array) -> tuple[list[tuple[Array, Array]], Array]:
        """Return Q and R of every part's frame, and Z."""
        placed = [part.factor(state) for part in self.parts]
        frames = [(straight, triangle) for straight, triangle, _ in placed]
        if len(self.parts) == 1 and self.parts[0].rows.size == self.size[0]:
            return frames, placed[0][2]
        factor = np.zeros(self.size)
        for part, (_, _, rows) in zip(self.parts, placed, strict=True):
            factor[part.rows] = rows
        return frames, factor

    def velocity(self, _time: float, state: Array) -> Array:
        """Return the derivatives of all coordinates in the integrator's time."""
        frames, factor = self._placed(state)
        drive = self.system.drive(factor) / self.pace
        moved = [
            part.velocity(state, *frame, _block(drive, part.rows))
            for part, frame in zip(self.parts, frames, strict=True)
        ]
        return bounded(np.concatenate(moved))

    def jacobian(self, _time: float, state: Array) -> Array:
        """Return the derivatives of `velocity`, shape (n, n)."""
        factor = self.factor(state)
        drive = self.system.drive(factor) / self.pace
        moved = [self._slopes(part, state, factor, drive) for part in self.parts]
        return bounded(np.concatenate(moved).T)

    def _slopes(self, part: Part, state: Array, factor: Array, drive: Array) -> Array:
        """Return what variations of a part's coordinates do to all velocities, one a row."""
        own = part.variations(state)
        dZ = np.zeros((len(own.dl), *self.size))
        dZ[:, part.rows] = own.scaled if part.turn is None else own.scaled @ part.turn
        dF = self.system.bend(factor, dZ) / self.pace
        return np.hstack(
            [
                other.slopes(
                    state,
                    _block(drive, other.rows),
                    dF[:, other.rows[:, None], other.rows],
                    own if other is part else None,
                )
                for other in self.parts
            ]
        )

    def point(self, factor: Array) -> Array:
        """Return the point in function space."""
        return self.system.readout(factor)

    def loss(self, factor: Array) -> float:
        """Return the loss."""
        return self.system.loss(factor)

    def loss_rate(self, factor: Array) -> float:
        """Return dL/dt = −squares · |FZ|²."""
        return -self.system.squares * float(np.sum((self.system.drive(factor) @ factor) ** 2))

    def outlook(self, time: float, state: Array, rtol: float) -> Outlook:
        """Return what could still happen, or raise where it cannot be followed.

        Columns that F sees rest if Fq is `rtol` of what it would be without them. On a plateau all
        of them do; others could grow if F had a positive eigenvalue across those.
        """
        if state[self.logs].max() > CUT_EXPONENT:
            raise Breakdown(Status.OVERFLOW)
        views, factor = self._views(state, rtol), self.factor(state)
        plateau = all((view.rests | ~view.seen).all() for view in views)
        growing = False
        if plateau:
            if any(self._undecided(view, state, factor, rtol) for view in views):
                raise Breakdown(Status.UNDECIDED)
            views = [self._settled(view, state) for view in views]
            growing = any(view.across()[0].max(initial=0.0) > LEAST_RATE for view in views)
        moves = growing or not plateau
        return Outlook(
            moves=moves,
            left=self.system.left(factor) if moves else self._gain(views, factor),
            whole=self._first_loss - self.loss(factor),
            next_jump=(time + min(view.wait(state) for view in views)) / (self.pace * self.scale),
        )

    def errors(self, state: Array, least: float) -> Array:
        """Return what a step from `state` may err by, shape (n,).

        Rates are known to a few ulp of the pace: over the time that a slow column needs to grow, or
        to come to rest, rounding adds up to as much of it. It adds up over the longest such time in
        columns that rest: what is learnt stays the same if they turn among themselves, so that
        nothing drives them back.
        """
        errors = []
        for view in self._views(state, least):
            growing = view.across()[0].max(initial=0.0)
            paces = np.where(view.seen, np.abs(view.own), growing)
            paces[view.rests] = paces[paces > LEAST_RATE].min(initial=1.0)
            own = np.maximum(least, np.divide(ULPS, paces, out=0 * paces, where=paces > LEAST_RATE))
            errors.append(view.part.pack(own + 0 * view.straight, own, np.maximum.outer(own, own)))
        return np.concatenate(errors)

    def leap(self, time: float, state: Array, until: float, rtol: float) -> Leap | None:
        """Return the leap over the plateau from here, at most to `until`, if there is one.

        Frames of several parts are not followed that way: what is dormant in one of them may be
        active in another.
        """
        if len(self.parts) > 1:
            return None
        (view,) = self._views(state, rtol)
        saddle = self._saddle(view, state) if (view.rests | ~view.seen).all() else None
        if saddle is None or saddle.held.shape[1] == min(self.size):
            return None
        error, unseen = STEP_SHARE * rtol, unseen_rates(rtol)[0]
        return leap(view.part, saddle, state, (time, until), error, unseen)

    def _saddle(self, view: View, state: Array) -> Saddle | None:
        """Return the saddle at which the first columns rest, if no others do."""
        k = int(view.rests.sum())
        if len(self.parts) > 1 or not view.rests[:k].all():
            return None
        return Saddle.near(self.system, self.pace, self._active(view.part, state, k))

    def _active(self, part: Part, state: Array, k: int) -> Array:
        """Return Z, in coordinates of its rows in which all but the first `k` of them vanish."""
        return np.asarray(part.factor(state)[2] @ rows_of(part.unpack(state)[2][:k]).T)

    def _settled(self, view: View, state: Array) -> View:
        """Return how columns stand once those that rest do so to rounding, if these rest that far.

        What a step errs by looks as if slow columns grew, or had not ceased to.
        """
        saddle = self._saddle(view, state)
        if saddle is None:
            return view
        straight = view.straight.copy()
        straight[:, view.rests] = straightened(saddle.held)[0]
        drive = self.system.drive(saddle.held) / self.pace
        return replace(view, straight=straight, block=drive)

    def _views(self, state: Array, rtol: float) -> list[View]:
        """Return how the columns of every part stand."""
        frames, factor = self._placed(state)
        drive = self.system.drive(factor) / self.pace
        views = [
            self._view(part, state, straight, factor, drive, rtol)
            for part, (straight, _) in zip(self.parts, frames, strict=True)
        ]
        return [self._near(view, state, rtol) for view in views]

    def _near(self, view: View, state: Array, rtol: float) -> View:
        """Return a view in which columns rest too that miss their saddle by `rtol` of their size.

        Where F is steep, more than `rtol` of what drives them can pull them then.
        """
        k = int(view.seen.sum())
        first = len(self.parts) == 1 and bool(view.seen[:k].all())
        if not first or view.rests[:k].all() or view.pull[:k].max() > math.sqrt(rtol):
            return view
        active = self._active(view.part, state, k)
        saddle = Saddle.near(self.system, self.pace, active)
        rests = saddle is not None and saddle.is_near(active, rtol)
        return replace(view, rests=view.seen.copy()) if rests else view

    def _view(
        self, part: Part, state: Array, straight: Array, factor: Array, drive: Array, rtol: float
    ) -> View:
        """Return how the columns of a part stand."""
        block = _block(drive, part.rows)
        growth, logs = (straight * (block @ straight)).sum(axis=0), state[part.places]
        own = growth.copy()
        for j in np.flatnonzero(logs > UNFELT_LOG):
            alone = self._without(part, state, straight, factor, int(j))
            push = _block(self.system.drive(alone), part.rows) / self.pace
            own[j] = straight[:, j] @ push @ straight[:, j]
        pull = np.linalg.norm(block @ straight, axis=0)
        seen = np.abs(own - growth) > LEAST_RATE
        rests = seen & still(pull, own, rtol)
        return View(part, straight, block, growth, own, pull, seen, rests)

    def _without(self, part: Part, state: Array, straight: Array, factor: Array, j: int) -> Array:
        """Return Z without column j of a part, shape (m, width)."""
        _, logs, shape = part.unpack(state)
        row = math.exp(min(logs[j], CUT_EXPONENT)) * (
            shape[j] if part.turn is None else shape[j] @ part.turn
        )
        alone = factor.copy()
        alone[part.rows] -= np.outer(straight[:, j], row)
        return alone

    def _gain(self, views: list[View], factor: Array) -> float:
        """Return what the loss falls by, at most, if what is too slow to be followed grows."""
        total = 0.0
        for view in views:
            growth, modes = view.across()
            curved = np.array(
                [
                    self._curvature(view.part, factor, mode) if g > ULPS else 1.0
                    for g, mode in zip(growth, modes.T, strict=True)
                ]
            )
            total += float(gains(growth, curved).sum())
        return total * self.pace * self.system.squares / 2

    def _curvature(self, part: Part, factor: Array, mode: Array) -> float:
        """Return by how much vᵀFv falls, over the pace, for every unit of vvᵀ that is learnt."""
        column = np.zeros((self.size[0], 1))
        column[part.rows, 0] = DIFFERENCE * (np.linalg.norm(factor) or 1.0) * mode
        before, after = (
            mode @ _block(self.system.drive(Z), part.rows) @ mode
            for Z in (factor, np.hstack([factor, column]))
        )
        return float(before - after) / (self.pace * float(np.sum(column**2)))

    @cached_property
    def _first_loss(self) -> float:
        return self.loss(self.factor(self.start))

    def _undecided(self, view: View, state: Array, factor: Array, rtol: float) -> bool:
        """Whether a tilt of the frame of a part grows that is too small to be known."""
        unseen, neutral = unseen_rates(rtol)
        straight, block, active = view.straight, view.block, view.rests
        logs, growth = state[view.part.places], view.growth
        rates = straight.T @ block @ straight
        # Entry (i, j): j grows, and faster than i, which is the larger of the two.
        growing = (growth > neutral) & (growth > growth[:, None] + neutral)
        growing[active] = False
        if (growing & (np.abs(rates) < unseen) & (logs[:, None] > logs)).any():
            return True
        if not active.any() or active.sum() == view.part.rows.size:
            return False
        if np.abs(view.beside.T @ block @ straight[:, active]).max() > unseen:
            return False
        return self._tilt_growth(view, factor) > neutral

    def _tilt_growth(self, view: View, factor: Array) -> float:
        """Return the largest rate of C -> Vᵀ[FVC + F'(VC)U]: how fast a tilt C can grow."""
        rows, V = view.part.rows, view.beside
        # Only the directions of U matter; an orthogonal O changes nothing.
        across = np.linalg.svd(factor[rows], full_matrices=False)[2][: view.rests.sum()]
        n = V.shape[1] * across.shape[0]
        tilts = V @ np.eye(n).reshape(n, V.shape[1], across.shape[0])
        changes = np.zeros((n, *self.size))
        changes[:, rows] = tilts @ across
        slope = self.system.bend(factor, changes)[:, rows[:, None], rows] / self.pace
        moved = V.T @ (view.block @ tilts + slope @ factor[rows] @ across.T)
        flat = moved.reshape(n, -1)
        return float(np.linalg.eigvalsh((flat + flat.T) / 2)[-1])


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
