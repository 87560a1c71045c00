"""Active ReLU neurons: gradient flow of a loss that is smooth in pieces only.

While no w_i·x_k changes its sign the network is a polynomial and θ' = −∂L/∂θ a smooth equation.
Where w_i meets a hyperplane that bends down (a_i b_j < 0) it may have to stay: both gradients push
it back, and it slides along the hyperplane (Filippov) until one of them lets go. The flow is
followed from piece to piece; where its force has become small, Newton's method is tried within the
piece, and what it finds counts if it lies in the piece. So a saddle may be a kink: a point that is
stationary along the hyperplanes that hold its neurons, and held from both sides across them.

While the residual changes, dormant neurons go on turning, ŵ' = P⊥ Mᵀâ, â' = P⊥ M ŵ with the M of
their cone and of the moment; they are taken along, so that each starts the next phase in the basin
into which it was carried.

=============  ==============================================================================
code name      symbol
=============  ==============================================================================
``theta``      θ = (w, a) of active neurons, then θ/|w| of dormant ones, (A + D, d + q)
``active``     A
``side``       sign of u_j·w_i in this piece, 0 where the hyperplane holds w_i, (A + D, m)
``slopes``     φ'(w_i·x_k) in this piece, shape (A + D, n)
``needed``     p_j, the pulls across the hyperplanes that keep w_i on them: held while
               a_i·b_j < p_j < 0
=============  ==============================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from saddles.agf._active_neurons import STATIONARY, Descent, newton
from saddles.agf._nearby import LEVELS
from saddles.agf._piecewise import ON_LINE, PiecewiseUtility, Slide, leave, pull_back, slide, within
from saddles.agf._piecewise import PARALLEL as SAME_LINE
from saddles.alternation import Breakdown
from saddles.status import Status
from saddles.typing import Array, Indices, Mask

if TYPE_CHECKING:
    from saddles.agf._relu import ReluNetwork

__all__ = ["descend", "shortest_gradient"]

#: Local relative error of the flow.
RTOL = 1e-8
#: Pieces, and steps in all of them, after which the flow is given up.
PIECES, STEPS = 2_000, 20_000
#: A hyperplane counts as passed once w_i is so far behind it, relative to |w_i|, and as letting go
#: once its pull misses by as much, relative to the first pulls: above the integrator's error.
PASSED = 1e-7
#: Neurons whose directions differ by less are parallel; they descend as one.
PARALLEL = 1e-9
#: The force, relative to its peak, that is rounding.
NOTHING = 1e-14
#: A critical point so near, relative to |θ|, is the one that the flow tends to.
BESIDE = 1e-4
#: Parts of a step at which it is looked at, so that a double crossing within it is seen.
LOOKS = 4


def shortest_gradient(network: ReluNetwork, theta: Array) -> Array:
    """Return ∂L/∂θ (A, d + q); at kinks the shortest gradient, whose negative is the velocity."""
    gradient = -network.utility_gradient(theta, theta)
    pulls = network.pulls(network.residual(theta))
    w, a = network.parts(theta)
    heights = w @ pulls.lines.T
    on_line = np.abs(heights) <= ON_LINE * np.linalg.norm(w, axis=1)[:, None]
    for i in np.flatnonzero(on_line.any(axis=1)):
        utility = pulls.along(a[i])
        side = np.where(on_line[i], 0.0, np.sign(heights[i]))
        gradient[i, : w.shape[1]] = -_entered(utility, side).velocity
    return gradient


def _entered(utility: PiecewiseUtility, side: Array) -> Slide:
    """Return how a weight goes on from the hyperplanes where `side` is 0.

    Those that bend down may hold it; the others it leaves, to where they let it go. Nothing bends
    where a sample that is fitted begins to be seen: there the velocity says to which side.
    """
    start = side.copy()
    upward = np.flatnonzero((side == 0) & ~(utility.bends < 0))
    start[upward] = -1.0
    for j in upward:
        leave(utility, start, int(j), 1.0)
    return slide(utility, start, 1.0)


@dataclass(frozen=True, eq=False)
class _Piece:
    """The network where no height changes its sign; a polynomial in θ.

    Offers what Newton's method asks of a network, along the hyperplanes that hold its neurons.
    ``projectors`` (A + D, d, d) are those onto them; of the P pairs of a neuron and a hyperplane
    that holds it, ``held`` are the indices (2, P) and ``backs`` the rows (P, d) with
    p = backs · a d.
    """

    network: ReluNetwork
    active: int
    side: Array
    slopes: Array
    projectors: Array
    held: Indices
    backs: Array

    degree = 2

    @classmethod
    def at(
        cls, network: ReluNetwork, active: int, theta: Array, side: Array, asked: Mask
    ) -> _Piece:
        """Return the piece that the flow enters at `theta`.

        Where `side` is 0 a hyperplane holds a neuron; it is asked whether it does for the neurons
        `asked` (A + D,), those of which one was just met or let go. The others are still held.
        """
        pulls = network.pulls(network.residual(theta[:active]))
        a, d = network.parts(theta)[1], network.X.shape[1]
        sides = side.copy()
        for i in np.flatnonzero((side == 0).any(axis=1) & asked):
            sides[i] = _entered(pulls.along(a[i]), side[i]).side
        # On a hyperplane the samples count as below it, as in the utility's gradient.
        lower = np.where(sides > 0, 1.0, -1.0)
        above = lower[:, network.lines.of_sample] * np.sign(network.lines.sizes) > 0
        slopes = np.where(above, 1.0, network.slope)
        projectors = np.tile(np.eye(d), (len(theta), 1, 1))
        backs = [np.zeros((0, d))]
        for i in np.flatnonzero((sides == 0).any(axis=1)):
            normals = pulls.lines[sides[i] == 0]
            backs.append(-np.linalg.pinv(normals.T, rcond=SAME_LINE))
            projectors[i] += normals.T @ backs[-1]
            projectors[i] = projectors[i] @ projectors[i]
        held = np.array(np.nonzero(sides == 0))
        return cls(network, active, sides, slopes, projectors, held, np.vstack(backs))

    @property
    def alone(self) -> _Piece:
        """The piece of the active neurons alone."""
        k, mine = self.active, self.held[0] < self.active
        return replace(
            self,
            side=self.side[:k],
            slopes=self.slopes[:k],
            projectors=self.projectors[:k],
            held=self.held[:, mine],
            backs=self.backs[mine],
        )

    def onto(self, theta: Array) -> Array:
        """Return `theta` with every w on the hyperplanes that hold it."""
        w, a = self.network.parts(theta)
        return np.hstack([np.matmul(self.projectors, w[:, :, None])[:, :, 0], a])

    def residual(self, theta: Array) -> Array:
        """Return y − f, shape (n, q)."""
        w, a = self.network.parts(theta[: self.active])
        heights = self.slopes[: self.active] * (w @ self.network.X.T)
        return np.asarray(self.network.columns - heights.T @ a)

    def loss(self, theta: Array, /) -> float:
        """Return |y − f|²/(2n)."""
        residual = self.residual(theta)
        return float(np.sum(residual**2)) / (2 * len(residual))

    def inner(self, theta: Array, residual: Array) -> Array:
        """Return ∂U_i/∂w_i, regardless of what holds w_i, shape (A + D, d)."""
        sums = self.slopes * (self.network.parts(theta)[1] @ residual.T)
        return np.asarray(sums @ self.network.X / len(residual))

    def gradient(self, theta: Array, /) -> Array:
        """Return minus the velocity along the hyperplanes, shape (A + D, d + q)."""
        theta = self.onto(theta)
        residual = self.residual(theta)
        w, a = self.network.parts(theta)
        inner = self.inner(theta, residual)
        outer = (self.slopes * (w @ self.network.X.T)) @ residual / len(residual)
        asleep = slice(self.active, None)
        utility = np.sum(inner[asleep] * w[asleep], axis=1)
        growth = (utility / np.sum(w[asleep] ** 2, axis=1))[:, None]
        inner[asleep] -= growth * w[asleep]
        # One output only: a keeps its sign, which rounding would turn where a neuron shrinks.
        outer[asleep] = 0.0 if a.shape[1] == 1 else outer[asleep] - growth * a[asleep]
        return -self.onto(np.hstack([inner, outer]))

    def force(self, theta: Array) -> float:
        """Return |∂L/∂θ| along the hyperplanes, of the active neurons."""
        return float(np.linalg.norm(self.gradient(theta)[: self.active]))

    def margins(self, theta: Array) -> Array:
        """Return how far every hyperplane (A, m) is from being passed or letting go; relative."""
        lines, (w, a) = self.network.lines.units, self.network.parts(theta)
        norms = np.maximum(np.linalg.norm(w, axis=1), np.finfo(float).tiny)
        margins = self.side * (w @ lines.T) / norms[:, None]
        if self.held.size:
            i, j = self.held
            residual = self.residual(theta)
            bends = np.sum(a[i] * self.network.pulls(residual).bends[j], axis=1)
            needed = np.sum(self.backs * self.inner(theta, residual)[i], axis=1)
            # The size of pulls at the start: where all is fitted, nothing but rounding is left.
            sizes = np.linalg.norm(a[i], axis=1) * self.network.scale
            sizes = np.maximum(sizes, np.finfo(float).tiny)
            # Compared as pulls: the shares p_j / (a_i·b_j) lose their sense as the bend vanishes.
            margins[i, j] = np.minimum(-needed, needed - bends) / sizes
        return np.asarray(margins)


def descend(
    network: ReluNetwork, theta: Array, dormant: Array, *, near: bool = False
) -> tuple[Descent, Array]:
    """Follow the gradient flow of the neurons `theta` (A, d + q) to the critical point it reaches.

    Parameters
    ----------
    network : ReluNetwork
        The network and its data.
    theta : ndarray of shape (A, d + q)
        Active neurons.
    dormant : ndarray of shape (D, d + q)
        Dormant ones, as directions that turn meanwhile.
    near : bool
        Whether `theta` is a critical point already, but for a little.

    Returns
    -------
    Descent, ndarray of shape (D, d + q)
        The critical point, and where the dormant neurons have come to.

    Raises
    ------
    Breakdown
        If there is none.
    """
    first, members = _parallel(theta)
    norms = np.linalg.norm(theta, axis=1)
    sizes = np.sqrt(np.bincount(members, norms**2))
    asleep, places = _parallel(dormant)
    turning = dormant[asleep] / np.linalg.norm(network.parts(dormant[asleep])[0], axis=1)[:, None]
    start = np.vstack([theta[first] * (sizes / norms[first])[:, None], turning])
    end = _descend(network, len(first), start, near)
    shared = end[members] * (norms / sizes[members])[:, None]
    turned = end[len(first) :][places]
    w, a = network.parts(turned)
    turned = np.hstack([w / np.linalg.norm(w, axis=1, keepdims=True), a])
    return Descent(shared, 0.0), turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _parallel(theta: Array) -> tuple[Indices, Indices]:
    """Return one row for each set of parallel neurons, and the set of every neuron."""
    if not len(theta):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    units = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    near = np.abs(units[:, None] - units[None]).max(axis=2) <= PARALLEL
    leaders = near.argmax(axis=1)
    return np.unique(leaders, return_inverse=True)


def _descend(network: ReluNetwork, active: int, theta: Array, near: bool) -> Array:
    """Follow neurons of which no two are parallel; see the module's table."""
    levels, steps = _Levels(), iter(range(STEPS))
    w, _ = network.parts(theta)
    heights = w @ network.lines.units.T
    on_line = np.abs(heights) <= ON_LINE * np.linalg.norm(w, axis=1)[:, None]
    side = np.where(on_line, 0.0, np.sign(heights))
    asked: Mask = np.ones(len(theta), dtype=bool)
    for _ in range(PIECES):
        theta = _placed(network, theta, side)
        piece = _Piece.at(network, active, theta, side, asked)
        passed: Mask | None = None
        for place, force, passed in _flow(piece, theta, steps):
            theta = place
            if passed is None and (levels.low(force) or near):
                near = False
                found = _critical(piece, theta)
                if found is not None:
                    return found
        # A hyperplane that lets go is asked again, like one that is met.
        assert passed is not None
        asked = np.asarray(passed.any(axis=1))
        side = _crossed(network, theta, active, piece.side, np.where(passed, 0.0, piece.side))
    raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons met too many kinks")


