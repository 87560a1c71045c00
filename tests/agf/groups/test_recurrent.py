"""The recurrent network multiplies any number of elements, if its neurons multiply two."""

import numpy as np
import pytest
import torch

from saddles.agf import GroupComposition, group_composition, recurrent_composition
from saddles.groups import cyclic, symmetric
from tests.groups.some_groups import group_named, with_singular_values


def worst(group, template, rnn, k):
    """The largest error over 200 random tuples of k elements."""
    tuples = np.random.default_rng(k).integers(group.order, size=(200, k))
    codes = template[group.table[group.inverse]]
    products = tuples[:, 0]
    for g in tuples[:, 1:].T:
        products = group.table[products, g]
    with torch.no_grad():
        answers = rnn(torch.tensor(codes[tuples])).numpy()
    return np.abs(answers - codes[products]).max() / np.abs(template).max()


@pytest.mark.parametrize(
    ("name", "mean", "width"),
    # 2d³ for each irrep of real type, 8d³ for others.
    [("Z_5", 0, 16), ("D_3", 0, 18), ("D_3", 1, 20), ("Q_8", 0, 70), ("A_4", 0, 62)],
)
def test_explicit_neurons_multiply_any_number_of_elements(name, mean, width):
    group = cyclic(5) if name == "Z_5" else group_named(name)
    template = np.random.default_rng(0).standard_normal(group.order)
    template += mean - template.mean()
    rnn = recurrent_composition(GroupComposition(group, template))
    assert rnn.W_mix.shape == (width, width)
    for k in range(2, 7):
        assert worst(group, template, rnn, k) <= 1e-9


def test_neurons_of_a_path_multiply_as_exactly_as_they_have_learnt():
    group = symmetric(3)
    template = with_singular_values(group, {1: 3.0})
    network = GroupComposition(group, template)
    path = group_composition(group, network, width=4, seed=1)
    rnn = recurrent_composition(network, path.neurons[-1])
    assert len(rnn.W_in) == len(path.neurons[-1])
    for k in range(2, 7):
        assert worst(group, template, rnn, k) <= 1e-4


def test_its_weights_can_be_trained():
    network = GroupComposition(cyclic(3), [1.0, -1.0, 0.5])
    rnn = recurrent_composition(network)
    rnn(torch.ones(2, 4, 3, dtype=torch.float64)).sum().backward()
    assert [tuple(p.shape) for p in rnn.parameters()] == [(10, 3), (10, 3), (10, 10), (3, 10)]
    assert all(p.grad.abs().max() > 0 for p in rnn.parameters())
    for shape in [(4, 3), (2, 1, 3), (2, 4, 2)]:
        with pytest.raises(ValueError, match=r"sequences \(batch, k, 3\)"):
            rnn(torch.ones(shape, dtype=torch.float64))


def test_bad_input_is_named():
    x = [1.0, -1.0, 0.5]
    network = GroupComposition(cyclic(3), x)
    with pytest.raises(TypeError, match="GroupComposition"):
        recurrent_composition(x)
    with pytest.raises(ValueError, match="k=3"):
        recurrent_composition(GroupComposition(cyclic(3), x, 3))
    with pytest.raises(ValueError, match="8 columns"):
        recurrent_composition(network, np.ones((2, 8)))
    with pytest.raises(ValueError, match="of the loss, above tol=1e-09"):
        recurrent_composition(network, np.ones((2, 9)))
    with pytest.raises(ValueError, match="tol=2"):
        recurrent_composition(network, tol=2)
    group = symmetric(3)
    singular = GroupComposition(group, with_singular_values(group, {2: [8, 0]}))
    with pytest.raises(ValueError, match=r"singular for the irreps \[2\]"):
        recurrent_composition(singular)


def test_sequences_of_any_kind_of_number_are_taken():
    x = np.random.default_rng(0).standard_normal(6)
    rnn = recurrent_composition(GroupComposition(symmetric(3), x))
    codes = np.ones((1, 2, 6))
    for given in (codes, torch.ones(1, 2, 6), torch.ones(1, 2, 6, dtype=torch.int64)):
        assert torch.equal(rnn(given), rnn(torch.tensor(codes)))
