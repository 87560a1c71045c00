"""The row space of features: its rank and its small singular values depend on no unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saddles import Regression, Status, neuron
from saddles._problems.row_space import RowSpace

#: Units of equations and features, as exponents of two: more than a float64 has digits.
UNITS = st.integers(-120, 120)


@st.composite
def products(draw):
    """Draw two integer factors, and units of rows and columns."""
    n, d, rank = (draw(st.integers(1, 5)) for _ in range(3))
    entries = st.integers(-3, 3)
    factors = [
        np.array(draw(st.lists(entries, min_size=a * b, max_size=a * b)), dtype=float).reshape(a, b)
        for a, b in ((n, rank), (rank, d))
    ]
    units = [np.exp2(draw(st.lists(UNITS, min_size=k, max_size=k))) for k in (n, d)]
    return factors[0] @ factors[1], *units


@given(products())
def test_units_change_neither_the_rank_nor_the_digits(drawn):
    plain, rows, columns = drawn
    if not plain.any():
        return
    X = rows[:, None] * plain * columns
    space = RowSpace.of(Regression(X, np.ones(len(X))))
    assert space.rank == np.linalg.matrix_rank(plain)
    np.testing.assert_allclose(space.basis.T @ space.basis, np.eye(space.rank), atol=1e-13)
    again = (space.left * space.singular) @ space.basis.T
    heights = np.abs(X).max(axis=1, keepdims=True)
    assert (np.abs(again - X) <= 1e-13 * heights).all()


def test_a_flow_does_not_end_before_its_smallest_direction_is_learnt():
    """The second target is learnt at t = 1e18, and until then its loss is left."""
    X, y = [[1.0, 0.0], [0.0, 1e-17]], [1.0, 1.0]
    flow = neuron.function_space_flow(X, y, beta0=[0.5, 0.3], delta=0.0, until=1e3)
    assert flow.status is Status.UNTIL_REACHED
    assert flow.loss(flow.until) == pytest.approx(0.25)


@pytest.mark.slow
@pytest.mark.parametrize("target", [1.0, 1e-17])
def test_the_smallest_direction_is_learnt_in_the_end(target):
    X, y, start = [[1.0, 0.0], [0.0, 1e-17]], [1.0, target], [0.5, 0.3]
    flow = neuron.function_space_flow(X, y, beta0=start, delta=0.0)
    assert flow.status is Status.CONVERGED
    np.testing.assert_allclose(flow.at([flow.until])[0], [1.0, target / 1e-17], rtol=1e-9)
