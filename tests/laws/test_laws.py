"""Every law on every algorithm, on ordinary and on degenerate problems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import strategies
from tests.families import integer_problem
from tests.laws.laws import LAWS, NEEDS, scaling_columns
from tests.laws.subjects import SUBJECTS

every_law_on_every_subject = pytest.mark.parametrize(
    ("law", "subject"),
    [
        pytest.param(law, subject, id=f"{law.__name__}-{subject.name}")
        for law in LAWS
        for subject in SUBJECTS
        if getattr(subject, NEEDS.get(law, "name"))
    ],
)

problems = st.one_of(
    strategies.gaussian(), strategies.integer_regressions(), strategies.deactivating()
)


@every_law_on_every_subject
@settings(max_examples=15)
@given(problem=problems, seed=st.integers(0, 2**32 - 1))
def test_law(law, subject, problem, seed):
    law(subject, *problem, np.random.default_rng(seed))


@pytest.mark.slow
@every_law_on_every_subject
def test_law_on_a_thousand_integer_problems(law, subject):
    for seed in range(1000):
        X, y = integer_problem(seed)
        law(subject, X.astype(float), y.astype(float), np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [57, 230, 231, 898])
def test_columns_of_very_different_scales_share_a_coefficient(seed):
    """Coefficients that are not unique, in units that differ by 1e12: cancellation, if careless."""
    X, y = integer_problem(seed)
    scaling_columns(SUBJECTS[0], X.astype(float), y.astype(float), np.random.default_rng(seed))
