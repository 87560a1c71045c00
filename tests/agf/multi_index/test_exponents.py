"""Information exponent and leap: against the definition by coordinates, and under rotations."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saddles.agf import HermiteTarget, information_exponent, leap

indices = st.tuples(*[st.integers(0, 2)] * 3).filter(any)
supports = st.lists(indices, min_size=1, max_size=4, unique=True)


def _by_coordinates(support):
    """Return the leap of Abbe et al.: the best order of the terms, each with its new degree."""
    worst = []
    for order in permutations(support):
        known, most = set(), 0
        for beta in order:
            most = max(most, sum(b for i, b in enumerate(beta) if i not in known))
            known |= {i for i, b in enumerate(beta) if b}
        worst.append(most)
    return min(worst)


@given(supports, st.integers(0, 99))
def test_no_basis_is_preferred(support, seed):
    rng = np.random.default_rng(seed)
    target = HermiteTarget({beta: rng.uniform(0.5, 2) for beta in support})
    turned = target.composed(np.linalg.qr(rng.standard_normal((3, 3)))[0])
    assert leap(turned) == leap(target)
    assert information_exponent(turned) == information_exponent(target)
    assert information_exponent(target) == min(map(sum, support))
    # Coordinates show at least as much in each step as subspaces.
    assert _by_coordinates(support) <= leap(target) <= max(map(sum, support))


@pytest.mark.parametrize(
    ("terms", "first", "largest"),
    [
        ({(1, 0, 0): 1, (1, 1, 0): 1, (1, 1, 1): 1}, 1, 1),
        ({(1, 0, 0): 1, (1, 1, 1): 1}, 1, 2),
        ({(1, 1, 1): 1}, 3, 3),
        ({(2, 0): 1, (1, 2): 1}, 2, 2),
        ({(1, 0): 1, (0, 1): 1, (1, 1): 1}, 1, 2),  # one direction of the plane, then the other
        ({(4,): 1, (6,): 1}, 4, 4),
        ({(0, 0): 3, (2, 0): 1e-5, (1, 1): 1}, 2, 2),
        ({(16,): 1e-6}, 16, 16),
    ],
)
def test_cases(terms, first, largest):
    target = HermiteTarget(terms)
    assert (information_exponent(target), leap(target)) == (first, largest)


def test_degrees_that_the_activation_lacks_do_not_count():
    target = HermiteTarget({(3, 0): 1.0, (0, 4): 1.0})
    assert information_exponent(target) == 3
    assert information_exponent(target, activation="relu") == 4
    assert information_exponent(target, activation="relu3") == 3
    only = HermiteTarget({(3,): 1.0, (5,): 2.0})
    with pytest.raises(ValueError, match=r"lacks the degrees \[3, 5\]"):
        leap(only, activation="relu")
    with pytest.raises(ValueError, match="no Hermite degree"):
        information_exponent(HermiteTarget({(0, 0): 1.0}))


def test_teachers_have_the_degrees_of_their_activation():
    pair = HermiteTarget.teacher([1.0, 1.0], np.eye(2))
    assert (information_exponent(pair, activation="relu"), leap(pair, activation="relu")) == (1, 2)
    assert information_exponent(pair, activation="abs") == 2
    with pytest.raises(ValueError, match="activation=None"):
        leap(pair)


def test_bad_input_is_named():
    with pytest.raises(TypeError, match="target"):
        leap({(1, 0): 1.0})
    many = HermiteTarget({(6,) + (0,) * 29: 1.0})
    with pytest.raises(ValueError, match="fit up to degree 3"):
        leap(many)


def test_any_degree_and_number_of_coordinates_has_an_exponent():
    """Of which the tensors would have 40^170 entries."""
    term = (40,) + (0,) * 38 + (130,)
    assert information_exponent(HermiteTarget({term: 1e-100})) == 170
    assert information_exponent(HermiteTarget({term: 1.0, (1,) * 40: 1e140})) == 40
    with pytest.raises(ValueError, match="degree 171"):
        information_exponent(HermiteTarget({171: 1.0}))


def test_the_symmetry_of_a_target_has_to_be_leapt_over():
    """No part is linear in what a permutation of coordinates turns over."""
    terms = {b: 1.0 for b in product(range(4), repeat=3) if 0 < sum(b) < 4}
    assert leap(HermiteTarget(terms)) == 2
    assert leap(HermiteTarget(terms | {(0, 1, 0): 2.0, (0, 0, 1): 3.0})) == 1
