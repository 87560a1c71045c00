"""Closed-form mode times of deep linear networks, against quadrature."""

import math

import numpy as np
import pytest

import reference.deep_diagonal as oracle
from saddles import boundaries
from saddles.flow import deep_modes, full

QUADRATURE = 1e-12


@pytest.mark.parametrize("depth", [2, 3, 4, 5, 8])
def test_times_are_quadratures(depth):
    rng = np.random.default_rng(depth)
    rate, curvature, init = np.exp(rng.normal(0, 1, 3))
    alpha, share = 10 ** rng.uniform(-4, -1), rng.uniform(0.05, 0.95)
    time = oracle.mode_time(depth, rate, curvature, alpha * init, share)
    scaled = time / -math.log(alpha) if depth == 2 else time * alpha ** (depth - 2)
    found = deep_modes(
        [rate],
        depth=depth,
        log_alpha=math.log(alpha),
        curvatures=curvature,
        init=init,
        share=share,
    )
    assert found[0] == pytest.approx(scaled, rel=QUADRATURE)


def test_the_limit_is_the_boundary_of_equal_weights():
    """A mode is a coordinate of a diagonal network whose weights all start at the same size."""
    for depth in (2, 3, 4, 7):
        wait = boundaries(np.full(depth, 1.7))[0]
        found = deep_modes([2.0, 0.5], depth=depth, init=1.7)
        assert np.allclose(found, wait / np.array([2.0, 0.5]), rtol=1e-13)


def test_depth_two_is_the_closed_form_of_the_matrix_flow():
    """W = UUᵀ from αI: each mode is logistic."""
    scale = -20.0
    curve = full(np.diag([2.0, 1.0]), log_alpha=scale, initial=np.eye(2)).curve
    found = deep_modes([2.0, 1.0], depth=2, log_alpha=scale)
    assert np.allclose(found, curve.mode_times, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"depth": 1}, "depth=1"),
        ({"rates": [1.0, 0.0]}, "rates=.* must be above 0"),
        ({"curvatures": [1.0, 1.0, 1.0]}, "one for each of the 2 rates"),
        ({"init": -1.0}, "init=.* must be above 0"),
        ({"share": 1.0}, "share=1.0: it must lie between 0 and 1"),
        ({"log_alpha": 0.0}, "log_alpha=0.0"),
        ({"log_alpha": -0.1}, "mode 1 starts at .* beyond share=0.5"),
    ],
)
def test_bad_input_is_named(options, words):
    given = {"rates": [2.0, 1.0], "depth": 3} | options
    with pytest.raises(ValueError, match=words):
        deep_modes(given.pop("rates"), **given)
