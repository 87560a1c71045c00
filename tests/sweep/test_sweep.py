"""Sweeps: nothing that finished is lost, nothing depends on who computed it, errors are clear."""

import functools
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import saddles
from saddles._sweep.store import canonical
from tests.sweep import sweeping

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


# Values and points


def test_product_of_axes_in_order(threads):
    sweep = saddles.sweep(sweeping.product, {"a": [2, 3], "b": (0.5, 1)}, executor=threads)
    assert [tuple(point.values()) for point in sweep.points] == [
        (2, 0.5),
        (2, 1),
        (3, 0.5),
        (3, 1),
    ]
    assert sweep.values == (1.0, 2, 1.5, 3)
    assert sweep.errors == (None,) * 4
    assert sweep.success
    assert len(sweep) == 4
    assert repr(sweep) == "<Sweep of product: 4 points, none failed>"


def test_list_of_points(threads):
    grid = [{"b": 1, "a": 2}, {"a": "x", "b": 3}]
    sweep = saddles.sweep(sweeping.product, grid, executor=threads)
    assert sweep.points == tuple(grid)
    assert sweep.errors[1] is not None, "text is no number"
    assert not sweep.success
    assert sweep.completed().points == (grid[0],)


def test_points_reach_the_function_as_plain_values(threads):
    seen = []

    def look(x):
        seen.append(x)
        return 0

    inputs = [np.float32(0.1), np.int64(3), np.array([1.0, math.inf]), (1, "a"), None, np.True_]
    sweep = saddles.sweep(look, {"x": inputs}, executor=ThreadPoolExecutor(1))
    assert seen == [float(np.float32(0.1)), 3, [1.0, math.inf], [1, "a"], None, True]
    assert [type(x) for x in seen] == [float, int, list, list, type(None), bool]
    assert [point["x"] for point in sweep.points] == seen


@pytest.mark.parametrize("kind", sorted(sweeping.VALUES))
def test_values_that_cannot_be_kept_are_errors_of_their_point(kind, threads):
    (error,) = saddles.sweep(sweeping.returned, {"value": [kind]}, executor=threads).errors
    type_, words = {
        "text": ("TypeError", "value='ten': the function must return a number, or a dict"),
        "none": ("TypeError", "value=None: the function must return"),
        "list": ("TypeError", "value=[1.0]: the function must return"),
        "complex": ("TypeError", "value=1j is a complex; it must be a number"),
        "object": ("TypeError", "value['path']=<tests.sweep.sweeping.Thing"),
        "nested": ("TypeError", "value['a']={'b': 1} is a dict; it must be"),
        "name that is no text": ("TypeError", "value has the name 1; names must be strings"),
        "name of the point": ("ValueError", "value['value']=1: the name is taken by the point"),
        "reserved": ("ValueError", "value has the name '$float'; names must not begin"),
        "column of errors": ("ValueError", "value['failure']=1: the name is taken by the column"),
        "masked": ("TypeError", "is a MaskedArray of dtype float64; it must be"),
        "long double": ("TypeError", "of more digits than a float64"),
        "digits": ("ValueError", "integer string conversion"),
    }[kind]
    assert error.type == type_
    assert words in error.message


def test_an_error_says_where(threads):
    sweep = saddles.sweep(sweeping.product, {"a": [{}.get(0)], "b": [1, 2]}, executor=threads)
    error = sweep.errors[0]
    assert (error.type, str(error)) == ("TypeError", f"TypeError: {error.message}")
    assert "return a * b" in error.traceback
    assert "pool.py" not in error.traceback, "our own frames are of no interest"
    assert sweep.values == (None, None)


# Random numbers


def numbers(sweep):
    pairs = zip(sweep.points, sweep.values, strict=True)
    return {canonical(point): (v["number"], v["array"].tolist()) for point, v in pairs}


