"""Faults planted in the algorithms are found by the laws, in seconds; `pytest -s` says by which.

A fault counts as found only if a law finds it: no certificate of a solver takes part.
"""

from functools import partial
from itertools import product

import numpy as np
import pytest

import saddles
from saddles import testing
from saddles.testing._diagonal_identities import IDENTITIES
from saddles.testing._diagonal_laws import CHANGES, NEEDS
from saddles.testing._expect import Broken, NoPath
from saddles.testing._report import title
from saddles.testing._solver import Solver
from tests.testing import mutants

#: Of those listed, the faults that show in the form of the answer.
FORM = {"raises on ties", "maps transposed"}

#: A fault that shows on few problems: it takes as many as a check tries by itself.
RARE = "clock reset when a unit leaves"

CHECKS = {
    "diagonal": (partial(testing.check_diagonal_path, max_examples=12), mutants.DIAGONAL),
    "low rank": (partial(testing.check_greedy_low_rank, max_examples=6), mutants.LOW_RANK),
    "linear": (partial(testing.check_linear_path, max_examples=6), mutants.LINEAR),
}


@pytest.mark.parametrize(
    ("check", "fault", "solver"),
    [
        pytest.param(
            testing.check_diagonal_path if fault == RARE else check,
            fault,
            solver,
            id=f"{family}: {fault}",
        )
        for family, (check, faulty) in CHECKS.items()
        for fault, solver in faulty.items()
    ],
)
def test_a_planted_fault_is_found(check, fault, solver):
    with pytest.raises(testing.LawError) as found:
        check(solver)
    print(f"{fault}: {found.value.law}")
    assert (found.value.law == NoPath.name) == (fault in FORM)
    assert found.value.expected != found.value.got


def test_the_copy_without_a_fault_obeys_every_law():
    """What is found above is the fault, and not the copy in which it is planted."""
    report = testing.check_diagonal_path(mutants.plain, max_examples=12)
    assert set(report.skipped) == {"weighting all samples alike"}


@pytest.mark.parametrize(
    ("check", "solver", "module"),
    [
        (testing.check_greedy_low_rank, saddles.greedy_low_rank, saddles._matrix.greedy_low_rank),
        (testing.check_linear_path, saddles.agf.linear, saddles._matrix.agf_linear),
    ],
)
def test_without_a_fault_the_same_harness_obeys_every_law(check, solver, module):
    """What is found above is the fault, and not the planting of it."""
    report = check(mutants.mutant(solver, module), max_examples=2)
    assert "stopping early is a prefix" in report.laws


def first_sample_counts_twice(X, y, **options):
    """Weights that depend on the order of the samples, and on their number."""
    weight = np.ones(len(y))
    weight[0] = 2
    return saddles.pesme_flammarion(saddles.Regression(X, y, sample_weight=weight), **options)


def clocks_per_column(X, y, **options):
    """Boundaries that depend on the number of columns."""
    return saddles.pesme_flammarion(X, y, **(options | {"boundaries": (X.shape[1],) * 2}))


def weights_change_the_units(X, y=None, **options):
    """Weights multiply the loss, which is then no mean."""
    path = saddles.pesme_flammarion(X, y, **options)
    total = X.n_samples if isinstance(X, saddles.Regression) else len(y)
    return path.times / total, path.betas, path.losses


def cone_of_everybody(X, y):
    """All coefficients at once, from the first jump on."""
    path = saddles.pesme_flammarion(X, y)
    end = np.linalg.lstsq(X, y)[0]
    betas = [path.betas[0], *[end] * (len(path) - 1)]
    losses = [saddles.Regression(X, y).loss(beta) for beta in betas]
    return path.times, betas, losses


def a_tenth_more(X, y):
    """Coefficients too large by a tenth."""
    path = saddles.pesme_flammarion(X, y)
    return path.times, path.betas * 1.1, path.losses


FAULTY = [
    *mutants.DIAGONAL.values(),
    first_sample_counts_twice,
    clocks_per_column,
    weights_change_the_units,
    cone_of_everybody,
    a_tenth_more,
]


@pytest.mark.parametrize("law", [*IDENTITIES, *CHANGES], ids=title)
def test_every_law_can_be_broken(law):
    """No law is empty: alone, on thirty problems, each finds one of the faults."""
    takes = set(NEEDS.get(law, ())) - {"sample_weight"}
    for seed, solve in product(range(30), FAULTY):
        X, y = (array.astype(float) for array in testing.integer_problem(seed))
        try:
            law(Solver.of(solve, takes, tolerance=1e-9), X, y, np.random.default_rng(seed))
        except NoPath:
            continue
        except Broken:
            return
    pytest.fail("no fault breaks it")
