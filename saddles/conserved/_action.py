"""Noether's theorem for any one-parameter action: its generator, and its invariant if it has one.

With v = ∂ψ_s/∂s at s = 0 the invariant is Q(θ) = Q(θ₀) + ∫₀¹ <θ − θ₀, v(θ₀ + u(θ − θ₀))> du, whose
gradient is v whenever v is a gradient at all: whenever its Jacobian is symmetric. θ₀ is where the
user stands, so that rounding is relative to what has changed since. Q(θ₀) is the same integral from
the origin if it exists, and 0 if not. For v linear in θ it makes Q half of <θ, v(θ)>; for v
constant, <θ, v>: up to the factor, both are the <θ, ∂ψ> of Kunin et al. (2021, arXiv:2012.04728),
which need not be conserved if v is neither.

===============  =========================================================
code name        symbol
===============  =========================================================
``action``       ψ_s(θ), a function of a dictionary of tensors and of s
``velocity``     v(θ)
``reference``    θ₀
``potential``    Q(θ)
===============  =========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools import torch_modules
from saddles.conserved._symmetry import Symmetry, Weights
from saddles.typing import Array

__all__ = ["from_action"]

#: Error that the integral is asked for, that it may have, and that of the sum of its terms' sizes,
#: all relative to that sum.
ASKED, ALLOWED, ROUGH = 1e-13, 1e-11, 1e-3

#: Pieces that an integral may be cut into.
PIECES = 60

#: Asymmetry of the Jacobian of v, relative to it, that rounding explains.
ASYMMETRY = 1e-9

#: The Jacobian is tested at the user's weights and at this number of points nearby.
TRIALS = 3

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
        the weights, Q is half the product of weights and generator. Q is integrated from
        `parameters` on, to rounding; weights to which it cannot be integrated are refused.

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
    if not callable(action):
        raise TypeError(f"action={checks.show(action)} must be callable: action(parameters, s).")
    values = torch_modules.arrays(parameters, list(parameters))
    if not values:
        raise ValueError("parameters is empty; pass the weights that the action acts on.")
    rng = np.random.default_rng(checks.whole_number(seed, "seed"))
    acted = _named(action)
    names, read = _touched(acted, values)
    idle = {key: values.pop(key) for key in list(values) if key not in {*names, *read}}

    def touching(weights: Tensors, s: Any) -> Mapping[str, Any]:
        return acted({**torch_modules.tensors(idle), **weights}, s)

    rule = _Rule(touching, names, torch)
    _require_gradient(rule, values, name, rng)
    potential = _Potential(rule, values)
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
        quantity=lambda weights: np.array(potential.at(weights)[0]),
        terms=lambda weights: np.array(potential.at(weights)[1]),
    )


def _named(action: Action) -> Action:
    """Return the user's action with errors that say where they come from."""

    def named(weights: Tensors, s: Any) -> Mapping[str, Any]:
        shapes = ", ".join(f"{key!r}: {tuple(value.shape)}" for key, value in weights.items())
        what = f"action(parameters, s), with tensors of shapes {{{shapes}}},"
        remedy = "correct the action, or pass the weights that it is made for"
        with torch_modules.called(what, remedy):
            return action(weights, s)

    return named


class _Rule:
    """The action with its derivatives."""

    def __init__(self, action: Action, names: tuple[str, ...], torch: Any) -> None:
        self.action = action
        self.names = names
        self.torch = torch

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

    def whole(self, weights: Tensors) -> Tensors:
        """Return v for all of the weights, zero for those that the action only reads."""
        return {name: 0 * value for name, value in weights.items()} | self.derivative(weights)