def test_random_numbers_depend_on_the_point_and_the_seed_alone(threads):
    draw = functools.partial(saddles.sweep, sweeping.draw, executor=threads, generator="rng")
    many = numbers(draw({"a": [1, 2, 3], "b": [0.5, "x"]}))
    few = numbers(draw([{"b": "x", "a": 2}, {"b": 0.5, "a": 1}]))
    assert few.items() <= many.items(), "neither the other points nor the order matter"
    assert len({value[0] for value in many.values()}) == 6
    other = numbers(draw({"a": [1, 2, 3], "b": [0.5, "x"]}, seed=1))
    assert all(other[key] != many[key] for key in many)


def test_random_numbers_do_not_change_with_versions(threads):
    # PCG64 of SeedSequence(3, spawn_key=the eight little-endian words of SHA-256 of {"a":1}).
    sweep = saddles.sweep(sweeping.draw, {"a": [1]}, executor=threads, generator="rng", seed=3)
    assert sweep.generator(0).bit_generator.random_raw() == 10432560282965699695
    assert sweep.generator(0).normal() == sweep.values[0]["number"]


# Scripts

UNGUARDED = """
import saddles
def f(a):
    return a
print(saddles.sweep(f, {"a": [1, 2]}, workers=1, attempts=1))
"""


def ran(code, tmp_path, **options):
    script = tmp_path / "script.py"
    script.write_text(code, "utf-8")
    return subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=tmp_path, **options
    )


def test_a_script_without_a_guard_is_told_so(tmp_path):
    error = ran(UNGUARDED, tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}).stderr
    assert error.rstrip().endswith("such as concurrent.futures.ThreadPoolExecutor().")
    assert "A script must call sweep under `if __name__ == '__main__':`" in error


