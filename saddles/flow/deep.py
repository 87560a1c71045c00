"""Gradient flow of deep linear networks, in their layers over α.

Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear
neural networks" (ICLR 2014, arXiv:1312.6120). In the time τ = t α^{L−2} the layers over α obey

    Ŵ_j' = (Ŵ_L…Ŵ_{j+1})ᵀ G (Ŵ_{j−1}…Ŵ_1)ᵀ,   G = Σyx − α^L Ŵ_L…Ŵ_1 Σxx,

so that dormant weights are of order one and active ones of order 1/α. A plateau lasts as long as
α^{2−L} of the times in which active weights relax, so that an implicit integrator is needed. The
differences W_{j+1}ᵀW_{j+1} − W_jW_jᵀ, of order one, are conserved, and tie dormant weights to
active ones: a step errs by α less than what is asked for, which is where float64 ends.

=================  ==================================================
code name          symbol
=================  ==================================================
``layers``         Ŵ_1, …, Ŵ_L, from the input on
``moments``        Σxx = E[xxᵀ], (d, d), and Σyx = E[yxᵀ], (c, d)
``shrink``         α^L
=================  ==================================================
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._matrix.deep_layers import (
    checked_layers,
    flat,
    framed,
    living,
    mirror_kept,
    mirrored,
    product,
    slopes,
    unflat,
)
from saddles._matrix.moments import Moments, least_loss
from saddles._numerics.ends import Outlook
from saddles._numerics.precision import EPS
from saddles._numerics.stepping import (
    LEAST_RTOL,
    Ending,
    Equation,
    Integration,
    Pieces,
    Tolerances,
)
from saddles._numerics.watch import long_work
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles._result.remaining import left_by
from saddles._tools.threads import one_pool
from saddles.flow._inputs import checked_rtol, checked_until
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["deep_linear"]

SOURCE = "Saxe, McClelland and Ganguli 2014, arXiv:1312.6120"

#: Least α^{L−2}: times of active weights that are shorter than this part of a plateau are below
#: what steps in scaled time resolve.
SHORTEST = 1e-12
#: Error of a step, as a share of α `rtol`; its absolute error, over the largest initial weight, as
#: a share of that. So measured: jump times were off by four times a step's error over α.
SHARE, ABSOLUTE = 0.2, 1e-2
#: Where the Jacobian looks, relative to the weights: it need not be exact.
APART = 1e-8
#: Share of the loss below which what is left of it is rounding.
EMPTY = 1e-20
#: Share of the squared weights of a hidden direction that errors of what the flow conserves may be.
#: At all of it, errors have turned the sign of a weight.
LOST = 0.25
#: Two networks that differ by rounding at the start may come to maps that differ by this share.
#: Where a symmetry keeps a mode from growing, rounding grows in its stead, up to the whole mode.
PARTED = 1e-2
#: Steps in all, and between two looks at whether training has ended.
STEPS, LOOK = 100_000, 5


@one_pool
@long_work
def deep_linear(
    sigma_xx: ArrayLike,
    sigma_yx: ArrayLike,
    *,
    init: Sequence[ArrayLike],
    log_alpha: float,
    sigma_yy: ArrayLike | None = None,
    until: float | None = None,
    rtol: float = 1e-7,
    on_failure: str = "raise",
    progress: bool = False,
    time_limit: float | None = None,
) -> Flow:
    """Gradient flow of a deep linear network y = W_L…W_1 x, L ≥ 3, on L = ½ E|y − W_L…W_1 x|².

    Parameters
    ----------
    sigma_xx : array_like of shape (d, d)
        Σxx = E[xxᵀ]: symmetric, positive semi-definite.
    sigma_yx : array_like of shape (c, d)
        Σyx = E[yxᵀ]; its rows must lie in the range of `sigma_xx`, as those of data do.
    init : sequence of L array_like of shape (n_{j+1}, n_j)
        Initial layers over alpha, from the input on, as for `saddles.agf.deep_linear`.
    log_alpha : float
        Logarithm of the initial scale alpha, below 0. alpha**(L - 2) must be at least 1e-12.
    sigma_yy : array_like of shape (c, c), optional
        Σyy = E[yyᵀ]. Only its trace matters: it adds to every loss the part that no linear map
        explains. By default this part is zero, so the loss falls to 0.
    until : float, optional
        Scaled time ``t * alpha**(L - 2)`` at which to stop. Without it, the flow is followed until
        the gradient of the loss vanishes. If layers are narrower than the data, the gradient may
        never vanish: give `until` then. If the flow conserves a sign or a symmetry, modes may
        never be learnt: before rounding breaks it, the flow ends with `Status.RESOLUTION`.
    rtol : float
        Relative error of jump times to aim at, from 1e-12 to 1e-3. It must be at least
        1.1e-13 / alpha.
    on_failure : {"raise", "return"}
        Whether a flow that misses its tolerance raises `PathError`, or is returned as far as it
        went with ``success`` false.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the flow so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Flow
        ``flow.at(tau)`` is the linear map W, shape (c, d), and ``flow.curve.layers(tau)`` (one
        array per layer) the weights; ``flow.conservation`` is the largest change of
        W_{j+1}ᵀW_{j+1} − W_jW_jᵀ, which the flow conserves, relative to the largest weight squared.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the integration fails (only with ``on_failure="raise"``).

    Examples
    --------
    >>> import numpy as np, saddles
    >>> flow = saddles.flow.deep_linear(
    ...     np.eye(2), np.diag([4.0, 2.0]), init=[np.eye(2)] * 3, log_alpha=np.log(1e-4)
    ... )
    >>> flow.jumps().times.round(3), flow.kappa
    (array([0.25, 0.5 ]), 3)
    """
    moments = Moments.of(sigma_xx, sigma_yx)
    floor = least_loss(moments, sigma_yy)
    layers = checked_layers(init, moments.yx.shape)
    scale = checks.log_scale(log_alpha, allow_limit=False)
    rtol, until = checked_rtol(rtol), checked_until(until)
    if (len(layers) - 2) * scale < math.log(SHORTEST):
        raise ValueError(
            f"log_alpha={scale!r}: with {len(layers)} layers alpha**{len(layers) - 2} is below "
            f"{SHORTEST:g}, and jumps are too short for float64 to resolve next to the plateaus; "
            "the flow is its limit there, so use saddles.agf.deep_linear."
        )
    if rtol * SHARE * math.exp(scale) < LEAST_RTOL:
        raise ValueError(
            f"rtol={rtol!r} and log_alpha={scale!r}: steps would have to be exact to "
            f"{rtol * SHARE * math.exp(scale):.1g}, which float64 does not hold; raise rtol to "
            f"{LEAST_RTOL / SHARE * math.exp(-scale):.1g} or alpha, or use saddles.agf.deep_linear."
        )
    checks.one_of(on_failure, "on_failure", ("raise", "return"))
    frames = living(layers)
    mirror = mirror_kept(layers, moments.xx, moments.yx)
    start = framed(layers, frames)
    start = start if mirror is None else mirrored(start, mirror)
    network = _Network(moments, floor, start, scale, frames, mirror)
    curve, status, outlook = _followed(network, rtol, until)
    if not status.success and on_failure == "raise":
        raise PathError(status, detail=f"scaled time {float(curve.weights.times[-1]):.6g}")
    return Flow(
        algorithm="flow.deep_linear",
        source=SOURCE,
        log_alpha=scale,
        kappa=len(layers),
        times=curve.weights.times,
        curve=curve,
        status=status,
        remaining=left_by(outlook),
    )


@dataclass(frozen=True, eq=False)
class _Network:
    """The network and its data; see the module's table."""

    moments: Moments
    floor: float
    start: list[Array]
    log_alpha: float
    frames: list[Array]
    mirror: Array | None

    @property
    def shrink(self) -> float:
        return math.exp(len(self.start) * self.log_alpha)

    def map(self, layers: Sequence[Array]) -> Array:
        """Return W (c, d)."""
        return self.shrink * product(layers)

    def moved(self, layers: Sequence[Array]) -> list[Array]:
        """Return Ŵ' of every layer. Layers that mirror each other do so exactly."""
        found = slopes(layers, -self.moments.slope(self.map(layers)))
        return found if self.mirror is None else mirrored(found, self.mirror)

    def velocity(self, y: Array) -> Array:
        """Return the velocity at each row of y (..., p)."""
        return flat(self.moved(unflat(y, self.start)))

    def jacobian(self, y: Array) -> Array:
        """Return the derivative of the velocity at y (p,)."""
        apart = APART * float(np.abs(y).max())
        moved = self.velocity(np.vstack([y, y + apart * np.eye(y.size)]))
        return np.asarray((moved[1:] - moved[0]).T / apart)

    def twice(self) -> Equation:
        """Return the equation of the network, and of one that differs by rounding at the start."""
        from scipy.linalg import block_diag

        start = flat(self.start)
        shaken = start * (1 + EPS * np.random.default_rng(0).choice([-1.0, 1.0], start.size))
        if self.mirror is not None:
            shaken = flat(mirrored(unflat(shaken, self.start), self.mirror))
        return Equation(
            lambda _, y: self.velocity(y.reshape(2, -1)).ravel(),
            np.concatenate([start, shaken]),
            jacobian=lambda _, y: block_diag(*map(self.jacobian, y.reshape(2, -1))),
            overflows=True,
        )

    @cached_property
    def conserved(self) -> list[Array]:
        """Return W_{j+1}ᵀW_{j+1} − W_jW_jᵀ at the start."""
        return _conserved(self.start)

    def apart(self, y: Array) -> bool:
        """Whether both networks (2p,) are different maps by now."""
        states = (*np.split(y, 2), flat(self.start))
        W, other, first = (self.map(unflat(each, self.start)) for each in states)
        size = max(float(np.linalg.norm(W)), float(np.linalg.norm(first)))
        return float(np.linalg.norm(W - other)) > PARTED * size

    def keeps_signs(self, y: Array) -> bool:
        """Whether weights into and out of all hidden directions are larger than their errors."""
        layers = unflat(y, self.start)
        for low, high, first in zip(layers, layers[1:], self.conserved, strict=False):
            _, units = np.linalg.eigh(high.T @ high + low @ low.T)
            into, out = np.sum((low.T @ units) ** 2, axis=0), np.sum((high @ units) ** 2, axis=0)
            drift = np.abs(out - into - np.sum(units * (first @ units), axis=0))
            if (drift > LOST * (into + out)).any():
                return False
        return True

    def outlook(self, y: Array) -> Outlook:
        """Return what could still happen: the loss that is left, by the gradient over W.

        Of both networks (2p,), if y holds two, it is what is left of either.
        """
        rows = y.reshape(-1, flat(self.start).size)
        slopes = [self.moments.slope(self.map(unflat(row, self.start))) for row in rows]
        least = self.moments.values[self.moments.values > 0].min(initial=math.inf)
        whole = self.moments.explained / 2
        left = max(float(np.sum(slope**2)) for slope in slopes) / least / 2
        return Outlook(moves=left > EMPTY * whole, left=left, whole=whole, next_jump=None)


