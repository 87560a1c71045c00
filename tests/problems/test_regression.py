"""Regressions: losses, weights, second moments, units, and what cannot be one."""

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import saddles
from saddles import Regression
from saddles._problems.door import as_regression
from saddles._problems.in_units import InUnits
from saddles.testing import strategies

X = np.array([[1.0, 2], [3, 4], [5, 7]])
Y = np.array([1.0, 2, 4])

#: Sums of a few products.
ROUNDING = 1e-13
#: Moments of integers are exact; a factor of the Gram matrix gives them back to half its digits at
#: worst, when the matrix is singular.
FACTORED = 1e-7


def gram_of(X, y):
    return X.T @ X, X.T @ y, float(y @ y), y.size


# --- the loss -----------------------------------------------------------------------------------


def test_loss_gradient_and_residual_are_those_of_the_mean_loss():
    problem, beta = Regression(X, Y), np.array([2.0, -1.0])
    residual = [1 - 0, 2 - 2, 4 - 3]
    assert problem.residual(beta).tolist() == residual
    assert problem.loss(beta) == pytest.approx(2 / 6, rel=1e-15)
    assert problem.gradient(beta) == pytest.approx([-(1 + 5) / 3, -(2 + 7) / 3], rel=1e-15)
    assert problem.n_samples == 3.0
    assert problem.n_features == 2


@given(strategies.gaussian())
def test_gradient_is_the_slope_of_the_loss(problem):
    regression = Regression(*problem)
    d = regression.n_features
    beta, direction = np.random.default_rng(d).standard_normal((2, d))
    step = 1e-4
    slope = (
        regression.loss(beta + step * direction) - regression.loss(beta - step * direction)
    ) / (2 * step)
    # Central differences of a quadratic are exact but for rounding, loss × eps / step.
    assert regression.gradient(beta) @ direction == pytest.approx(slope, abs=1e-9)


def test_data_become_float64_without_a_change():
    problem = Regression([[1, 2], [3, 255]], range(2))
    assert problem.X.dtype == problem.y.dtype == np.float64
    assert Regression(np.array([[255]], "u1"), np.array([1], "u1")).loss([2]) == 509**2 / 2


def test_problem_is_frozen_and_survives_pickling():
    problem = Regression(X, Y, sample_weight=[1, 2, 3])
    with pytest.raises(FrozenInstanceError):
        problem.X = X
    for other in (pickle.loads(pickle.dumps(problem)), copy.deepcopy(problem)):
        assert (other.X == problem.X).all()
        assert other.n_samples == 6
        assert other.loss([1, 1]) == problem.loss([1, 1])


def test_problem_stands_for_its_data():
    problem = Regression(X, Y)
    assert as_regression(problem, None) is problem
    assert saddles.pesme_flammarion(problem).to_dict() == saddles.pesme_flammarion(X, Y).to_dict()


# --- weights ------------------------------------------------------------------------------------


def test_whole_weights_count_copies():
    weighted = Regression(X, Y, sample_weight=[2, 0, 3])
    copies = Regression(np.repeat(X, [2, 0, 3], axis=0), np.repeat(Y, [2, 0, 3]))
    assert weighted.n_samples == copies.n_samples == 5
    for beta in ([0, 0], [1, -2], [0.3, 4]):
        assert weighted.loss(beta) == pytest.approx(copies.loss(beta), rel=ROUNDING)
        assert weighted.gradient(beta) == pytest.approx(copies.gradient(beta), rel=ROUNDING)


def test_weights_are_keyword_only():
    with pytest.raises(TypeError):
        Regression(X, Y, [1, 1, 1])


