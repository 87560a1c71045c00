"""Sweeps: one function over a grid of points, on all cores or a cluster, resumed after any kill.

====================  ======================================================================
code name             meaning
====================  ======================================================================
``point``             keyword arguments of one call, as plain numbers, strings and lists
``grid``              the points: a product of axes, or a list
``store``             the file that holds what is finished
``generator``         argument that gets the point's own random numbers
====================  ======================================================================
"""

from __future__ import annotations

import functools
import inspect
import os
import pickle
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

from saddles import __version__, checks
from saddles._sweep.pool import FAILURE, Assignment, cores, elsewhere, in_own_processes
from saddles._sweep.result import PointFailure, Sweep, result
from saddles._sweep.store import canonical, check_name, open_store, plain, plain_entry
from saddles._tools.files import regular_file

__all__ = ["PointFailure", "Sweep", "sweep"]


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    store: str | os.PathLike[str] | None = None,
    generator: str | None = None,
    seed: int = 0,
    attempts: int = 3,
    retry_failed: bool = True,
    progress: bool = False,
) -> Sweep:
    """Call ``function(**point)`` for every point of a grid, in parallel, and keep what is finished.

    Parameters
    ----------
    function : callable
        Returns a number, or a dict of numbers, strings and arrays. For worker processes it must
        be importable (defined in a module or script, not a lambda), and a script must call `sweep`
        under ``if __name__ == "__main__":``.
    grid : dict, or sequence of dict
        Name -> values, for all combinations; or the points themselves. A point holds numbers,
        strings, None, and lists of them; arrays reach the function as lists.
    executor : concurrent.futures.Executor, optional
        Where to compute, such as a Dask ``client.get_executor()``; it is not shut down. By default
        worker processes are started, with one BLAS thread each.
    workers : int, optional
        Number of those processes; by default one per core.
    store : str or path, optional
        File to which each finished point is appended at once; its folder is made if missing. When
        you run again with the same store, only missing points are computed. The store records the
        name of the function only: choose another file after you change what the function computes.
        If no point is missing, the file need not be writable.
    generator : str, optional
        Name of an argument of `function` that gets a ``numpy.random.Generator`` of the point's
        own. It depends on the point and on `seed` only: not on the other points, the order or the
        executor.
    seed : int
        Seed of these generators, at least 0.
    attempts : int
        How often a point is tried if its worker process dies. The last time it is computed alone,
        so that no other point is blamed. Other executors have their own rules.
    retry_failed : bool
        Whether points whose error is in the store are computed again.
    progress : bool
        Whether to show a progress bar (needs tqdm).

    Returns
    -------
    Sweep
        Points, values and errors in the order of the grid. A point whose call raised an exception
        has an error instead of a value, and does not stop the others.

    Raises
    ------
    TypeError
        If the function does not take the grid's entries, cannot reach the workers or (with a
        store) has no name, such as a lambda, or if a point holds anything but plain values.
    ValueError
        If the grid is empty, repeats a point or holds NaN; if the store belongs to another sweep,
        has a damaged line, or is no regular file.
    OSError
        If the store cannot be written.
    RuntimeError
        If the store is in use, worker processes cannot start, or `executor` broke or is shut down.
    KeyboardInterrupt
        By Ctrl-C, or if the function raises it; the store has what was finished.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> import saddles
    >>> def first_jump(slope, target):
    ...     path = saddles.pesme_flammarion([[slope]], [target])
    ...     return {"time": path.times[1], "loss": path.losses[-1]}
    >>> with ThreadPoolExecutor() as threads:
    ...     sweep = saddles.sweep(
    ...         first_jump, {"slope": [1.0, 2.0], "target": [1.0, 0.0]}, executor=threads
    ...     )
    >>> sweep
    <Sweep of first_jump: 4 points, 2 failed>
    >>> sweep.points[0], sweep.values[0]
    ({'slope': 1.0, 'target': 1.0}, {'loss': 0.0, 'time': 1.0})
    >>> print(sweep.errors[1])
    IndexError: index 1 is out of bounds for axis 0 with size 1
    """
    if not callable(function):
        raise TypeError(f"function={checks.show(function)} must be callable.")
    points = _points(grid)
    seed = checks.whole_number(seed, "seed")
    attempts = checks.whole_number(attempts, "attempts", least=1)
    _check_options(executor, workers, generator, seed)
    _check_call(function, points, generator)
    if executor is None or isinstance(executor, ProcessPoolExecutor):
        _check_picklable(function)
    header = {
        **_identity(function, stored=store is not None),
        "generator": generator,
        "package": f"saddles {__version__}",
        "seed": None if generator is None else seed,
    }
    keys, call = [canonical(point) for point in points], uuid4().hex
    path = None if store is None else regular_file(store, "store", ", or None")
    with open_store(path, header) as records:
        tasks = [
            Assignment(function=function, key=key, argument=generator, seed=seed, call=call)
            for key in keys
            if not records.finished(key, retry_failed=retry_failed)
        ]
        records.check_writable(len(tasks))
        if executor is None:
            lines = in_own_processes(tasks, workers=workers or cores(), attempts=attempts)
        else:
            lines = elsewhere(executor, tasks)
        with _bar(progress, len(keys), len(keys) - len(tasks)) as advance, closing(lines):
            for key, line in lines:
                records.record(key, line)
                advance()
        return result(header["function"], points, [records.lines[key] for key in keys], seed)


