"""Sweeps: nothing that finished is lost, nothing depends on who computed it, errors are clear."""

import functools
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import saddles
from saddles._sweep_store import arrays, canonical, plain, read
from tests import sweeping

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-W", "error", "-m", "tests.sweeping"]


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the lines of a run that nothing interrupts, sorted, and how long it takes."""
    store = tmp_path_factory.mktemp("whole") / "store.jsonl"
    start = time.monotonic()
    subprocess.run([*COMMAND, str(store)], check=True, cwd=ROOT)
    return sorted_lines(store), time.monotonic() - start


def sorted_lines(store):
    return sorted(store.read_bytes().splitlines(keepends=True))


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


NUMBERS = st.booleans() | st.integers() | st.floats()
LEAVES = st.none() | st.text('a$é"\\\n\u2028\ud800', max_size=4) | NUMBERS


@given(st.recursive(LEAVES, lambda inner: st.lists(inner), max_leaves=8))
@example([math.nan, [-math.inf, math.inf], -0.0, 5e-324, 0.1 + 0.2, 2**80, "\ud800"])
def test_json_reads_back_to_the_last_bit(value):
    text = canonical(plain(value, "value"))
    json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    back = read(text)
    assert repr(back) == repr(value), "types, signs of zero and NaN included"
    assert canonical(back) == text


@given(
    st.sampled_from(["f8", "f4", "i8", "u8", "?"]).flatmap(
        lambda dtype: st.tuples(
            st.just(dtype), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6)
        )
    )
)
def test_arrays_come_back_with_every_bit(case):
    dtype, words = case
    array = np.array(words, dtype="u8").view("f8" if dtype == "f8" else "u8")
    with np.errstate(over="ignore", invalid="ignore"):
        array = array.astype(dtype)
    back = arrays(read(canonical(plain(array, "array"))))
    assert back.dtype.kind == array.dtype.kind or (array.dtype.kind, back.dtype.kind) == ("u", "i")
    np.testing.assert_array_equal(back, array)


def test_lists_that_are_no_arrays_stay_lists():
    for value in ([1, 2.5], [[1.0], [2.0, 3.0]], ["a"], [10**30], [2**63, -1], [None, 1.0]):
        assert arrays(value) is value


@pytest.mark.parametrize("kind", sorted(sweeping.VALUES))
def test_values_that_cannot_be_kept_are_errors_of_their_point(kind, threads):
    (error,) = saddles.sweep(sweeping.returned, {"value": [kind]}, executor=threads).errors
    type_, words = {
        "text": ("TypeError", "value='ten': the function must return a number, or a dict"),
        "none": ("TypeError", "value=None: the function must return"),
        "list": ("TypeError", "value=[1.0]: the function must return"),
        "complex": ("TypeError", "value=1j is a complex; it must be a number"),
        "object": ("TypeError", "value['path']=<tests.sweeping.Thing"),
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
    assert "_sweep_pool" not in error.traceback, "our own frames are of no interest"
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


# Stores


def test_a_store_is_resumed_and_shared_by_grids(tmp_path, threads):
    store = tmp_path / "store.jsonl"
    count = functools.partial(saddles.sweep, sweeping.die, executor=threads, store=store)
    folder = str(tmp_path)
    count({"k": [2, 3], "folder": [folder]})
    before = store.read_bytes()
    sweep = count({"k": [4, 3, 2], "folder": [folder]})
    assert sweep.values == (4, 3, 2)
    assert store.read_bytes().startswith(before)
    assert store.read_bytes().count(b"\n") == 4
    assert [(tmp_path / str(k)).read_text() for k in (2, 3, 4)] == ["x"] * 3, "one call each"


def test_a_resumed_sweep_is_the_fresh_one(tmp_path, threads):
    grid = {"a": [1, 2]}
    make = functools.partial(saddles.sweep, sweeping.draw, grid, executor=threads, generator="rng")
    fresh, stored, resumed = make(), make(store=tmp_path / "s"), make(store=tmp_path / "s")
    assert numbers(fresh) == numbers(stored) == numbers(resumed)
    assert all(type(sweep.values[0]["array"]) is np.ndarray for sweep in (fresh, resumed))


@pytest.mark.parametrize("cut", range(1, 90, 8))
def test_a_torn_line_is_cut_off(cut, tmp_path, threads):
    store = tmp_path / "store.jsonl"
    grid = {"a": [1, 2], "b": [10.5]}
    make = functools.partial(saddles.sweep, sweeping.product, grid, executor=threads, store=store)
    make()
    lines = sorted_lines(store)
    store.write_bytes(store.read_bytes()[:-cut])
    assert make().values == (10.5, 21.0)
    assert sorted_lines(store) == lines


def test_a_torn_header_is_written_again(tmp_path, threads):
    store = tmp_path / "store.jsonl"
    make = functools.partial(saddles.sweep, sweeping.product, executor=threads, store=store)
    make({"a": [1], "b": [1]})
    header = store.read_bytes().splitlines(keepends=True)[0]
    for cut in (1, 20, len(header)):
        store.write_bytes(header[:-cut])
        make({"a": [1], "b": [1]})
        assert store.read_bytes() == header + b'{"point":{"a":1,"b":1},"value":1}\n'


def test_failed_points_are_tried_again_or_not(tmp_path, threads):
    store, grid = tmp_path / "store.jsonl", {"k": [1, 2], "folder": [str(tmp_path)]}
    make = functools.partial(
        saddles.sweep, sweeping.fail_until, grid, executor=threads, store=store
    )
    assert make().errors[1].message == "2 is even"
    first = store.read_bytes()
    make()
    assert store.read_bytes() == first, "the same error is no news"
    (tmp_path / "mended").touch()
    assert make(retry_failed=False).errors[1].message == "2 is even"
    assert make().values == (1, 2)
    assert store.read_bytes().startswith(first)
    assert make(retry_failed=False).success, "the last line about a point counts"


def bad_store(kind, store):
    """Leave a store that does not belong to ``sweep(product, ...)``; return what is said of it."""
    make = functools.partial(saddles.sweep, executor=ThreadPoolExecutor(1), store=store)
    if kind == "function":
        make(sweeping.die_once, {"k": [1], "folder": ["."]})
        return r"another sweep: function is 'tests.sweeping.die_once' there and 'tests.sweeping.pro"
    if kind == "settings":
        make(functools.partial(sweeping.product, a=2), {"b": [1]})
        return (
            r"another sweep: settings is \{'args': \[\], 'kwargs': \{'a': 2\}\} there and \{\} here"
        )
    if kind == "seed":
        make(sweeping.draw, {"a": [1]}, generator="rng", seed=4)
        return r"function is .*; generator is 'rng' there and None here; seed is 4 there and None"
    make(sweeping.product, {"a": [1], "b": [1]})
    text = store.read_text("utf-8")
    if kind == "version":
        store.write_text(text.replace(saddles.__version__, "0.0.1"), "utf-8")
        return r"package is 'saddles 0.0.1' there and 'saddles "
    if kind == "format":
        store.write_text(text.replace('"format":1', '"format":0'), "utf-8")
        return r"format is 0 there and 1 here"
    if kind == "line":
        store.write_text(text + "{}\n", "utf-8")
        return r"line 3 is no record of a sweep: b'\{\}'; something else wrote to the file"
    store.write_text("a,b\n1,2\n3," if kind == "table" else "my thesis", "utf-8")
    return r"is not the store of a sweep; choose another file"


@pytest.mark.parametrize(
    "kind", ["function", "settings", "seed", "version", "format", "line", "table", "thesis"]
)
def test_a_store_of_something_else_is_refused_and_left_alone(kind, tmp_path, threads):
    store = tmp_path / "store.jsonl"
    match = bad_store(kind, store)
    before = store.read_bytes()
    with pytest.raises(ValueError, match=match):
        saddles.sweep(sweeping.product, {"a": [1], "b": [1]}, executor=threads, store=store)
    assert store.read_bytes() == before


def test_functions_that_a_store_cannot_know_are_refused(tmp_path, threads):
    def local(a):
        return a

    for function in (local, lambda a: a, sweeping.thing, functools.partial(local)):
        assert saddles.sweep(function, {"a": [1]}, executor=threads).values == (1,)
        with pytest.raises(TypeError, match="cannot be found by its name, so a store would not"):
            saddles.sweep(function, {"a": [1]}, executor=threads, store=tmp_path / "s")
    with pytest.raises(TypeError, match=r"function.keywords\['a'\]=<.* it must be a number"):
        saddles.sweep(
            functools.partial(sweeping.product, a=sweeping.thing),
            {"b": [1]},
            executor=threads,
            store=tmp_path / "s",
        )
    assert not list(tmp_path.iterdir()), "nothing was written"


def wait_for(store, lines=3):
    """Wait until a sweep in another process has stored a few lines."""
    end = time.monotonic() + 60
    while not store.exists() or store.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < end
        time.sleep(0.01)


# Kills


def killed_again_and_again(kills, folder, whole, where="processes", then=None):
    """Kill runs at random moments; then finish and compare with the run that was left alone."""
    lines, duration = whole
    rng = np.random.default_rng(0)
    cut_short = 0
    for kill in range(kills):
        store, calls = folder / f"{kill}.jsonl", folder / f"calls-{kill}"
        calls.mkdir()
        environment = os.environ | {sweeping.CALLS: str(calls)}
        command = [*COMMAND, str(store), "--where"]
        process = subprocess.Popen(
            [*command, where],
            cwd=ROOT,
            env=environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        if kill % 3:  # between the first point and the last, which takes 0.75 s or longer
            wait_for(store, lines=2)
            time.sleep(rng.uniform(0, 0.7))
        else:  # at any moment, also while it starts or after its end
            time.sleep(rng.uniform(0, duration))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = store.read_bytes() if store.exists() else b""
        kept = before[: before.rfind(b"\n") + 1]
        cut_short += 2 <= kept.count(b"\n") < len(lines)
        subprocess.run([*command, then or where], check=True, cwd=ROOT, env=environment)
        assert store.read_bytes().startswith(kept), "what was there stays"
        assert sorted_lines(store) == lines, "the same bytes"
        for line in kept.splitlines()[1:]:
            if "value" in (record := read(line)):
                mark = calls / str(record["point"]["k"])
                assert mark.read_text("utf-8") == "x", "what was finished is not computed again"
    assert cut_short >= kills // 2


def test_killed_three_times(tmp_path, whole):
    killed_again_and_again(3, tmp_path, whole, then="threads")


@pytest.mark.slow
def test_killed_twenty_times(tmp_path, whole):
    killed_again_and_again(20, tmp_path, whole)


@pytest.mark.slow
def test_killed_twenty_times_with_dask(tmp_path, whole):
    store = tmp_path / "whole.jsonl"
    start = time.monotonic()
    subprocess.run([*COMMAND, str(store), "--where", "dask"], check=True, cwd=ROOT)
    duration = time.monotonic() - start
    assert sorted_lines(store) == whole[0]
    killed_again_and_again(20, tmp_path, (whole[0], duration), where="dask")


def test_workers_end_with_a_killed_parent(tmp_path):
    store = tmp_path / "store.jsonl"
    process = subprocess.Popen([*COMMAND, str(store)], cwd=ROOT, start_new_session=True)
    try:
        wait_for(store)
        process.kill()
        process.wait()
        for _ in range(1000):
            try:
                os.killpg(process.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.01)
        pytest.fail("a worker lives on")
    finally:
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_store_in_use_is_refused_until_ctrl_c_which_does_not_wait(tmp_path):
    store = tmp_path / "store.jsonl"
    command = [*COMMAND, str(store), "--where", "long"]
    process = subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(store, lines=2)
        with pytest.raises(RuntimeError, match=r"store='.*store.jsonl' is in use by another"):
            sweeping.run_long(store)
        os.killpg(process.pid, signal.SIGINT)
        _, printed = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert printed.rstrip().endswith("KeyboardInterrupt")
    assert printed.count("Traceback") == 1, "the worker that waits keeps quiet"
    assert store.read_bytes().count(b"\n") == 2


def test_a_killed_worker_loses_nothing(tmp_path):
    store, grid = tmp_path / "store.jsonl", {"k": range(8), "folder": [str(tmp_path)]}
    sweep = saddles.sweep(sweeping.die_once, grid, workers=2, store=store)
    assert (tmp_path / "died").exists()
    assert sweep.values == tuple(range(8))
    assert store.read_bytes().count(b"\n") == 9


def test_a_point_that_kills_its_worker_is_given_up_and_blames_no_other(tmp_path):
    grid = {"k": range(6), "folder": [str(tmp_path)]}
    sweep = saddles.sweep(sweeping.die, grid, workers=2, attempts=2)
    assert sweep.values == (0, None, 2, 3, 4, 5)
    assert str(sweep.errors[1]) == (
        "BrokenProcessPool: the worker process died (killed, out of memory, or a crash in compiled "
        "code); 2 attempts, the last without company"
    )
    assert (tmp_path / "1").read_text("utf-8") == "xx"


def test_an_executor_that_breaks_is_an_error_and_its_store_is_kept(tmp_path, threads):
    store, grid = tmp_path / "store.jsonl", {"k": range(8), "folder": [str(tmp_path)]}
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        with pytest.raises(RuntimeError, match=r"executor=.* broke .*run it again with a new"):
            saddles.sweep(sweeping.die_once, grid, executor=pool, store=store)
        assert b'"k":0' in store.read_bytes()
    again = saddles.sweep(sweeping.die_once, grid, executor=threads, store=store)
    assert again.values == tuple(range(8))


# Executors


def test_own_workers_have_one_thread_and_leave_ctrl_c_to_the_parent(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    sweep = saddles.sweep(sweeping.surroundings, [{"_": k} for k in range(6)], workers=2)
    for value in sweep.values:
        assert value["environment"] == ["1", "1"]
        assert set(value["threads"]) == {1}
        assert not value["hears Ctrl-C"]
    assert os.getpid() not in {value["pid"] for value in sweep.values}
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("OPENBLAS_NUM_THREADS")) == ("3", None)


@pytest.mark.slow
def test_two_workers_are_nearly_twice_as_fast():
    # Sleeping points: the machine may be busy. Starting the workers is part of the time.
    start = time.monotonic()
    saddles.sweep(sweeping.rest, {"seconds": [1.0], "k": range(20)}, workers=2)
    assert 10.0 / (time.monotonic() - start) >= 0.85


def test_dask_gives_the_same_bytes(tmp_path, whole):
    store, grid = tmp_path / "store.jsonl", {"k": range(3), "folder": [str(tmp_path)]}
    with sweeping.cluster(workers=1) as client:
        executor = client.get_executor()
        sweep = sweeping.run(store, executor)
        assert sorted_lines(store) == whole[0]
        assert str(sweep.errors[7]) == "ValueError: seven"
        failing = functools.partial(saddles.sweep, sweeping.fail_until, grid, executor=executor)
        assert not failing().success
        (tmp_path / "mended").touch()
        assert failing().success, "an error is not remembered by the cluster"
        local = saddles.sweep(lambda a: 2 * a, {"a": [1]}, executor=executor)
        assert local.values == (2,), "Dask sends functions that pickle cannot"


@pytest.mark.slow
def test_dask_survives_a_killed_worker(tmp_path, whole):
    with sweeping.cluster() as client:
        executor = client.get_executor()
        grid = {"k": range(6), "folder": [str(tmp_path)]}
        died = saddles.sweep(sweeping.die_once, grid, executor=executor)
        assert (tmp_path / "died").exists()
        assert died.values == tuple(range(6))
        sweep = saddles.sweep(sweeping.die, grid, executor=executor)
        assert sweep.values == (0, None, 2, 3, 4, 5)
        assert sweep.errors[1].type == "KilledWorker"


def test_points_are_stored_while_others_are_still_submitted(tmp_path):
    store, counts = tmp_path / "store.jsonl", []

    class Counting(Executor):
        def submit(self, function, *arguments):
            counts.append(store.read_bytes().count(b"\n") - 1)
            future = Future()
            future.set_result(function(*arguments))
            return future

    saddles.sweep(sweeping.product, {"a": range(9), "b": [1]}, executor=Counting(), store=store)
    assert counts == list(range(9)), "each one is on the disk before the next is handed over"


def test_ctrl_c_in_a_worker_is_no_error_of_its_point(tmp_path, threads):
    def interrupt(k):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        saddles.sweep(interrupt, {"k": [1]}, executor=threads)


def test_a_cancelled_point_is_an_error():
    class Cancelling(ThreadPoolExecutor):
        def submit(self, *arguments):
            future = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(RuntimeError, match="broke or was shut down before the sweep was done"):
        saddles.sweep(sweeping.product, {"a": [1], "b": [2]}, executor=Cancelling())


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


# Frames, averages, progress


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


@pytest.mark.parametrize(
    ("package", "options"),
    [("filelock", {"store": "nosuch.jsonl"}), ("tqdm", {"progress": True})],
)
def test_optional_packages_are_named(package, options, threads, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"needs {package}: pip install 'saddles\[sweep\]'"):
        saddles.sweep(sweeping.product, GOOD, executor=threads, **options)
