"""Where rank is used up beyond resolution: what is left is said, and is what exact paths learn."""

import numpy as np
import pytest
from scipy.sparse import csc_array

import reference.pesme_flammarion as oracle
from saddles import PathError, Regression, Status, pesme_flammarion

#: A bound of what is left is that much too large at most, relative to the first loss.
TIGHT = 1e-5

#: What a loss that has converged may still fall by, relative to the first.
TWELVE_DIGITS = 1e-12


def nearly_dependent(seed):
    """Two columns 1e-6 apart (by a constant, or at random), their squares and their product."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 12))
    one = rng.standard_normal(n)
    other = one + 1e-6 * (rng.standard_normal(n) if seed % 2 else 1.0)
    noise = rng.standard_normal(n)
    y = one + one**2 + 0.1 * noise if seed % 3 == 0 else noise
    return np.column_stack([one, other, one**2, other**2, one * other]), y


def check_against_exact(seed):
    X, y = nearly_dependent(seed)
    try:
        path = pesme_flammarion(X, y)
    except PathError:
        return None
    exact = oracle.pesme_flammarion(X, y)
    first, last = float(exact.losses[0]), float(exact.losses[-1])
    fall = path.losses[-1] - last
    assert path.remaining.loss >= fall
    assert path.remaining.loss <= fall + TIGHT * first
    assert path.certificates.left_out[-1] == pytest.approx(path.remaining.loss / first)
    assert not path.certificates.left_out[:-1].any()
    converged = fall <= TWELVE_DIGITS * first
    assert path.status is (Status.CONVERGED if converged else Status.RESOLUTION)
    assert "remaining" in path.message or converged
    times = np.array([float(time) for time in exact.times[1:]])
    nearest = [np.abs(times / time - 1).min() for time in path.times[1:]]
    assert max(nearest) < 1e-6
    return path


def test_what_rounding_hides_is_said():
    found = [check_against_exact(seed) for seed in range(12)]
    assert sum(path is not None and path.status is Status.RESOLUTION for path in found) > 8


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(10))
def test_what_rounding_hides_is_said_of_many_tables(chunk):
    for seed in range(1000 + 50 * chunk, 1050 + 50 * chunk):
        check_against_exact(seed)


def one_hot(rng, n=40):
    """Groups, which add up to a column of ones; a year, twice; and others."""
    groups = np.eye(4)[rng.integers(0, 4, n)]
    year = 2000 + rng.integers(0, 9, n)
    return np.column_stack([groups, rng.standard_normal((n, 2)), year, year - 1990.0])


@pytest.mark.parametrize("seed", range(5))
def test_columns_that_depend_on_each_other_leave_nothing(seed):
    """Whatever rounding centring, weights or moments add."""
    rng = np.random.default_rng(seed)
    X, y, weight = one_hot(rng), rng.standard_normal(40), rng.uniform(0.1, 2, 40)
    for problem in (
        Regression(X, y),
        Regression(X, y, centre=True),
        Regression(X, y, sample_weight=weight),
        Regression(csc_array(X), y, sample_weight=weight, centre=True),
        Regression.from_gram(X.T @ X, X.T @ y, y @ y, 40),
        Regression(X.astype(np.float32), y, centre=True),
    ):
        path = pesme_flammarion(problem)
        assert path.status is Status.CONVERGED
        assert path.remaining.loss <= TWELVE_DIGITS * path.losses[0]


def test_what_is_left_is_below_twelve_digits_or_is_said():
    """Two columns that agree to sixteen digits, and targets that tell them apart by 1e-7."""
    X = np.array([[1.0, 1.0], [1.0, 1.0 + 2**-50], [0.0, 0.0]])
    for share, status in ((1e-7, Status.CONVERGED), (1e-3, Status.RESOLUTION)):
        path = pesme_flammarion(X, [1.0, 1.0 + share, 0.0])
        assert path.status is status
        assert len(path) == 2
        left = share**2 / 4 / (1 + (1 + share) ** 2)
        assert path.certificates.left_out[-1] == pytest.approx(2 * left, rel=1e-2)


def test_coefficients_that_may_not_be_negative_leave_nothing():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((9, 4)), rng.standard_normal(9)
    path = pesme_flammarion(X, y, boundaries=(1.0, np.inf))
    assert path.status.finished
    assert not path.certificates.left_out.any()
