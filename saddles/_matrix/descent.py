"""Descent of the active columns: from a saddle's escape direction to the next critical point.

Li, Luo and Lyu (2021, arXiv:2012.09839): after the escape the factor follows U' = −∇f(UUᵀ) U from
[U, √ε u], u the top eigenvector of −∇f(UUᵀ). Which critical point it reaches is a question about
that flow, so the flow is followed until the critical point is certain; Newton's method then adds
the digits. A Newton step is trusted only if it stays small, and if it neither climbs to a saddle
that the flow is leaving nor lands in a continuum of critical points that the flow must choose from.

===============  =================================================================================
code name        symbol
===============  =================================================================================
``U``            U, the active columns, shape (d, r)
``pull``         −∇f(UUᵀ), dense or sparse, shape (d, d)
``force``        −∇f(UUᵀ) U = U', the flow's velocity; −∇φ for φ(U) = ½ f(UUᵀ)
``stiffness``    ∇²φ D = ∇f(UUᵀ) D + ∇²f[UDᵀ + DUᵀ] U
``symmetry``     directions at U that leave f unchanged: UΩ, Ωᵀ = −Ω, for U → UO; (dr, m)
===============  =================================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles._numerics.critical import (
    ZERO_CURVATURE,
    Point,
    Rules,
    Spectrum,
    curves_down,
    search,
)
from saddles._numerics.stepping import Ending, Equation, Integration, Tolerances
from saddles.status import Breakdown, Status
from saddles.typing import Array

__all__ = ["Descent", "OnFactors", "descend_factor", "is_left"]

#: Largest number of entries of U for which the Hessian is formed and decomposed.
DENSE_HESSIAN = 400
#: Largest d for which W = UUᵀ is formed although the loss could do without.
DENSE_MATRIX = 200
#: From this level on an attempt may land in a continuum: the flow has chosen the point by then.
CHOSEN = 1e-6
#: From this level on columns that have become small, relative to the largest, may be given up.
SETTLED, SMALL_COLUMN = 1e-4, 0.1
#: A displacement so short, relative to |U|, may point anywhere.
SHORT_MOVE = 1e-6
#: Curvature downwards, relative to the largest, that no rounding of a gradient explains.
DOWNWARDS = 1e-6
#: The force, relative to |∇f(0)||U|, at which Newton's method has nothing left to do.
FORCE_ENOUGH = 1e-14
#: The force at which it has converged, if its last step was no longer than `CLOSE` times |U|.
CONVERGED, CLOSE = 1e-11, 1e-8
#: Steps without progress after which Newton's method stops.
FACTOR_PATIENCE = 4
#: A factor this much larger than its scale is on its way to infinity.
DIVERGED = 1e6


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


CLOSELY = _Pass(rtol=1e-8, amplitude=1e-4, levels=(1e-2, 1e-4, 1e-6, 1e-8, 1e-10), steps=20_000)
#: Large problems are first followed roughly, which does if Newton's method then meets no doubt.
ROUGHLY = _Pass(rtol=1e-3, amplitude=1e-2, levels=(1e-1, 1e-2, 1e-3), steps=300)


@dataclass(frozen=True, eq=False)
class OnFactors:
    """A loss as a function of U: dense matrices for small d, the loss's own sparse ones above."""

    loss: Any

    @property
    def sparse(self) -> bool:
        """Whether the loss is evaluated without the dense W."""
        return self.loss.size > DENSE_MATRIX and hasattr(self.loss, "at_factor")

    def at(self, U: Array) -> tuple[float, Any]:
        """Return f(UUᵀ) and −∇f(UUᵀ)."""
        if self.sparse:
            value, gradient = self.loss.at_factor(U)
            return value, -gradient
        W = U @ U.T
        return float(self.loss.value(W)), -np.asarray(self.loss.gradient(W), dtype=float)

    def force(self, U: Array) -> Array:
        """Return −∇f(UUᵀ) U, shape (d, r)."""
        if self.sparse:
            return np.asarray(-(self.loss.at_factor(U)[1] @ U))
        return np.asarray(-np.asarray(self.loss.gradient(U @ U.T), dtype=float) @ U)

    def curvature(self, U: Array, D: Array) -> Any:
        """Return ∇²f[UDᵀ + DUᵀ] at UUᵀ, dense or sparse (d, d)."""
        if self.sparse:
            return self.loss.along_factor(U, D)
        W, half = U @ U.T, U @ D.T
        along = half + half.T
        if hasattr(self.loss, "hessian_product"):
            return np.asarray(self.loss.hessian_product(W, along), dtype=float)
        size = float(np.abs(along).max()) or 1.0
        step = 1e-5 * max(float(np.abs(W).max()), size**2) / size
        ahead, behind = (self.loss.gradient(W + sign * step * along) for sign in (1, -1))
        return (np.asarray(ahead, dtype=float) - np.asarray(behind, dtype=float)) / (2 * step)

    def stiffness(self, U: Array, pull: Any, D: Array) -> Array:
        """Return ∇²φ(U) D, shape (d, r)."""
        return np.asarray(self.curvature(U, D) @ U - pull @ D)


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


