"""Clocks that are not looked at cannot matter: the screened path is the path."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import reference.pesme_flammarion as oracle
import saddles
from saddles._diagonal import dual_path, screening
from saddles._diagonal.race import Course
from saddles._problems.in_units import InUnits
from saddles.status import Breakdown
from saddles.testing import strategies
from saddles.testing.families import integer_problem
from tests.diagonal.agreement import assert_agrees

#: The same sums in another order.
SAME = 1e-12
#: HiGHS meets its constraints to this, relative to the objective.
LINEAR_PROGRAM = 1e-7


def choose(patch, least=1):
    """Choose however few clocks there are, keep so many at first, and sift these again."""
    patch.setattr(screening, "SCREEN_FROM", 0)
    patch.setattr(screening, "LEAST", least)


@pytest.fixture
def always(monkeypatch):
    """Screen however small the data are, and look at as few clocks at a time as possible."""
    choose(monkeypatch)


def gaussian(seed, n, d):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X[:, :4] @ [2.0, -1, 1, 0.5] + rng.standard_normal(n)


def both_ways(X, y, monkeypatch, least=1, **options):
    """Return the path with every clock looked at, and with as few as possible."""
    with monkeypatch.context() as patch:
        patch.setattr(screening, "SCREEN_FROM", np.inf)
        path = saddles.pesme_flammarion(X, y, **options)
    with monkeypatch.context() as patch:
        choose(patch, least)
        return path, saddles.pesme_flammarion(X, y, **options)


def assert_same(path, other):
    assert len(path) == len(other)
    assert path.status is other.status
    for name in ("active", "entered", "left"):
        for units, others in zip(getattr(path, name), getattr(other, name), strict=True):
            assert units.tolist() == others.tolist()
    assert path.times == pytest.approx(other.times, rel=SAME)
    assert path.losses == pytest.approx(other.losses, rel=1e-9, abs=SAME * other.losses[0])
    assert path.certificates.margin == pytest.approx(other.certificates.margin, rel=1e-6)
    assert path.certificates.unique.tolist() == other.certificates.unique.tolist()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("least", [1, 4, 16, 256])
def test_screened_path_is_the_path(seed, least, monkeypatch):
    n, d = [(10, 300), (40, 200), (60, 30), (25, 1000)][seed % 4]
    path, screened = both_ways(*gaussian(seed, n, d), monkeypatch, least)
    assert_same(screened, path)
    assert screened.certificates.worst < 1e-9


@pytest.mark.parametrize("seed", range(40))
def test_screened_path_of_few_samples_is_the_path(seed, monkeypatch):
    """With two or three samples many columns point where the dual point goes: bounds are tight."""
    rng = np.random.default_rng(seed)
    n = 2 + seed % 2
    y = rng.standard_normal(n)
    X = rng.standard_normal((n, 300)) * rng.uniform(0.5, 1, 300)
    X[:, 0] = 3 * y
    path, screened = both_ways(X, y + 0.1 * rng.standard_normal(n), monkeypatch)
    assert_same(screened, path)


@pytest.mark.parametrize("seed", range(6))
def test_screened_path_with_boundaries_is_the_path(seed, monkeypatch):
    X, y = gaussian(seed, 15, 200)
    X *= np.exp2(np.random.default_rng(seed).integers(-9, 9, 200))
    plus, minus = np.random.default_rng(seed).choice([0.1, 1.0, 30.0, np.inf], (2, 200))
    path, screened = both_ways(X, y, monkeypatch, boundaries=(plus, minus))
    assert_same(screened, path)


@pytest.mark.parametrize("boundary", [1e-300, 1e-160, 1e160, 1e300])
def test_screened_path_with_boundaries_of_any_size_is_the_path(boundary, always):
    """Boundaries are a unit of time, and dual points may be as large."""
    X, y = gaussian(0, 40, 200)
    one = saddles.pesme_flammarion(X, y)
    path = saddles.pesme_flammarion(X, y, boundaries=(boundary, boundary))
    assert [u.tolist() for u in path.active] == [u.tolist() for u in one.active]
    assert path.times / boundary == pytest.approx(one.times, rel=SAME)
    assert path.losses == pytest.approx(one.losses, rel=1e-9, abs=SAME * one.losses[0])


@pytest.mark.parametrize("chunk", range(4))
def test_screened_path_agrees_with_exact_arithmetic(chunk, always):
    """Ties, copies, deactivations, dependent columns."""
    for seed in range(60 * chunk, 60 * (chunk + 1)):
        X, y = integer_problem(seed)
        assert_agrees(saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y), X, y)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(12))
def test_screened_path_of_every_family_agrees_with_exact_arithmetic(chunk, always):
    for seed in range(200 * chunk, 200 * (chunk + 1)):
        X, y = integer_problem(seed)
        assert_agrees(saddles.pesme_flammarion(X, y), oracle.pesme_flammarion(X, y), X, y)


@settings(max_examples=40)
@given(
    st.one_of(
        strategies.integer_regressions(max_side=6),
        strategies.deactivating(),
        strategies.gaussian(max_samples=6, max_features=6),
    )
)
def test_any_screened_path_agrees_with_exact_arithmetic(problem):
    X, y = problem
    with pytest.MonkeyPatch.context() as patch:
        choose(patch)
        path = saddles.pesme_flammarion(X, y)
    assert_agrees(path, oracle.pesme_flammarion(X, y), X, y)


def test_copies_of_columns_ring_together_however_few_are_looked_at(always):
    X, y = gaussian(3, 20, 100)
    order = np.random.default_rng(0).permutation(200)
    path = saddles.pesme_flammarion(np.hstack([X, -X])[:, order], y)
    single = saddles.pesme_flammarion(X, y)
    assert path.times == pytest.approx(single.times, rel=1e-11)
    assert path.losses == pytest.approx(single.losses, rel=1e-9, abs=1e-12 * single.losses[0])
    assert [u.size for u in path.active] == [2 * u.size for u in single.active]


def test_few_clocks_are_looked_at(monkeypatch):
    """All of them at the start; after that a small share at each jump."""
    shares = []

    class Counting(screening.Screen):
        def race(self, course):
            before = self.looks
            found = super().race(course)
            shares.append((self.looks - before) / self.data.shape[1])
            return found

    monkeypatch.setattr(dual_path, "Screen", Counting)
    saddles.pesme_flammarion(*gaussian(0, 100, 40_000))
    assert 1 <= shares[0] < 1.2
    assert np.mean(shares[1:]) < 0.1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("least", [1, 16])
def test_every_tube_is_safe(seed, least, monkeypatch):
    """At the runner-up's ring, each clock that is not kept is short of its boundary."""
    X, y = gaussian(seed, 30, 400)
    choose(monkeypatch, least)
    checked = []

    class Checking(screening._Sieve):
        def race(self, course):
            found = super().race(course)
            if not np.isfinite(found.second):
                return found
            ahead = np.abs((course.dual + found.second * course.residual) @ X)
            out = np.ones(400, dtype=bool)
            out[course.held] = out[course.resting] = out[self.kept.units] = False
            if self.units is not None:
                out &= np.isin(np.arange(400), self.units)
            if self.tube:
                assert (ahead[out] < 1).all()
                checked.append((self.depth, int(out.sum())))
            return found

    monkeypatch.setattr(screening, "_Sieve", Checking)
    saddles.pesme_flammarion(X, y)
    assert np.mean([count for depth, count in checked if depth == 0]) > 200
    assert any(depth > 0 for depth, _ in checked)


