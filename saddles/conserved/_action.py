"""Noether's theorem for any one-parameter action: its generator, and its invariant if it has one.

With v = ∂ψ_s/∂s at s = 0 the invariant is Q(θ) = ∫₀¹ <θ, v(uθ)> du, whose gradient is v whenever v
is a gradient at all. For v linear in θ that is half of <θ, v(θ)>; for v constant it is <θ, v>: up
to the factor, both are the <θ, ∂ψ> of Kunin et al. (2021, arXiv:2012.04728), which need not be
conserved if v is neither.

===============  =========================================================
code name        symbol
===============  =========================================================
``action``       ψ_s(θ), a function of a dictionary of tensors and of s
``velocity``     v(θ)
``potential``    Q(θ)
===============  =========================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools import torch_modules
from saddles.conserved._symmetry import Symmetry, Weights
from saddles.typing import Array

__all__ = ["from_action"]

#: Points of the Gauss–Legendre rule: exact for generators that are polynomials of degree 14.
ACTION_NODES = 8

#: Disagreement of ∇Q and v, relative to v, that rounding explains.
GRADIENT = 1e-9

#: Points at which ∇Q = v is tried: where the user stands, and so many nearby.
TRIALS = 2

Tensors = dict[str, Any]
Action = Callable[[Tensors, Any], Mapping[str, Any]]


def from_action(
    action: Action, parameters: Mapping[str, Any], *, name: str = "custom", seed: int = 0
) -> Symmetry:
    """Symmetry of a one-parameter action, with the invariant that Noether's theorem gives it.

    Needs torch, which differentiates the action. Whether a network is invariant under it is for
    `check` to say.

    Parameters
    ----------
    action : callable
        ``action(parameters, s)`` takes a dictionary of float64 tensors and a scalar tensor, and
        returns the transformed ones by name, those that it changes. At s = 0 it must change
        nothing.
    parameters : mapping of str to array or tensor
        Weights of the network, to learn names and shapes from, and to test the generator at.
    name : str
        What to call it.
    seed : int
        Of the random points near `parameters` where the generator is tested too.

    Returns
    -------
    Symmetry
        With a scalar invariant Q whose gradient is the generator; for an action that is linear in
        the weights, Q is half the product of weights and generator.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        If the action changes something at s = 0, or if its generator is not a gradient, as of a
        rotation: then the flow is orthogonal to it, but no quantity is conserved.

    Examples
    --------
    >>> import torch
    >>> from saddles import conserved
    >>> def rescale(p, s):
    ...     return {"w": p["w"] * torch.exp(-s), "a": p["a"] * torch.exp(s)}
    >>> weights = {"w": [[3.0, 4.0]], "a": [2.0]}
    >>> conserved.from_action(rescale, weights).invariant(weights)
    array(-10.5)
    """
    torch = torch_modules.torch()
    checks.callable_or_none(action, "action")
    values = torch_modules.arrays(parameters, list(parameters))
    if not values:
        raise ValueError("parameters is empty; pass the weights that the action acts on.")
    rng = np.random.default_rng(checks.whole_number(seed, "seed"))
    names, read = _touched(action, values)
    idle = {key: values.pop(key) for key in list(values) if key not in {*names, *read}}

    def touching(weights: Tensors, s: Any) -> Mapping[str, Any]:
        return action({**torch_modules.tensors(idle), **weights}, s)

    rule = _Rule(touching, names, torch)
    _require_gradient(rule, values, name, rng)
    return Symmetry(
        name=name,
        source="Kunin et al. 2021, arXiv:2012.04728, Noether's theorem",
        weights=tuple(values),
        degree=None,
        transform=lambda weights, s: rule.arrays(
            touching(torch_modules.tensors(weights), torch.tensor(s))
        ),
        velocity=lambda weights, s: {
            key: float(s) * value for key, value in rule.velocity(weights).items()
        },
        quantity=lambda weights: np.array(float(rule.potential(torch_modules.tensors(weights)))),
        terms=lambda weights: np.array(
            float(rule.potential(torch_modules.tensors(weights), size=True))
        ),
    )


class _Rule:
    """The action with its derivatives."""

    def __init__(self, action: Action, names: tuple[str, ...], torch: Any) -> None:
        self.action = action
        self.names = names
        self.torch = torch
        nodes, weights = np.polynomial.legendre.leggauss(ACTION_NODES)
        self.nodes, self.node_weights = (nodes + 1) / 2, weights / 2

    def arrays(self, tensors: Mapping[str, Any]) -> Weights:
        """Return those weights that the action changes."""
        return {name: torch_modules.array(tensors[name], name) for name in self.names}

    def derivative(self, weights: Tensors) -> Tensors:
        """Return v at the weights, as tensors."""
        zero = self.torch.zeros((), dtype=self.torch.float64)

        def moved(s: Any) -> Tensors:
            found = self.action(weights, s)
            return {name: found[name] for name in self.names}

        # Transposed twice: torch's forward mode compiles code of its own, with warnings.
        outputs, backward = self.torch.func.vjp(moved, zero)
        _, forward = self.torch.func.vjp(lambda slopes: backward(slopes)[0], outputs)
        return dict(forward(self.torch.ones_like(zero))[0])

    def velocity(self, weights: Weights) -> Weights:
        """Return v at the weights, as arrays."""
        return self.arrays(self.derivative(torch_modules.tensors(weights)))

    def potential(self, weights: Tensors, size: bool = False) -> Any:
        """Return Q, or with `size` the sum of the absolute values of its terms."""
        total = self.torch.zeros((), dtype=self.torch.float64)
        for node, weight in zip(self.nodes, self.node_weights, strict=True):
            slope = self.derivative({name: node * value for name, value in weights.items()})
            for name, value in slope.items():
                product = weights[name] * value
                total = total + weight * (product.abs() if size else product).sum()
        return total


def _touched(action: Action, values: Weights) -> tuple[tuple[str, ...], set[str]]:
    """Return what the action changes and what it depends on; ψ_0 must change nothing.

    A state dict also holds buffers, which no flow moves and no checkpoint need have.
    """
    torch = torch_modules.torch()
    before = {key: t.requires_grad_(True) for key, t in torch_modules.tensors(values).items()}
    moved = action(dict(before), torch.zeros((), dtype=torch.float64))
    if not isinstance(moved, Mapping) or not moved or not set(moved) <= set(values):
        raise TypeError(
            f"action returned {checks.show(moved)}; it must return a dictionary of the weights "
            f"that it changes, named as in parameters ({', '.join(map(repr, values))})."
        )
    for name, tensor in moved.items():
        now = torch_modules.array(tensor, f"action(parameters, 0)[{name!r}]")
        if now.shape != values[name].shape or not np.allclose(now, values[name], 1e-12, 0):
            raise ValueError(
                f"action(parameters, 0) changes {name!r}; at s = 0 it must return what it was "
                "given."
            )
    changed = {name: tensor for name, tensor in moved.items() if tensor is not before[name]}
    total = sum(tensor.sum() for tensor in changed.values() if tensor.requires_grad)
    if not changed or not torch.is_tensor(total):
        raise ValueError("action returned its weights as they were; it must compute them from s.")
    slopes = torch.autograd.grad(total, list(before.values()), allow_unused=True)
    read = {name for name, slope in zip(before, slopes, strict=True) if slope is not None}
    return tuple(changed), read


def _require_gradient(rule: _Rule, values: Weights, name: str, rng: np.random.Generator) -> None:
    """Raise unless ∇Q = v at the weights and near them."""
    for trial in range(TRIALS):
        point = values if trial == 0 else {k: _near(value, rng) for k, value in values.items()}
        tensors = torch_modules.tensors(point)
        slope = rule.torch.func.grad(rule.potential)(tensors)
        v = rule.velocity(point)
        size = np.sqrt(sum(float(np.sum(x**2)) for x in v.values()))
        gap = np.sqrt(
            sum(
                float(np.sum((torch_modules.array(slope[key], key) - v.get(key, 0.0)) ** 2))
                for key in slope
            )
        )
        if gap > GRADIENT * size:
            raise ValueError(
                f"the generator of {name!r} is not a gradient: it misses that of its potential by "
                f"{gap / size:.2g} of its size. Gradient flow is orthogonal to it, but conserves "
                "nothing by it (it is a rotation, say); drop the rotation from the action."
            )


def _near(value: Array, rng: np.random.Generator) -> Array:
    scale = float(np.sqrt(np.mean(value**2))) or 1.0
    return np.asarray(value + scale * rng.normal(size=value.shape))