@dataclass(frozen=True, eq=False)
class _Layers:
    """The trajectory of the layers."""

    network: _Network
    weights: Pieces

    def layers(self, tau: Array) -> list[Array]:
        """Return the layers at `tau` (q,), each of shape (q, n_j, n_{j−1})."""
        scale = math.exp(self.network.log_alpha)
        frames = [frame.T for frame in self.network.frames]
        each = [framed(unflat(y, self.network.start), frames) for y in self.weights(tau).T]
        return [scale * np.array(layer) for layer in zip(*each, strict=True)]

    def point(self, tau: Array) -> Array:
        """Return W, shape (q, c, d)."""
        rows = self.weights(tau).T
        return np.array([self.network.map(unflat(y, self.network.start)) for y in rows])

    def loss(self, tau: Array) -> Array:
        """Return ½ E|y − Wx|², shape (q,)."""
        excess = self.network.moments.excess
        return np.array([self.network.floor + excess(W) for W in self.point(tau)])

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ = −α^L Σ_j |Ŵ_j'|², shape (q,)."""
        rows = self.weights(tau).T
        squares = [float(np.sum(self.network.velocity(y) ** 2)) for y in rows]
        return -self.network.shrink * np.array(squares)

    def conservation(self) -> float:
        """Return the largest change of W_{j+1}ᵀW_{j+1} − W_jW_jᵀ, relative to the weights."""
        first, worst = flat(self.network.conserved), 0.0
        for y in self.weights(self.weights.times).T:
            layers = unflat(y, self.network.start)
            apart = flat(_conserved(layers)) - first
            worst = max(worst, float(np.abs(apart).max()) / float(np.sum(flat(layers) ** 2)))
        return worst


