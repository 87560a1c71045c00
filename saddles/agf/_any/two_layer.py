"""Alternating gradient flow of a torch module of two layers, from its own weights.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489). `layers` reads the module; the
family of its neurons is chosen by the activation φ: linear networks have exact clocks, ReLU
networks steps of their own, and any other power the steps of all smooth neurons.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.agf_linear import linear
from saddles._numerics.watch import long_work
from saddles._result.path import Saddle, SaddlePath
from saddles.agf._any.layers import Layers
from saddles.agf._any.torch_network import TorchNetwork
from saddles.agf._engine.levels import DONE
from saddles.agf._engine.natural_units import natural
from saddles.agf._engine.steps import NeuronPath, solve_network
from saddles.agf._relu.network import ReluNetwork
from saddles.agf._relu.relu import relu
from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.typing import Array, ArrayLike

__all__ = ["two_layer"]

NAME = "AGF of a torch module"


@long_work
def two_layer(
    module: Any,
    X: ArrayLike,
    Y: ArrayLike,
    *,
    log_alpha: float | None = None,
    activation_norm: float | None = None,
    start: Any = None,
    active_above: float | None = None,
    tol: float = DONE,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of ``nn.Sequential(Linear, activation, Linear)``, from its present weights.

    Needs the extra ``saddles[torch]``. Call it before training: the module is only read.

    Parameters
    ----------
    module : torch.nn.Sequential
        Linear(d, H), an activation, Linear(H, q), or only the two layers. The activation must be
        homogeneous: ReLU, LeakyReLU, a power, or none.
    X : array_like of shape (n, d)
        Inputs of all training samples.
    Y : array_like of shape (n,) or (n, q)
        Targets of the loss L = |Y − f(X)|²/(2n): ``nn.MSELoss`` is 2/q times that.
    log_alpha : float, optional
        Logarithm of the initial scale, below 0. By default it is that of the module: α is the root
        mean square of the norms of its neurons (w, b, a). With another value, the path starts from
        the same directions at that scale; minus infinity is the limit α → 0.
    activation_norm : float, optional
        Norm at which a neuron counts as active. By default it is about the norm with which a single
        neuron could explain the targets.
    start : torch.nn.Module or state dict, optional
        A checkpoint of the module during training. The path begins there, and its times count from
        there. Neurons with a norm of at least `active_above` are active, and descend to a saddle.
        The others are dormant, and grow on from their norms. Not for linear networks.
    active_above : float, optional
        Norm from which neurons of `start` are active. By default a tenth of `activation_norm`.
    tol : float
        Learning ends when the loss, or every dormant neuron's rate, is below `tol` times the first.
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
        A `NeuronPath` whose units are hidden neurons, and whose ``neurons`` are rows (w, b, a).
        ``betas`` are the outputs f(X), of the shape of `Y`. For a linear network it is the path of
        `linear`: ``betas`` are maps (q, d), and times are those of the limit.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy; for a module of another kind;
        for neurons that do not start small.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    A bias of the first layer counts as a weight on an input that is always 1. A bias of the second
    layer is learnt at once, so the mean is subtracted from outputs and targets.

    Examples
    --------
    >>> import saddles, torch
    >>> module = torch.nn.Sequential(
    ...     torch.nn.Linear(2, 20, bias=False), torch.nn.ReLU(), torch.nn.Linear(20, 1, bias=False)
    ... )
    >>> for weight in module.parameters():
    ...     _ = torch.nn.init.normal_(weight, std=1e-6, generator=torch.Generator().manual_seed(0))
    >>> path = saddles.agf.two_layer(module, [[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0])
    >>> path.times.round(1).tolist(), path.losses.round(6).tolist()
    ([0.0, 1.0, 2.0], [1.25, 0.25, 0.0])
    """
    layers = Layers.of(module)
    features, targets = layers.data(X, Y)
    scale = layers.scale
    if log_alpha is None:
        log_alpha = _own_scale(scale)
    how: dict[str, Any] = {"max_jumps": max_jumps, "on_failure": on_failure, "callback": callback}
    how |= {"log_alpha": checks.log_scale(log_alpha, allow_limit=True), "tol": tol}
    rows = checks.neurons(layers.rows / (scale or 1.0), "module's neurons", layers.rows.shape[1])
    later = None if start is None else Layers.of(module, start).rows
    if layers.power == 1 and layers.behind == -layers.ahead:
        if later is not None:
            raise ValueError(
                "start is given, but the network is linear: any rotation mixes its neurons, so "
                "none of them is active; leave start out."
            )
        return _linear(layers, features, targets, **how)
    if layers.power == 1:
        how |= {"active_above": active_above}
        return _relu(layers, features, targets, (rows, later), activation_norm, how)
    task = _smooth(layers, features, targets)
    norm = _norm(activation_norm, task, rows)
    how |= {"active_above": active_above, "start": later}
    return solve_network(task, rows, name=NAME, activation_norm=norm, **how)


