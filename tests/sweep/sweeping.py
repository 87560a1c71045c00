"""Functions for worker processes, and sweeps to kill: ``python -m tests.sweep.sweeping``."""

import argparse
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import saddles


def product(a, b):
    return a * b


def draw(rng, **point):
    return {"number": rng.normal(), "array": rng.normal(size=(2, 3))}


def returned(value):
    return VALUES[value]


class Thing:
    def __call__(self, a):
        return a


thing = Thing()

#: What a function may return, and what it may not.
VALUES = {
    "text": "ten",
    "none": None,
    "list": [1.0],
    "complex": 1j,
    "object": {"path": Thing()},
    "nested": {"a": {"b": 1}},
    "name that is no text": {1: 2},
    "name of the point": {"value": 1},
    "reserved": {"$float": 1},
    "column of errors": {"failure": 1},
    "masked": {"a": np.ma.masked_array([1.0, 2.0], [True, False])},
    "long double": {"a": np.longdouble(1)},
    "digits": {"a": 10**5000},
}


def surroundings(_):
    """Return what a worker has been prepared with."""
    from threadpoolctl import threadpool_info

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return {
        "environment": [os.environ.get(name) for name in names],
        "threads": [pool["num_threads"] for pool in threadpool_info()],
        "hears Ctrl-C": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
        "heard Ctrl-C at first": signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "pid": os.getpid(),
    }


def die_once(k, folder):
    """Kill the own process at point 3, the first time."""
    mark = Path(folder, "died")
    if k == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return k


def die(k, folder):
    """Kill the own process at points 1 and 5, every time, and count the attempts."""
    with Path(folder, str(k)).open("a") as attempts:
        attempts.write("x")
    if k in (1, 5):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return k


def fail_until(k, folder):
    """Fail at even points until the folder has a file called ``mended``."""
    if k % 2 == 0 and not Path(folder, "mended").exists():
        raise ValueError(f"{k} is even")
    return k


def rest(seconds, k):
    time.sleep(seconds)
    return k


#: The sweep to kill: 30 points of 50 ms, one of which fails, with random arrays.
GRID = {"k": range(30)}
CALLS = "SWEEP_CALLS"


def work(k, rng):
    """Leave a mark per call in the folder named by the environment."""
    if folder := os.environ.get(CALLS):
        with Path(folder, str(k)).open("a") as calls:
            calls.write("x")
    time.sleep(0.05)
    if k == 7:
        raise ValueError("seven")
    return {"k²": k**2, "draws": rng.normal(size=50), "limit": [np.inf, np.nan, -0.0]}


def run(store, executor=None, workers=None):
    """Run or resume the sweep to kill."""
    return saddles.sweep(
        work, GRID, executor=executor, workers=workers, store=store, generator="rng", seed=5
    )


def run_long(store, executor=None, workers=2):
    """Run a sweep of a point that ends at once, and one that does not."""
    grid = {"seconds": [0.0, 1000.0], "k": [1]}
    return saddles.sweep(rest, grid, executor=executor, workers=workers, store=store)


def run_many(store, executor):
    """Run or resume a sweep of very many points that take no time."""
    return saddles.sweep(product, {"a": range(20_000), "b": [2]}, executor=executor, store=store)


@contextmanager
def cluster(workers=2):
    """Give a Dask client of a cluster of local processes."""
    from dask.distributed import Client, LocalCluster

    options = {"threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(n_workers=workers, **options) as local, Client(local) as client:
        yield client


def main():
    # A shell lets what it starts in the background ignore this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    places = ("processes", "long", "many", "threads", "dask")
    parser.add_argument("--where", choices=places, default="processes")
    options = parser.parse_args()
    if options.where == "processes":
        run(options.store, workers=2)
    elif options.where == "long":
        run_long(options.store)
    elif options.where == "many":
        with ThreadPoolExecutor(2) as executor:
            run_many(options.store, executor)
    elif options.where == "threads":
        with ThreadPoolExecutor(2) as executor:
            run(options.store, executor)
    else:
        with cluster() as client:
            run(options.store, client.get_executor())


if __name__ == "__main__":
    main()
