"""The flow of few active columns, from a saddle's escape direction to the next critical point.

It is followed in units of its own: entries in their natural sizes, time in 1/λ, and what rounding
leaves of both decides how closely. How far it has come says the largest relative rate at which a
column still moves, in units of λ: 1 at the start, whatever the problem. Whenever that has fallen by
a decade, Newton's method is tried.

==============  ==================================================================================
code name       symbol
==============  ==================================================================================
``rate``        λ, the largest eigenvalue of −∇f along the escape directions
``reach``       √(λ / curvature), the natural size of the new columns
``blur``        how far rounding may shift an eigenvalue of ∇f
``pace``        max |z_j'| / (λ |z_j|) over the columns z_j of U, along the last step
==============  ==================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from saddles._matrix.frames import Frame
from saddles._matrix.loss_checks import complaint
from saddles._matrix.on_factors import OnFactors
from saddles._matrix.polish import Polished, polish
from saddles._numerics.ends import endless
from saddles._numerics.stepping import Ending, Equation, Integration, Tolerances, bounded
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["DIVERGED", "Descent", "Outline", "descend_dense"]

#: Size of the new columns at the start, relative to their natural size.
AMPLITUDE = 1e-4
#: Local relative error of a step, and the second time, where the first ended in doubt or in a
#: continuum, of which the flow must choose a point. Rounding may be more, in units of it; the
#: absolute error is a share of it.
CLOSELY, ROUNDED, ABSOLUTE = (1e-6, 1e-8), 5.0, 1e-3
#: Steps after which the flow is given up.
STEPS = 5000
#: Newton's method is first tried at this pace, then at every decade, down to the last or rounding.
FIRST, DECADE, LAST, UNSURE = 1e-2, 0.1, 1e-10, 2.0
#: From this pace on an attempt may land in a continuum: the flow has chosen the point by then.
CHOSEN = 1e-9
#: From this pace on columns that have become small, relative to their size, may be given up.
SETTLED, SMALL_COLUMN = 1e-4, 0.1
#: Slope along a column that was given up, relative to the largest, that is none.
LEVEL = 1e-11
#: A column this small, relative to the smallest natural size, has returned to zero.
FALLEN = 1e-7
#: Squares of columns that have vanished count as this much.
TINY = np.finfo(float).tiny
#: A factor this much larger than its natural size is on its way to infinity.
DIVERGED = 1e6


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the flow of the factors ends.

    Attributes
    ----------
    U : ndarray of shape (d, r)
        The critical point, with independent columns.
    fallen : ndarray of shape (d, q)
        Directions (orthonormal) of columns that returned to zero.
    unique : bool
        False if the critical point is one of a continuum, chosen by the flow.
    """

    U: Array
    fallen: Array
    unique: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Outline:
    """What is known of a descent before it begins.

    Attributes
    ----------
    problem : OnFactors
        The loss.
    U : ndarray of shape (d, r)
        The saddle that is left.
    escape : ndarray of shape (d, q)
        Orthonormal eigenvectors of −∇f(UUᵀ) whose clocks rang.
    rate, reach, blur : float
        See the module's table.
    scale : float
        |∇f(0)|, the largest unit of forces.
    symmetry : callable
        U -> directions (dr, m) that leave f unchanged, flattened.
    """

    problem: OnFactors
    U: Array
    escape: Array
    rate: float
    reach: float
    blur: float
    scale: float
    symmetry: Callable[[Array], Array]


def descend_dense(outline: Outline) -> Descent:
    """Follow the flow to the critical point that it tends to, by dense second derivatives.

    Raises
    ------
    Breakdown
        UNBOUNDED if the factor grows beyond all bounds, STALLED if no critical point is reached,
        LOSS_FAILED if that is because of the loss.
    """
    doubt: Breakdown | None = None
    for rtol in CLOSELY:
        try:
            found = _followed(outline, rtol)
        except Breakdown as error:
            if error.status is not Status.STALLED:
                raise
            doubt = error
            continue
        if found.unique or rtol == CLOSELY[-1]:
            return found
    assert doubt is not None
    raise doubt


def _followed(outline: Outline, rtol: float) -> Descent:
    """Follow the flow with so small an error per step."""
    left, sizes, _ = np.linalg.svd(outline.U, full_matrices=False)
    U = left * sizes
    frame = Frame.natural(outline.problem, U, outline.escape, outline.reach)
    start = np.hstack([U, AMPLITUDE * outline.reach * outline.escape])
    unsure = UNSURE * outline.blur / outline.rate
    spread: list[Array] = []
    point = start
    for pace, point in _paces(outline, frame, start, max(LAST, unsure), rtol):
        spread.append(np.log(np.linalg.norm(point, axis=0)))
        found = polish(frame, point, outline.blur, outline.symmetry)
        if found is not None and (not found.flat or pace <= max(CHOSEN, unsure)):
            return _independent(found, frame)
        if pace <= max(SETTLED, unsure) and (fewer := _fewer(outline, frame, point)) is not None:
            return fewer
    if endless(spread):
        raise Breakdown(
            Status.UNBOUNDED,
            f"the minimum lies at infinity: at size {math.exp(spread[-1].max()):.3g} columns "
            "still grow as they did",
        )
    raise stalled(outline.problem, point, "the flow of the factors came to no critical point")


