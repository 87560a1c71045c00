"""A path against the exact one: what must agree, and how closely."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from reference.pesme_flammarion import Path
from saddles import SaddlePath

#: Relative to the time. The worst of 50,000 problems with entries up to 1000 is a tenth of it.
TIME = 1e-11
#: Relative to |y| (fits), to the largest coefficient (betas), to the first loss (losses).
FIT = BETA = LOSS = 1e-10
#: Relative to |x_i| |ρ|, the size of the terms that the scalar product x_i·ρ adds.
DUAL = 1e-11
#: HiGHS meets its constraints to 1e-7.
LINEAR_PROGRAM = 1e-6


@dataclass
class Census:
    """What a set of problems contained, and the worst disagreements found in it."""

    problems: int = 0
    jumps: int = 0
    tied: int = 0
    resting: int = 0
    deactivating: int = 0
    not_unique: int = 0
    worst: dict[str, float] = field(default_factory=dict)

    def add(self, exact: Path, boundaries: tuple[Any, Any] | None = None) -> None:
        """Count what an exact path has."""
        sides = boundaries or ([1] * len(exact.betas[0]), [1] * len(exact.betas[0]))
        at_side = [
            [s in (hi, -lo) for s, hi, lo in zip(S, *sides, strict=True)] for S in exact.duals
        ]
        arrivals = [
            sum(now and s != old for now, s, old in zip(at, S, before, strict=True))
            for at, S, before in zip(at_side[1:], exact.duals[1:], exact.duals, strict=False)
        ]
        self.problems += 1
        self.jumps += len(exact.times) - 1
        self.tied += any(count > 1 for count in arrivals)
        self.resting += any(
            now and not b
            for at, beta in zip(at_side, exact.betas, strict=True)
            for now, b in zip(at, beta, strict=True)
        )
        self.deactivating += any(
            b and not a
            for before, after in pairwise(exact.betas)
            for b, a in zip(before, after, strict=True)
        )
        self.not_unique += not all(exact.unique)

    def note(self, what: str, size: float, tolerance: float) -> None:
        """Assert one disagreement and remember the worst."""
        assert size <= tolerance, f"{what} differ by {size:.3g}, more than {tolerance:g}"
        self.worst[what] = max(self.worst.get(what, 0.0), float(size))


def assert_agrees(
    path: SaddlePath,
    exact: Path,
    X: NDArray[Any],
    y: NDArray[Any],
    census: Census | None = None,
    boundaries: tuple[Any, Any] | None = None,
) -> None:
    """Assert that `path` is the exact path, in everything that is unique and in what is not.

    Where coefficients are not unique they must have the exact fit, the right signs and the least
    norm.
    """
    census = census or Census()
    assert path.success
    assert len(path) == len(exact.times)
    times, losses = (np.array(v, dtype=float) for v in (exact.times, exact.losses))
    census.note(
        "times", np.abs(path.times / np.maximum(times, 1e-300) - 1)[1:].max(initial=0), TIME
    )
    census.note("losses", np.abs(path.losses - losses).max() / max(losses[0], 1e-300), LOSS)
    size = float(np.linalg.norm(y)) or 1.0
    census.note("fits", np.abs(path.betas @ X.T - _floats(exact.fits)).max() / size, FIT)
    assert path.certificates.unique.tolist() == exact.unique
    for k in np.flatnonzero(exact.unique):
        beta = _floats(exact.betas[k])
        scale = np.abs(beta).max() or 1.0
        census.note("betas", np.abs(path.betas[k] - beta).max() / scale, BETA)
        assert path.active[k].tolist() == np.flatnonzero(beta).tolist()
    for k in np.flatnonzero(~path.certificates.unique):
        assert_shortest(path.betas[k], exact, k, X, y, boundaries)
    if path.duals is not None:
        terms = np.outer(np.linalg.norm(path.duals, axis=1), np.linalg.norm(X, axis=0))
        off = np.abs(path.duals @ X - _floats(exact.duals)) / np.maximum(terms, 1.0)
        census.note("duals", off.max(), DUAL)


def assert_shortest(
    beta: NDArray[np.float64],
    exact: Path,
    k: int,
    X: NDArray[Any],
    y: NDArray[Any],
    boundaries: tuple[Any, Any] | None = None,
) -> None:
    """Assert that `beta` is the shortest of the k-th saddle's minimisers.

    Its optimality conditions: β_i = max(0, x_i·λ), up to the sign σ_i, for some multiplier λ, over
    the coordinates at a boundary whose gradient is zero; the smallest violation is a linear
    program.
    """
    rows = [[Fraction(x) for x in row] for row in X.tolist()]
    residual = [Fraction(b) - f for b, f in zip(y.tolist(), exact.fits[k], strict=True)]
    upper, lower = boundaries or ([1] * len(beta), [1] * len(beta))
    signs = np.array(
        [(s == u) - (s == -v) for s, u, v in zip(exact.duals[k], upper, lower, strict=True)]
    )
    still = np.array(
        [sum(x * r for x, r in zip(c, residual, strict=True)) == 0 for c in zip(*rows, strict=True)]
    )
    free = np.flatnonzero((signs != 0) & still)
    assert not np.delete(beta, free).any()
    assert (signs * beta >= 0).all()
    scale = float(np.abs(beta).max())
    goal = np.abs(beta[free]) / scale
    columns = (X[:, free] * signs[free]).T
    used = goal > 0
    ones = np.ones((used.size, 1))
    # Variables (λ, t): minimise t with |x_i·λ − β_i| ≤ t where β_i > 0, x_i·λ ≤ t where β_i = 0.
    above = np.hstack([columns, -ones])
    below = np.hstack([-columns, -ones])[used]
    program = linprog(
        np.append(np.zeros(X.shape[0]), 1.0),
        A_ub=np.vstack([above, below]),
        b_ub=np.concatenate([goal, -goal[used]]),
        bounds=[(None, None)] * X.shape[0] + [(0, None)],
    )
    assert program.fun <= LINEAR_PROGRAM, f"saddle {k}: not of minimum norm, by {program.fun:.3g}"


def until(exact: Path, end: float) -> Path:
    """Return the part of an exact path before time `end`."""
    count = sum(time < end for time in exact.times)
    return Path(**{name: values[:count] for name, values in vars(exact).items()})


def _floats(values: Any) -> NDArray[np.float64]:
    return np.array(values, dtype=float)


def is_tie_free(path: SaddlePath, lead: float = 1e-6) -> bool:
    """Whether every jump is led by so wide a margin that rounding cannot change the order."""
    return bool((path.certificates.margin > lead).all()) and math.isfinite(path.times[-1])
