"""Threads of BLAS are held while a path is followed, and put back."""

import threading

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_info, threadpool_limits

import saddles
from saddles._tools.threads import _libraries, _with_numpy, one_pool, one_thread


@pytest.fixture(autouse=True)
def _two_threads():
    """Let every BLAS have two threads, however many the test run allows."""
    import scipy.linalg  # noqa: F401

    _libraries.cache_clear()  # other tests may have loaded more libraries
    with threadpool_limits(2, user_api="blas"):
        yield


def threads():
    """Return NumPy's number of threads, and those of other libraries."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools.sort(key=lambda pool: "numpy.libs" not in pool["filepath"])
    return [pool["num_threads"] for pool in pools]


def test_numpy_keeps_its_threads_or_none_does():
    before = threads()
    assert before[0] == 2
    assert one_pool(threads)() == [2] + [1] * (len(before) - 1)
    assert one_thread(threads)() == [1] * len(before)
    assert one_pool(one_thread(threads))() == [1] * len(before)
    assert threads() == before


def test_a_folder_of_that_name_is_not_numpy():
    site = "/home/me/numpy/project/numpy-1/lib/python3.11/site-packages"
    assert _with_numpy(f"{site}/numpy.libs/libscipy_openblas64_-32a4b2a6.so")
    assert _with_numpy(f"{site}/numpy/.dylibs/libscipy_openblas64_.dylib")
    assert not _with_numpy(f"{site}/scipy.libs/libscipy_openblas-6cdc3b4a.so")
    assert not _with_numpy(f"{site}/scipy/.dylibs/libscipy_openblas.dylib")


def test_they_are_put_back_after_an_error():
    seen, before = [], threads()

    @one_thread
    def fails():
        seen.extend(threads())
        raise RuntimeError("no path")

    with pytest.raises(RuntimeError, match="no path"):
        fails()
    assert set(seen) == {1}
    assert threads() == before


def test_of_two_solvers_the_first_puts_them_back():
    entered, leave = threading.Event(), threading.Event()

    @one_thread
    def slow():
        entered.set()
        leave.wait(60.0)

    other, before = threading.Thread(target=slow), threads()

    @one_thread
    def first():
        other.start()
        assert entered.wait(60.0)
        return threads()

    assert set(first()) == {1}
    assert threads() == before
    leave.set()
    other.join()
    assert threads() == before


def test_solvers_hold_them_and_neurons_do_not_feel_their_number():
    seen = []
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((6, 8)), rng.standard_normal(6)
    saddles.pesme_flammarion(X, y, callback=lambda _: seen.append(threads()))
    assert seen[0] == [2] + [1] * (len(seen[0]) - 1)

    def path():
        template = np.cos(np.pi / 2 * np.arange(4))
        return saddles.agf.modular_addition(
            template, width=4, seed=1, callback=lambda _: seen.append(threads())
        )

    two = path()
    assert set(seen[-1]) == {1}
    with ThreadpoolController().limit(limits=1):
        one = path()
    assert two.times.tobytes() == one.times.tobytes()
    assert two.losses.tobytes() == one.losses.tobytes()
