"""Where the points of a sweep are computed: own worker processes, or any executor.

An own worker is a spawned process with one BLAS thread. It ends with its parent, however that ends.
If a worker dies (killed, out of memory, a crash in compiled code), the pool is broken: a new one
runs what is missing. Nobody can tell which of the points in flight was to blame, so all of them
count an attempt, and the last attempt of a point is made alone: if the worker dies again, it was
that point.

==============  ==========================================================================
code name       meaning
==============  ==========================================================================
``Assignment``  what a worker gets: function, point, and how to seed its Generator
``evaluate``    assignment -> line of the store; errors of the function are caught and written
``in_flight``   points handed to the executor and not finished
==============  ==========================================================================
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from queue import SimpleQueue
from typing import Any, TypeAlias

import numpy as np

from saddles import checks
from saddles._sweep.store import canonical, check_name, plain, read

__all__ = ["Assignment", "cores", "elsewhere", "generator", "in_own_processes"]

#: What tells the BLAS and OpenMP libraries to start with one thread.
ONE_THREAD = dict.fromkeys(
    (
        "BLIS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    "1",
)

#: Points in flight per own worker: one that it computes and one that it need not wait for.
PER_WORKER = 2

#: What Windows can wait for at once.
MOST_WORKERS = 61

#: Column of `Sweep.to_frame` that holds the errors.
FAILURE = "failure"

#: Keys and lines, as they are found.
Lines: TypeAlias = Generator[tuple[str, str], None, None]


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One point to compute.

    Attributes
    ----------
    function : callable
        Called with the point's entries as keyword arguments.
    key : str
        The point in canonical JSON.
    argument : str or None
        Name of the argument that gets the point's own Generator.
    seed : int
        Seed of the sweep.
    call : str
        Unique to one call of `sweep`: a Dask cluster may answer an equal task from memory.
    """

    function: Callable[..., Any]
    key: str
    argument: str | None
    seed: int
    call: str


def generator(key: str, seed: int) -> np.random.Generator:
    """Return a point's Generator, fixed by the point and the sweep's seed alone."""
    digest = hashlib.sha256(key.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=words)))


def evaluate(task: Assignment) -> str:
    """Return the line of a point: its value, or the error that the function raised."""
    point = read(task.key)
    arguments = dict(point)
    if task.argument is not None:
        arguments[task.argument] = generator(task.key, task.seed)
    try:
        value = _plain_value(task.function(**arguments), point)
        return canonical({"point": point, "value": value})
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return error_line(task.key, error, skip_frames=1)


def error_line(key: str, error: BaseException, *, skip_frames: int = 0) -> str:
    """Return the line of a point that failed; the traceback starts below our own frames."""
    trace = error.__traceback__
    for _ in range(skip_frames):
        trace = trace and trace.tb_next
    text = {
        "type": type(error).__qualname__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(type(error), error, trace)),
    }
    return canonical({"point": read(key), "error": text})


def _plain_value(value: Any, point: dict[str, Any]) -> Any:
    """Return what the function returned as plain numbers, strings and lists."""
    if not isinstance(value, dict):
        number = plain(value, "value")
        if isinstance(number, bool | int | float):
            return number
        raise TypeError(
            f"value={checks.show(value)}: the function must return a number, or a dict of numbers, "
            "strings and arrays."
        )
    for name in value:
        if check_name(name, "value") in point or name == FAILURE:
            raise ValueError(
                f"value[{name!r}]={checks.show(value[name])}: the name is taken by "
                f"{'the column of errors' if name == FAILURE else 'the point'}; rename it."
            )
    return {str(name): plain(entry, f"value[{name!r}]") for name, entry in value.items()}


