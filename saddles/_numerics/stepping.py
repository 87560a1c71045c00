"""Stepping: the one loop around scipy's integrators, for every flow, descent and alignment.

A flow is an equation y' = F(t, y), what a step may err by, and how many steps it may take. scipy's
integrators share one contract (`scipy.integrate.OdeSolver`), so that a method is a name; what they
warn of when a step fails is said by `Integration.ending` instead.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``velocity``     F(t, y), (m,)
``jacobian``     ∂F/∂y, (m, m)
``solver``       the integrator: ``t_old``, ``t`` and ``y`` (m,) of its last step, and the
                 curve along that step, ``dense_output()``
===============  ==========================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np

from saddles._numerics.precision import EPS
from saddles._numerics.watch import LOG, OutOfTime, counting, tick
from saddles.typing import Array

__all__ = [
    "LARGEST_RATE",
    "LEAST_RTOL",
    "Budget",
    "Ending",
    "Equation",
    "Integration",
    "Pieces",
    "Tolerances",
    "before_jump",
    "bounded",
    "crossing",
    "nodes",
]

#: The smallest relative tolerance that scipy takes. Where an absolute one is what acts, it is this.
LEAST_RTOL = 100 * EPS

#: Bound on velocities, for functions that overflow where an implicit step tries a point.
LARGEST_RATE = 1e150

#: Steps that fall within this share of the longest one are crowded.
SHORT = 0.1

#: Gauss-Legendre nodes per step for what a flow conserves: exact to degree 11, and an integrator of
#: order at most 12 makes steps over which its own polynomial has a lower degree.
NODES = 6

#: Where ODEPACK's LSODA keeps the time beyond which it must not go, and the length that it tries
#: next, in its work array; and the errors of a step, which may change in between, among what it is
#: called with.
CRITICAL_TIME, NEXT_LENGTH, ERRORS = 0, 11, 1

#: Sizes of e^{−3} begin to matter; a step in which they grow by a factor e is no risk.
BEFORE_JUMP, FOLDS_PER_STEP = -3.0, 1.0

#: Corrections by this share of the error that a step may make are none.
SETTLED = 1e-3

Velocity = Callable[[float, Array], Array]


class Ending(Enum):
    """Why an integration has no more steps."""

    FINISHED = "it has come to its last time"
    FAILED = "a step could not be taken"
    CROWDED = "many steps made little way: the method does not fit the equation here"
    SPENT = "it has taken all the steps that it may"
    OUT_OF_TIME = "the time that it may take is over"


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """What a step may err by, and how far it may go.

    Attributes
    ----------
    atol : float or ndarray of shape (m,)
        Absolute error of a single step; of each coordinate, if they differ.
    rtol : float
        Relative error of a single step.
    longest : float
        Longest step.
    first : float, optional
        Length of the first one; the integrator's own guess by default.
    crowd : int, optional
        The integration is crowded once more steps than this fall within a tenth of the longest.
    horizon : callable, optional
        t, y (m,) -> the time beyond which the next step must not go; see `before_jump`.
    stride : float
        Steps up to this length need no horizon.
    rounding : callable, optional
        t, y (m,) -> how far rounding of F may move each coordinate in the time in which it changes,
        (m,). A step may err by as much: shorter ones would tell no more, and there would be no end
        of them.
    """

    atol: float | Array
    rtol: float = LEAST_RTOL
    longest: float = math.inf
    first: float | None = None
    crowd: int | None = None
    horizon: Callable[[float, Array], float] | None = None
    stride: float = 0.0
    rounding: Callable[[float, Array], Array] | None = None

    @property
    def change(self) -> bool:
        """Whether they are others for each step."""
        return self.horizon is not None or self.rounding is not None


@dataclass(frozen=True, eq=False)
class Equation:
    """An equation y' = F(t, y) and where it starts.

    Attributes
    ----------
    velocity : callable
        t, y (m,) -> F (m,).
    start : ndarray of shape (m,)
        y at the time `begin`.
    jacobian : callable, optional
        t, y (m,) -> ∂F/∂y (m, m); by differences, where a method needs it, if there is none.
    begin : float
        The first time.
    overflows : bool
        Whether F may overflow where a method tries a point. That is no reason to warn, and a step
        that ends there fails.
    """

    velocity: Velocity
    start: Array
    jacobian: Velocity | None = field(default=None, kw_only=True)
    begin: float = field(default=0.0, kw_only=True)
    overflows: bool = field(default=False, kw_only=True)


class Budget:
    """A number of steps, which several integrations may share."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self) -> bool:
        """Take one step from the budget; False if there is none left."""
        self.left -= 1
        return self.left >= 0


