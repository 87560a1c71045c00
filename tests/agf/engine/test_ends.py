"""Where paths end: pulls that are noise, and saddles that the limit's flow leaves."""

import math

import numpy as np
import pytest

import saddles
from saddles import Status
from saddles.agf import modular_addition
from saddles.agf._engine.steps import solve_network
from tests.agf.networks import Network, power, squares

#: Losses at infinity are extrapolated to 1e-5 of the first, or to 5e-4 where they creep slowly.
CREEP, SLOW = 1e-5, 1e-3
LIMIT = -math.inf


def cosine(p, frequency):
    return np.cos(2 * np.pi * frequency * np.arange(p) / p)


@pytest.mark.parametrize("log_alpha", [LIMIT, -8.0])
def test_a_neuron_that_fell_back_is_followed_and_what_its_creep_leaves_open_is_no_pull(log_alpha):
    init = [[0.32, -0.82, 0.73], [-0.5, 0.88, -1.07], [0.91, -0.02, -1.25]]
    data = np.array([[1.0, 0.0], [3.0, 2.0], [-3.0, -2.0]]), np.array([0.0, 2.0, -3.0])
    path = solve_network(power(*data, 3), init, log_alpha=log_alpha)
    assert path.times[1:] == pytest.approx([0.544208], rel=2e-4)
    assert path.losses == pytest.approx([13 / 6, 25 / 12], abs=CREEP * 13 / 6)
    assert path.status is Status.CONVERGED


