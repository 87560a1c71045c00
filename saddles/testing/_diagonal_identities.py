"""What a saddle path of a diagonal linear network is, from the data alone.

Pesme and Flammarion (2023, arXiv:2304.00488): in scaled time the dual point moves by ρ' = r/n, each
clock S_i = x_i·ρ stays within [−1, 1], and between two jumps β minimises the loss over the
coordinates at a boundary, each of the sign of its clock. These conditions have one solution: an
answer that meets all of them has the right times, fits and losses, whatever computed it. Nothing
here looks at what an algorithm does; ρ is summed up from the answer's own times and coefficients.
Clocks of other depths ring at t⁺ and −t⁻ (arXiv:2607.12332); they are looked at in these units.

==============  ==============================================================
code name       symbol
==============  ==============================================================
``residuals``   r_k = y − Xβ_k, shape (K+1, n)
``turns``       S_k = Xᵀ Σ_{j<k} (τ_{j+1} − τ_j) r_j / n, shape (K+1, d)
``clocks``      S_k over t⁺ where it is positive, and over t⁻ where not, shape (K+1, d)
``pulls``       x_i·r_k, n times the clocks' speed, shape (K+1, d)
``blur``        what rounding may move a clock by, over the tolerance: (K+1, d)
``open``        whether the boundary that a clock moves to is finite, shape (K+1, d)
``sizes``       |x_i| |y|, the largest that a pull could be, shape (d,)
==============  ==============================================================
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saddles.testing._answer import Answer
from saddles.testing._expect import Broken, close, equal, holds, up_to_a_factor
from saddles.testing._solver import Solver
from saddles.typing import Array, Mask

__all__ = ["IDENTITIES", "Dynamics"]

#: What linear programs are solved to (HiGHS meets its constraints to 1e-7).
LINEAR_PROGRAM = 1e-6

#: A factor of all times that is further from 1 than this is no rounding.
WHAT_SHOWS = 1e-4


@dataclass(frozen=True, eq=False)
class Dynamics:
    """An answer and what follows from it; see the module's table."""

    path: Answer
    residuals: Array
    turns: Array
    clocks: Array
    pulls: Array
    blur: Array
    sizes: Array
    open: Mask

    @classmethod
    def of(cls, solver: Solver, X: Array, y: Array) -> Dynamics:
        """Return the dynamics of a solver's answer."""
        path, sizes = solver(X, y), np.linalg.norm(X, axis=0) * np.linalg.norm(y)
        residuals = y - path.betas @ X.T
        steps = np.diff(path.times)[:, None] * residuals[:-1] / y.size
        duals = np.vstack([np.zeros_like(y), np.cumsum(steps, axis=0)])
        turns, pulls, (upper, lower) = duals @ X, residuals @ X, solver.boundaries
        boundary = np.where(turns > 0, upper, lower)
        blur = 1 + np.outer(np.abs(path.times), sizes) / y.size / boundary
        ahead = np.isfinite(np.where(pulls > 0, upper, lower))
        return cls(path, residuals, turns, turns / boundary, pulls, blur, sizes, ahead)

    @property
    def unit_of_time(self) -> str:
        """What the first jump says of the unit of all times, if that may be what is wrong."""
        factor = float(np.abs(self.clocks[1]).max()) if len(self.path) > 1 else 1.0
        largest = float(np.abs(self.clocks).max(initial=0.0))
        if not factor or abs(factor - 1) < WHAT_SHOWS or largest > factor * (1 + WHAT_SHOWS):
            return ""
        return (
            f" (times, all {factor:.6g} times what is expected: another convention? They are "
            "t / log(1/alpha) here, at depth 2, for the loss |y - X beta|^2 / (2n))"
        )

    def saturated(self, tolerance: float) -> Mask:
        """Mark the clocks at a boundary (K+1, d)."""
        return np.asarray(np.abs(self.clocks) >= 1 - tolerance * self.blur)

    def moving(self, tolerance: float) -> Mask:
        """Mark the clocks that move after each saddle (K+1, d)."""
        return np.asarray(np.abs(self.pulls) > tolerance * self.sizes)


