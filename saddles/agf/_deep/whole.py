"""A deep network as one function of all its weights, with derivatives of its loss of any order.

===================  =====================================================================
code name            symbol
===================  =====================================================================
``theta``            θ, all weights in one row, shape (p,)
``derivative(θ, k)`` ∂^{k+1}E<r, f> at θ, shape (p, …, p)
``square(θ, k)``     ∂^{k+1} ½E|f − f(θ)|² at θ, shape (p, …, p)
===================  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.torch_modules import called, function, parameters_of, torch
from saddles.agf._any.torch_network import TorchNetwork
from saddles.typing import Array, Indices

__all__ = ["Whole", "as_function", "largest_output", "measured_degree", "single_column"]

#: Entries of a derivative that are computed at once: each keeps all that the network computes.
TOGETHER = 256
#: Factor by which weights are scaled to measure a degree.
STRETCH = 1.9

#: What to do about a function that cannot be called.
CALLED = (
    "it must return a torch tensor of outputs, from all weights in one row as long as init and the "
    "inputs X"
)


class Whole(TorchNetwork):
    """The network as a single neuron, whose parameters are all its weights."""

    call = "network(theta, X)"

    def value(self, theta: Array) -> float:
        """Return L(θ)."""
        return self.loss(theta[None])

    def slope(self, theta: Array) -> Array:
        """Return ∇L(θ), (p,)."""
        return np.asarray(self.gradient(theta[None])[0])

    def bend(self, theta: Array, some: Indices) -> Array:
        """Return the Hessian over `some` (k,) of the weights, (k, k)."""
        return self.hessian(theta[None], np.eye(self.size)[:, some])

    def freedom(self, theta: Array, some: Indices) -> int:
        """Return how many directions of `some` weights leave all outputs as they are, at θ."""
        from torch.func import jacrev

        slopes = jacrev(self._output)(self._tensor(theta)).detach().numpy()[:, some]
        return int(some.size - np.linalg.matrix_rank(slopes))

    def correlation(self, z: Array) -> Array:
        """Return ∇C(z) of C = E<y, f(z)>, (p,)."""
        return np.asarray(self.utility_gradient(z[None], z[None][:0])[0])

    def derivative(self, theta: Array, order: int) -> Array:
        """Return the derivative of this order, at θ, of ∇E<r, f> with the residual r of θ itself.

        Symmetric, of shape (p, …, p). Of L only this part can make dormant weights grow; what
        `square` gives may keep them from it.
        """
        residual = self._residual(theta[None])
        return self._derivative(lambda row: residual @ self._output(row), theta, order)

    def square(self, theta: Array, order: int) -> Array:
        """Return the derivative of this order, at θ, of ∇½E|f − f(θ)|²."""
        here = self._output(self._tensor(theta)).detach()
        return self._derivative(
            lambda row: ((self._output(row) - here) ** 2).sum() / 2, theta, order
        )

    def _derivative(self, total: Callable[[Any], Any], theta: Array, order: int) -> Array:
        """Return the derivative of this order of the gradient of a sum over samples, per sample.

        Along basis vectors, one entry after the other of a symmetric tensor: a Jacobian in reverse
        mode would need the square of its entries, and one in forward mode rules that not all
        functions have.
        """
        from torch.func import grad, vmap

        found: Callable[..., Any] = lambda row: total(row) / self._shape[0]  # noqa: E731
        for _ in range(order):
            found = partial(_along_last, grad(found))
        sizes = (self.size,) * order
        places = np.sort(np.unravel_index(np.arange(self.size**order), sizes), axis=0)
        some, spread = np.unique(np.ravel_multi_index(tuple(places), sizes), return_inverse=True)
        basis = self._tensor(np.eye(self.size))
        along = [basis[at] for at in np.unravel_index(some, sizes)]
        slopes = vmap(grad(found), (None, *[0] * order), chunk_size=TOGETHER)
        entries = slopes(self._tensor(theta), *along).detach().numpy()
        return np.asarray(entries[spread].reshape(*sizes, self.size))


def _along_last(slope: Callable[..., Any], row: Any, *along: Any) -> Any:
    """Return the derivative of a function of `row` and directions along one direction more."""
    return slope(row, *along[:-1]) @ along[-1]


def as_function(network: Any, init: Any) -> tuple[Callable[[Any, Any], Any], Array]:
    """Return f(theta, X) and θ̂, from a function with its `init`, or from a torch module.

    Without `init` a module's own weights are taken.
    """
    if not hasattr(network, "named_parameters"):
        if not callable(network):
            raise TypeError(
                f"network={checks.show(network)} must be a function network(theta, X), or a torch "
                "module."
            )
        return network, checks.real_array(init, "init", 1)
    own = parameters_of(network)
    ends = np.cumsum([value.size for value in own.values()])
    start = np.concatenate([value.ravel() for value in own.values()])
    if init is not None:
        given = checks.real_array(init, "init", 1)
        if given.shape != start.shape:
            raise ValueError(
                f"init has shape {given.shape} and the module has {start.size} weights; pass them "
                "in one row, in the order of module.parameters(), or leave init out."
            )
        start = given
    call = function(network)
    bounds = [0, *ends.tolist()]
    places = [
        (name, slice(low, high), value.shape)
        for (name, value), low, high in zip(own.items(), bounds, bounds[1:], strict=False)
    ]

    def whole(theta: Any, X: Any) -> Any:
        return call({name: theta[where].reshape(shape) for name, where, shape in places}, X)

    return whole, start


def single_column(network: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return the network with outputs (n,) in the place of (n, 1), for targets (n,)."""

    def outputs(theta: Any, X: Any) -> Any:
        found = network(theta, X)
        column = getattr(found, "ndim", 0) == 2 and found.shape[1] == 1
        return found[:, 0] if column else found

    return outputs


def largest_output(network: Callable[[Any, Any], Any], theta: Array, X: Array) -> float:
    """Return the size of the largest output at weights θ (p,)."""
    with torch().no_grad(), called("network(init, X)", CALLED):
        outputs = network(torch().tensor(theta), torch().tensor(X))
        sizes = np.abs(torch().as_tensor(outputs).numpy())
    return float(sizes.max(initial=0.0))


def measured_degree(network: Callable[[Any, Any], Any], start: Array, X: Array) -> int:
    """Return the degree of homogeneity, rounded, where the network is scaled from `start`."""
    small, large = (largest_output(network, s * start, X) for s in (1.0, STRETCH))
    if not 0 < small < math.inf or not 0 < large < math.inf:
        raise ValueError(
            f"the largest output of network(init, X) is {small!r}; outputs must be finite and not "
            "all 0: pass other initial weights, or degree."
        )
    return max(2, round(math.log(large / small) / math.log(STRETCH)))
