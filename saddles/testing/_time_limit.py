"""A call that may take so long and no longer.

It runs in a thread of its own, which also works where signals do not: away from the main thread, on
Windows, under a debugger. A thread cannot be killed. One that is late is told to stop, which Python
code obeys, and is left behind otherwise; as a daemon it does not keep the interpreter from ending.
"""

from __future__ import annotations

import contextvars
import ctypes
import math
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["TimeLimitError", "within"]


class TimeLimitError(Exception):
    """A call took longer than it may."""


class _Stop(BaseException):
    """Ends a thread that is late."""


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what `call` returns, or raise what it raises, or `TimeLimitError`."""
    if math.isinf(seconds):
        return call()
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(call())
        except _Stop:
            pass
        except BaseException as error:
            failure.append(error)

    # The thread sees what the caller has set: numpy's handling of errors, a decimal context.
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), daemon=True)
    thread.start()
    thread.join(seconds)
    if failure:
        raise failure[0]
    if outcome:
        return outcome[0]
    if thread.ident is not None and thread.is_alive():
        stop = ctypes.py_object(_Stop)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), stop)
    raise TimeLimitError
