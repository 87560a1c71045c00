"""Tables of neurons that are polynomials: the same loss, slopes and curvature as torch computes."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from saddles.agf import TorchNetwork  # noqa: E402
from saddles.agf._any.polynomial import HIDDEN, Table, is_polynomial  # noqa: E402
from saddles.agf._engine.subspace import with_neurons  # noqa: E402

#: Sums of some hundred products, in another order.
ROUNDING = 1e-12


def product(theta, X):
    """A bilinear neuron, degree 2."""
    return torch.outer(X @ theta[:3], theta[3:])


def square(theta, X):
    """A quadratic neuron with outputs, degree 3."""
    return torch.outer((X @ theta[:3]) ** 2, theta[3:])


def deep(theta, X):
    """Four layers of width one, degree 4."""
    return torch.outer((X @ theta[:3]) * theta[3] * theta[4], theta[3:])


def relu(theta, X):
    """A kinked neuron, degree 2."""
    return torch.outer(torch.relu(X @ theta[:3]), theta[3:])


def smooth(theta, X):
    """A neuron that is smooth and homogeneous of degree 3 but no polynomial."""
    heights = X @ theta[:3]
    return torch.outer(heights**4 / (theta @ theta), theta[3:])


DEGREES = {product: 2, square: 3, deep: 4}


def network(neuron, degree, samples=7):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((samples, 3)), rng.standard_normal((samples, 2))
    return TorchNetwork(neuron, X, Y, size=5, degree=degree)


def subspace(k, p=5):
    return np.linalg.qr(np.random.default_rng(1).standard_normal((p, k)))[0]


@pytest.mark.parametrize("neuron", DEGREES)
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("samples", [1, 7, 60])
def test_a_table_is_the_network_over_the_subspace_and_beside_it(neuron, k, samples):
    task, basis = network(neuron, DEGREES[neuron], samples), subspace(k)
    rng = np.random.default_rng(2)
    theta, z = rng.standard_normal((4, 5)), rng.standard_normal((4, k))
    theta[0] = basis @ rng.standard_normal(k)
    table, there = task.within(theta, basis), theta + z @ basis.T
    size = task.loss(there)
    assert table.loss(z.ravel()) == pytest.approx(size, rel=ROUNDING)
    slope = (task.gradient(there) @ basis).ravel()
    assert np.abs(table.gradient(z.ravel()) - slope).max() <= ROUNDING * np.abs(slope).max()
    curvature = task.hessian(there, basis)
    missed = np.abs(table.hessian(z.ravel()) - curvature).max()
    assert missed <= ROUNDING * np.abs(curvature).max()


def test_neurons_that_are_all_but_in_the_subspace_take_no_outputs_more():
    task, basis = network(square, 3, samples=60), subspace(2)
    rng = np.random.default_rng(3)
    inside = rng.standard_normal((4, 2)) @ basis.T
    theta, z = inside + 1e-9 * rng.standard_normal((4, 5)), rng.standard_normal((4, 2))
    table, there = task.within(theta, basis), theta + z @ basis.T
    outputs = network(square, 3, samples=60).within(inside, basis)._table.outputs
    assert table._table.dimension > 2
    assert table._table.outputs.shape == outputs.shape
    slope = (task.gradient(there) @ basis).ravel()
    assert np.abs(table.gradient(z.ravel()) - slope).max() <= ROUNDING * np.abs(slope).max()
    # It counts what is beside the subspace: without it the slope is another one.
    other = (task.gradient(inside + z @ basis.T) @ basis).ravel()
    assert np.abs(other - slope).max() > 100 * ROUNDING * np.abs(slope).max()


@pytest.mark.parametrize(("neuron", "degree"), [(relu, 2), (smooth, 3)])
def test_other_neurons_have_no_table(neuron, degree):
    task = network(neuron, degree)
    assert not is_polynomial(task._values, 5, degree)
    assert task.within(np.ones((2, 5)), subspace(3)) is None
    # Nor is one made of them by the polynomial that sums of columns suggest.
    assert Table.of(task._values, subspace(3), degree, np.ones(14)) is None


def test_a_polynomial_of_many_coordinates_has_no_table():
    rng = np.random.default_rng(0)
    task = TorchNetwork(
        lambda theta, X: (X @ theta) ** 3,
        rng.standard_normal((9, 40)),
        np.ones(9),
        size=40,
        degree=3,
    )
    assert task.within(np.ones((1, 40)), np.eye(40)) is None
    assert task.within(np.ones((1, 40)), np.eye(40)[:, :20]) is not None


def test_outputs_are_as_many_as_occur_and_those_of_the_table_before_where_they_do():
    task, columns = network(square, 3, samples=400), with_neurons(np.ones((1, 5)), subspace(2))[0]
    targets = np.random.default_rng(3).standard_normal(800)
    first = Table.of(task._values, columns, 3, targets)
    assert first.outputs.shape[1] <= len(first.entries) + 1
    held = first.outputs @ (first.outputs.T @ targets)
    assert np.abs(held - targets).max() <= ROUNDING * np.abs(targets).max()
    again = Table.of(task._values, columns, 3, targets, before=first)
    assert again.outputs is first.outputs
    other = Table.of(task._values, np.eye(5), 3, targets, before=first)
    outputs = task._values(np.random.default_rng(4).standard_normal((6, 5)))
    missed = outputs - (outputs @ other.outputs) @ other.outputs.T
    assert np.abs(missed).max() <= HIDDEN * np.abs(outputs).max()
