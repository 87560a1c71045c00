"""The splitting clock: neurons of degree 2 that activated together part at times in closed form."""

from dataclasses import replace
from math import acos, pi, sin, sqrt

import numpy as np
import pytest

from saddles import Status
from saddles.agf import HermiteTarget, MultiIndex
from saddles.agf._engine.steps import solve_network
from tests.agf import networks

#: Directions are known to 1e-9, and times follow from rates along them.
TIMES = 1e-6
#: Relative to the first loss.
LOSSES = 1e-9

AXES = np.eye(3)
FOUR = np.array([AXES[0], AXES[1], -AXES[0], -AXES[1]])


def teachers(weights, directions):
    """ReLU teachers in three dimensions."""
    return MultiIndex(HermiteTarget.teacher(weights, directions), 3)


def start(width, seed, *, signs):
    """Balanced neurons, |a| = |w|, in random directions; every other one negative if `signs`.

    A negative neuron on a target that is nowhere negative shrinks to w = 0, where kernels kink.
    """
    w = np.random.default_rng(seed).standard_normal((width, 3))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    return np.column_stack([np.where(signs & (np.arange(width) % 2 == 1), -1.0, 1.0), w])


def orthogonal(r):
    """c, the growth along the mean direction of r orthogonal teachers, and h, that across it."""
    cosine = 1 / sqrt(r)
    angle = acos(cosine)
    growth = r / (2 * pi) * (sin(angle) + (pi - angle) * cosine)
    return growth, r**1.5 / (2 * pi * sqrt(r - 1))


def levels(r):
    first = (r / 2 + r * (r - 1) / (2 * pi)) / 2
    return [first, first - orthogonal(r)[0] ** 2 / 2 * 2, 0.0]


def of_equal(r):
    growth, across = orthogonal(r)
    return [1 / growth, 1 / across]


CASES = {
    "two": (teachers([1.0, 1.0], AXES[:2]), 4, of_equal(2), levels(2)),
    "three": (teachers([1.0, 1.0, 1.0], AXES), 6, of_equal(3), levels(3)),
    "|z1| + |z2|/2": (
        teachers([1.0, 1.0, 0.5, 0.5], FOUR[[0, 2, 1, 3]]),
        6,
        [1 / (0.5 + 1 / (2 * pi)), pi],
        [0.9433099, 0.0743394, 0.0],
    ),
    "one and a half": (
        teachers([1.0, 0.5], AXES[:2]),
        4,
        [1.6688617, 3.9629487],
        [0.3920775, 0.0330238, 0.0],
    ),
    "two clusters": (
        teachers([1.0, 1.0, -0.5, -0.5], FOUR),
        8,
        [1.3675065, 3.0358024, sqrt(2) * pi],
        [0.6647887, 0.1300505, 0.0215447, 0.0],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_clusters_of_relu_neurons_part_when_predicted(name):
    network, width, times, losses = CASES[name]
    first = start(width, 0, signs=name == "two clusters")
    path = solve_network(network, first)
    # Printed numbers have seven digits.
    assert path.times[1:] == pytest.approx(times, rel=TIMES, abs=1e-7)
    assert path.losses == pytest.approx(losses, abs=6e-8)
    assert path.losses[-1] == pytest.approx(0.0, abs=LOSSES * path.losses[0])
    if name in ("two", "three"):
        assert path.losses == pytest.approx(losses, abs=LOSSES * path.losses[0])
    assert path.status is Status.CONVERGED
    assert not path.certificates.conjectured.any()
    assert not (path.entered[2].size and name != "two clusters")


def test_two_clusters_part_at_once_where_the_fastest_direction_has_changed():
    """z1 + z1 z2: dormant deviations shrink out of the plane, and grow there afterwards."""
    network = MultiIndex(HermiteTarget({(1, 0): 1.0, (1, 1): 1.0}), 3)
    path = solve_network(network, start(6, 0, signs=True), max_jumps=2)
    a, w = path.neurons[1][:, 0], path.neurons[1][:, 1:]
    plus, minus = w[a > 0][0], w[a < 0][0]
    unit, other = plus / np.linalg.norm(plus), minus / np.linalg.norm(minus)
    moment = 1 / sqrt(2 * pi)
    first = path.directions[1][0, 1:] / np.linalg.norm(path.directions[1][0, 1:])
    dormant = -moment * first[0] * first[1]
    held = np.sum(np.abs(a[a < 0]) * np.linalg.norm(w[a < 0], axis=1)) * sin(acos(unit @ other))
    grows = -moment * unit[0] * unit[1] + held / (2 * pi)
    assert path.times[1] == pytest.approx(1.647706, abs=1e-6)
    expected = path.times[1] + (1 - dormant * path.times[1]) / grows
    assert path.times[2] == pytest.approx(expected, rel=TIMES)
    assert path.losses[:2] == pytest.approx([1.0, 0.084993], abs=1e-6)
    assert path.rang[2].tolist() == list(range(6))
    assert path.certificates.conjectured.tolist() == [False, False, True]
    assert "rests on a conjecture" in str(path.certificates[2])


def without_curvature(network):
    """Return the network without second derivatives."""
    names = ("degree", "size", "loss", "gradient", "utility", "utility_gradient", "point")
    return type("Plain", (), {name: getattr(network, name) for name in names})()


def test_without_second_derivatives_a_cluster_is_not_the_end():
    network = teachers([1.0, 1.0], AXES[:2])
    path = solve_network(without_curvature(network), start(4, 0, signs=False))
    assert path.status is Status.NEURONS_PART
    assert not path.status.finished
    assert path.losses == pytest.approx(levels(2)[:2], abs=1e-8)


def test_copies_of_a_neuron_never_part():
    """Equal neurons stay equal, so they end at the saddle; so do those in proportion."""
    network = teachers([1.0, 1.0], AXES[:2])
    one = start(1, 0, signs=False)
    path = solve_network(network, np.vstack([one, 2 * one, one]))
    assert path.status is Status.MAX_RANK
    assert path.losses == pytest.approx(levels(2)[:2], abs=1e-8)


def test_neurons_of_a_linear_network_part_into_its_modes():
    """Σxx = I: the modes of Σyx begin at one over their size, whoever learns them."""
    sizes = np.array([3.0, 2.0, 1.0])
    network = networks.linear(sqrt(3) * np.eye(3), sqrt(3) * np.diag(sizes))
    curved = replace(network)
    object.__setattr__(
        curved, "hessian", lambda theta, basis: by_differences(network, theta, basis)
    )
    init = np.random.default_rng(0).standard_normal((4, 6))
    path = solve_network(curved, init)
    assert path.times[1:] == pytest.approx(1 / sizes, rel=1e-5)
    assert path.losses == pytest.approx([7.0, 2.5, 0.5, 0.0], abs=1e-7)


def by_differences(network, theta, basis):
    """The gradient is a polynomial of degree 3: differences over four steps are exact."""
    rows = []
    for k in range(theta.shape[0] * basis.shape[1]):
        aside = np.zeros((len(theta), basis.shape[1]))
        aside.flat[k] = 1.0
        ahead = [
            (network.gradient(theta + step * aside @ basis.T) @ basis).ravel()
            for step in (1.0, -1.0, 2.0, -2.0)
        ]
        rows.append((8 * (ahead[0] - ahead[1]) - (ahead[2] - ahead[3])) / 12)
    return np.array(rows)
