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
from functools import cached_property
from typing import Any, cast

import numpy as np

from saddles._numerics.watch import OutOfTime
from saddles._result.certificate import Certificate
from saddles.alternation import Algorithm, Rest, Ring, trace
from saddles.optim._cost import (
    FALL,
    STEPPING,
    STEPS,
    Shown,
    Task,
    chosen_method,
    descend,
    growing_method,
    many_outputs,
)
from saddles.optim._descent import CostStep, Rested
from saddles.optim._losses import Squared
from saddles.optim._network import Network
from saddles.optim._polish import polished
from saddles.optim._samples import Samples
from saddles.optim._score import Score, betters
from saddles.optim._step import Settings, Step
from saddles.optim._utility import Ascent, checked_ascent, largest
from saddles.status import Status
from saddles.typing import Indices

__all__: list[str] = []

#: Cosine above which two directions are one: each would give the other's share of the residual.
APART = 0.95

#: Factor by which there are more starts while nothing is learnt: few may lead to a hidden signal.
WIDER = 16

#: Steps of L-BFGS in the last descent on many samples, which only corrects for those left out.
FEW = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found(Ring):
    """The neurons that become active: unit weights (m, p), and the utility of the first."""

    W: Any
    utility: float
    gradients: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _State:
    """A saddle, and what is remembered of those before; `entering` are unit weights (m, p).

    `came` are unit weights (H, p) of the active neurons as they became active, and `ahead` is the
    search for the next neuron, if it has been made already.
    """

    fit: Shown
    entering: Any
    came: Any
    stationarity: float
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
    ahead: Ascent | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """The alternation on given samples; `held` are those for validation.

    Neurons with unit weights `initial` are active at the start. `unit` is the constant of the
    biases.
    """

    settings: Settings
    task: Task
    held: Task | None
    floor: float
    single: bool
    unit: float
    initial: Any
    began: float = field(default_factory=time.process_time)

    @cached_property
    def samples(self) -> Samples:
        """Return how many samples each part works on."""
        return Samples(self.task, self.settings.batch_size, self.settings.seed)

    @cached_property
    def score(self) -> Score:
        """Return what chooses the width."""
        return Score(self.task, self.held, self.floor)

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
            X = np.concatenate([np.asarray(whole.X), np.asarray(self.held.X)])
            whole = replace(whole, X=X, Y=np.concatenate([whole.Y, self.held.Y]))
        W = step.network.unit_weights.astype(whole.X.dtype)
        method, many = chosen_method(self.settings.last, whole, W), self.samples.are_many
        if many and method in STEPPING and W.size and isinstance(whole.loss, Squared):
            return self._network(polished(whole, self.samples.largest, W))
        steps = FEW if many else STEPS
        end = descend(whole, whole.at(W), method, floor=self.floor, steps=steps, least=FALL)
        return self._network(end.fit)

    def _start(self) -> _State:
        task = self.samples.largest
        fit, none = task.at(self.initial), np.arange(0)
        if len(fit.W):
            method = growing_method(self.settings.growing, task, fit.W)
            fit = descend(task, fit, method, floor=self.floor).fit
        units = np.arange(len(fit.W))
        shown = self.task.shown(fit.W, fit.outputs) if self.samples.are_many else fit
        validation, score = self.score.of(shown)
        return _State(
            fit=shown,
            entering=fit.W[:0],
            came=fit.W,
            stationarity=task.stationarity(fit),
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
        found = self._search(state) if state.ahead is None else state.ahead
        growth, R = float(found.utilities[0]), task.loss.residual(state.fit.f, task.Y)
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

    def _search(self, state: _State) -> Ascent:
        """Return the directions with the largest utilities at a saddle."""
        settings, task, most = self.settings, self.task, self.samples.largest
        draw = np.random.default_rng([settings.seed, state.index])
        R = task.loss.residual(state.fit.f, task.Y)
        return checked_ascent(
            task.feature,
            task.X,
            R,
            self._starts(draw, state),
            criterion=settings.criterion,
            offset=task.offset,
            rows=self.samples.rows(task.X.shape[1]),
            others=(most.X, R[self.samples.chosen] if self.samples.are_many else R),
            draw=draw,
            chance=self._chance(),
            clear=self.samples.clear(state.fit.W.size),
        )

    def _chance(self) -> float:
        """Return the utility up to which growth ends, for there is only noise."""
        patient = self.settings.patience is None or self.settings.criterion != "decrease"
        return 0.0 if patient else self.samples.chance

    def _starts(self, draw: np.random.Generator, state: _State) -> Any:
        """Return where ascents begin: many more while jumps have not yet bettered the score."""
        given, p = self.settings.starts, self.task.X.shape[1]
        if isinstance(given, int):
            hidden = state.index > 0 and state.best[0] == 0
            given = draw.standard_normal((given * WIDER if hidden else given, p))
        return given.astype(self.task.X.dtype)

    def _jump(self, state: _State, ring: Ring) -> _State:
        assert isinstance(ring, _Found)
        return replace(
            state,
            entering=ring.W,
            came=np.concatenate([state.came, ring.W]),
            units=np.append(state.units, ring.units),
            entered=ring.units,
            index=state.index + 1,
            born=state.born + len(ring.W),
            utility=ring.utility,
            gradients=state.gradients + ring.gradients,
        )

    def _cost(self, state: _State) -> _State:
        for W in self._beginnings(state):
            at = self._descended(state, W)
            if at.fit.penalised < state.fit.penalised:
                break
            state = replace(state, gradients=at.gradients)
        return at

    def _beginnings(self, state: _State) -> list[Any]:
        """Return the unit weights from which a descent may begin, the first first.

        With many outputs a neuron is best where it came, and what a descent of fewer neurons made
        of it is worse to begin from.
        """
        here = np.concatenate([state.fit.W, state.entering])
        begins = self.settings.criterion == "decrease" and len(state.fit.W) > 0
        method = growing_method(self.settings.growing, self.task, here)
        anew = begins and method != "outputs" and many_outputs(self.settings.growing, self.task)
        return [state.came, here] if anew else [here]

    def _descended(self, state: _State, W: Any) -> _State:
        """Return the next saddle, after a descent that begins with these unit weights."""
        old, new = state.fit, state.entering
        step = CostStep(
            samples=self.samples,
            score=self.score,
            cost=self.settings.growing,
            least=self.settings.least,
            W=W,
            outputs=np.insert(old.outputs, [len(old.W)] * len(new), 0.0, axis=0),
            entered=len(new),
            limit=old.penalised,
            best=state.best[1],
        )
        rough = step.rough()
        if rough is not None and self._may_hurry(rough.fit, old.penalised):
            at = self._at(state, rough)
            ahead = self._search(at)
            if float(ahead.utilities[0]) > self.samples.clear(at.fit.W.size):
                return replace(at, ahead=ahead)
        return self._at(state, step.rested(rough))

    def _may_hurry(self, fit: Shown, limit: float) -> bool:
        """Whether the next neuron may come before this cost has been minimised on many samples."""
        wanted = self.samples.are_many and self.settings.criterion == "decrease"
        grows = len(fit.W) < self.settings.max_neurons
        return wanted and grows and self.floor < fit.penalised < limit

    def _at(self, state: _State, end: Rested) -> _State:
        """Return the saddle at which a cost step has ended."""
        validation, score = self.score.of(end.fit)
        units = state.units[end.kept]
        gone = np.setdiff1d(state.units, units)
        return replace(
            state,
            fit=end.fit,
            entering=state.entering[:0],
            ahead=None,
            stationarity=end.stationarity,
            units=units,
            came=state.came[end.kept],
            entered=np.setdiff1d(state.entered, gone),
            left=np.setdiff1d(gone, state.entered),
            validation=validation,
            score=score,
            best=(state.index, score) if betters(score, state.best[1]) else state.best,
            gradients=state.gradients + end.gradients,
        )

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
            certificate=Certificate(stationarity=state.stationarity, violation=0.0),
            network=self._network(state.fit),
            utility=state.utility,
            penalised=state.fit.penalised,
            validation=state.validation,
            score=state.score,
            gradients=state.gradients,
            seconds=time.process_time() - self.began,
        )

    def _network(self, fit: Shown) -> Network:
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


def _apart(W: Any, count: int) -> Any:
    """Return the first unit weights of which no two are nearly parallel."""
    kept: list[int] = []
    for i, w in enumerate(W):
        if len(kept) < count and (W[kept] @ w < APART).all():
            kept.append(i)
    return W[kept]