class Integration:
    """The steps of an integration: iterate over it.

    Parameters
    ----------
    equation : Equation
        What is integrated.
    tolerances : Tolerances
        How closely.
    budget : Budget or int
        How many steps it may take.
    until : float
        The last time; without it, the integration goes on until its user stops.
    method : {"LSODA", "BDF", "DOP853", "RK45"}
        scipy's integrator. LSODA switches between Adams (smooth and explosive parts) and BDF (stiff
        ones) by itself.

    Attributes
    ----------
    solver : scipy.integrate.OdeSolver
        The integrator, after its last step.
    ending : Ending or None
        Why there are no more steps; None while there are, or where its user stopped.
    message : str
        What scipy says of a step that failed.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles._numerics.stepping import Equation, Integration, Tolerances
    >>> fall = Equation(lambda t, y: -y, np.array([1.0]))
    >>> run = Integration(fall, Tolerances(atol=1e-10), 1000, until=1.0)
    >>> ends = [float(solver.y[0]) for solver in run]
    >>> bool(abs(ends[-1] - np.exp(-1.0)) < 1e-8), run.ending.name
    (True, 'FINISHED')
    """

    def __init__(
        self,
        equation: Equation,
        tolerances: Tolerances,
        budget: Budget | int,
        *,
        until: float = math.inf,
        method: str = "LSODA",
    ) -> None:
        self._tolerances = tolerances
        self._budget = budget if isinstance(budget, Budget) else Budget(budget)
        self._overflows, self._warns = equation.overflows, method == "LSODA"
        self.solver = _solver(equation, tolerances, until, method)
        self.ending: Ending | None = None
        self.message = ""

    def __iter__(self) -> Iterator[Any]:
        """Yield the integrator after each of its steps, until none can be taken.

        Raises
        ------
        OutOfTime
            Before the step for which there is no time.
        """
        return self._steps(self._silent_step if self._warns else self._step)

    def recorded(self, done: Callable[[int, Any], bool], what: str = "flow") -> Pieces:
        """Take steps, and return what was integrated, if the time is over in between as well.

        Parameters
        ----------
        done : callable
            Number of the step, integrator -> whether it is the last one.
        what : str
            What its progress is called.
        """
        times, curves = [self.solver.t], []
        # Silenced once for all steps: where they are fast, it costs as much as a fifth of one.
        with warnings.catch_warnings(), counting(what, "steps") as counted:
            _silence()
            try:
                for count, solver in enumerate(self._steps(self._step)):
                    times.append(solver.t)
                    curves.append(solver.dense_output())
                    counted("")
                    if done(count, solver):
                        break
            except OutOfTime:
                if not curves:
                    raise
                self.ending = Ending.OUT_OF_TIME
        LOG.debug("%s: %d steps, %s", what, len(curves), self.ending)
        return Pieces(np.array(times), curves)

    def _steps(self, step: Callable[[], bool]) -> Iterator[Any]:
        solver, crowd = self.solver, _Crowd(self._tolerances, self.solver.t)
        while self._budget.spend():
            tick()
            if self._tolerances.change:
                _prepare(self._tolerances, solver)
            if not (self._among_numbers(step) if self._overflows else step()):
                self.ending = Ending.FAILED
                return
            yield solver
            if solver.status == "finished":
                self.ending = Ending.FINISHED
                return
            if crowd.most is not None and crowd.grows(solver.t):
                self.ending = Ending.CROWDED
                return
        self.ending = Ending.SPENT

    def _step(self) -> bool:
        """Take a step; return whether it came further."""
        solver = self.solver
        before = solver.t
        self.message = solver.step() or ""
        return solver.status != "failed" and solver.t != before and math.isfinite(solver.t)

    def _silent_step(self) -> bool:
        with warnings.catch_warnings():
            _silence()
            return self._step()

    def _among_numbers(self, step: Callable[[], bool]) -> bool:
        """Take a step that may try places where the velocity overflows, but does not end there."""
        with np.errstate(all="ignore"):
            try:
                return step() and bool(np.isfinite(self.solver.y).all())
            except FloatingPointError:
                return False


def _prepare(tolerances: Tolerances, solver: Any) -> None:
    """Tell scipy's integrator how far its next step may go, and by how much it may err."""
    wrapped = getattr(solver, "_lsoda_solver", None)
    if wrapped is not None and solver.t_old is None:
        return  # LSODA's first step is short, and takes no critical time but the last one
    lsoda = None if wrapped is None else wrapped._integrator
    if tolerances.horizon is not None:
        tries = solver.h_abs if lsoda is None else lsoda.rwork[NEXT_LENGTH]
        far = tries <= tolerances.stride
        time = math.inf if far else tolerances.horizon(solver.t, solver.y)
        if lsoda is None:
            solver.max_step = min(tolerances.longest, time - solver.t)
        else:
            lsoda.rwork[CRITICAL_TIME] = min(time, solver.t_bound)
    if tolerances.rounding is not None:
        errors = np.maximum(tolerances.atol, tolerances.rounding(solver.t, solver.y))
        if lsoda is None:
            solver.atol = errors
        else:
            lsoda.call_args[ERRORS] = errors


