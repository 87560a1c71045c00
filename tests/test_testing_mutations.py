"""Faults planted in the solvers are found by the laws, each in seconds; `pytest -s` says by which.

A fault counts as found only if a law finds it: the solvers' own certificates are silenced.
"""

from functools import partial

import pytest

import saddles
from saddles import testing
from saddles.testing._report import A_PATH
from tests import mutants

#: Of those listed, the faults that show in the form of the answer.
FORM = {"raises on ties", "maps transposed"}

CHECKS = {
    "diagonal": (testing.check_diagonal_path, mutants.DIAGONAL),
    "low rank": (partial(testing.check_greedy_low_rank, max_examples=8), mutants.LOW_RANK),
    "linear": (partial(testing.check_linear_path, max_examples=8), mutants.LINEAR),
}


@pytest.mark.parametrize(
    ("check", "fault", "solver"),
    [
        pytest.param(check, fault, solver, id=f"{family}: {fault}")
        for family, (check, faulty) in CHECKS.items()
        for fault, solver in faulty.items()
    ],
)
def test_a_planted_fault_is_found(check, fault, solver):
    with pytest.raises(testing.LawError) as found:
        check(solver)
    print(f"{fault}: {found.value.law}")
    assert (found.value.law == A_PATH) == (fault in FORM)
    assert found.value.expected != found.value.got


@pytest.mark.parametrize(
    ("check", "solver", "module"),
    [
        (testing.check_diagonal_path, saddles.pesme_flammarion, saddles._pesme_flammarion),
        (testing.check_greedy_low_rank, saddles.greedy_low_rank, saddles._greedy_low_rank),
        (testing.check_linear_path, saddles.agf.linear, saddles.agf._linear),
    ],
)
def test_without_a_fault_the_same_harness_obeys_every_law(check, solver, module):
    """What is found above is the fault, and not the planting of it."""
    report = check(mutants.mutant(solver, module), max_examples=2)
    assert "stopping early is a prefix" in report.laws
