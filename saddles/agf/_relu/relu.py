"""Alternating gradient flows of two-layer ReLU networks f(x) = Σ_i a_i φ(w_i·x).

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on piecewise linear
networks; Maennel, Bousquet and Gelly (2018, arXiv:1803.08367) for where dormant neurons turn to.
The steps of the engine are for smooth networks; a ReLU network hands it two of its own
(`kinked_steps`).

=============  ==============================================================
code name      symbol
=============  ==============================================================
``init``       θ(0)/α, one neuron (w, a) per row, shape (H, d + q)
``slope``      s, the slope of φ below 0: φ(z) = max(z, 0) + s min(z, 0)
=============  ==============================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from saddles import checks
from saddles._numerics.watch import long_work
from saddles._result.path import Saddle
from saddles.agf._engine.levels import DONE
from saddles.agf._engine.natural_units import scaled
from saddles.agf._engine.setting import ACTIVE_SHARE
from saddles.agf._engine.steps import NeuronPath, solve_network
from saddles.agf._relu.extremal import checked_features
from saddles.agf._relu.kinked_steps import kinked_steps
from saddles.agf._relu.network import ReluNetwork
from saddles.typing import Array, ArrayLike

__all__ = ["relu"]

SOURCE = (
    "Kunin et al. 2025, arXiv:2506.06489, with the alignment of Maennel et al. 2018, "
    "arXiv:1803.08367"
)


@long_work
def relu(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    width: int = 50,
    init: ArrayLike | None = None,
    seed: int = 0,
    log_alpha: float = -math.inf,
    activation_norm: float = 1.0,
    slope: float = 0.0,
    bias: bool = False,
    start: ArrayLike | None = None,
    active_above: float | None = None,
    tol: float = DONE,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> NeuronPath:
    """Saddle path of a two-layer (leaky) ReLU network from vanishing initialisation.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Features.
    Y : array_like of shape (n,) or (n, q)
        Targets, of one output or of q.
    width : int
        Number of neurons H, if `init` is not given.
    init : array_like of shape (H, d + q), optional
        θ(0)/α, one neuron (w, a) per row; q = 1 for targets (n,). In the limit only directions
        matter. By default w and a are uniform on their spheres and neurons balanced, |a| = |w|.
        With `bias`, w has one more entry.
    seed : int
        Seed of the default.
    log_alpha : float
        Logarithm of the initial scale, below 0; minus infinity is the limit, where turning takes no
        scaled time.
    activation_norm : float
        Norm at which a neuron counts as active; it shifts jump times by O(1/log(1/α)), and does
        nothing in the limit.
    slope : float
        s of φ(z) = max(z, 0) + s min(z, 0): 0 for ReLU, 1 for a linear network.
    bias : bool
        Append a feature that is 1.
    start : array_like of shape (H, d + q), optional
        Weights θ (not over α) of the same neurons during training that began at the finite scale
        `log_alpha`. The path begins there, and its times count from there. Neurons with a norm of
        at least `active_above` are active, and descend to a saddle. The others are dormant, and
        grow on from their norms.
    active_above : float, optional
        Norm from which neurons of `start` are active. By default a tenth of `activation_norm`.
    tol : float
        Learning ends when the loss, or every dormant neuron's rate, is below `tol` times the first.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
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
    NeuronPath
        ``betas[k]`` are the outputs f(x) at the n samples, of the shape of `Y`; ``times`` are
        t / log(1/α) for the mean loss |Y − f(X)|²/(2n). In the limit, neurons that share a
        direction ring together, as one jump. A saddle may be a kink of the loss: its certificate's
        stationarity is that of the shortest of the gradients around it. ``unique`` in a certificate
        is False from the first saddle before which a neuron met a kink that pushes to both of its
        sides.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Warnings
    --------
    With several outputs, neurons that share a direction separate later, at a time that depends on
    their tiny differences. The path ends there with ``Status.NEURONS_PART``. In a wide network this
    happens after the first jump.

    See Also
    --------
    extremal_directions : The directions to which dormant neurons turn.

    Notes
    -----
    While the residual is constant, the direction and the growth of a dormant neuron are exact, also
    at kinks (Filippov's solution). The descent of the active neurons takes no scaled time, but
    dormant neurons turn during it, under the residual of each moment: they may come into another
    basin. A neuron that comes to rest where it stops to see its last sample stays at rest, as it
    does in training by small steps.

    Examples
    --------
    One neuron for the positive target, then one for the negative one:

    >>> import saddles
    >>> path = saddles.agf.relu([[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0], width=20)
    >>> path.times.round(6).tolist(), path.betas.round(6).tolist()
    ([0.0, 1.0, 2.0], [[0.0, 0.0], [2.0, 0.0], [2.0, -1.0]])

    From a finite scale neurons lose some time while they turn:

    >>> path = saddles.agf.relu(
    ...     [[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0], width=20, log_alpha=-100.0, max_jumps=2
    ... )
    >>> path.times.round(3).tolist()
    [0.0, 1.0, 2.0]
    """
    features, targets, number = checked_features(X, Y, "Y", slope, bias)
    features, targets, units = scaled(features, targets)
    network = ReluNetwork(features, targets, number)
    if number == 1 and network.widths[1] > 1:
        raise ValueError(
            f"slope={slope!r} with several outputs makes a linear network, whose neurons mix; use "
            "saddles.agf.linear on its second moments."
        )
    if init is None:
        rows = _balanced(checks.whole_number(width, "width", least=1), *network.widths, seed)
    else:
        rows = _checked_init(init, network)
    if start is not None:
        above = ACTIVE_SHARE * activation_norm if active_above is None else active_above
        start = _gathered(network, checks.neurons(start, "start", network.size), above)
    return solve_network(
        network,
        rows,
        log_alpha=log_alpha,
        activation_norm=activation_norm,
        name="AGF of a ReLU network",
        source=SOURCE,
        tol=tol,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
        units=units,
        own=kinked_steps(network),
        start=start,
        active_above=active_above,
    )


def _gathered(network: ReluNetwork, theta: Array, above: float) -> Array:
    """Return neurons (H, d + 1) of which active ones of one cone and sign are parallel.

    They compute what they did: Σ a_i w_i stays, and on its cone a neuron is linear. Active neurons
    of a checkpoint have nearly come together, and are followed as one where they have.
    """
    w, a = network.parts(theta)
    if a.shape[1] > 1:
        return theta
    cones: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(np.linalg.norm(theta, axis=1) >= above).tolist():
        cones.setdefault(np.append(network.X @ w[i] > 0, a[i] > 0).tobytes(), []).append(i)
    together = theta.copy()
    for members in (np.array(rows) for rows in cones.values() if len(rows) > 1):
        shares = np.abs(a[members, 0]) * np.linalg.norm(w[members], axis=1)
        total = np.abs(a[members, 0]) @ w[members]
        size = float(np.linalg.norm(total))
        norms = np.sqrt(2 * size * shares / shares.sum())
        if norms.min() >= above:
            direction = np.append(total / size, np.sign(a[members[0]])) / math.sqrt(2)
            together[members] = norms[:, None] * direction
    return together


def _balanced(width: int | None, d: int, q: int, seed: int) -> Array:
    """Return random balanced neurons with |θ| = 1, shape (width, d + q)."""
    if width is None:
        raise TypeError("width=None: it is needed where init is not given; pass a whole number.")
    rng = np.random.default_rng(checks.whole_number(seed, "seed"))
    w = rng.standard_normal((width, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    if q == 1:
        a = rng.choice([-1.0, 1.0], (width, 1))
    else:
        a = rng.standard_normal((width, q))
        a /= np.linalg.norm(a, axis=1, keepdims=True)
    return np.hstack([w, a]) / math.sqrt(2)


def _checked_init(init: ArrayLike, network: ReluNetwork) -> Array:
    """Return the initial neurons, or say which of them has no direction."""
    rows = checks.neurons(init, "init", network.size)
    zero = ~network.parts(rows)[0].any(axis=1)
    if zero.any():
        raise ValueError(
            f"init[{int(zero.argmax())}] has w = 0, from where a ReLU neuron's direction is not "
            "determined; give it one."
        )
    return rows
