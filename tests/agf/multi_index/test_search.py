"""The time of a search: its integral, the flow of one neuron, and its laws in the dimension."""

import contextlib
import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import saddles

search_time = saddles.agf.search_time

ORDERS = [(k, p) for k in (1, 2, 3) for p in (1, 2, 3)]
overlaps = st.floats(1e-6, 1.0)
scales = st.floats(0.5, 60.0)


def _flow(k, p, mu, v0, log_alpha):
    """Follow one balanced neuron, (a, w) with w in a plane, until its norm is 1."""
    share = math.exp(log_alpha) / math.sqrt(1 + k)
    start = share * np.array([1, v0 * math.sqrt(k), math.sqrt(k * (1 - v0**2))])

    def velocity(_, theta):
        a, w = theta[0], theta[1:]
        size = np.linalg.norm(w)
        v = w[0] / size
        pull = mu * size ** (k - 1) * (k * v**p * w / size)
        pull += mu * size ** (k - 1) * p * v ** (p - 1) * (np.array([1, 0]) - v * w / size)
        return np.append(size**k * mu * v**p, a * pull)

    def grown(_, theta):
        return np.linalg.norm(theta) - 1

    grown.terminal, grown.direction = True, 1
    found = solve_ivp(
        velocity, (0, 1e9), start, method="DOP853", rtol=3e-13, atol=1e-30, events=grown
    )
    return found.t_events[0][0] * (-1 / log_alpha if k == 1 else math.exp((k - 1) * log_alpha))


@pytest.mark.parametrize(("k", "p"), ORDERS)
def test_a_neuron_takes_this_long(k, p):
    for v0 in (0.07, 0.3, 0.9):
        expected = _flow(k, p, 1.3, v0, -3.0)
        assert search_time(k, p, 1.3, v0, log_alpha=-3.0) == pytest.approx(expected, rel=1e-9)


def test_a_neuron_that_first_has_to_turn_round_takes_this_long():
    for k in (1, 2, 3):
        for v0 in (-0.2, -0.95):
            expected = _flow(k, 1, 0.8, v0, -2.0)
            assert search_time(k, 1, 0.8, v0, log_alpha=-2.0) == pytest.approx(expected, rel=1e-9)


@given(st.integers(2, 6), st.integers(1, 6), overlaps, st.floats(0.01, 100.0))
def test_in_the_limit_it_is_a_hypergeometric_function(k, p, v0, mu):
    with mpmath.workdps(60):
        q = mpmath.mpf(k * (k - 1)) / (2 * p)
        value = mpmath.hyp2f1(mpmath.mpf(p) / 2, q, q + 1, 1 - mpmath.mpf(v0) ** 2)
        utility = mu * mpmath.sqrt(mpmath.mpf(k) ** k / mpmath.mpf(k + 1) ** (k + 1))
        expected = float(value / ((k + 1) * (k - 1) * utility))
    assert search_time(k, p, mu, v0) == pytest.approx(expected, rel=1e-11)


@given(overlaps, scales)
def test_closed_forms(v0, size):
    def extra(p):
        return (search_time(1, p, 2.0, v0, log_alpha=-size) * 2.0 - 1) * size

    rest = (1 - v0**2) * math.exp(-2 * size)
    end = math.log1p(math.sqrt(1 - rest)) - math.log1p(v0)
    assert extra(1) == pytest.approx(end, rel=1e-9, abs=1e-12 * size)
    turned = math.log1p(-(1 - v0**2) * math.exp(-4 * size)) / 4 - math.log(v0) / 2
    assert extra(2) == pytest.approx(turned, rel=1e-9, abs=1e-12 * size)
    cubic = 1 / (4 * 2 * 3**1.5 / 16 * v0 * (1 + v0))
    assert search_time(3, 3, 2.0, v0) == pytest.approx(cubic, rel=1e-12)


@given(st.integers(1, 5), st.integers(1, 5), overlaps, scales, st.floats(0.1, 10.0))
def test_laws(k, p, v0, size, mu):
    time = search_time(k, p, mu, v0, log_alpha=-size)
    assert search_time(k, p, 2 * mu, v0, log_alpha=-size) == pytest.approx(time / 2, rel=1e-12)
    assert time >= search_time(k, p, mu, 1.0, log_alpha=-size) * (1 - 1e-12)
    other = search_time(k, p, (-1) ** p * mu, -v0, log_alpha=-size)
    assert other == pytest.approx(time, rel=1e-12)


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.floats(-1e150, 1e150),
    st.floats(-1.0, 1.0),
    st.floats(-1e140, -1e-140) | st.just(-math.inf),
)
def test_any_input_gives_a_time_or_says_why_not(k, p, mu, v0, log_alpha):
    with contextlib.suppress(ValueError):
        assert search_time(k, p, mu, v0, log_alpha=log_alpha) >= 0


def test_a_small_overlap_costs_what_the_laws_in_the_dimension_say():
    def slope(k, p, measure):
        times = [search_time(k, p, 1.0, d**-0.5, log_alpha=-2.0) for d in (1e40, 1e44)]
        return measure(times[1]) - measure(times[0])

    for k in (1, 2, 3):
        rate = (k + 1) * k ** (k / 2) * (k + 1) ** (-(k + 1) / 2)
        for p in (3, 4, 6):
            assert slope(k, p, math.log10) == pytest.approx(4 * (p / 2 - 1), abs=1e-9)
            scaled = search_time(k, p, 1.0, 1e-20, log_alpha=-2.0) * (2 if k == 1 else 1) * rate
            if p > 3:
                assert scaled * 1e-20 ** (p - 2) == pytest.approx(k / p / (p - 2), rel=1e-9)
        log_law = k / 4 * math.log(1e4) / rate / (2 if k == 1 else 1)
        assert slope(k, 2, float) == pytest.approx(log_law, rel=1e-9)


def test_a_neuron_that_never_rings():
    assert search_time(2, 2, 1.0, 0.0) == math.inf
    assert search_time(2, 3, 1.0, -0.5) == math.inf
    assert search_time(3, 2, -1.0, 0.5) == math.inf
    assert search_time(1, 1, 1.0, -1.0) == math.inf
    assert search_time(1, 3, 0.0, 1.0) == math.inf
    assert math.isfinite(search_time(1, 1, 1.0, -1 + 1e-16, log_alpha=-3.0))


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((0, 1, 1.0, 0.5), "k=0"),
        ((1, 0, 1.0, 0.5), "p=0"),
        ((1, 1, math.nan, 0.5), "mu=nan"),
        ((1, 1, 1.0, 1.5), "v0=1.5"),
        ((2, 9, 1.0, 1e-60), "exceeds"),
    ],
)
def test_bad_input_is_named(args, words):
    with pytest.raises(ValueError, match=words):
        search_time(*args)


def test_high_degrees_overflow_nowhere_and_too_high_ones_are_refused():
    assert (
        0
        < saddles.agf.search_time(500, 3, 1.0, 0.5)
        < saddles.agf.search_time(200, 3, 1.0, 0.5)
        < math.inf
    )
    for degrees in ((10**6, 1), (2, 10**9)):
        with pytest.raises(ValueError, match="pass smaller ones"):
            saddles.agf.search_time(*degrees, 1.0, 0.1)
