"""Laws of deep diagonal networks, on this package's paths and flow, and on planted faults."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import saddles
from saddles.testing import (
    LawError,
    assert_diagonal_path,
    check_deep_flow,
    check_diagonal_path,
    strategies,
)


def half_time(X, y, init, log_alpha, level):
    flow = saddles.flow.diagonal(X, y, init=init, log_alpha=log_alpha)
    return flow.physical_times(flow.crossing_times([level]))[0]


@pytest.mark.parametrize("depth", [3, 4])
def test_the_flow_obeys_its_law(depth):
    report = check_deep_flow(half_time, depth=depth, max_examples=1)
    assert report.success
    assert report.problems == 4


def in_the_limit(X, y, init, log_alpha, level):
    """The jump has no width."""
    return saddles.diagonal_network(X, y, init=init).physical_times(log_alpha)[1]


def from_other_weights(X, y, init, log_alpha, level):
    """Signs of the weights are lost."""
    return half_time(X, y, np.abs(init), log_alpha, level)


@pytest.mark.parametrize("fault", [in_the_limit, from_other_weights])
def test_the_law_finds_faults_of_flows(fault):
    with pytest.raises(LawError, match="half of the first jump is late by a constant") as error:
        check_deep_flow(fault, max_examples=3)
    assert set(error.value.problem) == {"X", "y", "init", "log_alpha"}


@given(st.data())
@settings(max_examples=15)
def test_paths_from_any_weights_obey_the_identities(data):
    X, y = data.draw(strategies.regressions())
    init = data.draw(strategies.initial_weights(X.shape[1], ties=data.draw(st.booleans())))
    path = saddles.diagonal_network(X, y, init=init)
    finished = path.status is not saddles.Status.RESOLUTION
    boundaries = saddles.boundaries(init)
    assert_diagonal_path(path, X, y, boundaries=boundaries, finished=finished)


def test_the_identities_find_other_boundaries():
    X, y = np.eye(2), np.array([2.0, 1.0])
    path = saddles.diagonal_network(X, y, init=[1.0, 0.5, -0.7])
    right = saddles.boundaries([1.0, 0.5, -0.7])
    assert_diagonal_path(path, X, y, boundaries=right)
    for wrong in (right[::-1], (1.0, 1.0)):
        with pytest.raises(LawError):
            assert_diagonal_path(path, X, y, boundaries=wrong)


def test_solvers_of_other_depths_are_checked():
    def solver(X, y):
        return saddles.diagonal_network(X, y, depth=3)

    assert check_diagonal_path(solver, boundary=math.pi / 2, max_examples=4).success
    with pytest.raises(LawError, match="at depth 2"):
        check_diagonal_path(solver, max_examples=2)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"depth": 2}, ValueError),
        ({"tolerance": 2.0}, ValueError),
        ({"max_examples": 0}, ValueError),
    ],
)
def test_bad_input_is_named(options, error):
    with pytest.raises(error, match=f"{next(iter(options))}="):
        check_deep_flow(half_time, **options)
    with pytest.raises(TypeError, match="solver=3"):
        check_deep_flow(3)
