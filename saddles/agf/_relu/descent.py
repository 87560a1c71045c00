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
``side``       sign of u_j·w_i in a piece, 0 where the hyperplane holds w_i, (A + D, m)
``passed``     the hyperplanes that end a piece, (A + D, m)
=============  ==============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from saddles._numerics.stepping import (
    Budget,
    Ending,
    Equation,
    Integration,
    Tolerances,
    crossing,
)
from saddles._numerics.watch import tick
from saddles.agf._engine.active import STATIONARY, Descent, newton
from saddles.agf._engine.arrival import LEVELS
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.piece import Piece
from saddles.agf._relu.piecewise import ON_LINE, SAME_DIRECTION, pull_back, within
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices, Mask

__all__ = ["descend_kinked"]

#: Local relative error of the flow.
PIECE_RTOL = 1e-8
#: Pieces, and steps in all of them, after which the flow is given up.
PIECES, STEPS_IN_ALL = 2_000, 20_000
#: A hyperplane counts as passed once w_i is so far behind it, relative to |w_i|, and as letting go
#: once its pull misses by as much, relative to the first pulls: above the integrator's error.
PASSED = 1e-7
#: The force, relative to its peak, that is rounding.
NO_FORCE = 1e-14
#: A critical point so near, relative to |θ|, is the one that the flow tends to.
BESIDE = 1e-4
#: Parts of a step at which it is evaluated, so that a double crossing within it is found.
LOOKS_PER_STEP = 4


def descend_kinked(
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
        Whether `theta` is nearly a critical point already.

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
    end = _descend_apart(network, len(first), start, near)
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
    near = np.abs(units[:, None] - units[None]).max(axis=2) <= SAME_DIRECTION
    leaders = near.argmax(axis=1)
    return np.unique(leaders, return_inverse=True)


def _descend_apart(network: ReluNetwork, active: int, theta: Array, near: bool) -> Array:
    """Follow neurons of which no two are parallel; see the module's table."""
    levels, steps = _Levels(), Budget(STEPS_IN_ALL)
    w, _ = network.parts(theta)
    heights = w @ network.lines.normals.T
    on_line = np.abs(heights) <= ON_LINE * np.linalg.norm(w, axis=1)[:, None]
    side = np.where(on_line, 0.0, np.sign(heights))
    asked: Mask = np.ones(len(theta), dtype=bool)
    for _ in range(PIECES):
        tick()
        theta = _placed(network, theta, side)
        piece = Piece.at(network, active, theta, side, asked)
        passed: Mask | None = None
        for place, force, passed in _within_piece(piece, theta, steps):
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
        normals = network.lines.normals[side[i] == 0]
        w[i] = within(pull_back(normals, w[i])[0], w[i])
    return theta


def _critical(piece: Piece, theta: Array) -> Array | None:
    """Return `theta` with active neurons at the critical point near it, if that is in the piece.

    It may lie on the piece's border, where a bend vanishes as its sample is fitted; so what counts
    at last is the gradient around it.
    """
    start, alone = piece.network.loss(theta[:0]), piece.alone
    found = newton(alone.declared, theta[: piece.active], start)
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


def _on_border(piece: Piece, place: Array, beyond: Mask, start: float) -> Array | None:
    """Return the critical point near `place` (A, d + q) on hyperplanes that it is a little beyond.

    Which ones, `beyond` (A, m) says; `start` is L(0).
    """
    side = np.where(beyond, 0.0, piece.side)
    place = _placed(piece.network, place, side)
    nobody: Mask = np.zeros(len(place), dtype=bool)
    held = Piece.at(piece.network, piece.active, place, side, nobody)
    found = newton(held.declared, place, start)
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
        if not self.left and force <= NO_FORCE * self.peak:
            raise Breakdown(
                Status.STALLED, "the active ReLU neurons rest where no gradient vanishes"
            )
        return bool(passed)


def _within_piece(
    piece: Piece, theta: Array, steps: Budget
) -> Iterator[tuple[Array, float, Mask | None]]:
    """Yield θ, the force and, at the end of the piece, the hyperplanes (A, m) that end it."""
    yield theta, piece.force(theta), None
    shape = theta.shape
    least = float(np.linalg.norm(theta, axis=1).min())
    flow = Equation(
        lambda _, z: -piece.gradient(z.reshape(shape)).ravel(), theta.ravel(), overflows=True
    )
    run = Integration(flow, Tolerances(rtol=PIECE_RTOL, atol=PIECE_RTOL * least), steps)
    for solver in run:
        curve = solver.dense_output()
        end = _end_of_piece(piece, curve, solver.t_old, solver.t)
        if end is not None:
            place = curve(end).reshape(shape)
            yield place, math.inf, piece.margins(place) <= -PASSED / 2
            return
        place = solver.y.reshape(shape)
        yield place, piece.force(place), None
    if run.ending is Ending.FAILED:
        raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons broke off")
    raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons came to no critical point")


def _end_of_piece(
    piece: Piece, curve: Callable[[float], Array], start: float, stop: float
) -> float | None:
    """Return when the first hyperplane within a step is passed, or lets go; None if none does."""

    def beyond(time: float) -> float:
        margins = piece.margins(curve(time).reshape(len(piece.side), -1))
        return -(float(margins.min(initial=math.inf)) + PASSED)

    looks = np.linspace(start, stop, LOOKS_PER_STEP + 1)
    for last, look in pairwise(looks):
        if beyond(look) > 0:
            return crossing(beyond, last, look) if beyond(last) < 0 else float(look)
    return None
