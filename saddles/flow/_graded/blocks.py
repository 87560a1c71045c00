"""The joint basis of the moments of a linear network, and the parts into which they fall there.

Σyx = Σ_k σ_k u_k v_kᵀ, a singular value decomposition, and C = VᵀΣxxV say it all: two modes are
linked where an entry of C is more than rounding. No square of a moment is formed, so that a mode of
1e-13 of the largest σ is as good as any. Rounding tilts singular vectors by eps σ₁/|σ_j − σ_k|, and
an entry of C that this explains is no link; of modes that are equally correlated, and of inputs
that are correlated with nothing, any basis will do, and the one in which C is diagonal is taken.

============  ===============================================================
code name     symbol
============  ===============================================================
``inputs``    v_k, one a column, (d, d); from ``known`` on Σyx v_k = 0
``outputs``   u_k, one a column, (c, c)
``signals``   σ, falling, shape (min(c, d),), 0 from ``known`` on
``scales``    s_k = C_kk, shape (d,)
============  ===============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles._matrix.moments import Moments
from saddles._numerics.precision import EPS
from saddles.typing import Array, Indices

__all__: list[str] = []

#: Entries of the second moments in their joint basis, relative to their size, that are rounding.
MIXING = 1e-12

#: Correlations of a mode with the outputs, relative to the largest, that are rounding.
KNOWN = 1e-13

#: Correlations that differ by this many d eps of the largest are equal.
EQUAL = 64.0

#: Singular vectors are tilted by this many eps σ₁/|σ_j − σ_k|.
TILTED = 64.0


@dataclass(frozen=True, eq=False)
class Basis:
    """The joint basis, and how the data fall into parts there.

    Attributes
    ----------
    inputs : ndarray of shape (d, d)
        v_k, one per column, by falling σ.
    outputs : ndarray of shape (c, c)
        u_k, one per column.
    signals : ndarray of shape (min(c, d),)
        σ_k.
    scales : ndarray of shape (d,)
        s_k.
    parts : int
        Number of parts that learn something and share no mode.
    diagonal : bool
        Whether every such part is a single mode.
    """

    inputs: Array
    outputs: Array
    signals: Array
    scales: Array
    parts: int
    diagonal: bool

    @classmethod
    def of(cls, moments: Moments) -> Basis:
        """Find the joint basis of Σxx and Σyx."""
        from scipy.sparse.csgraph import connected_components

        outputs, signals, inputs = np.linalg.svd(moments.yx)
        inputs = inputs.T
        signals[signals <= KNOWN * signals.max(initial=0.0)] = 0.0
        known, d = int((signals > 0).sum()), inputs.shape[0]
        padded = np.zeros(d)
        padded[:known] = signals[:known]
        size = float(np.linalg.norm(moments.xx)) or 1.0
        for level in _levels(padded, EQUAL * d * EPS * padded.max(initial=0.0)):
            turn = np.linalg.eigh(inputs[:, level].T @ moments.xx @ inputs[:, level])[1][:, ::-1]
            inputs[:, level] = inputs[:, level] @ turn
            if level[0] < known:
                outputs[:, level] = outputs[:, level] @ turn
        C = inputs.T @ moments.xx @ inputs
        gaps = np.abs(padded[:, None] - padded)
        tilts = np.divide(padded.max(initial=0.0), gaps, out=np.zeros_like(gaps), where=gaps > 0)
        linked = np.abs(C) > (MIXING + TILTED * EPS * tilts) * size
        _, labels = connected_components(linked, directed=False)
        parts = np.unique(labels[:known])
        alone = np.bincount(labels)[parts] == 1
        return cls(inputs, outputs, signals, C.diagonal().copy(), parts.size, bool(alone.all()))

    def only(self, those: Indices) -> Basis:
        """Return the basis of some of the modes that are correlated."""
        return Basis(
            self.inputs[:, those],
            self.outputs[:, those],
            self.signals[those],
            self.scales[those],
            parts=those.size,
            diagonal=self.diagonal,
        )


def _levels(values: Array, noise: float) -> list[Indices]:
    """Return the places of falling values (d,), equal ones together."""
    return np.split(np.arange(values.size), 1 + np.flatnonzero(-np.diff(values) > noise))
