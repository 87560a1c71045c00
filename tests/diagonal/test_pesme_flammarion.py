"""The limit path against exact arithmetic, published numbers, third parties and its own theory."""

import subprocess
import sys
from fractions import Fraction
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, nnls

import reference.pesme_flammarion as oracle
import saddles
from saddles import PathError, Regression, Status
from saddles.testing import strategies
from saddles.testing.families import SIZES, integer_problem
from tests.diagonal.agreement import TIME, Census, assert_agrees, is_tie_free, until

CHUNK = 200
CHUNKS = 12

#: Second moments of floats are rounded by eps, and solving with them squares the condition number
#: (below 1e3 in these tests).
MOMENTS = 1e-9
#: HiGHS and scipy's nnls are asked for their best and deliver about this.
THIRD_PARTY = 1e-8
#: Optimality conditions of the lasso, relative to the penalty: plain sums of a few rounded terms.
LASSO = 1e-12

# arXiv:2607.12332.
NONMONOTONE_X = np.array([[1, 0.5, 0.7, 0], [0.5, 1, 0.1, 0.7]])
NONMONOTONE_Y = np.array([1.0, 0.0])


# --- exact arithmetic ---------------------------------------------------------------------------


def compare_with_exact(seeds, sizes=SIZES) -> Census:
    census = Census()
    for seed in seeds:
        X, y = integer_problem(seed, sizes)
        exact = oracle.pesme_flammarion(X.tolist(), y.tolist())
        census.add(exact)
        assert_agrees(saddles.pesme_flammarion(X, y), exact, X, y, census)
    return census


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_integer_problems_agree_with_exact_arithmetic(chunk):
    """2,400 problems in all; that they include what is difficult is part of the claim."""
    census = compare_with_exact(range(CHUNK * chunk, CHUNK * (chunk + 1)))
    assert census.jumps > 400
    assert census.tied > 60
    assert census.resting > 60
    assert census.deactivating > 12
    assert census.not_unique > 35


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(100))
def test_integer_problems_of_every_size_agree_with_exact_arithmetic(chunk):
    """50,000 problems, entries up to 1000."""
    seeds = range(100_000 + 500 * chunk, 100_000 + 500 * (chunk + 1))
    census = compare_with_exact(seeds, (1, 2, 3, 9, 30, 100, 1000))
    assert census.deactivating > 30


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(50))
def test_gaussian_problems_agree_with_exact_arithmetic(chunk):
    """5,000 problems; floats are exact rationals too."""
    for seed in range(100 * chunk, 100 * (chunk + 1)):
        rng = np.random.default_rng(seed)
        n, d = rng.integers(1, 11, 2)
        X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
        assert_agrees(saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y), X, y)


@given(strategies.integer_regressions(max_side=6))
@settings(max_examples=100)
def test_any_integer_problem_agrees_with_exact_arithmetic(problem):
    X, y = problem
    assert_agrees(saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y), X, y)


@given(st.one_of(strategies.gaussian(max_samples=6, max_features=6), strategies.deactivating()))
def test_floats_agree_with_exact_arithmetic(problem):
    X, y = problem
    assert_agrees(saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y), X, y)


@given(strategies.deactivating())
def test_deactivating_problems_deactivate(problem):
    path = saddles.pesme_flammarion(*problem)
    assert path.left[2].size == 1