def test_a_missed_clock_is_not_passed_over_in_silence(monkeypatch):
    """With tubes that are not safe a path is the right one all the same, or is no success."""

    class Careless(screening._Sieve):
        def _is_safe(self, tube, course, delay):
            return super()._is_safe(replace(tube, span=9 * tube.span), course, delay)

    failed = 0
    choose(monkeypatch, 16)
    for seed in range(12):
        X, y = gaussian(seed, 30, 400)
        right = saddles.pesme_flammarion(X, y)
        with monkeypatch.context() as patch:
            patch.setattr(screening, "_Sieve", Careless)
            path = saddles.pesme_flammarion(X, y, on_failure="return")
        if path.success:
            assert_same(path, right)
        failed += not path.success
    assert failed > 3


@pytest.mark.parametrize("beyond", [1.001, 3.0])
def test_a_clock_beyond_its_boundary_at_the_end_is_reported(beyond, always):
    X = np.eye(3)
    data = InUnits.of(saddles.Regression(X, [1.0, 1.0, 1.0]))
    screen = screening.Screen(data, np.ones(3), np.ones(3))
    ends = {"residual": np.zeros(3), "size": 0.0, "arc": 2.0, "reach": 0.0, "noise": 0.0}
    nobody = np.zeros(0, dtype=int)
    ends |= {"time": 1.0, "held": np.array([0, 1]), "resting": nobody, "leaving": nobody}
    assert screen.race(Course(dual=np.array([1.0, -1, 0.5]), **ends)).units.size == 0
    with pytest.raises(Breakdown, match="beyond its boundary"):
        screen.race(Course(dual=np.array([1.0, -1, beyond]), **ends))


@pytest.mark.slow
def test_end_of_a_path_of_twenty_thousand_features_is_minimum_l1():
    X, y = gaussian(0, 40, 20_000)
    path = saddles.pesme_flammarion(X, y)
    least = linprog(np.ones(40_000), A_eq=np.hstack([X, -X]), b_eq=y, method="highs")
    end = path.betas[[-1]].toarray()[0]
    assert np.abs(end).sum() == pytest.approx(least.fun, rel=LINEAR_PROGRAM)
    assert np.abs(X @ end - y).max() < 1e-12 * np.abs(y).max()
    assert path.certificates.worst < 1e-9
