"""Every kind of features gives the same path, and none of them is copied needlessly."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix

import saddles
from saddles import Regression
from saddles._problems.features import BLOCK, ROW, Dense, Sparse

#: The same sums in another order; condition numbers are below 1e3.
SAME = 1e-10


def problem(seed=0, n=30, d=80, density=0.2):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d)) * (rng.random((n, d)) < density)
    X[:, -1] = 0.0
    return X, X[:, :3] @ [3.0, -2, 1] + 0.3 * rng.standard_normal(n) + 1.0


def assert_same_path(path, other):
    assert path.status is other.status
    assert path.times == pytest.approx(other.times, rel=SAME)
    assert [u.tolist() for u in path.active] == [u.tolist() for u in other.active]
    assert path.betas == pytest.approx(other.betas, abs=SAME)
    assert path.losses == pytest.approx(other.losses, abs=SAME)
    assert path.certificates.worst < 1e-9


@pytest.mark.parametrize("kind", [csc_array, csr_array, coo_array, csr_matrix])
def test_sparse_features_give_the_path_of_dense_ones(kind):
    X, y = problem()
    assert_same_path(saddles.pesme_flammarion(kind(X), y), saddles.pesme_flammarion(X, y))


@pytest.mark.parametrize("kind", [csc_array, csr_array, np.asarray])
@pytest.mark.parametrize("weight", [None, "some"])
def test_centring_is_that_of_dense_features(kind, weight):
    """Against data centred by hand; weights count copies."""
    X, y = problem(1)
    if weight:
        weight = np.random.default_rng(0).integers(0, 4, y.size)
        X_all, y_all = np.repeat(X, weight, axis=0), np.repeat(y, weight)
    else:
        X_all, y_all = X, y
    expected = saddles.pesme_flammarion(X_all - X_all.mean(axis=0), y_all - y_all.mean())
    path = saddles.pesme_flammarion(Regression(kind(X), y, sample_weight=weight, centre=True))
    assert_same_path(path, expected)


@pytest.mark.parametrize("kind", [csc_array, np.asarray])
@pytest.mark.parametrize("weight", [None, "some"])
def test_constant_features_are_nothing_once_centred(kind, weight):
    X, y = problem(2, 20, 10)
    X[:, 3], X[:, 5] = 7.0, 0.1
    weight = weight and np.random.default_rng(0).uniform(0, 1, 20)
    data = Regression(kind(X), y, sample_weight=weight, centre=True)
    assert data.sizes[1][[3, 5]].tolist() == [0, 0]
    path = saddles.pesme_flammarion(data)
    assert not any({3, 5} & set(units.tolist()) for units in path.active)
    assert path.status is saddles.Status.CONVERGED


@pytest.mark.parametrize("kind", [csc_array, np.asarray])
@pytest.mark.parametrize("size", [1.0, 1e-28])
def test_constant_features_are_nothing_whatever_the_weights(kind, size):
    """Rounding of the sum of all weights is no part of a column that is constant where they are."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        X, y = problem(seed, 20, 6, 0.8)
        X[:, 3] = 3.3
        weight = size * rng.integers(0, 3, 20)
        data = Regression(kind(X), y, sample_weight=weight, centre=True)
        assert data.sizes[1][3] == 0
        assert (data.sizes[1][:3] > 0).all()


