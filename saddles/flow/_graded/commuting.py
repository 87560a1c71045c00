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
from typing import Any

import numpy as np

from saddles._matrix.moments import Moments
from saddles._numerics.precision import CUT_EXPONENT
from saddles._numerics.stepping import bounded
from saddles.flow._graded.frame import unseen_rates
from saddles.status import Status
from saddles.typing import Array, Indices

__all__: list[str] = []

#: Entries of the second moments in their joint basis, relative to their size, that are rounding.
MIXING = 1e-12

#: An irrational weight: a joint eigenvector of A and B is one of A + GOLDEN · B, and only by
#: coincidence the other way round.
GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, eq=False)
class Basis:
    """The joint basis of the inputs, and how the data fall into parts there.

    Attributes
    ----------
    inputs : ndarray of shape (d, d)
        v_k, one per column, by falling |Σyx v_k|.
    images : ndarray of shape (c, d)
        Σyx v_k, one per column, 0 but for rounding from ``known`` on.
    known : int
        Number of inputs that are correlated with an output.
    scales : ndarray of shape (d,)
        s_k.
    parts : int
        Number of parts that learn something and share no mode.
    """

    inputs: Array
    images: Array
    known: int
    scales: Array
    parts: int

    @classmethod
    def of(cls, moments: Moments) -> Basis:
        """Find the joint basis of Σxx and ΣyxᵀΣyx."""
        from scipy.sparse.csgraph import connected_components

        A = moments.xx / (np.linalg.norm(moments.xx) or 1.0)
        B = moments.yx.T @ moments.yx
        B = B / (np.linalg.norm(B) or 1.0)
        inputs = np.linalg.eigh(A + GOLDEN * B)[1]
        linked = np.abs(inputs.T @ A @ inputs) + np.abs(inputs.T @ B @ inputs) > MIXING
        _, labels = connected_components(linked, directed=False)
        signals = np.linalg.norm(moments.yx @ inputs, axis=0)
        order = np.argsort(-signals, kind="stable")
        inputs = inputs[:, order]
        known = int((signals > math.sqrt(MIXING) * signals.max(initial=0.0)).sum())
        return cls(
            inputs=inputs,
            images=moments.yx @ inputs,
            known=known,
            scales=np.sum(inputs * (moments.xx @ inputs), axis=0),
            parts=np.unique(labels[order[:known]]).size,
        )

    @property
    def diagonal(self) -> bool:
        """Whether every part is a single mode."""
        return self.parts == self.known

    @cached_property
    def signals(self) -> Array:
        """σ_k, shape (min(c, d),), for diagonal data."""
        signals = np.linalg.norm(self.images, axis=0)
        signals[self.known :] = 0.0
        return np.asarray(signals[: min(self.images.shape)])

    @cached_property
    def outputs(self) -> Array:
        """u_k, one per column, shape (c, c), for diagonal data."""
        images = self.images[:, : self.known]
        basis = np.linalg.qr(np.hstack([images, np.eye(images.shape[0])]))[0]
        basis[:, : self.known] *= np.sign(np.sum(basis[:, : self.known] * images, axis=0))
        return basis


