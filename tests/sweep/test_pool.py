"""Where sweeps run: killed at any moment, worker by worker or whole, nothing finished is lost."""

import functools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import saddles
from saddles._sweep.store import read
from tests.sweep import sweeping

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-W", "error", "-m", "tests.sweep.sweeping"]


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
    pytest.importorskip("distributed")
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
    assert sweep.values == (0, None, 2, 3, 4, None)
    assert str(sweep.errors[1]) == (
        "BrokenProcessPool: the worker process died (killed, out of memory, or a crash in compiled "
        "code); 2 attempts, the last without company"
    )
    for k in (1, 5):
        assert (tmp_path / str(k)).read_text("utf-8") in ("x", "xx"), "at most two attempts"


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
        assert not value["heard Ctrl-C at first"]
    assert os.getpid() not in {value["pid"] for value in sweep.values}
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("OPENBLAS_NUM_THREADS")) == ("3", None)


@pytest.mark.slow
def test_two_workers_are_nearly_twice_as_fast():
    # Sleeping points: the machine may be busy. Starting the workers is part of the time.
    start = time.monotonic()
    saddles.sweep(sweeping.rest, {"seconds": [1.0], "k": range(40)}, workers=2)
    assert 20.0 / (time.monotonic() - start) >= 0.85


def test_dask_gives_the_same_bytes(tmp_path, whole):
    pytest.importorskip("distributed")
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
def test_dask_survives_a_killed_worker(tmp_path):
    pytest.importorskip("distributed")
    with sweeping.cluster() as client:
        executor = client.get_executor()
        grid = {"k": range(6), "folder": [str(tmp_path)]}
        died = saddles.sweep(sweeping.die_once, grid, executor=executor)
        assert (tmp_path / "died").exists()
        assert died.values == tuple(range(6))


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
