"""Paths of composition: what one neuron takes, exact networks, ends, reports."""

import math
from dataclasses import replace

import numpy as np
import pytest

from saddles import Status
from saddles.agf import GroupComposition, group_composition, modular_addition
from saddles.groups import cyclic, dihedral, symmetric
from tests.groups.some_groups import group_named, with_singular_values


def published():
    """The published template of D_3, whose mean squared error per output begins at 505."""
    group = dihedral(3)
    return GroupComposition(group, with_singular_values(group, {1: 180**0.5, 2: 4500**0.5}))


@pytest.mark.parametrize(
    ("name", "number", "evenness"),
    [
        ("S_3", 1, 1.0),
        ("D_3", 2, 1.5),
        pytest.param("D_4", 4, 1.0, marks=pytest.mark.slow),
        ("Q_8", 4, 1.0),
        ("A_4", 2, 1.0),
        pytest.param("S_4", 2, 1.5, marks=pytest.mark.slow),
        ("SL(2,3)", 3, 2.0),
    ],
)
def test_what_one_neuron_leaves_of_a_lone_irrep(name, number, evenness):
    """1 − 2e/((3 + K) d_R³), K the least E U⁴/(E U²)² of a response of rank one."""
    group = group_named(name)
    irrep = group.irreps[number]
    path = group_composition(group, with_singular_values(group, {number: 3.0}), width=1)
    left = 1 - 2 * irrep.field_dim / ((3 + evenness) * irrep.real_dim**3)
    assert path.losses[1] / path.losses[0] == pytest.approx(left, abs=1e-8)
    assert path.certificates.stationarity[1] <= 1e-9
    assert path.status is Status.MAX_RANK


def test_other_irreps_help_one_neuron():
    """The published template of D_3: 476.1585, where the 2-dim irrep alone would leave 477.2222."""
    network = published()
    path = group_composition(network.group, network, width=1)
    assert path.losses / 3 == pytest.approx([505, 476.1585], abs=5e-5)
    assert path.times[1] >= network.time_bounds().min() >= 5.96284e-5


def strassen(group, number, template):
    """14 neurons that learn a 2-dim irrep of real type: products of 2x2 matrices by seven."""
    rho = group.irreps[number].matrices
    x = np.tensordot(template, rho, 1)
    a = [[1, 0, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 0, 1], [1, 1, 0, 0], [-1, 0, 1, 0]]
    b = [[1, 0, 0, 1], [1, 0, 0, 0], [0, 1, 0, -1], [-1, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]]
    c = [[1, 0, 0, 1], [0, 0, 1, -1], [0, 1, 0, 1], [1, 0, 1, 0], [-1, 1, 0, 0], [0, 0, 0, 1]]
    last = [0, 1, 0, -1], [0, 0, 1, 1], [1, 0, 0, 0]
    sides = (np.reshape([*m, one], (7, 2, 2)) for m, one in zip((a, b, c), last, strict=True))
    rows = []
    for A, B, C in zip(*sides, strict=True):
        # u·L_g x = <A, ρ(g)>, v likewise, and squares cancel between (u, v, w) and (u, −v, −w).
        u, v = (np.tensordot(rho, M @ np.linalg.inv(x).T, 2) for M in (A, B))
        w = np.tensordot(rho, C @ x, 2) / (2 * group.order)
        rows += [np.concatenate([u, s * v, s * w]) for s in (1, -1)]
    return np.array(rows)


@pytest.mark.parametrize(("name", "number"), [("D_3", 2), ("D_5", 2), ("D_5", 3), ("S_4", 2)])
def test_strassens_neurons_leave_nothing(name, number):
    group = group_named(name)
    template = with_singular_values(group, {number: [1.3, 0.7]})
    rows = strassen(group, number, template)
    network = GroupComposition(group, template)
    assert rows.shape == (14, network.size)
    assert network.loss(rows) <= 1e-25
    assert network.point(rows) == pytest.approx(template, abs=1e-13)
    assert network.modes(rows).irrep.tolist() == [number] * 14
    assert network.loss(rows[:12]) > 0.1 * network.loss(rows[:0])


def test_a_singular_irrep_is_learnt_as_far_as_neurons_see_it():
    group = symmetric(3)
    network = GroupComposition(group, with_singular_values(group, {2: [8, 0]}))
    path = group_composition(group, network, width=6, error_bars=False)
    assert path.status is Status.AT_INFINITY
    assert path.losses[0] == pytest.approx(network.power.sum())
    assert path.losses[-1] == pytest.approx(network.plateaus()[-1], rel=1e-5)
    assert network.report(path).unlearnable == pytest.approx(path.losses[0] / 2)


def best_of_the_first_block(group, template, number):
    """Four unit neurons of the largest utility, û ∝ ŵ ∝ s b†, v̂ ∝ a b†, whose squares cancel."""
    rho = group.irreps[number].matrices
    a, _, b = np.linalg.svd(np.tensordot(template, rho, 1))
    rows = []
    for s in np.eye(2):
        u, v = (np.tensordot(rho, np.outer(side, b[0]), 2).real for side in (s, a[:, 0]))
        u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
        rows += [np.concatenate([u, sign * v, sign * u]) for sign in (1, -1)]
    return np.array(rows) / math.sqrt(3)


