"""Linear networks whose modes do not mix: one log scale for each, in the basis of the data.

If Σxx commutes with ΣyxᵀΣyx, both are diagonal in one basis: Σyx = Σ_k σ_k u_k v_kᵀ and
Σxx = Σ_k s_k v_k v_kᵀ. With w_k, a_k the rows (width,) of the weights along v_k and u_k,

    w_k' = σ_k a_k − s_k w_k P_A,   a_k' = σ_k w_k − a_k P_W,
    P_A = Σ_j a_jᵀa_j,   P_W = Σ_j s_j w_jᵀw_j.

A mode that is dormant is so exactly: its rows are a small factor times something of order one,
(w_k, a_k) = e^{l_k} R_k, and nothing else leaks into them. The frame of the graded `frame`
would lose that, since its active columns tilt towards a dormant mode by as little as the mode is
large, and such a tilt decides when the network leaves a saddle that a different set of as many
modes would improve on.

Rows of a dormant mode turn away from those of the active ones. Modes that jump long after others
have nothing left along these, and do not meet them: they are followed apart (`Modes.apart`).

============  ===============================================================
code name     symbol
============  ===============================================================
``signals``   σ, falling, shape (min(c, d),)
``scales``    s of each row of W, shape (d,)
``group``     the mode of each row, shape (d + c,)
``logs``      l, shape (g,)
``rows``      R, shape (d + c, width)
============  ===============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from saddles._numerics.ends import LEAST_RATE, Outlook, still
from saddles._numerics.precision import CUT_EXPONENT, EPS, beyond_rounding
from saddles._numerics.stepping import bounded
from saddles.flow._graded.alone import Alone
from saddles.flow._graded.blocks import Basis
from saddles.flow._graded.frame import INVISIBLE, unseen_rates
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__: list[str] = []

#: What a mode that jumps later leaves of one that is learnt, or finds of it. Jump times are
#: estimates, which move exponents a little: therefore the square of what rounding hides.
MEETING = EPS**2

#: Coordinates of what no first step has seen: log scales this far below 0 change nothing.
UNSEEN_LOG = 20.0


@dataclass(frozen=True, eq=False)
class Modes:
    """The flow of a linear network in the basis of its modes, packed as (l, R).

    ``scale`` is log(1/α), ``pace`` the largest σ of all modes.
    """

    basis: Basis
    first: Array
    scale: float
    pace: float

    @classmethod
    def apart(
        cls, basis: Basis, start: Array, log_alpha: float
    ) -> tuple[list[Modes], Alone | None]:
        """Turn the start, Wᵀ above A over alpha, (d + c, width), into the joint basis.

        Return those modes together that meet, and those that are alone.
        """
        d = basis.inputs.shape[0]
        first = np.vstack([basis.inputs.T @ start[:d], basis.outputs.T @ start[d:]])
        pace = float(basis.signals.max(initial=0.0))
        together = _together(basis, first, -log_alpha)
        if together is None:
            return [cls(basis, first, -log_alpha, pace)], None
        triangle, edges = together
        spans = list(pairwise(edges))
        single = np.array([a for a, b in spans if b == a + 1], dtype=np.intp)
        sizes = np.abs(triangle.diagonal())[single]
        alone = Alone.of(basis.only(single), sizes, -log_alpha, pace) if single.size else None
        parts = []
        for a, b in spans:
            if alone is None or b > a + 1:
                rows = triangle[a:b, a : b if b < edges[-1] else None]
                part = basis.only(np.arange(a, b))
                parts.append(cls(part, np.vstack([rows, rows]), -log_alpha, pace))
        return parts, alone

    @cached_property
    def group(self) -> Indices:
        """The mode of each row: w_k and a_k share one."""
        d, c = self.basis.inputs.shape[1], self.basis.outputs.shape[1]
        return np.concatenate([np.arange(d), np.arange(c)])

    @cached_property
    def sizes(self) -> Array:
        """|R_k| at the start, 1 where it is zero: such a mode rests for ever."""
        squares = np.bincount(self.group, np.sum(self.first**2, axis=1))
        return np.where(squares > 0, np.sqrt(squares), 1.0)

    @property
    def logs(self) -> Any:
        """The places of l in the packed vector."""
        return slice(0, self.sizes.size)

    @cached_property
    def start(self) -> Array:
        """The packed coordinates at the start."""
        logs = np.log(self.sizes) - self.scale
        return np.concatenate([logs, (self.first / self.sizes[self.group, None]).ravel()])

    def _rows(self, state: Array) -> tuple[Array, Array, Array]:
        """Return l (g,), the norms of the groups of R (g,), and R with them one, (d + c, width)."""
        logs, rows = state[self.logs], state[self.sizes.size :].reshape(self.first.shape)
        norms = np.sqrt(np.bincount(self.group, np.sum(rows**2, axis=1)))
        norms = np.where(norms > 0, norms, 1.0)
        return logs, norms, rows / norms[self.group, None]

    def factor(self, state: Array) -> Array:
        """Return Z = [Wᵀ; A] in the joint basis, shape (d + c, width)."""
        logs, _, rows = self._rows(state)
        return self._scaled(logs, rows)

    def _scaled(self, logs: Array, rows: Array) -> Array:
        return np.asarray(np.exp(np.minimum(logs, CUT_EXPONENT))[self.group, None] * rows)

    def velocity(self, _time: float, state: Array) -> Array:
        """Return the derivatives of all coordinates in the integrator's time."""
        logs, norms, rows = self._rows(state)
        moved, rates = self._moved(rows, self._scaled(logs, rows))
        # Back to norm one, along the rows alone: rounding across them would not relax.
        along = rates[self.group, None] * rows
        turn = beyond_rounding(moved - along, _largest(moved) + _largest(along))
        turn += (1 - norms)[self.group, None] * rows
        return bounded(np.concatenate([rates, turn.ravel()]))

    def _moved(self, rows: Array, factor: Array) -> tuple[Array, Array]:
        """Return what the flow at `factor` makes of `rows` (d + c, width), and its rates (g,).

        Rows of a dormant mode are orthogonal to the active ones up to rounding. Rounding enters a
        rate squared here, so that even the rate of a slow mode has all its digits.
        """
        d, k = self.basis.scales.size, self.basis.signals.size
        W, A, scales, signals = rows[:d], rows[d:], self.basis.scales, self.basis.signals
        met_A, met_W = W @ factor[d:].T, A @ factor[:d].T
        held = np.concatenate([scales[:, None] * (met_A @ factor[d:]), met_W * scales @ factor[:d]])
        driven = np.zeros_like(rows)
        driven[:k], driven[d : d + k] = signals[:, None] * A[:k], signals[:, None] * W[:k]
        push, hold = np.zeros(self.sizes.size), np.zeros(self.sizes.size)
        push[:k] = 2 * signals * np.sum(W[:k] * A[:k], axis=1)
        hold[:d] = scales * np.sum(met_A**2, axis=1)
        hold[: A.shape[0]] += met_W**2 @ scales
        moved = beyond_rounding(driven - held, _largest(driven) + _largest(held))
        pace = self.pace or 1.0  # where nothing is correlated, nothing sets one
        return moved / pace, beyond_rounding(push - hold, np.abs(push) + hold) / pace

    def jacobian(self, _time: float, state: Array) -> Array:
        """Return the derivatives of `velocity`, shape (n, n)."""
        logs, norms, rows = self._rows(state)
        member = np.repeat(np.eye(logs.size)[self.group], rows.shape[1], axis=0)
        factor = self._scaled(logs, rows)
        moved, rates = self._moved(rows, factor)
        sizes = np.where(logs < CUT_EXPONENT, np.exp(np.minimum(logs, CUT_EXPONENT)), 0.0)
        through = self._through(rows, factor) * (member @ sizes / self.pace)
        unit, pull = member * rows.ravel()[:, None], member * moved.ravel()[:, None]
        lengths = member @ norms
        by_logs, by_rows = through @ unit, self._direct(factor) / self.pace + through
        # A variation of R turns the rows of norm one by what is across them, over their length.
        by_rows = (by_rows - (by_rows @ unit) @ unit.T) / lengths
        rates_by_logs = unit.T @ by_logs
        rates_by_rows = unit.T @ by_rows + (pull - unit * rates).T / lengths
        shift = (1 - member @ rates) / lengths
        by_rows -= unit @ rates_by_rows + (unit * ((1 - rates) / norms)) @ unit.T
        by_rows[np.diag_indices_from(by_rows)] += shift - 1
        by_logs -= unit @ rates_by_logs
        return bounded(np.block([[rates_by_logs, rates_by_rows], [by_logs, by_rows]]))

    def _direct(self, factor: Array) -> Array:
        """Return what the flow at `factor` makes of any rows, as a matrix (n, n)."""
        d, (m, width) = self.basis.scales.size, factor.shape
        PA, PW = factor[d:].T @ factor[d:], factor[:d].T @ (self.basis.scales[:, None] * factor[:d])
        direct = np.zeros((m, width, m, width))
        w, a = np.arange(d), np.arange(d, m)
        direct[w, :, w] = -self.basis.scales[:, None, None] * PA
        direct[a, :, a] = -PW
        k = np.arange(self.basis.signals.size)
        direct[k, :, d + k] = direct[d + k, :, k] = self.basis.signals[:, None, None] * np.eye(
            width
        )
        return direct.reshape(m * width, -1)

    def _through(self, rows: Array, factor: Array) -> Array:
        """Return what variations of Z (n) do to `rows` through P_A and P_W, as a matrix (n, n)."""
        d, (m, width) = self.basis.scales.size, factor.shape
        scales, eye = self.basis.scales, np.eye(width)
        W, A, Z, B = rows[:d], rows[d:], factor[:d], factor[d:]
        through = np.zeros((m, width, m, width))
        through[:d, :, d:] = -scales[:, None, None, None] * (
            B.T[None, :, :, None] * W[:, None, None, :] + (W @ B.T)[:, None, :, None] * eye[:, None]
        )
        through[d:, :, :d] = -scales[:, None] * (
            Z.T[None, :, :, None] * A[:, None, None, :] + (A @ Z.T)[:, None, :, None] * eye[:, None]
        )
        return through.reshape(m * width, -1)

    def point(self, factor: Array) -> Array:
        """Return AW, shape (c, d)."""
        d = self.basis.scales.size
        return np.asarray(self.basis.outputs @ (factor[d:] @ factor[:d].T) @ self.basis.inputs.T)

    def loss(self, factor: Array) -> float:
        """Return ½ Σ_kl s_l (a_k·w_l − δ_kl σ_l/s_l)²: the loss above the least."""
        d, k = self.basis.scales.size, self.basis.signals.size
        roots = np.sqrt(self.basis.scales)
        miss = (factor[d:] @ factor[:d].T) * roots
        np.fill_diagonal(miss, miss.diagonal() - _over(self.basis.signals, roots[:k]))
        return float(np.sum(miss**2)) / 2

    def loss_rate(self, factor: Array) -> float:
        """Return dL/dt = −|FZ|²."""
        return -float(np.sum(((self.pace or 1.0) * self._moved(factor, factor)[0]) ** 2))

    def errors(self, _state: Array, least: float) -> float:
        """Return what a step may err by: each mode has all of its digits."""
        return least

    def leap(self, _time: float, _state: Array, _until: float, _rtol: float) -> None:
        """Return None: rows meet on plateaus as well."""

    def outlook(self, time: float, state: Array, rtol: float) -> Outlook:
        """Return what could still happen, or raise where it cannot be followed.

        Modes that P_A or P_W feel rest if they move by `rtol` of their σ. On a plateau all of them
        do. Each of the others grows at the top eigenvalue of its own flow; where its rows rest
        along another eigenvector, what they have of the top one is too small to be known.
        """
        logs, _, rows = self._rows(state)
        if logs.max() > CUT_EXPONENT:
            raise Breakdown(Status.OVERFLOW)
        factor = self._scaled(logs, rows)
        moved, rates = self._moved(rows, factor)
        pull = np.sqrt(np.bincount(self.group, np.sum(moved**2, axis=1)))
        own = np.zeros(rates.size)
        own[: self.basis.signals.size] = self.basis.signals / self.pace
        felt = np.exp(2 * logs) * self.basis.scales.max() > LEAST_RATE * self.pace
        rests = felt & still(pull, own, rtol)
        plateau = bool((rests | ~felt).all())
        growth = self._growth(factor, ~rests & self._able) / self.pace if plateau else rates
        if plateau:
            turning = np.zeros(rates.size)
            across = np.abs(moved - rates[self.group, None] * rows).max(axis=1)
            np.maximum.at(turning, self.group, across)
            unseen, neutral = unseen_rates(rtol)
            missed = growth > np.maximum(rates, 0.0) + neutral
            if (missed & (turning < unseen)).any():
                raise Breakdown(Status.UNDECIDED)
        moves = not plateau or bool(growth.max() > LEAST_RATE)
        grows = ~rests & self._able & (rates > LEAST_RATE)
        wait = (np.maximum(-logs[grows], 0.0) / rates[grows]).min(initial=math.inf)
        return Outlook(
            moves=moves,
            left=self.loss(factor) if moves else float(self._worth[growth > 0].sum()),
            whole=float(self._worth.sum()),
            next_jump=(time + float(wait)) / (self.pace * self.scale),
        )

    @cached_property
    def _able(self) -> Any:
        """Which modes could learn: those that are correlated, and begin with some weight (g,)."""
        able = np.bincount(self.group, np.sum(self.first**2, axis=1)) > 0
        able[: self.basis.signals.size] &= self.basis.signals > 0
        able[self.basis.signals.size :] = False
        return able

    @cached_property
    def _worth(self) -> Array:
        """What the loss falls by when a mode is learnt, σ²/2s, shape (g,)."""
        worth, k = np.zeros(self.sizes.size), self.basis.signals.size
        worth[:k] = _over(self.basis.signals, np.sqrt(self.basis.scales[:k])) ** 2 / 2
        return worth

    def _growth(self, factor: Array, those: Any) -> Array:
        """Return the largest growth rate that a row of each of `those` modes can have, (g,)."""
        d, width = self.basis.scales.size, factor.shape[1]
        PA, PW = factor[d:].T @ factor[d:], factor[:d].T @ (self.basis.scales[:, None] * factor[:d])
        eye, growth = np.eye(width), np.zeros(those.size)
        for k in np.flatnonzero(those):
            pull, scale = self.basis.signals[k] * eye, self.basis.scales[k]
            growth[k] = np.linalg.eigvalsh(np.block([[-scale * PA, pull], [pull, -PW]]))[-1]
        return growth


