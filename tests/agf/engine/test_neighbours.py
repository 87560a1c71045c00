"""Neurons that rest only because of where they are: a path says that there is more to learn."""

import numpy as np
import pytest

import saddles
from saddles import Status
from saddles.agf import HermiteTarget

#: A grid that is its own mirror image along each axis.
X = np.array([[a, b] for a in (-1.5, 0.0, 1.5) for b in (-1.5, 0.0, 1.5)])


def square(theta, X):
    return theta[0] * (X @ theta[1:]) ** 2


def two_products(theta, X):
    return theta[0] * theta[1] * X[:, 0] + theta[2] * theta[3] * X[:, 1]


def one_product(theta, X):
    return theta[0] * theta[1] * theta[2] * X[:, 0]


def path(neuron, y, init, degree):
    return saddles.agf.network(neuron, X, y, [init], degree=degree)


@pytest.mark.parametrize(
    ("neuron", "y", "init", "degree"),
    [
        (square, X[:, 0] ** 2 - 1.5, [1.0, 0.0, 1.0], 3),
        (square, 1.5 - X[:, 1] ** 2, [-1.0, 1.0, 0.0], 3),
        (one_product, X[:, 0], [1.0, 0.0, 0.0], 3),
        (two_products, X[:, 0], [0.0, 0.0, 1.0, 1.0], 2),
        (two_products, X[:, 1], [1.0, 2.0, 0.0, 0.0], 2),
    ],
)
def test_directions_on_an_axis_rest_without_being_at_the_end(neuron, y, init, degree):
    found = path(neuron, y, init, degree)
    assert found.status is Status.NO_GROWTH
    assert len(found) == 1
    turned = path(neuron, y, np.array(init) + [0.1] * len(init), degree)
    assert len(turned) > 1


def test_a_neuron_that_learnt_its_part_does_not_end_what_others_could_learn():
    found = path(two_products, X @ [1.0, 2.0], [1.0, 2.0, 0.0, 0.0], 2)
    assert found.status is Status.NO_GROWTH
    assert len(found) == 2


@pytest.mark.parametrize(
    ("neuron", "init", "degree"),
    [(one_product, [1.0, 0.5, 2.0], 3), (two_products, [1.0, 0.5, 0.0, 0.0], 2)],
)
def test_targets_that_no_neuron_sees_are_nothing_to_learn(neuron, init, degree):
    y = X[:, 0] * X[:, 1]
    assert path(neuron, y, init, degree).status is Status.NOTHING_TO_LEARN


def test_a_population_has_them_too():
    found = saddles.agf.multi_index(HermiteTarget({(2,): 1.0}), 3, init=[[1.0, 0.0, 1.0, 0.0]])
    assert found.status is Status.NO_GROWTH
