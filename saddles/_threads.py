"""Threads of BLAS, held while a path is followed.

NumPy and SciPy bring a BLAS each, with threads of its own that wait actively. A path asks them in
turn for thousands of small products and factorisations, and threads of the one get in the way of
the other's: on two cores that costs a factor 2 to 10. So only NumPy's BLAS may use its threads
along a path (`one_pool`), and none does where all matrices are small (`one_thread`); how neurons
creep to infinity then does not hang on their number either, which decides on the order of sums.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

__all__ = ["one_pool", "one_thread"]

Inputs = ParamSpec("Inputs")
Output = TypeVar("Output")

# The number belongs to the process: of several Python threads the first sets it and puts it back.
_first = threading.RLock()


def one_pool(function: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
    """Let no BLAS but NumPy's use threads while `function` runs."""
    return _holding(function, spared="numpy")


def one_thread(function: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
    """Let no BLAS use threads while `function` runs."""
    return _holding(function, spared=None)


def _holding(function: Callable[Inputs, Output], spared: str | None) -> Callable[Inputs, Output]:
    @functools.wraps(function)
    def held(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Output:
        with _held(spared):
            return function(*args, **kwargs)

    return held


@contextmanager
def _held(spared: str | None) -> Iterator[None]:
    if not _first.acquire(blocking=False):
        yield
        return
    try:
        with _controller(spared).limit(limits=1):
            yield
    finally:
        _first.release()


@functools.cache
def _controller(spared: str | None) -> Any:
    """Return what controls every BLAS, but for one in a folder of the `spared` name."""
    # It sees what is loaded.
    import numpy as np  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    blas = ThreadpoolController().select(user_api="blas")
    paths = [one.filepath for one in blas.lib_controllers]
    # A BLAS that is the only one is NumPy's as well, whatever its name.
    shared = spared is not None and len(paths) == 1
    held = [path for path in paths if not (shared or (spared and spared in path))]
    return blas.select(filepath=held)
