"""Alternating gradient flows of two-layer ReLU networks f(x) = Σ_i a_i φ(w_i·x).

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), the section on piecewise linear
networks; Maennel, Bousquet and Gelly (2018, arXiv:1803.08367) for where dormant neurons turn to.
With φ(z) = max(z, 0) + s min(z, 0) the degree is κ = 2; the utility of a dormant neuron,
U = a G(w), G(w) = (1/n) Σ r_k φ(w·x_k), is linear in w between the hyperplanes w·x_k = 0.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``theta``      θ = (w, a), one neuron a row, shape (H, d + 1)
``slope``      s, the slope of φ below 0
``outputs``    f(x_k), shape (n,): the function-space point
``residual``   r_k = y_k − f(x_k), shape (n,)
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
from saddles.agf._ascent import End, climb
from saddles.agf._dormant_neurons import TIE, Dormant, Phase
from saddles.agf._extremal import checked_features
from saddles.agf._homogeneous import DONE, NeuronPath, solve_network
from saddles.agf._piecewise import Lines, PiecewiseUtility
from saddles.agf._relu_descent import descend, shortest_gradient
from saddles.alternation import Breakdown
from saddles.path import Saddle
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["ReluNetwork", "relu"]

SOURCE = (
    "Kunin et al. 2025, arXiv:2506.06489, with the alignment of Maennel et al. 2018, "
    "arXiv:1803.08367"
)

#: Neurons with ||a| − |w|| below this, relative to |θ|, are balanced but for rounding.
BALANCED = 1e-12


def relu(
    X: ArrayLike,
    y: ArrayLike,
    *,
    width: int = 50,
    init: ArrayLike | None = None,
    seed: int = 0,
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
    y : array_like of shape (n,)
        Targets.
    width : int
        Number of neurons H, if `init` is not given.
    init : array_like of shape (H, d + 1), optional
        θ(0)/α, one neuron (w, a) a row; only directions matter. By default w is uniform on the
        sphere and a = ±1 at random, so that neurons are balanced, |a| = |w|. With `bias`, w has
        one more entry.
    seed : int
        Seed of the default.
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
        ``betas[k]`` are the outputs f(x) at the n samples; ``times`` are t / log(1/α) for the mean
        loss |y − f(X)|²/(2n), in the limit α → 0. Neurons that share a direction ring together, as
        one jump. A saddle may be a kink of the loss: its certificate's stationarity is that of the
        shortest of the gradients around it. ``unique`` in a certificate is False from the first
        saddle on whose way there a neuron met a kink that pushes to both of its sides.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    See Also
    --------
    extremal_directions : The directions to which dormant neurons turn.

    Notes
    -----
    While the residual stands still, the way of a dormant neuron is exact, kinks included
    (Filippov's solution). While active neurons descend, dormant ones go on turning under the
    residual of the moment, since a neuron may be carried into another basin.

    Examples
    --------
    One neuron for the positive target, then one for the negative one:

    >>> import saddles
    >>> path = saddles.agf.relu([[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0], width=20)
    >>> path.times.round(6).tolist(), path.betas.round(6).tolist()
    ([0.0, 1.0, 2.0], [[0.0, 0.0], [2.0, 0.0], [2.0, -1.0]])
    """
    features, targets, number = checked_features(X, y, "y", slope, bias)
    network = ReluNetwork(features, targets, number)
    if init is None:
        rows = _balanced(checks.count(width, "width", least=1), features.shape[1], seed)
    else:
        rows = _checked_init(init, network)
    return solve_network(
        network,
        rows,
        name="AGF of a ReLU network",
        source=SOURCE,
        tol=tol,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
    )


