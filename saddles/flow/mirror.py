"""Gradient flow of the diagonal linear network in mirror coordinates, exact at any initial scale.

Woodworth et al., "Kernel and rich regimes in overparametrized models" (COLT 2020,
arXiv:2002.09277); Pesme and Flammarion, "Saddle-to-saddle dynamics in diagonal linear networks"
(NeurIPS 2023, arXiv:2304.00488); Section 4 of Kunin et al., "Alternating gradient flows" (2025,
arXiv:2506.06489). Gradient flow of β = u ⊙ v from u = α·1, v = 0 on the mean loss
L = |y − Xβ|²/(2n) conserves u² − v² = α², so that β is a function of a dual point ρ alone:

    ρ' = (y − Xβ)/n,   s = Xᵀρ,   β_i = (α²/2) sinh 2s_i,   u_i² + v_i² = α² cosh 2s_i.

Three properties make these the coordinates to integrate in.

1. ρ moves linearly on plateaus and bends at jumps, at any α: nothing is exponentially small.
2. An error ds in s is a relative error 2 ds in β (if |s| > 1), so that one *absolute* tolerance
   on s serves every α. In the scaled s/log(1/α) it would have to shrink with 1/log(1/α): an
   integrator that does not know steps over jumps.
3. The dual flow is the gradient flow of a concave function, hence contractive: errors of single
   steps add up but never grow, whatever happens at the jumps.

The equation is in `_mirror_network`, in units in which all of it is of order one, with its table
of symbols.

A network of depth D ≥ 3 grows as a power of time, and from float64 its jumps are seen down to
α^{D−2} = 1e-13. It is integrated in one scalar per coordinate, of which `_scalars` says why, with
the equation in `_deep_network`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._diagonal.boundaries import Start
from saddles._numerics.ends import Outlook
from saddles._numerics.stepping import (
    Ending,
    Equation,
    Integration,
    Pieces,
    nodes,
)
from saddles._numerics.watch import long_work
from saddles._problems.door import as_regression
from saddles._problems.regression import Regression
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles._result.remaining import NOTHING, Remaining, left_by
from saddles._result.trajectory import Curve
from saddles._tools.threads import one_pool
from saddles.flow._deep_network import DeepNetwork
from saddles.flow._inputs import checked_rtol, checked_until, finite_scale
from saddles.flow._mirror_network import Network
from saddles.flow._scalars import scalars
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["diagonal"]

SOURCE = "Pesme and Flammarion 2023, arXiv:2304.00488; Woodworth et al. 2020, arXiv:2002.09277"

#: Steps per possible jump before giving up. About 250 are usual at the default tolerance.
STEPS_PER_JUMP = 5000

#: A jump takes this share of scaled time at least, so that it lasts many ulp of it.
SHORTEST_JUMP = 1e-13

#: Steps between two looks at the gradient; a converged flow takes large steps, so few are wasted.
STEPS_PER_DUAL_LOOK = 8


@one_pool
@long_work
def diagonal(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    log_alpha: float,
    depth: int | None = None,
    init: ArrayLike | None = None,
    form: str = "product",
    until: float | None = None,
    rtol: float = 1e-8,
    on_failure: str = "raise",
    progress: bool = False,
    time_limit: float | None = None,
) -> Flow:
    """Gradient flow of a diagonal linear network, by default from u = alpha * 1, v = 0.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features, or the whole problem.
    y : array_like of shape (n,), optional
        Targets; leave out if `X` is a `Regression`.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite; at depth 2, -1e6 costs what -10 does.
        From depth 3 on, ``alpha**(depth - 2)`` must be at least 1e-13 in the data's own units.
    depth : int, optional
        Depth D, at least 2. By default it is that of `init`, and 2 without one.
    init : array_like of shape (D,) or (D, d), optional
        Initial weights over alpha, for depth 3 and more; see `saddles.diagonal_network`. By default
        it is (1, …, 1, 0).
    form : {"product", "difference"}
        β = w_1 w_2 ⋯ w_D with a weight in each layer, or β = u^D − v^D for depth 3 and more.
    until : float, optional
        Scaled time at which to stop, ``t / log(1/alpha)``, or ``t * alpha**(depth - 2)`` from depth
        3 on. Without it, the flow is followed until
        training has ended. This needs two things. No correlation of a feature with the residual
        exceeds rounding or `rtol`, relative to the norms of the feature and of the part of y that X
        explains. And this part of y is fitted, to 1e-10 of its square. If rounding hides whether it
        is, the status is `Status.RESOLUTION`, and ``flow.remaining`` bounds the decrease of the
        loss still to come.
    rtol : float, optional
        Relative error of beta allowed per step, from 1e-12 to 1e-3. Below ``16 eps log(1/alpha)``
        rounding forbids it, and that is used instead.
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
        Its ``kappa`` is the depth. Its ``conservation`` is the largest difference between s and the
        quadrature of its velocity X'r/n, over all coordinates and steps, in scaled time.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy; also for a
        log_alpha so small that rounding of log(1/alpha) alone exceeds the coarsest `rtol`.
    PathError
        If the integration fails (only with ``on_failure="raise"``).

    Examples
    --------
    >>> import saddles
    >>> flow = saddles.flow.diagonal([[1.0, 0.5], [0.5, 1.0]], [1.0, 0.0], log_alpha=-1e6)
    >>> flow.status
    Status.CONVERGED
    >>> flow.at(flow.until).round(6)
    array([ 1.333333, -0.666667])
    """
    problem = as_regression(X, y)
    shape = Start.of(depth, init, form, problem.n_features)
    limit = "pesme_flammarion" if shape.depth == 2 else "diagonal_network"
    log_alpha = finite_scale(log_alpha, f"saddles.{limit}")
    checks.one_of(on_failure, "on_failure", ("raise", "return"))
    rtol, until = checked_rtol(rtol), checked_until(until)
    network = _network(problem, log_alpha, shape)
    as_flow = partial(_as_flow, log_alpha, shape.depth)
    if network is None:
        ends = np.array([0.0, until or 1.0])
        return as_flow(ends, _Rest(problem), Status.NOTHING_TO_LEARN, NOTHING)
    curve, status, remaining = _integrate(network, rtol, until)
    if not status.success and on_failure == "raise":
        reached = curve.times[-1] / network.pace
        raise PathError(status, detail=f"scaled time {reached:.6g} was reached{_hint(network)}")
    times = curve.times / network.pace
    if until is not None and status not in (Status.INTEGRATION_FAILED, Status.TIME_LIMIT):
        times[-1] = until
    return as_flow(times, curve, status, remaining)


def _network(problem: Regression, log_alpha: float, shape: Start) -> Network | DeepNetwork | None:
    """Return the equation; None if there is nothing to learn."""
    if shape.depth == 2:
        if shape.form != "product" or not (np.sort(np.abs(shape.init), axis=0).T == (0, 1)).all():
            raise ValueError(
                f"init={checks.show(shape.init)}, form={shape.form!r}: at depth 2 the flow starts "
                "from u = alpha, v = 0, and initial weights wash out; leave init and form out."
            )
        return Network.of(problem, log_alpha)
    network = DeepNetwork.of(problem, log_alpha, scalars(shape, problem.n_features))
    if network is not None and network.log_width < math.log(SHORTEST_JUMP):
        raise ValueError(
            f"log_alpha={log_alpha!r} at depth {shape.depth}: a jump takes a share of about "
            f"{math.exp(network.log_width):.2g} of scaled time; below {SHORTEST_JUMP:g} a float64 "
            "does not resolve it, and the flow is its limit; use saddles.diagonal_network."
        )
    return network


def _hint(network: Network | DeepNetwork) -> str:
    """Say why a step may have failed that is short beside its time."""
    if not isinstance(network, DeepNetwork):
        return ""
    width = math.exp(network.log_width)
    return f", where a jump takes {width:.2g}; from a larger alpha it takes more"


def _as_flow(
    log_alpha: float,
    depth: int,
    times: Array,
    curve: Curve,
    status: Status,
    remaining: Remaining,
) -> Flow:
    return Flow(
        algorithm="flow.diagonal",
        source=SOURCE,
        log_alpha=log_alpha,
        kappa=depth,
        times=times,
        curve=curve,
        status=status,
        remaining=remaining,
    )


def _integrate(
    network: Network | DeepNetwork, rtol: float, until: float | None
) -> tuple[_Mirror | _Deep, Status, Remaining]:
    """Follow the network to `until`, or until the gradient has vanished.

    LSODA switches between Adams (jumps: smooth, explosive, up to order 12) and BDF (plateaus:
    stiff) by itself; at these tolerances it needs a fifth of the time of an implicit Runge-Kutta
    method of order 5.
    """
    run = Integration(
        Equation(network.velocity, network.start, jacobian=network.jacobian),
        network.tolerances(rtol),
        STEPS_PER_JUMP * (network.targets.size + 2),
        until=math.inf if until is None else until * network.pace,
    )

    def done(step: int, solver: Any) -> bool:
        looks = until is None and step % STEPS_PER_DUAL_LOOK == 0
        return looks and network.outlook(solver.t, solver.y, rtol).status is not None

    steps = run.recorded(done, "flow.diagonal")
    if not steps.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    outlook = network.outlook(run.solver.t, run.solver.y, rtol, last=True)
    ending, remaining = _ending(outlook, run), left_by(outlook)
    if isinstance(network, DeepNetwork):
        return _Deep(network, steps), ending, remaining
    return _Mirror(network, steps), ending, remaining


def _ending(outlook: Outlook, run: Integration) -> Status:
    """Return why the integration ended; a step limit that was reached is a failure."""
    if run.ending is Ending.OUT_OF_TIME:
        return Status.TIME_LIMIT
    if run.ending is Ending.FAILED:
        return Status.INTEGRATION_FAILED
    finished = run.ending is Ending.FINISHED
    return outlook.status or (Status.UNTIL_REACHED if finished else Status.INTEGRATION_FAILED)


@dataclass(frozen=True, eq=False)
class _Mirror:
    """The trajectory of the dual point in dual time, and what follows from it."""

    network: Network
    dual: Pieces

    @property
    def times(self) -> Array:
        """Dual times at which steps end (m,)."""
        return self.dual.times

    def _clocks(self, tau: Array) -> Array:
        """Return s, shape (d, q)."""
        dual = self.dual(np.minimum(tau * self.network.pace, self.times[-1]))
        return np.asarray(self.network.rows @ dual)

    def clocks(self, tau: Array) -> Array:
        """Return S = s / log(1/α), shape (q, d)."""
        return np.asarray(self._clocks(tau).T / self.network.scale)

    def _velocity(self, beta: Array) -> Array:
        """Return w − Aᵀβ, shape (r, q), for β in units of c/a, shape (d, q)."""
        return np.asarray(self.network.targets[:, None] - self.network.columns @ beta)

    def point(self, tau: Array) -> Array:
        """Return β, shape (q, d)."""
        return np.asarray(self.network.unit * self.network.beta(self._clocks(tau)).T)

    def loss(self, tau: Array) -> Array:
        """Return |y − Xβ|²/(2n), shape (q,)."""
        velocity = self._velocity(self.network.beta(self._clocks(tau)))
        squares = np.sum((self.network.height * velocity) ** 2, axis=0)
        return np.asarray(self.network.floor + squares / (2 * self.network.n_samples))

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ = −log(1/α) Σ_i (∂L/∂β_i)² (u_i² + v_i²), shape (q,)."""
        network, clocks = self.network, self._clocks(tau)
        velocity = self._velocity(network.beta(clocks))
        gradient = network.height * (network.width / network.n_samples) * (network.rows @ velocity)
        norms = network.unit * network.norms(clocks)
        return np.asarray(-network.scale * np.sum(gradient**2 * norms, axis=0))

    def conservation(self) -> float:
        """Return max |s − ∫ Xᵀr/n dt| / log(1/α) over coordinates and steps."""
        inner, weights, steps = nodes(self.times)
        network = self.network
        velocity = self._velocity(network.beta(network.rows @ self.dual(inner.ravel())))
        means = velocity.reshape(-1, *inner.shape) @ weights
        gap = network.rows @ (self.dual(self.times[1:]) - np.cumsum(means * steps, axis=1))
        return float(np.abs(gap).max() / network.scale)


