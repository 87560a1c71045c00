"""What users of `saddles.testing` see: forms of answers, reports, errors, an installed copy."""

import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse import csr_array

import saddles
from saddles import testing
from saddles.testing._solver import Solver
from tests.testing import mutants

X = np.array([[2.0, 0.0, 0.3, 0.0], [0.0, 1.0, 0.1, 0.2]])
Y = np.array([1.0, 1.0])
PATH = saddles.pesme_flammarion(X, Y)
THREE = (PATH.times, PATH.betas, PATH.losses)


# --- forms of an answer -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        PATH,
        THREE,
        [array.tolist() for array in THREE],
        dict(zip(("times", "betas", "losses"), THREE, strict=True)),
        namedtuple("Path", "losses betas times")(*THREE[::-1]),
        SimpleNamespace(times=THREE[0], betas=csr_array(THREE[1]), losses=THREE[2]),
    ],
)
def test_answers_of_any_form_are_read(answer):
    testing.assert_diagonal_path(answer, X, Y)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "a NoneType without times, betas, losses"),
        (THREE[:2], "a tuple of 2 entries"),
        ({"times": [0.0], "betas": [[0.0, 0.0]]}, "a dict without losses"),
        ((PATH.times, PATH.betas[1:], PATH.losses), r"betas \(2, 4\)"),
        ((PATH.times, PATH.betas.T, PATH.losses), r"betas \(K.1, 4\)"),
        (([], [], []), r"times \(0,\)"),
        ((0.0, 0.0, 0.0), r"times \(\)"),
        ((PATH.times, PATH.betas * np.nan, PATH.losses), "finite"),
        ((PATH.times, [[0.0], [0.0, 1.0]], PATH.losses), "rows of different lengths"),
        (("a", "b", "c"), "dtype <U1"),
    ],
)
def test_nonsense_is_named(answer, words):
    with pytest.raises(testing.LawError, match=words) as found:
        testing.assert_diagonal_path(answer, X, Y)
    assert found.value.law == "a solver returns a path"


@pytest.mark.parametrize("check", [testing.check_diagonal_path, testing.check_greedy_low_rank])
def test_a_solver_that_raises_is_the_cause(check):
    def solver(*data):
        raise ZeroDivisionError("no such\n  luck")

    with pytest.raises(testing.LawError, match="ZeroDivisionError: no such luck") as found:
        check(solver)
    assert isinstance(found.value.__cause__, ZeroDivisionError)


# --- what is asked ------------------------------------------------------------------------------


def test_a_solver_may_choose_among_coefficients_if_that_is_declared():
    choosing = mutants.DIAGONAL["missing minimum norm"]
    with pytest.raises(testing.LawError) as found:
        testing.check_diagonal_path(choosing)
    error = found.value
    assert error.law == "coefficients are the shortest"
    assert error.problem["X"].tolist() == [[1.0, 1.0]]
    assert (error.problem["y"].tolist(), error.got) == ([1.0], "[1., 0.]")
    report = testing.check_diagonal_path(choosing, minimum_norm=False, max_examples=10)
    assert len(report.skipped) == 1
    assert report.problems > 100


@settings(max_examples=20)
@given(testing.regressions())
def test_one_answer_under_hypothesis(problem):
    testing.assert_diagonal_path(saddles.agf.diagonal(*problem), *problem)


@settings(max_examples=5)
@given(testing.matrix_losses())
def test_one_answer_for_a_matrix(loss):
    testing.assert_low_rank_path(saddles.greedy_low_rank(loss), loss)
    part = saddles.greedy_low_rank(loss, max_jumps=1)
    testing.assert_low_rank_path(part, loss, finished=False)


@settings(max_examples=5)
@given(testing.moments())
def test_one_answer_for_a_network(moments):
    testing.assert_linear_path(saddles.agf.linear(*moments), *moments)