def _points(grid: Any) -> list[dict[str, Any]]:
    """Return the points of a grid as plain values, or say what is wrong with it."""
    if isinstance(grid, Mapping):
        axes = {_name(name): _axis(name, values) for name, values in grid.items()}
        points = [dict(zip(axes, entries, strict=True)) for entries in product(*axes.values())]
        points = points if axes else []
    elif isinstance(grid, Iterable) and not isinstance(grid, str | bytes):
        points = [_point(point, f"grid[{k}]") for k, point in enumerate(grid)]
    else:
        raise TypeError(
            f"grid={checks.show(grid)} must be a dict of name -> values, or a list of dicts."
        )
    if not points:
        raise ValueError(f"grid={checks.show(grid)} is empty; give it at least one point.")
    keys = Counter(canonical(point) for point in points)
    if (most := keys.most_common(1)[0])[1] > 1:
        raise ValueError(
            f"grid holds the point {most[0]} {most[1]} times; each point is computed once, so drop "
            "the others, or number repetitions with an entry of their own."
        )
    return points


def _name(name: Any) -> str:
    if name == FAILURE:
        raise ValueError(f"grid has the name {name!r}, the column of errors; rename it.")
    return check_name(name, "grid")


def _axis(name: str, values: Any) -> list[Any]:
    """Return the values of one axis of the grid."""
    rule = "must be a sequence of values; put a single one into a list"
    if isinstance(values, str | bytes | Mapping | Set) or not isinstance(values, Iterable):
        raise TypeError(f"grid[{name!r}]={checks.show(values)} {rule}.")
    try:
        entries = list(values)
    except TypeError:  # an array without axes
        raise TypeError(f"grid[{name!r}]={checks.show(values)} {rule}.") from None
    if not entries:
        raise ValueError(f"grid[{name!r}] is empty, so there is no point; give it a value.")
    return [plain_entry(entry, f"grid[{name!r}][{k}]") for k, entry in enumerate(entries)]


def _point(point: Any, spot: str) -> dict[str, Any]:
    if not isinstance(point, Mapping):
        raise TypeError(f"{spot}={checks.show(point)} must be a dict of name -> value.")
    return {_name(name): plain_entry(entry, f"{spot}[{name!r}]") for name, entry in point.items()}


def _check_options(executor: Any, workers: Any, generator: Any, seed: int) -> None:
    """Raise unless the options are right each and together."""
    if executor is not None and not isinstance(executor, Executor):
        raise TypeError(
            f"executor={checks.show(executor)} must be a concurrent.futures.Executor; for a Dask "
            "client, pass client.get_executor()."
        )
    if checks.count(workers, "workers", least=1) is not None and executor is not None:
        raise ValueError(
            f"workers={workers!r} is for the processes that sweep starts, but executor is given; "
            "set its size where you make it."
        )
    if generator is not None and not isinstance(generator, str):
        raise TypeError(
            f"generator={checks.show(generator)} must be the name of an argument of the function, "
            "a string."
        )
    if generator is None and seed != 0:
        raise ValueError(
            f"seed={seed!r} has no use without generator; pass the name of the argument that gets "
            "the Generator."
        )


def _check_call(
    function: Callable[..., Any], points: list[dict[str, Any]], generator: str | None
) -> None:
    """Raise unless the function takes the entries of every point."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some compiled functions have none
        return
    for names in dict.fromkeys(tuple(point) for point in points):
        if generator in names:
            raise ValueError(f"generator={generator!r} is also an entry of the grid; rename one.")
        extra = () if generator is None else (generator,)
        try:
            signature.bind(**dict.fromkeys((*names, *extra)))
        except TypeError as error:
            raise TypeError(
                f"function={checks.show(function)} cannot be called with {', '.join(names)}"
                f"{''.join(f' and the generator {name}' for name in extra)}: {error}."
            ) from None


def _check_picklable(function: Callable[..., Any]) -> None:
    try:
        pickle.dumps(function)
    except Exception as error:  # pickle raises whatever an object's own methods do
        raise TypeError(
            f"function={checks.show(function)} cannot be sent to a worker process ({error}); "
            "define it with def at the top of a module, or pass another executor, such as "
            "concurrent.futures.ThreadPoolExecutor()."
        ) from None


def _identity(function: Callable[..., Any], *, stored: bool) -> dict[str, Any]:
    """Return the function's name and, for a partial, its settings: what a store is known by."""
    settings: dict[str, Any] = {}
    inner: Any = function
    if isinstance(inner, functools.partial):
        settings = {"args": list(inner.args), "kwargs": inner.keywords}
        inner = inner.func
    module = getattr(inner, "__module__", None) or ""
    name = getattr(inner, "__qualname__", type(inner).__qualname__)
    if not stored:
        return {"function": name}
    if _found(module, name) is not inner:
        raise TypeError(
            f"function={checks.show(function)} cannot be found by its name, so a store would not "
            "tell it from another one; define it with def at the top of a module, and fix some of "
            "its arguments with functools.partial."
        )
    if settings:
        settings["args"] = plain(settings["args"], "function.args")
        settings["kwargs"] = {
            key: plain(value, f"function.keywords[{key!r}]")
            for key, value in settings["kwargs"].items()
        }
    return {"function": f"{_lasting(module)}.{name}", "settings": settings}


def _found(module: str, name: str) -> Any:
    """Return what a module has under a dotted name, or None."""
    try:
        return functools.reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None


def _lasting(module: str) -> str:
    """Return the name of a module, also if it is the script that runs."""
    if module != "__main__":
        return module
    main: Any = sys.modules["__main__"]
    if getattr(main, "__spec__", None) is not None:
        return str(main.__spec__.name)
    return Path(main.__file__).stem if hasattr(main, "__file__") else module


@contextmanager
def _bar(progress: bool, total: int, done: int) -> Iterator[Callable[[], object]]:
    """Give the function to call after each point."""
    if not progress:
        yield lambda: None
        return
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress needs tqdm: pip install 'saddles[sweep]'") from error
    with tqdm(total=total, initial=done, desc="sweep", unit="point") as bar:
        yield bar.update
