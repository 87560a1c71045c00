"""What the table of timings measures with; the timings themselves are a machine's."""

import numpy as np
import pytest

import saddles
import tables
from tables import peers, sizes, speed, timing


def test_cases_run_in_turn():
    calls = []
    cases = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    ticks = iter(range(100))
    spent = timing.in_turn(cases, 3, clock=lambda: next(ticks))
    assert calls == ["a", "b"] * 3
    assert {name: seconds.tolist() for name, seconds in spent.items()} == {
        "a": [1] * 3,
        "b": [1] * 3,
    }


def test_slope_is_the_exponent():
    assert timing.slope([1, 10, 100], [2.0, 20.0, 200.0]) == pytest.approx(1)
    assert timing.slope([1, 4, 16], [5.0, 10.0, 20.0]) == pytest.approx(0.5)


def test_looks_are_counted_and_the_path_is_the_path():
    X, y = timing.gaussian(30, 50)
    looks = timing.looked_at(X, y)
    assert looks.share == pytest.approx(1, abs=0.05), "so few columns are all looked at"
    assert looks.peak > 0
    assert looks.path.losses[-1] < 1e-20 * looks.path.losses[0]
    wide = timing.looked_at(*timing.gaussian(50, 6000))
    assert wide.share < 0.3


def test_sparse_designs_are_sparse_and_agree_with_filled_in_ones(monkeypatch):
    monkeypatch.setattr(speed, "FEATURES", 3000)
    monkeypatch.setattr(speed, "ROUNDS", 1)
    X, _ = timing.text_like(60, 3000)
    assert X.nnz == 0.01 * 60 * 3000
    for centre in (False, True):
        row = speed._sparse(60, 20, centre)
        assert row["gap"] < speed.AGREEMENT
        assert row["jumps"] == 20


def test_timings_are_not_kept_and_a_wrong_path_shows():
    assert tables.TIMINGS == ("speed", "trainer_times")
    assert not set(tables.TIMINGS) & set(tables.NAMES)
    X, y = timing.gaussian(10, 25)
    path = timing.looked_at(X, y).path
    assert speed._gap(path, path) == 0
    assert np.isinf(speed._gap(path, timing.looked_at(X, -y[::-1], 2).path))


# --- peers do the same work ---------------------------------------------------------------------


def test_the_lasso_goes_to_its_end():
    """It has more knots than scikit-learn's limit of 500 for all lets it reach."""
    X, y = timing.gaussian(300, 1000)
    lasso = peers.whole_lars(X, y)
    assert len(lasso.penalties) > 501
    assert lasso.last < 1e-9
    assert lasso.left(X, y) < 1e-18


def test_a_peer_that_was_cut_off_raises(monkeypatch):
    X, y = timing.gaussian(30, 50)
    assert len(peers.whole_lars(X, y).penalties) > 30
    monkeypatch.setattr(peers, "KNOTS", 1)
    with pytest.raises(RuntimeError, match="cut off after 30 steps"):
        peers.whole_lars(X, y)


def test_a_program_that_is_not_solved_raises():
    cp = pytest.importorskip("cvxpy")
    x = cp.Variable()
    peers.solved(cp.Problem(cp.Minimize(x), [x >= 1]))
    assert x.value == pytest.approx(1)
    with pytest.raises(RuntimeError, match="infeasible"):
        peers.solved(cp.Problem(cp.Minimize(x), [x >= 1, x <= 0]))


@pytest.mark.parametrize("size", [(20, 5), (12, 30)])
def test_rows_show_what_both_leave(size, monkeypatch):
    monkeypatch.setattr(speed, "PEERS", {size: 1})
    monkeypatch.setattr(speed, "TALL_ROUNDS", 1)
    row = speed._path(*size)
    assert row["apart"] < speed.SAME
    assert row["penalty"] < 1e-9
    if size == (20, 5):
        row = speed._tall(*size)
        assert row["apart"] < speed.SAME
        assert row["peer left"] == pytest.approx(row["left"])


# --- sizes --------------------------------------------------------------------------------------


def ladder(run, rungs=(1, 2, 3)):
    return sizes.Ladder("agf.diagonal", "seconds", rungs, lambda size: lambda: run(size))


def test_a_ladder_is_climbed_until_a_step_is_long(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(sizes.time, "process_time", lambda: clock[0])

    def run(size):
        clock[0] += 30 * size

    climbed = sizes.climb(ladder(run), 40, 600)
    assert climbed.steps == [("1", 30), ("2", 60)]
    assert climbed.end == "2: 60 s"
    assert climbed.within(59) == "1 (30 s)"
    assert climbed.within(60) == "2 (60 s)"
    assert climbed.within(1) == "-"
    page = sizes.markdown({"agf.diagonal": climbed}, 40, 600)
    assert "| - " in page
    assert "2 (60 s)" in page
    assert sizes.climb(ladder(run, rungs=(1,)), 40, 600).end == "the largest size"


def test_a_step_that_fails_is_noted_and_one_that_takes_too_long_is_the_last():
    def never(size):
        while True:
            try:
                sum(range(1000))
            except Exception:
                raise AssertionError from None

    assert sizes.climb(ladder(never), 1, 0.05).end == "1: over 0.05 s"
    overflow = sizes.climb(
        ladder(lambda size: saddles.agf.diagonal([[1e-200]], [1e-140]), rungs=(1,)), 1, 5
    )
    assert overflow.failed == ["1: overflow"]
    broken = sizes.climb(ladder(lambda size: 1 / (size - 1)), 1, 5)
    assert broken.failed == ["1: ZeroDivisionError"]
    assert [size for size, _ in broken.steps] == ["2", "3"]


def test_every_ladder_starts():
    """At its smallest size it can be run, and its algorithm is public."""
    for one in sizes.LADDERS:
        name = one.algorithm.split(",")[0]
        place = saddles
        for part in name.split("."):
            place = getattr(place, part)
        numbers = one.sizes[0] if isinstance(one.sizes[0], tuple) else (one.sizes[0],)
        assert callable(place)
        assert callable(one.ready(*numbers))
