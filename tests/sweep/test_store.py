"""Stores of sweeps: every bit comes back, torn lines go, stores of something else are refused."""

import functools
import json
import math
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import saddles
from saddles._sweep.store import arrays, canonical, plain, read
from tests.sweep import sweeping


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


#: What stands in the store of ``sweep(product, ...)`` about a = 1, b = 1, from here on.
LINE = b'{"crc32":"%08x","point":{"a":1,"b":1},"value":1}\n' % zlib.crc32(
    b'{"point":{"a":1,"b":1},"value":1}'
)

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


def sorted_lines(store):
    return sorted(store.read_bytes().splitlines(keepends=True))


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
    for sweep in (stored, resumed):
        assert sweep.values[1]["number"] == fresh.values[1]["number"]
        np.testing.assert_array_equal(sweep.values[1]["array"], fresh.values[1]["array"])
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
        assert store.read_bytes() == header + LINE


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
        return r"another sweep: function is 'tests.sweep.sweeping.die_once' there and 'tests.sweep"
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
    if kind == "package":
        store.write_text(text.replace('"saddles ', '"paddles '), "utf-8")
        return r"package is 'paddles [^']*' there and 'saddles "
    if kind == "format":
        store.write_text(text.replace('"format":1', '"format":0'), "utf-8")
        return r"format is 0 there and 1 here"
    if kind == "line":
        store.write_text(text + "{}\n", "utf-8")
        return r"line 3 is no record of a sweep: b'\{\}'; something else wrote to the file"
    if kind == "error":
        store.write_text(text + '{"error":{"type":"E"},"point":{"a":1,"b":1}}\n', "utf-8")
        return r"line 3 is no record of a sweep: "
    store.write_text("a,b\n1,2\n3," if kind == "table" else "my thesis", "utf-8")
    return r"is not the store of a sweep; choose another file"


@pytest.mark.parametrize(
    "kind",
    ["function", "settings", "seed", "package", "format", "line", "error", "table", "thesis"],
)
def test_a_store_of_something_else_is_refused_and_left_alone(kind, tmp_path, threads):
    store = tmp_path / "store.jsonl"
    match = bad_store(kind, store)
    before = store.read_bytes()
    with pytest.raises(ValueError, match=match):
        saddles.sweep(sweeping.product, {"a": [1], "b": [1]}, executor=threads, store=store)
    assert store.read_bytes() == before


def test_a_missing_folder_is_made(tmp_path, threads):
    store = tmp_path / "new" / "folder" / "store.jsonl"
    saddles.sweep(sweeping.product, {"a": [1], "b": [1]}, executor=threads, store=store)
    assert store.read_bytes().count(b"\n") == 2


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
