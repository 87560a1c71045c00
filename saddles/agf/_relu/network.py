"""Two-layer (leaky) ReLU networks f(x) = Σ_i a_i φ(w_i·x) and their data: loss and utility.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on piecewise linear
networks. With φ(z) = max(z, 0) + s min(z, 0) the degree is κ = 2; the utility of a dormant neuron,
U = a·G(w), G(w) = (1/n) Σ r_k φ(w·x_k), is linear in w between the hyperplanes w·x_k = 0.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``theta``      θ = (w, a), one neuron per row, shape (H, d + q) for q outputs
``slope``      s, the slope of φ below 0
``outputs``    f(x_k), of the shape of Y: the function-space point
``residual``   r_k = y_k − f(x_k), of the shape of Y
``columns``    Y as a matrix (n, q)
=============  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles.agf._relu.piecewise import ON_LINE, Lines, Pulls, entered
from saddles.typing import Array

__all__ = ["ReluNetwork"]


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """A two-layer (leaky) ReLU network and its data, a `saddles.homogeneous.HomogeneousNetwork`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features.
    Y : ndarray of shape (n,) or (n, q)
        Targets.
    slope : float
        s of φ(z) = max(z, 0) + s min(z, 0).
    """

    X: Array
    Y: Array
    slope: float = 0.0

    @cached_property
    def columns(self) -> Array:
        """The targets as a matrix (n, q)."""
        return self.Y.reshape(len(self.X), -1)

    @cached_property
    def lines(self) -> Lines:
        """The lines through the origin on which the samples lie."""
        return Lines.of(self.X)

    @cached_property
    def scale(self) -> float:
        """(1/n) Σ |y_k| |x_k|, the size of pulls before anything is learnt."""
        return self.pulls(self.Y).scale

    @property
    def degree(self) -> int:
        """Return κ = 2."""
        return 2

    @property
    def widths(self) -> tuple[int, int]:
        """Return d and q."""
        return self.X.shape[1], self.columns.shape[1]

    @property
    def size(self) -> int:
        """Return d + q, the number of parameters of one neuron."""
        return sum(self.widths)

    def parts(self, theta: Array) -> tuple[Array, Array]:
        """Return views of w (H, d) and a (H, q) of neurons `theta` (H, d + q)."""
        d = self.X.shape[1]
        return theta[:, :d], theta[:, d:]

    def pulls(self, residual: Array) -> Pulls:
        """Return G for a residual of the shape of Y, or (n, q)."""
        return self.lines.pulls(residual.reshape(len(self.X), -1), self.slope)

    def _activations(self, theta: Array) -> tuple[Array, Array]:
        """Return φ(w·x) and φ'(w·x), shapes (H, n); φ'(0) = s."""
        heights = self.parts(theta)[0] @ self.X.T
        slopes = np.where(heights > 0, 1.0, self.slope)
        return slopes * heights, slopes

    def outputs(self, theta: Array) -> Array:
        """Return f(x_k), of the shape of Y, of the network of neurons `theta` (H, d + q)."""
        outputs = self._activations(theta)[0].T @ self.parts(theta)[1]
        return np.asarray(outputs.reshape(self.Y.shape))

    def residual(self, theta: Array) -> Array:
        """Return y_k − f(x_k) for the network of neurons `theta` (H, d + q), of the shape of Y."""
        return np.asarray(self.Y - self.outputs(theta))

    def loss(self, theta: Array, /) -> float:
        """Return |Y − f(X)|² / (2n)."""
        return float(np.sum(self.residual(theta) ** 2)) / (2 * len(self.Y))

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, d + q); on kinks the shortest one, minus the flow's velocity."""
        gradient = -self.utility_gradient(theta, theta)
        pulls = self.pulls(self.residual(theta))
        w, a = self.parts(theta)
        heights = w @ pulls.lines.T
        on_line = np.abs(heights) <= ON_LINE * np.linalg.norm(w, axis=1)[:, None]
        for i in np.flatnonzero(on_line.any(axis=1)):
            side = np.where(on_line[i], 0.0, np.sign(heights[i]))
            gradient[i, : w.shape[1]] = -entered(pulls.along(a[i]), side).velocity
        return gradient

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return a·G(w) of each neuron, shape (H,)."""
        residual = self.residual(active).reshape(self.columns.shape)
        pulls = self._activations(theta)[0] @ residual
        return np.asarray(np.sum(self.parts(theta)[1] * pulls, axis=1) / len(self.Y))

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return (∇(a·G)(w), G(w)) of each neuron, shape (H, d + q)."""
        heights, slopes = self._activations(theta)
        residual = self.residual(active).reshape(self.columns.shape) / len(self.Y)
        inner = (slopes * (self.parts(theta)[1] @ residual.T)) @ self.X
        return np.hstack([inner, heights @ residual])

    def point(self, theta: Array, /) -> Array:
        """Return f at the samples, of the shape of Y."""
        return self.outputs(theta)