def order_of_times_and_losses(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """Times increase from 0 and losses decrease, strictly, from those of β = 0."""
    path = solver(X, y)
    equal("the first time", float(path.times[0]), 0.0)
    holds(not path.betas[0].any(), "the first coefficients", expected="zeros", got=path.betas[0])
    rising, falling = np.diff(path.times) > 0, np.diff(path.losses) < 0
    holds(rising.all(), "times", expected="each later than the one before", got=path.times)
    holds(falling.all(), "losses", expected="each below the one before", got=path.losses)
    holds((path.losses >= 0).all(), "losses", expected="at least 0", got=path.losses)


def losses_are_those_of_the_problem(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """Each loss is the mean loss |y − Xβ|²/(2n) at the coefficients."""
    path = solver(X, y)
    expected = np.sum((y - path.betas @ X.T) ** 2, axis=1) / (2 * y.size)
    ours = "The loss here is |y - X beta|^2 / (2n)."
    up_to_a_factor("losses", path.losses, expected, solver.tolerance / 100, ours=ours)


def clocks_stay_within_their_boundaries(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """No clock S_i, the integral of x_i·(y − Xβ)/n over scaled time, leaves [−1, 1]."""
    run = Dynamics.of(solver, X, y)
    beyond = np.abs(run.clocks) > 1 + solver.tolerance * run.blur
    for k in np.flatnonzero(beyond.any(axis=1)):
        what = f"the clocks at time {float(run.path.times[k]):.10g}, jump {k}{run.unit_of_time}"
        raise Broken(what, expected="all within [-1, 1]", got=run.clocks[k])


def dual_points_are_the_integral_of_residuals(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """If it returns duals, they are ρ, the integral of (y − Xβ)/n, or the clocks Xᵀρ themselves."""
    run = Dynamics.of(solver, X, y)
    duals = run.path.duals
    if duals is None:
        return
    readings = {"duals": run.turns.shape, "X'duals": (len(run.path), y.size)}
    blur = 1 + np.outer(np.abs(run.path.times), run.sizes) / y.size
    for name in [name for name, shape in readings.items() if shape == duals.shape]:
        found = duals if name == "duals" else duals @ X
        if (np.abs(found - run.turns) <= solver.tolerance * blur).all():
            return
    raise Broken("duals", expected=f"the clocks {run.turns}, or rho with X'rho = clocks", got=duals)


def a_clock_rings_at_every_jump(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """At each jump some clock that moved reaches its boundary, +1 or −1."""
    run = Dynamics.of(solver, X, y)
    arrived = run.moving(solver.tolerance)[:-1] & run.saturated(solver.tolerance)[1:]
    arrived &= run.pulls[:-1] * run.clocks[1:] > 0
    for k in np.flatnonzero(~arrived.any(axis=1)) + 1:
        what = f"the clocks at time {float(run.path.times[k]):.10g}, jump {k}{run.unit_of_time}"
        raise Broken(what, expected="one that moved is at +1 or -1", got=run.clocks[k])


def coefficients_have_the_sign_of_their_clock(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """A coefficient is positive only where its clock is at +1, and negative only at −1."""
    run = Dynamics.of(solver, X, y)
    at = np.where(run.saturated(solver.tolerance), np.sign(run.clocks), 0.0)
    for k in np.flatnonzero((np.sign(run.path.betas) * (1 - at * np.sign(run.path.betas))).any(1)):
        what = f"signs of the coefficients after jump {k}, whose clocks are {run.clocks[k]}"
        expected = f"each 0 or that of its clock at a boundary, {at[k]}"
        raise Broken(what, expected=expected, got=run.path.betas[k])


def saddles_are_stationary(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """Where a coefficient is not zero, the gradient of the loss is."""
    run = Dynamics.of(solver, X, y)
    wrong = run.moving(solver.tolerance) & (run.path.betas != 0)
    for k in np.flatnonzero(wrong.any(axis=1)):
        what = f"n times the negative gradient after jump {k}, at beta = {run.path.betas[k]}"
        raise Broken(what, expected="0 where beta is not", got=run.pulls[k])


def whoever_rings_joins(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """No coordinate with its clock at a boundary is still pushed outwards: ties join together."""
    run = Dynamics.of(solver, X, y)
    pushed = run.moving(solver.tolerance) & run.saturated(solver.tolerance)
    pushed &= run.pulls * run.clocks > 0
    for k in np.flatnonzero(pushed.any(axis=1)):
        who = np.flatnonzero(pushed[k]).tolist()
        what = f"after jump {k}, whose clocks are {run.clocks[k]}, n times the negative gradient"
        expected = f"coordinates {who}, at a boundary, not pushed beyond it"
        raise Broken(what, expected=expected, got=run.pulls[k])


def training_ends_when_the_gradient_vanishes(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """The last saddle of a path is a least-squares solution."""
    run = Dynamics.of(solver, X, y)
    if solver.finished and (run.moving(solver.tolerance) & run.open)[-1].any():
        what = f"n times the negative gradient at the end, after {len(run.path) - 1} jumps"
        raise Broken(what, expected="zeros", got=run.pulls[-1])


def every_saddle_has_the_least_l1_norm(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """Of all with a saddle's fit, its coefficients have the least Σ t⁺β⁺ + t⁻β⁻, or l1 norm."""
    path = solver(X, y)
    costs = np.array([np.broadcast_to(side, X.shape[1]) for side in solver.boundaries])
    costs[np.isinf(costs)] = 0.0  # of a sign that is forbidden, there is nothing
    parts = np.array([np.maximum(path.betas, 0), np.maximum(-path.betas, 0)])
    sizes = np.einsum("skd,sd->k", parts, costs)
    for k in np.flatnonzero(sizes):
        least = _least_l1(X, X @ path.betas[k], costs)
        what = f"l1 norm of the coefficients after jump {k}, {path.betas[k]}"
        close(what, sizes[k], least, LINEAR_PROGRAM)


def _least_l1(X: Array, fit: Array, costs: Array) -> float:
    """Return the least Σ t⁺β⁺ + t⁻β⁻ of coefficients with a given fit; costs are (2, d)."""
    from scipy.optimize import linprog

    unit = float(np.abs(fit).max()) or 1.0
    limits = [(0.0, None if cost else 0.0) for cost in costs.ravel()]
    program = linprog(costs.ravel(), A_eq=np.hstack([X, -X]), b_eq=fit / unit, bounds=limits)
    return float(program.fun) * unit if program.success else float("inf")


def coefficients_are_the_shortest(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """Of the coefficients that the fit and the signs leave open, those returned are shortest."""
    if not solver.minimum_norm:
        return
    run = Dynamics.of(solver, X, y)
    open_to = run.saturated(solver.tolerance) & ~run.moving(solver.tolerance)
    for k, beta in enumerate(run.path.betas):
        free = np.flatnonzero(open_to[k] & (run.sizes > 0))
        if not beta.any() or np.linalg.matrix_rank(X[:, free]) == free.size:
            continue
        excess = _from_shortest(X[:, free] * np.sign(run.clocks[k, free]), np.abs(beta[free]))
        what = f"the coefficients after jump {k}, of which {free.tolist()} are not determined,"
        expected = "those of minimum norm among all with this fit and these signs"
        holds(excess <= LINEAR_PROGRAM, what, expected=expected, got=beta)


def _from_shortest(columns: Array, sizes: Array) -> float:
    """Return how far z >= 0 is from the shortest of all with its fit: 0 if it is.

    It is if z_i = max(0, a_i·λ) for some λ: the smallest violation is a linear program, with
    variables (λ, t): minimise t with |a_i·λ − z_i| <= t where z_i > 0, a_i·λ <= t where z_i = 0.
    """
    from scipy.optimize import linprog

    goal, used = sizes / sizes.max(), sizes > 0
    above = np.hstack([columns.T, -np.ones((used.size, 1))])
    below = np.hstack([-columns.T, -np.ones((used.size, 1))])[used]
    n = columns.shape[0]
    program = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=np.vstack([above, below]),
        b_ub=np.concatenate([goal, -goal[used]]),
        bounds=[(None, None)] * n + [(0, None)],
    )
    return float(program.fun) if program.success else float("inf")


def agrees_with_this_package(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator | None
) -> None:
    """Times, fits and losses, which are unique, are those of saddles.pesme_flammarion."""
    from saddles._diagonal.pesme_flammarion import pesme_flammarion

    path, ours = solver(X, y), pesme_flammarion(X, y, boundaries=solver.boundaries)
    count = len(ours) if solver.finished else min(len(path), len(ours))
    times, losses = ours.times[:count], ours.losses[:count]
    close("times", path.times, times, solver.tolerance)
    close("losses", path.losses, losses, solver.tolerance)
    fits = ours.betas[:count] @ X.T
    close("fits X beta", path.betas @ X.T, fits, solver.tolerance)
    for k in np.flatnonzero(ours.certificates.unique[:count]):
        close(f"coefficients after jump {k}", path.betas[k], ours.betas[k], solver.tolerance)


#: In the order in which they are tried: what is easiest to read comes first.
IDENTITIES = (
    order_of_times_and_losses,
    losses_are_those_of_the_problem,
    clocks_stay_within_their_boundaries,
    dual_points_are_the_integral_of_residuals,
    a_clock_rings_at_every_jump,
    coefficients_have_the_sign_of_their_clock,
    saddles_are_stationary,
    whoever_rings_joins,
    training_ends_when_the_gradient_vanishes,
    every_saddle_has_the_least_l1_norm,
    coefficients_are_the_shortest,
    agrees_with_this_package,
)
