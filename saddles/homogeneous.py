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
``theta``                θ, one neuron per row, shape (H, p); H may be 0
``active``               the θ of the active neurons, shape (A, p); A may be 0
``loss(theta)``          L of the network of these neurons
``gradient(theta)``      ∂L/∂θ, shape (H, p)
``utility``              U of each row of theta, shape (H,), given the active ones
``utility_gradient``     ∂U/∂θ, shape (H, p)
``point(theta)``         the function-space point β, any fixed shape
=======================  ==========================================================

A network may offer more, and is then followed faster or more safely. What it lacks it leaves out,
or sets to None:

============================  =====================================================
code name                     meaning
============================  =====================================================
``hessian(theta, basis)``     second derivatives (Hm, Hm) of the loss over z, where
                              neuron i is ``theta[i] + basis @ z[i]`` and `basis`
                              has shape (p, m)
``within(theta, basis)``      the loss over that z (flattened), an object with the
                              methods ``loss``, ``gradient`` and ``hessian``; or
                              None where it would not be faster
``conserved``                 (p,): weights c of Σ_i c_i θ_i², which the flow
                              conserves in each neuron; they have two values, one
                              above and one below zero
``kinked``                    whether gradients jump, so that flows may slide along
                              kinks: they are given up sooner
``floor``                     a part of the loss that no neurons can remove, 0 by
                              default: learning ends when all else is learnt
``kind``                      what a point consists of: "outputs" (by default),
                              "coefficients" or "template"; pictures say so
============================  =====================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np

from saddles import checks
from saddles.typing import Array

__all__ = ["HomogeneousNetwork"]


@runtime_checkable
class HomogeneousNetwork(Protocol):
    """What an object must offer to be trained by `saddles.agf` and `saddles.flow.neurons`.

    It holds the data; its methods take parameters alone, one neuron per row.
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
        """Return the utilities (H,) of neurons `theta` (H, p), given the `active` ones (A, p)."""

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, p) over `theta` of the utilities, given the `active` neurons."""

    def point(self, theta: Array, /) -> Array:
        """Return the function-space point of neurons `theta`, of a shape that ignores H."""


@dataclass(frozen=True, eq=False)
class Declared:
    """A network with all that networks may offer: what it does not is None, or False.

    Whoever takes a network from outside makes one of these, once; what works with networks inside
    takes these, and asks no object what it has.
    """

    degree: int
    size: int
    loss: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    utility: Callable[[Array, Array], Array]
    utility_gradient: Callable[[Array, Array], Array]
    point: Callable[[Array], Array]
    hessian: Callable[[Array, Array], Array] | None = None
    within: Callable[[Array, Array], Any] | None = None
    conserved: Array | None = None
    kinked: bool = False
    floor: float = 0.0
    kind: str = "outputs"

    @classmethod
    def of(cls, network: Any) -> Declared:
        """Return what a network declares.

        Raises
        ------
        TypeError
            If it lacks what every network must offer, or offers something that cannot be called.
        """
        if isinstance(network, cls):
            return network
        if not isinstance(network, HomogeneousNetwork):
            raise TypeError(
                f"network={checks.show(network)} must offer degree, size, loss, gradient, utility, "
                "utility_gradient and point; see saddles.homogeneous."
            )
        methods: dict[str, Any] = {name: getattr(network, name) for name in _METHODS}
        methods |= {name: getattr(network, name, None) for name in _OPTIONAL}
        for name, method in methods.items():
            if not (callable(method) or (method is None and name in _OPTIONAL)):
                raise TypeError(
                    f"network.{name}={checks.show(method)} must be a method; see "
                    "saddles.homogeneous for what it takes and returns."
                )
        conserved = _two_values(getattr(network, "conserved", None), network.size)
        kinked = bool(getattr(network, "kinked", False))
        rule = "it is a part of the loss, finite and at least 0; leave it out if it is not known"
        floor = checks.real_number(
            getattr(network, "floor", 0.0), "network.floor", rule, lambda v: 0 <= v < math.inf
        )
        kind = checks.one_of(getattr(network, "kind", cls.kind), "network.kind", checks.KINDS)
        said: dict[str, Any] = {
            "conserved": conserved,
            "kinked": kinked,
            "floor": floor,
            "kind": kind,
        }
        return cls(degree=network.degree, size=network.size, **said, **methods)


def _two_values(conserved: Any, size: int) -> Array | None:
    """Return the weights of a conserved quantity (p,), if any."""
    if conserved is None:
        return None
    weights = checks.per_feature(conserved, "network.conserved", size)
    values = np.unique(weights)
    if len(values) != 2 or not values[0] < 0 < values[1]:
        raise ValueError(
            f"network.conserved={checks.show(weights)} must have two values, one above and one "
            "below zero; leave it out if the flow conserves another quantity."
        )
    return weights


_METHODS = ("loss", "gradient", "utility", "utility_gradient", "point")
_OPTIONAL = ("hessian", "within")
