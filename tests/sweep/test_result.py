"""What a sweep gave: data frames, means and standard errors."""

import math
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import saddles
from tests.sweep import sweeping


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_frames(threads):
    grid = [{"a": 2, "b": 3}, {"a": "x", "b": None}]
    frame = saddles.sweep(sweeping.product, grid, executor=threads).to_frame()
    assert list(frame.columns) == ["a", "b", "value", "failure"]
    assert frame["value"].tolist()[0] == 6
    assert math.isnan(frame["value"][1])
    assert re.match("TypeError: can't multiply", frame["failure"][1])
    frame = saddles.sweep(sweeping.draw, {"a": [1]}, executor=threads, generator="rng").to_frame()
    assert list(frame.columns) == ["a", "array", "number", "failure"]


def test_means_and_errors(threads):
    def f(a, repeat):
        return {"x": a * repeat, "y": [1.0, float(repeat)], "text": "t"}

    sweep = saddles.sweep(f, {"a": [1, 10], "repeat": [1, 2, 6]}, executor=threads)
    means = sweep.mean_and_error("repeat")
    assert means.points == ({"a": 1}, {"a": 10})
    for scale, value in zip((1, 10), means.values, strict=True):
        assert list(value) == ["x", "x_error", "y", "y_error", "count"]
        assert value["x"] == pytest.approx(3 * scale)
        assert value["x_error"] == pytest.approx(scale * math.sqrt(7 / 3))  # s² = 7, n = 3
        np.testing.assert_allclose(value["y"], [1, 3])
        np.testing.assert_allclose(value["y_error"], [0, math.sqrt(7 / 3)])
        assert value["count"] == 3
    assert list(means.to_frame().columns)[:3] == ["a", "x", "x_error"]
    single = saddles.sweep(f, {"a": [1], "repeat": [2]}, executor=threads).mean_and_error("a")
    assert single.values[0]["x"] == 2.0
    assert math.isnan(single.values[0]["x_error"])


def test_means_of_infinite_values(threads):
    sweep = saddles.sweep(lambda k: math.inf, {"k": [1, 2]}, executor=threads)
    (value,) = sweep.mean_and_error("k").values
    assert value["value"] == math.inf
    assert math.isnan(value["value_error"])


BAD_MEANS = {
    "no such entry": (lambda k: k, "j", "over='j' is no entry of points\\[0\\]={'k': 0}"),
    "failed": (lambda k: 1 / k, "k", r"points\[0\]=.* failed \(ZeroDivisionError.*completed"),
    "entries": (lambda k: {"ab"[k]: 1}, "k", "have different entries; return the same"),
    "shapes": (lambda k: {"a": [1.0] * (k + 1)}, "k", r"\['a'\] .* are not numbers of one shape"),
    "kinds": (lambda k: {"a": [1.0, None][k]}, "k", r"\['a'\] .* are not numbers of one shape"),
    "names": (lambda k: {"a": 1, "a_error": 1}, "k", "'a_error' would name two columns"),
    "count": (lambda k: {"count": 1}, "k", "'count' would name two columns"),
}


@pytest.mark.parametrize("kind", BAD_MEANS)
def test_bad_means(kind, threads):
    function, over, match = BAD_MEANS[kind]
    sweep = saddles.sweep(function, {"k": [0, 1]}, executor=threads)
    with pytest.raises(ValueError, match=match):
        sweep.mean_and_error(over)
