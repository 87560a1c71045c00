"""Completion by deeper factorisations: rank and nuclear norm at the end, by depth."""

from __future__ import annotations

import numpy as np
import pandas as pd

import saddles
from reference.deep_linear import crossing_times, end
from tables.table import Check, Table

DEPTHS = (2, 3, 4)
#: Eigenvalues above this share of the trace count for the rank.
RANK_ERROR = 1e-8
#: A relative loss below this is none.
EXACT = 1e-9
#: The flow of the 4 × 4 problem: initial scales, and how near c α^{L−2} brings it.
ALPHA, CLOSE = 1e-3, 1e-3
#: Where the flow of depth 3 ends on the random problems: scales, last time, error of the
#: extrapolated matrix, relative to its norm.
END_SCALES, END_TIME, END_CLOSE = (1e-2, 5e-3), 8.0, 1e-3


def problems() -> dict[str, saddles.MatrixCompletion]:
    """Return the 4 × 4 problem of the tables, and two random ones of size 5 and rank 2."""
    M, mask = np.zeros((4, 4)), np.zeros((4, 4), dtype=bool)
    for i, j, value in ((0, 2, 1.0), (0, 3, 2.0), (1, 2, 2.0)):
        M[i, j] = M[j, i] = value
        mask[i, j] = mask[j, i] = True
    found = {"4 x 4": saddles.MatrixCompletion(M, mask)}
    for seed in range(2):
        rng = np.random.default_rng(seed)
        factor, drawn = rng.standard_normal((5, 2)), rng.random((5, 5)) < 0.6
        found[f"random {seed}"] = saddles.MatrixCompletion(factor @ factor.T, drawn | drawn.T)
    return found


def build() -> Table:
    """Return the table."""
    rows, checks = [], []
    for name, loss in problems().items():
        for depth in DEPTHS:
            path = saddles.greedy_low_rank(loss, depth=depth)
            W = np.asarray(path.betas[-1])
            values = np.linalg.eigvalsh(W)
            rows.append(
                {
                    "problem": name,
                    "depth": depth,
                    "jumps": len(path) - 1,
                    "first jump": float(f"{path.times[1]:.7g}"),
                    "last jump": float(f"{path.times[-1]:.6g}"),
                    "rank": int((values > RANK_ERROR * values.sum()).sum()),
                    "nuclear norm": float(f"{values.sum():.6g}"),
                    "loss": "<1e-09" if path.losses[-1] <= EXACT * path.losses[0] else "more",
                }
            )
            checks += _checks(name, depth, path)
    return Table(
        name="deep_completion",
        title="Matrix completion by deeper factorisations",
        text=(
            "Does a deeper factorisation find other matrices? W = W_L…W_1 learns the observed "
            "entries of a matrix, from W_j = alpha times the identity (UUᵀ at depth 2, from a "
            "generic U). Times are t / log(1/alpha) at depth 2 and t alpha^(L-2) above.\n\n"
            "The first problem is a 4 x 4 matrix whose least nuclear norm is 8. At every depth "
            "the flow ends at rank 1 with nuclear norm 10, after one jump. From depth 3 on its "
            "time is 1/((L-2) λ), λ = (1 + √17)/2. The other problems are random matrices of size "
            "5 and rank 2."
        ),
        frame=pd.DataFrame(rows),
        checks=tuple(checks),
    )


def _checks(name: str, depth: int, path: saddles.SaddlePath) -> list[Check]:
    """Return what is known of the 4 × 4 problem, and of the flow."""
    if name != "4 x 4":
        return _end_of_the_flow(name, path) if depth == 3 else []
    norm = float(np.linalg.norm(np.asarray(path.betas[-1]), "nuc"))
    found = [Check(f"depth {depth}: nuclear norm 10", abs(norm - 10), 1e-7)]
    if depth == 2:
        return found
    wanted = 2 / ((depth - 2) * (1 + np.sqrt(17)))
    loss = problems()[name]
    (flow,) = crossing_times(
        loss.gradient,
        lambda W: loss.value(W),
        [np.eye(4)] * depth,
        ALPHA,
        [float(path.losses[0]) / 2],
        1.2 * wanted,
    )
    return [
        *found,
        Check(f"depth {depth}: time, closed form", abs(path.times[1] / wanted - 1), 1e-8),
        Check(f"depth {depth}: time of the flow, alpha = 1e-3", abs(flow / wanted - 1), CLOSE),
    ]


def _end_of_the_flow(name: str, path: saddles.SaddlePath) -> list[Check]:
    """Return how far the flow of depth 3, extrapolated to α → 0, ends from the last saddle."""
    loss, wanted = problems()[name], np.asarray(path.betas[-1])
    init = [np.eye(len(wanted))] * 3
    near, nearer = (end(loss.gradient, init, alpha, END_TIME) for alpha in END_SCALES)
    apart = float(np.linalg.norm(2 * nearer - near - wanted) / np.linalg.norm(wanted))
    return [Check(f"{name}, depth 3: end of the flow, extrapolated", apart, END_CLOSE)]
