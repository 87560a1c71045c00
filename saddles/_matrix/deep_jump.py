"""The jump of a deep linear network: few balanced layers descend, and carry the dormant ends along.

The active network has one neuron per learnt mode in every hidden layer, balanced
(W_{j+1}ᵀW_{j+1} = W_jW_jᵀ). From a saddle W = PSQᵀ and a new pair ε(u, v) it descends to the next
critical point. For L ≥ 3 saddles of the active network are left in a time that is nothing in
the unit α^{2−L}, so this is a local minimiser of f among matrices of the rank k.

While the spaces V(t) and U(t) that the active layers see and reach turn, conservation turns the
ends of the dormant layers with them: y' = −w⁺w'y for every y beside the rows w of W_1, and the same
for the columns of W_L. This is parallel transport; inner layers do not move.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``layers``       the active W_1 (k, d), …, W_L (c, k)
``right``        frame of the dormant inputs, beside the rows of W_1, shape (d, d − k)
``left``         frame of the dormant outputs, beside the columns of W_L, shape (c, c − k)
===============  ==========================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from saddles._matrix.deep_layers import flat, mirrored, product, slopes, unflat
from saddles._numerics.critical import ZERO_CURVATURE, Point, Rules, Spectrum, search
from saddles._numerics.stepping import Equation, Integration, Tolerances
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["Landed", "Objective", "land"]

#: Size of the new mode of W where the descent begins, relative to its natural size. The old modes
#: are off by as much; the turn while they relax is right up to its square.
AMPLITUDE = 1e-4
#: Error of a step, and their number.
RTOL, ATOL, STEPS = 1e-9, 1e-11, 20_000
#: Where the Jacobian looks, away from weights of size one: it need not be exact.
APART = 1e-8
#: Newton's method is tried where the pull on the active pair has fallen to this share of its
#: largest, and at every decade after that.
FIRST, DECADE, LAST = 1e-3, 0.1, 1e-11
#: Force, relative to the largest it could be, at which a point is critical; Newton's patience.
ENOUGH, PATIENCE = 1e-15, 4
#: What a critical point may still have.
CRITICAL = 1e-10
#: A displacement as long as this share of the point leads somewhere else. Where minimisers are a
#: continuum it leads, by as much, to another one of them than the flow.
NEAR, NEAR_OTHERS = 0.1, 1e-7
#: Norm of W, relative to the natural size, on its way to infinity.
DIVERGED = 1e6
#: Doublings of a length after which f falls without bound.
DOUBLINGS = 60
#: Curvature, relative to the largest, that leads down; share of the tilt with which it is left.
DOWN, TILT = 1e-8, 1e-5


@dataclass(frozen=True, kw_only=True, eq=False)
class Objective:
    """f over matrices (c, d).

    ``pull(W)`` is −∇f(W), and ``bend(W, D)`` the second derivative ∇²f(W)[D].
    """

    shape: tuple[int, int]
    pull: Callable[[Array], Array]
    bend: Callable[[Array, Array], Array]


@dataclass(frozen=True, kw_only=True, eq=False)
class Landed:
    """Where a descent ends: W, the frames of the dormant ends, and what curvature says.

    ``curvature`` is the lowest curvature of f among matrices of this rank, relative to the
    largest; ``unique`` is False where there is none along some direction.
    """

    W: Array
    left: Array
    right: Array
    curvature: float
    unique: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Outset:
    """Where a descent begins: the saddle W of some rank, the new pair, and the dormant frames.

    ``tilt`` are the shares of other pairs that the start contains; ``rate`` is σ. With ``mirror`` W
    stays symmetric: W_{L+1−j} = s_j W_jᵀ.
    """

    W: Array
    rank: int
    pair: tuple[Array, Array]
    tilt: tuple[Array, Array]
    left: Array
    right: Array
    rate: float
    mirror: Array | None = None


def land(objective: Objective, depth: int, outset: Outset) -> Landed:
    """Descend from a saddle along the new pair to the next critical point.

    The pair itself may lead to a point with a way down among matrices of its rank (commuting data).
    The flow leaves that point along the other pairs which the start contains, if there are any.

    Raises
    ------
    Breakdown
        STALLED if none is reached, UNBOUNDED if W grows beyond all bounds.
    """
    natural = _reach(objective, outset)
    unit = natural + float(np.linalg.norm(outset.W))
    inside = Objective(
        shape=objective.shape,
        pull=lambda W: objective.pull(unit * W) / outset.rate,
        bend=lambda W, D: objective.bend(unit * W, D) * unit / outset.rate,
    )
    start = replace(outset, W=outset.W / unit)
    size = (AMPLITUDE * natural / unit) ** (1 / depth)
    found = _descended(inside, depth, start, size)
    tilt = math.hypot(*map(float, map(np.linalg.norm, outset.tilt)))
    if found.curvature < -DOWN and tilt:
        pair = [
            one + TILT / tilt * other for one, other in zip(start.pair, start.tilt, strict=True)
        ]
        found = _descended(inside, depth, replace(start, pair=(pair[0], pair[1])), size)
    return replace(found, W=unit * found.W)


def _reach(objective: Objective, outset: Outset) -> float:
    """Return how far along the new pair f falls: to where half of its slope is left."""
    along = np.outer(*outset.pair)
    curved = float(np.sum(along * objective.bend(outset.W, along)))
    far = outset.rate / curved if curved > 0 else float(np.linalg.norm(outset.W)) or 1.0
    for _ in range(DOUBLINGS):
        if float(np.sum(along * objective.pull(outset.W + far * along))) < outset.rate / 2:
            return far
        far *= 2
    raise Breakdown(Status.UNBOUNDED, "f falls without bound along the pair that activates")


def _descended(objective: Objective, depth: int, outset: Outset, size: float) -> Landed:
    """Follow the flow from a new neuron of `size`, and add the digits by Newton's method."""
    layers = _balanced(outset, depth, size)
    largest, mark = 0.0, FIRST
    for solver in _run(objective, layers, outset):
        *active, left, right = unflat(solver.y, [*layers, outset.left, outset.right])
        W = product(active)
        if not float(np.linalg.norm(W)) <= DIVERGED:
            raise Breakdown(Status.UNBOUNDED, "the active layers grow beyond all bounds")
        pull = objective.pull(W)
        force = float(np.linalg.norm(pull @ active[0].T) + np.linalg.norm(active[-1].T @ pull))
        largest = max(largest, force)
        mark = max(mark, DECADE**3 * force / largest)
        if force <= mark * largest:
            found = _polished(objective, W, outset.rank + 1, left, right)
            if found is not None:
                return found
            if force <= LAST * largest:
                break
            mark = DECADE * force / largest
    raise Breakdown(Status.STALLED, "the descent of the active layers came to no critical point")


