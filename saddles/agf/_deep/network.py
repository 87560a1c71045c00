"""Alternating gradient flow of a deep network that torch can evaluate: the public function."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from saddles import checks
from saddles._numerics.watch import long_work
from saddles._result.path import Saddle, SaddlePath
from saddles._result.remaining import Remaining
from saddles.agf._deep.steps import deep_steps, first_wait
from saddles.agf._deep.units import Units, units_of
from saddles.agf._deep.whole import Whole, as_function, measured_degree, single_column
from saddles.alternation import solve
from saddles.status import Breakdown, Status
from saddles.typing import ArrayLike

__all__ = ["deep_network"]


@long_work
def deep_network(
    network: Callable[[Any, Any], Any],
    X: ArrayLike,
    Y: ArrayLike,
    init: ArrayLike | None = None,
    *,
    degree: int | None = None,
    tol: float = 1e-8,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of a smooth homogeneous network of any depth; each wait has its own degree.

    Needs the extra ``saddles[torch]``.

    Parameters
    ----------
    network : callable or torch.nn.Module
        ``network(theta, X)``: the outputs, of the shape of `Y`, of the whole network with all its
        weights in one row, a tensor (p,), on the inputs `X`, a tensor. Or a module, whose weights
        are taken in the order of ``module.parameters()``.
    X : array_like of shape (n, ...)
        Inputs; the first axis counts samples.
    Y : array_like of shape (n,) or (n, c)
        Targets of the loss L = |Y − f(X)|²/(2n).
    init : array_like of shape (p,), optional
        Initial weights over α. By default the present weights of the module.
    degree : int, optional
        Degree of homogeneity κ in all weights, at least 3 (`network` is for 2), which is checked on
        random weights. By default it is measured.
    tol : float
        Entries of a derivative of the loss below this share of its largest entry count as zero.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right.
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
        ``betas`` are the outputs f(X). ``degrees[k]`` is the degree m of wait k, which lasts
        (times[k+1] − times[k]) α^(2−m). ``physical_times(log_alpha)`` adds these waits up. A unit
        is a weight. With hidden units of degree one the path ends with ``Status.DEGREE_ONE``: at
        its first saddle if they are linear; at the origin if they are ReLU, where
        ``remaining.next_jump`` is the first wait and ``remaining.direction`` the first direction.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy; for a network that is not
        homogeneous, with the degree that was measured.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    The direction in which the weights leave the origin is proved if the gradient of f is locally
    Lipschitz (Kumar and Haupt 2024, arXiv:2403.08121). The first wait is derived. It is a
    conjecture that a later wait depends only on the part of lowest degree of the loss. It was
    checked on three-layer quadratic networks at α = 0.004: losses on the plateaus of the flow agree
    to 1e-5, and later waits to a few per cent. The errors of waits halve with α.

    Examples
    --------
    Two chains of degree 3 that do not interact learn one target each:

    >>> import numpy as np, saddles
    >>> path = saddles.agf.deep_network(
    ...     lambda w, X: X[:, 0] * w[0] * w[1] ** 2 + X[:, 1] * w[2] * w[3] ** 2,
    ...     np.eye(2),
    ...     [2.0, 1.0],
    ...     [1.0, 1.0, 1.0, 1.0],
    ... )
    >>> path.losses.round(6).tolist(), path.degrees
    ([1.25, 0.25, 0.0], (3, 3))
    """
    function, start = as_function(network, init)
    inputs, targets = checks.real_array(X, "X", None), checks.real_array(Y, "Y", (1, 2))
    if targets.ndim == 1:
        function = single_column(function)
    found = measured_degree(function, start, inputs) if degree is None else degree
    units = Units()
    if start.any() and isinstance(found, int) and found > 0:
        units = units_of(function, start, inputs, targets, found)
        function, targets = units.scaled(function, found), targets / units.output
    task = Whole(function, inputs, targets, size=start.size, degree=found)
    if task.degree < 3:
        raise ValueError(
            f"degree={task.degree!r}: weights that are homogeneous of degree 2 have a logarithmic "
            "clock; use saddles.agf.network, neuron by neuron."
        )
    if not start.any():
        raise ValueError("init is zero everywhere, where the flow rests; pass generic weights.")
    tol = checks.real_number(
        tol, "tol", "it is relative and must lie in (0, 1)", lambda v: 0 < v < 1
    )
    name = f"AGF of a deep network of degree {task.degree}"
    steps = deep_steps(task, start, units=units, tol=tol, name=name)
    path = solve(steps, max_jumps=max_jumps, on_failure=on_failure, callback=callback)
    if path.status is Status.DEGREE_ONE and len(path) == 1:
        with suppress(Breakdown):  # the path ends here, with or without this forecast
            wait = first_wait(task, start)
            if not isinstance(wait, Status):
                left = Remaining(
                    next_jump=wait.delay * units.wait(task.degree),
                    direction=tuple(wait.direction.tolist()),
                )
                return replace(path, remaining=left)
    return path
