"""A law of gradient flows of deep diagonal networks: when half of the first jump is done.

From weights α a_ij the first jump of a network of depth D ≥ 3 is, in the time t of the flow on the
mean loss, at

    t = τ_1 α^{2−D} + c_1 + O(α²).

The initial shape enters τ_1 (`saddles.boundaries`), but not c_1: this is a constant of the jump,
known in closed form for a coordinate that jumps alone. So a flow whose t − τ_1 α^{2−D} depends on
the shape, or on α, is wrong; a comparison of t/τ_1 α^{D−2} with 1 alone would not show it.

===============  ======================================================================
code name        symbol
===============  ======================================================================
``limit``        τ_1
``constant``     c_1
===============  ======================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from saddles import checks
from saddles._diagonal.network import diagonal_network
from saddles.flow.modes import jump_constant
from saddles.testing._expect import Broken, close
from saddles.testing._report import LawError, Report, title
from saddles.typing import Array

__all__ = ["check_deep_flow"]

#: Scales at which the constant is looked at: of the first, α² is 1e-4.
SCALES = (1e-2, 3e-3)

#: The second jump comes this share of the first one's time later, so that one coordinate jumps.
APART = 0.5


def check_deep_flow(
    solver: Callable[..., Any],
    *,
    depth: int = 3,
    tolerance: float = 1e-2,
    max_examples: int = 5,
    seed: int = 0,
) -> Report:
    """Try a gradient flow of deep diagonal networks on the law of the first jump.

    Parameters
    ----------
    solver : callable
        ``solver(X, y, init, log_alpha, level)`` for X (n, d), y (n,) and initial weights
        ``alpha * init``, init (D, d). It returns the time t of the flow on |y − Xβ|²/(2n), not
        scaled, at which the loss falls through `level`, which is half of the first drop.
    depth : int
        D, at least 3.
    tolerance : float
        Relative error allowed in the constant, above the order α² of what the law leaves out.
    max_examples : int
        Problems, each with two initial shapes at two scales.
    seed : int
        Of the problems.

    Returns
    -------
    Report
        The law and the number of problems; print it.

    Raises
    ------
    LawError
        If the law is broken: the problem, and the constant that was expected.
    TypeError, ValueError
        If an argument is not what it must be.

    Examples
    --------
    >>> import saddles, saddles.testing
    >>> def solver(X, y, init, log_alpha, level):
    ...     flow = saddles.flow.diagonal(X, y, init=init, log_alpha=log_alpha)
    ...     return flow.physical_times(flow.crossing_times([level]))[0]
    >>> print(saddles.testing.check_deep_flow(solver, max_examples=1))
    1 laws hold on 4 problems
    """
    if not callable(solver):
        raise TypeError(f"solver={checks.show(solver)} must be callable.")
    depth = checks.whole_number(depth, "depth", least=3)
    rule = "it is relative and must lie in (0, 1)"
    tolerance = checks.real_number(tolerance, "tolerance", rule, lambda v: 0 < v < 1)
    count = checks.whole_number(max_examples, "max_examples", least=1)
    problems = _problems(depth, np.random.default_rng(checks.whole_number(seed, "seed")))
    tried = 0
    for _ in range(count):
        X, y, inits = next(problems)
        for init, alpha in ((init, alpha) for init in inits for alpha in SCALES):
            tried += 1
            try:
                half_of_the_first_jump_is_late_by_a_constant(
                    solver, X, y, init, math.log(alpha), tolerance
                )
            except Broken as broken:
                data = {"X": X, "y": y, "init": init, "log_alpha": math.log(alpha)}
                law = half_of_the_first_jump_is_late_by_a_constant
                raise LawError(law, data, broken) from None
    laws = (title(half_of_the_first_jump_is_late_by_a_constant),)
    return Report(laws=laws, problems=tried, skipped={})


def half_of_the_first_jump_is_late_by_a_constant(
    solver: Callable[..., Any], X: Array, y: Array, init: Array, log_alpha: float, tolerance: float
) -> None:
    """T − τ_1 α^{2−D} is a constant of the jump, whatever the initial weights are."""
    path = diagonal_network(X, y, init=init, max_jumps=1)
    column, size = X[:, path.active[1][0]], float(path.betas[1].sum())
    rate = abs(float(column @ y)) / y.size
    constant = jump_constant(len(init), rate, abs(size))
    time = float(solver(X, y, init, log_alpha, float(path.losses.mean())))
    limit = float(path.physical_times(log_alpha)[1])
    what = "time at which half of the first drop is done, less that of the limit"
    close(what, time - limit, constant, tolerance)


def _problems(depth: int, rng: np.random.Generator) -> Iterator[tuple[Array, Array, list[Array]]]:
    """Yield features, targets and two initial shapes from which the same coordinate jumps alone."""
    while True:
        X, y = rng.standard_normal((3, 2)), rng.standard_normal(3)
        shapes = [_shape(depth, rng) for _ in range(2)]
        paths = [diagonal_network(X, y, init=init) for init in shapes]
        times = np.array([path.times[1:3] for path in paths if len(path) > 2])
        if len(times) == 2 and (times[:, 1] > (1 + APART) * times[:, 0]).all():
            yield X, y, shapes


def _shape(depth: int, rng: np.random.Generator) -> Array:
    """Return initial weights (D, 2), all different in size."""
    sizes = rng.permutation(np.linspace(0.6, 1.4, depth))[:, None] * rng.uniform(0.9, 1.1, 2)
    return np.asarray(sizes * rng.choice([-1.0, 1.0], (depth, 2)))
