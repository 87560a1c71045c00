"""What a check asks of a solver besides its laws, and what it says: exactness, time, manners."""

import copy
import pickle
import threading
import time
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import saddles
from reference import pesme_flammarion as exact
from saddles import testing
from saddles.testing._diagonal_laws import reflection
from saddles.testing._time_limit import TimeLimitError, within
from tests.testing import mutants

#: A right solver without keywords: all laws that need none are tried.
PLAIN = mutants.worded(lambda path: path)


# --- exact solvers ------------------------------------------------------------------------------


def test_a_solver_in_exact_arithmetic_obeys_every_law():
    report = testing.check_diagonal_path(exact.pesme_flammarion, minimum_norm=False, max_examples=9)
    assert report.success
    assert "scaling columns" in report.laws
    assert "dual points are the integral of residuals" in report.laws


@pytest.mark.slow
def test_a_solver_in_exact_arithmetic_obeys_every_law_on_many_problems():
    report = testing.check_diagonal_path(
        exact.pesme_flammarion, minimum_norm=False, extremes=True, max_examples=200
    )
    assert report.success


def test_targets_that_no_feature_explains_are_so_in_exact_arithmetic():
    """The problem on which right exact solvers were condemned."""
    X, y = np.array([[702.0], [274.0]]), np.array([22.0, -461.0])
    laws = testing._checks._diagonal_laws
    solver = testing._checks.Solver.of(exact.pesme_flammarion, None, tolerance=1e-9)
    laws.nothing_to_learn(solver, X, y, np.random.default_rng(0))


