"""Two-layer networks of homogeneous neurons, as the algorithms see them.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 2: f(x) = Σ_i f(x; θ_i)
with f(x; cθ) = c^κ f(x; θ), trained on L = ½ E|y − f(x)|². A dormant neuron sees the network of the
active ones through its utility alone, U(θ) = E<f(x; θ), r(x)> with r their residual: minus the
change of L, to first order, that adding it makes.

=======================  ==========================================================
code name                symbol
=======================  ==========================================================
``degree``               κ, at least 2
``size``                 p, the number of parameters of one neuron
``theta``                θ, one neuron a row, shape (H, p); H may be 0
``active``               the θ of the active neurons, shape (A, p); A may be 0
``loss(theta)``          L of the network of these neurons
``gradient(theta)``      ∂L/∂θ, shape (H, p)
``utility``              U of each row of theta, shape (H,), given the active ones
``utility_gradient``     ∂U/∂θ, shape (H, p)
``point(theta)``         the function-space point β, any fixed shape
=======================  ==========================================================
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from saddles.typing import Array

__all__ = ["HomogeneousNetwork"]


@runtime_checkable
class HomogeneousNetwork(Protocol):
    """What an object must offer to be trained by `saddles.agf` and `saddles.flow.neurons`.

    It holds the data; its methods take parameters alone, one neuron a row.
    """

    @property
    def degree(self) -> int:
        """Return κ."""

    @property
    def size(self) -> int:
        """Return the number p of parameters of one neuron."""

    def loss(self, theta: Array, /) -> float:
        """Return L of the network with neurons `theta` (H, p)."""

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ at neurons `theta`, shape (H, p)."""

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities (H,) of neurons `theta` (H, p) beside the `active` ones (A, p)."""

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, p) over `theta` of the utilities beside the `active` neurons."""

    def point(self, theta: Array, /) -> Array:
        """Return the function-space point of neurons `theta`, of a shape that ignores H."""