def _together(basis: Basis, first: Array, scale: float) -> tuple[Array, list[int]] | None:
    """Return what is left of the first rows (d + c, width) when they jump, and which jump together.

    Up to then nothing acts on what will be left: w_k + a_k grows by e^{σ_k t} and w_k − a_k shrinks
    by as much, and what is not correlated stays as small as it is. Where that takes the difference
    below rounding in every part, it is left out from the start. What has no part in function space
    then needs no coordinates: rotations of the hidden units make w_k = a_k, (k, min(k, width)),
    lower triangular. None where differences matter.
    """
    d, signals = basis.inputs.shape[0], basis.signals
    k = int((signals > 0).sum())
    rows, apart = (first[:k] + first[d : d + k]) / 2, (first[:k] - first[d : d + k]) / 2
    ends = k > 0 and bool((basis.scales[:k] > 0).all())
    if not ends or scale < UNSEEN_LOG or not rows.any(axis=1).all():
        return None
    triangle = np.asarray(np.linalg.qr(rows.T, mode="r")).T
    unlike = np.linalg.norm(apart, axis=1)
    edges = [0, *_partings(basis, triangle, unlike, scale), k]
    for a, b in pairwise(edges):
        shrunk = np.exp(-2 * signals[a:b] / signals[a] * (scale - UNSEEN_LOG))
        if (unlike[a:b] * shrunk > EPS * np.linalg.norm(triangle[a:b, a:], axis=1)).any():
            return None
    return triangle, edges


