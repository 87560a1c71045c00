"""Alternating gradient flows of the diagonal linear network, as one writes them in a notebook.

Algorithm 1 of Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), with section 4's
formulas for β = u⊙v from u = α·1, v = 0: the mean loss, and |θ|² = α² cosh(2 log(1/α)) at the
threshold, which is |θ| = 1 if one starts from √2 α instead, up to α⁴. Everything is computed from
the moments of the data, which makes it short and quick, and costs half of the digits. There are no
ties, and no columns that depend on one another: one neuron rings, and the active moments are solved
as they are.

================  ==============================================================
code              symbol
================  ==============================================================
``moment``        XᵀX/n, and ``pull`` = Xᵀ(y − Xβ)/n
``utility``       U* = ½|pull|
``growth``        S, the log-growth of each norm; ``side`` is the sign of β
``gamma``         γ = ± arccosh(exp 2S)
================  ==============================================================
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Pulls smaller than this share of the first are rounding.
NOTHING = 1e-10


class Staircase(NamedTuple):
    """Scaled times (K+1,), coefficients (K+1, d) and mean losses (K+1,)."""

    times: Floats
    betas: Floats
    losses: Floats


def agf_diagonal(X: ArrayLike, y: ArrayLike, log_alpha: float) -> Staircase:
    """Alternate between utility and cost until no neuron is pulled; log α from −350 up."""
    X, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    n, d = X.shape
    moment, correlation = X.T @ X / n, X.T @ y / n
    scale, threshold = -log_alpha, -2 * log_alpha
    beta, growth, side, active = np.zeros(d), np.zeros(d), np.zeros(d), np.zeros(d, dtype=bool)
    time, saddles = 0.0, [(0.0, beta, y @ y / (2 * n))]
    while True:
        pull = np.where(active, 0.0, correlation - moment @ beta)
        utility = np.abs(pull) / 2
        if utility.max() <= NOTHING * np.abs(correlation).max():
            return Staircase(*map(np.array, zip(*saddles, strict=True)))
        gamma = side * np.sign(pull) * np.arccosh(np.exp(2 * growth))
        with np.errstate(divide="ignore"):
            delays = (threshold - gamma) / (4 * utility)
        first = int(delays.argmin())
        phase = gamma + 4 * utility * delays[first]
        growth = np.where(active, growth, np.log(np.cosh(phase)) / 2)
        side = np.where(active, side, np.sign(phase) * np.sign(pull))
        growth[first], active[first] = np.log(np.cosh(threshold)) / 2, True
        time += delays[first]
        beta = _descend(moment, correlation, beta, active, side)
        rest = y - X @ beta
        saddles.append((time / scale, beta, rest @ rest / (2 * n)))


def _descend(
    moment: Floats, correlation: Floats, beta: Floats, active: NDArray[np.bool_], side: Floats
) -> Floats:
    """Go to the minimum over the active neurons; one that would turn becomes dormant (in place)."""
    while True:
        units = active.nonzero()[0]
        goal = np.zeros_like(beta)
        goal[units] = np.linalg.solve(moment[np.ix_(units, units)], correlation[units])
        wrong = units[goal[units] * side[units] < 0]
        if wrong.size == 0:
            return goal
        shares = beta[wrong] / (beta[wrong] - goal[wrong])
        beta = beta + shares.min() * (goal - beta)
        beta[wrong[shares.argmin()]], active[wrong[shares.argmin()]] = 0.0, False
