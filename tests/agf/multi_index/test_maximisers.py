"""Where utility is largest, and how fast neurons leave such a direction."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddles.agf import HermiteTarget, MultiIndex, Spherical, splitting_rates, utility_maximisers

STAIRCASE = HermiteTarget({(1, 0): 1.0, (1, 1): 1.0})
NOBODY = np.empty((0, 3))


def _teachers(r):
    return MultiIndex(HermiteTarget.teacher(np.ones(r), np.eye(r)))


@pytest.mark.parametrize("d", [2, 3, 10**5])
def test_both_steps_of_a_staircase_are_seen_at_once(d):
    found = utility_maximisers(MultiIndex(STAIRCASE, d), starts=20)
    assert found.sign.tolist() == [1.0, -1.0]
    assert found.overlaps == pytest.approx(
        np.array([[0.88787, 0.46009], [-0.88787, 0.46009]]), abs=1e-5
    )
    assert found.utility == pytest.approx(0.303452, abs=1e-6)


@pytest.mark.parametrize("r", [2, 3, 4])
def test_teachers_have_rates_in_closed_form(r):
    """The direction between all of them; neurons part in its span by one and the same rate."""
    found = utility_maximisers(_teachers(r), starts=20)
    assert len(found) == 1
    angle = math.acos(r**-0.5)
    growth = r / (2 * math.pi) * (math.sin(angle) + (math.pi - angle) * math.cos(angle))
    assert 2 * found.utility[0] == pytest.approx(growth, rel=1e-12)
    rates = splitting_rates(_teachers(r), np.empty((0, r + 1)), found.neurons[0])
    assert rates.growth == pytest.approx(growth, rel=1e-12)
    parting = r**1.5 / (2 * math.pi * math.sqrt(r - 1))
    assert rates.rates == pytest.approx([*[parting] * (r - 1), -growth], rel=1e-9)


def test_active_neurons_keep_their_rates_and_leave_new_maximisers():
    """ReLU neurons of one direction do not push each other apart."""
    network = _teachers(2)
    first = utility_maximisers(network, starts=20)
    active = first.neurons * math.sqrt(8 * first.utility[0])
    assert np.abs(network.gradient(active)).max() < 1e-12
    rates = splitting_rates(network, active, active[0])
    before = splitting_rates(network, NOBODY, active[0])
    assert rates.growth == pytest.approx(0, abs=1e-12)
    assert rates.rates[0] == pytest.approx(before.rates[0], rel=1e-9)
    later = utility_maximisers(network, active, starts=20)
    assert later.overlaps[:, ::-1] == pytest.approx(later.overlaps[[1, 0]], abs=1e-9)


def test_quadratic_neurons_turn_to_eigenvectors():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    M = turn @ np.diag([3.0, 1.5, -2.0]) @ turn.T
    terms = {
        tuple(np.eye(3, dtype=int)[i] + np.eye(3, dtype=int)[j]): M[i, j] * (2 if i < j else 1)
        for i in range(3)
        for j in range(i, 3)
    }
    found = utility_maximisers(
        MultiIndex(HermiteTarget(terms), 5, activation=Spherical(2, (0, 0, 1.0))), starts=20
    )
    assert found.sign.tolist() == [1, 1, -1, -1]
    assert np.abs(found.overlaps @ turn[:, [0, 2]]).round(9).tolist() == 2 * [[1, 0]] + 2 * [[0, 1]]


def test_one_coordinate_has_all_of_its_maximisers():
    target = HermiteTarget({1: 1.0, 3: -1.0})
    found = utility_maximisers(MultiIndex(target, 4, activation="relu3"))
    assert found.exhaustive
    # C = 1.5 v - 3 v^3: its ends, and a ring of directions where it turns.
    edge, ring = 1.0, 6**-0.5
    assert found.overlaps[:, 0] == pytest.approx([-edge, edge, -ring, ring], rel=1e-9)
    assert found.sign.tolist() == [1, -1, -1, 1]
    alone = utility_maximisers(MultiIndex(target, 1, activation="relu3"))
    assert alone.directions.ravel().tolist() == [-1.0, 1.0]


def test_a_continuum_of_maximisers_is_marked():
    network = MultiIndex(HermiteTarget({(2, 0): 1.0, (0, 2): 1.0}), 3, activation="quadratic")
    assert not utility_maximisers(network, starts=5).isolated.any()
    assert utility_maximisers(MultiIndex(STAIRCASE, 3), starts=5).isolated.all()


@settings(max_examples=8)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["relu", "leaky", "abs", "relu2", "relu3"]),
    st.integers(0, 2),
)
def test_no_neuron_does_better_nearby(seed, activation, count):
    rng = np.random.default_rng(seed)
    terms = {b: rng.standard_normal() for b in [(1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (2, 2)]}
    network = MultiIndex(HermiteTarget(terms), 5, activation=activation)
    active = 0.5 * rng.standard_normal((count, 6))
    found = utility_maximisers(network, active, starts=20, seed=seed)
    assert np.linalg.norm(found.neurons, axis=1) == pytest.approx(1.0)
    assert network.utility(found.neurons, active) == pytest.approx(found.utility, rel=1e-9)
    near = found.neurons + 1e-3 * rng.standard_normal((200, len(found), 6))
    near /= np.linalg.norm(near, axis=2, keepdims=True)
    values = network.utility(near.reshape(-1, 6), active).reshape(200, -1)
    assert (values <= found.utility * (1 + 1e-9)).all()
    some = rng.standard_normal((500, 6))
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    assert network.utility(some, active).max() <= found.utility[0]


def test_the_same_seed_finds_the_same():
    network = MultiIndex(STAIRCASE, 4)
    assert utility_maximisers(network, starts=9) == utility_maximisers(network, starts=9)


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="network"):
        utility_maximisers(STAIRCASE)
    with pytest.raises(ValueError, match="starts=0"):
        utility_maximisers(MultiIndex(STAIRCASE), starts=0)
    with pytest.raises(ValueError, match="active has shape"):
        utility_maximisers(MultiIndex(STAIRCASE), [[1.0, 2.0]])
    with pytest.raises(ValueError, match="turns"):
        splitting_rates(MultiIndex(STAIRCASE), NOBODY, [1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="degree 2"):
        splitting_rates(MultiIndex(STAIRCASE, activation="relu2"), NOBODY, [1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="direction"):
        splitting_rates(MultiIndex(STAIRCASE), NOBODY, [1.0, 1.0])


def test_neurons_may_be_tiny_but_not_so_large_that_powers_overflow():
    network = MultiIndex(HermiteTarget.teacher([1.0, 1.0], np.eye(2)))
    row = np.array([2**0.5, 1.0, 1.0])
    growth = [splitting_rates(network, [], size * row).growth for size in (1.0, 1e-170)]
    assert growth[0] == pytest.approx(growth[1], rel=1e-12)
    with pytest.raises(ValueError, match="overflow"):
        utility_maximisers(network, [1e150 * row])
