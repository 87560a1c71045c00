"""Every law on every algorithm, on ordinary and on degenerate problems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saddles.testing import strategies
from saddles.testing._diagonal_identities import IDENTITIES
from saddles.testing._diagonal_laws import CHANGES, NEEDS, scaling_columns
from saddles.testing.families import integer_problem
from tests.laws import laws, motions, staircases
from tests.laws.subjects import MOTIONS, STAIRCASES, SUBJECTS

every_law_on_every_subject = pytest.mark.parametrize(
    ("law", "subject"),
    [
        pytest.param(law, subject, id=f"{law.__name__}-{name}")
        for law in (*IDENTITIES, *CHANGES)
        for name, subject in SUBJECTS.items()
        if law not in NEEDS or subject.takes.intersection(NEEDS[law])
    ],
)
every_law_of_paths = pytest.mark.parametrize(
    ("law", "solve"),
    [
        pytest.param(law, subject.function, id=f"{law.__name__}-{name}")
        for law in laws.LAWS
        for name, subject in SUBJECTS.items()
    ],
)
problems_and_seeds = given(problem=strategies.regressions(), seed=st.integers(0, 2**32 - 1))


@every_law_on_every_subject
@settings(max_examples=15)
@problems_and_seeds
def test_law(law, subject, problem, seed):
    law(subject, *problem, np.random.default_rng(seed))


@every_law_of_paths
@settings(max_examples=15)
@problems_and_seeds
def test_law_of_paths(law, solve, problem, seed):
    law(solve, *problem, np.random.default_rng(seed))


@pytest.mark.slow
@every_law_on_every_subject
def test_law_on_a_thousand_integer_problems(law, subject):
    for seed in range(1000):
        X, y = integer_problem(seed)
        law(subject, X.astype(float), y.astype(float), np.random.default_rng(seed))


@pytest.mark.slow
@every_law_of_paths
def test_law_of_paths_on_a_thousand_integer_problems(law, solve):
    for seed in range(1000):
        X, y = integer_problem(seed)
        law(solve, X.astype(float), y.astype(float), np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [57, 230, 231, 898])
def test_columns_of_very_different_scales_share_a_coefficient(seed):
    """Coefficients that are not unique, in units that differ by 1e12: cancellation, if careless."""
    X, y = integer_problem(seed)
    subject = SUBJECTS["pesme_flammarion"]
    scaling_columns(subject, X.astype(float), y.astype(float), np.random.default_rng(seed))


def obey(laws, problems, count):
    @settings(max_examples=count)
    @given(problem=problems)
    def check(problem):
        for law in laws:
            law(problem)

    check()


@pytest.mark.parametrize("name", STAIRCASES)
def test_every_staircase_obeys(name):
    obey(staircases.LAWS, *STAIRCASES[name])


@pytest.mark.parametrize("name", MOTIONS)
def test_every_motion_obeys(name):
    obey(motions.LAWS, *MOTIONS[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", STAIRCASES)
def test_many_staircases_obey(name):
    problems, count = STAIRCASES[name]
    obey(staircases.LAWS, problems, 30 * count)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOTIONS)
def test_many_motions_obey(name):
    problems, count = MOTIONS[name]
    obey(motions.LAWS, problems, 30 * count)
