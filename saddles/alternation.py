"""The loop: utility, jump, cost, again and again; every algorithm of the package runs through it.

Training from a vanishing initialisation alternates between two phases (Kunin et al., "Alternating
Gradient Flows", 2025, arXiv:2506.06489). While every unit that matters is dormant the residual
stands still and each dormant unit accumulates utility, as a clock does; when the first clock rings
its unit becomes active, and the active units descend to a critical point of the loss restricted to
them: a saddle of the whole.

===============  ==========================================================================
code name        meaning
===============  ==========================================================================
``start``        the state at the origin, at time 0
``utility``      state -> the clocks that ring first (a `Ring`), or what pulls if none does (`Rest`)
``jump``         state, ring -> the state at the moment of ringing, its units let in
``cost``         state -> the state after the active units' descent
``saddle``       state -> what the user sees of it
``saddles``      the same for several states at once, where that costs less than one by one
===============  ==========================================================================
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar, cast

import numpy as np

from saddles import checks
from saddles._numerics.watch import LOG, Count, OutOfTime, counting, long_work, shows, tick
from saddles._result.admission import admitted
from saddles._result.path import PathError, Saddle, SaddlePath
from saddles._result.remaining import Remaining
from saddles._tools.threads import one_pool
from saddles.status import Breakdown, Status
from saddles.typing import Indices

__all__ = ["Algorithm", "Breakdown", "Rest", "Ring", "solve", "trace"]

State = TypeVar("State")

#: Number of saddles made together, where that is cheaper than one by one and nobody is waiting.
AHEAD = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Ring:
    """The clocks that ring first.

    Attributes
    ----------
    delay : float
        Time until they ring, in the unit that the algorithm works in.
    units : ndarray of int, shape (m,)
        The units whose clocks ring together: ties are one jump.
    margin : float
        Relative lead over the next clock, (next − first) / first.
    due : float, optional
        Scaled time of the ring; by default `delay` after the saddle's own time.
    """

    delay: float
    units: Indices
    margin: float = math.inf
    due: float | None = None


@dataclass(frozen=True, kw_only=True)
class Rest:
    """No clock rings any more: how fast dormant units could still grow, and to which accuracy.

    The loop decides from it whether training has ended, for every algorithm alike. A path is
    converged only if no dormant unit could still grow, and rounding does not hide such growth.

    Attributes
    ----------
    growth : float
        Largest rate at which a dormant unit could still grow, in any unit.
    least : float
        What counts as no growth, in the same unit: a share of the first rate.
    noise : float
        Error of `growth` by rounding, in the same unit: smaller growth cannot be detected.
    otherwise : Status
        Why nothing rings although something pulls.
    loss : float, optional
        Upper bound of how far the loss could still fall.

    Examples
    --------
    >>> from saddles.alternation import Rest
    >>> [Rest(growth=g, least=1e-10, noise=n).status(3) for g, n in ((0.0, 1e-15), (0.0, 1e-9))]
    [Status.CONVERGED, Status.RESOLUTION]
    >>> Rest(growth=0.1, least=1e-10).status(3)
    Status.NO_GROWTH
    """

    growth: float = 0.0
    least: float = 0.0
    noise: float = 0.0
    otherwise: Status = Status.NO_GROWTH
    loss: float | None = None

    def status(self, jumps: int) -> Status:
        """Return why a path with this number of jumps ends here."""
        if not self.growth <= max(self.least, self.noise):
            return self.otherwise
        if self.noise > self.least:
            return Status.RESOLUTION
        return Status.CONVERGED if jumps else Status.NOTHING_TO_LEARN


@dataclass(frozen=True, kw_only=True, eq=False)
class Algorithm(Generic[State]):
    """An algorithm is these functions and the paper that states them.

    `State` is whatever the functions hand on to one another; none of them changes the one that it
    is given.

    Attributes
    ----------
    name, source : str
        What it is called, and the paper that states it.
    start : callable
        () -> State: the origin, at time 0.
    utility : callable
        State -> Ring, Rest or Status. A `Ring` has the clocks that ring first. A `Rest` tells
        that no clock rings. A `Status` ends the path, with the algorithm's own reason.
    jump : callable
        State, Ring -> State: the moment of ringing, with the units that rang active.
    cost : callable
        State -> State: after the descent of the active units.
    saddle : callable
        State -> Saddle: what the user sees of it, its certificate included.
    saddles : callable, optional
        list of State -> list of Saddle: the same for several at once, if that costs less.
    kappa : int
        Degree of homogeneity κ, which sets the unit of scaled time.
    log_alpha : float
        Logarithm of the initial scale; minus infinity for the limit.
    kind : {"coefficients", "outputs", "template"}
        What a function-space point consists of: pictures say so.

    Examples
    --------
    One unit, whose clock rings at 1 and whose descent takes the loss to zero. The state is the
    number of active units:

    >>> import numpy as np
    >>> from saddles import Algorithm, Certificate, Ring, Saddle, Status, solve, trace
    >>> def saddle(count):
    ...     none, units = np.arange(0), np.arange(count)
    ...     fine = Certificate(stationarity=0.0, violation=0.0)
    ...     return Saddle(
    ...         index=count, time=float(count), beta=np.ones(1) * count, loss=1.0 - count,
    ...         dual=None, active=units, entered=units, left=none, certificate=fine,
    ...     )
    >>> algorithm = Algorithm(
    ...     name="one unit",
    ...     source="an example",
    ...     start=lambda: 0,
    ...     utility=lambda n: Status.CONVERGED if n else Ring(delay=1.0, units=np.arange(1)),
    ...     jump=lambda n, ring: n + len(ring.units),
    ...     cost=lambda n: n,
    ...     saddle=saddle,
    ... )
    >>> [saddle.loss for saddle in trace(algorithm)]
    [1.0, 0.0]
    >>> solve(algorithm)
    <SaddlePath of one unit: 1 jump until tau = 1, loss 1 to 0, converged>
    """

    name: str
    source: str
    start: Callable[[], State]
    utility: Callable[[State], Ring | Rest | Status]
    jump: Callable[[State, Ring], State]
    cost: Callable[[State], State]
    saddle: Callable[[State], Saddle]
    saddles: Callable[[list[State]], list[Saddle]] | None = None
    kappa: int = 2
    log_alpha: float = -math.inf
    kind: str = "coefficients"


def trace(
    algorithm: Algorithm[State],
    *,
    max_jumps: int | None = None,
    ahead: int = 1,
    jumps: int = 0,
) -> Generator[Saddle, None, Status]:
    """Yield the saddles of `algorithm` one by one, and return why there are no more.

    Parameters
    ----------
    algorithm : Algorithm
        The steps.
    max_jumps : int, optional
        Largest number of jumps; None sets no limit.
    ahead : int
        Largest number of jumps that are computed together, before the first of their saddles is
        yielded. For some algorithms this costs less than one jump at a time.
    jumps : int
        Number of jumps before the start; they count for `max_jumps`.

    Yields
    ------
    Saddle
        The start, then each saddle as it is reached.

    Raises
    ------
    Breakdown
        If the path cannot be continued, after the saddles before that were yielded.

    Examples
    --------
    See `Algorithm`.
    """
    track = _track(algorithm, max_jumps=max_jumps, ahead=ahead, jumps=jumps)
    return (yield from track).status


@dataclass(frozen=True)
class _End:
    """Why there are no more saddles, and the ring that would have led to another."""

    status: Status
    ring: Ring | None = None
    loss: float | None = None

    def remaining(self, saddles: list[Saddle]) -> Remaining:
        """Return what is known of what comes after the last of these saddles."""
        if self.ring is None or not saddles:
            return Remaining(loss=self.loss, next_jump=math.inf if self.status.finished else None)
        due = self.ring.due
        return Remaining(
            next_jump=float(saddles[-1].time + self.ring.delay if due is None else due)
        )


def _track(
    algorithm: Algorithm[State], *, max_jumps: int | None, ahead: int, jumps: int
) -> Generator[Saddle, None, _End]:
    """Yield what `trace` yields; return the end with the delay of the ring that was cut off."""
    state, end = algorithm.start(), None
    states, room = [state], 1 if algorithm.saddles is None else ahead
    while states or end is None:
        while end is None and len(states) < room:
            state, end = _next(algorithm, state, jumps, cut=jumps == max_jumps)
            if end is None:
                states.append(state)
                jumps += 1
        yield from _shown(algorithm, states)
        states = []
    if isinstance(end, Exception):
        raise end
    return end


def _next(
    algorithm: Algorithm[State], state: State, jumps: int, cut: bool
) -> tuple[State, _End | Exception | None]:
    """Return the next state, or the same and why there is none; `cut` allows no more jumps.

    An error is returned, not raised: one of the saddles before it may be wrong, and is seen first.
    """
    try:
        tick()
        ring = algorithm.utility(state)
        if isinstance(ring, Status):
            return state, _End(ring)
        if isinstance(ring, Rest):
            return state, _End(ring.status(jumps), loss=ring.loss)
        if cut:
            return state, _End(Status.MAX_JUMPS, ring)
        return algorithm.cost(algorithm.jump(state, ring)), None
    except Exception as error:
        return state, error


def _shown(algorithm: Algorithm[State], states: list[State]) -> list[Saddle]:
    """Return the saddles of `states`."""
    if algorithm.saddles is None:
        return [algorithm.saddle(state) for state in states]
    return algorithm.saddles(states) if states else []


@one_pool
@long_work
def solve(
    algorithm: Algorithm[State],
    *,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    earlier: Iterable[Saddle] = (),
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Drain `trace` into a path, checking the certificate of every saddle.

    Parameters
    ----------
    algorithm : Algorithm
        The steps.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        What to do with a path that cannot be continued correctly: raise `PathError`, which
        carries it, or return it with its status.
    callback : callable, optional
        Called with each `Saddle` as it is found; returning True stops there.
    earlier : iterable of Saddle
        Saddles before the one at which the algorithm starts.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    SaddlePath
        The saddles, `earlier` ones included, and the status with which they end.

    Raises
    ------
    PathError
        If a saddle misses its own optimality conditions or cannot be computed.
    TimeoutError
        If the time is over before the start is known.

    Examples
    --------
    See `Algorithm`.
    """
    max_jumps = checks.count(max_jumps, "max_jumps")
    checks.one_of(on_failure, "on_failure", ("raise", "return"))
    checks.callable_or_none(callback, "callback")
    found, watched = list(earlier), shows()
    ahead = 1 if callback is not None or watched else AHEAD
    detail = ""
    try:
        track = _track(algorithm, max_jumps=max_jumps, ahead=ahead, jumps=len(found))
        with counting(algorithm.name, "jumps", max_jumps) as counted:
            tell = _told(callback, algorithm.name, counted if watched else None)
            end = _collect(track, found, tell)
    except Breakdown as failure:
        if not found and isinstance(failure, OutOfTime):
            raise
        if not found:  # the start itself is the end of a descent, which failed
            raise PathError(failure.status, None, failure.detail) from None
        end, detail = _End(failure.status, loss=failure.left), failure.detail
    LOG.info("%s: %d jumps, %s %s", algorithm.name, len(found) - 1, end.status.value, detail)
    if end.loss and found[0].loss:
        found[-1] = _with_left_out(found[-1], end.loss / abs(found[0].loss))
    path = SaddlePath.from_saddles(
        found,
        algorithm=algorithm.name,
        source=algorithm.source,
        status=end.status,
        kappa=algorithm.kappa,
        log_alpha=algorithm.log_alpha,
        kind=algorithm.kind,
        remaining=end.remaining(found),
    )
    if not end.status.success and on_failure == "raise":
        raise PathError(end.status, path, detail)
    return path


