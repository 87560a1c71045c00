"""Threads of BLAS, held while a path is followed.

NumPy and SciPy bring a BLAS each, with threads of its own that wait actively. A path asks them in
turn for thousands of small products and factorisations, and threads of the one get in the way of
the other's: on two cores that costs a factor 2 to 10. So only NumPy's BLAS may use its threads
along a path (`one_pool`), and none does where all matrices are small (`one_thread`). There the
number of threads, which decides the order of sums, cannot change how neurons creep to infinity.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

__all__ = ["one_pool", "one_thread"]

Inputs = ParamSpec("Inputs")
Output = TypeVar("Output")

# The number belongs to the process: of several Python threads the first sets it and puts it back.
_first = threading.RLock()


def one_pool(function: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
    """Let no BLAS but NumPy's use threads while `function` runs."""
    return _holding(function, spared=True)


def one_thread(function: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
    """Let no BLAS use threads while `function` runs."""
    return _holding(function, spared=False)


def _holding(function: Callable[Inputs, Output], spared: bool) -> Callable[Inputs, Output]:
    @functools.wraps(function)
    def held(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Output:
        with _held(spared):
            return function(*args, **kwargs)

    return held


@contextmanager
def _held(spared: bool) -> Iterator[None]:
    if not _first.acquire(blocking=False):
        yield
        return
    threads = [(library, library.get_num_threads()) for library in _libraries(spared)]
    try:
        for library, count in threads:
            if count != 1:
                library.set_num_threads(1)
        yield
    finally:
        for library, count in threads:
            if count != 1:
                library.set_num_threads(count)
        _first.release()


@functools.cache
def _libraries(spared: bool) -> list[Any]:
    """Return what controls every BLAS but NumPy's, or that as well if it is not `spared`."""
    # It sees what is loaded.
    import numpy as np  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    blas = ThreadpoolController().select(user_api="blas")
    paths = [one.filepath for one in blas.lib_controllers]
    # A BLAS that is the only one is NumPy's as well, wherever it is.
    ours = paths if len(paths) == 1 else [path for path in paths if _with_numpy(path)]
    return [one for one in blas.lib_controllers if not (spared and one.filepath in ours)]


def _with_numpy(path: str) -> bool:
    """Whether a library came with NumPy: in numpy.libs, or in numpy/.dylibs on a Mac."""
    folders = Path(path).parts[:-1]
    return "numpy.libs" in folders[-1:] or "numpy" in folders[-2:-1]
