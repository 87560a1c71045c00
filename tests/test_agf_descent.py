"""The descent of active neurons: integrators, critical points near it, and what rounding may do."""

import math
from itertools import count

import numpy as np
import pytest
from scipy.optimize import brentq

from saddles import PathError, Status
from saddles.agf import _active_flow, modular_addition
from saddles.agf._active_flow import Step
from saddles.agf._active_neurons import _unbroken
from saddles.agf._alignment import ALIGNED, align
from saddles.agf._modular_products import Products
from saddles.agf._nearby import Nearby
from saddles.alternation import Breakdown

#: Times of paths that differ by rounding at the start: errors grow where neurons pass saddles.
TIMES = 1e-5


def template(p, spectrum):
    waves = np.zeros(p // 2 + 1)
    waves[list(spectrum)] = list(spectrum.values())
    return np.fft.irfft(waves, p)


def published():
    return template(20, {1: 10.0, 3: 5.0, 5: 2.5})


def one_neuron():
    """Return the path of one neuron, which learns 1/9 of one frequency."""
    return modular_addition(template(7, {1: 1.0}), width=1)


def perturbed(seed, **limits):
    """Return paths of the published example that differ by a few roundings of its template."""
    for noise in (0.0, 1e-15):
        aside = noise * np.random.default_rng(1).standard_normal(20)
        yield modular_addition(published() + aside, width=18, seed=seed, **limits)


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_rounding_moves_no_time(seed):
    """Neurons creep to infinity at four of the saddles, and mirror each other there."""
    path, other = perturbed(seed, max_jumps=7)
    assert path.certificates.at_infinity.sum() >= 4
    assert [units.tolist() for units in path.rang] == [units.tolist() for units in other.rang]
    assert other.times == pytest.approx(path.times, rel=TIMES)
    assert other.losses == pytest.approx(path.losses, abs=1e-9 * path.losses[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_rounding_does_not_change_who_rings(seed):
    path, other = perturbed(seed)
    assert [units.tolist() for units in path.rang] == [units.tolist() for units in other.rang]
    assert other.times == pytest.approx(path.times, rel=1e-2)
    assert other.losses == pytest.approx(path.losses, abs=1e-5 * path.losses[0])


def test_neurons_come_to_rest_along_a_valley_whatever_the_integrators_error(monkeypatch):
    """Its point is the flow's, not the one beside it that Newton's method finds from afar."""
    init = np.random.default_rng(0).standard_normal((1, 60))
    before = modular_addition(published(), init=init)
    monkeypatch.setattr(_active_flow, "RTOL", 1e-9)
    monkeypatch.setattr(_active_flow, "FINE", 1e-10)
    after = modular_addition(published(), init=init)
    assert after.neurons[1] == pytest.approx(before.neurons[1], abs=1e-5)


def test_equal_neurons_stay_equal():
    init = np.random.default_rng(0).standard_normal(21)
    path = modular_addition(template(7, {1: 1.0}), init=[init, init, init])
    assert path.losses[1] / path.losses[0] == pytest.approx(8 / 9, rel=1e-10)
    first, *others = path.neurons[1]
    for other in others:
        assert other == pytest.approx(first, abs=1e-4 * np.linalg.norm(first))


def test_initial_neurons_whose_squares_underflow_are_refused():
    init = np.random.default_rng(0).standard_normal((2, 21)) * [[1.0], [1e-200]]
    with pytest.raises(ValueError, match=r"init\[1\] has entries up to .*; multiply init"):
        modular_addition(template(7, {1: 1.0}), init=init)


def test_what_stands_still_to_the_last_step_is_critical(monkeypatch):
    monkeypatch.setattr(Nearby, "settled", lambda self, step: False)
    monkeypatch.setattr(_active_flow, "STEPS", 300)
    path = one_neuron()
    assert path.losses[1] / path.losses[0] == pytest.approx(8 / 9, rel=1e-8)
    assert 0 < path.certificates.stationarity[1] <= 1e-9


def test_what_does_not_move_for_ages_never_will(monkeypatch):
    """The descent ends before the exponential of its logarithmic time overflows."""
    monkeypatch.setattr(_active_flow, "OLDEST", 20.0)
    monkeypatch.setattr(Nearby, "settled", lambda self, step: False)
    ages = []
    original = Nearby.begins_anew

    def begins_anew(self, step):
        ages.append(step.age)
        return original(self, step)

    monkeypatch.setattr(Nearby, "begins_anew", begins_anew)
    path = one_neuron()
    assert path.losses[1] / path.losses[0] == pytest.approx(8 / 9, rel=1e-8)
    assert 20 < ages[-1] <= 21


def test_where_steps_crowd_the_other_integrator_goes_on(monkeypatch):
    chosen, original = [], _active_flow._integrator

    def integrator(*args, again=False):
        chosen.append(again)
        return original(*args, again=again)

    monkeypatch.setattr(_active_flow, "_integrator", integrator)
    expected = one_neuron()
    assert not any(chosen)
    monkeypatch.setattr(_active_flow, "CROWD", 5)
    path = one_neuron()
    assert True in chosen
    assert path.losses == pytest.approx(expected.losses, rel=1e-12)


def test_a_step_that_fails_is_taken_anew_until_it_cannot_be(monkeypatch):
    monkeypatch.setattr(_active_flow, "_advances", lambda flow: False)
    with pytest.raises(PathError) as caught:
        one_neuron()
    assert caught.value.status is Status.STALLED
    assert "broke off" in caught.value.detail


def test_a_flow_that_breaks_off_near_a_critical_point_ends_there():
    def steps():
        yield 1
        raise Breakdown(Status.STALLED, "lost")

    near = Nearby(run=None)
    with pytest.raises(Breakdown, match="lost"):
        list(_unbroken(steps(), near))
    near.found = np.zeros(1)
    assert list(_unbroken(steps(), near)) == [1]


def test_a_saddle_that_is_left_begins_anew():
    near = Nearby(run=None)
    z = np.zeros(1)
    assert near.begins_anew(Step(z, 1.0))
    assert not near.begins_anew(Step(z, 0.5, age=0.1))
    assert near.begins_anew(Step(z, 0.5, age=0.2, era=1))
    assert not near.begins_anew(Step(z, 0.4, age=0.3, era=1))


def test_an_error_in_the_network_is_its_own(monkeypatch):
    """It is not taken for a step that fails."""
    calls = count()

    def gradient(self, z):
        if next(calls) == 50:
            raise ValueError("mine")
        return original(self, z)

    original = Products.gradient
    monkeypatch.setattr(Products, "gradient", gradient)
    with pytest.raises(ValueError, match="mine"):
        one_neuron()


@pytest.mark.parametrize("gap", [0.5, 1e-2, 1e-4])
def test_directions_come_to_rest_however_slowly_they_turn(gap):
    """Of a quadratic form the top eigenvector, be the next eigenvalue as near as it may."""
    form = np.diag([1.0, 1.0 - gap, 0.3])
    unit = align(lambda rows: 2 * rows @ form, np.array([math.cos(0.1), math.sin(0.1), 0.0]))
    assert unit == pytest.approx([1, 0, 0], abs=2 * ALIGNED / gap)


@pytest.mark.parametrize(("blur", "along"), [(1e-3, 1.0), (1e-10, 0.0)])
def test_a_direction_that_drifts_evenly_by_what_is_unknown_stays_in_its_valley(blur, along):
    """Two eigenvalues differ by less than the gradient is known to, or by more."""
    form = np.diag([1.0, 1.0 - 1e-6, 0.3])
    unit = align(
        lambda rows: 2 * rows @ form, np.array([1.0, 1.0, 0.1]) / math.sqrt(2.01), blur=blur
    )
    assert abs(unit[2]) <= 1e-6
    assert unit[1] / unit[0] == pytest.approx(along, abs=1e-4)


@pytest.mark.parametrize("gain", [0.1, 3.0, 40.0, 1e4])
@pytest.mark.parametrize("start", [[0.6, 0.8, 0.0], [0.01, -0.1, 0.99]])
def test_from_a_finite_scale_a_direction_turns_while_its_norm_grows(gain, start):
    """θ' = Mθ is e^{Mt} θ(0), of which the norm may fall at first; the gap makes α^0.05 of it."""
    values, first = np.array([1.0, 0.95, -0.5]), np.array(start) / np.linalg.norm(start)

    def at(time):
        grown = values * time + np.log(np.maximum(np.abs(first), 1e-300))
        total = np.logaddexp.reduce(2 * grown) / 2
        return total, np.sign(first) * np.exp(grown - total)

    time = brentq(lambda t: at(t)[0] - gain, 0.05, 4 * gain + 20, xtol=1e-13)
    unit = align(lambda rows: rows * values, first, gain=gain)
    assert unit == pytest.approx(at(time)[1], abs=1e-7)


def test_a_direction_without_utility_turns_too():
    """Zero output weights: U = a w, which only the turn makes positive."""
    unit = align(lambda rows: rows[:, ::-1], np.array([0.0, 1.0]), gain=5.0)
    assert unit == pytest.approx(np.sqrt([0.5, 0.5]), abs=1e-4)


def test_a_neuron_that_has_no_more_to_grow_stays_where_it_is():
    first = np.array([0.6, 0.8])
    assert align(lambda rows: rows * [1.0, 2.0], first, gain=-1.0) is first