def _placed(network: ReluNetwork, theta: Array, side: Array) -> Array:
    """Return `theta` with every w exactly on the hyperplanes that it has met, where `side` is 0."""
    theta = theta.copy()
    w, _ = network.parts(theta)
    for i in np.flatnonzero((side == 0).any(axis=1)):
        normals = network.lines.units[side[i] == 0]
        w[i] = within(pull_back(normals, w[i])[0], w[i])
    return theta


def _critical(piece: _Piece, theta: Array) -> Array | None:
    """Return `theta` with active neurons at the critical point near it, if that is in the piece.

    It may lie on the piece's border, where a bend vanishes as its sample is fitted; so what counts
    at last is the gradient around it.
    """
    start, alone = piece.network.loss(theta[:0]), piece.alone
    found = newton(alone, theta[: piece.active], start)
    if found is None:
        return None
    place = alone.onto(found.theta)
    moved = np.linalg.norm(place - theta[: piece.active]) / np.linalg.norm(place)
    margins = alone.margins(place)
    if moved > BESIDE and not margins.min(initial=math.inf) >= -PASSED:
        return None
    beyond = (alone.side != 0) & (margins < 0)
    border = _on_border(alone, place, beyond, start) if beyond.any() else None
    force = _pull(piece.network, place)
    if border is not None and _pull(piece.network, border) < force:
        force, place = _pull(piece.network, border), border
    if not force <= STATIONARY * 2 * piece.degree * start:
        return None
    return np.vstack([place, theta[piece.active :]])


