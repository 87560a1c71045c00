"""The loop, on an algorithm so small that every number is known."""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import saddles
from saddles import Algorithm, PathError, Ring, Saddle, Status
from saddles._result.certificate import Certificate
from saddles.alternation import AHEAD
from saddles.status import Breakdown

NOTHING = np.zeros(0, dtype=np.intp)


def countdown(start=3, **changes):
    """Unit k rings at time k and lowers the loss from `start` by one; state = jumps made."""
    calls = []

    def step(name, function):
        def run(*arguments):
            calls.append(name)
            return function(*arguments)

        return run

    def saddle(jumps):
        return Saddle(
            index=jumps,
            time=float(jumps),
            beta=np.arange(start) < jumps,
            loss=float(start - jumps),
            dual=None,
            active=np.arange(jumps),
            entered=np.arange(max(jumps - 1, 0), jumps),
            left=NOTHING,
            certificate=Certificate(stationarity=0.0, violation=0.0),
        )

    steps = {
        "start": lambda: 0,
        "utility": lambda jumps: (
            Status.CONVERGED if jumps == start else Ring(delay=1.0, units=np.array([jumps]))
        ),
        "jump": lambda jumps, ring: jumps + 1,
        "cost": lambda jumps: jumps,
        "saddle": saddle,
    } | changes
    wrapped = {name: step(name, function) for name, function in steps.items()}
    return Algorithm(name="countdown", source="none", **wrapped), calls


def test_steps_alternate_in_their_order():
    algorithm, calls = countdown(2)
    path = saddles.solve(algorithm)
    assert calls == [
        "start",
        *["saddle", "utility", "jump", "cost"] * 2,
        "saddle",
        "utility",
    ]
    assert path.times.tolist() == [0, 1, 2]
    assert path.losses.tolist() == [2, 1, 0]
    assert (path.algorithm, path.source) == ("countdown", "none")
    assert (path.kappa, path.log_alpha) == (2, -math.inf)
    assert path.status is Status.CONVERGED
    assert path.duals is None


def test_trace_is_lazy_and_returns_the_status():
    algorithm, calls = countdown(1)
    saddles_found = saddles.trace(algorithm)
    assert calls == []
    assert next(saddles_found).index == 0
    assert calls == ["start", "saddle"]
    assert next(saddles_found).index == 1
    with pytest.raises(StopIteration) as end:
        next(saddles_found)
    assert end.value.value is Status.CONVERGED


@pytest.mark.parametrize(
    ("max_jumps", "length", "status"),
    [
        (0, 1, Status.MAX_JUMPS),
        (2, 3, Status.MAX_JUMPS),
        (3, 4, Status.CONVERGED),  # no jump was cut off
        (9, 4, Status.CONVERGED),
        (None, 4, Status.CONVERGED),
        (np.int64(1), 2, Status.MAX_JUMPS),
    ],
)
def test_max_jumps_counts_jumps(max_jumps, length, status):
    algorithm, calls = countdown(3)
    path = saddles.solve(algorithm, max_jumps=max_jumps)
    assert len(path) == length
    assert path.status is status
    assert calls.count("cost") == length - 1


@pytest.mark.parametrize("answer", [True, np.True_])
def test_callback_stops_with_true(answer):
    path = saddles.solve(countdown(3)[0], callback=lambda s: answer if s.index == 1 else None)
    assert len(path) == 2
    assert path.status is Status.STOPPED


@pytest.mark.parametrize("answer", [None, False, np.False_, 1, "stop", np.ones(3)])
def test_callback_does_not_stop_with_anything_else(answer):
    path = saddles.solve(countdown(3)[0], callback=lambda s: answer)
    assert path.status is Status.CONVERGED


def test_error_in_a_callback_is_the_users():
    def fail(saddle):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        saddles.solve(countdown(3)[0], callback=fail)


def broken(what):
    """Its second saddle is wrong in one way."""
    plain = countdown(3)[0]

    def saddle(jumps):
        right = vars(plain.saddle(jumps)).copy()
        if jumps == 2:
            right |= what
        return Saddle(**right)

    return countdown(3, saddle=saddle)[0]


WRONG = [
    ({"certificate": Certificate(stationarity=1e-3, violation=0.0)}, Status.INACCURATE),
    ({"certificate": Certificate(stationarity=0.0, violation=1e-3)}, Status.INACCURATE),
    ({"certificate": Certificate(stationarity=math.nan, violation=0.0)}, Status.INACCURATE),
    ({"time": math.inf}, Status.OVERFLOW),
    ({"loss": math.nan}, Status.OVERFLOW),
    ({"beta": np.array([0.0, math.inf, 0.0])}, Status.OVERFLOW),
]


