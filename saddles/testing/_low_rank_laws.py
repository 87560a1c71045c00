"""Laws of greedy low-rank learning: W = UUᵀ under U' = −∇f(UUᵀ) U from a vanishing U(0).

Li, Luo and Lyu (2021, arXiv:2012.09839). Each law takes a solver, a loss f and a generator. The
problems have eigenvalues well apart and no parts that keep to themselves, so that the clocks of
general position hold: with λ^{(i)}_j the j-th largest eigenvalue of −∇f(W_i) beside the range of
W_i, ΔT_k = [1 − Σ_{i=0}^{k−2} λ^{(i)}_{k−i} ΔT_{i+1}] / λ^{(k−1)}_1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles._matrix.losses import FullMatrix
from saddles.testing._answer import Answer
from saddles.testing._diagonal_laws import reflection
from saddles.testing._expect import close, close_each, equal, holds, up_to_a_factor
from saddles.testing._report import Law
from saddles.testing._solver import Solver
from saddles.typing import Array

__all__ = [
    "CHANGES",
    "IDENTITIES",
    "NEEDS",
    "clock_times",
    "expect_order",
    "expect_prefix",
    "expect_repeats",
]

Generator = np.random.Generator

#: Factor for a target or a loss.
FACTOR = 400.0
#: Eigenvalues of W, relative to the largest, that are zero up to the descent's tolerance.
RANK = 1e-6


@dataclass(frozen=True)
class Changed:
    """The loss g(W) = f(BᵀWB/c) c² s: other units, a basis turned by B, a factor s."""

    loss: Any
    basis: Array
    unit: float = 1.0
    factor: float = 1.0

    @property
    def size(self) -> int:
        """Return d."""
        return int(self.loss.size)

    def value(self, W: Array) -> float:
        """Return g(W)."""
        return float(self.loss.value(self._inside(W))) * self.unit**2 * self.factor

    def gradient(self, W: Array) -> Array:
        """Return ∇g(W)."""
        gradient = self.basis @ self.loss.gradient(self._inside(W)) @ self.basis.T
        return np.asarray((gradient + gradient.T) / 2 * self.unit * self.factor)

    def _inside(self, W: Array) -> Array:
        inside = self.basis.T @ W @ self.basis / self.unit
        return np.asarray((inside + inside.T) / 2)


# --- shared with linear networks ----------------------------------------------------------------


def expect_order(path: Answer) -> None:
    """Expect a start at zero, times that increase and losses that decrease, strictly."""
    equal("the first time", float(path.times[0]), 0.0)
    holds(not path.betas[0].any(), "the first point", expected="zeros", got=path.betas[0])
    rising, falling = np.diff(path.times) > 0, np.diff(path.losses) < 0
    holds(rising.all(), "times", expected="each later than the one before", got=path.times)
    holds(falling.all(), "losses", expected="each below the one before", got=path.losses)


def expect_prefix(solver: Solver, *data: Any) -> None:
    """Expect that a path of at most k jumps is the beginning of the whole one."""
    path = solver(*data)
    for k in range(len(path) + 1):
        part, count = solver(*data, max_jumps=k), min(k + 1, len(path))
        equal(f"number of saddles with max_jumps={k}", len(part), count)
        for name in ("times", "betas", "losses"):
            got, whole = getattr(part, name), getattr(path, name)
            close(f"{name} with max_jumps={k}", got, whole[:count], solver.tolerance)


def expect_repeats(solver: Solver, other: Sequence[Any], *data: Any) -> None:
    """Expect the same answer again, also after another problem."""
    path = solver(*data)
    solver(*other)
    again = solver(*data)
    for name in ("times", "betas", "losses"):
        close(f"{name} of the second call", getattr(again, name), getattr(path, name), 0.0)


def clock_times(rates: Sequence[Array]) -> Array:
    """Return jump times (K,) from the dormant rates at saddles 0 to K − 1, each sorted, falling."""
    delays: list[float] = []
    for k in range(1, len(rates) + 1):
        ridden = sum(rates[i][k - i - 1] * delays[i] for i in range(k - 1))
        delays.append((1 - ridden) / rates[k - 1][0])
    return np.cumsum(delays)


# --- what a path is -----------------------------------------------------------------------------


def _scale(loss: Any) -> float:
    """Return |∇f(0)|."""
    return float(np.linalg.norm(loss.gradient(np.zeros((loss.size, loss.size)))))


def order_of_times_and_losses(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """Times increase from 0 and losses decrease, strictly, from those of W = 0."""
    expect_order(solver(loss))


def losses_are_those_of_the_problem(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """Each loss is f(W), without a factor."""
    path = solver(loss)
    expected = np.array([loss.value(W) for W in path.betas])
    ours = "The loss here is f(W) as it is given."
    up_to_a_factor("losses", path.losses, expected, solver.tolerance, ours=ours)


def points_are_positive_semidefinite(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """Every W = UUᵀ is symmetric and has no negative eigenvalue."""
    for k, W in enumerate(solver(loss).betas):
        unit = float(np.abs(W).max())
        close(f"W after jump {k}, transposed", W.T, W, solver.tolerance)
        lowest = float(np.linalg.eigvalsh(W)[0])
        what = f"lowest eigenvalue of W after jump {k}"
        holds(lowest >= -solver.tolerance * unit, what, expected="at least 0", got=lowest)


def saddles_are_stationary(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """At each saddle ∇f(W) W = 0: no active column is pulled."""
    for k, W in enumerate(solver(loss).betas):
        unit = _scale(loss) * float(np.linalg.norm(W))
        force = loss.gradient(W) @ W
        close(f"grad f(W) W after jump {k}", force, 0 * W, solver.tolerance, scale=unit)


def times_are_those_of_the_clocks(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """Each dormant direction's clock runs at its eigenvalue of −∇f; a jump is where one is full."""
    path = solver(loss)
    rates = []
    for k, W in enumerate(path.betas[:-1]):
        sizes, vectors = np.linalg.eigh(W)
        dormant = vectors[:, np.abs(sizes) <= RANK * np.abs(sizes).max(initial=0.0)]
        if dormant.shape[1] != loss.size - k:
            return  # a column came back, or two came together: not in general position
        rates.append(np.linalg.eigvalsh(-dormant.T @ loss.gradient(W) @ dormant)[::-1])
        top = float(rates[-1][0])
        what = f"largest eigenvalue of -grad f(W) beside W, before jump {k + 1}"
        holds(top > 0, what, expected="above 0: no jump without it", got=top)
    if rates:
        close_each("times", path.times[1:], clock_times(rates), solver.tolerance)