def _own_scale(scale: float) -> float:
    """Return log α of a module whose neurons have norms of about `scale`."""
    if not scale:
        raise ValueError(
            "all weights of the module are 0, where gradient flow rests; pass a module with random "
            "ones, torch.nn.init.normal_(weight, std=1e-4), say."
        )
    if scale >= 1:
        raise ValueError(
            f"the module's neurons have norms of about {scale:.3g}, and a saddle path starts from "
            "small ones: multiply the weights by 1e-4, say, or give log_alpha, for the path from "
            "the same directions at another scale."
        )
    return math.log(scale)


def _norm(given: float | None, network: HomogeneousNetwork, rows: Array) -> float:
    """Return the norm that counts as active."""
    return natural(Declared.of(network), rows).weight if given is None else given


def _linear(
    layers: Layers, features: Array, targets: Array, *, log_alpha: float, **how: Any
) -> SaddlePath:
    """Follow a linear network by its second moments."""
    n, Y = len(features), targets.reshape(len(targets), -1)
    X = features * layers.ahead
    if layers.centred:
        X = X - X.mean(axis=0)
    path = linear(X.T @ X / n, Y.T @ X / n, sigma_yy=Y.T @ Y / n, width=len(layers.rows), **how)
    return replace(path, log_alpha=log_alpha)


def _relu(
    layers: Layers,
    features: Array,
    targets: Array,
    weights: tuple[Array, Array | None],
    activation_norm: float | None,
    how: dict[str, Any],
) -> NeuronPath:
    """Follow (leaky) ReLU neurons from initial rows over α, and later ones: c φ(z) with c > 0.

    φ has the slope 1 on the larger side; signs of z and of the outputs are turned to that end.
    """
    if layers.centred:
        raise ValueError(
            "the second layer has a bias, which is not supported next to ReLU; make it with "
            "bias=False, and subtract the mean of Y."
        )
    forward = abs(layers.ahead) >= abs(layers.behind)
    larger, smaller = sorted((layers.ahead, layers.behind), key=abs, reverse=True)
    inputs = features * (abs(larger) if forward else -abs(larger))
    signs = np.ones(layers.rows.shape[1])
    signs[features.shape[1] :] = math.copysign(1.0, larger)
    slope = -smaller / larger
    init, start = weights[0] * signs, None if weights[1] is None else weights[1] * signs
    how |= {"activation_norm": _norm(activation_norm, ReluNetwork(inputs, targets, slope), init)}
    found = relu(inputs, targets, init=init, slope=slope, start=start, **how)
    return replace(
        found,
        neurons=tuple(theta * signs for theta in found.neurons),
        directions=tuple(theta * signs for theta in found.directions),
    )


def _smooth(layers: Layers, features: Array, targets: Array) -> TorchNetwork:
    """Return the network of any other power."""

    def neuron(theta: Any, inputs: Any) -> Any:
        return layers.neuron(theta, inputs).reshape(targets.shape)

    return TorchNetwork(neuron, features, targets, size=layers.rows.shape[1], degree=layers.degree)