def _on_border(piece: _Piece, place: Array, beyond: Mask, start: float) -> Array | None:
    """Return the critical point near `place` (A, d + q) on hyperplanes that it is a little beyond.

    Which ones, `beyond` (A, m) says; `start` is L(0).
    """
    side = np.where(beyond, 0.0, piece.side)
    place = _placed(piece.network, place, side)
    nobody: Mask = np.zeros(len(place), dtype=bool)
    held = _Piece.at(piece.network, piece.active, place, side, nobody)
    found = newton(held, place, start)
    return None if found is None else held.onto(found.theta)


def _pull(network: ReluNetwork, theta: Array) -> float:
    """Return |∂L/∂θ| |θ|."""
    return float(np.linalg.norm(network.gradient(theta)) * np.linalg.norm(theta))


def _crossed(network: ReluNetwork, theta: Array, active: int, before: Array, side: Array) -> Array:
    """Return the sides after an event: hyperplanes that bend up are crossed."""
    residual = network.residual(theta[:active])
    bends = network.parts(theta)[1] @ network.pulls(residual).bends.T
    met = (side == 0) & (before != 0)
    return np.where(met & (bends >= 0), -before, side)


class _Levels:
    """When the force has fallen so far that Newton's method is worth another trial."""

    def __init__(self) -> None:
        self.peak, self.left = 0.0, list(LEVELS)

    def low(self, force: float) -> bool:
        """Whether it has passed another level; there must be one left."""
        self.peak = max(self.peak, force)
        passed = [level for level in self.left if force <= level * self.peak]
        self.left = [level for level in self.left if level not in passed]
        if not self.left and force <= NOTHING * self.peak:
            raise Breakdown(
                Status.STALLED, "the active ReLU neurons rest where no gradient vanishes"
            )
        return bool(passed)


