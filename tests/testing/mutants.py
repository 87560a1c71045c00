"""Solvers with one planted fault each, to try the laws on.

Faults in paths of diagonal networks are planted in the steps of `plain_path`, a plain copy of the
algorithm; those in matrix factorisation in a step of the `Algorithm` record, whose certificates
are silenced, so that only the laws can find it; others in what the path says.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from types import SimpleNamespace
from unittest import mock

import numpy as np

import saddles
import saddles._matrix.agf_linear
import saddles._matrix.greedy_low_rank
from saddles import alternation
from saddles._result.certificate import Certificate
from tests.testing.plain_path import PlainPath, solver

Mutation = Callable[[alternation.Algorithm], alternation.Algorithm]


@contextmanager
def planted(module, mutate: Mutation):
    """Let the solver of a module run a changed algorithm, uncertified."""

    def solve(algorithm, **given):
        changed = mutate(algorithm)

        def uncertified(state):
            saddle = changed.saddle(state)
            return replace(saddle, certificate=Certificate(stationarity=0.0, violation=0.0))

        return alternation.solve(
            replace(changed, saddle=uncertified), **(given | {"on_failure": "return"})
        )

    with mock.patch.object(module, "solve", solve):
        yield


def mutant(function, module, mutate: Mutation = lambda a: a, said=lambda path: path):
    """Return a solver whose algorithm or words are changed."""

    @wraps(function)
    def changed(*data, **keywords):
        with planted(module, mutate), np.errstate(divide="ignore"):
            path = function(*data, **keywords)
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


class MissedDeactivation(PlainPath):
    """Least squares on all coordinates at a boundary, whatever the signs: none ever leaves."""

    def minimise(self, signs):
        return self.fitted(self.y, np.flatnonzero(signs))

    def shorten(self, beta, signs):
        return beta


class DroppedTie(PlainPath):
    """Of clocks that ring together only the first counts."""

    def descend(self, clocks, before):
        signs = self.signs(clocks)
        new = np.flatnonzero((signs != 0) & (before == 0))
        signs[new[1:]] = 0.0
        return self.shorten(self.minimise(signs), signs), clocks


class WrongConstantInAClock(PlainPath):
    """A clock that runs back is thought to run half as fast again."""

    def delay(self, clocks, speeds):
        return super().delay(clocks, self.hasty(clocks, speeds))

    def advance(self, clocks, speeds, delay):
        return super().advance(clocks, self.hasty(clocks, speeds), delay)

    def hasty(self, clocks, speeds):
        return np.where(clocks * speeds < 0, 1.5 * speeds, speeds)


class StaleResidual(PlainPath):
    """Clocks run on with the speed of the phase before the last descent."""

    last = None

    def speeds(self, beta):
        now = super().speeds(beta)
        stale = now if self.last is None else np.where((beta != 0) | (now == 0), 0.0, self.last)
        self.last = now
        return stale

    def shorten(self, beta, signs):
        return beta


class ClockResetWhenAUnitLeaves(PlainPath):
    """A coordinate that returns to zero starts its clock anew, instead of at the boundary."""

    def descend(self, clocks, before):
        beta, clocks = super().descend(clocks, before)
        return beta, np.where((before != 0) & (beta == 0), 0.0, clocks)


class NoNegativeBoundary(PlainPath):
    """Negative coefficients are not thought of."""

    def __init__(self, X, y, upper, lower):
        super().__init__(X, y, upper, np.full_like(lower, np.inf))

    def advance(self, clocks, speeds, delay):
        clocks = clocks + delay * speeds
        return np.where(np.abs(clocks - self.upper) < 1e-11, self.upper, clocks)


class MissingMinimumNorm(PlainPath):
    """Coefficients that are not unique are left as the active set found them."""

    def shorten(self, beta, signs):
        return beta


class EndsTooSoon(PlainPath):
    """Training stops once a tenth of the first loss is left."""

    def speeds(self, beta):
        left = np.sum((self.y - self.X @ beta) ** 2) < 0.1 * np.sum(self.y**2)
        return np.zeros_like(beta) if left else super().speeds(beta)


class AbsoluteTolerance(PlainPath):
    """Speeds below 1e-8 count as zero, in whatever units the data are."""

    def speeds(self, beta):
        speeds = super().speeds(beta)
        return np.where(np.abs(speeds) < 1e-8, 0.0, speeds)


class OnlyWhoRangMayMove(PlainPath):
    """The descent keeps what was learnt before, and fits what is left with the new coordinates."""

    def descend(self, clocks, before):
        signs = np.where(before == 0, self.signs(clocks), 0.0)
        part = PlainPath(self.X, self.y - self.X @ before, self.upper, self.lower)
        return before + part.minimise(signs), clocks


class ClocksWithoutTheirPast(PlainPath):
    """Clocks that did not ring start anew after each jump."""

    def descend(self, clocks, before):
        beta, clocks = super().descend(clocks, before)
        return beta, np.where(self.signs(clocks) != 0, clocks, 0.0)


class Remembering:
    """A solver that starts where the last problem of the same size ended."""

    def __init__(self):
        self.offset = 0.0

    def __call__(self, X, y):
        path = plain(X, y)
        times, self.offset = path.times + self.offset * (path.times > 0), 1e-3
        return times, path.betas, path.losses


def one_jump_too_many(X, y, *, max_jumps=None):
    """Off by one in max_jumps."""
    return plain(X, y, max_jumps=None if max_jumps is None else max_jumps + 1)


def normalising_in_place(X, y):
    """Columns are brought to unit norm, the caller's too."""
    norms = np.linalg.norm(X, axis=0)
    X /= np.where(norms > 0, norms, 1.0)
    return plain(X, y)


