"""Laws of linear networks f(x) = A W x from vanishing weights, whatever the covariances.

Kunin et al. (2025, arXiv:2506.06489). Each law takes a solver, Σxx (d, d), Σyx (c, d) and a
generator; M = AW is the map, L = ½ E|y − Mx|² less what no linear map explains, G = MΣxx − Σyx.
The clocks are those of general position (see `_low_rank_laws`), with the singular values of −G.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from saddles.testing._expect import close, close_each, equal, holds, up_to_a_factor
from saddles.testing._low_rank_laws import (
    RANK,
    clock_times,
    expect_order,
    expect_prefix,
    expect_repeats,
)
from saddles.testing._report import Law
from saddles.testing._solver import Solver
from saddles.typing import Array

__all__ = ["CHANGES", "IDENTITIES", "NEEDS"]

Generator = np.random.Generator

#: Factors for outputs and inputs.
OUTPUTS, INPUTS = 400.0, 0.03


def _loss(xx: Array, yx: Array, M: Array) -> float:
    """Return ½ E|y − Mx|² less that of the best linear map."""
    error = M - yx @ np.linalg.pinv(xx)
    return float(np.sum(error * (error @ xx)) / 2)


# --- what a path is -----------------------------------------------------------------------------


def order_of_times_and_losses(solver: Solver, xx: Array, yx: Array, rng: Generator | None) -> None:
    """Times increase from 0 and losses decrease, strictly, from those of the zero map."""
    expect_order(solver(xx, yx))


def losses_are_those_of_the_problem(
    solver: Solver, xx: Array, yx: Array, rng: Generator | None
) -> None:
    """Each loss is ½ E|y − Mx|² less that of the best linear map."""
    path = solver(xx, yx)
    expected = np.array([_loss(xx, yx, M) for M in path.betas])
    ours = "The loss here is E|y - Mx|^2 / 2 above the least."
    up_to_a_factor("losses", path.losses, expected, solver.tolerance, ours=ours)


def saddles_are_stationary(solver: Solver, xx: Array, yx: Array, rng: Generator | None) -> None:
    """At each saddle MᵀG = 0 and GMᵀ = 0: no active neuron is pulled."""
    for k, M in enumerate(solver(xx, yx).betas):
        G = M @ xx - yx
        unit = float(np.linalg.norm(yx) * np.linalg.norm(M))
        close(f"M'G after jump {k}", M.T @ G, 0 * xx, solver.tolerance, scale=unit)
        close(f"GM' after jump {k}", G @ M.T, 0 * (G @ M.T), solver.tolerance, scale=unit)


def times_are_those_of_the_clocks(
    solver: Solver, xx: Array, yx: Array, rng: Generator | None
) -> None:
    """Each dormant mode's clock runs at its singular value of G; a jump is where one is full."""
    path = solver(xx, yx)
    rates = []
    for k, M in enumerate(path.betas[:-1]):
        sizes = np.linalg.svd(M, compute_uv=False)
        if np.sum(sizes > RANK * sizes.max()) != k:
            return  # two modes came together: not in general position
        rates.append(np.linalg.svd(yx - M @ xx, compute_uv=False))
        what = f"largest singular value of G before jump {k + 1}"
        holds(rates[-1][0] > 0, what, expected="above 0: no jump without it", got=rates[-1][0])
    if rates:
        close_each("times", path.times[1:], clock_times(rates), solver.tolerance)


def training_ends_when_the_gradient_vanishes(
    solver: Solver, xx: Array, yx: Array, rng: Generator | None
) -> None:
    """The last saddle of a path is the best linear map: MΣxx = Σyx."""
    if solver.finished:
        got = solver(xx, yx).betas[-1] @ xx
        close("M Sigma_xx at the end", got, yx, solver.tolerance)


def agrees_with_this_package(solver: Solver, xx: Array, yx: Array, rng: Generator | None) -> None:
    """Times, maps and losses are those of saddles.agf.linear."""
    from saddles.agf import linear

    path, ours = solver(xx, yx), linear(xx, yx)
    count = len(ours) if solver.finished else min(len(path), len(ours))
    for name in ("times", "betas", "losses"):
        close(name, getattr(path, name), getattr(ours, name)[:count], solver.tolerance)


# --- closed forms and changes of the problem ----------------------------------------------------