def test_a_part_of_a_path_is_judged_as_such():
    part = saddles.pesme_flammarion(X, Y, max_jumps=1)
    testing.assert_diagonal_path(part, X, Y, finished=False)
    with pytest.raises(testing.LawError, match="training ends when the gradient vanishes"):
        testing.assert_diagonal_path(part, X, Y)


@pytest.mark.parametrize("off", [1e-6, -1e-6])
def test_the_tolerance_is_what_it_says(off):
    late = PATH.times * (1 + off), PATH.betas, PATH.losses
    testing.assert_diagonal_path(late, X, Y, tolerance=1e-5)
    with pytest.raises(testing.LawError, match=r"clock"):
        testing.assert_diagonal_path(late, X, Y, tolerance=1e-7)


def test_keywords_are_read_from_the_signature():
    assert Solver.of(saddles.pesme_flammarion, None, tolerance=0.1).takes == {
        "boundaries",
        "max_jumps",
    }
    assert Solver.of(dict, None, tolerance=0.1).takes == frozenset()

    def weighing(X, y, *, sample_weight=None):
        return saddles.pesme_flammarion(saddles.Regression(X, y, sample_weight=sample_weight))

    report = testing.check_diagonal_path(weighing, max_examples=3)
    assert "weighting all samples alike" in report.laws


def test_a_search_is_repeatable():
    reports = []
    for _ in range(2):
        with pytest.raises(testing.LawError) as found:
            testing.check_diagonal_path(mutants.DIAGONAL["missed deactivation"])
        reports.append(str(found.value))
    assert reports[0] == reports[1]


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"solver": None}, TypeError, "solver=None must be callable"),
        ({"solver": np}, TypeError, "Pass the function in this module"),
        ({"takes": "max_jumps"}, TypeError, "takes='max_jumps' must be a tuple"),
        ({"takes": ("speed",)}, ValueError, "takes='speed' must be one of"),
        ({"tolerance": 0.0}, ValueError, "tolerance=0.0"),
        ({"max_examples": 0}, ValueError, "max_examples=0"),
    ],
)
def test_bad_arguments(arguments, kind, words):
    with pytest.raises(kind, match=words):
        testing.check_diagonal_path(**({"solver": mutants.plain} | arguments))


def test_a_fault_of_the_laws_is_not_blamed_on_the_solver(monkeypatch):
    def law(solver, X, y, rng):
        raise KeyError("ours")

    monkeypatch.setattr("saddles.testing._diagonal_identities.IDENTITIES", (law,))
    with pytest.raises(KeyError, match="ours"):
        testing.check_diagonal_path(mutants.plain)


# --- installed ----------------------------------------------------------------------------------


def test_without_hypothesis_one_answer_can_still_be_judged():
    code = """
import sys
sys.modules["hypothesis"] = None
import saddles
from saddles import testing
path = saddles.pesme_flammarion([[1.0]], [1.0])
testing.assert_diagonal_path(path, [[1.0]], [1.0])
testing.integer_problem(3)
for use in (lambda: testing.check_diagonal_path(saddles.pesme_flammarion), lambda: testing.wide):
    try:
        use()
    except ImportError as error:
        print(error)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.count("pip install 'saddles[testing]'") == 2


def selfcheck(folder, *options):
    """Run the self-check of a copy of the package alone, away from the checkout."""
    shutil.copytree(Path(saddles.__file__).parent, folder / "site" / "saddles")
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--pyargs"]
    return subprocess.run(
        [*command, "saddles.testing.selfcheck", *options],
        cwd=folder,
        env={"PYTHONPATH": str(folder / "site"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_copy_checks_itself(tmp_path):
    run = selfcheck(tmp_path, "-k", "published")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "site/saddles/testing/selfcheck.py::test_a_published_path PASSED" in run.stdout


@pytest.mark.slow
def test_an_installed_copy_checks_itself_throughout(tmp_path):
    run = selfcheck(tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "5 passed" in run.stdout