@pytest.mark.parametrize(
    "scales",
    [(1e150, 1, 1, 1), (1e-200, 1, 1, 1), (1e120, 1e-120, 1, 1), (1e5, 1e-5, 1, 1), (1e-299,) * 4],
)
def test_columns_of_any_scale_agree_with_exact_arithmetic(scales):
    """Powers of two near the scales, so that the data stay exact and only their size is strange."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((5, 4)) * np.exp2(np.round(np.log2(scales)))
    y = rng.standard_normal(5)
    path, exact = saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y)
    assert len(path) == len(exact.times)
    for ours, theirs in zip(path.times[1:], exact.times[1:], strict=True):
        assert abs(Fraction(ours) / theirs - 1) < 1e-13
    for ours, theirs in zip(path.betas.ravel(), chain(*exact.betas), strict=True):
        assert abs(Fraction(ours) - theirs) <= 1e-12 * abs(theirs)


# --- boundaries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", range(4))
def test_boundaries_agree_with_exact_arithmetic(chunk):
    census = Census()
    for seed in range(50 * chunk, 50 * (chunk + 1)):
        X, y = integer_problem(seed)
        rng = np.random.default_rng(seed)
        plus, minus = rng.integers(1, 9, (2, X.shape[1])) / 4
        exact = oracle.pesme_flammarion(X, y, boundaries=(plus, minus))
        path = saddles.pesme_flammarion(X, y, boundaries=(plus, minus))
        census.add(exact, (plus, minus))
        assert_agrees(path, exact, X, y, census, (plus, minus))
    assert census.tied > 1
    assert census.deactivating > 3


def test_infinite_boundaries_are_the_limit_of_large_ones():
    """The exact path with boundaries of 1e18 is the same until those are reached."""
    stopped = 0
    for seed in range(150):
        X, y = integer_problem(seed)
        plus, minus = np.random.default_rng(seed).choice([1.0, 2.0, np.inf], (2, X.shape[1]))
        path = saddles.pesme_flammarion(X, y, boundaries=(plus, minus))
        sides = tuple(np.where(np.isinf(b), 1e18, b) for b in (plus, minus))
        exact = until(oracle.pesme_flammarion(X, y, boundaries=sides), 1e12)
        assert_agrees(path, exact, X, y, boundaries=sides)
        stopped += path.status is Status.NO_CLOCK_RINGS
    assert stopped > 20


@pytest.mark.parametrize("seed", range(60))
def test_one_sided_boundaries_end_at_non_negative_least_squares(seed):
    X, y = integer_problem(seed)
    path = saddles.pesme_flammarion(X, y, boundaries=(1, np.inf))
    assert (path.betas >= 0).all()
    coefficients, distance = nnls(X.astype(float), y.astype(float))
    assert path.betas[-1] @ X.T == pytest.approx(X @ coefficients, abs=THIRD_PARTY)
    assert path.losses[-1] == pytest.approx(distance**2 / (2 * y.size), abs=THIRD_PARTY)
    if path.certificates.unique[-1] and np.linalg.matrix_rank(X) == X.shape[1]:
        assert path.betas[-1] == pytest.approx(coefficients, abs=THIRD_PARTY)


@given(strategies.gaussian(max_samples=5), st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_boundary_of_all_is_a_unit_of_time(problem, factor):
    X, y = problem
    plain = saddles.pesme_flammarion(X, y)
    path = saddles.pesme_flammarion(X, y, boundaries=(factor, factor))
    assert path.times == pytest.approx(plain.times * factor, rel=1e-12)
    assert path.betas == pytest.approx(plain.betas, rel=1e-10, abs=1e-12)


# --- published numbers --------------------------------------------------------------------------


def test_published_path_on_which_a_coordinate_leaves():
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y)
    n = 2  # the paper's loss has no 1/n
    assert path.times == pytest.approx(np.array([0, 1, 4, 276 / 49]) * n, rel=1e-15)
    assert path.losses == pytest.approx(np.array([1 / 2, 1 / 10, 1 / 100, 0]) / n, abs=1e-16)
    assert path.betas == pytest.approx(
        np.array([[0, 0, 0, 0], [4 / 5, 0, 0, 0], [0, 0, 7 / 5, 0], [0, 0, 10 / 7, -10 / 49]]),
        abs=1e-15,
    )
    assert path.duals @ NONMONOTONE_X == pytest.approx(
        np.array(
            [
                [0, 0, 0, 0],
                [1, 0.5, 0.7, 0],
                [1, -0.4, 1, -0.84],
                [45 / 49, -30 / 49, 1, -1],
            ]
        ),
        abs=1e-15,
    )
    assert [units.tolist() for units in path.entered] == [[], [0], [2], [3]]
    assert [units.tolist() for units in path.left] == [[], [], [0], []]
    assert path.status is Status.CONVERGED


def test_diabetes_order_and_losses():
    """Efron, Hastie, Johnstone and Tibshirani 2004, table 1, columns of unit norm."""
    datasets = pytest.importorskip("sklearn.datasets")
    data = datasets.load_diabetes()
    names = np.array(data.feature_names)
    path = saddles.pesme_flammarion(data.data, data.target - data.target.mean())
    entered = [" ".join(names[units]) for units in path.entered]
    order = ["bmi", "s5", "bp", "s3", "sex", "s6", "s1", "s4", "s2", "age", "s3"]
    left = [" ".join(names[units]) for units in path.left]
    assert entered == ["", *order]
    assert left == ["", *[""] * 8, "s3", "", ""]
    assert path.losses[[0, -1]] == pytest.approx([2964.94, 1429.85], abs=0.005)


# --- other data of the same problem -------------------------------------------------------------


@given(strategies.gaussian(min_samples=6, max_samples=12, max_features=5))
def test_second_moments_are_enough(problem):
    X, y = problem
    moments = Regression.from_gram(X.T @ X, X.T @ y, y @ y, y.size)
    path, dense = saddles.pesme_flammarion(moments), saddles.pesme_flammarion(X, y)
    assert len(path) == len(dense)
    assert path.times == pytest.approx(dense.times, rel=MOMENTS)
    assert path.betas == pytest.approx(dense.betas, rel=MOMENTS, abs=MOMENTS)
    assert path.losses == pytest.approx(dense.losses, rel=MOMENTS, abs=MOMENTS)


@pytest.mark.parametrize("seed", range(0, 300, 3))
def test_second_moments_of_degenerate_problems_are_enough(seed):
    X, y = integer_problem(seed)
    dense = saddles.pesme_flammarion(X, y)
    path = saddles.pesme_flammarion(Regression.from_gram(X.T @ X, X.T @ y, float(y @ y), y.size))
    assert len(path) == len(dense)
    assert path.times == pytest.approx(dense.times, rel=1e-6)
    assert path.betas @ X.T == pytest.approx(dense.betas @ X.T, abs=1e-6)
    assert path.certificates.unique.tolist() == dense.certificates.unique.tolist()


@pytest.mark.parametrize("seed", range(40))
def test_whole_weights_are_copies(seed):
    X, y = integer_problem(seed)
    weight = np.random.default_rng(seed).integers(0, 4, y.size)
    weight[0] += 1
    copies = saddles.pesme_flammarion(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    weighted = saddles.pesme_flammarion(Regression(X, y, sample_weight=weight))
    assert len(weighted) == len(copies)
    assert weighted.times == pytest.approx(copies.times, rel=1e-11)
    assert weighted.losses == pytest.approx(copies.losses, abs=1e-11)
    assert weighted.betas == pytest.approx(copies.betas, abs=1e-9)


# --- theory -------------------------------------------------------------------------------------


@given(strategies.wide())
def test_wide_problems_end_at_minimum_l1(problem):
    X, y = problem
    path = saddles.pesme_flammarion(X, y)
    end = path.betas[-1]
    least = linprog(
        np.ones(2 * X.shape[1]),
        A_eq=np.hstack([X, -X]),
        b_eq=X @ end,
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert np.abs(end).sum() == pytest.approx(least.fun, abs=THIRD_PARTY, rel=THIRD_PARTY)


@given(strategies.gaussian(min_samples=9, max_samples=15))
def test_tall_problems_end_at_least_squares(problem):
    X, y = problem
    end = saddles.pesme_flammarion(X, y).betas[-1]
    assert end == pytest.approx(np.linalg.lstsq(X, y)[0], abs=1e-11)


def time_averages(path):
    """Return the averages of β over [0, τ_k] for k = 1..K, shape (K, d)."""
    waits = np.diff(path.times)
    return np.cumsum(waits[:, None] * path.betas[:-1], axis=0) / path.times[1:, None]


def lasso_violation(X, y, beta, penalty):
    """How far β is from minimising |y − Xβ|²/2 + penalty |β|₁, relative to the penalty."""
    pull = X.T @ (y - X @ beta) / penalty
    beyond = np.abs(pull) - 1
    slack = np.abs(pull - np.sign(beta))[np.abs(beta) > 1e-13 * np.abs(beta).max()]
    return max(float(beyond.max()), float(slack.max(initial=0.0)))


def is_monotone(path):
    return not any(units.size for units in path.left)


@pytest.mark.parametrize("seed", range(60))
def test_time_average_of_a_monotone_path_solves_the_lasso(seed):
    """arXiv:2509.18766; K jumps, K penalties."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((8, 4)), rng.standard_normal(8)
    path = saddles.pesme_flammarion(X, y)
    violations = [
        lasso_violation(X, y, beta, y.size / time)
        for beta, time in zip(time_averages(path), path.times[1:], strict=True)
    ]
    nested = len(path) if is_monotone(path) else next(k for k, u in enumerate(path.left) if u.size)
    assert max(violations[:nested]) < LASSO


