"""Active ReLU neurons: gradient flow of a loss that is smooth in pieces only.

While no w_i·x_k changes its sign the network is a polynomial and θ' = −∂L/∂θ a smooth equation, of
which `exponential_step` takes steps. Where w_i meets a hyperplane that bends down (a_i b_j < 0) it
may have to stay: both gradients push it back, and it slides along the hyperplane (Filippov) until
one of them lets go. The flow is followed from piece to piece; where its force has become small,
Newton's method is tried within the piece, and what it finds counts if it lies in the piece. So a
saddle may be a kink: a point that is stationary along the hyperplanes that hold its neurons, and
held from both sides across them.

Neurons that are parallel stay so, and descend as one. Dormant ones are `passengers`.

=============  ==============================================================================
code name      symbol
=============  ==============================================================================
``theta``      θ = (w, a) of active neurons of which no two are parallel, (A, d + q)
``side``       sign of u_j·w_i in a piece, 0 where the hyperplane holds w_i, (A, m)
``passed``     the hyperplanes that end a piece, (A, m)
=============  ==============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from saddles._numerics.precision import EPS
from saddles._numerics.watch import tick
from saddles.agf._engine.active import Descent, newton
from saddles.agf._engine.levels import STATIONARY
from saddles.agf._relu.exponential_step import Curve, Expansion
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.passengers import Passengers, parallel
from saddles.agf._relu.piece import Piece
from saddles.agf._relu.piecewise import ON_LINE, pull_back, within
from saddles.status import Breakdown, Status
from saddles.typing import Array, Mask

__all__ = ["descend_kinked"]

#: Local error of a step, relative to each neuron: critical points are Newton's, and need no more.
STEP_RTOL = 1e-6
#: Pieces, per hyperplane and neuron, and steps in all after which the flow is given up.
PIECES_PER_LINE, STEPS_IN_ALL = 20, 50_000
#: Steps are this share of what their error allows, and change by no more than these factors.
SAFE, LEAST, MOST = 0.9, 0.2, 5.0
#: Hyperplanes this near when one is met, relative to |w|, are met together.
TOGETHER = 1e-12
#: Newton's method is tried each time that the force has fallen to such a share of its peak.
LEVELS = (1e-4, 1e-6, 1e-8, 1e-10, 1e-12)
#: The force, relative to its peak, that is rounding.
NO_FORCE = 1e-14
#: A critical point so near, relative to |θ|, is the one that the flow tends to.
BESIDE = 1e-3
#: Parts of a step at which it is evaluated, so that a double crossing within it is found.
LOOKS = np.array([0.25, 0.5, 0.75, 1.0])
#: Parts between two looks, at which one is looked for where all is well.
HALVES = 0.5 ** np.arange(1, 40)


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
    first, members = parallel(np.vstack([theta, dormant]))
    count = int(members[: len(theta)].max()) + 1
    norms = np.linalg.norm(theta, axis=1)
    sizes = np.sqrt(np.bincount(members[: len(theta)], norms**2))
    start = theta[first[:count]] * (sizes / norms[first[:count]])[:, None]
    residual = network.residual(start).reshape(network.columns.shape)
    aside = Passengers(network, dormant[first[count:] - len(theta)], residual)
    end = _Flow(network, start, aside).to_rest(near)
    moved = np.vstack([end, aside.move()])[members]
    shared = moved[: len(theta)] * (norms / sizes[members[: len(theta)]])[:, None]
    turned = moved[len(theta) :]
    return Descent(shared, 0.0), turned / np.linalg.norm(turned, axis=1, keepdims=True)


def _placed(network: ReluNetwork, theta: Array, side: Array) -> Array:
    """Return `theta` with every w exactly on the hyperplanes that it has met, where `side` is 0."""
    theta = theta.copy()
    w, _ = network.parts(theta)
    for i in np.flatnonzero((side == 0).any(axis=1)):
        normals = network.lines.normals[side[i] == 0]
        w[i] = within(pull_back(normals, w[i])[0], w[i])
    return theta


def _critical(piece: Piece, theta: Array) -> Array | None:
    """Return the critical point near `theta`, if that is in the piece.

    It may lie on the piece's border, where a bend vanishes as its sample is fitted; so what counts
    at last is the gradient around it.
    """
    start = piece.network.loss(theta[:0])
    found = newton(piece.declared, theta, start)
    if found is None:
        return None
    place = piece.onto(found.theta)
    moved = np.linalg.norm(place - theta) / np.linalg.norm(place)
    margins, _ = piece.look(place)
    if moved > BESIDE:
        return None
    beyond = (piece.side != 0) & (margins < 0)
    border = _on_border(piece, place, beyond, start) if beyond.any() else None
    force = _pull(piece.network, place)
    if border is not None and _pull(piece.network, border) < force:
        force, place = _pull(piece.network, border), border
    return place if force <= STATIONARY * 2 * piece.degree * start else None


def _on_border(piece: Piece, place: Array, beyond: Mask, start: float) -> Array | None:
    """Return the critical point near `place` (A, d + q) on hyperplanes that it is a little beyond.

    Which ones, `beyond` (A, m) says; `start` is L(0).
    """
    side = np.where(beyond, 0.0, piece.side)
    place = _placed(piece.network, place, side)
    nobody: Mask = np.zeros(len(place), dtype=bool)
    held = Piece.at(piece.network, place, side, nobody, piece)
    found = newton(held.declared, place, start)
    return None if found is None else held.onto(found.theta)


def _pull(network: ReluNetwork, theta: Array) -> float:
    """Return |∂L/∂θ| |θ|."""
    return float(np.linalg.norm(network.gradient(theta)) * np.linalg.norm(theta))


def _crossed(network: ReluNetwork, theta: Array, before: Array, side: Array) -> Array:
    """Return the sides after an event: hyperplanes that bend up are crossed."""
    residual = network.residual(theta).reshape(network.columns.shape)
    bends = network.parts(theta)[1] @ network.lines.bends(residual, network.slope).T
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


class _Flow:
    """The descent of active neurons; mutable, made and dropped by `descend_kinked`."""

    def __init__(self, network: ReluNetwork, theta: Array, aside: Passengers) -> None:
        self.network, self.theta, self.aside = network, theta, aside
        self.levels, self.length, self.steps = _Levels(), math.nan, 0
        self.lasted = 0.0
        w, _ = network.parts(theta)
        heights = w @ network.lines.normals.T
        on_line = np.abs(heights) <= ON_LINE * np.linalg.norm(w, axis=1)[:, None]
        self.side = np.where(on_line, 0.0, np.sign(heights))

    def to_rest(self, near: bool) -> Array:
        """Return the critical point that the flow reaches; it may be `near`."""
        asked: Mask = np.ones(len(self.theta), dtype=bool)
        piece: Piece | None = None
        for _ in range(PIECES_PER_LINE * (self.side.size + 100)):
            tick()
            self.theta = _placed(self.network, self.theta, self.side)
            piece = Piece.at(self.network, self.theta, self.side, asked, piece)
            passed, self.lasted = None, 0.0
            while passed is None:
                velocity = piece.velocity(self.theta)
                if self.levels.low(float(np.linalg.norm(velocity))) or near:
                    near, found = False, _critical(piece, self.theta)
                    if found is not None:
                        return found
                passed = self._step(piece, velocity)
            # A hyperplane that lets go is asked again, like one that is met; but where it let go
            # to a side from which the neuron comes back at once, it holds.
            back = passed & (self.side == 0) & (piece.side != 0) & (self.lasted == 0)
            asked = np.asarray(passed.any(axis=1) & ~back.any(axis=1))
            after = np.where(passed, 0.0, piece.side)
            self.side = _crossed(self.network, self.theta, piece.side, after)
        raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons met too many kinks")

    def _step(self, piece: Piece, velocity: Array) -> Mask | None:
        """Go on by a step; return the hyperplanes (A, m) that end the piece, if any do."""
        curve = self._curve(piece, velocity)
        looks = _Looks.of(piece, curve)
        end, passed = looks.event()
        looks.until(end, self.aside)
        self.lasted += end
        self.theta = curve(np.array([end]))[0].reshape(self.theta.shape)
        return passed

    def _curve(self, piece: Piece, velocity: Array) -> Curve:
        """Return the flow within a step whose error is small."""
        shape = self.theta.shape

        def flow(z: Array) -> Array:
            return piece.velocity(z.reshape(shape)).ravel()

        expansion = Expansion.at(
            self.theta.ravel(), flow, velocity.ravel(), piece.jacobian(self.theta)
        )
        norms = np.linalg.norm(self.theta, axis=1)
        if math.isnan(self.length):
            self.length = 0.1 / float(np.abs(expansion.rates).max())
        while self.steps < STEPS_IN_ALL:
            self.steps += 1
            with np.errstate(over="ignore", invalid="ignore"):
                curve = expansion.step(self.length)
                errors = np.linalg.norm(curve.error.reshape(shape), axis=1)
            error = float((errors / norms).max()) / STEP_RTOL
            if not math.isfinite(error):
                self.length *= LEAST
                continue
            self.length *= min(max(SAFE * (error + 1e-30) ** -0.25, LEAST), MOST)
            if error <= 1:
                return curve
        raise Breakdown(Status.STALLED, "the flow of the active ReLU neurons takes too many steps")


@dataclass(frozen=True, eq=False)
class _Looks:
    """A step, looked at in its course: times (t,), margins (t, A, m) and residuals (t, n, q)."""

    piece: Piece
    curve: Curve
    times: Array
    margins: Array
    residuals: Array

    @classmethod
    def of(cls, piece: Piece, curve: Curve) -> _Looks:
        """Look at a step at a few times."""
        times = LOOKS * curve.length
        places = curve(times).reshape(len(times), len(piece.side), -1)
        margins, residuals = zip(*(piece.look(place) for place in places), strict=True)
        return cls(piece, curve, times, np.array(margins), np.array(residuals))

    def event(self) -> tuple[float, Mask | None]:
        """Return when the step ends, and the hyperplanes (A, m) that end it; None if none does."""
        from scipy.optimize import brentq

        behind = self.margins < -TOGETHER
        if not behind.any():
            return self.curve.length, None
        look = int(behind.any(axis=(1, 2)).argmax())
        first, last = 0.0 if look == 0 else float(self.times[look - 1]), float(self.times[look])
        margins = self._margins(behind[look])

        def least(time: float) -> float:
            return float(margins(time).min())

        # A hyperplane that was just crossed begins at 0: it ends the piece where it is met again.
        end, before = first, first
        for part in HALVES if least(first) <= 0 else ():
            if least(first + part * (last - first)) > 0:
                before = first + part * (last - first)
                break
        if least(before) > 0:
            end = float(brentq(least, before, last, xtol=1e-300, rtol=4 * EPS))
        passed = np.zeros_like(behind[look])
        passed[behind[look]] = margins(end) <= TOGETHER
        return end, passed

    def _margins(self, asked: Mask) -> Callable[[float], Array]:
        """Return the margins of the hyperplanes `asked` (A, m) as a function of time."""
        i, j = np.nonzero(asked)
        curve, piece, d = self.curve, self.piece, self.piece.network.X.shape[1]
        if (piece.side[i, j] == 0).any():
            return lambda time: piece.look(self._place(time))[0][i, j]
        lines, side = piece.network.lines.normals[j], piece.side[i, j]
        modes = curve.modes.reshape(*piece.side.shape[:1], -1, curve.start.size)[i, :d]
        modes = np.einsum("kd,kde->ke", lines, modes)
        heights = np.sum(lines * curve.start.reshape(len(piece.side), -1)[i, :d], axis=1)

        def margins(time: float) -> Array:
            return np.asarray(side * (heights + modes @ curve.modal(np.array([time]))[0]))

        return margins

    def _place(self, time: float) -> Array:
        """Return θ at a time."""
        place = self.curve(np.array([time]))[0]
        return np.asarray(place.reshape(len(self.piece.side), -1))

    def until(self, end: float, aside: Passengers) -> None:
        """Show the residuals until `end` to the dormant neurons, as closely as they need them."""
        if not aside.alive.any():
            return
        sooner = self.times < end
        known = {
            float(t): r for t, r in zip(self.times[sooner], self.residuals[sooner], strict=True)
        }
        ahead, now = [end, *sorted(known, reverse=True)], 0.0
        while ahead:
            time = ahead[-1]
            if time not in known:
                known[time] = self.piece.look(self._place(time))[1]
            between = (now + time) / 2
            if aside.far(known[time], time - now) and now < between < time:
                ahead.append(between)
                continue
            aside.look(known[time], time - now)
            now = ahead.pop()
