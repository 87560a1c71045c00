"""Gradient flow of a matrix in plain float64, which loses its way as alpha shrinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import saddles
from reference.matrix_flow import mpmath_flow, runge_kutta
from tables.table import Check, Table

#: Between e^-30 and e^-70, how wrong float64 is depends on how the machine rounds.
LOG_ALPHAS = (-5.0, -10.0, -20.0, -30.0, -70.0)
#: A step of 0.02 leaves less than this of a jump of rate 3; an error below it is none.
STEP, RIGHT = 2e-2, 1e-5
#: Rates are of order one, and so is an error that means another curve.
WRONG = 1e-2
#: Physical time between samples of the loss, so that a polynomial through the samples is right
#: to 1e-9, and from the predicted last jump, in the limit, to the last sample.
SAMPLE, POINTS, AFTER = 0.25, 12, 12.0


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A matrix, the entries that are seen, and what the limit of small alpha predicts."""

    name: str
    M: np.ndarray
    mask: np.ndarray
    path: saddles.SaddlePath

    @property
    def start(self) -> np.ndarray:
        """Initial weights over alpha."""
        return np.random.default_rng(0).standard_normal(self.M.shape)

    @property
    def middle(self) -> float:
        """Scaled time in the middle of the last plateau before the end."""
        return float(self.path.times[-2:].mean())

    @property
    def level(self) -> float:
        """Loss at which half of the last jump is done."""
        return float(self.path.losses[-2:].mean())

    def gradient(self, W: Any) -> Any:
        """Return the gradient of the loss, for any kind of number."""
        return self.mask * (W - self.M)

    def losses(self, W: np.ndarray) -> np.ndarray:
        """Return the losses (m,) of W (m, d, d)."""
        return np.asarray(np.sum(self.mask * (W - self.M) ** 2, axis=(1, 2)) / 2)

    def sampled(self, log_alpha: float, start: float) -> np.ndarray:
        """Return scaled times from `start` to past the last jump, and the middle."""
        end = float(self.path.times[-1]) - AFTER / log_alpha
        taus = np.arange(start, end, SAMPLE / -log_alpha)
        return np.unique(np.append(taus, self.middle))


#: What is found at an alpha: W in the middle of the last plateau, and the last jump's time.
Found = tuple[np.ndarray, float]


def float64(problem: Problem, log_alpha: float) -> Found:
    """Classical Runge-Kutta in the weights."""
    taus = problem.sampled(log_alpha, 0.0)
    W = runge_kutta(problem.gradient, problem.start, log_alpha, taus, STEP)
    return _read(problem, taus, W)


def multiprecision(problem: Problem, log_alpha: float) -> Found:
    """Taylor series in mpmath."""
    taus = problem.sampled(log_alpha, problem.path.times[-2])
    return _read(problem, taus, mpmath_flow(problem.gradient, problem.start, log_alpha, taus))


def closed_form(problem: Problem, log_alpha: float) -> Found:
    """`saddles.flow.full`."""
    flow = saddles.flow.full(problem.M, log_alpha=log_alpha, initial=problem.start)
    return flow.at(problem.middle), float(flow.crossing_times([problem.level])[0])


def graded(problem: Problem, log_alpha: float) -> Found:
    """`saddles.flow.matrix`."""
    loss = saddles.MatrixCompletion(problem.M, problem.mask == 1)
    until = float(problem.path.times[-1]) - AFTER / log_alpha
    flow = saddles.flow.matrix(loss, log_alpha=log_alpha, initial=problem.start, until=until)
    return flow.at(problem.middle), float(flow.crossing_times([problem.level])[0])


#: The flows that are put to the test; an entry is a pair of columns.
FLOWS: dict[str, Callable[[Problem, float], Found]] = {"float64": float64, "graded": graded}


