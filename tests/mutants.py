"""Solvers with one planted fault each, and a plain solver of one's own, to try the laws on.

A fault is planted in a step of the `Algorithm` record, or in what the path says. The solvers' own
certificates are silenced, so that only the laws can find it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from types import SimpleNamespace
from unittest import mock

import numpy as np
from scipy.optimize import nnls

import saddles
import saddles._greedy_low_rank
import saddles._pesme_flammarion
import saddles.agf._linear
from saddles import alternation
from saddles.path import Certificate

Mutation = Callable[[alternation.Algorithm], alternation.Algorithm]


@contextmanager
def planted(module, mutate: Mutation, options):
    """Let the solver of a module run a changed algorithm, uncertified."""

    def solve(algorithm, **given):
        changed = mutate(algorithm)

        def uncertified(state):
            saddle = changed.saddle(state)
            return replace(saddle, certificate=Certificate(stationarity=0.0, violation=0.0))

        return alternation.solve(
            replace(changed, saddle=uncertified),
            **(given | {"on_failure": "return"} | options(given)),
        )

    with mock.patch.object(module, "solve", solve):
        yield


def mutant(
    solver, module, mutate: Mutation = lambda a: a, options=lambda given: {}, said=lambda path: path
):
    """Return a solver whose algorithm, options or words are changed."""

    @wraps(solver)
    def changed(*data, **keywords):
        with planted(module, mutate, options):
            path = solver(*data, **keywords)
        return said(words(path))

    return changed


def words(path):
    """Return what a path says, without its flags, as something that can be changed."""
    names = ("times", "betas", "losses", "active", "entered", "left")
    return SimpleNamespace(**{name: getattr(path, name) for name in names})


def saying(**changes) -> Callable:
    """Return a change of words: name -> function of the path."""

    def said(path):
        new = {name: change(path) for name, change in changes.items()}
        return SimpleNamespace(**(vars(path) | new))

    return said


# --- faults in the steps of the limit path ------------------------------------------------------


def _network(algorithm):
    """Return the data and the boundaries that its steps hold."""
    return algorithm.cost.args[0]


def missed_deactivation(algorithm):
    """Least squares on all coordinates at a boundary, whatever the signs: none ever leaves."""
    data = _network(algorithm).data

    def cost(state):
        right = algorithm.cost(state)
        held = state.signs.nonzero()[0]
        beta = np.zeros_like(state.beta)
        beta[held] = np.linalg.lstsq(data.X[:, held], data.y)[0]
        residual = data.y - data.X @ beta
        speed = data.X.T @ residual
        speed[np.abs(speed) <= 1e-11 * data.norms * np.linalg.norm(data.y)] = 0.0
        fit = replace(right.fit, residual=residual, size=float(np.linalg.norm(residual)))
        return replace(right, beta=beta, speed=speed, fit=fit)

    return replace(algorithm, cost=cost)


def dropped_tie(algorithm):
    """Of clocks that ring together only the first counts; the others stay where they are."""

    def jump(state, ring):
        return algorithm.jump(state, replace(ring, units=ring.units[:1]))

    def utility(state):
        moving = np.where(np.abs(state.clocks) >= 1 - 1e-12, 0.0, state.speed)
        return algorithm.utility(replace(state, speed=moving))

    return replace(algorithm, jump=jump, utility=utility)


def wrong_constant_in_a_clock(algorithm):
    """A clock that must turn to the other side is thought to be two thirds as far as it is."""

    def utility(state):
        ring = algorithm.utility(state)
        if not isinstance(ring, alternation.Ring):
            return ring
        back = state.clocks[ring.units] * state.speed[ring.units] < 0
        return replace(ring, delay=ring.delay * 2 / 3) if back.any() else ring

    return replace(algorithm, utility=utility)


def stale_residual(algorithm):
    """Clocks run on with the speed of the phase before the last descent."""

    def cost(state):
        right = algorithm.cost(state)
        stale = np.where((right.beta != 0) | (right.speed == 0), 0.0, state.speed)
        return replace(right, speed=stale)

    return replace(algorithm, cost=cost)


def clock_reset_when_a_unit_leaves(algorithm):
    """A coordinate that returns to zero starts its clock anew, instead of at the boundary."""

    def cost(state):
        right = algorithm.cost(state)
        gone = (state.beta != 0) & (right.beta == 0)
        return replace(right, clocks=np.where(gone, 0.0, right.clocks))

    return replace(algorithm, cost=cost)


def wrong_sign(algorithm):
    """Only the upper boundary exists: negative coefficients are not thought of."""
    network = _network(algorithm)
    upward = replace(network, lower=np.full_like(network.lower, np.inf))
    steps = ("utility", "jump", "cost")
    module = saddles._pesme_flammarion
    return replace(
        algorithm, **{step: partial(getattr(module, f"_{step}"), upward) for step in steps}
    )


def missing_minimum_norm(algorithm):
    """Coefficients that are not unique are left as the active set found them."""

    def cost(state):
        right = algorithm.cost(state)
        beta = np.zeros_like(state.beta)
        beta[right.fit.support] = right.fit.values
        return replace(right, beta=beta)

    return replace(algorithm, cost=cost)


def ends_too_soon(algorithm):
    """Training stops once a tenth of the first loss is left."""
    start = algorithm.saddle(algorithm.start()).loss

    def utility(state):
        if algorithm.saddle(state).loss < 0.1 * start:
            return saddles.Status.CONVERGED
        return algorithm.utility(state)

    return replace(algorithm, utility=utility)


def absolute_tolerance(algorithm):
    """Gradients below 1e-8 count as zero, in whatever units the data are."""

    def utility(state):
        data = _network(algorithm).data
        small = np.abs(state.speed) * data.target_unit < 1e-8
        return algorithm.utility(replace(state, speed=np.where(small, 0.0, state.speed)))

    return replace(algorithm, utility=utility)


class Remembering:
    """A solver that starts where the last problem of the same size ended."""

    def __init__(self):
        self.offset = 0.0

    def __call__(self, X, y):
        path = saddles.pesme_flammarion(X, y)
        times, self.offset = path.times + self.offset * (path.times > 0), 1e-3
        return times, path.betas, path.losses


def normalising_in_place(X, y):
    """Columns are brought to unit norm, the caller's too."""
    norms = np.linalg.norm(X, axis=0)
    X /= np.where(norms > 0, norms, 1.0)
    return saddles.pesme_flammarion(X, y)