def test_enough_of_the_paths_averaged_are_monotone_to_the_end():
    rngs = [np.random.default_rng(seed) for seed in range(60)]
    problems = [(rng.standard_normal((8, 4)), rng.standard_normal(8)) for rng in rngs]
    assert sum(is_monotone(saddles.pesme_flammarion(*problem)) for problem in problems) > 30


def test_time_averages_are_the_knots_of_lars():
    lars_path = pytest.importorskip("sklearn.linear_model").lars_path
    compared = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((10, 4)), rng.standard_normal(10)
        path = saddles.pesme_flammarion(X, y)
        if not is_monotone(path):
            continue
        alphas, _, coefficients = lars_path(X, y, method="lasso")
        assert 1 / alphas[: len(path) - 1] == pytest.approx(path.times[1:], rel=1e-9)
        knots = coefficients.T[: len(path) - 1]
        assert time_averages(path) == pytest.approx(knots, abs=1e-9)
        compared += 1
    assert compared > 15


def test_time_average_of_the_nonmonotone_path_does_not_solve_the_lasso():
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y)
    violations = [
        lasso_violation(NONMONOTONE_X, NONMONOTONE_Y, beta, 2 / time)
        for beta, time in zip(time_averages(path), path.times[1:], strict=True)
    ]
    assert max(violations[:2]) < LASSO
    assert violations[2] > 0.01


