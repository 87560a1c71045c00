"""The one stepping loop: what it yields, when it ends, and what it silences."""

import math
import warnings

import numpy as np
import pytest

from saddles._numerics.stepping import (
    LARGEST_RATE,
    Budget,
    Ending,
    Equation,
    Integration,
    Pieces,
    Tolerances,
    before_jump,
    bounded,
    crossing,
    nodes,
)

METHODS = ("LSODA", "BDF", "DOP853", "RK45")
FINE = Tolerances(rtol=1e-10, atol=1e-12)


def fall(rate=1.0):
    """y' = −rate y from 1."""
    return Equation(lambda t, y: -rate * y, np.ones(1), jacobian=lambda t, y: np.array([[-rate]]))


def explicit(equation):
    """The same without a Jacobian, which explicit methods would warn of."""
    return Equation(equation.velocity, equation.start, overflows=equation.overflows)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_comes_to_the_last_time(method):
    equation = fall() if method in ("LSODA", "BDF") else explicit(fall())
    run = Integration(equation, FINE, 1000, until=2.0, method=method)
    times, curves = [0.0], []
    for solver in run:
        assert solver.t > times[-1]
        times.append(solver.t)
        curves.append(solver.dense_output())
    assert run.ending is Ending.FINISHED
    assert times[-1] == 2.0
    grid = np.linspace(0, 2, 9)
    assert Pieces(np.array(times), curves)(grid)[0] == pytest.approx(np.exp(-grid), rel=1e-7)


def test_without_a_last_time_its_user_stops():
    run = Integration(fall(), FINE, 1000)
    for solver in run:
        if solver.y[0] < 1e-3:
            break
    assert run.ending is None
    assert solver.t == pytest.approx(math.log(1e3), rel=0.2)


def test_a_budget_is_shared():
    budget = Budget(30)
    first = Integration(fall(), FINE, budget)
    for count, _ in enumerate(first, start=1):
        if count == 10:
            break
    second = Integration(fall(), FINE, budget)
    assert len(list(second)) == 20
    assert second.ending is Ending.SPENT
    third = Integration(fall(), FINE, budget)
    assert list(third) == []
    assert third.ending is Ending.SPENT


@pytest.mark.parametrize("method", METHODS)
def test_a_step_that_fails_ends_it_in_silence(method):
    """y' = y² is infinite at t = 1."""
    blows = Equation(lambda t, y: y**2, np.ones(1), overflows=True)
    run = Integration(blows, FINE, 100_000, until=2.0, method=method)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        last = max((solver.t for solver in run), default=0.0)
    assert run.ending is Ending.FAILED
    assert run.message or run.solver.status != "failed"
    assert last == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("method", ["LSODA", "DOP853"])
def test_what_is_no_number_is_no_step(method):
    nowhere = Equation(lambda t, y: y if t < 0.5 else y * math.nan, np.ones(1), overflows=True)
    run = Integration(nowhere, FINE, 10_000, until=2.0, method=method)
    for solver in run:
        assert np.isfinite(solver.y).all()
    assert run.ending is Ending.FAILED


def test_an_error_of_the_equation_is_its_own():
    def velocity(t, y):
        if t > 0.5:
            raise ValueError("mine")
        return -y

    with pytest.raises(ValueError, match="mine"):
        list(Integration(Equation(velocity, np.ones(1)), FINE, 1000, until=2.0, method="DOP853"))


def test_a_floating_point_error_of_an_equation_that_may_overflow_is_a_step_that_fails():
    def velocity(t, y):
        if t > 0.5:
            raise FloatingPointError("derivatives overflow")
        return -y

    for overflows in (True, False):
        equation = Equation(velocity, np.ones(1), overflows=overflows)
        run = Integration(equation, FINE, 1000, until=2.0, method="DOP853")
        if not overflows:
            with pytest.raises(FloatingPointError, match="derivatives overflow"):
                list(run)
            continue
        assert all(solver.t < 1.0 for solver in run)
        assert run.ending is Ending.FAILED


@pytest.mark.parametrize("method", ["LSODA", "DOP853"])
def test_a_warning_of_the_equation_is_its_own(method):
    def velocity(t, y):
        if t > 0.5:
            warnings.warn("mine", UserWarning, stacklevel=1)
        return -y

    equation = Equation(velocity, np.ones(1))
    with pytest.warns(UserWarning, match="mine"):
        list(Integration(equation, FINE, 1000, until=1.0, method=method))
    with pytest.warns(UserWarning, match="mine"):
        Integration(equation, FINE, 1000, until=1.0, method=method).recorded(lambda *_: False)