def test_neurons_of_the_first_block_leave_its_level_at_once():
    """σ = (8, 4): .6 of the loss remains without it, at a saddle of its own neurons.

    They leave it in a time of order log(1/α), which the limit does not see: there they learn more.
    """
    group = symmetric(3)
    network = GroupComposition(group, with_singular_values(group, {2: [8, 4]}))
    rows = best_of_the_first_block(group, network.template, 2)
    utility = network.utility(rows, rows[:0])
    assert utility == pytest.approx(np.full(4, network.utility_bounds[2]), rel=1e-12)
    for scale, level in ((-7.0, 0.6), (-math.inf, 0.3568203)):
        path = group_composition(group, network, init=rows, log_alpha=scale, error_bars=False)
        assert path.rang[1].tolist() == [0, 1, 2, 3]
        assert path.losses / path.losses[0] == pytest.approx([1.0, level], abs=1e-7)


@pytest.mark.parametrize("mean", [0.0, 0.4])
def test_paths_of_the_cyclic_group_are_those_of_modular_addition(mean):
    x = np.cos(2 * np.pi * np.arange(5) / 5) + mean
    options = {"width": 3, "seed": 1, "max_jumps": 1, "log_alpha": -6.0}
    path, other = group_composition(cyclic(5), x, **options), modular_addition(x, **options)
    assert path.times == pytest.approx(other.times, rel=1e-9)
    assert path.losses == pytest.approx(other.losses, rel=1e-9)
    assert path.neurons[1] == pytest.approx(other.neurons[1], abs=1e-7)


def test_a_product_of_three_signs_is_learnt_by_four_neurons():
    """Z_2, k = 3: f = (u a + v b + t c)³ w, of which 6uvt abc w is wanted; 2^{k−1} suffice."""
    group = cyclic(2)
    network = GroupComposition(group, [1.0, -1.0], 3)
    signs = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    # (u a + …)³ sums to 24 abc over the signs, where u·L_g x = 2u a and w has one entry up.
    rows = np.concatenate([np.repeat(signs[:, :, None], 2, 2) * [1, -1] / 2, np.ones((4, 1, 2))], 1)
    rows[:, 3] = np.array([1.0, -1.0]) / 24
    rows = rows.reshape(4, 8)
    assert network.loss(rows) <= 1e-28
    path = group_composition(group, network, k=3, init=1e-3 * rows)
    assert path.losses == pytest.approx([1.0, 0.0], abs=1e-9)
    assert path.rang[1].tolist() == [0, 1, 2, 3]


def test_the_report_says_of_each_jump_what_rang_and_of_each_irrep_what_was_predicted():
    network = published()
    path = group_composition(network.group, network, width=2, max_jumps=1)
    found = network.report(path)
    assert found.jump.tolist() == [1]
    assert found.irrep.tolist() == [2]
    assert found.rank == pytest.approx(np.ones(1), abs=1e-3)
    assert found.loss.tolist() == path.losses[1:].tolist()
    assert found.learnable.tolist() == [2, 1]
    assert found.plateau / 3 == pytest.approx([5, 0], abs=1e-9)
    assert found.earliest.tolist() == network.time_bounds()[[2, 1]].tolist()
    assert (found.unlearnable, found.ties) == (0.0, False)
    assert found.to_frame().irrep.tolist() == [2]
    nothing = network.report(group_composition(network.group, network, width=2, max_jumps=0))
    assert nothing.irrep.shape == (0,)
    for wrong in (path.betas, group_composition(cyclic(5), np.eye(5)[0], width=1)):
        with pytest.raises(ValueError, match=r"\(k\+1\)n = 18 weights"):
            network.report(wrong)
    error, power = network.plot(path).axes
    staircase = [line for line in error.lines if len(line.get_xdata()) == len(path) + 1]
    assert staircase[0].get_ydata()[:-1] == pytest.approx(path.losses / 3)
    names = [line.get_label() for line in power.lines]
    assert names == ["irrep 2: 2-dim, real", "irrep 1: 1-dim, real"]
    learnt = [network.group.power(x)[2] / network.power[2] for x in path.betas]
    assert power.lines[0].get_ydata()[:-1] == pytest.approx(learnt)
    with pytest.raises(ValueError, match="must have a jump"):
        network.plot(replace(path, betas=np.zeros((2, 5))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0}, "width=0"),
        ({"width": None}, "width=None"),
        ({"k": 0}, "k=0"),
        ({"init": np.ones((2, 8)), "width": None}, "8 columns"),
        ({"init": np.ones((2, 9))}, "width=3"),
        ({"log_alpha": 1.0}, "log_alpha"),
        ({"template": GroupComposition(cyclic(4), np.eye(4)[0])}, "network of Z_4 with k=2"),
        (
            {"template": GroupComposition(cyclic(3), np.eye(3)[0]), "k": 3},
            "network of Z_3 with k=2",
        ),
    ],
)
def test_bad_input_is_named(options, words):
    options = {"template": [1.0, 0.0, 0.0], "width": 3} | options
    with pytest.raises(ValueError, match=words):
        group_composition(cyclic(3), **options)
    with pytest.raises(ValueError, match="columns"):
        GroupComposition(cyclic(3), [1.0, 0.0, 0.0]).modes(np.ones((1, 4)))