def before_jump(time: float, logs: Array, rates: Array) -> float:
    """Return a horizon for sizes e^{logs} (m,), in their own units, that change at `rates` (m,).

    Where all of them are small an equation is linear, and steps grow until one lands far beyond the
    place at which it stops being so: what a method sees there tells it nothing. So the next step
    ends before a size begins to matter, or where it has grown e-fold. What matters already is seen
    by the method itself, and at rest only rounding moves it.
    """
    growing = (rates > 0) & (logs < BEFORE_JUMP)
    ways = np.maximum(BEFORE_JUMP - logs[growing], FOLDS_PER_STEP)
    return time + float((ways / rates[growing]).min(initial=math.inf))


def _silence() -> None:
    """Keep scipy's integrators from warning of what `Integration.ending` says."""
    warnings.filterwarnings("ignore", category=UserWarning, module=r"scipy\.integrate")


class _Crowd:
    """Counts steps that make little way."""

    def __init__(self, tolerances: Tolerances, begin: float) -> None:
        self.most, self.way = tolerances.crowd, SHORT * tolerances.longest
        self.steps, self.since = 0, begin

    def grows(self, time: float) -> bool:
        """Whether one more step, which ends at `time`, is one too many."""
        if time > self.since + self.way:
            self.steps, self.since = 0, time
        else:
            self.steps += 1
        return self.most is not None and self.steps > self.most


def _solver(equation: Equation, tolerances: Tolerances, until: float, method: str) -> Any:
    """Return scipy's integrator, before its first step."""
    import scipy.integrate

    implicit = {} if equation.jacobian is None else {"jac": equation.jacobian}
    solver = getattr(scipy.integrate, method)(
        equation.velocity,
        equation.begin,
        equation.start,
        until,
        max_step=tolerances.longest,
        first_step=tolerances.first,
        rtol=tolerances.rtol,
        atol=tolerances.atol,
        **implicit,
    )
    if method == "BDF":
        _settle(solver, tolerances)
    return solver


def _settle(solver: Any, tolerances: Tolerances) -> None:
    """Let Newton's method of scipy's BDF converge where it is at rounding.

    It asks that corrections shrink, which rounding does not; a correction of zero is accepted.
    """
    solve = solver.solve_lu

    def solve_lu(factors: Any, right: Array) -> Array:
        correction = np.asarray(solve(factors, right))
        least = SETTLED * (tolerances.atol + tolerances.rtol * np.abs(solver.y))
        return np.where(np.abs(correction) > least, correction, 0.0)

    solver.solve_lu = solve_lu


@dataclass(frozen=True, eq=False)
class Pieces:
    """What was integrated, at any time: one curve a step.

    Attributes
    ----------
    times : ndarray of shape (k + 1,)
        Where the steps begin and end.
    curves : sequence of k callables
        Times (q,) -> y (m, q) along each step.
    """

    times: Array
    curves: Sequence[Callable[[Array], Array]]

    @cached_property
    def _whole(self) -> Any:
        from scipy.integrate import OdeSolution

        return OdeSolution(self.times, self.curves)

    def __call__(self, times: Array) -> Array:
        """Return y (m, q) at `times` (q,)."""
        return np.asarray(self._whole(times))


def nodes(times: Array) -> tuple[Array, Array, Array]:
    """Return Gauss–Legendre nodes of the intervals between `times` (k + 1,).

    Their times (k, NODES), weights (NODES,) that add up to 1, and the intervals' lengths (k,).
    """
    places, weights = np.polynomial.legendre.leggauss(NODES)
    lengths = np.diff(times)
    inner = times[:-1, None] + lengths[:, None] * (places + 1) / 2
    return inner, weights / 2, lengths


def crossing(height: Callable[[float], float], start: float, stop: float) -> float:
    """Return when a height first comes to zero from below, which it has passed at `stop`.

    At `start` if it is there already: pieces of a curve differ by rounding where they meet.
    """
    from scipy.optimize import brentq

    return start if height(start) >= 0 else float(brentq(height, start, stop))


def bounded(rates: Array) -> Array:
    """Return velocities of which those that have overflowed are `LARGEST_RATE`."""
    if np.isfinite(rates).all():  # a tenth of the cost
        return rates
    return np.asarray(
        np.nan_to_num(rates, nan=LARGEST_RATE, posinf=LARGEST_RATE, neginf=-LARGEST_RATE)
    )