@pytest.mark.parametrize("crowd", [None, 20])
def test_crowded_steps_are_noticed(crowd):
    """A fast oscillation, beside a longest step of 1."""
    swing = Equation(lambda t, y: 200 * np.array([y[1], -y[0]]), np.array([1.0, 0.0]))
    closely = Tolerances(rtol=1e-8, atol=1e-8, longest=1.0, crowd=crowd)
    run = Integration(swing, closely, 2000, until=1.0)
    steps = len(list(run))
    assert run.ending is (Ending.FINISHED if crowd is None else Ending.CROWDED)
    assert steps == 21 or crowd is None


def test_steps_are_no_longer_than_they_may_be():
    run = Integration(fall(1e-3), Tolerances(atol=1e-6, longest=0.5), 1000, until=5.0)
    lengths = [solver.t - solver.t_old for solver in run]
    assert max(lengths) <= 0.5 * (1 + 1e-12)


def test_a_crossing_is_found_and_one_before_the_start_is_at_the_start():
    assert crossing(lambda t: t - 0.3, 0.0, 1.0) == pytest.approx(0.3, abs=1e-12)
    assert crossing(lambda t: t + 1e-17, 0.0, 1.0) == 0.0


def test_nodes_integrate_polynomials_of_degree_eleven():
    times = np.array([0.0, 0.3, 1.1])
    inner, weights, lengths = nodes(times)
    assert weights.sum() == pytest.approx(1.0)
    total = float(((12 * inner**11) @ weights) @ lengths)
    assert total == pytest.approx(1.1**12, rel=1e-13)


def test_what_overflows_is_bounded():
    rates = bounded(np.array([1.0, math.inf, -math.inf, math.nan]))
    assert rates.tolist() == [1.0, LARGEST_RATE, -LARGEST_RATE, LARGEST_RATE]


@pytest.mark.parametrize("method", METHODS)
def test_no_step_goes_beyond_the_horizon(method):
    """An equation that bends at y = 1000 only, where steps have grown to any length."""
    slow = Equation(lambda t, y: np.full(1, 1e-3 * (1 - np.tanh(y[0] - 1000.0))), np.zeros(1))
    limits = [math.inf]

    def horizon(time, state):
        limits.append(before_jump(time, state - 1000.0, slow.velocity(time, state)))
        return limits[-1]

    run = Integration(
        slow, Tolerances(atol=1e-6, horizon=horizon, stride=1.0), 500, until=1e6, method=method
    )
    for solver in run:
        assert solver.t <= limits[-1] * (1 + 1e-12)
        if solver.y[0] > 996.5:
            break
    assert 996.5 < solver.y[0] < 1000.0
    assert min(limits) < 500e3


def test_a_horizon_waits_for_what_grows_and_is_small():
    logs = np.array([-103.0, -43.0, -3.5, -2.0, -50.0])
    assert before_jump(1.0, logs[:2], np.array([2.0, 1.0])) == 41.0
    assert before_jump(1.0, logs, np.array([2.0, 1.0, 0.1, 9.0, -9.0])) == 11.0
    assert before_jump(1.0, logs, -np.ones(5)) == math.inf


@pytest.mark.parametrize("method", METHODS)
def test_what_rounding_moves_is_no_error_of_a_step(method):
    """A velocity that flickers: steps that err by less than that are short and have no end."""
    rate, flicker, signs = 1e-3, 1e-9, np.random.default_rng(0)
    jacobian = (lambda t, y: np.array([[-rate]])) if method in ("LSODA", "BDF") else None

    def velocity(time, y):
        return -rate * y + flicker * signs.choice([-1.0, 1.0])

    endings = []
    for rounding in (None, lambda t, y: np.full(1, flicker / rate)):
        tolerances = Tolerances(atol=1e-10, rounding=rounding)
        equation = Equation(velocity, np.ones(1), jacobian=jacobian)
        run = Integration(equation, tolerances, 200, until=1e4, method=method)
        *_, last = run
        endings.append(run.ending)
    assert endings == [Ending.SPENT, Ending.FINISHED]
    assert last.y[0] == pytest.approx(math.exp(-10.0), abs=10 * flicker / rate)
