"""The second half: the active neurons descend, their output weights always at their best.

Variable projection (Golub and Pereyra, 1973; Kaufman's approximation, 1975): the outputs A of fixed
unit weights W are the solution of a least squares problem, so the cost is a function of W alone.
By the envelope theorem its gradient is that of the loss at these outputs.

================  ================================================================
code name         symbol
================  ================================================================
``W``, ``A``      unit weights (H, p), of norm 1, and output weights (H, c)
``F``             features and, with an offset, a column of ones, shape (n, m)
``D``             ∂φ(w_i, x_n)/∂w_i as a matrix (n, H p)
``P``             projection on the complement of the columns of F
``G``, ``g``      (A Aᵀ)_ij (DᵀPD)_ij/n, the Gauss–Newton matrix, and the gradient
``mu``            damping of Levenberg and Marquardt, relative to the diagonal of G
================  ================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from saddles.optim._features import Feature
from saddles.optim._losses import Loss, Squared, factor
from saddles.optim._rows import blocks, times
from saddles.typing import Array

__all__: list[str] = []

METHODS = ("lm", "lbfgs", "outputs")

#: Ways that make Gauss–Newton steps in the end.
STEPPING = ("lm", "both")

#: Outputs while the network grows, and all weights in its last descent: a choice of the trainer.
LATE = "late"

#: Entries of unit weights up to which a Gauss–Newton matrix costs less than the steps it saves.
MATRIX = 300

#: Entries up to which such steps finish what L-BFGS began: it does not see how costs creep.
LARGE_MATRIX = 1000

#: Outputs from which they tell neurons apart: the best direction is then hardly ever one between
#: those of two neurons.
MANY = 5

#: Relative fall of the cost that is worth such a step.
WORTH = 1e-2

#: Samples per parameter that a first descent and a Gauss–Newton matrix need: noise of so many adds
#: a fortieth to the loss on others. Below the second number fewer samples are no quicker.
EACH, LEAST = 40, 1024

#: Steps of a descent. Two damped steps in a row that lower the cost by less than the second number,
#: or one of L-BFGS by less than the third, end it.
STEPS, SMALL, FALL = 100, 1e-4, 1e-6

#: A round of L-BFGS is followed by another if this one ends so fast that it would lower the cost to
#: this share.
HALF = 0.5

#: Damping of the first step, and its least value.
DAMPING, LEAST_DAMPING = 1e-3, 1e-9

#: Dampings that are tried for one step, and factors from one to the next.
TRIES, LESS, MORE = 12, 0.2, 4.0


@dataclass(frozen=True, eq=False)
class Task:
    """What is minimised: the data, the loss, the penalty, and whether there is an offset.

    `odd` is (φ(z) − φ(−z))/z, or 0 where that is no constant.
    """

    feature: Feature
    X: Any
    Y: Array
    loss: Loss
    ridge: float = 0.0
    offset: bool = False
    odd: float = 0.0

    def features(self, W: Any) -> Array:
        """Return the features (n, H) in float64, and a column of ones with an offset."""
        F = np.ones((len(self.X), len(W) + self.offset), order="F")
        for rows in blocks(len(F)):
            F[rows, : len(W)] = self.feature.values(self.X[rows], W)
        return F

    def penalty(self, neurons: int) -> Array:
        """Return the penalty of each row of outputs."""
        return np.array([self.ridge] * neurons + [0.0] * self.offset)

    def at(self, W: Any, outputs: Array | None = None, *, keep: bool = False) -> Fit:
        """Return the network with unit weights `W` and its best outputs, or those given."""
        W = unit_rows(W)
        F, penalty = self.features(W), self.penalty(len(W))
        start = np.zeros((F.shape[1], self.Y.shape[1]))
        if outputs is not None:
            start[: len(outputs)] = outputs
        best = start if keep else self.loss.outputs(F, self.Y, penalty, start)
        f = F @ best
        loss = self.loss.value(f, self.Y)
        return Fit(W, best, f, loss, loss + self._penalised(best), F)

    def shown(self, W: Any, outputs: Array) -> Shown:
        """Return the network with these weights, by one pass over the samples."""
        f, loss, A, b = np.empty(self.Y.shape), 0.0, *np.split(outputs, [len(W)])
        for rows in blocks(len(f)):
            f[rows] = self.feature.values(self.X[rows], W) @ A + b.sum(axis=0)
            loss += self.loss.value(f[rows], self.Y[rows]) * len(f[rows]) / len(f)
        return Shown(W, outputs, f, loss, loss + self._penalised(outputs))

    def _penalised(self, outputs: Array) -> float:
        """Return what the penalty adds to the loss."""
        hidden = outputs[: len(outputs) - self.offset]
        return self.ridge * float(np.vdot(hidden, hidden)) / 2

    def stationarity(self, fit: Fit) -> float:
        """Return the largest gradient of a neuron, relative to that of a residual as the targets.

        A descent ends where steps no longer pay, so this is a report and not a promise.
        """
        if not len(fit.W):
            return 0.0
        rows = np.linalg.norm(self.X) / np.sqrt(len(self.X))
        size = np.sqrt(np.mean(np.sum(self.Y**2, axis=1))) * rows * np.abs(fit.outputs).max()
        return float(np.linalg.norm(self.slope(fit), axis=1).max() / size) if size else 0.0

    def slope(self, fit: Shown) -> Any:
        """Return the Riemannian gradient (H, p) over unit weights, the outputs at their best."""
        R = self.loss.residual(fit.f, self.Y)
        A, g = fit.outputs[: len(fit.W)].T, np.zeros(fit.W.shape)
        for rows in blocks(len(R)):
            C = times(R[rows], A).astype(self.X.dtype)
            g -= self.feature.pull(self.X[rows], fit.W, C)
        g /= len(R)
        return g - np.sum(g * fit.W, axis=1, keepdims=True) * fit.W


@dataclass(frozen=True, eq=False)
class Shown:
    """A network with its outputs on the samples; ``outputs`` has the offset in its last row."""

    W: Any
    outputs: Array
    f: Array
    loss: float
    penalised: float


@dataclass(frozen=True, eq=False)
class Fit(Shown):
    """A network from which a descent goes on: also its features on the samples."""

    F: Array


@dataclass(frozen=True, eq=False)
class Descent:
    """Where a descent ends, and the gradients of single neurons that it took."""

    fit: Fit
    gradients: int


#: Called with the costs before and after a step: whether the descent may stop as hopeless.
GiveUp = Callable[[float, float], bool]


def unit_rows(W: Any) -> Any:
    """Return the rows of `W` over their norms, of any size."""
    _, exponents = np.frexp(np.abs(W).max(axis=1, keepdims=True))
    W = np.ldexp(W, -exponents)  # exact, and no square underflows
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def enough(parameters: int, n: int) -> int:
    """Return how many of n samples show these parameters well; all if that is half of them."""
    rows = max(LEAST, EACH * parameters)
    return rows if 2 * rows < n else n


def chosen_method(method: str, task: Task, W: Any) -> str:
    """Return how the cost of these unit weights is minimised, where that is not said."""
    if method != "auto":
        return method
    if not isinstance(task.loss, Squared):
        return "lbfgs"
    return "lm" if W.size <= MATRIX else "both" if W.size <= LARGE_MATRIX else "lbfgs"


def many_outputs(method: str, task: Task) -> bool:
    """Whether outputs are so many that neurons hardly stand for each other, where that matters."""
    return method == "auto" and isinstance(task.loss, Squared) and task.Y.shape[1] >= MANY


def growing_method(method: str, task: Task, W: Any) -> str:
    """Return how the cost is minimised while the network grows, where that is not said."""
    if many_outputs(method, task) and W.size > LARGE_MATRIX:
        return "outputs"
    return chosen_method(method, task, W)


def searches_outputs(task: Task, method: str) -> bool:
    """Return whether a descent searches outputs and unit weights together, from outputs given."""
    return method != "outputs" and not isinstance(task.loss, Squared)


def descend(
    task: Task,
    fit: Fit,
    method: str,
    *,
    floor: float = 0.0,
    steps: int = STEPS,
    least: float = SMALL,
    give_up: GiveUp | None = None,
) -> Descent:
    """Minimise the penalised loss over unit and output weights, from `fit`.

    It ends at the `floor`, after a number of `steps`, when two damped steps in a row lower the cost
    by a share below `least`, or when it is told to `give_up`.
    """
    if method == "outputs" or not fit.W.size:
        return Descent(fit, 0)
    if method == "lm":
        return _levenberg_marquardt(task, fit, floor, steps, give_up, least)
    if not isinstance(task.loss, Squared):
        return _joint(task, fit, steps, give_up)
    if method == "lbfgs":
        return _lbfgs(task, fit, floor, steps, give_up)
    end = Descent(*_round(task, fit, floor, steps, give_up)[:2])
    last = _levenberg_marquardt(task, end.fit, floor, steps, give_up, WORTH)
    return Descent(last.fit, end.gradients + last.gradients)


def _levenberg_marquardt(
    task: Task, fit: Fit, floor: float, steps: int, give_up: GiveUp | None, least: float
) -> Descent:
    """Make damped Gauss–Newton steps until two in a row lower the cost by less than `least`."""
    mu, small, count = DAMPING, 0, 0
    while count < steps and fit.penalised > floor and small < 2:
        count += 1
        trial, mu = _damped_step(task, fit, mu)
        if trial is None:
            break
        fall = fit.penalised - trial.penalised
        small = small + 1 if fall <= least * fit.penalised else 0
        hopeless = give_up is not None and give_up(fit.penalised, trial.penalised)
        fit = trial
        if hopeless:
            break
    return Descent(fit, count * len(fit.W))


def _damped_step(task: Task, fit: Fit, mu: float) -> tuple[Fit | None, float]:
    """Return the network after a step that lowers the cost, or None, and the next damping."""
    G, g = _gauss_newton(task, fit), task.slope(fit).ravel()
    diagonal = np.diag(G)
    scale = np.maximum(diagonal, LEAST_DAMPING * max(float(diagonal.max()), np.finfo(float).tiny))
    for _ in range(TRIES):
        try:
            step = -cho_solve(cho_factor(G + np.diag(mu * scale)), g).reshape(fit.W.shape)
        except LinAlgError:
            mu *= MORE
            continue
        trial = task.at((fit.W + step).astype(fit.W.dtype), fit.outputs)
        if trial.penalised < fit.penalised:
            return trial, max(mu * LESS, LEAST_DAMPING)
        mu *= MORE
    return None, mu


def _gauss_newton(task: Task, fit: Fit) -> Array:
    """Return the Gauss–Newton matrix (H p, H p) of the reduced problem, on enough samples."""
    X, F, n = task.X, fit.F, len(fit.F)
    rows = enough(fit.W.size, n)
    if rows < n:
        chosen = np.random.default_rng(n).choice(n, rows, replace=False)
        X, F = X[chosen], F[chosen]
    return curvature(task, X, F, fit.W, fit.outputs)[0]


def curvature(task: Task, X: Any, F: Array, W: Any, outputs: Array) -> tuple[Array, Array, Array]:
    """Return the Gauss–Newton matrix of the reduced problem, and what couples it to the outputs.

    These are the lower factor L of FᵀF/n, with its penalty, and FᵀD/n of shape (m, H p).
    """
    (H, p), n = W.shape, len(F)
    square, cross = np.zeros((H * p, H * p)), np.zeros((F.shape[1], H * p))
    for rows in blocks(n):
        D = task.feature.jacobian(X[rows], W).reshape(-1, H * p).astype(np.float64)
        square += D.T @ D
        cross += F[rows].T @ D
    cross /= n
    L = factor(F, task.penalty(H))
    along = solve_triangular(L, cross, lower=True)
    outer = outputs[:H] @ outputs[:H].T
    G = (square / n - along.T @ along).reshape(H, p, H, p) * outer[:, None, :, None]
    return G.reshape(H * p, H * p), L, cross


class _Enough(Exception):
    """Ends a search of scipy's that is at the floor, or hopeless."""


