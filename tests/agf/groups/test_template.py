"""What follows from a template: largest utilities, blocks, levels, times; beside plain ascent."""

import math
from functools import reduce
from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize

from reference.group_composition import shift, targets
from saddles.agf import GroupComposition, ModularAddition, group_composition
from saddles.groups import cyclic, dihedral, symmetric
from tests.groups.some_groups import group_named, relabelled, with_singular_values

SIX = ("S_3", "D_4", "Q_8", "A_4", "SL(2,3)", "He_3")


def random_template(group, seed, mean=0.0):
    x = np.random.default_rng(seed).standard_normal(group.order)
    return x - x.mean() + mean


def parts_of(theta, k):
    return theta.reshape(len(theta), k + 1, -1)


def ascended(network, number, starts=4, steps=100):
    """Unit neurons of an irrep that alternating ascent has led to a largest utility.

    Neurons that begin in an irrep stay there: beside no mean, gradients do not lead out of it.
    """
    group, k = network.group, network.k
    rows = np.random.default_rng(number).standard_normal((starts, k + 1, group.order))
    rows = np.array([[group.project(part, number) for part in row] for row in rows])
    none = np.zeros((0, network.size))
    for _ in range(steps):
        for a in range(k + 1):
            pull = network.utility_gradient(rows.reshape(starts, -1), none)
            slope = parts_of(pull, k)[:, a]
            rows[:, a] = slope / np.linalg.norm(slope, axis=1, keepdims=True)
    best = rows.reshape(starts, -1) / math.sqrt(k + 1)
    return best[network.utility(best, none).argmax()][None]


