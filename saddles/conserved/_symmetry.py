"""A symmetry of the loss, what gradient flow conserves because of it, and how well.

Noether's theorem for gradient flow (Kunin, Sagastuy-Brena, Ganguli, Yamins and Tanaka, "Neural
Mechanics", ICLR 2021, arXiv:2012.04728; Tanaka and Kunin, "Noether's Learning Dynamics", NeurIPS
2021, arXiv:2105.02716). If L(ψ_ξ(θ)) = L(θ) for every ξ of a group, then <∇L, v_ξ(θ)> = 0 with
v_ξ(θ) = d/ds ψ_{sξ}(θ) at s = 0, so the flow θ' = −∇L is orthogonal to v_ξ. If moreover v_ξ is a
gradient, v_ξ = ∇<Q, ξ>, then d/dt <Q(θ), ξ> = <θ', v_ξ> = 0: Q is conserved. A rotation has a v_ξ
that is no gradient; it makes the flow orthogonal to something, and conserves nothing.

A step of gradient descent moves Q. All symmetries here have Q of degree 1 or 2 in θ, and then

    Q(θ − η∇L) = Q(θ)                    (degree 1)
    Q(θ − η∇L) = Q(θ) + η² Q(∇L)         (degree 2),

exactly; over a fixed time the drift is of first order in the step η.

===================  ==============================================================
code name            symbol
===================  ==============================================================
``element``          ξ, of the shape of Q
``act``              ψ_ξ(θ), scaled such that v_ξ = ∇<Q, ξ>
``generator``        v_ξ(θ)
``invariant``        Q(θ)
``size``             what Q could be: the sum of the absolute values of its terms
===================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles._tools.torch_modules import arrays, checkpoints
from saddles.typing import Array, ArrayLike

__all__ = ["Drift", "Symmetry"]

Weights = dict[str, Array]


@dataclass(frozen=True, eq=False, repr=False)
class Drift(Record):
    """How far an invariant moved along a trajectory.

    Attributes
    ----------
    symmetry : str
        Name of the symmetry.
    values : ndarray of shape (q, ...)
        The invariant at each of the q checkpoints.
    relative : ndarray of shape (q,)
        Largest change of an entry since the first checkpoint, relative to the larger of the sizes
        that its terms have at the two.
    """

    symmetry: str
    values: Array
    relative: Array

    @property
    def largest(self) -> float:
        """Largest relative change along the trajectory."""
        return float(self.relative.max())

    @property
    def final(self) -> float:
        """Relative change from the first checkpoint to the last."""
        return float(self.relative[-1])

    def __repr__(self) -> str:
        return (
            f"<Drift of {self.symmetry}: {self.largest:.2g} at most, {self.final:.2g} at the end "
            f"of {len(self.relative)} checkpoints>"
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Symmetry(Record):
    """A group that acts on the weights, and the quantity that it makes gradient flow conserve.

    Made by `rescaling`, `translation`, `scaling` or `from_action`; the four functions among the
    attributes take a dictionary of float64 arrays. The methods take whatever a state dict holds.

    Attributes
    ----------
    name, source : str
        What it is, and where it is stated.
    weights : tuple of str
        Names of the weights that it acts on.
    degree : int or None
        Degree of the invariant in the weights, which decides how gradient descent moves it; None if
        unknown.
    transform, velocity, quantity, terms : callable
        What `act`, `generator`, `invariant` and `size` compute.

    Examples
    --------
    >>> from saddles import conserved
    >>> relu = conserved.rescaling("w", "a")
    >>> relu.invariant({"w": [[3.0, 4.0]], "a": [2.0]})
    array([-21.])
    >>> moved = relu.act({"w": [[3.0, 4.0]], "a": [2.0]}, [0.5])
    >>> (moved["a"] * moved["w"][0]).round(12)
    array([6., 8.])
    """

    name: str
    source: str
    weights: tuple[str, ...]
    degree: int | None
    transform: Callable[[Weights, Array], Weights]
    velocity: Callable[[Weights, Array], Weights]
    quantity: Callable[[Weights], Array]
    terms: Callable[[Weights], Array]

    def __repr__(self) -> str:
        return f"<Symmetry {self.name} of {', '.join(self.weights)}>"

    def act(self, parameters: Mapping[str, Any], element: ArrayLike) -> dict[str, Array]:
        """Return the transformed weights.

        Parameters
        ----------
        parameters : mapping of str to array or tensor
            A state dict; entries that the symmetry does not act on are ignored. Each weight has
            the shape that it has in the network.
        element : array_like
            Which transformation: of the shape of `invariant`, zero for none.

        Returns
        -------
        dict of str to ndarray
            The weights named in `weights`, of the same shapes.
        """
        values = arrays(parameters, self.weights)
        return self.transform(values, self._element(values, element))

    def generator(self, parameters: Mapping[str, Any], element: ArrayLike) -> dict[str, Array]:
        """Return the derivative of ``act(parameters, s * element)`` at s = 0.

        It is also the gradient of ``sum(invariant * element)``.
        """
        values = arrays(parameters, self.weights)
        return self.velocity(values, self._element(values, element))

    def invariant(self, parameters: Mapping[str, Any]) -> Array:
        """Return the conserved quantity of `parameters`; the symmetry decides on its shape."""
        return self.quantity(arrays(parameters, self.weights))

    def size(self, parameters: Mapping[str, Any]) -> Array:
        """Return the size that each entry of the invariant of `parameters` could have."""
        return self.terms(arrays(parameters, self.weights))

    def drift(self, trajectory: Iterable[Mapping[str, Any]]) -> Drift:
        """Measure how far the invariant moves along a flow or a training run.

        Parameters
        ----------
        trajectory : iterable of mappings
            Checkpoints in order, two at least: state dicts, or dictionaries of arrays. Keep copies,
            as by ``copy.deepcopy(module.state_dict())``, or pass an iterator that yields them
            while training goes on.

        Returns
        -------
        Drift
            The invariant at every checkpoint, and its largest change relative to its size.

        Raises
        ------
        TypeError, ValueError
            If a checkpoint lacks a weight, holds one that is not finite, or changes shape, or if
            two checkpoints of a sequence share their memory.

        Examples
        --------
        >>> from saddles import conserved, neuron
        >>> flow = neuron.exact([1.0, 0.0], 0.5, [0.1, 0.2])
        >>> trajectory = [dict(zip("aw", flow.at(t))) for t in (0.0, 1.0, 10.0)]
        >>> trajectory = [{"a": [p["a"]], "w": [p["w"]]} for p in trajectory]
        >>> conserved.rescaling("w", "a").drift(trajectory).largest < 1e-14
        True
        """
        values, sizes = [], []
        shapes: dict[str, tuple[int, ...]] = {}
        for k, checkpoint in enumerate(checkpoints(trajectory, self.weights)):
            weights = arrays(checkpoint, self.weights)
            for name, value in weights.items():
                if value.shape != (first := shapes.setdefault(name, value.shape)):
                    raise ValueError(
                        f"trajectory[{k}][{name!r}] has shape {value.shape}, and the first one "
                        f"{first}; all checkpoints must be of the same network."
                    )
            values.append(self.quantity(weights))
            sizes.append(self.terms(weights))
        if len(values) < 2:
            raise ValueError(f"trajectory holds {len(values)} checkpoints; a drift needs two.")
        quantity, size = np.array(values), np.array(sizes)
        scale = np.maximum(size, size[0])
        change = np.abs(quantity - quantity[0]) / np.where(scale > 0, scale, 1.0)
        return Drift(self.name, quantity, change.reshape(len(change), -1).max(axis=1))

    def _element(self, values: Weights, element: ArrayLike) -> Array:
        """Return ξ, or say which shape it must have."""
        shape = self.quantity(values).shape
        found = checks.real_array(element, "element", None)
        if found.shape != shape:
            raise ValueError(
                f"element={checks.show(found)} has shape {found.shape}; it must have that of the "
                f"invariant, {shape}."
            )
        return found