@dataclass(frozen=True, eq=False)
class _Polished:
    """A critical point that Newton's method found.

    ``certain``: near where it set out, and no saddle that the flow leaves; ``flat``: directions
    without curvature.
    """

    U: Array
    certain: bool
    flat: int


def descend_factor(
    problem: OnFactors,
    U: Array,
    escape: Array,
    rate: float,
    *,
    scale: float,
    symmetry: Callable[[Array], Array],
) -> Descent:
    """Follow the flow from the saddle `U` along `escape` to the critical point it tends to.

    Parameters
    ----------
    problem : OnFactors
        The loss.
    U : ndarray of shape (d, r)
        The saddle that is left.
    escape : ndarray of shape (d, q)
        Orthonormal eigenvectors of −∇f(UUᵀ) whose clocks rang.
    rate : float
        Their largest eigenvalue.
    scale : float
        |∇f(0)|, the unit of forces.
    symmetry : callable
        U -> directions (dr, m) that leave f unchanged, flattened.

    Raises
    ------
    Breakdown
        UNBOUNDED if the factor grows beyond all bounds, STALLED if no critical point is reached.
    """
    reach = _reach(problem, U, escape, rate)
    bound = DIVERGED * max(float(np.linalg.norm(U)), reach)
    passes = [CLOSELY]
    if U.size + escape.size > DENSE_HESSIAN:
        # The error's force, at the stiffness |∇f(0)|, must not hide the force of a weak column.
        weak = rate * reach / (scale * max(float(np.linalg.norm(U)), reach))
        passes.insert(0, replace(ROUGHLY, rtol=min(ROUGHLY.rtol, 3e-3 * weak)))
    for how in passes:
        amplitude = how.amplitude * reach
        for level, point in _force_levels(
            problem, np.hstack([U, amplitude * escape]), how, bound, amplitude
        ):
            found = _polish(problem, point, scale, symmetry)
            if found is not None and found.certain and (level <= CHOSEN or not found.flat):
                return _independent(found.U, unique=not found.flat)
            if level <= SETTLED and (fewer := _fewer(problem, point, scale, symmetry)) is not None:
                return fewer
    raise Breakdown(Status.STALLED, "the flow of the factors came to no critical point")


def _reach(problem: OnFactors, U: Array, escape: Array, rate: float) -> float:
    """Return the size √(λ / curvature) that the new columns will about have.

    Where the loss is not curved along them, the size of U (or 1) must do.
    """
    curved = np.sum(escape * (problem.curvature(escape, escape) @ escape)) / 2
    if U.shape[1]:
        joined = np.hstack([U, escape])
        along = np.hstack([np.zeros_like(U), escape / 2])
        first = problem.curvature(joined, along) @ escape
        curved = max(float(curved), float(np.sum(escape * first)))
    if curved > 0 and math.isfinite(curved):
        return math.sqrt(rate * escape.shape[1] / curved)
    return float(np.linalg.norm(U)) or 1.0


def _force_levels(
    problem: OnFactors, start: Array, how: _Pass, bound: float, amplitude: float
) -> Iterator[tuple[float, Array]]:
    """Integrate U' = −∇f(UUᵀ) U; yield (level, U) whenever the force has fallen to a level."""
    shape = start.shape

    def velocity(_: float, flat: Array) -> Array:
        return problem.force(flat.reshape(shape)).ravel()

    small = start.size <= DENSE_HESSIAN
    run = Integration(
        Equation(velocity, start.ravel()),
        Tolerances(rtol=how.rtol, atol=how.rtol * amplitude),
        how.steps,
        method="LSODA" if small else "DOP853" if how.rtol <= CLOSELY.rtol else "RK45",
    )
    peak, levels = 0.0, iter(how.levels)
    level = next(levels)
    for solver in run:
        _check_size(solver.y, bound)
        force = float(np.linalg.norm(velocity(0.0, solver.y) if small else solver.f))
        peak = max(peak, force)
        while force <= level * peak:
            yield level, solver.y.reshape(shape).copy()
            level = next(levels, 0.0)
            if not level:
                return
    if run.ending is Ending.FAILED:
        _check_size(run.solver.y, bound)
        raise Breakdown(Status.STALLED, "the integrator of the factors' flow gave up")


def _check_size(factor: Array, bound: float) -> None:
    """Raise if the factor has grown beyond all bounds."""
    size = float(np.linalg.norm(factor))
    if not size <= bound:
        raise Breakdown(Status.UNBOUNDED, f"the factor grew to {size:g}")


@dataclass(frozen=True, eq=False)
class _Landscape:
    """φ(U) = ½ f(UUᵀ), with forces relative to |∇f(0)||U|; `scale` is |∇f(0)|."""

    problem: OnFactors
    scale: float
    symmetry: Callable[[Array], Array]

    def point(self, U: Array, /) -> Point:
        """Return force and curvature at U; of factors that are large, no curvature."""
        _, pull = self.problem.at(U)
        force = np.asarray(pull @ U)
        size = float(np.linalg.norm(force) / (self.scale * np.linalg.norm(U)))
        if U.size > DENSE_HESSIAN:
            return _Large(U, force, size, None, pull)
        spectrum = Spectrum.of(_hessian(self.problem, U, pull), self.symmetry(U))
        return Point(U, force, size, lambda: spectrum)

    def newton_step(self, at: Point, /) -> Array | None:
        """Return the step to where the force would vanish; None where curvature is negative."""
        if isinstance(at, _Large):
            return _conjugate_gradients(self.problem, at)
        assert at.spectrum is not None
        return at.spectrum.inverse(at.force, ZERO_CURVATURE * at.spectrum.largest)


