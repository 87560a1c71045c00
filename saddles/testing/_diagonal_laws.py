"""Laws of saddle paths on regressions: what a change of the data does to the path.

Each takes a solver, a regression (X, y) and a generator. They hold on every regression, ties and
dependent columns included. What they compare is what is unique: times, fits, losses; coefficients
too where the law keeps the choice of minimum norm. What a path is in itself stands in
`_diagonal_identities`.

A change of integer data gives integers again, or integers times a power of two. So a solver in
exact arithmetic sees the changed problem itself, with every tie and every dependency, and not its
rounding.
"""

from __future__ import annotations

import numpy as np

from saddles.status import Status
from saddles.testing._answer import Answer
from saddles.testing._expect import close, close_each, equal, holds
from saddles.testing._report import Law
from saddles.testing._solver import Solver
from saddles.typing import Array

__all__ = ["CHANGES", "NEEDS"]

#: A change by powers of two, or of order and sign only, leaves rounding of the sums: this share of
#: the tolerance, which is for two computations from data that differ by rounding.
EXACT_CHANGE = 0.01
#: Factors for targets and features, and those that only few algorithms survive.
FACTORS, UNITS = (-3.0, 1e9, 2.0**-30), (2.0**10, 2.0**-20)
EXTREME_FACTORS, EXTREME_UNITS = (
    (2.0**-498, -(2.0**-66), 2.0**66, 2.0**498),
    (2.0**-600, 2.0**-100, 2.0**400),
)
#: Largest exponent of a factor, and largest entry of a vector that a reflection turns around.
LARGEST_EXPONENT, LARGEST_ENTRY = 498, 3


def expect_same(
    solver: Solver, found: Answer, path: Answer, after: str, share: float = 1.0
) -> None:
    """Expect equal times, losses, flags and endings."""
    tolerance = share * solver.tolerance
    close_each(f"times {after}", found.times, path.times, tolerance)
    spread = np.maximum(np.abs(path.losses), np.abs(path.losses[0]))
    close(f"losses {after}", found.losses, path.losses, tolerance, scale=spread)
    if solver.minimum_norm:
        equal(f"uniqueness {after}", found.unique, path.unique)
    equal(f"status {after}", _ending(found.status), _ending(path.status))


def _ending(status: Status | None) -> Status | None:
    """Return a status; of data that differ by rounding, one may hide from it that all is learnt."""
    return Status.CONVERGED if status is Status.RESOLUTION else status


def expect_coefficients(solver: Solver, X: Array, found: Array, betas: Array, after: str) -> None:
    """Expect equal coefficients, or equal fits if the solver may choose among coefficients."""
    if solver.minimum_norm:
        close(f"coefficients {after}", found, betas, solver.tolerance)
    else:
        close(f"fits {after}", found @ X.T, betas @ X.T, solver.tolerance)


# --- symmetries ---------------------------------------------------------------------------------


