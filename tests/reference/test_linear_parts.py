"""The oracle with many digits: closed forms, and the conjecture in general position."""

import numpy as np
import pytest

from reference.agf_linear import agf_linear
from reference.linear_parts import linear_parts


def test_modes_that_commute_go_by_their_singular_values():
    times, losses = linear_parts(np.diag([1.0, 3.0]), np.diag([2.0, 3.0]))
    assert times == pytest.approx([0, 1 / 3, 1 / 2], rel=1e-15)
    assert losses == pytest.approx([3.5, 2, 0], abs=1e-15)


def test_modes_together_are_one_jump():
    times, losses = linear_parts(np.eye(3), np.diag([2.0, 2.0, 1.0]))
    assert times == pytest.approx([0, 0.5, 1], rel=1e-15)
    assert losses == pytest.approx([4.5, 0.5, 0], abs=1e-15)


@pytest.mark.parametrize("seed", range(3))
def test_in_general_position_it_is_the_conjecture(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((3, 8))
    xx, yx = X @ X.T / 8, rng.standard_normal((2, 3))
    times, losses = linear_parts(xx, yx)
    conjecture = agf_linear(xx, yx)
    assert times == pytest.approx(conjecture.times, rel=1e-9)
    assert losses == pytest.approx(conjecture.losses[:3], abs=1e-9 * losses[0])


def test_a_coupling_below_float64_still_counts():
    times, losses = linear_parts(np.array([[1.0, 1e-20], [1e-20, 3.0]]), np.diag([2.0, 3.0]))
    assert times == pytest.approx([0, 1 / 3, 4 / 9], rel=1e-15)
    assert losses == pytest.approx([3.5, 1.5, 0], abs=1e-15)