def _flow(
    piece: _Piece, theta: Array, steps: Iterator[int]
) -> Iterator[tuple[Array, float, Mask | None]]:
    """Yield θ, the force and, at the end of the piece, the hyperplanes (A, m) that end it."""
    from scipy.integrate import LSODA

    yield theta, piece.force(theta), None
    shape = theta.shape
    least = float(np.linalg.norm(theta, axis=1).min())
    solver: Any = LSODA(
        lambda _, z: -piece.gradient(z.reshape(shape)).ravel(),
        0.0,
        theta.ravel(),
        math.inf,
        rtol=RTOL,
        atol=RTOL * least,
    )
    for _ in steps:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what it warns of is its status too
            solver.step()
        if solver.status == "failed" or not np.isfinite(solver.y).all():
            raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons broke off")
        curve = solver.dense_output()
        end = _end_of_piece(piece, curve, solver.t_old, solver.t)
        if end is not None:
            place = curve(end).reshape(shape)
            yield place, math.inf, piece.margins(place) <= -PASSED / 2
            return
        place = solver.y.reshape(shape)
        yield place, piece.force(place), None
    raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons came to no critical point")


def _end_of_piece(
    piece: _Piece, curve: Callable[[float], Array], start: float, stop: float
) -> float | None:
    """Return when the first hyperplane within a step is passed, or lets go; None if none does."""
    from scipy.optimize import brentq

    def worst(time: float) -> float:
        margins = piece.margins(curve(time).reshape(len(piece.side), -1))
        return float(margins.min(initial=math.inf)) + PASSED

    looks = np.linspace(start, stop, LOOKS + 1)
    for last, look in pairwise(looks):
        if worst(look) < 0:
            return float(brentq(worst, last, look)) if worst(last) > 0 else float(look)
    return None