@pytest.mark.parametrize(("name", "k"), [*((name, 2) for name in SIX), ("Q_8", 3)])
def test_the_largest_utility_of_each_irrep(name, k):
    """It is attained, by neurons of rank one over the field of the type."""
    group = group_named(name)
    network = GroupComposition(group, random_template(group, 1), k)
    for number in range(1, len(group.irreps)):
        best = ascended(network, number)
        utility = network.utility(best, np.zeros((0, network.size)))[0]
        assert utility == pytest.approx(network.utility_bounds[number], rel=1e-10)
        modes = network.modes(best)
        assert (modes.irrep[0], modes.share[0]) == (number, pytest.approx(1))
        assert modes.rank[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(("name", "mean"), [("S_3", 0.3), ("Q_8", 1.0), ("A_4", 0.3)])
def test_the_largest_utility_beside_a_mean(name, mean):
    """The best neuron's output is partly constant; or the whole neuron is."""
    group = group_named(name)
    network = GroupComposition(group, random_template(group, 2, mean))
    starts = np.random.default_rng(0).standard_normal((4, network.size))
    found = [unit_maximum(network, row)[1] for row in starts]
    assert max(found) == pytest.approx(network.utility_bounds.max(), rel=1e-9)
    assert network.blocks.utility.max() == pytest.approx(network.utility_bounds.max())


def unit_maximum(network, start):
    """Return the unit neuron and its utility where U(θ)/|θ|³ is largest near `start`."""
    none = np.zeros((0, network.size))

    def negative(row):
        norm = np.linalg.norm(row)
        utility = float(network.utility(row[None], none)[0]) / norm**3
        slope = network.utility_gradient(row[None], none)[0] / norm**3
        return -utility, -(slope - 3 * utility * row / norm**2)

    found = minimize(negative, start, jac=True, method="BFGS", options={"gtol": 1e-10})
    return found.x / np.linalg.norm(found.x), -found.fun


def block_targets(network):
    """Targets (m, n, …, n, n) of the blocks, by definition: ρ(g_1)a a†ρ(g_2)…a_j σ_j b_j†."""
    group, blocks, k = network.group, network.blocks, network.k
    found = []
    for number, left, right in zip(blocks.irrep, blocks.left, blocks.right, strict=True):
        irrep = group.irreps[number]
        rho = irrep.matrices
        a, sigma, b = np.linalg.svd(np.tensordot(network.template, rho, 1))
        chain = rho
        for i in left:
            inner = chain @ np.outer(a[:, i], a[:, i].conj())
            chain = np.einsum("...ij,gjl->...gil", inner, rho)
        chain = chain @ (sigma[right] * np.outer(a[:, right], b[right]))
        both = irrep.dim * (1 + (irrep.kind == "complex")) / group.order
        found.append(both * np.einsum("cij,...ij->...c", rho.conj(), chain).real)
    assert found[0].shape == (group.order,) * (k + 1)
    return np.array(found)


def largest(tensor, starts):
    """Largest value of a tensor (n, …, n) on unit vectors, by alternating ascent."""
    axes, n = tensor.ndim, len(tensor)
    best = 0.0
    for row in np.random.default_rng(0).standard_normal((starts, axes, n)):
        for step in range(60 * axes):
            a = step % axes
            others = [row[b] for b in range(axes) if b != a]
            slope = reduce(
                lambda t, v: np.tensordot(v, t, (0, 0)), others, np.moveaxis(tensor, a, -1)
            )
            row[a] = slope / np.linalg.norm(slope)
        best = max(best, float(np.linalg.norm(slope)))
    return best


@pytest.mark.parametrize(
    ("name", "number", "sigma", "k"),
    [
        ("S_3", 2, [8, 4], 2),
        ("S_3", 2, [8, 4], 3),
        ("A_4", 2, [5, 4, 2], 2),
        pytest.param("He_3", 5, [5, 4, 2], 2, marks=pytest.mark.slow),
    ],
)
def test_an_irrep_is_learnt_block_by_block(name, number, sigma, k):
    """As blocks are taken from the target, the best neuron is in the best block that remains."""
    group = group_named(name)
    network = GroupComposition(group, with_singular_values(group, {number: sigma}), k)
    blocks, n = block_targets(network), group.order
    every = targets(group.table, network.template, k)
    whole = np.array([every[e] for e in product(range(n), repeat=k)]).reshape(blocks[0].shape)
    assert blocks.sum(axis=0) == pytest.approx(whole, abs=1e-12)
    flat = blocks.reshape(len(blocks), -1)
    assert flat @ flat.T / (2 * n**k) == pytest.approx(np.diag(network.blocks.power), abs=1e-12)
    inputs = np.array([shift(group.table, g, network.template) for g in range(n)])
    for utility, block in zip(network.blocks.utility, blocks, strict=True):
        tensor = math.factorial(k) * whole / n**k
        for _ in range(k):  # each input in turn, and the output comes to the front last
            tensor = np.tensordot(tensor, inputs, (0, 0))
        assert largest(tensor, 6) / (k + 1) ** ((k + 1) / 2) == pytest.approx(utility, rel=1e-9)
        whole = whole - block


def test_blocks_come_by_their_utility():
    group = symmetric(3)
    blocks = GroupComposition(group, with_singular_values(group, {2: [8, 4]})).blocks
    assert blocks.left[:, 0].tolist() == [0, 1, 0, 1]
    assert blocks.right.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("sigma", "levels", "unlearnable"),
    [
        ({2: [8, 4]}, [1, 0.6, 0.2, 0.1, 0], 0.0),
        ({2: [8, 0]}, [1, 0.5], 0.5),
        ({1: 3, 2: 6}, [1, 1 / 17, 0], 0.0),
        ({1: 6, 2: 5}, [1, 0.7352941176, 0], 0.0),
        ({0: 3, 1: 1, 2: 2}, [1, 17 / 26, 1 / 26, 0], 0.0),
    ],
)
def test_levels_of_the_symmetric_group(sigma, levels, unlearnable):
    """The operator norm decides, not the power: σ = 6 of the sign comes before 5, 5."""
    group = symmetric(3)
    network = GroupComposition(group, with_singular_values(group, sigma))
    whole = network.power.sum()
    assert whole == pytest.approx(network.template @ network.template / 2)
    assert network.plateaus() / whole == pytest.approx(levels, abs=1e-9)
    assert network.unlearnable.sum() / whole == pytest.approx(unlearnable, abs=1e-12)
    assert network.floor == network.plateaus()[-1] == network.plateaus("irrep")[-1]
    assert not network.ties


def test_levels_of_published_templates():
    """Mean squared errors per output: D_3, then C_11 with |x̂| = 12.5, 10, … 2.5."""
    group = dihedral(3)
    network = GroupComposition(group, with_singular_values(group, {1: 180**0.5, 2: 4500**0.5}))
    assert network.plateaus() * 2 / 6 == pytest.approx([505, 5, 0], abs=1e-9)
    assert network.time_bounds().min() == pytest.approx(5.9628480e-5, rel=1e-7)
    sizes = {i: 12.5 - 2.5 * (i - 1) for i in range(1, 6)}
    cycle = GroupComposition(cyclic(11), with_singular_values(cyclic(11), sizes))
    assert (cycle.plateaus() * 2 / 11)[-2] == pytest.approx(12.5 / 121)