# --- uniqueness ---------------------------------------------------------------------------------


def test_tie_of_dependent_columns_gives_the_shortest_coefficients():
    path = saddles.pesme_flammarion([[1, 0, 0.5], [0, 1, 0.5]], [1, 1])
    assert path.times.tolist() == [0, 2]
    assert path.betas[1] == pytest.approx(np.array([2, 2, 2]) / 3, rel=1e-15)
    assert path.certificates.unique.tolist() == [True, False]


def test_copies_share_a_coefficient():
    path = saddles.pesme_flammarion([[2, 2, -2], [1, 1, -1]], [3, 0])
    assert path.betas[1] == pytest.approx(np.array([1, 1, -1]) * 0.4, rel=1e-15)
    assert not path.certificates.unique[1]


def test_dependent_columns_of_the_wrong_signs_leave_the_saddle_unique():
    path = saddles.pesme_flammarion([[2, 2, 2], [0, 2, 1]], [2, 0])
    assert path.betas[1].tolist() == [1, 0, 0]
    assert path.certificates.unique.all()


# --- options ------------------------------------------------------------------------------------


def test_callback_sees_every_saddle_and_can_stop():
    seen = []
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, callback=seen.append)
    assert [saddle.time for saddle in seen] == path.times.tolist()


@pytest.mark.parametrize(
    "stop", [lambda saddle: saddle.left.size > 0, lambda saddle: saddle.beta[2] > 1]
)
def test_callback_that_returns_true_stops(stop):
    """The second one returns numpy's own kind of True."""
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, callback=stop)
    assert len(path) == 3
    assert path.status is Status.STOPPED
    assert path.success
    assert not path.status.finished


