"""The flow of the active neurons, step by step: first while new ones grow, then as time multiplies.

New neurons start small and grow like an exponential of time, or faster; once they have grown, what
is left relaxes over ever longer times, and the logarithm of time is the integrator's. A slow saddle
that the flow leaves late begins an era, in which times are short again.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``z``           coordinates of `saddles.agf._active_coordinates`, (A m,)
``sizes``       norms that neurons may about come to, (A,)
``force``       |∂L/∂z|
``aged``        t₀, the time that has passed where the logarithm takes over
``age``         log(t / t₀)
==============  ====================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from saddles.agf._active_coordinates import Coordinates
from saddles.alternation import CERTIFICATE_TOLERANCE, Breakdown
from saddles.status import Status
from saddles.typing import Array

__all__ = ["COMMON", "GROWN", "Step", "follow", "shares"]

Curve: TypeAlias = Callable[[float], Array]
Height: TypeAlias = Callable[[Array], float]
Pace: TypeAlias = Callable[[float], float]

#: Local relative error of the flow: while new neurons grow, and in the logarithm of time. Errors
#: move neurons along their valley, from which the next flow starts, and grow where it passes
#: saddles. Neurons that all but cancel, R times as large as new ones, do so to R^(−3): the error is
#: at most this share of that.
RTOL, FINE, CANCELLED = 3e-8, 1e-9, 3e-4
#: Time's logarithm takes over once a new neuron has grown to this share, and the force has fallen
#: to this share of its peak.
GROWN, FALLEN = 0.3, 0.1
#: Shares of a norm are meant for neurons of at most this degree. What one of a higher degree does
#: is as much a share of what it may come to only if its norm is a larger share.
COMMON = 3
#: A saddle is left once the force is so many times its least there, and so many may be passed.
LEFT, ERAS = 100.0, 10
#: A step that fails is taken anew by another integrator, with so much of the error allowed, down to
#: so little in all.
FINER, FINEST = 0.1, 1e-3
#: Another one goes on, too, where more than so many steps fall within this share of the longest:
#: one that switches between methods may not see that the flow has become stiff.
CROWD, SHORT = 300, 0.1
#: Its first step, in units of the longest: left to itself it may be longer than that.
FIRST = 1e-3
#: The logarithm of time after which what has not moved never will.
OLDEST = 100.0
#: Steps of the integrator after which the descent is given up: of neurons that are smooth, and of
#: those with kinks, along which it may have to slide in ever shorter steps.
STEPS, KINKED_STEPS = 10_000, 1_000


@dataclass(frozen=True, eq=False)
class Step:
    """A step of the flow.

    Attributes
    ----------
    z : ndarray of shape (A m,)
        Where it ends.
    force : float
        |∂L/∂z| there.
    age : float
        The logarithm of time, from 0 where an era begins; −inf while the new neurons grow.
    era : int
        How many slow saddles were left before.
    looks : tuple of ndarray of shape (A m,)
        Where time has doubled within the step.
    """

    z: Array
    force: float
    age: float = -math.inf
    era: int = 0
    looks: tuple[Array, ...] = ()


def shares(theta: Array, sizes: Array, degree: int) -> Array:
    """Return the shares that neurons `theta` (H, p) have of the norms `sizes` (H,).

    Those of a degree above `COMMON` are what one of that degree would have for the same output.
    """
    part = np.linalg.norm(theta, axis=1) / sizes
    return np.asarray(part ** max(1.0, degree / COMMON))


def follow(run: Coordinates, sizes: Array) -> Iterator[Step]:
    """Yield the steps of the flow of the neurons of `run`, from their start."""
    norms, degree = np.linalg.norm(run.theta, axis=1), run.network.degree
    small = shares(run.theta, sizes, degree) < GROWN

    def growth(z: Array) -> float:
        return (
            float(shares(run.at(z)[small], sizes[small], degree).max()) if small.any() else math.inf
        )

    rtol = min(RTOL, CANCELLED * float(sizes[small].min(initial=math.inf) / norms.max()) ** 3)
    peak, birth, last, start = 0.0, 0.0, 0.0, run.origin
    atol, share = rtol * float(norms.min()), growth(start)
    for time, z, force, curve in _steps(run, start, lambda _: 1.0, rtol, atol):
        yield Step(z, force)
        before, share = share, growth(z)
        if before < GROWN / 2 <= share:
            birth = _crossing(curve(), growth, GROWN / 2, last, time)
        last = time
        if share < GROWN / 2:
            continue
        peak = max(peak, force)
        if force <= FALLEN * peak and share >= GROWN:
            break
    yield from _aging(run, z, last - birth)


def _crossing(curve: Curve, height: Height, level: float, start: float, stop: float) -> float:
    """Return when the height of the curve comes to a level that it has at the stop."""
    from scipy.optimize import brentq

    def above(time: float) -> float:
        return height(curve(time)) - level

    return start if above(start) >= 0 else float(brentq(above, start, stop))


def _aging(run: Coordinates, z: Array, aged: float) -> Iterator[Step]:
    """Yield the steps in the logarithm of the time that passes, `aged` at first.

    A slow saddle that is left begins an era: what follows is as fast as leaving it was.
    """
    error = FINE * run.norm(z) / math.sqrt(z.size)
    for era in range(ERAS):
        lowest = since = math.inf
        left, last, pace = False, 0.0, partial(_exponential, aged)
        for age, place, force, curve in _steps(run, z, pace, FINE, error, 1.0):
            yield Step(place, force, age, era, _doublings(aged, last, age, curve))
            last = age
            if force < lowest:
                lowest, since = force, pace(age)
            left = force > LEFT * lowest and run.size(place, force) > CERTIFICATE_TOLERANCE
            if age > OLDEST:
                return
            if left:
                z, aged = place, (pace(age) - since) / math.log(LEFT)
                break
        if not left:
            return


def _doublings(
    aged: float, last: float, age: float, curve: Callable[[], Curve]
) -> tuple[Array, ...]:
    """Return the places between two ages at which the time, `aged` e^age, is a power of two."""
    power, zero = math.log(2), math.log(aged)
    first, past = (math.floor((zero + end) / power) + 1 for end in (last, age))
    return tuple(curve()(k * power - zero) for k in range(first, past))


def _exponential(aged: float, age: float) -> float:
    """Return the time t₀ e^age, which is its own derivative."""
    return aged * math.exp(age)


def _steps(
    run: Coordinates, z: Array, pace: Pace, rtol: float, atol: float, longest: float = math.inf
) -> Iterator[tuple[float, Array, float, Callable[[], Curve]]]:
    """Yield time, z, |∂L/∂z| and what makes the curve, after every step of the integrator.

    The equation is z' = −pace(time) ∂L/∂z.
    """
    again, finer, steps, since = False, 1.0, 0, 0.0
    flow = _integrator(run, 0.0, z, pace, rtol, atol, longest)
    for _ in range(KINKED_STEPS if getattr(run.network, "kinked", False) else STEPS):
        time, z = flow.t, flow.y.copy()
        failed = not _advances(flow)
        if failed:
            finer *= FINER
            if finer < FINEST:
                raise Breakdown(Status.STALLED, "the flow of the active neurons broke off")
        else:
            force = float(np.linalg.norm(run.gradient(flow.y)))
            yield flow.t, flow.y.copy(), force, flow.dense_output
            time, z = flow.t, flow.y.copy()
        steps, since = (0, time) if time > since + SHORT * longest else (steps + 1, since)
        if failed or (math.isfinite(longest) and steps > CROWD):
            again, steps, since = not again, 0, time
            tolerances = finer * rtol, finer * atol
            flow = _integrator(run, time, z, pace, *tolerances, longest, again=again)


def _advances(flow: Any) -> bool:
    """Take a step; return whether it came to numbers further on."""
    before = flow.t
    # A failed step is taken anew or reported by a status, not by a warning besides.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with suppress(FloatingPointError):
            flow.step()
    return flow.status != "failed" and flow.t != before and bool(np.isfinite(flow.y).all())


def _integrator(
    run: Coordinates,
    time: float,
    z: Array,
    pace: Pace,
    rtol: float,
    atol: float,
    longest: float,
    *,
    again: bool = False,
) -> Any:
    """Return an integrator that starts from `z`, the other one if it starts `again`."""
    from scipy.integrate import BDF, LSODA

    def jacobian(time: float, z: Array) -> Array:
        rows = -pace(time) * run.hessian(z)
        if not np.isfinite(rows).all():
            raise FloatingPointError("second derivatives overflow")
        return np.asarray(rows)

    try:
        return (BDF if again else LSODA)(
            lambda time, z: -pace(time) * run.gradient(z),
            time,
            z,
            math.inf,
            max_step=longest,
            first_step=FIRST * longest if again and math.isfinite(longest) else None,
            rtol=rtol,
            atol=atol,
            jac=jacobian,
        )
    except FloatingPointError as error:
        raise Breakdown(Status.STALLED, f"active neurons: {error}") from None