class _Potential:
    """The invariant of a generator that is a gradient."""

    def __init__(self, rule: _Rule, reference: Weights) -> None:
        self.rule, self.reference = rule, reference
        origin = {name: np.zeros_like(value) for name, value in reference.items()}
        self._known: tuple[Any, tuple[float, float]] = None, (0.0, 0.0)
        try:
            self.offset = self._along(origin, reference)
        except ValueError:  # the generator is singular on the way
            size = sum(
                float(np.abs(reference[name] * slope).sum())
                for name, slope in rule.velocity(reference).items()
            )
            self.offset = 0.0, size

    def at(self, weights: Weights) -> tuple[float, float]:
        """Return Q at the weights, and the sum of the absolute values of its terms."""
        key = [weights[name].tobytes() for name in self.reference]
        if self._known[0] != key:  # value and size are asked for one after the other
            change, size = self._along(self.reference, weights)
            self._known = key, (self.offset[0] + change, self.offset[1] + size)
        return self._known[1]

    def _along(self, start: Weights, end: Weights) -> tuple[float, float]:
        """Return the integral along the line between two points, and that of its absolute terms."""
        way = {name: end[name] - start[name] for name in start}
        if not any(way[name].any() for name in self.rule.names):
            return 0.0, 0.0

        @cache
        def terms(u: float) -> Array:
            point = {name: start[name] + u * step for name, step in way.items()}
            slopes = self.rule.derivative(torch_modules.tensors(point))
            parts = [(way[name] * slopes[name].numpy()).ravel() for name in self.rule.names]
            return np.concatenate(parts)

        size, error = _integral(lambda u: float(np.abs(terms(u)).sum()), epsabs=0, epsrel=ROUGH)
        change = math.nan
        if error <= 2 * ROUGH * size:  # else the generator is singular on the way
            change, error = _integral(
                lambda u: float(terms(u).sum()), epsabs=ASKED * size, epsrel=0
            )
        if not (error <= ALLOWED * size and math.isfinite(change)):
            raise ValueError(
                "the generator cannot be integrated from the weights that from_action was given to "
                f"these (the error is {error:.1g} of {size:.3g}); give it weights nearer to these."
            )
        return change, size


def _integral(height: Callable[[float], float], **accuracy: float) -> tuple[float, float]:
    """Return the integral of a function over [0, 1], and its error."""
    from scipy.integrate import quad_vec

    with np.errstate(all="ignore"):
        value, error = quad_vec(height, 0, 1, limit=PIECES, quadrature="gk15", **accuracy)
    return float(value), float(error)


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
    """Raise unless the Jacobian J of v is symmetric at the weights and near them: J d = Jᵀd."""
    for trial in range(1 + TRIALS):
        point = values if trial == 0 else {k: _near(value, rng) for k, value in values.items()}
        moves = {k: _scale(value) * rng.normal(size=value.shape) for k, value in values.items()}
        direction = torch_modules.tensors(moves)
        along, backward = _sides(rule, torch_modules.tensors(point), direction)
        size = _length(along) + _length(backward)
        gap = _length({key: along[key] - backward[key] for key in along})
        if not gap <= ASYMMETRY * size:
            raise ValueError(
                f"the generator of {name!r} is not a gradient: its Jacobian differs from its "
                f"transpose by {gap / size:.2g} of its size. Gradient flow is orthogonal to it, "
                "but conserves nothing by it (it is a rotation, say); drop the rotation from the "
                "action."
            )


def _sides(rule: _Rule, point: Tensors, direction: Tensors) -> tuple[Tensors, Tensors]:
    """Return J d and Jᵀd, J the Jacobian of v at a point."""
    vjp = rule.torch.func.vjp
    _, transposed = vjp(rule.whole, point)
    _, forward = vjp(lambda slopes: transposed(slopes)[0], direction)
    return forward(direction)[0], transposed(direction)[0]


def _length(parts: Tensors) -> float:
    return math.sqrt(sum(float((part * part).sum()) for part in parts.values()))


def _scale(value: Array) -> float:
    return float(np.sqrt(np.mean(value**2))) or 1.0


def _near(value: Array, rng: np.random.Generator) -> Array:
    return np.asarray(value + _scale(value) * rng.normal(size=value.shape))
