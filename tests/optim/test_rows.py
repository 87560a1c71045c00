"""Many samples with a constant beside them behave as the matrix that they stand for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddles.optim import AGF
from saddles.optim._rows import Rows, norm
from tests.optim.teachers import teacher


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 2.5]), st.sampled_from(["f4", "f8"]))
@settings(max_examples=10)
def test_products_are_those_of_the_matrix(seed, unit, dtype):
    draw = np.random.default_rng(seed)
    n, d = draw.integers(1, 9, 2)
    rows = Rows(draw.standard_normal((n, d)), unit, np.dtype(dtype))
    dense = np.asarray(rows)
    assert (dense.shape, dense.dtype) == (rows.shape, np.dtype(dtype))
    B, C = (draw.standard_normal(shape).astype(dtype) for shape in ((dense.shape[1], 3), (2, n)))
    assert rows[:] @ B == pytest.approx(dense @ B, rel=1e-5, abs=1e-5)
    assert C @ rows[:] == pytest.approx(C @ dense, rel=1e-5, abs=1e-5)
    assert norm(rows) == pytest.approx(np.linalg.norm(dense), rel=1e-5)
    some = draw.permutation(n)[: n // 2 + 1]
    assert (np.asarray(rows[some]) == dense[some]).all()


@pytest.mark.parametrize("bias", [True, False])
def test_the_last_descent_is_on_all_samples(bias):
    """Little of what a batch leaves is left: the rest is of second order in its noise."""
    (X, y), _, _ = teacher(2, n=20_000, noise=0.3)
    options = {"bias": bias, "max_neurons": 3}
    some, whole = (AGF("relu", batch_size=size, **options).fit(X, y) for size in (5000, 20_000))
    before, after, best = (
        np.mean(residual**2)
        for residual in (some.path[-1].beta[:, 0] - y, some.predict(X) - y, whole.predict(X) - y)
    )
    assert after - best <= 0.25 * (before - best)
