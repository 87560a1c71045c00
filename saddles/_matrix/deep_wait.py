"""The wait of a deep linear network at a saddle: its dormant layers blow up along one pair.

While the active weights rest, the dormant layers D_1, …, D_L (over α) see a frozen pull G and obey
D_j' = (D_L…D_{j+1})ᵀ G (D_{j−1}…D_1)ᵀ in scaled time t α^{L−2}. They blow up at a finite time,
along a pair (u, v) of singular vectors of G: W_j ≈ a h_j h_{j−1}ᵀ, a' = σ a^{L−1}. That time
depends on all the weights, so the flow is integrated, until it has grown `FAR` times. From
there on it splits:

* the growing pair of rank one turns to (u, v); its flow is a linear one, since W_1 and W_L only see
  x' = (I − xxᵀ) G y and y' = (I − yyᵀ) Gᵀ x in the time s with ds = a^{L−2} dτ;
* what is beside it, `rest`, keeps its finite values. Only two things change it: its own flow
  during the time that is left, and the turn. The ends of the dormant layers follow the growing
  pair by parallel transport (W_2's cross row is tied to the tilt of W_1 by conservation).

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``blocks``       D_1, …, D_L, dormant layers over α; D_j has shape (m_j, m_{j−1})
``pull``         G between the dormant directions, shape (m_L, m_0)
``delay``        τ, the time until the blow-up
``left``         u, shape (m_L,), and a frame beside it, (m_L, m_L − 1)
``right``        v, shape (m_0,), and a frame beside it, (m_0, m_0 − 1)
===============  ==========================================================================
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saddles._matrix.deep_layers import flat, mirrored, orthogonal, slopes, unflat
from saddles._numerics.blow_up import growing
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["Escape", "escape", "transported"]

#: How far the dormant weights grow before the rank-one part is split off. What the split leaves out
#: is of the order of 1/FAR²; rounding of the rest is of the order of FAR · eps.
FAR = 1e4
#: Second singular value of a layer, relative to its first, at which it is of rank one.
SPLIT = 1e-3
#: Growth after which the wait is given up.
FARTHEST = 1e40
#: Dormant weights that have fallen to this share of their size are balanced to six digits, and fall
#: on: a sign that the flow conserves keeps them from growing. The same holds where two weights of a
#: single mode are equal to as many digits.
FALLEN, BALANCED = 1e-3, 1e-6
#: Share of a pair of singular vectors in what grows that is rounding: the pair is not in the start.
ABSENT = 1e-7
#: Singular values are equal, relative to the larger, if rounding may be all that they differ by.
#: Those that differ by more are tied up to the second: the turn to one of them takes too long.
EQUAL, TIED = 1e-9, 1e-4
#: Points of the way on which the rest of the turn is followed, and nodes of its duration.
TURNS, NODES = 64, 48


@dataclass(frozen=True, kw_only=True, eq=False)
class Escape:
    """How the dormant layers leave a saddle; see the module's table.

    ``rate`` is σ of the pair and ``gap`` is 1 − σ₂/σ₁ over the pairs that the start contains;
    ``tilt`` are the shares (m_L,) and (m_0,) of the other pairs where the growing one was split
    off, zero if the start contains no other.
    """

    delay: float
    rate: float
    gap: float
    left: tuple[Array, Array]
    right: tuple[Array, Array]
    tilt: tuple[Array, Array]
    rest: list[Array]


def escape(blocks: Sequence[Array], pull: Array, *, mirror: Array | None = None) -> Escape | Status:
    """Return how dormant layers blow up under a frozen pull, or why they do not.

    With `mirror` G is symmetric and W_{L+1−j} = s_j W_jᵀ. That is kept exactly: pairs (u, −u), or
    (u, u), which such layers never contain, would grow from rounding.
    """
    depth = len(blocks)
    if mirror is not None:
        blocks, pull = mirrored(blocks, mirror), (pull + pull.T) / 2
    unit, rate = float(np.linalg.norm(flat(blocks))), float(np.linalg.norm(pull, 2))
    start = [block / unit for block in blocks]
    if not any(slope.any() for slope in slopes(start, pull)):
        return Status.NO_GROWTH
    if all(block.size == 1 for block in start) and _sign_conserved(start, pull):
        return Status.SIGN_CONSERVED
    grown = _grown(start, pull / rate, mirror)
    if isinstance(grown, Status):
        return grown
    delay, layers = grown
    found = _split(layers, pull / rate)
    if isinstance(found, Status):
        return found
    with np.errstate(over="ignore"):
        clock = float(np.float64(unit) ** (2 - depth)) / rate
    if not math.isfinite(clock):
        return Status.OVERFLOW
    return Escape(
        delay=(delay + found.delay) * clock,
        rate=found.rate * rate,
        gap=found.gap,
        left=found.left,
        right=found.right,
        tilt=found.tilt,
        rest=[unit * block for block in found.rest],
    )


def _sign_conserved(start: list[Array], pull: Array) -> bool:
    """Whether the smallest weight of a single mode would have to change its sign, and never will.

    w_i² − w_j² is conserved: the two smallest reach zero together, after an infinite time.
    """
    weights = np.array([float(block.item()) for block in start])
    first, second = np.sort(np.abs(weights))[:2]
    return bool(np.prod(weights) * pull.item() < 0 and second - first <= BALANCED * second)


def _grown(
    start: list[Array], pull: Array, mirror: Array | None
) -> tuple[float, list[Array]] | Status:
    """Integrate from unit size until one pair dominates; return the time and the layers there."""

    def slope(y: Array) -> Array:
        moved = slopes(unflat(y, start), pull)
        return flat(moved if mirror is None else mirrored(moved, mirror))

    for time, y in growing(slope, flat(start), len(start)):
        size = float(np.linalg.norm(y))
        if size < FALLEN:
            return Status.SIGN_CONSERVED
        if size > FAR:
            layers = unflat(y, start)
            if max(_second(layer) for layer in layers) < SPLIT:
                return time, layers
        if size > FARTHEST:
            break
    sizes = np.linalg.svd(pull, compute_uv=False)
    if len(sizes) > 1 and sizes[1] > (1 - TIED) * sizes[0]:  # they grow together from such layers
        return Status.TIED
    raise Breakdown(Status.NOT_ALIGNED, "the dormant layers do not turn to one pair of directions")


def _second(layer: Array) -> float:
    """Return the second singular value of a layer relative to its first."""
    if min(layer.shape) == 1:
        return 0.0
    values = np.linalg.svd(layer, compute_uv=False)
    return float(values[1] / values[0])


def _split(layers: list[Array], pull: Array) -> Escape | Status:
    """Split the growing pair off, and follow both parts to the blow-up."""
    depth = len(layers)
    pairs = [_top_pair(layer) for layer in layers]
    size = math.sqrt(float(np.mean([length**2 for length, _, _ in pairs])))
    sign = math.prod(
        math.copysign(1.0, float(above[2] @ below[1])) for below, above in itertools.pairwise(pairs)
    )
    x, y = pairs[-1][1] * sign, pairs[0][2]
    beside = [orthogonal(y[:, None]), *(orthogonal(high[:, None]) for _, high, _ in pairs)]
    rest = [
        beside[j + 1].T @ layer @ _turned(beside[j], pairs[j][2]) for j, layer in enumerate(layers)
    ]
    turn = _Turn.of(pull, x, y)
    if turn.gap < TIED:
        return Status.TIED
    left, right = turn.curves()
    ends = transported(left, beside[-1]), transported(right, beside[0])
    delay = turn.duration(depth) * size ** (2 - depth)
    own = ends[0].T @ pull @ ends[1]
    moved = [block + delay * slope for block, slope in zip(rest, slopes(rest, own), strict=True)]
    return Escape(
        delay=delay,
        rate=turn.rate,
        gap=turn.gap,
        left=(left[-1], ends[0]),
        right=(right[-1], ends[1]),
        tilt=turn.tilt,
        rest=moved,
    )


def _top_pair(layer: Array) -> tuple[float, Array, Array]:
    left, values, right = np.linalg.svd(layer, full_matrices=False)
    return float(values[0]), left[:, 0], right[0]


def _turned(frame: Array, y: Array) -> Array:
    """Return a frame (m, m − 1) turned the least, so that it is beside the unit vector y."""
    out = y - frame @ (frame.T @ y)
    return transported(np.array([out / np.linalg.norm(out), y]), frame)


def transported(curve: Array, frame: Array) -> Array:
    """Carry a frame (m, q) beside the first unit vector of a curve (k, m) to beside the last.

    Each step is the least rotation from one vector to the next: parallel transport, up to the
    square of the steps.
    """
    for before, after in itertools.pairwise(curve):
        along = (after @ frame) / (1 + float(before @ after))
        frame = frame - np.outer(before + after, along)
    return frame


@dataclass(frozen=True, eq=False)
class _Turn:
    """The linear flow of the growing pair, x' = G y and y' = Gᵀ x, in the singular basis of G.

    ``grows`` (m,) are the parts that grow at σ_k, ``falls`` those that fall at it, and ``unseen``
    those of x and of y that G maps to zero.
    """

    left: Array
    right: Array
    rates: Array
    grows: Array
    falls: Array
    unseen: tuple[Array, Array]

    @classmethod
    def of(cls, pull: Array, x: Array, y: Array) -> _Turn:
        left, rates, right = _pairs(pull, x, y)
        ahead, behind = left.T @ x, right.T @ y
        grows = (ahead + behind) / 2
        # What G does not see stays as it is, while all else grows.
        unseen = x - left @ ahead, y - right @ behind
        grows = np.where(np.abs(grows) > ABSENT, grows, 0.0)
        return cls(left, right, rates, grows, (ahead - behind) / 2, unseen)

    @property
    def winner(self) -> int:
        return int(np.argmax(self.grows != 0))

    @property
    def rate(self) -> float:
        return float(self.rates[self.winner])

    @property
    def gap(self) -> float:
        """1 − σ₂/σ₁ over the pairs that are there; 1 if there is no second."""
        second = self.rates[np.flatnonzero(self.grows)[1:2]]
        return 1.0 - float(second.max(initial=0.0)) / self.rate

    def _at(self, s: Array) -> tuple[Array, Array]:
        """Return x and y (k, m) at times s (k,), relative to how fast the winner grows."""
        up = self.grows * np.exp(np.multiply.outer(s, self.rates - self.rate))
        down = self.falls * np.exp(-np.multiply.outer(s, self.rates + self.rate))
        idle = np.exp(-self.rate * s)[:, None]
        x, y = (idle * part for part in self.unseen)
        return (up + down) @ self.left.T + x, (up - down) @ self.right.T + y

    @property
    def tilt(self) -> tuple[Array, Array]:
        """Return the shares of the pairs beside the winner in x and y."""
        others = self.grows.copy()
        others[self.winner] = 0.0
        return self.left @ others, self.right @ others

    def curves(self) -> tuple[Array, Array]:
        """Return the unit vectors x and y on their way to (u, v), (TURNS, m) each."""
        s = -np.log(np.linspace(1.0, 0.0, TURNS)[:-1]) / (self.gap * self.rate)
        sign = math.copysign(1.0, float(self.grows[self.winner]))
        ends = self.left[:, self.winner] * sign, self.right[:, self.winner] * sign
        x, y = (np.vstack([curve, end]) for curve, end in zip(self._at(s), ends, strict=True))
        return _units(x), _units(y)

    def duration(self, depth: int) -> float:
        """Return ∫ (a/a₀)^{2−L} ds until the blow-up, from size a₀."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        s = -np.log((nodes + 1) / 2) / ((depth - 2) * self.rate)
        x, y = self._at(s)
        sizes = np.sqrt((np.sum(x**2, axis=1) + np.sum(y**2, axis=1)) / 2)
        return float(np.sum(weights / 2 * sizes ** (2 - depth))) / ((depth - 2) * self.rate)


def _pairs(pull: Array, x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return the singular pairs of G; of equal ones, one has all that x and y have of them."""
    left, rates, right = np.linalg.svd(pull, full_matrices=False)
    right = right.T
    bounds = np.flatnonzero(np.diff(rates) < -EQUAL * rates[0]) + 1
    for group in np.split(np.arange(rates.size), bounds):
        share = left[:, group].T @ x + right[:, group].T @ y
        if group.size > 1 and share.any():
            turn = np.linalg.qr(np.column_stack([share, np.eye(group.size)]))[0]
            left[:, group], right[:, group] = left[:, group] @ turn, right[:, group] @ turn
    return left, rates, right


def _units(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
