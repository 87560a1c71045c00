"""The descent of active neurons: integrators, critical points near it, and what rounding may do."""

import math
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from scipy.optimize import brentq

from saddles import Status
from saddles.agf import GroupComposition, ModularAddition, modular_addition
from saddles.agf._engine.active import _unbroken, amplitude, descend_neurons, reach
from saddles.agf._engine.active_flow import Step, follow
from saddles.agf._engine.arrival import Nearby
from saddles.agf._engine.coordinates import Coordinates
from saddles.agf._engine.levels import ROUNDING
from saddles.agf._engine.way import align
from saddles.groups import cyclic
from saddles.homogeneous import Declared
from saddles.status import Breakdown
from tests.agf.engine.test_steps import Product
from tests.groups.some_groups import with_singular_values

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
        limits |= {"error_bars": False}
        yield modular_addition(published() + aside, width=18, seed=seed, **limits)


@pytest.mark.slow
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


def growing(network, seed=0):
    """Return a new neuron beside no other, as coordinates, and the norm that it comes to."""
    start = np.random.default_rng(seed).standard_normal(network.size)
    nobody = np.zeros((0, network.size))
    direction = align(
        lambda rows: network.utility_gradient(rows, nobody), start / np.linalg.norm(start)
    )
    size = np.array([reach(network, nobody, direction)])
    theta = amplitude(network.degree) * size * direction[None]
    return Coordinates.of(network, theta, size).tilted(np.array([True]), size), size


@pytest.mark.parametrize("start", [[1.0, 0.4, 0.7], [0.9, -0.2, 0.3], [1.5, 0.4, 0.2]])
def test_neurons_come_to_rest_where_the_flow_ends_in_its_valley(start):
    """A product of weights conserves their squares' differences; Newton's method does not.

    So the end is the flow's, and not the critical point beside it that is found from afar.
    """
    network = Declared.of(Product(3))
    (end,) = descend_neurons(network, np.array([start]), np.array([1.5])).theta
    assert np.prod(end) == pytest.approx(1.0, rel=1e-12)
    squares = np.array(start) ** 2
    assert end[0] ** 2 - end[1:] ** 2 == pytest.approx(squares[0] - squares[1:], abs=1e-6)


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


def test_what_stands_still_to_the_last_step_is_critical():
    """Second derivatives that mislead Newton's method, and the integrator, change no end."""
    exact = Declared.of(ModularAddition(template(7, {1: 1.0})))

    def wrong(theta, basis):
        return -1e-3 * np.eye(len(theta) * basis.shape[1])

    misled = replace(exact, hessian=wrong, within=None, kinked=True)
    run, size = growing(misled)
    found = descend_neurons(misled, run.theta, size)
    assert found.loss / misled.loss(run.theta[:0]) == pytest.approx(8 / 9, rel=1e-8)
    assert 0 < run.misses(found.theta) <= 1e-9


def test_what_does_not_move_for_ages_never_will():
    """A flow ends before the exponential of its logarithmic time overflows."""
    run, size = growing(Declared.of(ModularAddition(template(7, {1: 1.0}))))
    *_, last = follow(run, size)
    assert 100 < last.age <= 101
    assert run.loss(last.z) / run.start == pytest.approx(8 / 9, rel=1e-8)


def test_a_flow_that_cannot_be_followed_breaks_off():
    """Beyond a norm that the neuron passes, its gradient is no number."""
    whole = Declared.of(ModularAddition(template(7, {1: 1.0})))
    run, size = growing(whole)

    def gradient(theta):
        near = (np.linalg.norm(theta, axis=1) < size / 2).all()
        return whole.gradient(theta) if near else np.full_like(theta, np.nan)

    broken = replace(whole, gradient=gradient, within=None)
    with pytest.raises(Breakdown, match="broke off") as caught:
        list(follow(replace(run, network=broken), size))
    assert caught.value.status is Status.STALLED


