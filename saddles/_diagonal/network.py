"""Diagonal linear networks of any depth in the limit of vanishing initialisation.

β_i = Π_j w_ij has degree D. Its gradient flow on the mean loss tends, in scaled time t α^{D−2}, to
the path of Pesme and Flammarion (2023, arXiv:2304.00488) with other boundaries of the clocks
(arXiv:2607.12332). At depth 2 the initial weights wash out; from depth 3 on they enter the limit,
and `boundaries` says how.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from saddles import checks
from saddles._diagonal.boundaries import Start
from saddles._diagonal.pesme_flammarion import pesme_flammarion
from saddles._problems.door import as_regression
from saddles._problems.regression import Regression
from saddles._result.path import Saddle, SaddlePath
from saddles.typing import ArrayLike

__all__ = ["diagonal_network"]

DEEPER = "arXiv:2607.12332, for boundaries from the initial weights of more than two layers"


def diagonal_network(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    depth: int | None = None,
    init: ArrayLike | None = None,
    form: str = "product",
    log_alpha: float = -math.inf,
    start: SaddlePath | None = None,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of a diagonal linear network of any depth from vanishing initialisation.

    Parameters
    ----------
    X : array_like or scipy.sparse array of shape (n, d), or Regression
        Features, used as they are; see `pesme_flammarion`.
    y : array_like of shape (n,)
        Targets; left out if `X` is a `Regression`.
    depth : int, optional
        Depth D, at least 2. By default it is that of `init`, and 2 without one.
    init : array_like of shape (D,) or (D, d), optional
        Initial weights over α, one layer per row; a vector is for every coordinate. By default it
        is (1, …, 1, 0), from which both signs are learnt alike. From weights that are all equal, a
        product can learn only β ≥ 0. For ``form="difference"`` the shape is (2,) or (2, d), and the
        rows are u and v, by default 1 and 1.
    form : {"product", "difference"}
        β = w_1 w_2 ⋯ w_D with a weight in each layer, or β = u^D − v^D.
    log_alpha : float
        Logarithm of the initial scale, below 0, which ``path.physical_times()`` uses without an
        argument. The path itself is always the limit.
    start : SaddlePath, optional
        Beginning of the path of the same problem, to be continued; see `pesme_flammarion`.
    max_jumps : int, optional
        Largest number of jumps, those of `start` included; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    SaddlePath
        Its ``kappa`` is the depth. Scaled times are ``t * alpha**(depth - 2)``, and
        ``t / log(1/alpha)`` at depth 2, of the mean loss.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If a saddle misses its optimality conditions (only with ``on_failure="raise"``).

    Notes
    -----
    If all coordinates start alike, with the same boundary t on both sides, then saddles and their
    order are those of depth 2, and times are t times as long. Otherwise the saddles may differ. At
    a finite α, jumps come later or earlier by ``alpha**(depth - 2)`` times a constant, which
    `vanishing_limit` measures.

    Examples
    --------
    >>> import saddles
    >>> X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]
    >>> path = saddles.diagonal_network(X, [1.0, 0.0], depth=3)
    >>> path.kappa, (path.times / path.times[1]).round(6).tolist()
    (3, [0.0, 1.0, 4.0, 5.632653])
    >>> path.physical_times(-6.907755278982137).round(2).tolist()
    [0.0, 3141.59, 12566.37, 17695.5]
    """
    problem = as_regression(X, y, dense=False)
    shape = Start.of(depth, init, form, problem.n_features)
    scale = checks.log_scale(log_alpha, allow_limit=True)
    plus, minus = (float(t[0]) if t.size == 1 else t for t in shape.boundaries())
    path = pesme_flammarion(
        problem,
        boundaries=(plus, minus),
        kappa=shape.depth,
        start=start,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
        progress=progress,
        time_limit=time_limit,
    )
    source = path.source if shape.depth == 2 else f"{path.source}; {DEEPER}"
    return replace(path, log_alpha=scale, source=source)