def _partings(basis: Basis, triangle: Array, unlike: Array, scale: float) -> list[int]:
    """Return the modes with which a part begins that does not meet those before it.

    At rest the active rows are orthogonal, w_j and a_j of squares σ_j/s_j and σ_j. A later row has
    shrunk along them, beside what it has of its own, since mode j is learnt; and while it was, that
    row was still small. Whoever has less than `MEETING` left, in either way, does not meet. The
    `triangle` (k, min(k, width)) is what w_k and a_k share, `unlike` (k,) the size of the rest.
    """
    k = triangle.shape[0]
    own, sizes = np.abs(triangle.diagonal()), np.hypot(np.linalg.norm(triangle, axis=1), unlike)
    if triangle.shape[1] < k or (own <= INVISIBLE * sizes).any():
        return []
    signals, scales = basis.signals[:k], basis.scales[:k]
    times = (scale - np.log(own) + np.log(signals / scales) / 2) / signals
    held = signals[:, None] * scales / scales[:, None]  # s_k P_A along an active row: s_k σ_j/s_j
    push, pull = (held + signals[:, None]) / 2, (held - signals[:, None]) / 2
    decay = signals + push - np.hypot(signals, pull)
    waits = times - np.maximum.accumulate(times)[:, None]
    leaked = np.log(sizes / own) - decay * waits
    early = 2 * (np.log(sizes / own) - signals * waits) + np.maximum(np.log(held / signals), 0.0)
    meets = np.maximum(leaked, early) > math.log(MEETING)
    return [cut for cut in range(1, k) if not meets[:cut, cut:].any()]


def _over(above: Array, below: Array) -> Array:
    """Return the quotients (k,), 0 where something is divided by nothing."""
    return np.divide(above, below, out=np.zeros(below.size), where=below > 0)


def _largest(rows: Array) -> Array:
    """Return the largest size in each row, shape (m, 1)."""
    return np.asarray(np.abs(rows).max(axis=1, keepdims=True))
