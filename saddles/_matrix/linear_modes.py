"""Modes of a linear network: what its saddles are made of, and how fast dormant ones grow.

Within one part of the data (see `linear_blocks`) nothing is kept from turning, and the descent from
a saddle ends at the best map of its rank, as a saddle of the loss over maps of that rank is left
again. Eckart and Young (1936), with whitened inputs: Σyx Σxx⁺ Σxy = Σ_i μ_i l_i l_iᵀ, μ falling
within each part, and k modes of a part make the map Σ_{i≤k} l_i r_iᵀ, r_i = Σxx⁺ Σxy l_i, which
leaves ½ Σ_{i>k} μ_i of the loss. Over it −G = (I − P_k) Σyx, P_k the projection on l_1, ..., l_k,
whose singular values σ^{(k)} are the rates of the dormant directions.

==============  ===================================================================
code name       symbol
==============  ===================================================================
``signals``     s, the singular values of Σyx, part by part, shape (q,)
``turn``        l_i in the left singular vectors of Σyx, block-diagonal, (q, q)
``explained``   μ, shape (q,)
``left``        l_i, shape (c, q)
``right``       r_i, shape (d, q)
==============  ===================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from saddles._matrix.linear_blocks import Pairs
from saddles._matrix.linear_descent import descend
from saddles._matrix.moments import Moments
from saddles._numerics.precision import EPS, ULPS
from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__ = ["Modes", "stationarity"]

#: Numbers that a certificate works on at a time: 16 MB of them.
AT_A_TIME = 2_000_000


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of all parts, those of a part side by side.

    Attributes
    ----------
    moments : Moments
        The data.
    signals : ndarray of shape (q,)
        Singular values of Σyx, falling within each part.
    turn : ndarray of shape (q, q)
        The modes' outputs in those of the singular pairs.
    explained : ndarray of shape (q,)
        μ, twice what a mode takes from the loss, falling within each part.
    left, right : ndarray of shape (c, q) and (d, q)
        The map of each mode, l rᵀ.
    owners : ndarray of shape (q,)
        The part of each mode.
    ends : list of parts + 1 int
        Modes of part p are those from ends[p] up to ends[p + 1].
    """

    moments: Moments
    signals: Array
    turn: Array
    explained: Array
    left: Array
    right: Array
    owners: Indices
    ends: list[int]

    @classmethod
    def of(cls, moments: Moments, pairs: Pairs, labels: Indices) -> Modes:
        """Find the modes of each part; `labels` (q,) are the parts of the pairs."""
        order = np.argsort(labels, kind="stable")
        ends = [0, *np.cumsum(np.bincount(labels)).tolist()]
        signals, used = pairs.signals[order], moments.values > 0
        roots = np.sqrt(moments.values[used])[:, None]
        white = pairs.shares[np.ix_(used, order)] * signals / roots
        turn = np.eye(signals.size)
        for first, last in pairwise(ends):
            if last - first > 1:
                mine = slice(first, last)
                turn[mine, mine] = np.linalg.svd(white[:, mine], full_matrices=False)[2].T
        white = white @ turn
        return cls(
            moments=moments,
            signals=signals,
            turn=turn,
            explained=np.sum(white**2, axis=0),
            left=pairs.outputs[:, order] @ turn,
            right=moments.vectors[:, used] @ (white / roots),
            owners=labels[order],
            ends=ends,
        )

    def rates(self, part: int, rank: int) -> Array:
        """Return the rates of a part's dormant directions, falling, after `rank` of its modes."""
        first, last = self.ends[part], self.ends[part + 1]
        rest = self.turn[first:last, first + rank : last]
        rates = np.linalg.svd(rest.T * self.signals[first:last], compute_uv=False)
        return np.asarray(np.maximum(rates, np.finfo(float).tiny))

    def descended(self, part: int, before: int, rank: int) -> tuple[Modes, bool]:
        """Return the modes of which the first `rank` of a part are where the descent ends.

        They are these and unique unless modes on both sides of the rank explain the same: then the
        flow is followed, from the part's first `before` modes.

        To first order, an error δ of N = Σyx Σxx⁺ Σxy mixes modes i and j by l_iᵀ δ l_j over
        μ_i − μ_j, and errors of Σxx and Σyx make δ as below.
        """
        mine = slice(self.ends[part], self.ends[part + 1])
        mu, sizes = self.explained[mine], np.linalg.norm(self.right[:, mine], axis=0)
        roots = np.sqrt(mu)
        error = self.moments.values[-1] * sizes[:rank, None] * sizes[rank:]
        error += self.signals[mine.start] * (sizes[:rank, None] + sizes[rank:])
        error += roots[0] * (roots[:rank, None] + roots[rank:])
        gaps = mu[:rank, None] - mu[rank:]
        unsure, same = EPS * error > CERTIFICATE_TOLERANCE * gaps, gaps <= ULPS * error
        if not unsure.any():
            return self, True
        if (unsure & ~same).any():
            raise Breakdown(
                Status.UNDECIDED,
                "several maps explain the data almost equally well: rounding decides at which one "
                f"of rank {rank} the descent ends, within a part of {mu.size} modes",
            )
        pairs = np.argwhere(same)
        return self._turned(mine, before, rank, slice(pairs[0, 0], rank + pairs[:, 1].max() + 1))

    def _turned(self, mine: slice, before: int, rank: int, equal: slice) -> tuple[Modes, bool]:
        """Turn `equal` modes of a part so that the descent ends at the first `rank` modes of it."""
        left, vectors = self.left[:, mine], self.moments.vectors
        pull = left.T @ self.moments.yx @ vectors
        M = np.zeros_like(pull)
        M[:before] = self.right[:, mine][:, :before].T @ vectors
        A = descend(self.moments.values, pull, M, rank - before)
        turn, kept, _ = np.linalg.svd(A[equal])
        taken = rank - equal.start
        if kept.size > taken and kept[taken] > CERTIFICATE_TOLERANCE * kept[taken - 1]:
            raise Breakdown(Status.STALLED, "the flow did not end at a map of the data's best ones")
        where, factors = slice(mine.start + equal.start, mine.start + equal.stop), {}
        for name in ("turn", "left", "right"):
            factors[name] = getattr(self, name).copy()
            factors[name][:, where] = factors[name][:, where] @ turn
        return replace(self, **factors), False