@dataclass(frozen=True, eq=False)
class _Deep:
    """The trajectory of the scalars of a deep network in their own time, and what follows."""

    network: DeepNetwork
    scalars: Pieces

    @property
    def times(self) -> Array:
        """Times at which steps end (m,)."""
        return self.scalars.times

    def _scalars(self, tau: Array) -> Array:
        """Return p, shape (d, q)."""
        return self.scalars(np.minimum(tau * self.network.pace, self.times[-1]))

    def _clocks(self, p: Array) -> Array:
        """Return S, shape (d, q)."""
        (above, below), now = self.network.left(self.network.start), self.network.left(p)
        # What is left on either side tells S; a side that is forbidden stays infinite.
        up = np.isfinite(above)
        left = np.where(up[:, None], now[0], -now[1])
        return np.asarray(np.where(up, above, -below)[:, None] - left)

    def clocks(self, tau: Array) -> Array:
        """Return S, shape (q, d)."""
        return self._clocks(self._scalars(tau)).T

    def point(self, tau: Array) -> Array:
        """Return β, shape (q, d)."""
        return np.asarray(self.network.unit * self.network.beta(self._scalars(tau)).T)

    def loss(self, tau: Array) -> Array:
        """Return |y − Xβ|²/(2n), shape (q,)."""
        squares = np.sum(self._residual(self._scalars(tau)) ** 2, axis=0)
        return np.asarray(self.network.floor + self.network.loss(squares))

    def _residual(self, p: Array) -> Array:
        """Return w − Aᵀβ, shape (r, q)."""
        return self.network.residual(self.network.beta(p))

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ = −Σ_i g_i² dβ_i/dS_i, shape (q,)."""
        return -self.network.fall(self._scalars(tau))

    def conservation(self) -> float:
        """Return max |S − ∫ Xᵀr/n dτ| over coordinates and steps."""
        inner, weights, steps = nodes(self.times)
        pull = self.network.rows @ self._residual(self.scalars(inner.ravel()))
        means = pull.reshape(-1, *inner.shape) @ weights
        gap = self._clocks(self.scalars(self.times[1:])) - np.cumsum(means * steps, axis=1)
        return float(np.abs(gap).max())


@dataclass(frozen=True, eq=False)
class _Rest:
    """A flow that has nothing to learn."""

    problem: Regression

    def point(self, tau: Array) -> Array:
        """Return zeros, shape (q, d)."""
        return np.zeros((tau.size, self.problem.n_features))

    def clocks(self, tau: Array) -> Array:
        """Return zeros, shape (q, d)."""
        return np.zeros((tau.size, self.problem.n_features))

    def loss(self, tau: Array) -> Array:
        """Return the loss at the origin, shape (q,)."""
        return np.full(tau.size, self.problem.loss(np.zeros(self.problem.n_features)))

    def loss_rate(self, tau: Array) -> Array:
        """Return zeros, shape (q,)."""
        return np.zeros(tau.size)

    def conservation(self) -> float:
        """Return 0: s never moves."""
        return 0.0
