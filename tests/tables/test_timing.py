"""What the table of timings measures with; the timings themselves are a machine's."""

import numpy as np
import pytest

import tables
from tables import speed, timing


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
    assert tables.TIMINGS == ("speed",)
    assert not set(tables.TIMINGS) & set(tables.NAMES)
    X, y = timing.gaussian(10, 25)
    path = timing.looked_at(X, y).path
    assert speed._gap(path, path) == 0
    assert np.isinf(speed._gap(path, timing.looked_at(X, -y[::-1], 2).path))