@given(st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_reflections_are_exact(size, seed):
    M, square = reflection(size, np.random.default_rng(seed))
    assert (M.round() == M).all()
    assert (square * np.eye(size) == M.T @ M).all()


def test_dual_points_of_another_kind_are_told():
    def solver(X, y):
        path = saddles.pesme_flammarion(X, y)
        names = ("times", "betas", "losses", "duals")
        return {name: getattr(path, name) for name in names} | {"duals": 2 * path.duals}

    with pytest.raises(testing.LawError, match="dual points are the integral of residuals"):
        testing.check_diagonal_path(solver, max_examples=9)


# --- time ---------------------------------------------------------------------------------------


def sleeping(X, y):
    time.sleep(60)


def spinning(X, y):
    while True:
        pass


@pytest.mark.parametrize("solver", [sleeping, spinning])
def test_a_solver_that_never_returns_is_reported_within_its_limit(solver):
    began = time.monotonic()
    with pytest.raises(testing.LawError, match=r"at most 0\.3 s") as found:
        testing.check_diagonal_path(solver, time_limit=0.3)
    assert time.monotonic() - began < 5.0
    assert found.value.law == "a solver returns in time"
    assert found.value.problem["X"].shape == (1, 1)


def test_a_solver_that_is_late_is_not_called_again():
    calls = []

    def solver(X, y):
        calls.append(X)
        return sleeping(X, y) if len(calls) == 30 else mutants.plain(X, y)

    report = testing.check_diagonal_path(solver, time_limit=0.5, keep_going=True)
    assert [error.law for error in report.broken] == ["a solver returns in time"]
    assert len(calls) == 30
    assert "the solver was late" in report.skipped.values()
    assert not report.success


def test_a_late_thread_in_python_code_ends():
    stopped = threading.Event()

    def call():
        try:
            while True:
                pass
        finally:
            stopped.set()

    with pytest.raises(TimeLimitError):
        within(0.1, call)
    assert stopped.wait(10.0)


def test_a_call_in_time_gives_its_result_its_error_and_sees_the_callers_settings():
    assert within(10.0, lambda: 3) == 3
    with pytest.raises(ZeroDivisionError):
        within(10.0, lambda: 1 // 0)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        within(10.0, lambda: np.float64(1) / 0)


@pytest.mark.parametrize("time_limit", [0.0, -1.0, np.nan])
def test_time_limits_that_are_none(time_limit):
    with pytest.raises(ValueError, match=r"time_limit=.*None for no limit"):
        testing.check_linear_path(saddles.agf.linear, time_limit=time_limit)


# --- manners ------------------------------------------------------------------------------------


def writing_into_the_loss(loss):
    loss.M[0, 0] += 1.0
    return saddles.greedy_low_rank(saddles.FullMatrix(loss.M))


def writing_into_moments(sigma_xx, sigma_yx):
    sigma_yx *= 2.0
    return saddles.agf.linear(sigma_xx, sigma_yx / 2)


@pytest.mark.parametrize(
    ("check", "solver"),
    [
        (testing.check_diagonal_path, mutants.normalising_in_place),
        (testing.check_greedy_low_rank, writing_into_the_loss),
        (testing.check_linear_path, writing_into_moments),
    ],
)
def test_a_solver_that_writes_into_its_data_is_told_so(check, solver):
    with pytest.raises(testing.LawError, match="after the call") as found:
        check(solver, max_examples=9)
    assert found.value.law == "a solver leaves its data alone"


# --- conventions --------------------------------------------------------------------------------


def factors(name, factor):
    """Return solvers of each kind whose losses or times are off by a factor."""
    said = mutants.saying(**{name: lambda path: getattr(path, name) * factor})
    return {
        testing.check_diagonal_path: lambda X, y: said(mutants.plain(X, y)),
        testing.check_greedy_low_rank: lambda loss: said(saddles.greedy_low_rank(loss)),
        testing.check_linear_path: lambda xx, yx: said(saddles.agf.linear(xx, yx)),
    }


@pytest.mark.parametrize("check", factors("losses", 2.0))
def test_losses_of_another_convention_are_called_that(check):
    words = r"losses, all 2 times what is expected: another convention\? The loss here is"
    with pytest.raises(testing.LawError, match=words):
        check(factors("losses", 2.0)[check], max_examples=6)


def test_times_of_another_convention_are_called_that():
    solver = factors("times", 0.5)[testing.check_diagonal_path]
    words = r"times, all 0\.5 times what is expected: another convention\?"
    with pytest.raises(testing.LawError, match=words):
        testing.check_diagonal_path(solver, max_examples=9)


def test_other_faults_are_not():
    with pytest.raises(testing.LawError) as found:
        testing.check_diagonal_path(mutants.DIAGONAL["a late loss is that of the saddle before"])
    assert "convention" not in str(found.value)


# --- all that is broken -------------------------------------------------------------------------


def test_all_broken_laws_are_listed():
    solver = mutants.DIAGONAL["tied units unsorted"]
    report = testing.check_diagonal_path(solver, keep_going=True, max_examples=9)
    assert [error.law for error in report.broken] == ["active entered left"]
    assert str(report).startswith(f"{len(report.laws)} laws hold, 1 is broken, on ")
    assert "the law 'active entered left' is broken" in str(report)
    assert repr(report).count("\n") == 0


def test_a_law_that_is_broken_hides_no_other():
    report = testing.check_diagonal_path(
        mutants.DIAGONAL["times not accumulated"], keep_going=True, max_examples=9
    )
    broken = [error.law for error in report.broken]
    assert len(broken) == len(set(broken)) >= 3
    assert "losses are those of the problem" in report.laws
    assert not set(broken) & set(report.laws)


def test_a_solver_that_sometimes_raises_is_tried_on():
    report = testing.check_diagonal_path(
        mutants.DIAGONAL["raises on ties"], keep_going=True, max_examples=9
    )
    assert [error.law for error in report.broken] == ["a solver returns a path"]
    assert isinstance(report.broken[0].__cause__, ValueError)
    assert "permuting columns" in report.laws


def test_reports_and_errors_survive_pickling():
    report = testing.check_diagonal_path(PLAIN, max_examples=1)
    assert pickle.loads(pickle.dumps(report)) == copy.deepcopy(report) == report
    with pytest.raises(testing.LawError) as found:
        testing.check_diagonal_path(partial(sleeping), time_limit=0.05)
    other = pickle.loads(pickle.dumps(found.value))
    assert (str(other), other.law) == (str(found.value), found.value.law)
    assert other.problem["X"].tolist() == found.value.problem["X"].tolist()