def _balanced(width: int | None, d: int, seed: int) -> Array:
    """Return random balanced neurons with |θ| = 1, shape (width, d + 1)."""
    if width is None:
        raise TypeError("width=None: it is needed where init is not given; pass a whole number.")
    rng = np.random.default_rng(checks.count(seed, "seed"))
    w = rng.standard_normal((width, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    return np.column_stack([w, rng.choice([-1.0, 1.0], width)]) / math.sqrt(2)


def _checked_init(init: ArrayLike, network: ReluNetwork) -> Array:
    """Return the initial neurons, or say which of them has no direction."""
    rows = checks.real_array(init, "init", 2)
    if rows.shape[1] == network.size and not rows[:, :-1].any(axis=1).all():
        where = int(np.argmin(rows[:, :-1].any(axis=1)))
        raise ValueError(
            f"init[{where}] has w = 0, from where a ReLU neuron's direction is not determined; "
            "give it one."
        )
    return rows


@dataclass(frozen=True, eq=False)
class ReluNetwork:
    """A two-layer (leaky) ReLU network with scalar outputs, and its data.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Features.
    y : ndarray of shape (n,)
        Targets.
    slope : float
        s of φ(z) = max(z, 0) + s min(z, 0).
    """

    X: Array
    y: Array
    slope: float = 0.0

    @cached_property
    def lines(self) -> Lines:
        """The lines through the origin on which the samples lie."""
        return Lines.of(self.X)

    @cached_property
    def scale(self) -> float:
        """(1/n) Σ |y_k| |x_k|, the size of pulls before anything is learnt."""
        return self.lines.utility(self.y, self.slope).scale

    @property
    def degree(self) -> int:
        """Return κ = 2."""
        return 2

    @property
    def size(self) -> int:
        """Return d + 1, the number of parameters of one neuron."""
        return int(self.X.shape[1]) + 1

    def _activations(self, theta: Array) -> tuple[Array, Array]:
        """Return φ(w·x) and φ'(w·x), shapes (H, n); φ'(0) = s."""
        heights = theta[:, :-1] @ self.X.T
        slopes = np.where(heights > 0, 1.0, self.slope)
        return slopes * heights, slopes

    def outputs(self, theta: Array) -> Array:
        """Return f(x_k), shape (n,), of the network of neurons `theta` (H, p)."""
        return np.asarray(theta[:, -1] @ self._activations(theta)[0])

    def residual(self, theta: Array) -> Array:
        """Return y_k − f(x_k), shape (n,), of the network of neurons `theta` (H, p)."""
        return np.asarray(self.y - self.outputs(theta))

    def loss(self, theta: Array, /) -> float:
        """Return |y − f(X)|² / (2n)."""
        residual = self.residual(theta)
        return float(residual @ residual) / (2 * len(self.y))

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, d + 1); on kinks the one that gradient flow follows."""
        return shortest_gradient(self, theta)

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return a G(w) of each neuron, shape (H,)."""
        heights, _ = self._activations(theta)
        return np.asarray(theta[:, -1] * (heights @ self.residual(active)) / len(self.y))

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return (a ∇G(w), G(w)) of each neuron, shape (H, d + 1)."""
        heights, slopes = self._activations(theta)
        residual = self.residual(active) / len(self.y)
        pull = theta[:, -1:] * ((slopes * residual) @ self.X)
        return np.column_stack([pull, heights @ residual])

    def point(self, theta: Array, /) -> Array:
        """Return f at the samples, shape (n,)."""
        return self.outputs(theta)

    def first_ring(self, dormant: Dormant, active: Array, *, noise: float = 0.0) -> Phase:
        """Take dormant neurons along their broken lines to where they end, and let them grow there.

        In the limit α → 0 the way takes no scaled time. Returns the `Phase` until the first of the
        neurons `dormant` activates beside the `active` ones (A, p); growth below `noise` is none.
        """
        utility = PiecewiseUtility.of(self.X, self.residual(active), self.slope)
        ends = [self._end(utility, row) for row in dormant.directions]
        growth = np.array([end.growth for end in ends])
        growth[np.abs(growth) <= noise] = 0.0
        with np.errstate(divide="ignore"):
            times = np.where(growth > 0, dormant.lacking / np.abs(growth), math.inf)
        delay = float(times.min(initial=math.inf))
        together = times <= delay * (1 + TIE)
        second = float(times[~together].min(initial=math.inf))
        after = dormant.lacking - growth * delay if math.isfinite(delay) else dormant.lacking
        directions = np.array([np.append(end.direction, end.sign) for end in ends]) / math.sqrt(2)
        pulls = np.linalg.norm(self.utility_gradient(dormant.directions, active), axis=1)
        return Phase(
            delay=delay,
            units=np.flatnonzero(together & np.isfinite(times)),
            margin=(second - delay) / delay if 0 < delay < math.inf else math.inf,
            after=Dormant(directions, after),
            pull=float(pulls.max(initial=0.0)),
            unique=all(end.unique for end in ends),
        )

    def _end(self, utility: PiecewiseUtility, neuron: Array) -> End:
        """Return where one dormant neuron (d + 1,) goes."""
        w, a = neuron[:-1], float(neuron[-1])
        imbalance = a**2 - float(w @ w)
        if abs(imbalance) <= BALANCED * (a**2 + float(w @ w)):
            imbalance = 0.0
        sign = math.copysign(1.0, a) if a else math.copysign(1.0, float(utility.value(w)))
        end = climb(utility, w, sign=sign, imbalance=imbalance)
        if end is None:
            raise Breakdown(Status.STALLED, "the direction of a dormant ReLU neuron")
        if end.vanishes:
            raise Breakdown(
                Status.STALLED,
                "a dormant ReLU neuron with |a| > |w| comes to w = 0 on a kink, from where its way "
                "is not determined; start with |a| <= |w|",
            )
        return end

    def descend(self, theta: Array, dormant: Array, *, near: bool = False) -> tuple[Descent, Array]:
        """Follow the flow of active neurons from piece to piece, dormant ones turning meanwhile.

        Returns where the neurons `theta` (A, p) come to rest, and the directions to which the
        `dormant` ones (m, p) have turned; with `near`, `theta` starts close to a critical point.
        """
        return descend(self, theta, dormant, near=near)
