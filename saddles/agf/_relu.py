"""Alternating gradient flows of two-layer ReLU networks f(x) = Σ_i a_i φ(w_i·x).

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on piecewise linear
networks; Maennel, Bousquet and Gelly (2018, arXiv:1803.08367) for where dormant neurons turn to.
With φ(z) = max(z, 0) + s min(z, 0) the degree is κ = 2; the utility of a dormant neuron,
U = a G(w), G(w) = (1/n) Σ r_k φ(w·x_k), is linear in w between the hyperplanes w·x_k = 0.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``theta``      θ = (w, a), one neuron a row, shape (H, d + 1)
``slope``      s, the slope of φ below 0
``outputs``    f(x_k), shape (n,): the function-space point
``residual``   r_k = y_k − f(x_k), shape (n,)
=============  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles.typing import Array

__all__ = ["ReluNetwork"]


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """A two-layer (leaky) ReLU network with scalar outputs, and its data.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features.
    y : ndarray of shape (n,)
        Targets.
    slope : float
        s of φ(z) = max(z, 0) + s min(z, 0).
    """

    X: Array
    y: Array
    slope: float = 0.0

    @property
    def degree(self) -> int:
        """Return κ = 2."""
        return 2

    @property
    def size(self) -> int:
        """Return d + 1, the number of parameters of one neuron."""
        return int(self.X.shape[1]) + 1

    def _activations(self, theta: Array) -> tuple[Array, Array]:
        """Return φ(w·x) and φ'(w·x), shapes (H, n); φ'(0) = s."""
        heights = theta[:, :-1] @ self.X.T
        slopes = np.where(heights > 0, 1.0, self.slope)
        return slopes * heights, slopes

    def outputs(self, theta: Array) -> Array:
        """Return f(x_k), shape (n,)."""
        return np.asarray(theta[:, -1] @ self._activations(theta)[0])

    def residual(self, theta: Array) -> Array:
        """Return y_k − f(x_k), shape (n,)."""
        return np.asarray(self.y - self.outputs(theta))

    def loss(self, theta: Array, /) -> float:
        """Return |y − f(X)|² / (2n)."""
        residual = self.residual(theta)
        return float(residual @ residual) / (2 * len(self.y))

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, d + 1)."""
        return -self.utility_gradient(theta, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return a G(w) of each neuron, shape (H,)."""
        heights, _ = self._activations(theta)
        return np.asarray(theta[:, -1] * (heights @ self.residual(active)) / len(self.y))

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return (a ∇G(w), G(w)) of each neuron, shape (H, d + 1)."""
        heights, slopes = self._activations(theta)
        residual = self.residual(active) / len(self.y)
        pull = theta[:, -1:] * ((slopes * residual) @ self.X)
        return np.column_stack([pull, heights @ residual])

    def point(self, theta: Array, /) -> Array:
        """Return f at the samples, shape (n,)."""
        return self.outputs(theta)
