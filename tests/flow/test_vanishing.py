"""Extrapolation to vanishing initialisation, against exact paths and made-up series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

import saddles
from saddles.flow import diagonal, vanishing_limit

#: What the extrapolation must reach, relative: the flow's own step tolerance.
AGREEMENT = 1e-8


@dataclass
class Series:
    """Stands for a flow whose jump times are polynomials in h = 1/log(1/alpha)."""

    log_alpha: float
    coefficients: np.ndarray
    success: bool = True
    status: saddles.Status = saddles.Status.INTEGRATION_FAILED
    message: str = "too hard"
    until: float = 9.0

    def crossing_times(self, levels):
        h = -1 / self.log_alpha
        return np.polynomial.polynomial.polyval(h, self.coefficients.T)[: len(levels)]


def flow_of(X, y, **options):
    return partial(_flow, X, y, **options)


def _flow(X, y, log_alpha, **options):
    return diagonal(X, y, log_alpha=log_alpha, **options)


def gaussian(seed, n, d, noise):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d))
    return X, X @ rng.standard_normal(d) + noise * rng.standard_normal(n)


STEPS = SimpleNamespace(losses=np.array([3.0, 2.0, 1.0]))
QUADRATIC = np.array([[1.0, 3.0, -20.0], [2.0, -5.0, 7.0]])
SHALLOW = (-200.0, -400.0, -800.0)


def test_a_quadratic_series_is_extrapolated_exactly():
    limit = vanishing_limit(
        STEPS, lambda log_alpha: Series(log_alpha, QUADRATIC), log_alphas=SHALLOW
    )
    assert np.abs(limit.jump_times - [1, 2]).max() < 8 * np.finfo(float).eps
    assert limit.measured.shape == (3, 2)
    assert limit.log_alphas.tolist() == [-200, -400, -800]
    # Without the coarsest scale, a linear fit would miss the quadratic term b h² by b h1 h2.
    assert np.allclose(limit.errors, np.array([20, 7]) / (400 * 800), rtol=1e-6)
    assert abs(limit.order - 1) < 0.05


@pytest.mark.parametrize("power", [1, 2])
def test_order_is_the_leading_power(power):
    coefficients = np.zeros((2, 3))
    coefficients[:, 0], coefficients[:, power] = [1, 2], [3, -1]
    scales = (-10, -20, -40, -80)
    limit = vanishing_limit(
        STEPS, lambda log_alpha: Series(log_alpha, coefficients), log_alphas=scales
    )
    assert limit.order == pytest.approx(power, abs=1e-6)


def test_scales_may_come_in_any_order():
    forth, back = (
        vanishing_limit(STEPS, lambda log_alpha: Series(log_alpha, QUADRATIC), log_alphas=scales)
        for scales in ((-200, -400, -800), (-800, -200, -400, -200))
    )
    assert np.array_equal(forth.jump_times, back.jump_times)


@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_the_exact_path(seed):
    X, y = gaussian(seed, 30, 10, 0.1)
    path = saddles.pesme_flammarion(X, y)
    limit = vanishing_limit(path, flow_of(X, y))
    error = np.abs(limit.jump_times / path.times[1:] - 1)
    assert len(error) == 10
    assert error.max() < AGREEMENT
    assert abs(limit.order - 1) < 1e-6


def test_agreement_improves_with_the_tolerance():
    X, y = gaussian(0, 30, 10, 0.1)
    path = saddles.pesme_flammarion(X, y)
    errors = [
        np.abs(limit.jump_times / path.times[1:] - 1)
        for limit in (
            vanishing_limit(path, flow_of(X, y, rtol=rtol), log_alphas=SHALLOW)
            for rtol in (1e-6, 1e-8, 1e-10)
        )
    ]
    assert errors[1].max() < errors[0].max() / 10
    assert errors[2].max() < errors[1].max() / 10


def test_close_jumps_need_deeper_scales_and_the_error_says_so():
    X, y = gaussian(2, 30, 10, 0.1)
    path = saddles.pesme_flammarion(X, y)
    shallow = vanishing_limit(path, flow_of(X, y), log_alphas=SHALLOW)
    deep = vanishing_limit(path, flow_of(X, y))
    missed = np.abs(shallow.jump_times - path.times[1:])
    assert (missed / path.times[1:]).max() > 100 * AGREEMENT
    assert shallow.errors[missed.argmax()] > missed.max() / 3
    assert np.abs(deep.jump_times / path.times[1:] - 1).max() < AGREEMENT


def test_published_nonmonotone_times():
    X, y = np.array([[1, 0.5, 0.7, 0], [0.5, 1, 0.1, 0.7]]), np.array([1.0, 0.0])
    levels = SimpleNamespace(losses=np.array([1 / 2, 1 / 10, 1 / 100, 0]) / 2)
    limit = vanishing_limit(levels, flow_of(X, y))
    assert np.abs(limit.jump_times / (2 * np.array([1, 4, 276 / 49])) - 1).max() < AGREEMENT


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.eye(3), np.array([1.0, -1.0, 0.5])),
        (np.array([[1, 0.5, 0], [0.5, 1, 0], [0.2, 0.2, 1]]), np.array([1.0, 1.0, 0.3])),
    ],
    ids=["orthogonal", "correlated"],
)
def test_ties_keep_the_series(X, y):
    path = saddles.pesme_flammarion(X, y)
    assert len(path.entered[1]) == 2
    limit = vanishing_limit(path, flow_of(X, y))
    assert np.abs(limit.jump_times / path.times[1:] - 1).max() < AGREEMENT


def test_a_unit_that_settles_at_zero_with_zero_gradient_adds_a_logarithm():
    # Three clocks ring together; the first two fit all that the third sees, so that it decays like
    # 1/t, and the next jump comes late by h log h: the extrapolation gains only one order.
    X = np.array([[1, 0, 0.5, 0.3], [0, 1, 0.5, 0], [0, 0, 0.6, 0.2], [0, 0, 0, 1]])
    y = np.array([1, 1, 0, 0.4])
    path = saddles.pesme_flammarion(X, y)
    scales = np.array([-200.0, -400.0, -800.0])
    errors = []
    for factor in (1, 10, 100):
        limit = vanishing_limit(path, flow_of(X, y), log_alphas=tuple(factor * scales))
        errors.append(np.abs(limit.jump_times - path.times[1:])[1:].max())
    slope = np.polyfit(np.log([1, 10, 100]), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1, abs=0.05)


def test_a_path_without_jumps_has_an_empty_limit():
    X, y = np.eye(2), np.zeros(2)
    limit = vanishing_limit(saddles.pesme_flammarion(X, y), flow_of(X, y))
    assert limit.jump_times.shape == limit.errors.shape == (0,)
    assert limit.measured.shape == (3, 0)
    assert np.isnan(limit.order)


def test_failed_flows_are_refused():
    with pytest.raises(ValueError, match=r"integration failed.*too hard"):
        vanishing_limit(STEPS, lambda log_alpha: Series(log_alpha, QUADRATIC, success=False))


def test_flows_that_end_too_early_are_refused():
    X, y = np.eye(2), np.array([1.0, 0.5])
    path = saddles.pesme_flammarion(X, y)
    with pytest.raises(ValueError, match=r"flow\(-10000\) ends at .* jump 2; let it run longer"):
        vanishing_limit(path, flow_of(X, y, until=3.0))


@pytest.mark.parametrize(
    "scales", [(-200.0,), (-200.0, -200.0), (-200.0, 1.0), (-200.0, -np.inf), ()]
)
def test_unusable_scales_are_refused(scales):
    with pytest.raises(ValueError, match="log_alpha"):
        vanishing_limit(STEPS, lambda log_alpha: Series(log_alpha, QUADRATIC), log_alphas=scales)


@pytest.mark.parametrize("scales", [-200.0, "abc"])
def test_scales_must_be_a_sequence(scales):
    with pytest.raises(TypeError, match="log_alphas="):
        vanishing_limit(STEPS, lambda log_alpha: Series(log_alpha, QUADRATIC), log_alphas=scales)
