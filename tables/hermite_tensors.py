"""Tensors in Hermite degree p: the nearest index vector, and when index vectors are too close."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import quad
from scipy.optimize import brentq

import saddles
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: Degree of the tensor, its weights, number of inputs, of neurons, and their seed.
P, WEIGHTS, D, WIDTH, SEED = 3, (1.0, 0.8, 0.6), 12, 12, 1
#: The flow: log(alpha), its local error and how far it goes beyond the last jump.
LOG_ALPHA, RTOL, BEYOND = -6.0, 1e-8, 1.05
#: Degrees and numbers of index vectors at equal angles.
DEGREES, VECTORS = (3, 4, 6), (2, 3, 5)
#: A chain of integrals against AGF's steps; the flow at a finite scale; a bisection.
CLOSED, FLOW, BISECTED = 1e-7, 1e-3, 1e-9


def build() -> Table:
    """Return the table."""
    (tensor, jumps), (critical, overlaps) = _jumps(), _overlaps()
    return Table(
        name="hermite_tensors",
        title="Hermite tensors: the nearest index vector, and merging ones",
        text=(
            "Which index vector does a neuron learn, and when? In the first rows the target is "
            f"He_{P}(z_1) + 0.8 He_{P}(z_2) + 0.6 He_{P}(z_3) of {D} inputs. {WIDTH} neurons a "
            f"|w|^{P} He_{P} start balanced in random directions. In the time s with ds = a dt, "
            "the coordinates of a neuron do not influence each other. A neuron goes to the "
            "component j with the largest weight_j v_j^(p-2), which is the nearest index vector "
            "if weights are equal. Its time is an integral of 1/a(s). After each jump this "
            "integral goes on with one component fewer.\n\n"
            "In the last rows r index vectors have equal overlaps b with each other. If b is "
            "above (p-2)/(r+p-2), their mean attracts neurons, so that the index vectors are not "
            "told apart (arXiv:2411.08798). The package's value is the b at which the largest of "
            "`splitting_rates` equals the growth, found by bisection.\n\n"
            "The closed form is a scaled time t alpha^2, or an overlap. The next two columns are "
            "relative differences from it: of AGF or the bisection, and of gradient flow at "
            f"log(alpha) = {LOG_ALPHA:g}, halfway down each drop. The last column is the loss "
            "after the jump."
        ),
        frame=pd.concat([tensor, critical], ignore_index=True),
        checks=(*jumps, overlaps),
    )


def _jumps() -> tuple[pd.DataFrame, list[Check]]:
    """Return a row per jump towards a tensor's component, and how far the jumps are off."""
    target = saddles.agf.HermiteTarget(
        {tuple(P * row): w for row, w in zip(np.eye(len(WEIGHTS), dtype=int), WEIGHTS, strict=True)}
    )
    students = saddles.agf.Spherical(P, _hermite(P))
    path = saddles.agf.multi_index(target, D, activation=students, width=WIDTH, seed=SEED)
    race = _Race(path.init[:, 0], path.init[:, 1:])
    jumps = [race.jump() for _ in WEIGHTS]
    times = [time for time, _, _ in jumps]
    levels = [math.factorial(P) / 2 * sum(np.square(WEIGHTS)[rest]) for rest in race.left]
    flow = saddles.flow.neurons(
        path.network, path.init, log_alpha=LOG_ALPHA, until=BEYOND * times[-1], rtol=RTOL
    )
    measured = flow.crossing_times((path.losses[:-1] + path.losses[1:]) / 2)
    went = [(units.tolist(), int(np.abs(v[-1]).argmax())) for units, v in _new(path)]
    missed = sum(
        found != ([neuron], part) for found, (_, neuron, part) in zip(went, jumps, strict=True)
    )
    frame = pd.DataFrame(
        {
            "what": [f"jump of neuron {neuron} to component {part}" for _, neuron, part in jumps],
            "closed form": times,
            "package": bounded(path.times[1:], times, CLOSED),
            "flow": bounded(measured, times, FLOW),
            "loss": path.losses[1:].round(9),
        }
    )
    return frame, [
        Check("jump times against the closed form", worst(path.times[1:], times), CLOSED),
        Check("jumps of another neuron or component", float(missed), 0.0),
        Check("levels", worst(path.losses[1:-1], levels[1:-1]), CLOSED),
        Check("flow's jump times", worst(measured, times), FLOW),
    ]


