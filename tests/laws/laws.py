"""The laws: each takes an algorithm, a regression (X, y) and a generator, and asserts one thing.

They hold for every algorithm on every regression, ties and dependent columns included. What they
compare is what is unique: times, fits, losses, flags; coefficients too where the law keeps the
choice of minimum norm.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from saddles import Regression, SaddlePath, Status
from tests.laws.subjects import Subject

Array = NDArray[np.float64]
Law = Callable[[Subject, Array, Array, np.random.Generator], None]

#: Two computations from data that differ by rounding; the problems' condition numbers reach 1e4.
CLOSE = 1e-9
#: A change by powers of two, or of order and sign only, leaves rounding of the sums.
CLOSER = 1e-11
#: What a certificate of a well-posed problem may show.
CERTIFIED = 1e-9


def assert_same(path: SaddlePath, other: SaddlePath, tolerance: float) -> None:
    """Assert equal times, losses, flags and endings."""
    assert len(path) == len(other)
    assert path.status is other.status
    assert path.times == pytest.approx(other.times, rel=tolerance)
    assert path.losses == pytest.approx(
        other.losses, rel=tolerance, abs=tolerance * other.losses[0]
    )
    assert path.certificates.unique.tolist() == other.certificates.unique.tolist()


def assert_close(found: Array, expected: Array, tolerance: float) -> None:
    """Assert equality relative to the largest entry."""
    assert found == pytest.approx(expected, rel=0, abs=tolerance * np.abs(expected).max(initial=0))


def units(groups: tuple[NDArray[np.intp], ...]) -> list[list[int]]:
    """Return index arrays as lists, to compare."""
    return [group.tolist() for group in groups]


# --- symmetries ---------------------------------------------------------------------------------


def scaling_the_targets(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Times are divided by |c| and coefficients multiplied by c, from 1e-150 to 1e150."""
    path = subject.solve(X, y)
    for c in (1e-150, -1e-20, -3.0, 1e20, float(10 ** rng.uniform(-150, 150)), 1e150):
        scaled = subject.solve(X, c * y)
        assert len(scaled) == len(path)
        assert scaled.times * abs(c) == pytest.approx(path.times, rel=CLOSE)
        assert_close(scaled.betas / c, path.betas, CLOSE)
        assert scaled.losses / c / c == pytest.approx(path.losses, abs=CLOSE * path.losses[0])
        assert units(scaled.active) == units(path.active)