BAD_WEIGHTS = {
    "negative": ([1, -1, 1], ValueError, r"sample_weight\[1\]=-1.0: weights must be >= 0; drop"),
    "zero": ([0, 0, 0], ValueError, r"sample_weight is zero everywhere; at least one sample must"),
    "nan": ([1, 1, np.nan], ValueError, r"sample_weight\[2\]=nan is not finite; remove"),
    "tiny": ([1e-200] * 3, ValueError, r"max\(abs\(sample_weight\)\)=1e-200 is below.*multiply"),
    "huge": ([1, 1, 1e160], ValueError, r"sample_weight\[2\]=1e\+160 is larger .*divide sample_w"),
    "too few": ([1, 1], ValueError, r"sample_weight has shape \(2,\) and y has shape \(3,\); "),
    "matrix": (
        [[1, 1, 1]],
        ValueError,
        r"sample_weight=.* has shape \(1, 3\); it must have 1 axis",
    ),
    "scalar": (1.0, ValueError, r"sample_weight=array\(1.\) has shape \(\); it must have 1 axis"),
    "boolean": ([True] * 3, TypeError, r"sample_weight=array.* has dtype bool; entries must be"),
    "text": ("balanced", TypeError, r"sample_weight='balanced' is text; pass"),
}


@pytest.mark.parametrize(("weight", "error", "message"), BAD_WEIGHTS.values(), ids=BAD_WEIGHTS)
def test_bad_weights_are_refused(weight, error, message):
    with pytest.raises(error, match=message):
        Regression(X, Y, sample_weight=weight)


# --- second moments -----------------------------------------------------------------------------


@given(strategies.integer_regressions())
def test_factor_has_the_given_moments(problem):
    X, y = problem
    gram, xty, yty, n = gram_of(X, y)
    moments = Regression.from_gram(gram, xty, yty, n)
    sizes = np.linalg.norm(X, axis=0)
    bound = FACTORED * np.outer(sizes, sizes).max()
    found = moments.X.T @ moments.X
    assert found == pytest.approx(gram, abs=bound)
    assert moments.X.T @ moments.y == pytest.approx(xty, abs=FACTORED * sizes.max() * yty**0.5)
    assert moments.y @ moments.y == pytest.approx(yty, rel=FACTORED)
    assert moments.X.shape[0] == np.linalg.matrix_rank(X) + 1
    assert moments.n_samples == n


@given(strategies.gaussian(min_samples=4, max_samples=10, max_features=4))
def test_moments_give_the_same_losses(problem):
    dense = Regression(*problem)
    moments = Regression.from_gram(*gram_of(*problem))
    beta = np.ones(dense.n_features)
    assert moments.loss(beta) == pytest.approx(dense.loss(beta), rel=1e-11)
    assert moments.gradient(beta) == pytest.approx(dense.gradient(beta), abs=1e-11)


@pytest.mark.parametrize("scales", [(1e-60, 1e60), (1e70, 1e70), (1e-70, 1.0)])
def test_moments_of_columns_of_any_scale(scales):
    scaled = X * np.exp2(np.round(np.log2(scales)))
    path = saddles.pesme_flammarion(Regression.from_gram(*gram_of(scaled, Y)))
    dense = saddles.pesme_flammarion(scaled, Y)
    assert path.times == pytest.approx(dense.times, rel=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 9))
def test_moments_in_single_precision_are_rounded_as_such(seed, n, d):
    """Whether there are fewer samples than features or not."""
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((n, d + 1)).astype(np.float32)
    X, y = data[:, :d], data[:, d]
    problem = Regression.from_gram(X.T @ X, X.T @ y, y @ y, n)
    path = saddles.pesme_flammarion(problem, max_jumps=1)
    assert path.times == pytest.approx(saddles.pesme_flammarion(X, y, max_jumps=1).times, rel=1e-5)
    found = problem.X.T @ problem.X
    assert found == pytest.approx(X.T @ X, abs=1e-3)


def test_double_precision_moments_may_not_be_as_rough():
    gram = np.array([[1.0, 1.0 + 1e-6], [1.0 + 1e-6, 1.0]])
    assert Regression.from_gram(gram.astype(np.float32), [1.0, 1.0], 1.0, 1).n_features == 2
    with pytest.raises(ValueError, match="not positive semi-definite"):
        Regression.from_gram(gram, [1.0, 1.0], 1.0, 1)