def stationarity(moments: Moments, left: Array, right: Array, least: int) -> Array:
    """Return how far the maps of the first `least`, ..., r modes are from critical points.

    At M = Σ l_i r_iᵀ no neuron is pulled if G r_j = 0 and Gᵀ l_j = 0 for all j, G = MΣxx − Σyx.
    Each is relative to what G would be without M, Σyx r_j and Σxy l_j, so that it shows if a weak
    mode has not been learnt. Half of the digits of what rounding leaves are added to that size.

    Parameters
    ----------
    moments : Moments
        The data.
    left, right : ndarray of shape (c, r) and (d, r)
        l and r.
    least : int
        At most r.
    """
    pushed, sizes = moments.xx @ right, np.linalg.norm(right, axis=0)
    lengths = np.sqrt(np.cumsum(np.append(0.0, sizes**2)))[least:]
    room = EPS**0.5 * (moments.values[-1] * lengths + np.linalg.norm(moments.yx))
    units = right / sizes
    inputs = _misses(left, right.T @ (moments.xx @ units), moments.yx @ units, room)
    outputs = _misses(pushed, left.T @ left, moments.yx.T @ left, room)
    return np.maximum(inputs, outputs)


def _misses(parts: Array, shares: Array, wanted: Array, room: Array) -> Array:
    """Return how far Σ_{i<k} parts_i shares_ij, j < k, misses `wanted`_j at worst, for the last k.

    It is relative to the size of `wanted`_j and room_k. Shapes are (m, r), (r, r), (m, r) and (s,),
    and (s,) what is returned: k from r + 1 − s to r.
    """
    worst, sizes = np.zeros(room.size), np.linalg.norm(wanted, axis=0)
    least = len(shares) + 1 - room.size
    step = max(1, AT_A_TIME // max(len(parts) * room.size, 1))
    for at in range(0, len(shares), step):
        some = slice(at, at + step)
        apart = np.empty((len(parts), room.size, len(sizes[some])))
        apart[:, 0] = parts[:, :least] @ shares[:least, some] - wanted[:, some]
        apart[:, 1:] = parts[:, least:, None] * shares[least:, some]
        np.cumsum(apart, axis=1, out=apart)
        misses = np.sqrt(np.einsum("mkj,mkj->kj", apart, apart))
        ratios = np.tril(misses / (sizes[some] + room[:, None]), least - at - 1)
        worst = np.maximum(worst, ratios.max(axis=1))
    return worst
