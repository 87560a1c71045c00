"""Composition in closed form against all tuples, and what must not change the loss."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import group_composition as reference
from saddles.agf import GroupComposition, ModularAddition
from saddles.groups import cyclic, dihedral, symmetric
from saddles.homogeneous import HomogeneousNetwork
from tests.groups.some_groups import group_named, relabelled

#: Sums of n^(k+1) products of a few random numbers, in two orders.
ROUNDING = 1e-12
GRIDS = [0, 32**3]


@pytest.fixture(params=GRIDS, autouse=True)
def grid(request, monkeypatch):
    """Both ways to compute a loss: from the residual of all tuples, and from pairs and irreps."""
    monkeypatch.setattr("saddles.agf._groups.composition.GRID", request.param)


def close(found, expected, scale=1.0):
    gap = np.abs(np.asarray(found) - expected).max(initial=0.0)
    return gap <= ROUNDING * (scale + np.abs(expected).max(initial=0.0))


def drawn(group, k, h, seed, mean=0.3):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(group.order)
    theta = rng.standard_normal((h, (k + 1) * group.order))
    return GroupComposition(group, x - x.mean() + mean, k), theta


@pytest.mark.parametrize(
    ("name", "k"), [("S_3", 2), ("Z_6", 2), ("Q_8", 2), ("S_3", 3), ("Z_3", 4)]
)
@pytest.mark.parametrize("mean", [0.0, 0.3])
def test_loss_utility_and_gradients_are_those_of_all_tuples(name, k, mean):
    group = cyclic(3) if name == "Z_3" else group_named(name)
    for h, a in ((0, 2), (2, 0), (2, 1)):
        network, theta = drawn(group, k, h + a, h, mean)
        theta, active = theta[:h], theta[h:]
        known = group.table, network.template
        assert isinstance(network, HomogeneousNetwork)
        assert close(network.loss(theta), reference.loss(*known, theta, k))
        expected = [reference.utility(*known, row, active, k) for row in theta]
        assert close(network.utility(theta, active), np.array(expected))
        assert close(network.gradient(theta), reference.gradient(*known, theta, k))
        assert close(network.point(theta), reference.learnt(*known, theta, k))


@settings(max_examples=20)
@given(
    name=st.sampled_from(["S_3", "D_4", "Q_8", "A_4", "SL(2,3)", "He_3"]),
    k=st.integers(2, 3),
    seed=st.integers(0, 99),
)
def test_relabelling_the_elements_changes_nothing(name, k, seed):
    group = group_named(name)
    network, theta = drawn(group, k, 2, seed, 0.3 if k == 2 else 0.0)
    order = np.random.default_rng(seed).permutation(group.order)
    moved = GroupComposition(relabelled(group, order), network.template[order], k)
    rows = theta.reshape(2, k + 1, -1)[:, :, order].reshape(2, -1)
    assert close(moved.loss(rows), network.loss(theta))
    pull = network.gradient(theta).reshape(2, k + 1, -1)[:, :, order].reshape(2, -1)
    assert close(moved.gradient(rows), pull)
    assert close(moved.point(rows), network.point(theta)[order])
    assert moved.plateaus() == pytest.approx(network.plateaus(), rel=1e-9)
    assert moved.unlearnable.sum() == pytest.approx(network.unlearnable.sum(), abs=1e-9)


@settings(max_examples=30)
@given(p=st.integers(3, 11), seed=st.integers(0, 99), centred=st.booleans())
def test_the_cyclic_group_is_modular_addition(p, seed, centred):
    network, theta = drawn(cyclic(p), 2, 3, seed, 0.0 if centred else 0.3)
    modular, active = ModularAddition(network.template), theta[:1]
    assert close(network.loss(theta), modular.loss(theta))
    assert close(network.gradient(theta), modular.gradient(theta))
    assert close(network.utility(theta, active), modular.utility(theta, active))
    assert close(network.point(theta), modular.point(theta))
    for found, expected in (
        (network.utility_bounds, modular.utility_bounds),
        (network.power, modular.power),
        (network.time_bounds(log_alpha=-3.0), modular.time_bounds(log_alpha=-3.0)),
    ):
        assert np.sort(found) == pytest.approx(np.sort(expected), rel=1e-9)
    assert network.plateaus("irrep") == pytest.approx(modular.plateaus, abs=1e-12)
    assert network.ties == modular.ties
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((3 * p, 4)))[0]
    inside, other = network.within(theta, basis), modular.within(theta, basis)
    assert close(inside.hessian(np.zeros(12)), other.hessian(np.zeros(12)))


@pytest.mark.parametrize("mean", [0.0, 0.3])
@pytest.mark.parametrize("name", ["S_3", "Q_8"])
def test_second_derivatives_are_those_of_the_gradient(name, mean):
    network, theta = drawn(group_named(name), 2, 2, 0, mean)
    basis = np.linalg.qr(np.random.default_rng(1).standard_normal((network.size, 4)))[0]
    inside = network.within(theta, basis)
    z = np.random.default_rng(2).standard_normal((2, 4))
    moved = theta + z @ basis.T
    assert close(inside.loss(z.ravel()), network.loss(moved))
    assert close(inside.gradient(z.ravel()), (network.gradient(moved) @ basis).ravel())
    hessian, step = inside.hessian(z.ravel()), 1e-5
    for index in range(8):
        move = np.zeros((2, 4))
        move.flat[index] = step
        ahead, behind = (network.gradient(moved + sign * move @ basis.T) for sign in (1, -1))
        column = ((ahead - behind) @ basis).ravel() / (2 * step)
        assert hessian[index] == pytest.approx(column, abs=1e-8 * np.abs(hessian).max())


def test_a_network_of_a_quotient_group_is_one_of_the_group():
    """D_3 is D_6 modulo a turn by half: functions that are constant on cosets."""
    big, small = dihedral(6), dihedral(3)
    coset = np.array([small.elements.index((i % 3, j)) for i, j in big.elements])
    network, theta = drawn(small, 2, 2, 5, 0.3)
    lifted = GroupComposition(big, network.template[coset])
    rows = theta.reshape(2, 3, 6)[:, :, coset].reshape(2, -1)
    # Each product with a template is a sum over twice as many elements, as is |y − f|².
    rows[:, :24] /= 2
    assert close(lifted.loss(rows), 2 * network.loss(theta))
    assert close(lifted.point(rows), network.point(theta)[coset])


@pytest.mark.slow
def test_a_hundred_neurons_in_the_alternating_group_take_milliseconds():
    network, theta = drawn(group_named("A_5"), 2, 100, 0)
    spent = []
    for step in range(10):
        start, moved = time.process_time(), (1 + 1e-9 * step) * theta
        network.loss(moved), network.gradient(moved)
        spent.append(time.process_time() - start)
    assert min(spent) <= 0.02


def test_modes_and_plots_take_any_size_of_neurons_and_refuse_what_is_none():
    network = GroupComposition(symmetric(3), np.arange(6.0))
    rows = np.random.default_rng(0).standard_normal((2, 18))
    assert network.modes(rows).share == pytest.approx(network.modes(rows * 1e-200).share)
    with pytest.raises(ValueError, match=r"theta\[0\] is zero"):
        network.modes(np.zeros((1, 18)))
    with pytest.raises(ValueError, match="path=None must have a jump"):
        network.plot(None)
