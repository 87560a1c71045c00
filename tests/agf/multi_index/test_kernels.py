"""Correlations of neurons with each other and with targets, against quadrature."""

import math

import numpy as np
import pytest

from reference import multi_index as reference
from saddles.agf import HermiteTarget, Homogeneous
from saddles.agf._multi_index.activation import NAMED
from saddles.agf._multi_index.kernels import Pairs, Term

#: Of 120 nodes on each piece, relative to E σ².
KERNELS, TERMS = 1e-13, 1e-12

ACTIVATIONS = {**NAMED, "uneven": Homogeneous(4, 1.0, -0.5), "fifth": Homogeneous(5, 0.3, 1.0)}
TARGETS = {
    1: HermiteTarget.polynomial({1: 0.5, 3: 1.0, 4: -0.7}),
    2: HermiteTarget.polynomial({(1, 0): 1.0, (1, 1): 1.0, (1, 3): 0.4, (0, 0): 0.3}),
    3: HermiteTarget.polynomial({(1, 1, 1): 1.0, (2, 0, 2): 0.5, (0, 3, 1): -0.6, (0, 0, 1): 1.0}),
}


def plain(activation):
    return reference.Activation(activation.k, activation.plus, activation.minus)


def pair(angle):
    """Two unit vectors at an angle, written without its cosine."""
    return np.array([[1.0, 0.0]]), np.array([[np.cos(angle), np.sin(angle)]])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_correlations_of_neurons_are_those_of_quadrature(name):
    activation = ACTIVATIONS[name]
    near = math.sqrt(2e-14)  # an angle of which the cosine is 1 − 1e-14
    angles = [0.0, near, 0.3, 1.0, math.pi / 2, 2.0, math.pi - near, math.pi]
    largest = reference.correlation(plain(activation), 0.0)
    for angle in angles:
        found = Pairs(activation, *pair(angle)).value()[0, 0]
        expected = reference.correlation(plain(activation), angle)
        assert found == pytest.approx(expected, abs=KERNELS * largest)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_correlations_with_targets_are_those_of_quadrature(name):
    activation, rng = ACTIVATIONS[name], np.random.default_rng(0)
    for r, target in TARGETS.items():
        inside = rng.standard_normal((2, r))
        inside /= np.linalg.norm(inside, axis=1, keepdims=True) * [[1.0], [2.0]]
        beside = np.sqrt(np.maximum(1 - np.sum(inside**2, axis=1), 0.0))
        found = Term(target, activation).value(np.column_stack([inside, beside]))
        for v, value in zip(inside, found, strict=True):
            expected = reference.target_term(
                lambda z, target=target: target.values(z, activation), plain(activation), v, nodes=4
            )
            assert value == pytest.approx(expected, abs=TERMS * (1 + abs(expected)))


def test_hermite_coefficients_are_those_of_the_activations():
    known = {
        "relu": [0.398942, 0.5, 0.199471, 0.0, -0.016623, 0.0, 0.001662],
        "relu2": [0.5, 0.797885, 0.5, 0.132981, 0.0, -0.006649, 0.0],
        "relu3": [0.797885, 1.5, 1.196827, 0.5, 0.099736, 0.0, -0.003325],
    }
    for name, values in known.items():
        assert NAMED[name].hermite(6) == pytest.approx(values, abs=1e-6)


@pytest.mark.parametrize("k", range(1, 6))
def test_correlations_are_the_sums_of_their_hermite_series(k):
    """F(0) and F'(0) are s_0² and s_1², and F(1) is E σ², the sum of all."""
    activation = Homogeneous(k, 0.7, -0.2)
    half_turn = np.array([math.pi / 2, 0.0])
    value, slope = activation.correlation(half_turn, np.cos(half_turn), np.sin(half_turn))
    known = activation.normalised(150) ** 2
    assert [value[0], slope[0]] == pytest.approx(known[:2], rel=1e-12)
    assert value[1] == pytest.approx(known.sum(), rel=1e-2 if k == 1 else 1e-4)