def _lbfgs(task: Task, fit: Fit, floor: float, steps: int, give_up: GiveUp | None) -> Descent:
    """Run L-BFGS in rounds, each in units of its own start, while they halve the cost at the end.

    That is the rate of the second half of a round: the first one often falls from a bad start.
    """
    count = 0
    while True:
        fit, used, falls = _round(task, fit, floor, steps, give_up)
        count += used
        if not falls or not falls[-1] <= math.sqrt(HALF) * falls[len(falls) // 2]:
            return Descent(fit, count)


def _round(
    task: Task, fit: Fit, floor: float, steps: int, give_up: GiveUp | None
) -> tuple[Fit, int, list[float]]:
    """Return the best network of one round, its gradients, and its costs unless that is the end."""
    best, count, unit, falls = fit, 0, fit.penalised, []

    def objective(flat: Array) -> tuple[float, Array]:
        nonlocal best, count
        count += len(fit.W)
        W = flat.reshape(fit.W.shape)
        trial = task.at(W.astype(fit.W.dtype), best.outputs)
        before, best = best, trial if trial.penalised < best.penalised else best
        falls.append(best.penalised)
        if best.penalised <= floor:
            raise _Enough
        if give_up is not None and best is trial and give_up(before.penalised, best.penalised):
            raise _Enough
        norms = np.linalg.norm(W, axis=1, keepdims=True)
        return trial.penalised / unit, (task.slope(trial) / norms).ravel() / unit

    options = {"maxiter": steps, "ftol": FALL, "gtol": 0.0}
    begin = fit.W.astype(np.float64).ravel()
    try:
        minimize(objective, begin, jac=True, method="L-BFGS-B", options=options)
    except _Enough:
        return best, count, []
    return best, count, falls


def _joint(task: Task, fit: Fit, steps: int, give_up: GiveUp | None) -> Descent:
    """Run L-BFGS over unit weights and outputs together, where best outputs take a search."""
    H, p = fit.W.shape
    best, count, penalty = fit, 0, task.penalty(H)[:, None]
    sizes = np.sqrt(np.maximum(np.mean(fit.F**2, axis=0), np.finfo(np.float64).tiny))[:, None]

    def objective(flat: Array) -> tuple[float, Array]:
        nonlocal best, count
        count += H
        W, outputs = flat[: H * p].reshape(H, p), flat[H * p :].reshape(sizes.size, -1) / sizes
        trial = task.at(W.astype(fit.W.dtype), outputs, keep=True)
        before, best = best, trial if trial.penalised < best.penalised else best
        if give_up is not None and best is trial and give_up(before.penalised, best.penalised):
            raise _Enough
        R = task.loss.residual(trial.f, task.Y)
        over_outputs = penalty * outputs - trial.F.T @ R / len(R)
        over_weights = task.slope(trial) / np.linalg.norm(W, axis=1, keepdims=True)
        return trial.penalised, np.append(over_weights.ravel(), (over_outputs / sizes).ravel())

    begin = np.append(fit.W.astype(np.float64).ravel(), (fit.outputs * sizes).ravel())
    options = {"maxiter": steps, "ftol": FALL, "gtol": 0.0}
    with suppress(_Enough):
        minimize(objective, begin, jac=True, method="L-BFGS-B", options=options)
    return Descent(best, count)