@given(st.integers(0, 10**6), st.integers(0, 12), st.booleans(), st.booleans())
def test_centring_is_that_of_exact_arithmetic(seed, offset, weighted, full):
    """Whatever the means are beside what varies, until that is rounding of the numbers."""
    rng = np.random.default_rng(seed)
    X = (10.0**offset + rng.integers(-9, 9, (7, 3)) / 8) * (rng.random((7, 3)) < 0.5 + full)
    weight = rng.integers(0, 3, 7) + (np.arange(7) < 2) if weighted else np.ones(7, int)
    rows = [[Fraction(x) for x in row] for row in X.tolist()]
    total = int(weight.sum())
    means = [
        sum(int(w) * x for w, x in zip(weight, c, strict=True)) / total
        for c in zip(*rows, strict=True)
    ]
    exact = [[float(x - m) for x, m in zip(row, means, strict=True)] for row in rows]
    expected = np.sqrt(weight)[:, None] * exact
    for kind in (np.asarray, csc_array):
        data = Regression(kind(X), rng.standard_normal(7), sample_weight=weight, centre=True)
        size = np.abs(expected).max(axis=0)
        far = np.abs(data.features.columns(np.arange(3)) - expected).max(axis=0)
        assert (far <= 1e-14 * np.maximum(size, 0.0)).all()


def test_rounding_of_equal_numbers_is_no_variation():
    X, y = problem(3, 20, 4, 1.0)
    X[:, 3] = np.nextafter(0.1, np.arange(20) % 2)
    for kind in (np.asarray, csc_array):
        assert Regression(kind(X), y, centre=True).sizes[1][3] == 0
        X[:, 2] = 0.1 + 1e-14 * (np.arange(20) % 2)
        assert Regression(kind(X), y, centre=True).sizes[1][2] > 0
    flat = Regression(X, X[:, 3], centre=True)
    assert not flat.y.any()


@pytest.mark.parametrize("seed", range(3))
def test_products_and_columns_of_sparse_features_are_those_of_dense_ones(seed):
    rng = np.random.default_rng(seed)
    X, _ = problem(seed)
    ones = np.sqrt(rng.random(30) + 0.1)
    centred = X - np.outer(ones, ones @ X / (ones @ ones))
    for sparse, dense in ((Sparse(csc_array(X)), X), (Sparse(csc_array(X), ones), centred)):
        some, v, beta = rng.permutation(80)[:9], rng.standard_normal(30), rng.standard_normal(80)
        assert sparse.columns(some) == pytest.approx(dense[:, some], abs=1e-14)
        assert sparse.products(some, v)[0] == pytest.approx(v @ dense[:, some], abs=1e-13)
        assert sparse.products(None, v)[0] == pytest.approx(v @ dense, abs=1e-13)
        assert sparse.combined(beta) == pytest.approx(dense @ beta, abs=1e-12)
        assert sparse.sizes()[1] == pytest.approx(np.linalg.norm(dense, axis=0), abs=1e-13)
        unit = np.exp2(rng.integers(-3, 3, 80))
        assert sparse.divided(unit).columns(some) == pytest.approx((dense / unit)[:, some])


