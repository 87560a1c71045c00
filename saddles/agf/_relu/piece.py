"""A ReLU network where no height changes its sign: a polynomial, along what holds its neurons.

A neuron that meets a hyperplane w·x_k = 0 which bends down (a_i b_j < 0) may have to stay: both
gradients push it back, and it slides along the hyperplane (Filippov) until one of them lets go.

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

from dataclasses import dataclass, replace

import numpy as np

from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.piecewise import SAME_LINE, entered
from saddles.homogeneous import Declared
from saddles.typing import Array, Indices, Mask

__all__ = ["Piece"]


@dataclass(frozen=True, eq=False)
class Piece:
    """The network where no height changes its sign; a polynomial in θ.

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
    def at(cls, network: ReluNetwork, active: int, theta: Array, side: Array, asked: Mask) -> Piece:
        """Return the piece that the flow enters at `theta`.

        Where `side` is 0 a hyperplane holds a neuron; it is asked whether it does for the neurons
        `asked` (A + D,), those of which one was just met or let go. The others are still held.
        """
        pulls = network.pulls(network.residual(theta[:active]))
        a, d = network.parts(theta)[1], network.X.shape[1]
        sides = side.copy()
        for i in np.flatnonzero((side == 0).any(axis=1) & asked):
            sides[i] = entered(pulls.along(a[i]), side[i]).side
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
    def alone(self) -> Piece:
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

    @property
    def declared(self) -> Declared:
        """The piece as a network, along the hyperplanes that hold its neurons.

        Its utilities and points are those of the whole network, and of no interest.
        """
        own = self.network
        return Declared(
            degree=self.degree,
            size=own.size,
            loss=self.loss,
            gradient=self.gradient,
            utility=own.utility,
            utility_gradient=own.utility_gradient,
            point=own.point,
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
        lines, (w, a) = self.network.lines.normals, self.network.parts(theta)
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
