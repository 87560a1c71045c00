"""The file of a store: damaged, borrowed, locked, read-only or none at all, it is said."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import saddles
from saddles._sweep.journal import journal
from tests.sweep import sweeping

GRID = {"a": [1, 2.5], "b": [10, -0.1]}


@pytest.fixture(scope="module")
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
def make(threads):
    """Return a function that runs the sweep with a store."""
    return functools.partial(saddles.sweep, sweeping.product, GRID, executor=threads)


@pytest.fixture
def whole(make, tmp_path):
    """Return the bytes of a finished store."""
    make(store=tmp_path / "whole.jsonl")
    return (tmp_path / "whole.jsonl").read_bytes()


VALUES = (10, -0.1, 25.0, -0.25)


def unstamped(store):
    """Return a store as earlier versions wrote it."""
    header, *lines = store.splitlines(keepends=True)
    return header + b"".join(b"{" + line.partition(b",")[2] for line in lines)


# Damage


def test_every_flipped_bit_is_said_or_changes_nothing(make, whole, tmp_path):
    store, starts = tmp_path / "store.jsonl", [0]
    for line in whole.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    flips = [(place, 1 << bit) for place in range(len(whole)) for bit in range(8)]
    for place, bit in flips[::7]:
        damaged = bytearray(whole)
        damaged[place] ^= bit
        store.write_bytes(damaged)
        if place == len(whole) - 1:  # without its newline, the last line looks torn by a kill
            assert make(store=store).values == VALUES
            continue
        writer = re.search(rb'"saddles (\d[\w.+!-]*)"', damaged)
        if writer and writer.start(1) <= place < writer.end(1):
            with pytest.warns(UserWarning, match="was begun by saddles"):  # another version
                assert make(store=store).values == VALUES
            continue
        with pytest.raises(ValueError, match=r"store='.*store\.jsonl'") as error:
            make(store=store)
        number = int(np.searchsorted(starts, place, side="right"))
        if place + 1 not in starts and number > 1:
            assert f"line {number} " in str(error.value)
        assert store.read_bytes() == damaged, "it is left alone"


def test_a_line_may_be_deleted_as_the_message_says(make, whole, tmp_path):
    store = tmp_path / "store.jsonl"
    store.write_bytes(whole.replace(b'"a":2.5,"b":10}', b'"a":2.5,"b":11}'))
    with pytest.raises(ValueError, match=r"line \d is damaged: its checksum .* delete that line"):
        make(store=store)
    kept = [line for line in store.read_bytes().splitlines(keepends=True) if b":11}" not in line]
    store.write_bytes(b"".join(kept))
    assert make(store=store).values == VALUES


def test_lines_of_earlier_versions_have_no_checksum(make, whole, tmp_path):
    store = tmp_path / "store.jsonl"
    store.write_bytes(before := unstamped(whole))
    assert make(store=store).values == VALUES
    assert store.read_bytes() == before


ODD = {
    "number": b'{"point":{"a":1,"b":10},"value":{"$float":[1]}}',
    "word": b'{"point":{"a":1,"b":10},"value":{"$float":"one"}}',
    "constant": b'{"point":{"a":1,"b":10},"value":NaN}',
    "overflow": b'{"point":{"a":1,"b":10},"value":1e999}',
    "twice": b'{"point":{"a":1,"b":10},"value":1,"value":2}',
    "spaces": b'{"point": {"a":1,"b":10},"value":1}',
    "no point": b'{"point":[1,10],"value":1}',
    "no value": b'{"point":{"a":1,"b":10},"value":null}',
    "error": b'{"error":{"message":1,"traceback":"","type":"E"},"point":{"a":1,"b":10}}',
    "brackets": b"[" * 9_999,
    "closed": b"[" * 100_000 + b"]" * 100_000,
    "digits": b'{"point":{"a":1,"b":10},"value":' + b"9" * 9_000 + b"}",
    "bytes": b"\xff\xfe",
    "list": b"[]",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_lines_are_no_records(kind, make, whole, tmp_path):
    store = tmp_path / "store.jsonl"
    header = whole[: whole.index(b"\n") + 1]
    start = time.process_time()
    for stray, match in ((header, "line 2 is no record"), (b"", "is not the store of a sweep")):
        store.write_bytes(stray + ODD[kind] + b"\n")
        with pytest.raises(ValueError, match=match):
            make(store=store)
    assert time.process_time() - start < 1.0


# Names and locks


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_store_has_one_lock_whatever_its_name(link, make, tmp_path):
    store, other = tmp_path / "store.jsonl", tmp_path / "folder" / "other name.jsonl"
    other.parent.mkdir()
    make(store=store)
    link(store, other)
    with journal(store), pytest.raises(RuntimeError, match=r"other name.jsonl' is in use by"):
        make(store=other)
    assert make(store=other).values == VALUES
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [other.name, store.name]


def test_a_process_that_is_forked_meanwhile_does_not_keep_the_lock(make, tmp_path):
    store = tmp_path / "store.jsonl"
    with journal(store):
        held = os.dup(os.open(store, os.O_RDONLY))
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert make(store=store).values == VALUES
    finally:
        child.communicate(b"\n")
        os.close(held)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_is_named(kind, make, tmp_path):
    store = {"folder": tmp_path, "pipe": tmp_path / "pipe", "device": "/dev/full"}[kind]
    if kind == "pipe":
        os.mkfifo(store)
    with pytest.raises(ValueError, match=f"store='{store}' is a (folder|device)"):
        make(store=store)


def test_a_folder_that_is_a_file_is_named(make, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        make(store=tmp_path / "file" / "store.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named(monkeypatch, tmp_path):
    """By its error, which the system gives without the name of the file."""
    with open("/dev/full", "ab", buffering=0) as full, journal(tmp_path / "store") as opened:
        opened.file, kept = full, opened.file
        with pytest.raises(OSError, match=r"No space left on device: '.*store'"):
            opened.append(b"line")
        opened.file = kept


# Read-only


@contextmanager
def nobody():
    """Be a user who may write nothing of ours; the superuser may write everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shelf():
    """Return a folder that anybody may read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_finished_store_is_read_where_it_cannot_be_written(make, shelf, threads):
    store = shelf / "store.jsonl"
    make(store=store)
    store.write_bytes(whole := store.read_bytes() + b'{"crc32":')  # and a line torn by a kill
    store.chmod(0o444)
    shelf.chmod(0o555)
    with nobody():
        assert make(store=store).values == VALUES
        with pytest.raises(PermissionError, match=r"1 points are missing .*: '.*store\.jsonl'"):
            saddles.sweep(sweeping.product, {"a": [7], "b": [8]}, executor=threads, store=store)
        with pytest.raises(PermissionError, match=r"new\.jsonl"):
            make(store=shelf / "new.jsonl")
    assert store.read_bytes() == whole


# Speed and kills


def test_the_disk_is_not_waited_for_after_every_point(threads, tmp_path, monkeypatch):
    waits, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: waits.append(sync(number)))
    start = time.monotonic()
    grid = {"a": range(300), "b": [1]}
    saddles.sweep(sweeping.product, grid, executor=threads, store=tmp_path / "store.jsonl")
    assert 2 <= len(waits) <= 3 + (time.monotonic() - start) / 0.25


@pytest.mark.slow
def test_twenty_thousand_points_survive_ten_kills(tmp_path):
    store, rng = tmp_path / "store.jsonl", np.random.default_rng(0)
    command = [sys.executable, "-m", "tests.sweep.sweeping", str(store), "--where", "many"]
    kept = b""
    for _ in range(10):
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        before = len(kept)
        while process.poll() is None and store_size(store) <= before:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.wait()
        found = store.read_bytes()
        assert found.startswith(kept)
        kept = found[: found.rfind(b"\n") + 1]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True)
    assert store.read_bytes().startswith(kept)
    points = [json.loads(line)["point"]["a"] for line in store.read_bytes().splitlines()[1:]]
    assert sorted(points) == list(range(20_000)), "each once"


def store_size(store):
    return store.stat().st_size if store.exists() else 0