def _told(
    callback: Callable[[Saddle], object] | None, name: str, counted: Count | None
) -> Callable[[Saddle], object] | None:
    """Return what each saddle is told to: the log, the bar, and then the user's own callback."""
    if counted is None and not LOG.isEnabledFor(logging.DEBUG):
        return callback

    def tell(saddle: Saddle) -> object:
        LOG.debug("%s: jump %d, tau %g, loss %g", name, saddle.index, saddle.time, saddle.loss)
        if saddle.index and counted is not None:
            counted(f"tau {saddle.time:.6g}, loss {saddle.loss:.6g}")
        return None if callback is None else callback(saddle)

    return tell


def _collect(
    saddles: Generator[Saddle, None, _End],
    found: list[Saddle],
    tell: Callable[[Saddle], object] | None,
) -> _End:
    """Append each saddle to `found` until the path ends, fails its certificate or is stopped."""
    while True:
        try:
            saddle = next(saddles)
        except StopIteration as end:
            return cast(_End, end.value)
        found.append(admitted(saddle, found))
        answer = tell(saddle) if tell else False
        if isinstance(answer, bool | np.bool_) and answer:
            return _End(Status.STOPPED)


def _with_left_out(saddle: Saddle, share: float) -> Saddle:
    """Return the last saddle; its certificate says what share of the first loss could still go."""
    return replace(saddle, certificate=replace(saddle.certificate, left_out=share))
