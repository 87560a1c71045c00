"""The infimum of a creeping loss, on losses that are known."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from saddles.agf._engine.active import descend_neurons
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.creep import Demand, Trail
from saddles.homogeneous import Declared
from tests.agf import networks


@dataclass
class Creeping:
    """A neuron of norm t^pace, L = level + share t^(−power), L(0) = 1, as a network of one weight.

    With `leaving` the loss falls ever faster, L = level − share t^power; with `curved` it curves
    down beside the neuron's way.
    """

    level: float
    share: float
    power: float
    pace: float = 0.125
    leaving: bool = False
    curved: bool = False

    def at_age(self, age):
        """Return L at the logarithm of time `age`."""
        if self.leaving:
            return self.level - self.share * np.exp(self.power * age)
        return self.level + self.share * np.exp(-self.power * age)

    def loss(self, theta):
        return float(self.at_age(np.log(theta[0, 0]) / self.pace)) if len(theta) else 1.0

    def coordinates(self):
        """Return the network as a function of the neuron's norm."""
        nobody = np.zeros((0, 1))
        network = Declared(
            degree=3,
            size=1,
            loss=self.loss if self.pace else lambda theta: self.at_age(0.0),
            gradient=lambda theta: 0 * theta,
            utility=lambda theta, active: theta[:, 0],
            utility_gradient=lambda theta, active: theta,
            point=lambda theta: nobody,
            hessian=lambda theta, basis: np.array([[-1e9 if self.curved else 1.0]]),
        )
        return Coordinates(network, np.zeros((1, 1)), np.eye(1), 1.0)


def followed(run, error=1e-5, rough=0.0, growing=0.0, until=40.0):
    trail, known = Trail(), run.coordinates()
    for age in np.arange(0.0, until, np.log(2)):
        z = np.array([np.exp(run.pace * age)])
        slope = -run.pace * z * np.exp(-age)  # the norm grows like t^pace
        if trail.at_infinity(known, z, slope, Demand(error, rough, growing)):
            return age, trail
    return None, trail


@pytest.mark.parametrize("power", [0.4, 0.75])
def test_a_power_law_is_extrapolated(power):
    run = Creeping(level=0.3, share=0.05, power=power)
    age, trail = followed(run)
    assert age is not None
    assert trail.level == pytest.approx(0.3, abs=1e-10)
    assert trail.ahead == pytest.approx(run.at_age(age) - 0.3, rel=1e-6)


def test_a_flow_whose_norms_stay_is_not_at_infinity():
    assert followed(Creeping(0.3, 0.05, 0.75, pace=0.0))[0] is None


def test_growth_that_the_fit_does_not_explain_is_not_the_final_pace():
    assert followed(Creeping(0.3, 1e-12, 0.75, pace=0.4))[0] is None


def test_a_rough_infimum_is_the_loss_itself():
    run = Creeping(0.3, 0.05, 0.4, pace=0.3)  # too fast to be extrapolated
    age, trail = followed(run, rough=5e-4)
    assert age is not None
    assert trail.level == run.at_age(age)
    assert 0 < trail.ahead <= 5e-4


def test_a_loss_of_which_nothing_is_left_is_at_its_infimum():
    run = Creeping(0.0, 1e-2, 0.5, pace=0.3)
    age, trail = followed(run, error=1e-5, rough=1e-30)
    assert age is not None
    assert trail.level == trail.ahead == run.at_age(age) <= 1e-5
    assert followed(run, error=1e-12, until=20.0)[0] is None


@pytest.mark.parametrize("growing", [1e-5, 5e-4])
def test_a_fall_may_grow_where_the_valley_is_flat_but_a_slow_saddle_is_left(growing):
    run = Creeping(0.3, 1e-9, 0.5, leaving=True)
    age, trail = followed(run, error=1e-12, rough=5e-4, growing=growing, until=25.0)
    assert age is not None
    assert 0 < trail.ahead <= growing
    assert followed(run, error=1e-12, rough=5e-4, until=25.0)[0] is None
    saddle = replace(run, curved=True)
    assert followed(saddle, error=1e-12, rough=5e-4, growing=growing, until=25.0)[0] is None


def test_a_flow_is_lost_where_rounding_moves_it_as_fast():
    """|θ| = 1 and the curvature 1e9: a force of 2e-7 is rounding."""
    run = Creeping(0.3, 0.05, 0.75, curved=True).coordinates()
    for moved, lost in ((1e-5, True), (1e-3, False)):
        trail = Trail()
        assert not trail.lost(run, 8.0, np.ones(1))  # nothing is known yet
        assert trail.lost(run, 16.0, np.ones(1) + moved) == lost


def border_rank(rest):
    """The form x₁² x₂, which two cubes of linear forms only approach, and a weight never learnt."""
    weights = np.sqrt([1.0, 3.0, 3.0, 1.0])

    def output(theta):
        a, b = theta.T
        cubes = np.stack([a**3, a**2 * b, a * b**2, b**3], axis=1)
        return np.hstack([weights * cubes, np.zeros((len(theta), 1))])

    def derivative(theta):
        a, b = theta.T
        zero = np.zeros_like(a)
        by_a = np.stack([3 * a**2, 2 * a * b, b**2, zero], axis=1)
        by_b = np.stack([zero, a**2, 2 * a * b, 3 * b**2], axis=1)
        whole = np.stack([weights * by_a, weights * by_b], axis=2)
        return np.concatenate([whole, np.zeros((len(theta), 1, 2))], axis=1)

    targets = np.array([0.0, 1 / np.sqrt(3), 0.0, 0.0, rest])
    return networks.Network(3, 2, targets, output, derivative, 1)


@pytest.mark.parametrize("rest", [0.0, 0.5])
def test_a_network_without_a_minimum_comes_to_its_infimum_at_infinity(rest):
    """The loss of two neurons creeps to what no neuron learns, while they all but cancel."""
    network = Declared.of(border_rank(rest))
    start = np.array([[0.8, 0.3], [-0.7, 0.4]])
    found = descend_neurons(network, start, np.linalg.norm(start, axis=1))
    first = network.loss(start[:0])
    assert found.creep > 0
    assert found.loss / first == pytest.approx(rest**2 / 2 / first, abs=5e-4)
    assert network.loss(found.theta) >= rest**2 / 2
    norms = np.linalg.norm(found.theta, axis=1)
    assert (norms > 1.2 * np.linalg.norm(start, axis=1)).all()
    one, other = found.theta / norms[:, None]
    assert one @ other == pytest.approx(-1.0, abs=0.1)