def scaling_the_targets(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """If the targets are multiplied by c, times are divided by |c| and coefficients multiplied."""
    path = solver(X, y)
    drawn = 2.0 ** int(rng.integers(-LARGEST_EXPONENT, LARGEST_EXPONENT + 1))
    extremes = (*EXTREME_FACTORS, drawn)
    for c in FACTORS + (extremes if solver.extremes else ()):
        after = f"with the targets times {c:g}"
        scaled = solver(X, c * y)
        close_each(f"times {after}", scaled.times * abs(c), path.times, solver.tolerance)
        expect_coefficients(solver, X, scaled.betas / c, path.betas, after)
        close(f"losses {after}", scaled.losses / c / c, path.losses, solver.tolerance)
        if solver.minimum_norm:
            equal(f"active units {after}", scaled.active, path.active)


def scaling_everything(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """If all features are multiplied by c, times and coefficients are divided by c."""
    path = solver(X, y)
    for c in UNITS + (EXTREME_UNITS if solver.extremes else ()):
        after = f"with the features times {c:g}"
        scaled = solver(c * X, y)
        tolerance = EXACT_CHANGE * solver.tolerance
        close_each(f"times {after}", scaled.times * c, path.times, tolerance)
        close(f"losses {after}", scaled.losses, path.losses, tolerance)
        equal(f"status {after}", scaled.status, path.status)
        expect_coefficients(solver, X, scaled.betas * c, path.betas, after)


def scaling_columns(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """If columns and their boundaries are divided by s, coefficients are multiplied by s."""
    sizes = np.exp2(rng.integers(-20, 21, X.shape[1]))
    after = f"with columns and boundaries over {sizes}"
    own = tuple(boundary / sizes for boundary in solver.boundaries)
    path, scaled = solver(X, y), solver(X / sizes, y, boundaries=own)
    expect_same(solver, scaled, path, after)
    back = scaled.betas / sizes
    close(f"fits {after}", back @ X.T, path.betas @ X.T, solver.tolerance)
    for k in np.flatnonzero(path.unique or ()):
        close(f"coefficients after jump {k} {after}", back[k], path.betas[k], solver.tolerance)


def permuting_columns(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """If columns are permuted, coefficients are permuted alike."""
    order = rng.permutation(X.shape[1])
    after = f"with the columns in the order {order.tolist()}"
    path, permuted = solver(X, y), solver(X[:, order], y)
    expect_same(solver, permuted, path, after)
    expect_coefficients(solver, X[:, order], permuted.betas, path.betas[:, order], after)


def turning_signs(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Coefficients of columns times −1 change their sign, and nothing else changes."""
    signs = rng.choice([-1.0, 1.0], X.shape[1])
    after = f"with the columns times {signs}"
    path, turned = solver(X, y), solver(X * signs, y)
    expect_same(solver, turned, path, after, EXACT_CHANGE)
    expect_coefficients(solver, X, turned.betas * signs, path.betas, after)


def reflecting_samples(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Rows enter through scalar products only: M before both, MᵀM = c²·1, divides times by c²."""
    M, square = reflection(y.size, rng)
    after = f"with the samples times M, M'M = {square:g}"
    path, turned = solver(X, y), solver(M @ X, M @ y)
    close_each(f"times {after}", turned.times * square, path.times, solver.tolerance)
    close(f"losses {after}", turned.losses / square, path.losses, solver.tolerance)
    equal(f"status {after}", _ending(turned.status), _ending(path.status))
    expect_coefficients(solver, X, turned.betas, path.betas, after)


def reflection(size: int, rng: np.random.Generator) -> tuple[Array, float]:
    """Return an integer matrix M (size, size), and the number c² with MᵀM = c²·1.

    M = |v|²·1 − 2vvᵀ is a reflection times c = |v|², for an integer vector v.
    """
    v = rng.integers(1, LARGEST_ENTRY + 1, size) * rng.choice([-1, 1], size)
    return (v @ v) * np.eye(size) - 2.0 * np.outer(v, v), float(v @ v) ** 2


def permuting_samples(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """The order of the samples does not matter."""
    order = rng.permutation(y.size)
    after = f"with the samples in the order {order.tolist()}"
    path, permuted = solver(X, y), solver(X[order], y[order])
    expect_same(solver, permuted, path, after)
    expect_coefficients(solver, X, permuted.betas, path.betas, after)


def repeating_all_samples(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """The loss is a mean: if every sample is repeated as often, nothing changes."""
    times = int(rng.integers(2, 5))
    after = f"with all samples {times} times"
    path, repeated = solver(X, y), solver(np.tile(X, (times, 1)), np.tile(y, times))
    expect_same(solver, repeated, path, after)
    expect_coefficients(solver, X, repeated.betas, path.betas, after)


def weighting_all_samples_alike(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """Only ratios of weights count: equal ones change nothing."""
    weight = np.full(y.size, 2.0 ** rng.integers(-40, 40))
    after = f"with all weights {weight[0]:g}"
    path, weighted = solver(X, y), solver.weighted(X, y, weight)
    expect_same(solver, weighted, path, after)
    expect_coefficients(solver, X, weighted.betas, path.betas, after)


def adding_silent_columns(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Columns of zeros have zero coefficients and do nothing else."""
    after = "with two columns of zeros at the end"
    path, longer = solver(X, y), solver(np.hstack([X, np.zeros((y.size, 2))]), y)
    expect_same(solver, longer, path, after, EXACT_CHANGE)
    expect_coefficients(solver, X, longer.betas[:, :-2], path.betas, after)
    extra = longer.betas[:, -2:]
    holds(not extra.any(), "coefficients of columns of zeros", expected="zeros", got=extra)


def copying_a_column(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """The copy of a column shares its coefficient; fits, times and losses stay."""
    j = int(rng.integers(X.shape[1]))
    after = f"with column {j} once more at the end"
    longer = np.hstack([X, X[:, [j]]])
    path, copied = solver(X, y), solver(longer, y)
    close_each(f"times {after}", copied.times, path.times, solver.tolerance)
    close(f"losses {after}", copied.losses, path.losses, solver.tolerance)
    close(f"fits {after}", copied.betas @ longer.T, path.betas @ X.T, solver.tolerance)
    if solver.minimum_norm:
        unit = max(1.0, float(np.abs(path.betas).max()))
        own, copy = copied.betas[:, j], copied.betas[:, -1]
        close(f"coefficients of the copy {after}", copy, own, solver.tolerance, scale=unit)
        flags = np.array(copied.unique or np.zeros(len(path)), dtype=bool)
        holds(not flags[own != 0].any(), f"uniqueness {after}", expected="none", got=flags)


# --- start at the answer ------------------------------------------------------------------------


def nothing_to_learn(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Targets that are zero, or orthogonal to every feature, make a path of its start alone."""
    expect_rest(solver(X, np.zeros_like(y)), "the path for targets that are zero")
    # Each sample once more, its target with the other sign.
    orthogonal = solver(np.vstack([X, X]), np.concatenate([y, -y]))
    expect_rest(orthogonal, "the path for targets orthogonal to every feature")
    expect_rest(solver(np.zeros_like(X), y), "the path for features that are zero")


def expect_rest(path: Answer, what: str) -> None:
    """Expect that the path is its start alone."""
    equal(f"number of saddles of {what}", len(path), 1)
    holds(not path.betas.any(), f"coefficients of {what}", expected="zeros", got=path.betas)
    equal(f"times of {what}", path.times.tolist(), [0.0])


# --- the record ---------------------------------------------------------------------------------


def active_entered_left(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """They list, in order, which coefficients are not zero, became so, and are so no longer."""
    path = solver(X, y)
    before: set[int] = set()
    for k, beta in enumerate(path.betas):
        now = set(np.flatnonzero(beta).tolist())
        wanted = {"active": now, "entered": now - before, "left": before - now}
        for name, units in wanted.items():
            groups = getattr(path, name)
            if groups is not None:
                equal(f"{name} units of saddle {k}", groups[k], sorted(units))
        before = now


def stopping_early_is_a_prefix(
    solver: Solver, X: Array, y: Array, rng: np.random.Generator
) -> None:
    """A path of at most k jumps is the beginning of the whole one."""
    path = solver(X, y)
    for k in range(len(path) + 1):
        part, count = solver(X, y, max_jumps=k), min(k + 1, len(path))
        after = f"with max_jumps={k}"
        equal(f"number of saddles {after}", len(part), count)
        close_each(f"times {after}", part.times, path.times[:count], solver.tolerance)
        close(f"coefficients {after}", part.betas, path.betas[:count], solver.tolerance)
        close(f"losses {after}", part.losses, path.losses[:count], solver.tolerance)


def solving_twice_is_the_same(solver: Solver, X: Array, y: Array, rng: np.random.Generator) -> None:
    """Nothing is random, and nothing is remembered."""
    path = solver(X, y)
    solver(np.ones((2, 1)), np.ones(2))
    again = solver(X, y)
    close("times of the second call", again.times, path.times, 0.0)
    close("coefficients of the second call", again.betas, path.betas, 0.0)
    close("losses of the second call", again.losses, path.losses, 0.0)


#: Laws that need one of these keywords.
NEEDS: dict[Law, tuple[str, ...]] = {
    scaling_columns: ("boundaries",),
    weighting_all_samples_alike: ("sample_weight", "Regression"),
    stopping_early_is_a_prefix: ("max_jumps",),
}

#: In the order in which they are tried.
CHANGES: tuple[Law, ...] = (
    solving_twice_is_the_same,
    stopping_early_is_a_prefix,
    active_entered_left,
    nothing_to_learn,
    scaling_the_targets,
    scaling_everything,
    scaling_columns,
    permuting_columns,
    turning_signs,
    reflecting_samples,
    permuting_samples,
    repeating_all_samples,
    weighting_all_samples_alike,
    adding_silent_columns,
    copying_a_column,
)