def _paces(
    outline: Outline, frame: Frame, start: Array, last: float, rtol: float
) -> Iterator[tuple[float, Array]]:
    """Integrate U' = −∇f(UUᵀ) U; yield (pace, U) whenever the pace has fallen by a decade."""
    lost: list[float] = []
    run = _integration(outline, frame, start, rtol, lost)
    bound, mark, natural = DIVERGED * math.sqrt(start.size), FIRST, frame.sizes.max(axis=0)
    U, time = start, 0.0
    for solver in run:
        before, since, U, time = U, time, frame.factor(solver.y), solver.t
        pace = _pace(U, (U - before) / (time - since), natural)
        check_size(solver.y, bound)
        mark = max(mark, pace * DECADE**3)
        if pace <= mark:
            yield pace, U
            if pace <= last:
                return
            mark = min(DECADE * mark, pace)
    if run.ending is Ending.FAILED:
        check_size(run.solver.y, bound)
        if lost:
            raise Breakdown(
                Status.LOSS_FAILED,
                f"loss.gradient(W) is not finite at a W of norm {min(lost):.6g}; the flow had "
                f"reached the norm {_norm(U):.6g}",
            )
        raise stalled(outline.problem, U, "the integrator of the factors' flow gave up")


def _integration(
    outline: Outline, frame: Frame, start: Array, rtol: float, lost: list[float]
) -> Integration:
    """Return the flow from `start`, in the frame; `lost` gets |UUᵀ| where ∇f is not finite."""
    problem, rate = outline.problem, outline.rate

    def velocity(_: float, x: Array) -> Array:
        rates = frame.velocity(problem.force(frame.factor(x))) / rate
        if math.isfinite(rates @ rates):
            return rates
        lost.append(_norm(frame.factor(x)))
        return bounded(rates)

    def jacobian(_: float, x: Array) -> Array:
        U = frame.factor(x)
        return bounded(frame.jacobian(U, problem.pull(U)) / rate)

    rtol = max(rtol, ROUNDED * outline.blur / rate)
    x = frame.coordinates(start)
    # A critical point moves nothing, and hides from an integrator how stiff the old columns are.
    first = 1 / max(1.0, float(np.linalg.norm(jacobian(0.0, x), np.inf)))
    return Integration(
        Equation(velocity, x, jacobian=jacobian, overflows=True),
        Tolerances(rtol=rtol, atol=ABSOLUTE * rtol, first=first),
        STEPS,
    )


def stalled(problem: OnFactors, U: Array, what: str) -> Breakdown:
    """Return a breakdown that says what happened near U: of a loss that is wrong there, that."""
    wrong = "" if problem.sparse else complaint(problem.loss, U @ U.T)
    return Breakdown(Status.LOSS_FAILED if wrong else Status.STALLED, wrong or what)


def _norm(U: Array) -> float:
    """Return |UUᵀ|."""
    return float(np.linalg.norm(U.T @ U))


def _pace(U: Array, motion: Array, natural: Array) -> float:
    """Return the largest relative rate of a column; of those that fall, relative to their size."""
    squares, along = _dots(U, U), _dots(U, motion)
    units = np.where(along < 0, np.maximum(squares, natural**2), squares)
    return math.sqrt(float((_dots(motion, motion) / np.maximum(units, TINY)).max()))


def _dots(U: Array, V: Array) -> Array:
    """Return the inner product of each column of U with that of V."""
    return np.asarray(np.einsum("ij,ij->j", U, V))


def check_size(factor: Array, bound: float) -> None:
    """Raise if the factor has grown beyond all bounds."""
    size = math.sqrt(float(np.vdot(factor, factor)))
    if not size <= bound:
        raise Breakdown(Status.UNBOUNDED, f"the factor grew to {size:g}")


def _independent(found: Polished, frame: Frame) -> Descent:
    """Split the columns from those that returned to zero."""
    left, sizes, _ = np.linalg.svd(found.U, full_matrices=False)
    kept = sizes > FALLEN * frame.sizes.max(axis=0).min()
    if kept.all():
        return Descent(found.U, np.zeros((len(left), 0)), not found.flat)
    return Descent(left[:, kept] * sizes[kept], left[:, ~kept], not found.flat)


def _fewer(outline: Outline, frame: Frame, U: Array) -> Descent | None:
    """Return the critical point of fewer columns that the flow creeps to, if there is one.

    A column that returns to zero where −∇f has no slope left does so like t^(−1/2), too slowly
    to be followed, and too flat for Newton's method.
    """
    left, sizes, _ = np.linalg.svd(U, full_matrices=False)
    shares = sizes / np.sort(frame.sizes.max(axis=0))[::-1]
    order = np.argsort(shares)
    for count in range(1, int((shares < SMALL_COLUMN).sum()) + 1):
        gone, kept = order[:count], np.sort(order[count:])
        if not kept.size:
            return None
        fewer = left[:, kept] * sizes[kept]
        natural = Frame.natural(outline.problem, fewer, left[:, :0], math.inf)
        found = polish(natural, fewer, outline.blur, outline.symmetry)
        if found is None:
            continue
        basis = np.linalg.qr(np.hstack([found.U, left[:, gone]]))[0][:, kept.size :]
        slope = basis.T @ outline.problem.pull(found.U) @ basis
        if float(np.linalg.eigvalsh(slope)[-1]) <= LEVEL * outline.scale:
            return Descent(found.U, basis, not found.flat)
    return None