def build() -> Table:
    """Return the table."""
    rows, gaps, errors = [], [], []
    for problem in _problems():
        for log_alpha in LOG_ALPHAS:
            exact, gap = _exact(problem, log_alpha)
            gaps.append(gap)
            row = {"problem": problem.name, "log alpha": log_alpha, "last jump": exact[1]}
            for name, flow in FLOWS.items():
                W, time = flow(problem, log_alpha)
                error = float(np.abs(W - exact[0]).max()), abs(time / exact[1] - 1)
                errors.append((name, log_alpha, max(error)))
                row |= {f"W, {name}": _bin(error[0]), f"last jump, {name}": _bin(error[1])}
            rows.append(row)
    frame = pd.DataFrame(rows)
    frame["last jump"] = [float(f"{time:.7g}") for time in frame["last jump"]]
    large = max(error for name, scale, error in errors if name == "float64" and scale >= -20)
    always = max(error for name, _, error in errors if name == "graded")
    small = min(error for name, scale, error in errors if name == "float64" and scale <= -70)
    return Table(
        name="naive_flow",
        title="Plain gradient flow in float64, and the graded flow",
        text=(
            "Where does plain float64 fail? U' = -grad f(UU') U from U = alpha G with G "
            "Gaussian, for a matrix whose entries are all observed (eigenvalues 3, 1, 0.4) and "
            "for one of which two entries and their mirror images are hidden. Columns: errors "
            "of W = UU' in the middle of the last plateau, and of the scaled time of the last "
            "jump, both relative. Exact values come from the closed form if all entries are "
            "observed, else from Taylor series in multiple precision.\n\n"
            "In float64 all columns of U turn to the direction that grows first. Information "
            "about the other directions is in the differences of the columns. It is rounded "
            "away when these fall below 1e-16 of the columns' size. The graded flow keeps "
            "directions and logarithms of sizes apart."
        ),
        frame=frame,
        checks=(
            Check("W, closed form against multiple precision", max(g[0] for g in gaps), 1e-12),
            Check(
                "last jump, closed form against multiple precision", max(g[1] for g in gaps), 1e-7
            ),
            Check("graded flow at every alpha", always, 1e-6),
            Check("float64 is right down to alpha = e^-20", large, RIGHT),
            Check("float64 is wrong at e^-70: 0.01 over its error", WRONG / small, 1.0),
        ),
    )


def _problems() -> tuple[Problem, Problem]:
    seen, hidden = np.ones((3, 3)), 1 - np.eye(4)[::-1]
    M3, M4 = _symmetric([3.0, 1.0, 0.4]), _symmetric([3.0, 1.0, 0.8, 0.6])
    full = saddles.greedy_low_rank(saddles.FullMatrix(M3))
    completion = saddles.greedy_low_rank(saddles.MatrixCompletion(M4, hidden == 1))
    return (
        Problem(name="3 x 3 in full", M=M3, mask=seen, path=full),
        Problem(name="4 x 4 completion", M=M4, mask=hidden, path=completion),
    )


def _symmetric(eigenvalues: list[float]) -> np.ndarray:
    d = len(eigenvalues)
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((d, d)))[0]
    M = (Q * eigenvalues) @ Q.T
    return np.asarray((M + M.T) / 2)


def _exact(problem: Problem, log_alpha: float) -> tuple[Found, tuple[float, float]]:
    """Return what is exact, and how far two ways to it are apart."""
    if not problem.mask.all():
        return multiprecision(problem, log_alpha), (0.0, 0.0)
    W, time = closed_form(problem, log_alpha)
    precise = multiprecision(problem, log_alpha)
    return (W, time), (float(np.abs(W - precise[0]).max()), abs(precise[1] / time - 1))


def _read(problem: Problem, taus: np.ndarray, W: np.ndarray) -> Found:
    """Return W in the middle, and when the loss falls through the level, by interpolation."""
    from scipy.interpolate import BarycentricInterpolator
    from scipy.optimize import brentq

    losses = problem.losses(W) - problem.level
    step = int(np.argmax(losses <= 0))
    beside = slice(step - POINTS // 2, step + POINTS // 2)
    between = BarycentricInterpolator(taus[beside] - taus[step], losses[beside])
    time = taus[step] + brentq(between, taus[step - 1] - taus[step], 0.0, xtol=1e-14)
    return W[int(np.argmin(np.abs(taus - problem.middle)))], float(time)


def _bin(error: float) -> str:
    """Return where an error lies; its digits are rounding's and differ between machines."""
    if error <= RIGHT:
        return f"<{RIGHT:.0e}"
    return f">{WRONG:.0e}" if error >= WRONG else f"{RIGHT:.0e} to {WRONG:.0e}"
