"""Units in which the weights, losses and times of neurons are of order one.

A network of degree κ whose weights are counted in units c and whose losses in units e,
θ = c θ̂ and L(θ) = e L̂(θ̂), has the flow θ̂' = −∇L̂(θ̂) in the time t̂ = (e/c²) t. For κ > 2 the
initial scale has a unit too, α = a α̂, since scaled times t α^(κ−2) depend on initial norms. Units
are powers of two, so nothing is rounded; in them the tolerances of integrators mean the same for
all data, and products overflow for none but extreme ones. Losses are counted from the part that no
neurons can remove, if a network knows it.

===============  =========================================================
code name        symbol
===============  =========================================================
``weight``       c
``loss``         e
``floor``        the loss that no neurons can remove, in the user's units
``scale``        a
``time``         c²/e a^(κ−2), the unit of scaled time
``point``        the unit of function-space points
===============  =========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles.homogeneous import Declared
from saddles.typing import Array

__all__ = ["NaturalUnits", "Rescaled", "in_units", "natural", "scaled"]


@dataclass(frozen=True)
class NaturalUnits:
    """What numbers in units are multiplied by to be the user's; see the module's table."""

    degree: int
    weight: float = 1.0
    loss: float = 1.0
    scale: float = 1.0
    point: float = 1.0
    floor: float = 0.0

    @property
    def time(self) -> float:
        """Return c²/e a^(κ−2)."""
        power = self.degree - 2
        exponents = np.log2([self.weight, self.loss, self.scale]) @ [2, -1, power]
        return float(np.exp2(exponents))


def natural(network: Declared, rows: Array) -> NaturalUnits:
    """Return units in which L(0), the weights that would remove it and `rows` are about 1.

    Parameters
    ----------
    network : Declared
        The network, as its user made it.
    rows : ndarray of shape (H, p)
        Neurons, none of them zero: along their directions u the largest entry of ∇U(u) is measured.

    Raises
    ------
    ValueError
        If L(0) or a gradient overflows.
    """
    norms, degree = np.linalg.norm(rows, axis=1, keepdims=True), network.degree
    directions = rows / norms
    with np.errstate(over="ignore", invalid="ignore"):
        loss = float(network.loss(rows[:0])) - network.floor
        pull = float(np.abs(network.utility_gradient(directions, rows[:0])).max())
    if not (math.isfinite(loss) and math.isfinite(pull)):
        raise ValueError(
            f"the loss without neurons is {loss!r} and the largest gradient of a neuron of norm 1 "
            f"{pull!r}, beyond float64; multiply inputs or targets by a constant."
        )
    if not (loss > 0 and pull > 0):
        return NaturalUnits(degree, floor=network.floor)
    weight = _power(math.log2(loss / pull) / degree)
    scale = weight * _power(-math.log2(norms.max())) if degree > 2 else 1.0
    power = _power(math.log2(loss))
    return NaturalUnits(degree, weight=weight, loss=power, scale=scale, floor=network.floor)


def in_units(network: Declared, units: NaturalUnits) -> Declared:
    """Return the network in these units."""
    same = units.weight == 1 and units.loss == 1 and units.floor == 0
    return network if same else Declared.of(Rescaled(network, units))


def scaled(X: Array, Y: Array) -> tuple[Array, Array, NaturalUnits]:
    """Return data of order one of neurons of degree 2 that are linear in X, and their units.

    f(x) in units of X and weights is c² times the unit of X; it is that of Y, so that X and Y take
    units whose ratio is a power of four.
    """
    column, target = _exponent(X), _exponent(Y)
    target += (target - column) % 2
    units = NaturalUnits(
        degree=2,
        weight=math.ldexp(1.0, (target - column) // 2),
        loss=math.ldexp(1.0, 2 * target),
        point=math.ldexp(1.0, target),
    )
    return np.ldexp(X, -column), np.ldexp(Y, -target), units


def _exponent(values: Array) -> int:
    return math.frexp(float(np.abs(values).max()))[1]


def _power(exponent: float) -> float:
    return math.ldexp(1.0, round(exponent))


@dataclass(frozen=True, eq=False)
class Rescaled:
    """A network whose weights and losses are counted in units; a `HomogeneousNetwork`."""

    network: Declared
    units: NaturalUnits

    @property
    def degree(self) -> int:
        """Return κ."""
        return self.network.degree

    @property
    def size(self) -> int:
        """Return p."""
        return self.network.size

    @property
    def kinked(self) -> bool:
        """Whether gradients jump."""
        return self.network.kinked

    @property
    def conserved(self) -> Array | None:
        """What the flow conserves in each neuron."""
        return self.network.conserved

    @cached_property
    def _slope(self) -> float:
        """Unit of a weight over that of a loss."""
        return self.units.weight / self.units.loss

    def loss(self, theta: Array, /) -> float:
        """Return L̂."""
        own = self.network.loss(self.units.weight * theta)
        return (own - self.units.floor) / self.units.loss

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L̂/∂θ̂."""
        return self.network.gradient(self.units.weight * theta) * self._slope

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities of `theta` beside the `active` ones."""
        weight = self.units.weight
        return self.network.utility(weight * theta, weight * active) / self.units.loss

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients of the utilities."""
        weight = self.units.weight
        return self.network.utility_gradient(weight * theta, weight * active) * self._slope

    def point(self, theta: Array, /) -> Array:
        """Return the function-space point, in the user's units."""
        return self.network.point(self.units.weight * theta)

    @cached_property
    def hessian(self) -> Callable[[Array, Array], Array] | None:
        """The second derivatives of L̂, if the network has its own."""
        own = self.network.hessian
        if own is None:
            return None
        weight = self.units.weight
        return lambda theta, basis: own(weight * theta, basis) * (weight * self._slope)

    @property
    def within(self) -> Callable[[Array, Array], Any] | None:
        """What gives L̂ over a subspace, if the network offers its loss there."""
        return None if self.network.within is None else self._within

    def _within(self, theta: Array, basis: Array, /) -> Any:
        assert self.network.within is not None
        found = self.network.within(self.units.weight * theta, basis)
        return None if found is None else _Within(found, self.units)


@dataclass(frozen=True, eq=False)
class _Within:
    """A loss over coordinates of a subspace, in units."""

    own: Any
    units: NaturalUnits

    def loss(self, z: Array) -> float:
        """Return L̂."""
        return (float(self.own.loss(self.units.weight * z)) - self.units.floor) / self.units.loss

    def gradient(self, z: Array) -> Array:
        """Return ∂L̂/∂ẑ."""
        slope = self.units.weight / self.units.loss
        return np.asarray(self.own.gradient(self.units.weight * z) * slope)

    def hessian(self, z: Array) -> Array:
        """Return ∂²L̂/∂ẑ²."""
        weight = self.units.weight
        return np.asarray(self.own.hessian(weight * z) * (weight / self.units.loss * weight))
