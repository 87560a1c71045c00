"""One run of the trainer: the five functions that the loop of `saddles.alternation` asks for.

================  ====================================================================
code name         symbol
================  ====================================================================
``fit``           unit weights, outputs and their cost on the samples
``units``         numbers of the active neurons, in the order in which they came
``limit``         cost of the saddle before
``best``          the last jump that clearly bettered the score, and its score
================  ====================================================================
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from saddles._numerics.watch import OutOfTime
from saddles._result.certificate import Certificate
from saddles._result.path import Saddle
from saddles.alternation import Algorithm, Rest, Ring, trace
from saddles.optim._back import Back, step_back
from saddles.optim._cost import FALL, SMALL, STEPS, Fit, Task, chosen_method, descend
from saddles.optim._losses import Squared
from saddles.optim._network import Network
from saddles.optim._utility import checked_ascent, largest
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["Step"]

#: Cosine above which two directions are one: each would give the other's share of the residual.
APART = 0.95

#: Parameters that a unit weight counts for: it is fitted, and chosen among many directions. The
#: same factor serves knots in multivariate adaptive regression splines (Friedman, 1991).
CHOSEN = 2


#: Share by which a score must be better to count: it is no more certain than that.
PROGRESS = 0.01

#: Factor by which there are more starts while nothing is learnt: few may lead to a hidden signal.
WIDER = 16

#: Steps of the last descent on many samples, which only corrects for those left out before.
FEW = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """What the user asked for; see `AGF`."""

    max_neurons: int
    starts: int | Array
    criterion: str
    cost: str
    ridge: float
    per_jump: int
    patience: int | None
    batch_size: int
    seed: int

    @property
    def least(self) -> float:
        """Return how finely costs descend: whoever follows utilities looks at the saddles."""
        return FALL if self.criterion == "utility" else SMALL

    def check_starts(self, size: int) -> None:
        """Raise unless starts that are given have `size` entries each."""
        if isinstance(self.starts, np.ndarray) and self.starts.shape[1] != size:
            raise ValueError(
                f"starts has shape {self.starts.shape}; unit weights have {size} entries here, so "
                f"it must be (S, {size}): the columns of X, and one more for the bias if there is "
                "one."
            )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Step(Saddle):
    """One saddle of the trainer: `time` counts jumps, and `beta` is f on the samples (n, c).

    Attributes
    ----------
    network : Network
        The network there.
    utility : float
        Utility of the neuron that became active; 0 at the start.
    penalised : float
        The loss with its penalty. Every jump lowers it, or reaches a new best score.
    validation : float or None
        Loss on the validation samples, if there are any.
    score : float
        Validation loss; without one, the loss that generalised cross-validation expects.
    gradients : int
        Gradients of single neurons so far, each over all samples used.
    seconds : float
        Processor time so far.
    """

    network: Network
    utility: float
    penalised: float
    validation: float | None
    score: float
    gradients: int
    seconds: float

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return len(self.active)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found(Ring):
    """The neurons that become active: unit weights (m, p), and the utility of the first."""

    W: Any
    utility: float
    gradients: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """A saddle, and what is remembered of those before."""

    fit: Fit
    units: Indices
    entered: Indices
    left: Indices
    validation: float | None
    score: float
    best: tuple[int, float]
    index: int = 0
    born: int = 0
    utility: float = 0.0
    gradients: int = 0
    limit: float = math.inf


@dataclass(frozen=True, eq=False)
class Run:
    """The alternation on given samples; `held` are those for validation.

    Of many samples, neurons descend on `some`, and all confirm that the cost has fallen. Neurons
    with unit weights `initial` are active at the start. `unit` is the constant of the biases.
    """

    settings: Settings
    task: Task
    some: Task
    held: Task | None
    floor: float
    single: bool
    unit: float
    initial: Any
    began: float = field(default_factory=time.process_time)

    def algorithm(self) -> Algorithm[_State]:
        """Return the functions of the loop."""
        return Algorithm(
            name="AGF trainer",
            source="Kunin et al. (2025), arXiv:2506.06489, Algorithm 1, made greedy",
            start=self._start,
            utility=self._utility,
            jump=self._jump,
            cost=self._cost,
            saddle=self._saddle,
            kind="outputs",
        )

    def steps(self) -> Generator[Step, None, Status]:
        """Yield the saddles, and return why there are no more."""
        return cast(Generator[Step, None, Status], trace(self.algorithm()))

    def trained(self) -> tuple[tuple[Step, ...], Status, Network]:
        """Return all saddles, why there are no more, and the network that is best."""
        track, path = self.steps(), []
        try:
            while True:
                path.append(next(track))
        except StopIteration as end:
            status = end.value
        except OutOfTime as over:
            if not path:
                raise
            status = over.status
        return tuple(path), status, self._refitted(self._chosen(path))

    def _chosen(self, path: list[Step]) -> Step:
        """Return the saddle with the best score; one at the floor has nothing left to learn."""
        if self.settings.patience is None or path[-1].loss <= self.floor:
            return path[-1]
        return min(path, key=lambda step: step.score)

    def _refitted(self, step: Step) -> Network:
        """Return a network after a last, finer descent on all samples, also those held out."""
        whole = self.task
        if self.held is not None:
            X = np.concatenate([whole.X, self.held.X])
            whole = replace(whole, X=X, Y=np.concatenate([whole.Y, self.held.Y]))
        fit = whole.at(step.network.unit_weights.astype(whole.X.dtype))
        method = chosen_method(self.settings.cost, whole, fit.W)
        steps = STEPS if len(fit.f) <= self.settings.batch_size else FEW
        end = descend(whole, fit, method, floor=self.floor, steps=steps, least=FALL)
        return self._network(end.fit)

    def _start(self) -> _State:
        fit, none = self.task.at(self.initial), np.arange(0)
        if len(fit.W):
            method = chosen_method(self.settings.cost, self.task, fit.W)
            fit = descend(self.task, fit, method, floor=self.floor).fit
        units = np.arange(len(fit.W))
        validation, score = self._scores(fit)
        return _State(
            fit=fit,
            units=units,
            entered=units,
            left=none,
            born=len(units),
            validation=validation,
            score=score,
            best=(0, score),
        )

    def _utility(self, state: _State) -> Ring | Rest | Status:
        settings, task = self.settings, self.task
        if state.fit.penalised <= self.floor:
            return Status.CONVERGED if state.index else Status.NOTHING_TO_LEARN
        left = settings.max_neurons - len(state.units)
        if left <= 0:
            return Status.MAX_RANK
        if settings.patience is not None and state.index - state.best[0] >= settings.patience:
            return Status.NO_GAIN
        R = task.loss.residual(state.fit.f, task.Y)
        draw = np.random.default_rng([settings.seed, state.index])
        found = checked_ascent(
            task.feature,
            task.X,
            R,
            self._starts(draw, state),
            criterion=settings.criterion,
            offset=task.offset,
            rows=settings.batch_size,
            draw=draw,
            chance=self._chance(),
        )
        growth = float(found.utilities[0])
        least = math.sqrt(np.finfo(task.X.dtype).eps) * largest(settings.criterion, task.X, R)
        if not growth > least:
            # Starts that were given say nothing of directions that they do not lead to.
            searched = isinstance(settings.starts, int)
            return Rest(growth=growth, least=least) if searched else Status.NO_GROWTH
        if growth <= self._chance():
            return Status.NO_GAIN
        W = _apart(found.W, min(settings.per_jump, left))
        units = state.born + np.arange(len(W))
        return _Found(delay=1.0, units=units, W=W, utility=growth, gradients=found.gradients)

    def _chance(self) -> float:
        """Return the utility that noise has, where only some of many samples are ascended on.

        Its square is the share of the squared loss that the parameters of one neuron take away from
        noise. No descent on some samples could tell such a decrease from noise.
        """
        patient = self.settings.patience is None or self.settings.criterion != "decrease"
        if self.some is self.task or patient or not isinstance(self.task.loss, Squared):
            return 0.0
        n, p = self.task.X.shape
        return math.sqrt(CHOSEN * p / n)

    def _starts(self, draw: np.random.Generator, state: _State) -> Any:
        """Return where ascents begin: many more while jumps have not yet bettered the score."""
        given, p = self.settings.starts, self.task.X.shape[1]
        if isinstance(given, int):
            hidden = state.index > 0 and state.best[0] == 0
            given = draw.standard_normal((given * WIDER if hidden else given, p))
        return given.astype(self.task.X.dtype)

    def _jump(self, state: _State, ring: Ring) -> _State:
        assert isinstance(ring, _Found)
        outputs = np.insert(state.fit.outputs, [len(state.units)] * len(ring.W), 0.0, axis=0)
        return replace(
            state,
            fit=self.task.at(np.concatenate([state.fit.W, ring.W]), outputs),
            units=np.append(state.units, ring.units),
            entered=ring.units,
            index=state.index + 1,
            born=state.born + len(ring.W),
            utility=ring.utility,
            gradients=state.gradients + ring.gradients,
            limit=state.fit.penalised,
        )

    def _cost(self, state: _State) -> _State:
        end = self._descended(self.some, state)
        if self.some is not self.task:
            whole = self.task.at(end.fit.W, end.fit.outputs)
            end = replace(end, fit=whole)
            if not whole.penalised < state.limit:
                end = self._descended(self.task, state)
        validation, score = self._scores(end.fit)
        units = state.units[end.kept]
        gone = np.setdiff1d(state.units, units)
        return replace(
            state,
            fit=end.fit,
            units=units,
            entered=np.setdiff1d(state.entered, gone),
            left=np.setdiff1d(gone, state.entered),
            validation=validation,
            score=score,
            best=(state.index, score) if _betters(score, state.best[1]) else state.best,
            gradients=state.gradients + end.gradients,
        )

    def _descended(self, task: Task, state: _State) -> Back:
        """Return the network after the descent and the step back, on these samples."""
        fit, before = state.fit, state.limit
        if task is not self.task:
            fit = task.at(fit.W, fit.outputs)
            before = task.at(fit.W[: -len(state.entered)]).penalised
        method = chosen_method(self.settings.cost, task, fit.W)
        end = descend(task, fit, method, floor=self.floor, least=self.settings.least)
        back = step_back(
            task,
            end.fit,
            method,
            floor=self.floor,
            passes=lambda small, large: self._passes(small, large, before, state.best[1]),
            goal=lambda large: self._goal(large, before, state.best[1]),
        )
        return replace(back, gradients=end.gradients + back.gradients)

    def _passes(self, small: Fit, large: Fit, limit: float, best: float) -> bool:
        """Whether a smaller network does as well as a larger one, and better than those before.

        It is better with a cost below `limit`, that of the saddle before, or with a new best score.
        One of the two falls in every jump, so no network comes twice.
        """
        if small.penalised <= self.floor:
            return True
        score = self._scores(small)[1]
        return score <= self._scores(large)[1] and (
            small.penalised < limit or _betters(score, best)
        )

    def _scores(self, fit: Fit) -> tuple[float | None, float]:
        """Return the validation loss, if there is one, and the score."""
        if self.held is not None:
            held = self.held
            loss = held.loss.value(held.features(fit.W) @ fit.outputs, held.Y)
            return loss, loss
        return None, self.task.loss.expected(fit.loss, self._parameters(fit), *fit.f.shape)

    def _parameters(self, fit: Fit, fewer: int = 0) -> int:
        """Return the parameters that a network's score counts, less those of some neurons."""
        (H, p), c = fit.W.shape, fit.f.shape[1]
        return int((H - fewer) * (CHOSEN * (p - 1) + c) + self.task.offset * c)

    def _goal(self, large: Fit, limit: float, best: float) -> float:
        """Return the largest cost with which one neuron less may pass, as far as that is known."""
        if self.held is not None:
            return limit
        size, shape = self._parameters(large, fewer=1), large.f.shape
        penalty = CHOSEN * (large.penalised - large.loss)
        as_well, new = (
            self.task.loss.allowed(score, size, *shape) + penalty
            for score in (self._scores(large)[1], best)
        )
        return min(as_well, max(limit, new))

    def _saddle(self, state: _State) -> Step:
        return Step(
            index=state.index,
            time=float(state.index),
            beta=state.fit.f,
            loss=state.fit.loss,
            dual=None,
            active=state.units,
            entered=state.entered,
            left=state.left,
            certificate=Certificate(stationarity=self.task.stationarity(state.fit), violation=0.0),
            network=self._network(state.fit),
            utility=state.utility,
            penalised=state.fit.penalised,
            validation=state.validation,
            score=state.score,
            gradients=state.gradients,
            seconds=time.process_time() - self.began,
        )

    def _network(self, fit: Fit) -> Network:
        bias, H = self.task.offset, len(fit.W)
        W = fit.W.astype(np.float64)
        return Network(
            feature=self.task.feature,
            weights=W[:, :-1] if bias else W,
            biases=self.unit * W[:, -1] if bias else np.zeros(H),
            outputs=fit.outputs[:H],
            offset=fit.outputs[-1] if bias else np.zeros(fit.outputs.shape[1]),
            bias=bias,
            unit=self.unit,
            single=self.single,
        )


def _betters(score: float, best: float) -> bool:
    """Whether a score is so much better than the best one that growth should go on."""
    return score < (1 - PROGRESS) * best


def _apart(W: Any, count: int) -> Any:
    """Return the first unit weights of which no two are nearly parallel."""
    kept: list[int] = []
    for i, w in enumerate(W):
        if len(kept) < count and (W[kept] @ w < APART).all():
            kept.append(i)
    return W[kept]