def _overlaps() -> tuple[pd.DataFrame, Check]:
    """Return a row per number of index vectors at equal angles, and how far overlaps are off."""
    angles = [(p, r, (p - 2) / (r + p - 2), _critical(p, r)) for p in DEGREES for r in VECTORS]
    laws, roots = np.array(angles)[:, 2:].T
    frame = pd.DataFrame(
        {
            "what": [f"critical overlap, p = {p}, r = {r}" for p, r, _, _ in angles],
            "closed form": laws,
            "package": bounded(roots, laws, BISECTED),
            "flow": "",
            "loss": np.nan,
        }
    )
    return frame, Check("critical overlaps", worst(roots, laws), BISECTED)


def _hermite(p: int) -> tuple[float, ...]:
    return (*[0.0] * p, 1.0)


def _new(path: Any) -> list[tuple[Array, Array]]:
    """Return the units that each jump adds, and their overlaps."""
    pairs = zip(path.active[:-1], path.active[1:], path.overlaps[1:], strict=True)
    return [
        (added := np.setdiff1d(after, before), overlaps[np.isin(after, added)])
        for before, after, overlaps in pairs
    ]


class _Race:
    """Neurons on Σ_j λ_j w_j^p, p = 3: w_j(s) = w_j/(1 − 18 λ_j w_j s), ds = a dt."""

    def __init__(self, a: Array, w: Array) -> None:
        r = len(WEIGHTS)
        self.w, self.rest = np.sign(a)[:, None] * w[:, :r], np.sum(w[:, r:] ** 2, axis=1)
        self.weights, self.time, self.gone = np.array(WEIGHTS), 0.0, np.zeros(len(a), dtype=bool)
        self.left = [list(range(r))]

    def _rates(self, i: int) -> Array:
        return np.asarray(math.factorial(P) * P * (P - 2) * self.weights * self.w[i])

    def _later(self, i: int, s: float) -> Array:
        return np.asarray(self.w[i] / (1 - self._rates(i) * s), dtype=float)

    def _delay(self, i: int, end: float) -> float:
        """Return the scaled time from now until s = `end`."""

        def slowness(s: float) -> float:
            return math.sqrt(P / float(np.sum(self._later(i, s) ** 2) + self.rest[i]))

        return float(quad(slowness, 0.0, end, epsabs=1e-14, epsrel=1e-12, limit=200)[0])

    def jump(self) -> tuple[float, int, int]:
        """Return the next time, neuron and component, and move to it."""
        ends = np.array([1 / max(self._rates(i).max(), 1e-300) for i in range(len(self.w))])
        delays = np.array([math.inf if g else self._delay(i, ends[i]) for i, g in self._all()])
        first, delay = int(delays.argmin()), float(delays.min())
        part = int(self._rates(first).argmax())
        for i in range(len(delays)):
            if self.gone[i] or i == first:
                continue
            s = brentq(lambda x, i=i: self._delay(i, x) - delay, 0.0, ends[i], xtol=1e-15)
            self.w[i] = self._later(i, s)
        self.gone[first], self.weights[part] = True, 0.0
        self.time += delay
        self.left.append([j for j in self.left[-1] if j != part])
        return self.time, first, part

    def _all(self) -> list[tuple[int, bool]]:
        return list(enumerate(self.gone.tolist()))


def _critical(p: int, r: int) -> float:
    """Return the overlap of r index vectors at which their mean begins to attract neurons."""

    def excess(overlap: float) -> float:
        rows = np.linalg.cholesky((1 - overlap) * np.eye(r) + overlap)
        target = saddles.agf.HermiteTarget.teacher(np.ones(r), rows)
        network = saddles.agf.MultiIndex(target, activation=saddles.agf.Spherical(1, _hermite(p)))
        mean = np.append(np.linalg.norm(rows.sum(axis=0)), rows.sum(axis=0))
        found = saddles.agf.splitting_rates(network, np.empty((0, 1 + r)), mean)
        return float(found.rates[0] - found.growth)

    return float(brentq(excess, 0.01, 0.99, xtol=1e-14))