def cores() -> int:
    """Return how many processor cores this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else min(os.cpu_count() or 1, MOST_WORKERS)


#: Tasks and their futures, as they finish.
Answers: TypeAlias = Generator[tuple[Assignment, Future[str]], None, None]


def _submitted(executor: Executor, tasks: Iterator[Assignment], in_flight: int | None) -> Answers:
    """Yield tasks and their futures as they finish, `in_flight` of them at a time."""
    finished: SimpleQueue[Future[str]] = SimpleQueue()
    flying: dict[Future[str], Assignment] = {}
    try:
        while True:
            free = in_flight is None or len(flying) < in_flight
            if (task := next(tasks, None) if free else None) is not None:
                future = _submit(executor, task)
                flying[future] = task
                future.add_done_callback(finished.put)
            elif not flying:
                return
            # What is finished is passed on before the next task, not after the last one.
            if task is None or not finished.empty():
                future = finished.get()
                yield flying.pop(future), future
    finally:
        for future in flying:
            future.cancel()


def _submit(executor: Executor, task: Assignment) -> Future[str]:
    """Submit a task; a pool that is broken already answers like one that breaks later."""
    try:
        return executor.submit(evaluate, task)
    except BrokenExecutor as error:
        future: Future[str] = Future()
        future.set_exception(error)
        return future


def elsewhere(executor: Executor, tasks: Iterable[Assignment]) -> Lines:
    """Yield key and line of each task as the user's executor finishes it.

    Raises
    ------
    RuntimeError
        If the executor broke or cancelled a point.
    """
    for task, future in _submitted(executor, iter(tasks), None):
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or isinstance(error, BrokenExecutor):
            raise RuntimeError(
                f"executor={checks.show(executor)} broke or was shut down before the sweep was "
                "done; a store has what was finished, so run it again with a new executor."
            ) from error
        yield _answer(task, future)


def _answer(task: Assignment, future: Future[str]) -> tuple[str, str]:
    """Return key and line of a finished task, also if the executor could not run it."""
    error = future.exception()
    if error is None:
        return task.key, future.result()
    if isinstance(error, Exception):
        return task.key, error_line(task.key, error)
    raise error  # Ctrl-C in a worker is no property of the point


def in_own_processes(tasks: Iterable[Assignment], *, workers: int, attempts: int) -> Lines:
    """Yield key and line of each task as own worker processes finish it.

    Raises
    ------
    TypeError
        If a worker cannot load the function.
    RuntimeError
        If worker processes cannot start.
    """
    deaths: Counter[str] = Counter()
    company, alone = deque(tasks), deque[Assignment]()
    while company or alone:
        lost: list[Assignment] = []
        if company:
            crew = min(workers, len(company))
            yield from _until_a_death(company, lost, crew, PER_WORKER * crew, attempts)
        else:
            yield from _until_a_death(alone, lost, 1, 1, attempts)
        for task in lost:
            deaths[task.key] += 1
            if deaths[task.key] >= attempts:
                yield task.key, error_line(task.key, _death(deaths[task.key]))
            else:
                (alone if deaths[task.key] == attempts - 1 else company).append(task)


def _until_a_death(
    group: deque[Assignment], lost: list[Assignment], workers: int, in_flight: int, attempts: int
) -> Lines:
    """Empty `group` into a new pool; if it breaks, stop, with what was in flight in `lost`."""

    def untouched() -> Iterator[Assignment]:
        while group and not lost:
            yield group.popleft()

    with _pool(workers, group[0].function, attempts) as pool:
        for task, future in _submitted(pool, untouched(), in_flight):
            if isinstance(future.exception(), BrokenExecutor):
                lost.append(task)
            else:
                yield _answer(task, future)


def _death(times: int) -> BrokenProcessPool:
    attempts = f"{times} attempts, the last without company" if times > 1 else "1 attempt"
    return BrokenProcessPool(
        f"the worker process died (killed, out of memory, or a crash in compiled code); {attempts}"
    )


@contextmanager
def _pool(workers: int, function: Callable[..., Any], attempts: int) -> Iterator[Executor]:
    """Give a pool whose workers have started and loaded the function."""
    for _ in range(attempts):
        with _processes(workers) as pool:
            if _has_started(pool, workers, function):
                yield pool
                return
    raise RuntimeError(
        "a worker process died while it started; its own message is above. A script must call "
        "sweep under `if __name__ == '__main__':`, since workers import it. Or pass an executor, "
        "such as concurrent.futures.ThreadPoolExecutor()."
    )


def _has_started(pool: Executor, workers: int, function: Callable[..., Any]) -> bool:
    """Whether workers start; raise if they do but cannot load the function."""
    payload = pickle.dumps(function)
    try:
        # All at once, so that the pool starts all of its workers side by side.
        for probe in [pool.submit(_load, payload) for _ in range(workers)]:
            probe.result()
    except BrokenExecutor:
        return False
    except Exception as error:
        raise TypeError(
            f"function={checks.show(function)} cannot be loaded in a worker process "
            f"({type(error).__name__}: {error}); define it in a module that workers can import, or "
            "pass an executor."
        ) from error
    return True


def _load(payload: bytes) -> None:
    pickle.loads(payload)


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """Give a pool of own workers; end them at once if the sweep is interrupted."""
    context = _Spawn()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin)
    try:
        yield pool
    except BaseException:
        for worker in context.started:
            if worker.is_alive():
                worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker(SpawnProcess):
    """A spawned process whose numerical libraries use one thread."""

    def start(self) -> None:
        # They read the environment when they are loaded, which is before any code of ours can run.
        kept = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)
        try:
            with _no_interrupt():
                super().start()
        finally:
            for name, value in kept.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold Ctrl-C back here and, for good, in processes started meanwhile: it is for the parent."""
    hold = getattr(signal, "pthread_sigmask", None)  # not on Windows
    before = hold(signal.SIG_BLOCK, {signal.SIGINT}) if hold else None
    try:
        yield
    finally:
        if hold:
            hold(signal.SIG_SETMASK, before)


class _Spawn(SpawnContext):
    """Starts workers and remembers them, so that they can be ended."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[_Worker] = []

    def Process(self, *args: Any, **kwargs: Any) -> _Worker:  # type: ignore[override]
        worker = _Worker(*args, **kwargs)
        self.started.append(worker)
        return worker


def _begin() -> None:
    """Prepare a worker: Ctrl-C is for the parent, one BLAS thread, no life after the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A pool's worker waits for work for ever if its parent was killed.
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
