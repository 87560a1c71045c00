"""Modes of a linear network that meet no other: the closed form of each.

Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks" (ICLR 2014, arXiv:1312.6120). With w = a, what a mode has learnt, p = a·w, obeys
p' = 2p (σ − s p), a logistic equation: with P = σ/s

    p = P / (1 + e^{z − 2σt}),   z = log(P/p(0) − 1).

============  ===============================================================
code name     symbol
============  ===============================================================
``signals``   σ, shape (k,)
``scales``    s, shape (k,)
``best``      P, shape (k,)
``waits``     z, shape (k,)
============  ===============================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from saddles._numerics.ends import LEAST_RATE, Outlook
from saddles.flow._graded.blocks import Basis
from saddles.flow._listing import FOLDINGS, listed
from saddles.typing import Array

__all__: list[str] = []


@dataclass(frozen=True, eq=False)
class Alone:
    """The closed form as a curve.

    Attributes
    ----------
    basis : Basis
        That of these modes.
    waits : ndarray of shape (k,)
        z.
    scale : float
        log(1/α).
    pace : float
        The largest σ of all modes.
    """

    basis: Basis
    waits: Array
    scale: float
    pace: float

    @classmethod
    def of(cls, basis: Basis, sizes: Array, scale: float, pace: float) -> Alone | None:
        """Start from the norms of w = a over alpha (k,); None if one begins beyond its end."""
        starts = 2 * (np.log(sizes) - scale) - np.log(basis.signals / basis.scales)
        if (starts >= 0).any():
            return None
        return cls(basis, -starts + np.log1p(-np.exp(starts)), scale, pace)

    @property
    def best(self) -> Array:
        """What is learnt in the end, shape (k,)."""
        return np.asarray(self.basis.signals / self.basis.scales)

    def _shares(self, tau: Array, sign: float = 1.0) -> Array:
        """Return p/P, or what is missing of 1 for a negative `sign`, shape (q, k)."""
        from scipy.special import expit

        grown = 2 * np.multiply.outer(tau * self.scale, self.basis.signals) - self.waits
        return np.asarray(expit(sign * grown))

    def point(self, tau: Array) -> Array:
        """Return AW, shape (q, c, d)."""
        learnt = self._shares(tau) * self.best
        return np.asarray((learnt[:, None, :] * self.basis.outputs) @ self.basis.inputs.T)

    def loss(self, tau: Array) -> Array:
        """Return ½ Σ s (P − p)², shape (q,)."""
        return np.asarray(self._shares(tau, -1.0) ** 2 @ (self.basis.signals * self.best) / 2)

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ = −log(1/α) Σ 2p (σ − s p)², shape (q,)."""
        falls = self._shares(tau) * self._shares(tau, -1.0) ** 2
        return np.asarray(-2 * self.scale * falls @ (self.best * self.basis.signals**2))

    def conservation(self) -> float:
        """Return 0: nothing is integrated."""
        return 0.0

    def followed(self, until: float | None) -> tuple[Array, Outlook]:
        """Return times (m,) that resolve every jump, and what could still happen after the last.

        As elsewhere, modes slower than 1e-10 of the first rate are not waited for.
        """
        folds = 1 / (self.scale * self.basis.signals)
        centres, seen = self.waits * folds / 2, self.basis.signals > LEAST_RATE * self.pace
        ends = centres + FOLDINGS * folds
        stop = until or float(ends[seen].max(initial=float(folds.min())))
        later = centres[seen & (centres > stop)]
        outlook = Outlook(
            moves=bool((ends[seen] > stop).any()),
            left=float(self.loss(np.array([stop]))[0]),
            whole=float(self.basis.signals @ self.best) / 2,
            next_jump=float(later.min(initial=math.inf)),
        )
        return listed(centres, folds, stop), outlook