def raising(X, y):
    """An error where two coefficients become non-zero together."""
    path = saddles.pesme_flammarion(X, y)
    for units in path.entered[1:]:
        units.item() if units.size else None
    return path


_limit = partial(mutant, saddles.pesme_flammarion, saddles._pesme_flammarion)

DIAGONAL = {
    "missed deactivation": _limit(missed_deactivation),
    "a tie dropped": _limit(dropped_tie),
    "wrong constant in a clock": _limit(wrong_constant_in_a_clock),
    "stale residual": _limit(stale_residual),
    "clock reset when a unit leaves": _limit(clock_reset_when_a_unit_leaves),
    "no negative boundary": _limit(wrong_sign),
    "missing minimum norm": _limit(missing_minimum_norm),
    "ends too soon": _limit(ends_too_soon),
    "absolute tolerance": _limit(absolute_tolerance),
    "off by one in max_jumps": _limit(
        options=lambda given: {
            "max_jumps": None if given["max_jumps"] is None else given["max_jumps"] + 1
        }
    ),
    "times not accumulated": _limit(said=saying(times=lambda p: np.diff(p.times, prepend=0.0))),
    "times of the sum loss": lambda X, y: (
        (path := saddles.pesme_flammarion(X, y)).times / len(y),
        path.betas,
        path.losses,
    ),
    "loss without the factor 1/n": lambda X, y: (
        (path := saddles.pesme_flammarion(X, y)).times,
        path.betas,
        path.losses * len(y),
    ),
    "coefficients of the wrong sign": _limit(said=saying(betas=lambda p: -p.betas)),
    "tied units unsorted": _limit(
        said=saying(entered=lambda p: tuple(units[::-1] for units in p.entered))
    ),
    "a late loss is that of the saddle before": _limit(
        said=saying(losses=lambda p: np.append(p.losses[:1], p.losses[:-1])[: len(p.losses)])
    ),
    "state kept between calls": Remembering(),
    "data normalised in place": normalising_in_place,
    "raises on ties": raising,
}

# --- faults in matrix factorisation -------------------------------------------------------------


def clocks_start_anew(algorithm):
    """Dormant directions forget at each saddle how far they have grown."""

    def cost(state):
        right = algorithm.cost(state)
        return replace(right, clocks=np.full_like(right.clocks, -1.0))

    return replace(algorithm, cost=cost)


def tie_of_directions_dropped(algorithm):
    """Of equal eigenvalues only the first activates."""

    def jump(state, ring):
        return algorithm.jump(state, replace(ring, units=ring.units[:1]))

    return replace(algorithm, jump=jump)