def test_a_script_with_a_guard_is_known_by_its_name(tmp_path):
    code = UNGUARDED.replace("print(", "if __name__ == '__main__': print(")
    code = code.replace("attempts=1", "store='s.jsonl'")
    run = ran(code, tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert run.stdout == "<Sweep of script.f: 2 points, none failed>\n"
    assert json.loads((tmp_path / "s.jsonl").read_text().splitlines()[0])["function"] == "script.f"


# Bad input

GOOD = {"a": [1], "b": [2]}
BAD_GRIDS = {
    "no axes": ({}, ValueError, r"grid=\{\} is empty; give it at least one point"),
    "no points": ([], ValueError, r"grid=\[\] is empty"),
    "empty axis": ({"a": [], "b": [1]}, ValueError, r"grid\['a'\] is empty"),
    "text": ({"a": "xy", "b": [1]}, TypeError, r"grid\['a'\]='xy' must be a sequence of values"),
    "number": ({"a": 1, "b": [1]}, TypeError, r"grid\['a'\]=1 must be a sequence"),
    "array without axes": ({"a": np.array(1), "b": [1]}, TypeError, r"grid\['a'\]=.* a sequence"),
    "set": ({"a": {1}, "b": [1]}, TypeError, r"grid\['a'\]=\{1\} must be a sequence"),
    "no grid": (3, TypeError, "grid=3 must be a dict of name -> values, or a list of dicts"),
    "text for a grid": ("ab", TypeError, "grid='ab' must be a dict"),
    "no dict": ([1], TypeError, r"grid\[0\]=1 must be a dict of name -> value"),
    "twice": ({"a": [1, 1], "b": [2]}, ValueError, r'the point \{"a":1,"b":2\} 2 times'),
    "nan": ({"a": [math.nan], "b": [2]}, ValueError, r"grid\['a'\]\[0\]=nan: a point that holds"),
    "nan inside": ([{"a": [1.0, math.nan], "b": 2}], ValueError, r"grid\[0\]\['a'\]=\[1.0, nan\]"),
    "object": ({"a": [sweeping.thing], "b": [2]}, TypeError, r"grid\['a'\]\[0\]=<.*a Thing; it"),
    "complex": ({"a": [1j], "b": [2]}, TypeError, r"grid\['a'\]\[0\]=1j is a complex"),
    "complex array": ({"a": np.array([1j]), "b": [2]}, TypeError, r"a ndarray of dtype complex128"),
    "name": ({1: [1]}, TypeError, "grid has the name 1; names must be strings"),
    "reserved": ({"$a": [1]}, ValueError, r"grid has the name '\$a'; names must not begin"),
    "column": ({"failure": [1]}, ValueError, "grid has the name 'failure', the column of errors"),
    "missing argument": ({"a": [1]}, TypeError, "cannot be called with a: missing a required arg"),
    "wrong argument": (GOOD | {"c": [1]}, TypeError, "called with a, b, c: got an unexpected key"),
}  # fmt: skip

BAD_OPTIONS = {
    "client": ({"executor": object()}, TypeError, "executor=.*; for a Dask client, pass client"),
    "both": ({"workers": 2}, ValueError, "workers=2 is for the processes that sweep starts, but"),
    "workers": ({"executor": None, "workers": 0}, ValueError, "workers=0: it must be a whole"),
    "attempts": ({"attempts": 0}, ValueError, "attempts=0: it must be a whole number of at"),
    "no attempts": ({"attempts": None}, TypeError, "attempts=None: it must be a whole number"),
    "store": ({"store": 3}, TypeError, "store=3 must be the path of a file, or None"),
    "folder": ({"store": "."}, ValueError, r"store='.' is a folder; name a file in it"),
    "no name": ({"store": ""}, ValueError, "store='' is a folder"),
    "seed": ({"generator": "a", "seed": -1}, ValueError, "seed=-1: it must be a whole number"),
    "idle seed": ({"seed": 1}, ValueError, "seed=1 has no use without generator"),
    "generator": ({"generator": True}, TypeError, "generator=True must be the name of an argument"),
    "clash": ({"generator": "a"}, ValueError, "generator='a' is also an entry of the grid"),
    "unknown": ({"generator": "rng"}, TypeError, "with a, b and the generator rng: got an unexpec"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_GRIDS)
def test_bad_grids(kind, threads, tmp_path):
    grid, error, match = BAD_GRIDS[kind]
    with pytest.raises(error, match=match):
        saddles.sweep(sweeping.product, grid, executor=threads, store=tmp_path / "store.jsonl")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", BAD_OPTIONS)
def test_bad_options(kind, threads):
    options, error, match = BAD_OPTIONS[kind]
    with pytest.raises(error, match=match):
        saddles.sweep(sweeping.product, GOOD, **{"executor": threads} | options)


def test_functions_that_cannot_reach_a_worker_are_refused():
    with pytest.raises(TypeError, match="function=3 must be callable"):
        saddles.sweep(3, GOOD)
    for executor in (None, ProcessPoolExecutor(1, mp_context=get_context("spawn"))):
        with pytest.raises(TypeError, match=r"cannot be sent to a worker process \(.*define it"):
            saddles.sweep(lambda a, b: a, GOOD, executor=executor)


def test_a_function_that_a_worker_cannot_load_is_refused(monkeypatch):
    monkeypatch.setattr(sweeping.product, "__qualname__", "nosuch")
    monkeypatch.setattr(sweeping, "nosuch", sweeping.product, raising=False)
    with pytest.raises(TypeError, match=r"cannot be loaded in a worker process \(Attribute"):
        saddles.sweep(sweeping.product, GOOD, workers=1)


# Progress and optional packages


def test_progress_counts_what_was_stored(tmp_path, threads, capsys):
    make = functools.partial(
        saddles.sweep, sweeping.product, executor=threads, store=tmp_path / "s", progress=True
    )
    make({"a": [1, 2], "b": [1]})
    assert "2/2" in capsys.readouterr().err
    make({"a": [1, 2, 3], "b": [1]})
    bar = capsys.readouterr().err
    assert "2/3" in bar
    assert "3/3" in bar


def test_an_optional_package_is_named(threads, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ImportError, match=r"needs tqdm: pip install 'saddles\[sweep\]'"):
        saddles.sweep(sweeping.product, GOOD, executor=threads, progress=True)