def test_a_pair_far_out_comes_back_along_a_narrow_valley():
    """In Z_6, beside a new neuron: no saddle is left where only the integrator's error is large.

    The forces along the valley are 1e-13 of the curvature across it.
    """
    group = cyclic(6)
    network = GroupComposition(group, with_singular_values(group, {1: 2.0, 2: 6.0, 3: 4.0}))
    u, v = [-2.68, 2.77, 0.55], [-0.53, -2.68, 2.58]
    one = [*u, *v, 2.7, 2.7, 0.0]
    new = [2.3e-3, 2.3e-3, 0.0, 0.0, 2.3e-3, 2.3e-3, -1.3e-3, 1.3e-3, 2.6e-3]
    other = [-2.58, 2.68, 0.53, -0.55, -2.77, 2.68, -2.7, -2.7, 0.0]
    rows = np.array([one, new, other]).reshape(3, 3, 3)
    theta = np.concatenate([rows, -rows], axis=2).reshape(3, 18)
    found = descend_neurons(Declared.of(network), theta, np.array([9.37, 0.78, 9.37]))
    assert found.creep == 0
    assert found.loss / network.power.sum() == pytest.approx(0.43682024, abs=1e-8)


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


def interrupted(network, calls, fault):
    """Return the network with a fault at so many calls of its gradient, and how often it was."""
    asked = count()

    def gradient(theta):
        return fault(theta) if next(asked) in calls else network.gradient(theta)

    return replace(network, gradient=gradient, within=None), asked


def test_an_error_in_the_network_is_its_own():
    """It is not taken for a step that fails."""

    def fault(theta):
        raise ValueError("mine")

    whole = Declared.of(ModularAddition(template(7, {1: 1.0})))
    run, size = growing(whole)
    broken, _ = interrupted(whole, {50}, fault)
    with pytest.raises(ValueError, match="mine"):
        descend_neurons(broken, run.theta, size)


@pytest.mark.parametrize("call", [40, 70, 100])
def test_a_step_that_fails_is_taken_anew_by_the_other_integrator(call):
    """That one, which asks for more gradients, goes on from where the step began."""
    whole = Declared.of(ModularAddition(template(7, {1: 1.0})))
    run, size = growing(whole)
    plain, needed = interrupted(whole, (), None)
    broken, asked = interrupted(whole, {call}, lambda theta: np.full_like(theta, np.nan))
    expected, found = (descend_neurons(n, run.theta, size) for n in (plain, broken))
    assert found.loss / run.start == pytest.approx(8 / 9, rel=1e-8)
    assert found.theta == pytest.approx(expected.theta, abs=1e-6)
    assert next(asked) > 2 * next(needed)


@pytest.mark.parametrize("gap", [0.5, 1e-2, 1e-4])
def test_directions_come_to_rest_however_slowly_they_turn(gap):
    """Of a quadratic form the top eigenvector, be the next eigenvalue as near as it may."""
    form = np.diag([1.0, 1.0 - gap, 0.3])
    unit = align(lambda rows: 2 * rows @ form, np.array([math.cos(0.1), math.sin(0.1), 0.0]))
    assert unit == pytest.approx([1, 0, 0], abs=2 * ROUNDING / gap)


@pytest.mark.parametrize("digits", [1e-12, 1e-10, 1e-8])
def test_directions_come_to_rest_as_closely_as_rounding_lets_them(digits):
    """Large terms that cancel leave a gradient of few digits; shorter steps know it no better."""
    form, asked = np.diag([1.0, 0.97, -40.0, 0.3]), count()

    def rounded(rows):
        next(asked)
        terms = 1e6 * rows
        return 2 * rows @ form + (digits * np.round(terms / digits) - terms)

    unit = align(rounded, np.array([0.1, 0.9, 0.3, 0.2]) / math.sqrt(0.95))
    assert unit == pytest.approx([1, 0, 0, 0], abs=30 * digits)
    assert next(asked) < 10_000


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