def scaling_everything(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """All features times c: times and coefficients are divided by c."""
    path = subject.solve(X, y)
    for c in (2.0**-600, 2.0**-100, 2.0**10, 2.0**400):
        scaled = subject.solve(c * X, y)
        assert_same(scaled, path_at(path, 1 / c), CLOSER)
        assert_close(scaled.betas * c, path.betas, CLOSE)


def path_at(path: SaddlePath, factor: float) -> SaddlePath:
    """Return the path with its times multiplied."""
    data = path.to_dict()
    data["times"] = [time * factor for time in data["times"]]
    return SaddlePath.from_dict(data)


def scaling_columns(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Columns divided by s with boundaries divided by s: coefficients are multiplied by s."""
    sizes = np.exp2(rng.integers(-20, 21, X.shape[1]))
    path = subject.solve(X, y)
    scaled = subject.solve(X / sizes, y, boundaries=(1 / sizes, 1 / sizes))
    assert_same(scaled, path, CLOSE)
    assert_close(scaled.betas / sizes @ X.T, path.betas @ X.T, CLOSE)
    for k in np.flatnonzero(path.certificates.unique):
        assert_close(scaled.betas[k] / sizes, path.betas[k], CLOSE)


def permuting_columns(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Coefficients are permuted alike."""
    order = rng.permutation(X.shape[1])
    path, permuted = subject.solve(X, y), subject.solve(X[:, order], y)
    assert_same(permuted, path, CLOSE)
    assert_close(permuted.betas, path.betas[:, order], CLOSE)


def turning_signs(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Coefficients of columns times −1 change their sign."""
    signs = rng.choice([-1.0, 1.0], X.shape[1])
    path, turned = subject.solve(X, y), subject.solve(X * signs, y)
    assert_same(turned, path, CLOSER)
    assert_close(turned.betas * signs, path.betas, CLOSE)


def rotating_samples(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Rows enter through scalar products only."""
    Q = np.linalg.qr(rng.standard_normal((y.size, y.size)))[0]
    path, rotated = subject.solve(X, y), subject.solve(Q @ X, Q @ y)
    assert_same(rotated, path, CLOSE)
    assert_close(rotated.betas, path.betas, CLOSE)
    if subject.dual:
        assert_close(rotated.duals @ Q @ X, path.duals @ X, CLOSE)


def permuting_samples(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Neither does their order matter."""
    order = rng.permutation(y.size)
    path, permuted = subject.solve(X, y), subject.solve(X[order], y[order])
    assert_same(permuted, path, CLOSE)
    assert_close(permuted.betas, path.betas, CLOSE)


def repeating_all_samples(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """The loss is a mean: nothing changes."""
    times = int(rng.integers(2, 5))
    path, repeated = subject.solve(X, y), subject.solve(np.tile(X, (times, 1)), np.tile(y, times))
    assert_same(repeated, path, CLOSE)
    assert_close(repeated.betas, path.betas, CLOSE)


def weighting_all_samples_alike(
    subject: Subject, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """Only ratios of weights count."""
    weight = np.full(y.size, 2.0 ** rng.integers(-40, 40))
    path, weighted = subject.solve(X, y), subject.solve(Regression(X, y, sample_weight=weight))
    assert_same(weighted, path, CLOSE)
    assert_close(weighted.betas, path.betas, CLOSE)


def adding_silent_columns(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Zero columns have zero coefficients and do nothing else."""
    path, longer = subject.solve(X, y), subject.solve(np.hstack([X, np.zeros((y.size, 2))]), y)
    assert_same(longer, path, CLOSER)
    assert_close(longer.betas[:, :-2], path.betas, CLOSE)
    assert not longer.betas[:, -2:].any()


def copying_a_column(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """The copy shares the coefficient; fit, times and losses stay."""
    j = int(rng.integers(X.shape[1]))
    path, copied = subject.solve(X, y), subject.solve(np.hstack([X, X[:, [j]]]), y)
    assert len(copied) == len(path)
    assert copied.times == pytest.approx(path.times, rel=CLOSE)
    assert_close(copied.betas @ np.hstack([X, X[:, [j]]]).T, path.betas @ X.T, CLOSE)
    assert copied.betas[:, -1] == pytest.approx(copied.betas[:, j], abs=1e-9)
    assert not copied.certificates.unique[copied.betas[:, j] != 0].any()


# --- start at the answer ------------------------------------------------------------------------


def nothing_to_learn(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Targets that are zero, or orthogonal to every feature: one saddle, and the status says it."""
    left_over = y - X @ np.linalg.lstsq(X, y)[0]
    for targets in (np.zeros_like(y), 1e100 * np.zeros_like(y)):
        assert_stays(subject.solve(X, targets))
    if np.linalg.norm(left_over) > 0.1:
        assert_stays(subject.solve(X, left_over))
    assert_stays(subject.solve(np.zeros_like(X), y))


def assert_stays(path: SaddlePath) -> None:
    """Assert that the path is its start alone."""
    assert len(path) == 1
    assert path.status is Status.NOTHING_TO_LEARN
    assert path.success
    assert not path.betas.any()
    assert path.times.tolist() == [0]


# --- what a path is -----------------------------------------------------------------------------


def order_of_times_and_losses(
    subject: Subject, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """Times increase from 0 and losses decrease, strictly."""
    path = subject.solve(X, y)
    assert path.times[0] == 0
    assert not path.betas[0].any()
    assert (np.diff(path.times) > 0).all()
    assert (np.diff(path.losses) < 0).all()
    assert (path.losses >= 0).all()


def certificates(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Every saddle meets its optimality conditions; margins are leads."""
    path = subject.solve(X, y)
    assert path.certificates.worst <= CERTIFIED
    assert path.certificates.margin[0] == np.inf
    assert (path.certificates.margin > 0).all()
    assert path.success


def saddles_are_stationary(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """The gradient vanishes where coefficients do not, and everywhere at the end."""
    problem, path = Regression(X, y), subject.solve(X, y)
    size = np.linalg.norm(X, axis=0) * np.linalg.norm(y) / y.size
    for saddle in path:
        gradient = np.abs(problem.gradient(saddle.beta))
        assert (gradient <= CERTIFIED * size)[saddle.active].all()
    assert path.status is Status.CONVERGED or not (X.T @ y).any()
    assert (gradient <= CERTIFIED * size).all()


def losses_are_those_of_the_problem(
    subject: Subject, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """Each loss is the problem's at the coefficients."""
    problem, path = Regression(X, y), subject.solve(X, y)
    expected = [problem.loss(saddle.beta) for saddle in path]
    assert path.losses == pytest.approx(expected, abs=CLOSER * path.losses[0])


def active_entered_left(subject: Subject, X: Array, y: Array, rng: np.random.Generator) -> None:
    """They say which coefficients are not zero, became so, and are so no longer."""
    path = subject.solve(X, y)
    before: set[int] = set()
    for saddle in path:
        now = set(np.flatnonzero(saddle.beta).tolist())
        assert saddle.active.tolist() == sorted(now)
        assert saddle.entered.tolist() == sorted(now - before)
        assert saddle.left.tolist() == sorted(before - now)
        before = now


def stopping_early_is_a_prefix(
    subject: Subject, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """A path of at most k jumps is the beginning of the whole one, to the last bit."""
    path = subject.solve(X, y)
    for k in range(len(path) + 1):
        part = subject.solve(X, y, max_jumps=k)
        count = min(k + 1, len(path))
        assert len(part) == count
        assert part.times.tolist() == path.times[:count].tolist()
        assert part.betas.tolist() == path.betas[:count].tolist()
        assert part.losses.tolist() == path.losses[:count].tolist()
        assert part.status is (Status.MAX_JUMPS if k + 1 < len(path) else path.status)


def solving_twice_is_the_same(
    subject: Subject, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """Nothing is random, nothing is remembered, and the data are left alone."""
    kept = X.copy(), y.copy()
    path, again = subject.solve(X, y), subject.solve(Regression(X, y))
    assert path.to_dict() == again.to_dict()
    assert (kept[0] == X).all()
    assert (kept[1] == y).all()


#: Laws that need a capability (an attribute of `Subject`) which not every algorithm has.
NEEDS: dict[Law, str] = {scaling_columns: "boundaries"}

LAWS: tuple[Law, ...] = (
    scaling_the_targets,
    scaling_everything,
    scaling_columns,
    permuting_columns,
    turning_signs,
    rotating_samples,
    permuting_samples,
    repeating_all_samples,
    weighting_all_samples_alike,
    adding_silent_columns,
    copying_a_column,
    nothing_to_learn,
    order_of_times_and_losses,
    certificates,
    saddles_are_stationary,
    losses_are_those_of_the_problem,
    active_entered_left,
    stopping_early_is_a_prefix,
    solving_twice_is_the_same,
)
