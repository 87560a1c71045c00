"""What a network of homogeneous neurons declares, checked where it comes in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import saddles
from saddles.agf._engine.natural_units import NaturalUnits, in_units
from saddles.homogeneous import Declared, HomogeneousNetwork
from tests.agf.engine.test_steps import Product


@dataclass(frozen=True)
class Curved(Product):
    """A product that knows its second derivatives, as `curvature` says."""

    curvature: Any = None
    kinked: bool = True
    conserved: Any = None

    @property
    def hessian(self):
        return self.curvature


@dataclass(frozen=True)
class Floored(Product):
    """A product that knows how much of the loss it cannot remove."""

    floor: float = 0.25


def test_what_a_network_lacks_is_none():
    known = Declared.of(Product(3))
    assert isinstance(known, HomogeneousNetwork)
    assert (known.hessian, known.within, known.kinked) == (None, None, False)
    theta = np.array([[1.0, 2.0, 0.5]])
    assert known.loss(theta) == Product(3).loss(theta)


def test_what_it_offers_is_taken():
    known = Declared.of(Curved(3, curvature=lambda theta, basis: np.eye(3)))
    assert known.hessian is not None
    assert known.kinked
    assert Declared.of(Curved(3)).hessian is None
    template = np.cos(2 * np.pi * np.arange(7) / 7)
    assert Declared.of(saddles.agf.ModularAddition(template)).within is not None


def test_losses_are_counted_from_what_no_neurons_can_remove():
    known = Declared.of(Floored(3))
    assert known.floor == 0.25
    theta = np.array([[1.0, 2.0, 0.5]])
    units = NaturalUnits(3, weight=2.0, loss=4.0, floor=known.floor)
    assert in_units(known, units).loss(theta) == (known.loss(2 * theta) - 0.25) / 4
    with pytest.raises(ValueError, match=r"network\.floor=-1\.0: it is a part of the loss"):
        Declared.of(Floored(3, floor=-1.0))


def test_it_is_declared_once():
    known = Declared.of(Product(3))
    assert Declared.of(known) is known


def test_in_other_units_it_offers_the_same():
    whole = Curved(3, curvature=lambda theta, basis: 2 * np.eye(theta.size))
    known = in_units(Declared.of(whole), NaturalUnits(3, weight=2.0, loss=4.0))
    assert known.kinked
    assert known.within is None
    assert known.hessian is not None
    assert known.hessian(np.ones((1, 3)), np.eye(3)) == pytest.approx(2 * np.eye(3))
    assert in_units(Declared.of(Product(3)), NaturalUnits(3, weight=2.0)).hessian is None


@pytest.mark.parametrize("take", [Declared.of, lambda n: saddles.flow.neurons(n, [], log_alpha=-1)])
def test_what_is_no_network_is_refused(take):
    with pytest.raises(TypeError, match=r"network=.* must offer degree, size, .* and point; see"):
        take(object())


def test_what_is_offered_must_be_a_method():
    with pytest.raises(TypeError, match=r"network\.hessian=3 must be a method; see"):
        Declared.of(Curved(3, curvature=3))


def test_what_is_conserved_has_two_values():
    with pytest.raises(ValueError, match=r"network\.conserved=.* must have two values"):
        Declared.of(Curved(3, conserved=[1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"network\.conserved has shape \(2,\)"):
        Declared.of(Curved(3, conserved=[1.0, -1.0]))


def test_what_is_said_to_be_conserved_must_be():
    network = Curved(3, conserved=[1.0, 1.0, -5.0])
    with pytest.raises(ValueError, match=r"network\.conserved .* must be zero"):
        saddles.agf.network(network, init=np.ones((1, 3)))