def raising(X, y):
    """An error where two coefficients become non-zero together."""
    path = plain(X, y)
    for units in path.entered[1:]:
        units.item() if units.size else None
    return path


def worded(said):
    """Return the right solver, whose words are changed; it takes X and y only."""
    return lambda X, y: said(plain(X, y))


#: The right one: what is found below is the fault.
plain = solver()

STEPS = {
    "missed deactivation": MissedDeactivation,
    "a tie dropped": DroppedTie,
    "wrong constant in a clock": WrongConstantInAClock,
    "stale residual": StaleResidual,
    "clock reset when a unit leaves": ClockResetWhenAUnitLeaves,
    "no negative boundary": NoNegativeBoundary,
    "missing minimum norm": MissingMinimumNorm,
    "ends too soon": EndsTooSoon,
    "absolute tolerance": AbsoluteTolerance,
    "earlier coefficients do not descend": OnlyWhoRangMayMove,
    "clocks without their past": ClocksWithoutTheirPast,
}

WORDS = {
    "times not accumulated": saying(times=lambda p: np.diff(p.times, prepend=0.0)),
    "coefficients of the wrong sign": saying(betas=lambda p: -p.betas),
    "tied units unsorted": saying(entered=lambda p: [units[::-1] for units in p.entered]),
    "a late loss is that of the saddle before": saying(
        losses=lambda p: np.append(p.losses[:1], p.losses[:-1])[: len(p.losses)]
    ),
}

DIAGONAL = {
    **{fault: solver(steps) for fault, steps in STEPS.items()},
    **{fault: worded(said) for fault, said in WORDS.items()},
    "off by one in max_jumps": one_jump_too_many,
    "times of the sum loss": lambda X, y: saying(times=lambda p: p.times / len(y))(plain(X, y)),
    "loss without the factor 1/n": lambda X, y: saying(losses=lambda p: p.losses * len(y))(
        plain(X, y)
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
        if not hasattr(right, "clocks"):  # what is seen in full needs none
            return right
        return replace(right, clocks=np.full_like(right.clocks, -1.0))

    return replace(algorithm, cost=cost)


def tie_of_directions_dropped(algorithm):
    """Of equal eigenvalues only the first activates."""

    def jump(state, ring):
        return algorithm.jump(state, replace(ring, units=ring.units[:1]))

    return replace(algorithm, jump=jump)


_matrix = partial(mutant, saddles.greedy_low_rank, saddles._matrix.greedy_low_rank)


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


_network_mutant = partial(mutant, saddles.agf.linear, saddles._matrix.agf_linear)

LINEAR = {
    "clocks start anew at each saddle": _network_mutant(clocks_start_anew),
    "modes by what they explain": best_maps_of_each_rank,
    "maps transposed": _network_mutant(
        said=saying(betas=lambda p: np.array([M.T for M in p.betas]))
    ),
    "loss without the half": _network_mutant(said=saying(losses=lambda p: 2 * p.losses)),
    "times of half the loss": _network_mutant(said=saying(times=lambda p: 2 * p.times)),
}
