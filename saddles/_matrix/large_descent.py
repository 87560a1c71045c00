"""The flow of many active columns to the next critical point, by products alone.

Explicit steps follow the flow roughly, and closely only where Newton's method then meets doubt. Its
steps are those of conjugate gradients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles._matrix.dense_descent import DIVERGED, Descent, Outline, check_size
from saddles._matrix.on_factors import OnFactors
from saddles._numerics.critical import Point, Rules, search
from saddles._numerics.stepping import Ending, Equation, Integration, Tolerances
from saddles._numerics.watch import tick
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["descend_large"]

#: The force, relative to |∇f(0)||U|, at which it has converged, if its last step was no longer than
#: `CLOSE` times |U|.
CONVERGED, CLOSE = 1e-11, 1e-8
#: A critical point lies within this share of |U|, and within this multiple of the first step.
NEAR, FIRST_STEPS = 0.3, 1.5
#: Steps without progress after which Newton's method stops.
PATIENCE = 4
#: A column this small, relative to the largest, has returned to zero.
FALLEN = 1e-5
#: Share of the force of a weak column that the flow may err by.
WEAK = 3e-3


@dataclass(frozen=True)
class _Pass:
    """How closely the flow is followed.

    ``rtol`` is its local relative error, ``amplitude`` the start of the new columns relative to
    their scale, ``levels`` how far the force must have fallen from its peak before each attempt at
    Newton's method; after ``steps`` steps it is given up.
    """

    rtol: float
    amplitude: float
    levels: tuple[float, ...]
    steps: int
    method: str


ROUGHLY = _Pass(rtol=1e-3, amplitude=1e-2, levels=(1e-1, 1e-2, 1e-3), steps=300, method="RK45")
CLOSELY = _Pass(
    rtol=1e-8,
    amplitude=1e-4,
    levels=(1e-2, 1e-4, 1e-6, 1e-8, 1e-10),
    steps=20_000,
    method="DOP853",
)


def descend_large(outline: Outline) -> Descent:
    """Follow the flow to the critical point that it tends to; whether it is unique is not asked.

    Raises
    ------
    Breakdown
        UNBOUNDED if the factor grows beyond all bounds, STALLED if no critical point is reached.
    """
    size = max(float(np.linalg.norm(outline.U)), outline.reach)
    # The error's force, at the stiffness |∇f(0)|, must not hide the force of a weak column.
    weak = outline.rate * outline.reach / (outline.scale * size)
    for how in (replace(ROUGHLY, rtol=min(ROUGHLY.rtol, WEAK * weak)), CLOSELY):
        amplitude = how.amplitude * outline.reach
        start = np.hstack([outline.U, amplitude * outline.escape])
        for point in _force_levels(outline.problem, start, how, DIVERGED * size, amplitude):
            if (found := _polish(outline, point)) is not None:
                return _independent(found)
    raise Breakdown(Status.STALLED, "the flow of the factors came to no critical point")


def _force_levels(
    problem: OnFactors, start: Array, how: _Pass, bound: float, amplitude: float
) -> Iterator[Array]:
    """Integrate U' = −∇f(UUᵀ) U; yield U whenever the force has fallen to a level."""
    shape = start.shape
    run = Integration(
        Equation(lambda _, flat: problem.force(flat.reshape(shape)).ravel(), start.ravel()),
        Tolerances(rtol=how.rtol, atol=how.rtol * amplitude),
        how.steps,
        method=how.method,
    )
    peak, levels = 0.0, iter(how.levels)
    level = next(levels)
    for solver in run:
        check_size(solver.y, bound)
        force = float(np.linalg.norm(solver.f))
        peak = max(peak, force)
        while force <= level * peak:
            yield solver.y.reshape(shape).copy()
            level = next(levels, 0.0)
            if not level:
                return
    if run.ending is Ending.FAILED:
        check_size(run.solver.y, bound)
        raise Breakdown(Status.STALLED, "the integrator of the factors' flow gave up")


@dataclass(frozen=True, eq=False)
class _Steep(Point):
    """A point without curvature, where a Newton step is found by products alone."""

    pull: Any


@dataclass(frozen=True, eq=False)
class _Landscape:
    """φ(U) = ½ f(UUᵀ), with forces relative to |∇f(0)||U|."""

    problem: OnFactors
    scale: float

    def point(self, U: Array, /) -> _Steep:
        """Return the force at U."""
        pull = self.problem.pull(U)
        force = np.asarray(pull @ U)
        size = float(np.linalg.norm(force) / (self.scale * np.linalg.norm(U)))
        return _Steep(U, force, size, None, pull)

    def newton_step(self, at: Point, /) -> Array | None:
        """Return the step to where the force would vanish; None where curvature is negative."""
        assert isinstance(at, _Steep)
        return _conjugate_gradients(self.problem, at)


def _polish(outline: Outline, U: Array) -> Array | None:
    """Apply Newton's method from `U`; None if it does not converge nearby."""
    rules = Rules(enough=CONVERGED, patience=PATIENCE, longest=2.0)
    found = search(_Landscape(outline.problem, outline.scale), U, rules)
    if found is None or found.point.size > CONVERGED:
        return None
    distance, norm = float(np.linalg.norm(found.moved)), float(np.linalg.norm(U))
    near = distance <= NEAR * norm and distance <= FIRST_STEPS * found.first
    return found.point.place if near else None


def _conjugate_gradients(problem: OnFactors, at: _Steep) -> Array | None:
    """Solve ∇²φ(U) D = force loosely, or return None on meeting negative curvature."""
    goal = min(0.1, at.size**0.5) * np.linalg.norm(at.force)
    step, residual = np.zeros_like(at.place), at.force.copy()
    direction, square = residual.copy(), float(np.sum(residual**2))
    for _ in range(200):
        tick()
        product = problem.stiffness(at.place, at.pull, direction)
        curved = float(np.sum(direction * product))
        if curved <= 0:
            return None
        step += square / curved * direction
        residual -= square / curved * product
        previous, square = square, float(np.sum(residual**2))
        if math.sqrt(square) <= goal:
            break
        direction = residual + square / previous * direction
    return step


def _independent(U: Array) -> Descent:
    """Split the columns of U from those that returned to zero."""
    left, sizes, _ = np.linalg.svd(U, full_matrices=False)
    kept = sizes > FALLEN * sizes.max(initial=0.0)
    if kept.all():
        return Descent(U=U, fallen=np.zeros((U.shape[0], 0)), unique=True)
    return Descent(U=left[:, kept] * sizes[kept], fallen=left[:, ~kept], unique=True)