def _balanced(outset: Outset, depth: int, size: float) -> list[Array]:
    """Return balanced layers of the saddle, with a new neuron of `size`."""
    if outset.mirror is not None:
        return _symmetric(outset, outset.mirror, size)
    P, S, Q = np.linalg.svd(outset.W, full_matrices=False)
    roots = np.append(S[: outset.rank] ** (1 / depth), size)
    left = np.column_stack([P[:, : outset.rank], outset.pair[0]])
    right = np.column_stack([Q[: outset.rank].T, outset.pair[1]])
    return [roots[:, None] * right.T, *[np.diag(roots)] * (depth - 2), left * roots]


def _symmetric(outset: Outset, mirror: Array, size: float) -> list[Array]:
    """Return balanced layers that mirror each other; the one in the middle has signs of W."""
    depth, half = len(mirror), len(mirror) // 2
    values, vectors = np.linalg.eigh(outset.W)
    top = np.argsort(-np.abs(values))[: outset.rank]
    sign = np.copysign(1.0, outset.pair[0] @ outset.pair[1])
    new = (outset.pair[1] + sign * outset.pair[0]) / 2
    right = np.column_stack([vectors[:, top], new])
    roots = np.append(np.abs(values[top]) ** (1 / depth), size)
    below = [roots[:, None] * right.T, *[np.diag(roots)] * (half - 1)]
    above = [s * layer.T for s, layer in zip(mirror, below, strict=False)][::-1]
    signs = np.sign(np.append(values[top], sign)) * np.prod(mirror[:half])
    return [*below, *[np.diag(signs * roots)] * (depth % 2), *above]