@dataclass(frozen=True, eq=False)
class _Large(Point):
    """A point without curvature, where a Newton step is found by products alone."""

    pull: Any


def _polish(
    problem: OnFactors, U: Array, scale: float, symmetry: Callable[[Array], Array]
) -> _Polished | None:
    """Apply Newton's method from `U`; None if it does not converge."""
    enough = FORCE_ENOUGH if U.size <= DENSE_HESSIAN else CONVERGED
    rules = Rules(enough=enough, patience=FACTOR_PATIENCE, longest=2.0)
    found = search(_Landscape(problem, scale, symmetry), U, rules)
    if found is None:
        return None
    best, norm = found.point, float(np.linalg.norm(U))
    settled = best.size <= enough or found.last <= CLOSE * norm
    if best.size > CONVERGED or not settled or _creeps(best, scale):
        return None
    distance, spectrum = float(np.linalg.norm(found.moved)), best.spectrum
    near = distance <= 0.3 * norm and distance <= 1.5 * found.first
    if spectrum is None:
        return _Polished(U=best.place, certain=near, flat=0)
    climbs = spectrum.climbs(found.moved, SHORT_MOVE * norm)
    return _Polished(U=best.place, certain=near and not climbs, flat=spectrum.flat)


def _fewer(
    problem: OnFactors, U: Array, scale: float, symmetry: Callable[[Array], Array]
) -> Descent | None:
    """Return the critical point of fewer columns that the flow creeps to, if there is one.

    A column that returns to zero where −∇f has no slope left does so like t^(−1/2), too slowly
    to be followed, and too flat for Newton's method.
    """
    left, sizes, _ = np.linalg.svd(U, full_matrices=False)
    small = int((sizes < SMALL_COLUMN * sizes[0]).sum())
    for gone in range(1, small + 1):
        kept, dropped = left[:, :-gone] * sizes[:-gone], left[:, -gone:]
        found = _polish(problem, kept, scale, symmetry)
        if found is None or not found.certain:
            continue
        value, pull = problem.at(found.U)
        slope = float(np.linalg.eigvalsh(dropped.T @ (pull @ dropped))[-1])
        if value <= problem.at(U)[0] and slope <= 1e-9 * scale:
            dropped = np.linalg.qr(np.hstack([found.U, dropped]))[0][:, -gone:]
            return Descent(U=found.U, fallen=dropped, unique=not found.flat)
    return None


def _creeps(at: Point, scale: float) -> bool:
    """Whether force is left along directions too flat for a step: the minimum is far, or nowhere.

    Along a continuum of critical points there is none but rounding.
    """
    if at.spectrum is None:
        return False
    left = at.spectrum.along_flat(at.force, ZERO_CURVATURE * at.spectrum.largest)
    return left > FORCE_ENOUGH * scale * float(np.linalg.norm(at.place))


def is_left(problem: OnFactors, U: Array) -> bool:
    """Whether columns that only turn lower the loss: the flow leaves such a saddle of its own rank.

    Not examined, and denied, for factors of more than `DENSE_HESSIAN` entries.
    """
    if not 0 < U.size <= DENSE_HESSIAN:
        return False
    return curves_down(_hessian(problem, U, problem.at(U)[1]), share=DOWNWARDS)


def _hessian(problem: OnFactors, U: Array, pull: Any) -> Array:
    """Return ∇²φ(U) as a symmetric (dr, dr) array."""
    rows = []
    for index in range(U.size):
        direction = np.zeros(U.size)
        direction[index] = 1.0
        rows.append(problem.stiffness(U, pull, direction.reshape(U.shape)).ravel())
    hessian = np.array(rows)
    return np.asarray((hessian + hessian.T) / 2)


def _conjugate_gradients(problem: OnFactors, at: _Large) -> Array | None:
    """Solve ∇²φ(U) D = force loosely, or return None on meeting negative curvature."""
    goal = min(0.1, at.size**0.5) * np.linalg.norm(at.force)
    step, residual = np.zeros_like(at.place), at.force.copy()
    direction, square = residual.copy(), float(np.sum(residual**2))
    for _ in range(200):
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


def _independent(U: Array, *, unique: bool) -> Descent:
    """Split the columns of U from those that returned to zero."""
    left, sizes, _ = np.linalg.svd(U, full_matrices=False)
    kept = sizes > 1e-5 * sizes.max(initial=0.0)
    if kept.all():
        return Descent(U=U, fallen=np.zeros((U.shape[0], 0)), unique=unique)
    return Descent(U=left[:, kept] * sizes[kept], fallen=left[:, ~kept], unique=unique)