def test_one_hot_templates_tie_in_order_of_the_real_dimension():
    group = group_named("SL(2,3)")
    network = GroupComposition(group, np.eye(24)[group.identity] - 1 / 24)
    dims = [group.irreps[i].real_dim for i in network.learnable]
    assert dims == sorted(dims) == [2, 3, 4, 4]
    assert not network.ties
    signs = group_named("D_4")
    assert GroupComposition(signs, np.eye(8)[0] - 1 / 8).ties
    assert len(GroupComposition(signs, np.eye(8)[0] - 1 / 8).plateaus()) == 3


def test_an_automorphism_permutes_irreps_at_most():
    group = symmetric(3)
    x, swap = random_template(group, 3), group.elements.index((1, 0, 2))
    inner = group.table[group.table[swap], swap]  # s g s⁻¹, since s is its own inverse
    assert (relabelled(group, inner).table == group.table).all()
    known, moved = (GroupComposition(group, y) for y in (x, x[inner]))
    for one, other in zip(known.singular_values, moved.singular_values, strict=True):
        assert one == pytest.approx(other, abs=1e-12)
    doubled = GroupComposition(cyclic(7), random_template(cyclic(7), 3)[np.arange(7) * 3 % 7])
    plain = GroupComposition(cyclic(7), random_template(cyclic(7), 3))
    assert doubled.utility_bounds.max() == pytest.approx(plain.utility_bounds.max())
    assert doubled.plateaus() == pytest.approx(plain.plateaus())


@pytest.mark.parametrize(
    ("group", "k", "mean", "log_alpha"),
    [
        (symmetric(3), 2, 0.0, -2.0),
        (group_named("Q_8"), 2, 0.3, -math.inf),
        (cyclic(3), 3, 0.0, -2.0),
    ],
    ids=str,
)
def test_the_time_bound_is_attained_along_a_best_direction(group, k, mean, log_alpha):
    network = GroupComposition(group, random_template(group, 4, mean), k)
    bounds = network.time_bounds(log_alpha=log_alpha)
    if mean:
        start, _ = unit_maximum(network, np.random.default_rng(1).standard_normal(network.size))
    else:
        start = ascended(network, int(bounds.argmin()))[0]
    path = group_composition(
        group, network, k=k, init=start[None], log_alpha=log_alpha, max_jumps=1
    )
    assert path.times[1] == pytest.approx(bounds.min(), rel=1e-8)


def test_the_first_jump_beside_a_mean():
    x = np.cos(2 * np.pi * np.arange(7) / 7) + 0.3
    assert GroupComposition(cyclic(7), x).time_bounds().min() == pytest.approx(0.403389, abs=5e-7)


def test_networks_compare_by_value():
    group = symmetric(3)
    networks = {GroupComposition(group, np.arange(6.0) + k // 3, k) for k in (2, 3, 4, 2)}
    assert len(networks) == 3
    assert GroupComposition(symmetric(3), np.arange(6.0)) in networks
    assert GroupComposition(dihedral(3), np.arange(6.0)) not in networks
    assert ModularAddition(np.eye(5)[0]) == ModularAddition(np.eye(5)[0])


def test_bounds_beside_a_mean_are_known_for_two_factors_only():
    network = GroupComposition(cyclic(3), [1.0, 0.0, 0.0], 3)
    with pytest.raises(ValueError, match=r"k=3: .* subtract the mean"):
        network.utility_bounds  # noqa: B018
    assert network.unlearnable.sum() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, [1.0, 0.0, 0.0]), "group=3 must be a saddles.groups.Group"),
        ((cyclic(3), [1.0, 0.0]), "length 2; Z_3 has 3 elements"),
        ((cyclic(3), [2.0, 2.0, 2.0]), "constant"),
        ((cyclic(3), [0.0, 0.0, 0.0]), "constant"),
        ((cyclic(1), [1.0]), "constant"),
        ((cyclic(3), [1.0, np.nan, 0.0]), "not finite"),
        ((cyclic(3), [1e80, 0.0, 0.0]), "outside"),
        ((cyclic(3), [1.0, 0.0, 0.0], 0), "k=0"),
        ((cyclic(3), [1.0, 0.0, 0.0], 1), "k=1"),
        ((cyclic(3), [1.0, 0.0, 0.0], 2.0), "k=2.0"),
    ],
)
def test_bad_input_is_named(arguments, words):
    with pytest.raises((TypeError, ValueError), match=words):
        GroupComposition(*arguments)
    if len(arguments) == 2 and not isinstance(arguments[0], int):
        with pytest.raises(ValueError, match=words):
            group_composition(*arguments, width=2)
