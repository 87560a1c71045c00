"""Rows of agreement: linear networks of every kind, symmetries and kernels."""

from __future__ import annotations

from tables.claim import EXTRAPOLATED, PF, SAME_DATA, Claim

__all__ = ["CLAIMS"]

CLAIMS = (
    # --- diagonal networks
    *(
        claim
        for table, data, first in (
            ("unaligned", "30 samples of 10 correlated features", True),
            ("aligned", "16 samples of 10 orthogonal features", False),
            ("nonmonotone", "the published example of arXiv:2607.12332", False),
        )
        for claim in (
            Claim(
                table,
                "(PF against exact|AGF against exact|AGF against PF), times",
                f"Jump times of {PF} and of `agf.diagonal` at log α = −230, with exact arithmetic",
                data,
                first=first,
            ),
            Claim(
                table,
                "PF against exact, fits",
                f"Fits Xβ of {PF}, with exact arithmetic",
                data,
                "{}, absolute",
            ),
            Claim(
                table,
                "flow, extrapolated, against exact, times",
                "Jump times of gradient flow, with exact arithmetic",
                data,
                EXTRAPOLATED,
                first=first,
            ),
            Claim(
                table,
                "order of the flow's approach .*",
                "Order in 1/log(1/α) at which the flow's jump times approach the limit, with 1",
                data,
                "{}",
            ),
        )
    ),
    Claim(
        "nonmonotone",
        "PF against the published (times|losses)",
        f"Jump times and losses of {PF}, with the published fractions",
        "the published example of arXiv:2607.12332",
    ),
    Claim(
        "depth",
        "times and plateaus from equal shapes against depth 2",
        "Paths of `diagonal_network` at depth 3, 4 and 5, with depth 2 in units of the boundary",
        SAME_DATA,
    ),
    Claim(
        "depth",
        "flow, extrapolated, against path, times",
        "Jump times of gradient flow of depth 3 to 5, with `diagonal_network`",
        SAME_DATA,
        EXTRAPOLATED,
        first=True,
    ),
    Claim(
        "depth",
        "first constant of the flow against its quadrature",
        "Lateness of the flow's first jump in units of α^(D−2), with its quadrature",
        SAME_DATA,
    ),
    Claim(
        "diabetes",
        "(PF against exact|AGF against PF), times",
        f"Jump times of {PF} and `agf.diagonal`, with exact arithmetic",
        "diabetes data, 442 × 10",
    ),
    Claim(
        "diabetes",
        "flow at .*",
        f"Coefficients of the flow on its plateaus at log α = −1e4, with {PF}",
        "diabetes data",
    ),
    Claim("diabetes", "last loss .*", f"Last loss of {PF}, with least squares", "diabetes data"),
    Claim(
        "diagonal_bias",
        "flow's end .*",
        "End of the flow at a finite α, with `implicit_bias.diagonal`",
        "5 samples of 12 features",
    ),
    Claim(
        "diagonal_bias",
        "cvxpy .*",
        "`implicit_bias.diagonal`, with a conic program",
        SAME_DATA,
        "{}, relative, where the solver has the range",
    ),
    Claim(
        "diagonal_bias",
        "l1 norm .*",
        "ℓ1 norm of the end for a tiny α, with the least ℓ1 norm",
        SAME_DATA,
    ),
    Claim(
        "diagonal_bias",
        "stationarity",
        "Optimality conditions of `implicit_bias.diagonal`",
        SAME_DATA,
        "{}, violation",
    ),
    Claim(
        "estimators",
        ".*, errors above the lasso's",
        "Cross-validated errors of `SaddlePathCV`, with `LassoLarsCV`",
        "diabetes data; sparse designs, 100 × 200",
        "at most {} higher, relative",
    ),
    Claim(
        "estimators",
        "sparse, recovery below .*",
        "Recovery (features found / found or selected) of `SaddlePathCV`, with `LassoLarsCV`",
        "sparse designs; on one seed of them it finds 6 of 8 features, the lasso 8",
        "never lower",
    ),
    # --- the single neuron
    Claim(
        "neuron",
        "exact against integrated",
        "`neuron.exact`, with integration",
        "a w·x on whitened inputs",
    ),
    Claim(
        "neuron",
        "drift .*",
        "δ = a² − |w|² along `neuron.exact`, with its start",
        SAME_DATA,
    ),
    Claim(
        "timescales",
        "measured .*",
        "Speeds of norm and direction by formula, with finite differences",
        "a w·x on whitened inputs",
    ),
    Claim(
        "implicit_bias",
        "(end of the flow|theorem against) .*",
        "End of training by Theorem 3.1 and `neuron.limit`, with the end of the flow",
        "3 samples of 6 features, δ from −30 to 30; the theorem only where β(t) ≠ 0",
        first=True,
    ),
    Claim(
        "implicit_bias",
        "cvxpy .*",
        "Objective of Theorem 3.1 in closed form, with a semidefinite program",
        SAME_DATA,
    ),
    Claim(
        "implicit_bias",
        "stationarity|feasibility",
        "Optimality conditions of the closed form",
        SAME_DATA,
        "{}, violation",
    ),
    # --- matrices and linear networks
    Claim(
        "greedy_low_rank",
        ".*: flow, extrapolated, times",
        "Jump times of `greedy_low_rank`, with gradient flow",
        "6 × 6: all entries, completion, sensing",
        EXTRAPOLATED,
        first=True,
    ),
    Claim(
        "greedy_low_rank",
        ".*: (flow at .*|Algorithm 3 .*)",
        "W on every plateau, with Algorithm 3 line by line, and with the flow at log α = −400",
        SAME_DATA,
    ),
    Claim(
        "greedy_low_rank",
        ".*: order .*",
        "Order in 1/log(1/α) of the flow's approach, with 1",
        SAME_DATA,
        "{}",
    ),
    Claim(
        "greedy_low_rank",
        ".*: stationarity",
        "Gradient of the active columns, with zero",
        SAME_DATA,
    ),
    Claim(
        "digits",
        "flow, .*",
        "First two jump times of `greedy_low_rank`, with gradient flow",
        "covariance of digits, 64 × 64, 60 % of it observed",
        EXTRAPOLATED,
    ),
    Claim(
        "digits",
        "stationarity|observed .*",
        "Gradient of the active columns with zero; the observed share with the loss",
        SAME_DATA,
    ),
    Claim(
        "linear_networks",
        ".*: flow, extrapolated, times",
        "Jump times of `agf.linear`, with gradient flow",
        "covariances that commute, that do not, and the counter-examples to Conjecture 4.1",
        EXTRAPOLATED,
        first=True,
    ),
    Claim(
        "linear_networks",
        ".*: flow at .*",
        "Maps and losses on the plateaus of `agf.linear`, with the flow at log α = −400",
        SAME_DATA,
    ),
    Claim(
        "naive_flow",
        "(W|last jump), closed form .*",
        "Closed form `flow.full`, with multiple precision",
        "3 × 3, all entries observed",
    ),
    Claim(
        "naive_flow",
        "graded flow .*",
        "`flow.matrix` at every α down to e^−1000, with exact references",
        "3 × 3, all entries and completion",
    ),
    Claim(
        "naive_flow",
        "float64 is right .*",
        "Plain float64 flow down to α = e^−20, with exact references",
        SAME_DATA,
    ),
    Claim(
        "naive_flow",
        "float64 is wrong .*",
        "Plain float64 flow at α = e^−70, with exact references",
        SAME_DATA,
        "more than 0.01: it is wrong there",
    ),
    Claim(
        "low_rank_vs_nuclear",
        "4 x 4: .*",
        "Nuclear norm of the flow's end (10, rank 1) and the least one (8)",
        "a 4 × 4 completion",
        "{}, absolute",
    ),
    Claim(
        "low_rank_vs_nuclear",
        "entries seen, .*|greedy nuclear .*",
        "Entries observed of both ends; nuclear norms in their order",
        "random completions of rank 2",
        "{}, absolute",
    ),
    # --- symmetries and kernels
    Claim(
        "conserved",
        ".*: (drift along the flow|invariance)",
        "Conserved quantities along gradient flow, with their start",
        "small torch modules: linear, ReLU, softmax, batch normalisation, attention",
        first=True,
    ),
    Claim(
        "conserved",
        ".*: order .*",
        "Their drift under gradient descent, as step^p over a fixed time: p, with 1",
        "the same torch modules, without softmax",
        "{}",
    ),
    Claim(
        "conserved",
        "softmax: drift along descent|.*: law of one step",
        "Drift in one step of descent by formula, with the step; softmax does not drift",
        SAME_DATA,
    ),
    Claim(
        "function_space",
        "speeds .*",
        "Speeds of ReLU neurons by formula, with one small step",
        "50 students, 3 teachers, 6 seeds",
    ),
    Claim(
        "function_space",
        "cases .*",
        "How neurons train (align then fit, or fit), with what the talk says",
        SAME_DATA,
        "no case differs",
    ),
    Claim(
        "lazy_rich",
        "training error, .*",
        "Training error at the end, with zero",
        "50 students, 3 teachers, 50 samples, 6 seeds",
        "{}, relative to predicting zero",
    ),
    Claim(
        "lazy_rich",
        "kernel distance (not )?falling .*",
        "Kernel distance falls with scale at every δ, and rises with δ at the smallest scale",
        SAME_DATA,
        "no pair differs (means of 6 seeds)",
    ),
    Claim(
        "lazy_rich",
        "3 standard errors .*",
        "Kernel distance of upstream starts exceeds that of downstream starts",
        SAME_DATA,
        "by more than 3 standard errors",
    ),
    Claim(
        "lazy_rich",
        "kernel distance with half .*",
        "Kernel distance with half the step, with the whole step",
        SAME_DATA,
        "{} standard errors",
    ),
)