@dataclass(frozen=True, eq=False)
class Modes:
    """The flow of a linear network in the basis of its modes, packed as (l, R).

    ``scale`` is log(1/α), ``pace`` the largest σ.
    """

    moments: Moments
    basis: Basis
    floor: float
    first: Array
    scale: float

    @classmethod
    def of(
        cls, moments: Moments, basis: Basis, floor: float, start: Array, log_alpha: float
    ) -> Modes:
        """Turn the start, Wᵀ above A over alpha, (d + c, width), into the joint basis."""
        d = moments.xx.shape[0]
        first = np.vstack([basis.inputs.T @ start[:d], basis.outputs.T @ start[d:]])
        return cls(moments, basis, floor, first, -log_alpha)

    @property
    def pace(self) -> float:
        """The largest σ."""
        return float(self.basis.signals.max(initial=0.0))

    @cached_property
    def group(self) -> Indices:
        """The mode of each row: w_k and a_k share one."""
        c, d = self.moments.yx.shape
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
        """Return l (g,), R as integrated, and R with groups of norm one, (d + c, width)."""
        logs, rows = state[self.logs], state[self.sizes.size :].reshape(self.first.shape)
        norms = np.sqrt(np.bincount(self.group, np.sum(rows**2, axis=1)))
        return logs, rows, rows / np.where(norms > 0, norms, 1.0)[self.group, None]

    def factor(self, state: Array) -> Array:
        """Return Z = [Wᵀ; A] in the joint basis, shape (d + c, width)."""
        logs, _, rows = self._rows(state)
        return self._scaled(logs, rows)

    def _scaled(self, logs: Array, rows: Array) -> Array:
        return np.asarray(np.exp(np.minimum(logs, CUT_EXPONENT))[self.group, None] * rows)

    def velocity(self, _time: float, state: Array) -> Array:
        """Return the derivatives of all coordinates in the integrator's time."""
        logs, kept, rows = self._rows(state)
        with np.errstate(over="ignore", invalid="ignore"):
            moved = self._linear(rows, self._scaled(logs, rows)) / self.pace
            rates = np.bincount(self.group, np.sum(rows * moved, axis=1))
            turn = moved - rates[self.group, None] * rows + (rows - kept)
        return bounded(np.concatenate([rates, turn.ravel()]))

    def _linear(self, rows: Array, factor: Array) -> Array:
        """Return what the flow at `factor` makes of `rows`, both (d + c, width)."""
        d, k = self.basis.scales.size, self.basis.signals.size
        scaled = self.basis.scales[:, None] * factor[:d]
        moved = np.empty_like(rows)
        moved[:d] = -self.basis.scales[:, None] * (rows[:d] @ (factor[d:].T @ factor[d:]))
        moved[d:] = -rows[d:] @ (factor[:d].T @ scaled)
        moved[:k] += self.basis.signals[:, None] * rows[d : d + k]
        moved[d : d + k] += self.basis.signals[:, None] * rows[:k]
        return moved

    def _map(self, factor: Array) -> Array:
        d = self.basis.scales.size
        return np.asarray(self.basis.outputs @ (factor[d:] @ factor[:d].T) @ self.basis.inputs.T)

    def point(self, factor: Array) -> Array:
        """Return AW, shape (c, d)."""
        return self._map(factor)

    def loss(self, factor: Array) -> float:
        """Return the loss."""
        return self.floor + self.moments.excess(self._map(factor))

    def loss_rate(self, factor: Array) -> float:
        """Return dL/dt = −|FZ|²."""
        return -float(np.sum(self._linear(factor, factor) ** 2))

    def ended(self, state: Array, rtol: float) -> Status | None:
        """Say whether training has ended, left the range of float64, or is undecided.

        A mode grows at the top eigenvalue of its own flow. Where its rows rest along another
        eigenvector, what they have of the top one is too small to be known.
        """
        logs, _, rows = self._rows(state)
        if logs.max() > CUT_EXPONENT:
            return Status.OVERFLOW
        factor = self._scaled(logs, rows)
        moved = self._linear(rows, factor) / self.pace
        force = np.exp(logs - logs.max())[self.group, None] * moved
        resting = np.linalg.norm(force) <= rtol
        begun = np.linalg.norm(moved - self._linear(rows, 0.0 * factor) / self.pace) > rtol
        if begun and not resting:
            return None
        rates = np.bincount(self.group, np.sum(rows * moved, axis=1))
        turning = np.zeros(rates.size)
        np.maximum.at(turning, self.group, np.abs(moved - rates[self.group, None] * rows).max(1))
        dormant = logs < (logs.max() + math.log(rtol) / 2 if begun else math.inf)
        growth = self._growth(factor, dormant) / self.pace
        unseen, neutral = unseen_rates(rtol)
        missed = growth > np.maximum(rates, 0.0) + neutral
        if (missed & (turning < unseen)).any():
            return Status.UNDECIDED
        return Status.CONVERGED if resting and growth.max() <= rtol else None

    def _growth(self, factor: Array, dormant: Any) -> Array:
        """Return the largest growth rate that a row of each dormant mode can have, shape (g,)."""
        d, width = self.basis.scales.size, factor.shape[1]
        PA, PW = factor[d:].T @ factor[d:], factor[:d].T @ (self.basis.scales[:, None] * factor[:d])
        eye, growth = np.eye(width), np.zeros(dormant.size)
        for k in np.flatnonzero(dormant[: self.basis.signals.size] & (self.basis.signals > 0)):
            pull, scale = self.basis.signals[k] * eye, self.basis.scales[k]
            growth[k] = np.linalg.eigvalsh(np.block([[-scale * PA, pull], [pull, -PW]]))[-1]
        return growth
