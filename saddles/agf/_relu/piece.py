"""A ReLU network where no height changes its sign: a polynomial, along what holds its neurons.

A neuron that meets a hyperplane w·x_k = 0 which bends down (a_i b_j < 0) may have to stay: both
gradients push it back, and it slides along the hyperplane (Filippov) until one of them lets go.

=============  ==============================================================================
code name      symbol
=============  ==============================================================================
``theta``      θ = (w, a) of active neurons, (A, d + q)
``side``       sign of u_j·w_i in this piece, 0 where the hyperplane holds w_i, (A, m)
``slopes``     S_ik = φ'(w_i·x_k) in this piece, shape (A, n)
``needed``     p_j, the pulls across the hyperplanes that keep w_i on them: held while
               a_i·b_j < p_j < 0
=============  ==============================================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles.agf._relu.moments import Moments
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.piecewise import SAME_LINE, entered
from saddles.homogeneous import Declared
from saddles.typing import Array, Indices, Mask

__all__ = ["Piece"]

#: A hyperplane that holds lets go once its pull misses by this, relative to the first pulls.
LETS_GO = 1e-9


@dataclass(frozen=True, eq=False)
class Piece:
    """The network where no height changes its sign; a polynomial in θ.

    ``projectors`` (d, d) are those onto the hyperplanes that hold a neuron, for each that is held;
    of the P pairs of a neuron and a hyperplane that holds it, ``held`` are the indices (2, P) and
    ``backs`` the rows (P, d) with p = backs · a d.
    """

    network: ReluNetwork
    side: Array
    slopes: Array
    projectors: dict[int, Array]
    held: Indices
    backs: Array
    moments: Moments

    degree = 2

    @classmethod
    def at(
        cls,
        network: ReluNetwork,
        theta: Array,
        side: Array,
        asked: Mask,
        before: Piece | None = None,
    ) -> Piece:
        """Return the piece that the flow enters at `theta`.

        Where `side` is 0 a hyperplane holds a neuron; it is asked whether it does for the neurons
        `asked` (A,), those of which one was just met or let go. The others are still held.
        `before` is the piece from which the flow comes.
        """
        pulls = network.pulls(network.residual(theta))
        a, sides = network.parts(theta)[1], side.copy()
        for i in np.flatnonzero((side == 0).any(axis=1) & asked).tolist():
            sides[i] = entered(pulls.along(a[i]), side[i]).side
        # On a hyperplane the samples count as below it, as in the utility's gradient.
        lower = np.where(sides > 0, 1.0, -1.0)
        above = lower[:, network.lines.of_sample] * np.sign(network.lines.sizes) > 0
        slopes = np.where(above, 1.0, network.slope)
        projectors: dict[int, Array] = {}
        backs = [np.zeros((0, network.X.shape[1]))]
        for i in np.flatnonzero((sides == 0).any(axis=1)).tolist():
            normals = pulls.lines[sides[i] == 0]
            backs.append(-np.linalg.pinv(normals.T, rcond=SAME_LINE))
            onto = np.eye(network.X.shape[1]) + normals.T @ backs[-1]
            projectors[i] = onto @ onto
        held = np.array(np.nonzero(sides == 0))
        known = None if before is None else before.moments
        moments = Moments.of(network.X, network.columns, slopes, known)
        return cls(network, sides, slopes, projectors, held, np.vstack(backs), moments)

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
            hessian=self.hessian,
        )

    def onto(self, theta: Array) -> Array:
        """Return `theta` with every w on the hyperplanes that hold it."""
        if not self.projectors:
            return theta
        theta = theta.copy()
        w, _ = self.network.parts(theta)
        for i, projector in self.projectors.items():
            w[i] = projector @ w[i]
        return theta

    def residual(self, theta: Array) -> Array:
        """Return y − f, shape (n, q)."""
        w, a = self.network.parts(theta)
        heights = self.slopes[: len(theta)] * (w @ self.network.X.T)
        return np.asarray(self.network.columns - heights.T @ a)

    def loss(self, theta: Array, /) -> float:
        """Return |y − f|²/(2n)."""
        residual = self.residual(theta)
        return float(np.sum(residual**2)) / (2 * len(residual))

    def inner(self, theta: Array, residual: Array) -> Array:
        """Return ∂U_i/∂w_i, regardless of what holds w_i, shape (A, d)."""
        sums = self.slopes * (self.network.parts(theta)[1] @ residual.T)
        return np.asarray(sums @ self.network.X / len(residual))

    def gradient(self, theta: Array, /) -> Array:
        """Return minus the velocity along the hyperplanes, shape (A, d + q)."""
        theta = self.onto(theta)
        residual = self.residual(theta)
        heights = self.slopes * (self.network.parts(theta)[0] @ self.network.X.T)
        outer = heights @ residual / len(residual)
        return -self.onto(np.hstack([self.inner(theta, residual), outer]))

    def velocity(self, theta: Array) -> Array:
        """Return the velocity along the hyperplanes, from moments of the data, (A, d + q)."""
        return self.onto(self.moments.velocity(self.onto(theta)))

    def jacobian(self, theta: Array) -> Array:
        """Return its derivative, symmetric, over θ flattened."""
        bent, d = self.moments.jacobian(self.onto(theta)), self.network.X.shape[1]
        for i, projector in self.projectors.items():
            bent[i, :d] = np.tensordot(projector, bent[i, :d], axes=1)
            bent[:, :, i, :d] = bent[:, :, i, :d] @ projector
        return np.asarray(bent.reshape(theta.size, theta.size))

    def hessian(self, theta: Array, basis: Array, /) -> Array:
        """Return second derivatives of the loss, as `saddles.homogeneous` has them."""
        count, size = theta.shape
        rows = -self.jacobian(theta).reshape(count, size, count, size)
        rows = np.einsum("iajb,am,bn->imjn", rows, basis, basis, optimize=True)
        return np.asarray(rows.reshape(count * basis.shape[1], -1))

    @cached_property
    def seen(self) -> tuple[Indices, Array]:
        """A sample on each line (m,), and x_k = size u_j."""
        lines = self.network.lines
        samples = lines.members[lines.spans[:, 0]]
        return samples, lines.sizes[samples]

    def look(self, theta: Array) -> tuple[Array, Array]:
        """Return margins (A, m) and the residual (n, q).

        A margin is how far a hyperplane is from being passed, relative to |w|, or from letting go,
        relative to the first pulls.
        """
        (w, a), (samples, sizes) = self.network.parts(theta), self.seen
        heights = w @ self.network.X.T
        norms = np.maximum(np.linalg.norm(w, axis=1), np.finfo(float).tiny)
        margins = self.side * (heights[:, samples] / sizes) / norms[:, None]
        residual = self.network.columns - (self.slopes * heights).T @ a
        if self.held.size:
            i, j = self.held
            bends = self.network.lines.bends(residual, self.network.slope)
            bends = np.sum(a[i] * bends[j], axis=1)
            needed = np.sum(self.backs * self.inner(theta, residual)[i], axis=1)
            # The size of pulls at the start: where all is fitted, nothing but rounding is left.
            pulls = np.linalg.norm(a[i], axis=1) * self.network.scale
            pulls = np.maximum(pulls, np.finfo(float).tiny)
            # Compared as pulls: the shares p_j / (a_i·b_j) lose their sense as the bend vanishes.
            margins[i, j] = np.minimum(-needed, needed - bends) / pulls + LETS_GO
        return np.asarray(margins), np.asarray(residual)