def _run(objective: Objective, layers: list[Array], outset: Outset) -> Integration:
    """Return the integration of the active layers and of both frames."""
    spots = [*layers, outset.left, outset.right]

    def velocities(y: Array) -> Array:
        """Return the velocity at each row of y (..., p)."""
        *active, left, right = unflat(y, spots)
        W = product(active)
        pull = np.array([objective.pull(one) for one in W.reshape(-1, *W.shape[-2:])])
        moved = slopes(active, pull.reshape(W.shape))
        moved = moved if outset.mirror is None else mirrored(moved, outset.mirror)
        down = -_inverse(active[0]) @ (moved[0] @ right)
        up = -_inverse(active[-1].mT) @ (moved[-1].mT @ left)
        return flat([*moved, up, down])

    def jacobian(_: float, y: Array) -> Array:
        moved = velocities(np.vstack([y, y + APART * np.eye(y.size)]))
        return np.asarray((moved[1:] - moved[0]).T / APART)

    return Integration(
        Equation(lambda _, y: velocities(y), flat(spots), jacobian=jacobian, overflows=True),
        Tolerances(rtol=RTOL, atol=ATOL),
        STEPS,
    )


def _inverse(rows: Array) -> Array:
    """Return the pseudo-inverse (d, k) of independent rows (k, d)."""
    return np.asarray(np.linalg.solve(rows @ rows.mT, rows).mT)


@dataclass(frozen=True, eq=False)
class _Factors:
    """f(ABᵀ) over balanced A (c, k) and B (d, k), both in one row."""

    objective: Objective
    rank: int

    def split(self, place: Array) -> tuple[Array, Array]:
        c, _ = self.objective.shape
        return (
            place[: c * self.rank].reshape(c, self.rank),
            place[c * self.rank :].reshape(-1, self.rank),
        )

    def point(self, place: Array, /) -> Point:
        A, B = self.split(place)
        pull = self.objective.pull(A @ B.T)
        force = np.concatenate([(pull @ B).ravel(), (pull.T @ A).ravel()])
        size = float(np.linalg.norm(force))
        whole = float(np.linalg.norm(place)) * max(float(np.linalg.norm(pull)), self._unit)
        return Point(place, force, size / whole, lambda: self.spectrum(place, pull))

    @property
    def _unit(self) -> float:
        return float(np.linalg.norm(self.objective.pull(np.zeros(self.objective.shape))))

    def newton_step(self, at: Point, /) -> Array:
        assert at.spectrum is not None
        return at.spectrum.inverse(at.force, ZERO_CURVATURE * at.spectrum.largest)

    def spectrum(self, place: Array, pull: Array) -> Spectrum:
        """Return the curvatures beside the directions that leave ABᵀ as it is."""
        A, B = self.split(place)
        rows = []
        for unit in np.eye(place.size):
            dA, dB = self.split(unit)
            bent = self.objective.bend(A @ B.T, dA @ B.T + A @ dB.T)
            rows.append(
                np.concatenate([(bent @ B - pull @ dB).ravel(), (bent.T @ A - pull.T @ dA).ravel()])
            )
        hessian = np.array(rows)
        same = []
        for unit in np.eye(self.rank**2):
            M = unit.reshape(self.rank, self.rank)
            same.append(np.concatenate([(A @ M).ravel(), (-B @ M.T).ravel()]))
        return Spectrum.of((hessian + hessian.T) / 2, np.array(same).T)


def _polished(
    objective: Objective, W: Array, rank: int, left: Array, right: Array
) -> Landed | None:
    """Apply Newton's method from W; None where it meets any doubt."""
    P, S, Q = np.linalg.svd(W, full_matrices=False)
    roots = np.sqrt(S[:rank])
    start = np.concatenate([(P[:, :rank] * roots).ravel(), (Q[:rank].T * roots).ravel()])
    factors = _Factors(objective, rank)
    rules = Rules(enough=ENOUGH, patience=PATIENCE, longest=2.0)
    found = search(factors, start, rules)
    if found is None or found.point.size > CRITICAL:
        return None
    spectrum = found.point.spectrum
    assert spectrum is not None
    near = NEAR_OTHERS if spectrum.flat else NEAR
    if np.linalg.norm(found.moved) > near * np.linalg.norm(start) or spectrum.climbs(found.moved):
        return None
    A, B = factors.split(found.point.place)
    return Landed(
        W=A @ B.T,
        left=_carried(left, A),
        right=_carried(right, B),
        curvature=float(spectrum.values.min(initial=math.inf)) / spectrum.largest,
        unique=spectrum.flat == 0,
    )


def _carried(frame: Array, factor: Array) -> Array:
    """Return the frame nearest to `frame` among the orthonormal ones beside a factor's columns."""
    beside = frame - factor @ np.linalg.lstsq(factor, frame, rcond=None)[0]
    left, _, right = np.linalg.svd(beside, full_matrices=False)
    return np.asarray(left @ right)