def training_ends_when_nothing_grows(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """At the last saddle −∇f(W) has no eigenvalue above 0."""
    top = float(np.linalg.eigvalsh(-loss.gradient(solver(loss).betas[-1]))[-1])
    if solver.finished:
        what, allowed = (
            "largest eigenvalue of -grad f(W) at the end",
            solver.tolerance * _scale(loss),
        )
        holds(top <= allowed, what, expected="0 or less", got=top)


def agrees_with_this_package(solver: Solver, loss: Any, rng: Generator | None) -> None:
    """Times, points and losses are those of saddles.greedy_low_rank."""
    from saddles._matrix.greedy_low_rank import greedy_low_rank

    path, ours = solver(loss), greedy_low_rank(loss)
    count = len(ours) if solver.finished else min(len(path), len(ours))
    for name in ("times", "betas", "losses"):
        close(name, getattr(path, name), getattr(ours, name)[:count], solver.tolerance)


# --- closed forms and changes of the problem ----------------------------------------------------


def a_matrix_seen_in_full(solver: Solver, loss: Any, rng: Generator) -> None:
    """Each positive eigenvalue is learnt at its inverse, equal ones in one jump."""
    d = loss.size
    # Integers, turned by an integer matrix: equal levels are equal, not only up to rounding.
    turn, square = reflection(d, rng)
    Q = turn / math.sqrt(square)
    sizes = np.sort(rng.choice([-2.0, 1.0, 2.0, 4.0, 8.0], d))[::-1]
    path, levels = solver(FullMatrix((turn * sizes) @ turn.T)), sizes * square
    heights = np.unique(levels[levels > 0])[::-1]
    what = f"for a fully observed matrix of eigenvalues {levels}"
    times = np.concatenate([[0.0], 1 / heights])
    close_each(f"times {what}", path.times, times, solver.tolerance)
    learnt = [np.where(levels >= height, levels, 0.0) for height in (np.inf, *heights)]
    points = np.array([(Q * kept) @ Q.T for kept in learnt])
    close(f"points {what}", path.betas, points, solver.tolerance, scale=8.0 * square)


def turning_the_basis(solver: Solver, loss: Any, rng: Generator) -> None:
    """If the basis is turned by Q, W becomes QWQᵀ, and times and losses stay."""
    Q = np.linalg.qr(rng.standard_normal((loss.size, loss.size)))[0]
    path, turned = solver(loss), solver(Changed(loss, Q))
    close_each("times in a turned basis", turned.times, path.times, solver.tolerance)
    close("losses in a turned basis", turned.losses, path.losses, solver.tolerance)
    back = Q.T @ turned.betas @ Q
    close("points, turned back", back, path.betas, solver.tolerance)


def scaling_the_target(solver: Solver, loss: Any, rng: Generator) -> None:
    """If the target is multiplied by c, times are divided by c and points multiplied."""
    path = solver(loss)
    scaled, after = solver(Changed(loss, np.eye(loss.size), unit=FACTOR)), f"at {FACTOR:g} times"
    close_each(f"times {after} the target", scaled.times * FACTOR, path.times, solver.tolerance)
    close(f"points {after} the target", scaled.betas / FACTOR, path.betas, solver.tolerance)
    losses = scaled.losses / FACTOR**2
    close(f"losses {after} the target", losses, path.losses, solver.tolerance)


def scaling_the_loss(solver: Solver, loss: Any, rng: Generator) -> None:
    """If the loss is multiplied by s, times are divided by s and points stay."""
    path = solver(loss)
    scaled, after = solver(Changed(loss, np.eye(loss.size), factor=FACTOR)), f"at {FACTOR:g} times"
    close_each(f"times {after} the loss", scaled.times * FACTOR, path.times, solver.tolerance)
    close(f"points {after} the loss", scaled.betas, path.betas, solver.tolerance)


def nothing_to_learn(solver: Solver, loss: Any, rng: Generator) -> None:
    """A target without positive eigenvalues makes a path of its start alone."""
    for M in (np.zeros((loss.size, loss.size)), -np.eye(loss.size)):
        path = solver(FullMatrix(M))
        what = f"the path for the fully observed matrix {M.tolist()}"
        equal(f"number of saddles of {what}", len(path), 1)
        holds(not path.betas.any(), f"points of {what}", expected="zeros", got=path.betas)


def stopping_early_is_a_prefix(solver: Solver, loss: Any, rng: Generator) -> None:
    """A path of at most k jumps is the beginning of the whole one."""
    expect_prefix(solver, loss)


def solving_twice_is_the_same(solver: Solver, loss: Any, rng: Generator) -> None:
    """Nothing is random, and nothing is remembered."""
    expect_repeats(solver, (FullMatrix(np.diag([2.0, 1.0])),), loss)


#: What holds of a single answer.
IDENTITIES: tuple[Callable[[Solver, Any, Generator | None], None], ...] = (
    order_of_times_and_losses,
    losses_are_those_of_the_problem,
    points_are_positive_semidefinite,
    saddles_are_stationary,
    times_are_those_of_the_clocks,
    training_ends_when_nothing_grows,
    agrees_with_this_package,
)

NEEDS: dict[Law, tuple[str, ...]] = {stopping_early_is_a_prefix: ("max_jumps",)}

CHANGES: tuple[Law, ...] = (
    a_matrix_seen_in_full,
    solving_twice_is_the_same,
    stopping_early_is_a_prefix,
    nothing_to_learn,
    turning_the_basis,
    scaling_the_target,
    scaling_the_loss,
)