def test_number_of_samples_is_a_divisor_and_need_not_be_whole():
    gram, xty, yty, n = gram_of(X, Y)
    half = Regression.from_gram(gram, xty, yty, n / 2)
    assert half.loss([0, 0]) == pytest.approx(2 * Regression(X, Y).loss([0, 0]), rel=ROUNDING)
    path, dense = saddles.pesme_flammarion(half), saddles.pesme_flammarion(X, Y)
    assert path.times == pytest.approx(dense.times / 2, rel=1e-9)


def test_no_feature_matters_without_variance():
    path = saddles.pesme_flammarion(Regression.from_gram(np.zeros((2, 2)), [0, 0], 3.0, 3))
    assert path.losses == pytest.approx([0.5], rel=ROUNDING)
    assert path.status is saddles.Status.NOTHING_TO_LEARN


G, C, Q, N = gram_of(X, Y)
BAD_MOMENTS = {
    "not symmetric": (
        (G + np.array([[0, 9], [0, 0]]), C, Q, N),
        ValueError,
        r"gram is not symmetric .*; pas",
    ),
    "negative": (
        (-G, C, Q, N),
        ValueError,
        r"gram\[1, 1\]=-69.0: a squared norm is never negative",
    ),
    "indefinite": (([[1, 2], [2, 1]], [1, 1], 9, 3), ValueError, "gram is not positive semi-def"),
    "not square": ((X, C, Q, N), ValueError, r"gram has shape \(3, 2\) and xty has shape \(2,\); "),
    "other size": ((G, Y, Q, N), ValueError, r"gram has shape \(2, 2\) and xty has shape \(3,\); "),
    "out of range": (
        ([[1, 1], [1, 1]], [1, 2], 9, 3),
        ValueError,
        "xty is not in the range of gram",
    ),
    "too small": ((G, C, 1.0, N), ValueError, r"yty=1.0 is smaller than the part of y that X expl"),
    "negative yty": ((G, C, -1, N), ValueError, r"yty=-1: y'y must be finite and >= 0"),
    "nan yty": ((G, C, np.nan, N), ValueError, r"yty=nan: y'y must be finite and >= 0"),
    "text yty": ((G, C, "1", N), TypeError, r"yty='1' must be a real number"),
    "no samples": ((G, C, Q, 0), ValueError, r"n_samples=0: it must be finite and above 0"),
    "infinite": ((G, C, Q, np.inf), ValueError, r"n_samples=inf: it must be finite and above 0"),
    "boolean": ((G, C, Q, True), TypeError, r"n_samples=True must be a real number"),
    "nan gram": ((G * np.nan, C, Q, N), ValueError, r"gram\[0, 0\]=nan is not finite"),
    "nan xty": ((G, C * np.nan, Q, N), ValueError, r"xty\[0\]=nan is not finite"),
    "scalar": ((2.0, C, Q, N), ValueError, r"gram=array\(2.\) has shape \(\); it must have 2 axes"),
}


@pytest.mark.parametrize(("moments", "error", "message"), BAD_MOMENTS.values(), ids=BAD_MOMENTS)
def test_moments_that_no_data_have_are_refused(moments, error, message):
    with pytest.raises(error, match=message):
        Regression.from_gram(*moments)


# --- units --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-299, 1e-120, 1e-90, 1.0, 1e90, 1e150])
def test_units_are_powers_of_two_and_exact(scale):
    problem = Regression(X * [1, scale], Y / 1e6)
    data = InUnits.of(problem)
    assert (np.frexp(data.column_unit)[0] == 0.5).all()
    assert (data.X * data.column_unit == problem.X).all()
    assert (data.y * data.target_unit == problem.y).all()
    assert ((data.norms > 1e-100) & (data.norms < 1e101)).all()
    assert 0.5 <= np.abs(data.y).max() < 1
    beta = np.array([0.25, 3.0])
    residual = data.y - data.X @ beta
    assert data.loss(residual) == pytest.approx(problem.loss(data.betas(beta)), rel=ROUNDING)


def test_ordinary_data_are_not_copied():
    problem = Regression(X, Y)
    assert InUnits.of(problem).X is problem.X


def test_a_problem_is_not_rebuilt_from_its_weighted_rows():
    problem = Regression([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0], sample_weight=[1.0, 4.0])
    with pytest.raises(TypeError):
        dataclasses.replace(problem)
