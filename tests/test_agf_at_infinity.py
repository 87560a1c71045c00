"""The infimum of a creeping loss, on losses that are known."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from saddles.agf._at_infinity import Demand, Trail


@dataclass
class Creeping:
    """One neuron of norm t^(1/8), L = level + share t^(−power), κ = 3, L(0) = 1."""

    level: float
    share: float
    power: float
    pace: float = 0.125
    start: float = 1.0
    level_valley: bool = True

    def loss(self, z):
        return self.level + self.share * np.exp(-self.power * z[0])

    def at(self, z):
        return np.array([[np.exp(self.pace * z[0])]])

    def flat(self, z, force):
        return self.level_valley

    def growth(self, z, gradient):
        return self.pace * np.exp(2 * self.pace * z[0] - z[0]) / 6


@dataclass
class Leaving(Creeping):
    """A loss that falls ever faster: L = level − share t^power."""

    def loss(self, z):
        return self.level - self.share * np.exp(self.power * z[0])


def followed(run, error=1e-5, rough=0.0, growing=0.0, until=40.0):
    trail = Trail()
    for age in np.arange(0.0, until, np.log(2)):
        z, slope = np.array([age]), np.zeros(1)
        if trail.at_infinity(run, z, slope, Demand(error, rough, growing)):
            return age, trail
    return None, trail


@pytest.mark.parametrize("power", [0.4, 0.75])
def test_a_power_law_is_extrapolated(power):
    run = Creeping(level=0.3, share=0.05, power=power)
    age, trail = followed(run)
    assert age is not None
    assert trail.level == pytest.approx(0.3, abs=1e-10)
    assert trail.ahead == pytest.approx(run.loss(np.array([age])) - 0.3, rel=1e-6)


def test_a_flow_whose_norms_stay_is_not_at_infinity():
    assert followed(Creeping(0.3, 0.05, 0.75, pace=0.0))[0] is None


def test_growth_that_the_fit_does_not_explain_is_not_the_final_pace():
    assert followed(Creeping(0.3, 1e-12, 0.75, pace=0.4))[0] is None


def test_a_rough_infimum_is_the_loss_itself():
    run = Creeping(0.3, 0.05, 0.4, pace=0.3)  # too fast to be extrapolated
    age, trail = followed(run, rough=5e-4)
    assert age is not None
    assert trail.level == run.loss(np.array([age]))
    assert 0 < trail.ahead <= 5e-4


def test_a_loss_of_which_nothing_is_left_is_at_its_infimum():
    run = Creeping(0.0, 1e-2, 0.5, pace=0.3)
    age, trail = followed(run, error=1e-5, rough=1e-30)
    assert age is not None
    assert trail.level == trail.ahead == run.loss(np.array([age])) <= 1e-5
    assert followed(run, error=1e-12, until=20.0)[0] is None


@pytest.mark.parametrize("growing", [1e-5, 5e-4])
def test_a_fall_may_grow_where_the_valley_is_flat_but_a_slow_saddle_is_left(growing):
    run = Leaving(0.3, 1e-9, 0.5)
    age, trail = followed(run, error=1e-12, rough=5e-4, growing=growing, until=25.0)
    assert age is not None
    assert 0 < trail.ahead <= growing
    assert followed(run, error=1e-12, rough=5e-4, until=25.0)[0] is None
    saddle = replace(run, level_valley=False)
    assert followed(saddle, error=1e-12, rough=5e-4, growing=growing, until=25.0)[0] is None