@dataclass(eq=False)
class _Rounding:
    """Whether what rounding does can be seen, asked from look to look.

    Two networks that differ by rounding may jump at times that differ by `late` of the time. Until
    the later one has jumped they are different maps.
    """

    network: _Network
    late: float
    since: float | None = None

    def tells(self, tau: float, y: Array) -> bool:
        """Whether a conserved sign may have turned, or both networks (2p,) learn other modes."""
        if not self.network.apart(y):
            self.since = None
        elif self.since is None:
            self.since = tau
        parted = self.since is not None and tau - self.since > self.late * tau
        return parted or not self.network.keeps_signs(y[: y.size // 2])


def _conserved(layers: Sequence[Array]) -> list[Array]:
    """Return W_{j+1}ᵀW_{j+1} − W_jW_jᵀ of all pairs of layers."""
    return [high.T @ high - low @ low.T for low, high in itertools.pairwise(layers)]


def _followed(
    network: _Network, rtol: float, until: float | None
) -> tuple[_Layers, Status, Outlook]:
    """Integrate to `until`, or until the gradient has vanished."""
    start = flat(network.start)
    if not network.moments.yx.any():
        still = Pieces(np.array([0.0, until or 1.0]), [lambda tau: np.outer(start, 0 * tau + 1)])
        return _Layers(network, still), Status.NOTHING_TO_LEARN, network.outlook(start)
    late, rtol = rtol, rtol * SHARE * math.exp(network.log_alpha)
    size = float(np.abs(start).max())
    run = Integration(
        network.twice(),
        Tolerances(rtol=rtol, atol=ABSOLUTE * rtol * size),
        STEPS,
        until=math.inf if until is None else until,
    )

    rounding = _Rounding(network, late)

    def done(step: int, solver: Any) -> bool:
        if step % LOOK:
            return False
        ended = until is None and not network.outlook(solver.y).moves
        return ended or rounding.tells(solver.t, solver.y)

    weights = run.recorded(done, "flow.deep_linear")
    if not weights.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    outlook = network.outlook(run.solver.y)
    status = outlook.status
    if status is None and rounding.tells(run.solver.t, run.solver.y):
        status = Status.RESOLUTION
    if run.ending is Ending.OUT_OF_TIME:
        status = Status.TIME_LIMIT
    elif status is None:
        finished = run.ending is Ending.FINISHED
        status = Status.UNTIL_REACHED if finished else Status.INTEGRATION_FAILED
    return _Layers(network, weights), status, outlook