@pytest.mark.parametrize(("what", "status"), WRONG)
def test_wrong_saddle_is_never_returned_as_right(what, status):
    with pytest.raises(PathError, match="jump 2") as caught:
        saddles.solve(broken(what))
    assert caught.value.status is status
    assert caught.value.path.times.tolist() == [0, 1]


@pytest.mark.parametrize(("what", "status"), WRONG)
def test_path_up_to_a_wrong_saddle_can_be_had(what, status):
    seen = []
    path = saddles.solve(broken(what), on_failure="return", callback=seen.append)
    assert path.status is status
    assert not path.success
    assert path.times.tolist() == [0, 1]
    assert len(seen) == 2


def test_step_that_gives_up_ends_the_path():
    def cost(jumps):
        raise Breakdown(Status.STALLED, "three columns")

    with pytest.raises(PathError, match=r"stalled.*three columns"):
        saddles.solve(countdown(3, cost=cost)[0])
    path = saddles.solve(countdown(3, cost=cost)[0], on_failure="return")
    assert path.status is Status.STALLED
    assert len(path) == 1


# --- several saddles at once ----------------------------------------------------------------------


def together(start=3, **changes):
    """The same, with saddles that are made in groups; `groups` are their sizes."""
    algorithm, groups = countdown(start, **changes)[0], []

    def several(states):
        groups.append(len(states))
        return [algorithm.saddle(state) for state in states]

    return replace(algorithm, saddles=several), groups


@pytest.mark.parametrize("max_jumps", [None, 0, 2, 40, 99])
def test_saddles_made_together_are_those_made_one_by_one(max_jumps):
    algorithm, groups = together(70)
    path = saddles.solve(algorithm, max_jumps=max_jumps)
    assert path.to_dict() == saddles.solve(countdown(70)[0], max_jumps=max_jumps).to_dict()
    assert sum(groups) == len(path)
    assert max(groups) == min(len(path), AHEAD)


def test_trace_goes_ahead_only_as_far_as_asked():
    algorithm, groups = together(7)
    assert [s.index for s in saddles.trace(algorithm, ahead=3)] == list(range(8))
    assert groups == [3, 3, 2]
    algorithm, groups = together(3)
    next(trace := saddles.trace(algorithm))
    next(trace)
    assert groups == [1, 1]


def test_a_callback_sees_a_saddle_before_the_next_is_made():
    algorithm, groups = together(9)
    path = saddles.solve(algorithm, callback=lambda saddle: saddle.index == 2)
    assert (len(path), groups) == (3, [1, 1, 1])


@pytest.mark.parametrize("error", [Breakdown(Status.STALLED), ZeroDivisionError()])
def test_a_wrong_saddle_is_found_before_what_breaks_after_it(error):
    def cost(jumps):
        if jumps == 4:
            raise error
        return jumps

    algorithm, _ = together(9, cost=cost, saddle=broken(WRONG[0][0]).saddle)
    path = saddles.solve(algorithm, on_failure="return")
    assert path.status is Status.INACCURATE
    assert len(path) == 2


def test_what_breaks_leaves_the_saddles_before_it():
    def cost(jumps):
        if jumps == 3:
            raise Breakdown(Status.STALLED)
        return jumps

    path = saddles.solve(together(9, cost=cost)[0], on_failure="return")
    assert (len(path), path.status) == (3, Status.STALLED)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_jumps": -1}, ValueError, r"max_jumps=-1: it must be a whole number of at least 0"),
        ({"max_jumps": 1.5}, TypeError, r"max_jumps=1.5: it must be a whole number"),
        ({"max_jumps": True}, TypeError, r"max_jumps=True: it must be a whole number"),
        ({"max_jumps": "2"}, TypeError, r"max_jumps='2': it must be a whole number"),
        ({"max_jumps": np.array([2])}, TypeError, r"max_jumps=array\(\[2\]\): it must"),
        ({"on_failure": "ignore"}, ValueError, r"on_failure='ignore' must be one of 'raise', "),
        ({"on_failure": None}, TypeError, r"on_failure=None must be one of 'raise', 'return'"),
        ({"on_failure": np.ones(2)}, TypeError, r"on_failure=array.* must be one of"),
        ({"callback": 3}, TypeError, r"callback=3 must be callable or None"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(options, error, message):
    algorithm, calls = countdown(3)
    with pytest.raises(error, match=message):
        saddles.solve(algorithm, **options)
    assert calls == []


def test_algorithms_are_frozen():
    algorithm, _ = countdown(3)
    with pytest.raises(FrozenInstanceError):
        algorithm.name = "other"
