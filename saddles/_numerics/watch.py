"""Long work: a limit of time, a bar of progress, and a log, for everything that loops.

A public function that may take long has the keywords ``progress`` and ``time_limit`` and is
decorated with `long_work`, which puts both into a context. Loops below it call `tick` before each
step, and count their steps in `counting`. So no function between the two has to hand them on. Work
inside of other work shares its limit and its bar.

================  ====================================================================
code name         meaning
================  ====================================================================
``deadline``      when the time is over, on the clock of `time.monotonic`, in seconds
``limit``         how long that was from the start, in seconds
``progress``      whether the next loop that counts its steps shows a bar
================  ====================================================================
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, ParamSpec, TypeVar

from saddles import checks
from saddles.status import Breakdown, Status

__all__ = [
    "LOG",
    "Count",
    "OutOfTime",
    "counting",
    "left",
    "long_work",
    "share",
    "shows",
    "tick",
    "watching",
]

Inputs = ParamSpec("Inputs")
Output = TypeVar("Output")

#: Called once a step, with what there is to say of it.
Count = Callable[[str], None]

#: What the package has to say on its way: nothing is printed unless the user sets up `logging`.
LOG = logging.getLogger("saddles")
LOG.addHandler(logging.NullHandler())


class OutOfTime(Breakdown, TimeoutError):
    """Raised by `tick` once the time is over; what was found until then is right."""

    def __init__(self, limit: float) -> None:
        super().__init__(
            Status.TIME_LIMIT,
            f"time_limit={limit!r}: these seconds were over before there was anything to return; "
            "allow more.",
        )


@dataclass(frozen=True)
class _Watch:
    progress: bool = False
    deadline: float = math.inf
    limit: float = math.inf


#: Nobody waits, nobody watches.
ALONE = _Watch()

_watch: ContextVar[_Watch] = ContextVar("watch", default=ALONE)


def long_work(function: Callable[Inputs, Output]) -> Callable[Inputs, Output]:
    """Let `function` obey its keywords ``progress`` and ``time_limit``."""

    @functools.wraps(function)
    def watched(*args: Inputs.args, **kwargs: Inputs.kwargs) -> Output:
        with watching(kwargs.get("progress", False), kwargs.get("time_limit")):
            return function(*args, **kwargs)

    return watched


@contextmanager
def watching(progress: Any = False, time_limit: Any = None) -> Iterator[None]:
    """Show the progress of the work inside, and stop it once the time is over."""
    watch = _watch.get()
    checks.true_or_false(progress, "progress")
    if time_limit is not None:
        rule = "the seconds that it may take must be above 0; leave it out for no limit"
        seconds = checks.real_number(time_limit, "time_limit", rule, lambda value: value > 0)
        deadline = time.monotonic() + seconds
        if deadline < watch.deadline:
            watch = replace(watch, deadline=deadline, limit=seconds)
    if progress:
        _tqdm()  # says at once what is missing
        watch = replace(watch, progress=True)
    token = _watch.set(watch)
    try:
        yield
    finally:
        _watch.reset(token)


def tick() -> None:
    """Raise `OutOfTime` if the time is over; called before each step of a loop."""
    watch = _watch.get()
    if watch.deadline < math.inf and time.monotonic() > watch.deadline:
        raise OutOfTime(watch.limit)


def left() -> float:
    """Return the seconds that are left, infinite without a limit; raise `OutOfTime` if none is."""
    tick()
    return _watch.get().deadline - time.monotonic()


@contextmanager
def share(portion: float) -> Iterator[None]:
    """Allow the work inside this portion of the time that is left."""
    watch, now = _watch.get(), time.monotonic()
    token = _watch.set(replace(watch, deadline=now + portion * (watch.deadline - now)))
    try:
        yield
    finally:
        _watch.reset(token)


def shows() -> bool:
    """Whether somebody watches the progress."""
    return _watch.get().progress


@contextmanager
def counting(what: str, unit: str, total: int | None = None) -> Iterator[Count]:
    """Yield a function that counts one of `unit`, and says what there is to say of it.

    There is one bar at a time: loops inside of this one show none.
    """
    if not shows():
        yield _unseen
        return
    token = _watch.set(replace(_watch.get(), progress=False))
    try:
        with _tqdm()(desc=what, unit=f" {unit}", total=total, leave=False) as bar:

            def step(text: str) -> None:
                bar.set_postfix_str(text, refresh=False)
                bar.update()

            yield step
            bar.refresh()
    finally:
        _watch.reset(token)


def _unseen(_: str) -> None:
    pass


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install 'saddles[progress]'") from error
    return tqdm