@pytest.mark.parametrize(("p", "log_alpha"), [(4, LIMIT), (4, -100.0), (8, LIMIT), (12, LIMIT)])
def test_a_saddle_outside_of_the_aligned_subspace_is_left(p, log_alpha):
    """Frequencies with 4ξ = 0 mod p: one neuron leaves 7/8, two leave 3/8 at infinity."""
    path = modular_addition(cosine(p, p // 4), width=2, log_alpha=log_alpha)
    assert path.losses / path.losses[0] == pytest.approx([1.0, 7 / 8, 3 / 8], abs=SLOW)


def test_what_the_flow_leaves_at_once_is_no_saddle_of_the_path():
    """The flow from the same neurons makes one drop, to zero."""
    network = power(np.array([[-1.0, 0.0], [0.0, -3.0]]), np.array([2.0, 1.0]), 3)
    init = np.array([[-0.52, 1.3, -0.57], [0.05, 1.07, -0.33]])
    path = solve_network(network, init)
    flow = saddles.flow.neurons(network, init, log_alpha=-12.0)
    assert path.times[1:] == pytest.approx([flow.times[-1]], rel=1e-3)
    assert path.losses == pytest.approx([1.25, 0.0], abs=1e-9)


def test_a_jump_that_learns_no_more_than_a_creep_leaves_is_none():
    """Two of three neurons creep to an infimum, and what they leave open pulls at the third.

    The infimum is extrapolated, so that the loss at which all three end may even lie above it.
    """
    X = np.array([[2.0, 0.0], [1, 2], [-1, -2], [-1, -1], [2, 2], [-2, 0]])
    Y = np.array([[2.0, -3.0], [2, -3], [0, 2], [-1, -1], [-2, 2], [-2, 3]])
    init = [[-0.03, 0.7, -1.34, -0.46], [-1.9, -1.29, -1.84, -0.24], [-1.27, 0.27, 0.16, -0.19]]
    path = solve_network(squares(X, Y), init)
    assert path.losses == pytest.approx([53 / 12, 4.2496242, 3.5710784], abs=CREEP * 53 / 12)
    assert path.status is Status.RESOLUTION
    assert path.remaining.loss == pytest.approx(path.certificates[-1].creep * path.losses[0])


def tiny(seed):
    """Two or three integer samples, ties and copies among them, and two to four neurons."""
    rng = np.random.default_rng(seed)
    n, width = rng.integers(2, 4), rng.integers(2, 5)
    X = rng.integers(-3, 4, (n, 2)).astype(float)
    network = power(X, rng.integers(-3, 4, n).astype(float), 3)
    return network, rng.standard_normal((width, 3)).round(2)


def check_tiny(seed):
    network, init = tiny(seed)
    if not network.loss(init[:0]) > 0 or not network.utility_gradient(init, init[:0]).any():
        return
    path = solve_network(network, init)
    assert (np.diff(path.losses) <= 1e-9 * path.losses[0]).all()
    assert path.status.finished or path.status is Status.RESOLUTION


@pytest.mark.parametrize("seed", [17, 28, 36])
def test_tiny_problems_come_to_an_end(seed):
    """The first two ended in rings of neurons whose utility was rounding, or creep."""
    check_tiny(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_many_tiny_problems_come_to_an_end(seed):
    check_tiny(seed)


@pytest.mark.parametrize(("p", "seed", "least"), [(5, 0, 0.0), (3, 0, 1 / 9)])
def test_a_lone_frequency_is_learnt_as_far_as_its_neurons_can(p, seed, least):
    """Six neurons may learn it all; five that are left by one that fell behind may not."""
    path = modular_addition(cosine(p, 1), width=6, seed=seed)
    assert path.losses[-1] / path.losses[0] == pytest.approx(least, abs=CREEP * 10)
    assert path.status is (Status.NO_GROWTH if least else Status.AT_INFINITY)


@pytest.mark.slow
@pytest.mark.parametrize("p", [3, 5, 7, 11, 13])
@pytest.mark.parametrize("width", [6, 12])
@pytest.mark.parametrize("seed", range(5))
def test_lone_frequencies_come_to_an_end(p, width, seed):
    path = modular_addition(cosine(p, 1), width=width, seed=seed)
    assert path.status.success
    assert (np.diff(path.losses) < 0).all()


@pytest.mark.slow
def test_a_stiff_way_comes_to_its_end():
    """One neuron turns by rates that differ by orders of magnitude."""
    p, c = 11, np.arange(11)
    template = 2 / p * (10 * np.cos(2 * np.pi * c / p) + 5 * np.cos(4 * np.pi * c / p))
    init = np.random.default_rng(1).standard_normal((6, 3 * p))
    init /= np.linalg.norm(init, axis=1)[:, None]
    path = modular_addition(template, init=init, log_alpha=-20.0)
    assert len(path) == 6
    assert path.status is Status.NO_GROWTH


def dihedral():
    """The group of six elements and a template of powers 0, 30 and 3000, on all pairs."""
    elements = [(k, s) for s in range(2) for k in range(3)]

    def product(a, b):
        return (a[0] + (-1) ** a[1] * b[0]) % 3, (a[1] + b[1]) % 2

    sign = np.array([(-1.0) ** s for _, s in elements])
    plane = np.array([2 * math.cos(2 * math.pi * k / 3) * (s == 0) for k, s in elements])
    template = math.sqrt(5 / 3) * (sign + 10 * plane)
    inverse = {a: b for a in elements for b in elements if product(a, b) == (0, 0)}

    def shifted(g):
        return [template[elements.index(product(inverse[g], h))] for h in elements]

    pairs = [(g, h) for g in elements for h in elements]
    inputs = np.array([shifted(g) + shifted(h) for g, h in pairs])
    targets = np.array([shifted(product(g, h)) for g, h in pairs])

    def output(theta):
        inner = (theta[:, :12] @ inputs.T) ** 2
        return (inner[:, :, None] * theta[:, None, 12:]).reshape(len(theta), 36 * 6)

    def derivative(theta):
        inner = theta[:, :12] @ inputs.T
        by_inputs = np.einsum("hn,hc,nd->hncd", 2 * inner, theta[:, 12:], inputs)
        by_outputs = np.einsum("hn,cd->hncd", inner**2, np.eye(6))
        both = np.concatenate([by_inputs, by_outputs], axis=3)
        return both.reshape(len(theta), -1, 18)

    return Network(3, 18, targets, output, derivative, len(pairs))


@pytest.mark.slow
def test_the_smallest_group_that_does_not_commute_is_learnt():
    """Nine neurons learn the plane, one after the other, and the last ones its sign."""
    network = dihedral()
    init = np.random.default_rng(0).standard_normal((20, 18))
    init /= np.linalg.norm(init, axis=1, keepdims=True)
    path = solve_network(network, init)
    shares = np.array([505.0, 476.1585, 400.83, 338.60]) / 505
    assert path.losses[:4] / path.losses[0] == pytest.approx(shares, abs=1e-4)
    assert path.losses[-2] / path.losses[0] == pytest.approx(5 / 505, abs=1e-4)
    assert path.losses[-1] / path.losses[0] <= 1e-5
    assert len(path) == 11
