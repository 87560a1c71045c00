"""Alternating gradient flows of any homogeneous network that torch can evaluate.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 3 and Algorithm 1: the
conjecture is about every two-layer network of homogeneous neurons, so here the neuron is whatever
the user writes. `TorchNetwork` turns it into losses and utilities, `solve_network` is the
algorithm. Two families have steps of their own, and are recognised: quadratic forms
(`quadratic_forms`), and ReLU networks (`relu_form`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.watch import long_work
from saddles._result.path import PathError, Saddle, SaddlePath
from saddles.agf._any.kink_test import has_kinks
from saddles.agf._any.quadratic_forms import is_quadratic, quadratic_steps
from saddles.agf._any.relu_form import ReluForm
from saddles.agf._any.sound import check_network
from saddles.agf._any.torch_network import TorchNetwork
from saddles.agf._engine.active import CREEP
from saddles.agf._engine.levels import DONE, TIE
from saddles.agf._engine.setting import Limits, active_norm
from saddles.agf._engine.steps import SOURCE, solve_network
from saddles.alternation import solve
from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.typing import Array, ArrayLike

__all__ = ["network"]

NAME = "alternating gradient flow, torch neurons"

#: What is added when neurons with kinks cannot be followed.
KINKED = (
    "the neuron's gradient jumps, and flows may have to slide along such kinks, which is done for "
    "neurons a φ(w·x) with a (leaky) ReLU φ only, and this one is not found to be one"
)


@long_work
def network(
    neuron: Callable[[Any, Any], Any] | HomogeneousNetwork,
    X: ArrayLike | None = None,
    Y: ArrayLike | None = None,
    init: ArrayLike | None = None,
    *,
    degree: int | None = None,
    size: int | None = None,
    width: int | None = None,
    seed: int = 0,
    log_alpha: float = -math.inf,
    activation_norm: float = 1.0,
    start: ArrayLike | None = None,
    active_above: float | None = None,
    tol: float = DONE,
    creep: float = CREEP,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    error_bars: bool = True,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of a sum of homogeneous neurons of any kind.

    Parameters
    ----------
    neuron : callable or HomogeneousNetwork
        ``neuron(theta, X)``: the outputs, of the shape of `Y`, of one neuron with parameters
        `theta`, a tensor (p,), on the inputs `X`, a tensor. See `TorchNetwork`; this needs the
        extra ``saddles[torch]``. Or an object with the methods of
        `saddles.homogeneous.HomogeneousNetwork`, which holds its data.
    X : array_like of shape (n, ...), optional
        Inputs; the first axis counts samples. Only for a function.
    Y : array_like of shape (n,) or (n, c), optional
        Targets of the loss L = |Y − f(X)|²/(2n), with f the sum of all neurons. Only for a
        function.
    init : array_like of shape (H, p), optional
        Initial neurons over α, one per row. Without it, `width` neurons of `size` parameters are
        drawn, uniform on the unit sphere.
    degree : int, optional
        Degree of homogeneity κ, at least 2, which is checked on random neurons. Only for a
        function. A (leaky) ReLU neuron, a φ(w·x), is recognised, and its path is that of `relu`.
        Other neurons with kinks are followed across them. If the flow would move along a kink, the
        path ends as failed.
    size, width : int, optional
        p and H, if `init` is not given; an object has its own size.
    seed : int
        Seed of the draw.
    log_alpha : float
        Logarithm of the initial scale, below 0; minus infinity is the limit. Paths of degree above
        2 may approach the limit slowly: to compare with an experiment, give its scale. For neurons
        that are quadratic forms the path is always the limit, and this only sets the unit of
        ``physical_times``. At a finite scale their jump times would differ by O(1/log(1/α)).
    activation_norm : float
        Norm at which a neuron counts as active.
    start : array_like of shape (H, p), optional
        Weights θ (not over α) of the same neurons during training that began at the finite scale
        `log_alpha`. The path begins there, and its times count from there. Neurons with a norm of
        at least `active_above` are active, and descend to a saddle. The others are dormant, and
        grow on from their norms.
    active_above : float, optional
        Norm from which neurons of `start` are active. By default a tenth of `activation_norm`.
    tol : float
        Learning ends when the loss, or every dormant neuron's rate, is below `tol` times the first.
    creep : float
        Largest difference of two extrapolations of a creeping loss to its infimum, as a share of
        the first loss; see ``certificates.creep``.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    error_bars : bool
        Whether jumps after a saddle at infinity get error bars, ``certificates.time_error``. For
        them the rest of the path is run again, which takes about half as long as the first run.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    SaddlePath
        ``betas`` are the outputs f(X); times are t / log(1/α) for degree 2 and t α^(κ−2) above. The
        path is a `NeuronPath`, and its units are neurons, rows of `init`. Quadratic forms that do
        not split into parts, such as the neurons of a linear network, are an exception: any
        rotation may mix them, so they learn a direction together. Their path is a plain
        `SaddlePath`, whose units are the directions in the order of activation.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy; for a neuron that is not
        homogeneous, with the degree that was measured; for an object of which one method is not
        the derivative of another.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Examples
    --------
    Two neurons a (w·x)², of degree 3, learn one target each, the larger one first:

    >>> import numpy as np, saddles
    >>> X = np.eye(2)
    >>> path = saddles.agf.network(
    ...     lambda theta, X: theta[0] * (X @ theta[1:]) ** 2,
    ...     X,
    ...     [2.0, -1.0],
    ...     [[1.0, 1.0, 0.1], [-1.0, 0.1, 1.0]],
    ...     degree=3,
    ... )
    >>> path.losses.round(6).tolist(), [saddle.entered.tolist() for saddle in path][1:]
    ([1.25, 0.25, 0.0], [[0], [1]])
    """
    task, rows = _task(neuron, X, Y, degree, _initial(neuron, init, size, width, seed))
    known = Declared.of(task)
    Limits(tol=tol, creep=creep, rtol=TIE)
    checks.true_or_false(error_bars, "error_bars")
    scale = checks.log_scale(log_alpha, allow_limit=True)
    active_norm(activation_norm, np.linalg.norm(rows, axis=1), scale)
    how: dict[str, Any] = {"max_jumps": max_jumps, "on_failure": on_failure, "callback": callback}
    if is_quadratic(known):  # which uses only some of the options
        if start is not None:
            raise ValueError(
                "start is given, but the neuron is a quadratic form: any rotation mixes such "
                "neurons, so none of them is active; leave start out."
            )
        steps = quadratic_steps(task, rows, name=NAME, tol=tol, log_alpha=log_alpha)
        return solve(steps, **how)
    how |= {"log_alpha": log_alpha, "activation_norm": activation_norm, "tol": tol}
    how["active_above"] = active_above
    kinked = known.kinked or has_kinks(known)
    form = ReluForm.of(task, known) if kinked else None
    if form is not None:
        begun = None if start is None else checks.neurons(start, "start", known.size)
        return form.path(rows, start=begun, **how)
    try:
        how |= {"creep": creep, "error_bars": error_bars}
        return solve_network(known, rows, name=NAME, source=SOURCE, start=start, **how)
    except PathError as error:
        if not kinked:
            raise
        raise PathError(error.status, error.path, f"{error.detail}; {KINKED}") from None


