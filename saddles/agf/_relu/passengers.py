"""Dormant ReLU neurons while the active ones descend: passengers, which influence nothing.

They turn under the residual of each moment, ŵ' = P⊥ Mᵀâ, â' = P⊥ M ŵ with the M of their cone, and
each starts the next phase in the basin into which it was carried. As long as the residual hardly
changes, its mean moves them: exactly, as `broken_lines` and `exponential_ways` do. Neurons that
share their direction with an active one stay beside it.

=============  ============================================================
code name      symbol
=============  ============================================================
``theta``      directions θ/|θ| of dormant neurons, (D, d + q)
``mean``       ∫ (y − f) dt since they were last moved, (n, q)
``time``       how long that is
``seen``       the residual at the last look, ``moved`` when they were moved
``alive``      whether a sample moves them, (D,); no others ever move
=============  ============================================================
"""

from __future__ import annotations

import numpy as np

from saddles._numerics.precision import ZERO
from saddles.agf._relu.broken_lines import neurons_move
from saddles.agf._relu.exponential_ways import turn
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.piecewise import SAME_DIRECTION
from saddles.status import Breakdown, Status
from saddles.typing import Array, Indices

__all__ = ["Passengers", "parallel"]

#: Angle by which the change of a residual can turn no direction while its mean stands for it.
ANGLE = 0.05


def parallel(theta: Array) -> tuple[Indices, Indices]:
    """Return the first of each set of parallel neurons `theta` (H, p), and the set of each one.

    Sets are numbered as their first members are.
    """
    if not len(theta):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    units = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    # Along a random direction parallel neurons are neighbours.
    order = np.argsort(units @ np.random.default_rng(0).standard_normal(theta.shape[1]))
    apart = np.abs(np.diff(units[order], axis=0)).max(axis=1, initial=0.0) > SAME_DIRECTION
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    firsts = np.empty(len(theta), dtype=np.intp)
    firsts[order] = np.repeat(
        np.minimum.reduceat(order, starts), np.diff(np.append(starts, len(theta)))
    )
    return np.unique(firsts, return_inverse=True)


class Passengers:
    """The dormant neurons of one descent; see the module's table."""

    def __init__(self, network: ReluNetwork, theta: Array, residual: Array) -> None:
        self.network, self.theta = network, theta
        self.seen = self.moved = residual
        self.mean, self.time = np.zeros_like(residual), 0.0
        self.sizes = np.abs(network.lines.sizes) / len(network.X)
        heights = network.parts(theta)[0] @ network.X.T
        self.alive = np.asarray((heights > 0 if network.slope == 0 else heights != 0).any(axis=1))

    def far(self, residual: Array, wait: float) -> bool:
        """Whether the residual after `wait` is too far from the last one for any mean of both."""
        return bool(self._angle(residual - self.seen, wait) > ANGLE)

    def _angle(self, change: Array, time: float) -> float:
        """Return by what angle a change of the residual may turn a neuron within `time`."""
        return float(np.linalg.norm(change, axis=1) @ self.sizes) * time

    def look(self, residual: Array, wait: float) -> None:
        """Take the residual into account that it is now, `wait` later than at the last look."""
        self.mean += wait / 2 * (self.seen + residual)
        self.time += wait
        self.seen = residual
        if self._angle(residual - self.moved, self.time) > ANGLE:
            self.move()

    def move(self) -> Array:
        """Take neurons to where they are now, and return their directions."""
        if self.time > 0 and self.alive.any():
            turned = self._turned(self.theta[self.alive], self.mean / self.time)
            self.theta = self.theta.copy()
            self.theta[self.alive] = turned
        self.mean, self.time, self.moved = np.zeros_like(self.mean), 0.0, self.seen
        return self.theta

    def _turned(self, theta: Array, residual: Array) -> Array:
        """Return the directions of `theta` under this residual (n, q) after ``time``."""
        network, late = self.network, Breakdown(Status.STALLED, "dormant ReLU neurons on their way")
        if network.widths[1] == 1:
            utility = network.lines.utility(residual[:, 0], network.slope).bent()
            moved = neurons_move(utility, theta, self.time)
            if moved is None:
                raise late
            return moved
        pulls = network.pulls(residual).bent()
        ways = [turn(pulls, row, noise=ZERO * pulls.scale, until=self.time) for row in theta]
        arrived = [way for way in ways if way is not None and not way.vanishes]
        if len(arrived) < len(ways):
            raise late
        return np.array([way.at(self.time)[0] for way in arrived])