def test_callback_may_return_anything_else():
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, callback=lambda s: s.beta + 1)
    assert path.status is Status.CONVERGED


def test_max_jumps_cuts_the_path():
    for count in range(6):
        path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, max_jumps=count)
        assert len(path) == min(count, 3) + 1
        assert path.status is (Status.MAX_JUMPS if count < 3 else Status.CONVERGED)


def almost_collinear():
    """Two features that differ by 1e-10: their coefficients lose ten digits."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((5, 4)), rng.standard_normal(5)
    X[:, 1] = X[:, 0] + 1e-10 * X[:, 1]
    return X, y


def test_failure_raises_and_carries_what_was_right():
    with pytest.raises(PathError, match="inaccurate") as caught:
        saddles.pesme_flammarion(*almost_collinear())
    assert caught.value.status is Status.INACCURATE
    assert caught.value.path.certificates.worst < 1e-7


def test_failure_can_be_returned():
    path = saddles.pesme_flammarion(*almost_collinear(), on_failure="return")
    assert not path.success
    assert path.status is Status.INACCURATE
    assert "Drop or merge" in path.message


def test_infinite_boundaries_everywhere_stop_at_the_start():
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, boundaries=(np.inf, np.inf))
    assert len(path) == 1
    assert path.status is Status.NO_CLOCK_RINGS


def test_overflow_is_said_and_not_returned():
    X, y = NONMONOTONE_X * 1e-200, NONMONOTONE_Y * 1e150
    with pytest.raises(PathError, match="overflow"):
        saddles.pesme_flammarion(X, y)
    with pytest.raises(PathError, match="overflow"):
        saddles.pesme_flammarion([[1e-90]], [1.0], boundaries=(1e300, 1))


def test_long_coefficients_are_sparse_and_right():
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((6, 12_000)), rng.standard_normal(6)
    path = saddles.pesme_flammarion(X, y)
    assert path.betas.format == "csr"
    used = np.unique(np.concatenate(path.active))
    small = saddles.pesme_flammarion(X[:, used], y)
    assert path.times == pytest.approx(small.times, rel=1e-11)
    assert path.betas.toarray()[:, used] == pytest.approx(small.betas, abs=1e-10)
    saddle = path[-1]
    assert saddle.beta.shape == (1, 12_000)
    assert path.at([0.0, 1e9]).shape == (2, 12_000)


def test_rows_of_long_coefficients_are_whole_sparse_arrays():
    rng = np.random.default_rng(6)
    X, y = rng.standard_normal((5, 11_000)), rng.standard_normal(5)
    seen = []
    path = saddles.pesme_flammarion(X, y, callback=lambda saddle: seen.append(saddle.beta))
    for beta, row in zip(seen, path.betas.toarray(), strict=True):
        assert beta.shape == (1, 11_000)
        assert beta.nnz == np.count_nonzero(row)
        assert beta.toarray()[0].tolist() == row.tolist()
        assert (beta @ X.T)[0] == pytest.approx(X @ row, abs=1e-12)
        assert abs(beta - 2 * beta).sum() == pytest.approx(np.abs(row).sum())
        with pytest.raises(ValueError, match="read-only"):
            beta.data[:] = 1.0


def test_scipy_loads_when_first_used():
    code = "import sys, saddles; assert not [m for m in sys.modules if m.startswith('scipy')]"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- kinds of data ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u8", "f2", "f4", ">f8", ">i4"])
def test_numbers_of_every_width_are_taken_exactly(dtype):
    """Differences of unsigned integers and products of small ones would wrap in their own type."""
    X = np.array([[100, 50], [3, 125], [7, 9]]).astype(dtype)
    y = np.array([120, 1, 0]).astype(dtype)
    assert_agrees(
        saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X.tolist(), y.tolist()), X * 1.0, y
    )


def test_layout_of_the_data_does_not_matter_and_they_are_not_changed():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((5, 4)), rng.standard_normal(5)
    expected = saddles.pesme_flammarion(X.tolist(), y.tolist())
    read_only = X.copy()
    read_only.setflags(write=False)
    for data in (np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2], read_only):
        before = data.copy()
        path = saddles.pesme_flammarion(data, y)
        assert path.times == pytest.approx(expected.times, rel=1e-13)
        assert path.betas == pytest.approx(expected.betas, abs=1e-13)
        assert (data == before).all()


def test_data_frames_are_taken():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(NONMONOTONE_X, columns=list("abcd"), index=[7, 3])
    path = saddles.pesme_flammarion(frame, pandas.Series(NONMONOTONE_Y, index=[3, 7]))
    assert path.times == pytest.approx([0, 2, 8, 552 / 49])


@pytest.mark.parametrize(("n", "d"), [(1, 1), (1, 5), (5, 1)])
def test_one_sample_or_one_feature(n, d):
    rng = np.random.default_rng(n + 10 * d)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    assert_agrees(saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y), X, y)


def test_many_samples():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50_000, 4))
    y = X @ [3.0, 0, 1, 0.1] + rng.standard_normal(50_000)
    path = saddles.pesme_flammarion(X, y)
    moments = saddles.pesme_flammarion(Regression.from_gram(X.T @ X, X.T @ y, y @ y, y.size))
    assert moments.times == pytest.approx(path.times, rel=MOMENTS)
    assert is_tie_free(path)
    assert all(after < before for before, after in pairwise(path.losses))


# --- limits -------------------------------------------------------------------------------------


def hilbert(size):
    """The Hilbert matrix, whose condition number is 1.5e10 for eight columns."""
    k = np.arange(size)
    return 1 / (k[:, None] + k + 1.0), np.ones(size)


def close_pair():
    """Two features that differ by 1e-12."""
    X, y = almost_collinear()
    X[:, 1] = X[:, 0] + 1e-2 * (X[:, 1] - X[:, 0])
    return X, y


@pytest.mark.parametrize("size", [4, 5, 6, 7, 8])
def test_ill_conditioned_path_is_right(size):
    X, y = hilbert(size)
    exact = oracle.pesme_flammarion(X, y)
    path = saddles.pesme_flammarion(X, y)
    assert len(path) == len(exact.times)
    rounding = np.linalg.cond(X) * np.finfo(float).eps
    assert path.times == pytest.approx(np.array(exact.times, dtype=float), rel=10 * rounding)


def test_features_that_agree_to_twelve_digits_count_as_one():
    X, y = close_pair()
    path = saddles.pesme_flammarion(X, y)
    residual = y - X @ path.betas[-1]
    correlation = np.abs(X.T @ residual) / (np.linalg.norm(X, axis=0) * np.linalg.norm(residual))
    assert len(path) < len(oracle.pesme_flammarion(X, y).times)
    assert correlation.max() < 2e-12, "what is left unlearnt is below the documented resolution"


@pytest.mark.parametrize("gap", [1e-6, 1e-8, 1e-9, 1e-10])
def test_nearly_collinear_features_give_the_right_path_or_an_error(gap):
    """Returned implies right, as far as the path goes; the bound is that of the uncertainty."""
    returned = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(6, 4))
        X[:, 1] = X[:, 0] + gap * rng.normal(size=6)
        y = rng.normal(size=6)
        path = saddles.pesme_flammarion(X, y, on_failure="return")
        exact = [float(time) for time in oracle.pesme_flammarion(X, y).times[: len(path)]]
        assert path.times == pytest.approx(np.array(exact), rel=1e-6)
        returned += path.success
    assert returned == 20 or gap < 1e-6


@pytest.mark.parametrize("name", ["beta", "dual", "active"])
def test_a_callback_cannot_change_the_path(name):
    def spoil(saddle):
        getattr(saddle, name)[:] = 99

    with pytest.raises(ValueError, match="read-only"):
        saddles.pesme_flammarion([[1.0, 0.5], [0.5, 1.0]], [1.0, 0.0], callback=spoil)


def test_coefficients_of_another_length_are_named():
    with pytest.raises(ValueError, match=r"beta has shape \(3,\); it must .* \(2,\)"):
        saddles.Regression([[1.0, 0.5]], [1.0]).loss([1.0, 2.0, 3.0])


# --- going on -----------------------------------------------------------------------------------


def assert_continues(X, y, full, count, **options):
    start = saddles.pesme_flammarion(X, y, max_jumps=count, **options)
    path = saddles.pesme_flammarion(X, y, start=start, **options)
    assert len(path) == len(full)
    assert path.status is full.status
    assert path.times == pytest.approx(full.times, rel=TIME)
    assert path.losses == pytest.approx(full.losses, abs=1e-10 * full.losses[0])
    for name in ("active", "entered", "left"):
        pairs = zip(getattr(path, name), getattr(full, name), strict=True)
        assert all(units.tolist() == others.tolist() for units, others in pairs)
    assert path.certificates.unique.tolist() == full.certificates.unique.tolist()
    assert path.times[: count + 1].tolist() == full.times[: count + 1].tolist()


@pytest.mark.parametrize("seed", range(60))
def test_a_path_cut_anywhere_continues_as_if_it_had_not_been(seed):
    X, y = integer_problem(seed)
    full = saddles.pesme_flammarion(X, y)
    for count in range(len(full) + 1):
        assert_continues(X, y, full, count)


def test_a_long_path_continues_with_its_boundaries_and_units():
    rng = np.random.default_rng(4)
    X, y = rng.standard_normal((30, 12_000)) * 1e-4, 1e9 * rng.standard_normal(30)
    X[:, 7] *= 1e-150
    sides = (rng.uniform(0.5, 2, 12_000) * 1e5, np.inf)
    full = saddles.pesme_flammarion(X, y, boundaries=sides)
    for count in (1, 10, len(full) - 2):
        assert_continues(X, y, full, count, boundaries=sides)


def test_a_path_saved_and_stopped_by_a_callback_continues(tmp_path):
    first = saddles.pesme_flammarion(
        NONMONOTONE_X, NONMONOTONE_Y, callback=lambda saddle: saddle.index == 2
    )
    first.save(tmp_path / "path.json")
    path = saddles.pesme_flammarion(
        NONMONOTONE_X, NONMONOTONE_Y, start=saddles.SaddlePath.load(tmp_path / "path.json")
    )
    assert path.times == pytest.approx(np.array([0, 2, 8, 552 / 49]))
    assert path.status is Status.CONVERGED


BAD_STARTS = {
    "text": (lambda path: "path", TypeError, "start='path' must be a SaddlePath"),
    "other algorithm": (
        lambda path: saddles.agf.diagonal(NONMONOTONE_X, NONMONOTONE_Y),
        ValueError,
        "must be a path that pesme_flammarion returned",
    ),
    "other shape": (
        lambda path: saddles.pesme_flammarion(NONMONOTONE_X[:, :3], NONMONOTONE_Y),
        ValueError,
        "start has 2 samples and 3 features, but X has 2 and 4",
    ),
    "other targets": (
        lambda path: saddles.pesme_flammarion(NONMONOTONE_X, [1.0, 0.1], max_jumps=2),
        ValueError,
        "is a path of other data or boundaries",
    ),
    "other boundaries": (
        lambda path: saddles.pesme_flammarion(
            NONMONOTONE_X, NONMONOTONE_Y, max_jumps=2, boundaries=(2.0, 2.0)
        ),
        ValueError,
        "is a path of other data or boundaries",
    ),
}


@pytest.mark.parametrize(("make", "error", "message"), BAD_STARTS.values(), ids=BAD_STARTS)
def test_a_start_that_does_not_belong_is_refused(make, error, message):
    path = saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, max_jumps=1)
    with pytest.raises(error, match=message):
        saddles.pesme_flammarion(NONMONOTONE_X, NONMONOTONE_Y, start=make(path))