def commuting_modes_go_by_correlation(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """Modes that keep to themselves are learnt at 1/(bs), not in the order of b²s they explain."""
    k = min(yx.shape)
    # Modes that correlate more explain less: the two orders are opposite.
    place = rng.permutation(k)
    strengths, gains = 1.0 + place + rng.uniform(0.0, 0.5, k), 3.0**-place
    variances = strengths / gains
    P, Q = (np.linalg.qr(rng.standard_normal((side, side)))[0] for side in yx.shape)
    inputs = (Q[:, :k] * variances) @ Q[:, :k].T + Q[:, k:] @ Q[:, k:].T
    path = solver((inputs + inputs.T) / 2, (P[:, :k] * strengths) @ Q[:, :k].T)
    order = np.argsort(-strengths)
    what = f"for commuting modes of gains {gains} and variances {variances}"
    times = np.concatenate([[0.0], 1 / strengths[order]])
    close_each(f"times {what}", path.times, times, solver.tolerance)
    for rank in range(k + 1):
        kept = np.zeros(k)
        kept[order[:rank]] = gains[order[:rank]]
        expected = (P[:, :k] * kept) @ Q[:, :k].T
        close(f"map {rank} {what}", path.betas[rank], expected, solver.tolerance, scale=float(k))


def turning_inputs_and_outputs(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """If inputs are turned by Q and outputs by P, M becomes PMQᵀ, and times and losses stay."""
    P, Q = (np.linalg.qr(rng.standard_normal((side, side)))[0] for side in yx.shape)
    inputs = Q @ xx @ Q.T
    path, turned = solver(xx, yx), solver((inputs + inputs.T) / 2, P @ yx @ Q.T)
    close_each("times of turned data", turned.times, path.times, solver.tolerance)
    close("losses of turned data", turned.losses, path.losses, solver.tolerance)
    close("maps, turned back", P.T @ turned.betas @ Q, path.betas, solver.tolerance)


def scaling_inputs_and_outputs(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """If outputs are multiplied by c and inputs by s, times are divided by cs and M times c/s."""
    c, s = OUTPUTS, INPUTS
    path, scaled = solver(xx, yx), solver(s**2 * xx, c * s * yx)
    after = f"with outputs times {c:g} and inputs times {s:g}"
    close_each(f"times {after}", scaled.times * c * s, path.times, solver.tolerance)
    close(f"maps {after}", scaled.betas * s / c, path.betas, solver.tolerance)
    close(f"losses {after}", scaled.losses / c**2, path.losses, solver.tolerance)


def exchanging_whitened_sides(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """With white inputs, Σyx transposed gives the maps transposed, at the same times."""
    c, d = yx.shape
    path, other = solver(np.eye(d), yx), solver(np.eye(c), yx.T)
    close_each("times with sides exchanged", other.times, path.times, solver.tolerance)
    close("maps", other.betas.transpose(0, 2, 1), path.betas, solver.tolerance)


def nothing_to_learn(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """Outputs uncorrelated with the inputs make a path of its start alone."""
    path = solver(xx, np.zeros_like(yx))
    what = "of the path for sigma_yx = 0"
    equal(f"number of saddles {what}", len(path), 1)
    holds(not path.betas.any(), f"maps {what}", expected="zeros", got=path.betas)


def stopping_early_is_a_prefix(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """A path of at most k jumps is the beginning of the whole one."""
    expect_prefix(solver, xx, yx)


def solving_twice_is_the_same(solver: Solver, xx: Array, yx: Array, rng: Generator) -> None:
    """Nothing is random, and nothing is remembered."""
    expect_repeats(solver, (np.eye(2), np.diag([2.0, 1.0])), xx, yx)


#: What holds of a single answer.
IDENTITIES: tuple[Callable[[Solver, Array, Array, Generator | None], None], ...] = (
    order_of_times_and_losses,
    losses_are_those_of_the_problem,
    saddles_are_stationary,
    times_are_those_of_the_clocks,
    training_ends_when_the_gradient_vanishes,
    agrees_with_this_package,
)

NEEDS: dict[Law, tuple[str, ...]] = {stopping_early_is_a_prefix: ("max_jumps",)}

CHANGES: tuple[Law, ...] = (
    commuting_modes_go_by_correlation,
    solving_twice_is_the_same,
    stopping_early_is_a_prefix,
    nothing_to_learn,
    turning_inputs_and_outputs,
    scaling_inputs_and_outputs,
    exchanging_whitened_sides,
)
