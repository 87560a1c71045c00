"""Where the trainer visits the saddles of gradient flow, and why it sometimes does not.

Both ascend |Rᵀφ|/n from the same initial directions here. The trainer then takes the neuron with
the largest utility. The flow takes the neuron that arrives first, and clocks keep what they have
accumulated before: a neuron that has nearly arrived overtakes a better one.
"""

import numpy as np
import pytest

import saddles
from saddles.optim import AGF
from tests.agf.networks import power


def visited(neuron, X, Y, starts, jumps):
    trainer = AGF(neuron, bias=False, criterion="utility", starts=starts, patience=None)
    steps = trainer.steps(X, Y)
    return [next(steps).loss for _ in range(jumps + 1)]


def directions(draw, H, d):
    W = draw.standard_normal((H, d))
    return W / np.linalg.norm(W, axis=1, keepdims=True), draw.choice([-1.0, 1.0], H)


def test_linear_neurons_visit_the_saddles_of_linear_networks():
    draw = np.random.default_rng(0)
    X = np.linalg.qr(draw.standard_normal((40, 4)))[0] * np.sqrt(40)
    left, right = (np.linalg.qr(draw.standard_normal((4, 4)))[0] for _ in range(2))
    Y = X @ left @ np.diag([4.0, 2.0, 1.0, 0.5]) @ right
    path = saddles.agf.linear(X.T @ X / 40, Y.T @ X / 40)
    found = visited("linear", X, Y, draw.standard_normal((30, 4)), len(path) - 1)
    assert found == pytest.approx(path.losses, abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_relu_neurons_visit_the_saddles_of_the_path(seed):
    draw = np.random.default_rng(seed)
    X = draw.standard_normal((30, 3))
    y = 2 * np.maximum(X[:, 0], 0) - np.maximum(X[:, 1], 0) + 0.1 * draw.standard_normal(30)
    W, a = directions(draw, 20, 3)
    init = 0.7 * np.column_stack([W, 1.0001 * a])
    path = saddles.agf.relu(X, y, init=init, on_failure="return", max_jumps=2)
    assert visited("relu", X, y, W, 2) == pytest.approx(path.losses[:3], rel=1e-4)


def quadratics(seed):
    """Return the losses of the path and of the trainer, on a sum of three squares."""
    draw = np.random.default_rng(seed)
    X = draw.standard_normal((60, 3))
    y = X**2 @ [2.0, -1.0, 0.5]
    W, a = directions(draw, 12, 3)
    path = saddles.agf.network(power(X, y, 3), init=np.column_stack([a, W]), max_jumps=3)
    return path.losses, visited("quadratic", X, y, W, 3)


@pytest.mark.parametrize("seed", [0, 3])
def test_quadratic_neurons_visit_the_saddles_of_the_path(seed):
    path, trainer = quadratics(seed)
    assert trainer == pytest.approx(path, rel=1e-4, abs=1e-9)


def test_the_flow_takes_the_neuron_that_arrives_first_and_the_trainer_the_best_one():
    path, trainer = quadratics(1)
    assert trainer[:2] == pytest.approx(path[:2], rel=1e-4)
    assert trainer[2] < 0.5 * path[2]
    assert trainer[3] == pytest.approx(path[3], abs=1e-9)
