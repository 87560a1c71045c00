"""Alternating gradient flows of two-layer ReLU networks f(x) = Σ_i a_i φ(w_i·x).

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on piecewise linear
networks; Maennel, Bousquet and Gelly (2018, arXiv:1803.08367) for where dormant neurons turn to.
With φ(z) = max(z, 0) + s min(z, 0) the degree is κ = 2; the utility of a dormant neuron,
U = a·G(w), G(w) = (1/n) Σ r_k φ(w·x_k), is linear in w between the hyperplanes w·x_k = 0.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``theta``      θ = (w, a), one neuron a row, shape (H, d + q) for q outputs
``slope``      s, the slope of φ below 0
``outputs``    f(x_k), of the shape of Y: the function-space point
``residual``   r_k = y_k − f(x_k), of the shape of Y
``columns``    Y as a matrix (n, q)
=============  ==============================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles import checks
from saddles.agf._active_neurons import Descent
from saddles.agf._dormant_neurons import Clock, Dormant, Phase
from saddles.agf._extremal import checked_features
from saddles.agf._homogeneous import DONE, NeuronPath, solve_network
from saddles.agf._piecewise import Lines, Pulls
from saddles.agf._relu_descent import descend, shortest_gradient
from saddles.agf._relu_dormant import first_ring
from saddles.agf._units import scaled
from saddles.path import Saddle
from saddles.typing import Array, ArrayLike

__all__ = ["ReluNetwork", "relu"]

SOURCE = (
    "Kunin et al. 2025, arXiv:2506.06489, with the alignment of Maennel et al. 2018, "
    "arXiv:1803.08367"
)


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
    tol: float = DONE,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
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
        θ(0)/α, one neuron (w, a) a row; q = 1 for targets (n,). In the limit only directions
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
    tol : float
        Learning ends when the loss, or every dormant neuron's rate, is below `tol` times the first.
    max_jumps : int, optional
        Stop after so many jumps; None goes to the end.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.

    Returns
    -------
    NeuronPath
        ``betas[k]`` are the outputs f(x) at the n samples, of the shape of `Y`; ``times`` are
        t / log(1/α) for the mean loss |Y − f(X)|²/(2n). In the limit, neurons that share a
        direction ring together, as one jump. A saddle may be a kink of the loss: its certificate's
        stationarity is that of the shortest of the gradients around it. ``unique`` in a certificate
        is False from the first saddle on whose way there a neuron met a kink that pushes to both of
        its sides.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Warnings
    --------
    With several outputs, neurons that share a direction will part at some later time, which hangs
    on what little they differ. There the path ends with ``Status.NEURONS_PART``: for a wide network
    that is after its first jump.

    See Also
    --------
    extremal_directions : The directions to which dormant neurons turn.

    Notes
    -----
    While the residual stands still, the way of a dormant neuron and its growth are exact, kinks
    included (Filippov's solution). While active neurons descend, which takes no scaled time,
    dormant ones go on turning under the residual of the moment, since a neuron may be carried into
    another basin.

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
    )


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


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """A two-layer (leaky) ReLU network and its data, a `saddles.homogeneous.HomogeneousNetwork`.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features.
    Y : ndarray of shape (n,) or (n, q)
        Targets.
    slope : float
        s of φ(z) = max(z, 0) + s min(z, 0).
    """

    X: Array
    Y: Array
    slope: float = 0.0

    @cached_property
    def columns(self) -> Array:
        """The targets as a matrix (n, q)."""
        return self.Y.reshape(len(self.X), -1)

    @cached_property
    def lines(self) -> Lines:
        """The lines through the origin on which the samples lie."""
        return Lines.of(self.X)

    @cached_property
    def scale(self) -> float:
        """(1/n) Σ |y_k| |x_k|, the size of pulls before anything is learnt."""
        return self.pulls(self.Y).scale

    @property
    def degree(self) -> int:
        """Return κ = 2."""
        return 2

    @property
    def widths(self) -> tuple[int, int]:
        """Return d and q."""
        return self.X.shape[1], self.columns.shape[1]

    @property
    def size(self) -> int:
        """Return d + q, the number of parameters of one neuron."""
        return sum(self.widths)

    def parts(self, theta: Array) -> tuple[Array, Array]:
        """Return views of w (H, d) and a (H, q) of neurons `theta` (H, d + q)."""
        d = self.X.shape[1]
        return theta[:, :d], theta[:, d:]

    def pulls(self, residual: Array) -> Pulls:
        """Return G for a residual of the shape of Y, or (n, q)."""
        return self.lines.pulls(residual.reshape(len(self.X), -1), self.slope)

    def _activations(self, theta: Array) -> tuple[Array, Array]:
        """Return φ(w·x) and φ'(w·x), shapes (H, n); φ'(0) = s."""
        heights = self.parts(theta)[0] @ self.X.T
        slopes = np.where(heights > 0, 1.0, self.slope)
        return slopes * heights, slopes

    def outputs(self, theta: Array) -> Array:
        """Return f(x_k), of the shape of Y, of the network of neurons `theta` (H, d + q)."""
        outputs = self._activations(theta)[0].T @ self.parts(theta)[1]
        return np.asarray(outputs.reshape(self.Y.shape))

    def residual(self, theta: Array) -> Array:
        """Return y_k − f(x_k), of the shape of Y, beside neurons `theta` (H, d + q)."""
        return np.asarray(self.Y - self.outputs(theta))

    def loss(self, theta: Array, /) -> float:
        """Return |Y − f(X)|² / (2n)."""
        return float(np.sum(self.residual(theta) ** 2)) / (2 * len(self.Y))

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, d + q); on kinks the one that gradient flow follows."""
        return shortest_gradient(self, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return a·G(w) of each neuron, shape (H,)."""
        residual = self.residual(active).reshape(self.columns.shape)
        pulls = self._activations(theta)[0] @ residual
        return np.asarray(np.sum(self.parts(theta)[1] * pulls, axis=1) / len(self.Y))

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return (∇(a·G)(w), G(w)) of each neuron, shape (H, d + q)."""
        heights, slopes = self._activations(theta)
        residual = self.residual(active).reshape(self.columns.shape) / len(self.Y)
        inner = (slopes * (self.parts(theta)[1] @ residual.T)) @ self.X
        return np.hstack([inner, heights @ residual])

    def point(self, theta: Array, /) -> Array:
        """Return f at the samples, of the shape of Y."""
        return self.outputs(theta)

    def first_ring(
        self, dormant: Dormant, active: Array, *, clock: Clock, noise: float = 0.0
    ) -> Phase:
        """Take dormant neurons along their ways until the first of them activates.

        Returns the `Phase` of the neurons `dormant` beside the `active` ones (A, p), at whose
        end clocks ring; `clock` relates norms to time, and growth below `noise` is none.
        """
        return first_ring(self, dormant, active, clock=clock, noise=noise)

    def descend(self, theta: Array, dormant: Array, *, near: bool = False) -> tuple[Descent, Array]:
        """Follow the flow of active neurons from piece to piece, dormant ones turning meanwhile.

        Returns where the neurons `theta` (A, p) come to rest, and the directions to which the
        `dormant` ones (m, p) have turned; with `near`, `theta` starts close to a critical point.
        """
        return descend(self, theta, dormant, near=near)