def _task(
    neuron: Any, X: Any, Y: Any, degree: int | None, rows: Array
) -> tuple[HomogeneousNetwork, Array]:
    """Return the network, checked, and the initial neurons (H, p)."""
    if isinstance(neuron, HomogeneousNetwork):
        given = {"X": X, "Y": Y, "degree": degree}
        if names := [name for name, value in given.items() if value is not None]:
            raise TypeError(
                f"{', '.join(names)} came with a network that holds its own data and degree; pass "
                "the network alone, and init or width."
            )
        checks.neurons(rows, "init", neuron.size)
        if not isinstance(neuron, TorchNetwork):
            check_network(Declared.of(neuron))
        return neuron, rows
    if X is None or Y is None or degree is None:
        raise TypeError(
            f"X, Y and degree={degree!r} are needed where neuron is a function; an object with the "
            "methods of saddles.homogeneous.HomogeneousNetwork holds them itself."
        )
    return TorchNetwork(neuron, X, Y, size=rows.shape[1], degree=degree), rows


def _initial(neuron: Any, init: Any, size: int | None, width: int | None, seed: int) -> Array:
    """Return the initial neurons (H, p), given or drawn."""
    if init is not None:
        if size is not None or width is not None:
            raise TypeError(
                f"init is given, and size={size!r}, width={width!r}: its shape says both; leave "
                "them out."
            )
        array = checks.real_array(init, "init", 2)
        return checks.neurons(array, "init", array.shape[1])
    if size is None and isinstance(neuron, HomogeneousNetwork):
        size = neuron.size
    if size is None or width is None:
        raise TypeError(
            f"size={size!r}, width={width!r}: without init both are needed, the number of "
            "parameters of a neuron and the number of neurons."
        )
    checks.whole_number(width, "width", least=1)
    checks.whole_number(size, "size", least=1)
    rows = np.random.default_rng(checks.whole_number(seed, "seed")).standard_normal((width, size))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
