"""Greedy low-rank learning against minimum nuclear norm, on completions where they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

import saddles
from reference.matrix_flow import mpmath_flow
from tables.peers import solved
from tables.table import Check, Table

#: Random completions: size, rank, share of the entries drawn (a mirror image is seen, too), seeds.
SIZE, RANK, SHARE, SEEDS = 6, 2, 0.5, range(6)
#: The interior-point solver's relative error.
SOLVER = 1e-6
#: A relative loss below this is none: the solver's is the square of its error.
EXACT = 1e-9
#: Eigenvalues above this part of the trace count for the rank; the solver leaves 1e-7, and the
#: smallest one that it means is 1e-4.
RANK_ERROR = 1e-5
#: The flow itself: initial scale, and physical time after its jump, the rate being 1 to 2.6.
LOG_ALPHA, AFTER = -40.0, 60.0

Problem = tuple[np.ndarray, np.ndarray]


def build() -> Table:
    """Return the table."""
    problems = [("4 x 4", *_four())] + [(f"random {seed}", *_random(seed)) for seed in SEEDS]
    rows, ends = [], []
    for name, M, mask in problems:
        path = saddles.greedy_low_rank(saddles.MatrixCompletion(M, mask))
        learnt, least = np.asarray(path.betas[-1]), _least_nuclear(M, mask)
        ends.append((learnt, least, M, mask))
        planted = name.startswith("random")
        rows.append(
            {
                "problem": name,
                "seen": int(mask.sum()),
                "rank, greedy": _rank(learnt),
                "rank, nuclear": str(_rank(least)) if planted else "",
                "nuclear norm, greedy": float(f"{np.trace(learnt):.5g}"),
                "nuclear norm, least": float(f"{np.trace(least):.5g}"),
                "loss, greedy": _bound(path.losses[-1] / path.losses[0]),
                "loss, nuclear": _bound(_loss(least, M, mask) / path.losses[0]),
                "M is found, greedy": _verdict(learnt, M) if planted else "",
                "M is found, nuclear": _verdict(least, M) if planted else "",
            }
        )
    return Table(
        name="low_rank_vs_nuclear",
        title="Low rank is not low nuclear norm",
        text=(
            "Does gradient flow from vanishing weights minimise the nuclear norm? Its end "
            "(greedy low-rank learning) is compared with the positive semi-definite matrix of "
            "least nuclear norm that has the same observed entries (a semidefinite program).\n\n"
            "The first case is a 4 x 4 matrix with (1,3) = 1 and (1,4) = (2,3) = 2 observed. "
            "The flow ends at rank 1 with nuclear norm 10, but 8 is possible. Many matrices "
            "attain 8, so only the norm is shown. Then follow random matrices M of size 6 and "
            "rank 2, of which about two thirds are observed. Greedy learning finds each of "
            "them; least nuclear norm finds only those that have it. Losses are relative to "
            "that of W = 0."
        ),
        frame=pd.DataFrame(rows),
        checks=_checks(ends),
    )


def _checks(ends: Sequence[tuple[np.ndarray, ...]]) -> tuple[Check, ...]:
    """Return the checks, from the (greedy, least, M, mask) of every problem."""
    learnt, least, M, mask = ends[0]
    flow = _flow(M, mask)
    misfit = max(_misfit(W, *end[2:]) for end in ends for W in end[:2])
    excess = max(float(1 - np.trace(end[0]) / np.trace(end[1])) for end in ends)
    return (
        Check("4 x 4: nuclear norm 10 of greedy learning", abs(np.trace(learnt) - 10), SOLVER),
        Check("4 x 4: least nuclear norm 8", abs(np.trace(least) - 8), SOLVER),
        Check("4 x 4: nuclear norm 10 of the flow itself, e^-40", abs(flow.sum() - 10), SOLVER),
        Check("4 x 4: its second singular value, 0 for rank 1", flow[1], SOLVER),
        Check("entries seen, all problems, both methods", misfit, SOLVER),
        Check("greedy nuclear norm below the least one", excess, SOLVER),
    )


def _four() -> Problem:
    """Return the entries that rank 1 fits with nuclear norm 10, and rank 2 with 8."""
    M, mask = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    for i, j, entry in ((0, 2, 1.0), (0, 3, 2.0), (1, 2, 2.0)):
        M[i, j] = M[j, i] = entry
        mask[i, j] = mask[j, i] = True
    return M, mask


def _random(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    U = rng.standard_normal((SIZE, RANK))
    mask = rng.random((SIZE, SIZE)) < SHARE
    return U @ U.T, mask | mask.T


def _least_nuclear(M: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return a positive semi-definite matrix with these entries and the least trace."""
    import cvxpy as cp

    W = cp.Variable(M.shape, PSD=True)
    solved(cp.Problem(cp.Minimize(cp.trace(W)), [W[mask] == M[mask]]))
    return np.asarray(W.value)


def _flow(M: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the singular values of W at the end of the flow in multiple precision."""

    def gradient(W: Any) -> Any:
        return mask * (W - M)

    start = np.random.default_rng(0).standard_normal(M.shape)
    end = 1 / np.linalg.eigvalsh(M)[-1] - AFTER / LOG_ALPHA
    (W,) = mpmath_flow(gradient, start, LOG_ALPHA, [end])
    return np.asarray(np.linalg.svd(W)[1])


def _loss(W: np.ndarray, M: np.ndarray, mask: np.ndarray) -> float:
    return float(np.sum((W - M)[mask] ** 2) / 2)


def _misfit(W: np.ndarray, M: np.ndarray, mask: np.ndarray) -> float:
    return float(np.abs(W - M)[mask].max() / np.abs(M[mask]).max())


def _rank(W: np.ndarray) -> int:
    return int((np.linalg.eigvalsh(W) > RANK_ERROR * np.trace(W)).sum())


def _bound(loss: float) -> str:
    return f"<{EXACT:.0e}" if loss < EXACT else f"{loss:.1e}"


def _verdict(W: np.ndarray, M: np.ndarray) -> str:
    return "yes" if np.abs(W - M).max() < 1e-3 * np.abs(M).max() else "no"