_matrix = partial(mutant, saddles.greedy_low_rank, saddles._greedy_low_rank)


def no_descent(loss):
    """Each column has the best length along its eigenvector; the earlier ones stay as they were."""
    W = np.zeros((loss.size, loss.size))
    times, points, rates = [0.0], [W], []
    for _ in range(loss.size):
        values, vectors = np.linalg.eigh(-loss.gradient(W))
        if values[-1] <= 1e-9:
            break
        rates.append(values[-1])
        step = np.outer(vectors[:, -1], vectors[:, -1])
        bend = np.sum((loss.gradient(W + step) - loss.gradient(W)) * step)
        W = W + values[-1] / bend * step
        times.append(times[-1] + 1 / rates[-1])
        points.append(W)
    return times, points, [loss.value(W) for W in points]


def ranks_cut_at_two(loss):
    """Two columns at most."""
    return saddles.greedy_low_rank(loss, max_rank=2)


LOW_RANK = {
    "clocks start anew at each saddle": _matrix(clocks_start_anew),
    "earlier columns do not descend": no_descent,
    "one of equal eigenvalues": _matrix(tie_of_directions_dropped),
    "a factor 2 in time": _matrix(said=saying(times=lambda p: p.times / 2)),
    "loss of one triangle": _matrix(said=saying(losses=lambda p: p.losses / 2)),
    "factors for matrices": lambda loss: (
        (path := saddles.greedy_low_rank(loss)).times,
        [np.linalg.cholesky(W + 1e-3 * np.eye(len(W))) for W in path.betas],
        path.losses,
    ),
    "rank cut at two": ranks_cut_at_two,
}


def best_maps_of_each_rank(sigma_xx, sigma_yx):
    """Modes in the order of what they explain, clocks as published: Conjecture of the AGF paper."""
    best = sigma_yx @ np.linalg.pinv(sigma_xx)
    values, vectors = np.linalg.eigh(best @ sigma_yx.T)
    vectors, rank = vectors[:, ::-1], np.linalg.matrix_rank(sigma_yx)
    maps = [vectors[:, :k] @ vectors[:, :k].T @ best for k in range(rank + 1)]
    rates = [np.linalg.svd(sigma_yx - M @ sigma_xx, compute_uv=False) for M in maps[:-1]]
    times, delays = [0.0], []
    for k in range(1, rank + 1):
        ridden = sum(rates[i][k - i - 1] * delays[i] for i in range(k - 1))
        delays.append((1 - ridden) / rates[k - 1][0])
        times.append(times[-1] + delays[-1])
    return times, maps, [sum(values[::-1][k:]) / 2 for k in range(rank + 1)]


_network_mutant = partial(mutant, saddles.agf.linear, saddles.agf._linear)

LINEAR = {
    "clocks start anew at each saddle": _network_mutant(clocks_start_anew),
    "modes by what they explain": best_maps_of_each_rank,
    "maps transposed": _network_mutant(
        said=saying(betas=lambda p: np.array([M.T for M in p.betas]))
    ),
    "loss without the half": _network_mutant(said=saying(losses=lambda p: 2 * p.losses)),
    "times of half the loss": _network_mutant(said=saying(times=lambda p: 2 * p.times)),
}


# --- a solver of one's own ----------------------------------------------------------------------


def plain(X, y):
    """Pesme–Flammarion in a dozen lines, with scipy's non-negative least squares."""
    n, d = X.shape
    clocks, beta, tau = np.zeros(d), np.zeros(d), 0.0
    times, betas, sizes = [tau], [beta], np.linalg.norm(X, axis=0) * np.linalg.norm(y)
    while True:
        speed = X.T @ (y - X @ beta) / n
        speed[np.abs(speed) <= 1e-12 * sizes] = 0.0
        if not speed.any():
            residuals = y - np.array(betas) @ X.T
            return np.array(times), np.array(betas), np.sum(residuals**2, axis=1) / (2 * n)
        moving = speed != 0
        delay = np.min((np.sign(speed) - clocks)[moving] / speed[moving])
        assert math.isfinite(delay)
        tau, clocks = tau + delay, clocks + delay * speed
        held = np.flatnonzero(np.abs(clocks) > 1 - 1e-10)
        signs, beta = np.sign(clocks[held]), np.zeros(d)
        beta[held] = signs * nnls(X[:, held] * signs, y)[0]
        times.append(tau)
        betas.append(beta)