@pytest.mark.parametrize("n", [3, ROW[0] - 1, *ROW, ROW[1] + 1])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_of_dense_features_of_every_length_and_order(n, order, dtype):
    rng = np.random.default_rng(n)
    d = 2 * BLOCK // n + 5  # more than two blocks
    X = np.asarray(rng.standard_normal((n, d)), dtype=dtype, order=order)
    v, w, some = rng.standard_normal(n), rng.standard_normal(n), rng.permutation(d)[: d // 2]
    dense, close = Dense(X), {"rtol": 0, "atol": 1e-14 * n}
    for features in (dense, Dense(np.repeat(X, 2, axis=0)[::2])):  # the other has longer strides
        assert_allclose(np.array(features.products(None, v, w)), [v @ X, w @ X], **close)
        assert_allclose(
            np.array(features.products(some, v, w)), [v @ X[:, some], w @ X[:, some]], **close
        )
        assert_allclose(features.products(None, v)[0], v @ X, **close)
        assert_allclose(features.sizes()[0], np.abs(X).max(axis=0))
        assert_allclose(features.sizes()[1], np.linalg.norm(X.astype(float), axis=0))
    both = np.array([v, w])
    assert_allclose(dense.pull(both.T), X.T @ both.T, **close)
    beta = rng.standard_normal((d, 2)) / d
    assert_allclose(dense.combined(beta), X @ beta, rtol=0, atol=1e-13)


def test_loss_and_gradient_of_sparse_centred_data():
    X, y = problem(4)
    sparse = Regression(csr_array(X), y, centre=True)
    dense = Regression(X, y, centre=True)
    beta = np.random.default_rng(0).standard_normal(80)
    assert sparse.loss(beta) == pytest.approx(dense.loss(beta), rel=1e-13)
    assert sparse.gradient(beta) == pytest.approx(dense.gradient(beta), abs=1e-12)


def test_single_precision_is_kept_and_computed_with_in_double():
    X, y = problem(5)
    narrow = np.asfortranarray(X.astype(np.float32))
    regression = Regression(narrow, y)
    assert regression.X is narrow
    path = saddles.pesme_flammarion(regression)
    assert_same_path(path, saddles.pesme_flammarion(narrow.astype(float), y))
    assert path.betas.dtype == path.duals.dtype == np.float64


def test_other_algorithms_see_single_precision_as_double():
    X, y = problem(6, 8, 4, 1.0)
    narrow = X.astype(np.float32)
    ours = saddles.agf.diagonal(Regression(narrow, y))
    assert ours.to_dict() == saddles.agf.diagonal(narrow.astype(float), y).to_dict()


def test_a_mapped_file_is_read_where_it_lies(tmp_path):
    X, y = problem(7, 40, 4000, 1.0)
    np.save(tmp_path / "X.npy", X.T)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r").T
    regression = Regression(mapped, y)
    assert np.shares_memory(regression.X, mapped)
    assert regression.features.read_often() is regression.features
    assert np.shares_memory(Regression(np.array(mapped.T).T, y).X, mapped) is False
    path = saddles.pesme_flammarion(regression)
    assert_same_path(path, saddles.pesme_flammarion(X, y))


def test_a_mapped_file_that_is_not_aligned_is_read_in_parts(tmp_path):
    shape = (100, 20_000)
    mapped = np.memmap(tmp_path / "X", dtype=float, mode="w+", offset=4, shape=shape, order="F")
    mapped[:] = np.random.default_rng(0).standard_normal(shape)
    v = np.arange(100.0)
    tracemalloc.start()
    found = Dense(mapped).products(None, v)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_allclose(found, v @ np.array(mapped), rtol=1e-12, atol=1e-9)
    assert peak < 0.1 * mapped.nbytes


def test_a_mapped_file_in_the_other_order_is_not_copied_either(tmp_path):
    X, y = problem(8, 40, 4000, 1.0)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert Dense(mapped).read_often().X is mapped
    path = saddles.pesme_flammarion(mapped, y, max_jumps=5)
    assert_same_path(path, saddles.pesme_flammarion(X, y, max_jumps=5))


def test_little_memory_is_needed_beyond_the_data():
    """To the interpolator; a dense array of coefficients alone would be eight times that much."""
    n, d = 150, 60_000
    X = np.asfortranarray(np.random.default_rng(0).standard_normal((n, d)))
    y = X[:, :5].sum(axis=1) + np.random.default_rng(1).standard_normal(n)
    tracemalloc.start()
    path = saddles.pesme_flammarion(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.losses[-1] == 0
    assert path.betas.format == "csr"
    assert peak < 0.2 * X.nbytes
    assert len(path) * d * 8 > 1.6 * X.nbytes


def test_extreme_columns_of_sparse_features_are_rescaled():
    X, y = problem(9, 10, 6, 1.0)
    X *= np.exp2(np.array([0, 400, 0, -400, 0, 0]))
    path = saddles.pesme_flammarion(csc_array(X), y)
    dense = saddles.pesme_flammarion(X, y)
    assert path.times == pytest.approx(dense.times, rel=SAME)
    assert [u.tolist() for u in path.active] == [u.tolist() for u in dense.active]
