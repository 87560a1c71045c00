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

===============  =====================================================================
code name        symbol
===============  =====================================================================
``rows``         A = XᵀU/a, shape (d, r): U an orthonormal basis of range X, a = |X|₂
``targets``      w = Uᵀy/c, shape (r,), with c such that |A w|∞ = 1
``dual``         a Uᵀρ, shape (r,), so that s = A·dual; its time is (a c/n) t
``over``         |s| − e; one unit in the data's own scale is reached at the edge e
``edge``         e = log(1/α) + log(4c/a)/2, so that (α²/4) e^{2|s|} = (c/a) e^{2·over}
``clocks``       s, shape (d,)
===============  =====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.ends import Outlook
from saddles._numerics.precision import CUT_EXPONENT, EPS, ULPS
from saddles._numerics.stepping import Ending, Equation, Integration, Pieces, Tolerances, nodes
from saddles._problems.door import as_regression
from saddles._problems.regression import Regression
from saddles._result.flow import Flow
from saddles._result.path import PathError
from saddles._result.remaining import NOTHING, Remaining, left_by
from saddles._result.trajectory import Curve
from saddles._tools.threads import one_pool
from saddles.flow._inputs import checked_rtol, checked_until, finite_scale
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices

__all__ = ["diagonal"]

SOURCE = "Pesme and Flammarion 2023, arXiv:2304.00488; Woodworth et al. 2020, arXiv:2002.09277"

#: From this edge on, exponents are taken relative to it, and the integrator may leave out
#: e^{−2(|s|+e)}: it is below e^{−2e} = 4e-44, and the velocity of order one.
ONE_SIDED_EDGE = 50.0

#: From this many features on, those with coefficients below `UNFELT` units, which rounding would
#: lose, are left out of sums. At small α few others are left, and the Jacobian has a low rank.
WIDE, UNFELT = 200, EPS**2

#: Exponents of the gain are cut here: targets 1e-300 times the features' size go no further.
LARGEST_EXPONENT = 690.0

#: Steps per possible jump before giving up. About 250 are usual at the default tolerance.
STEPS_PER_JUMP = 5000

#: Steps between two looks at the gradient; a converged flow takes large steps, so few are wasted.
STEPS_PER_DUAL_LOOK = 8


@one_pool
def diagonal(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    log_alpha: float,
    until: float | None = None,
    rtol: float = 1e-8,
    on_failure: str = "raise",
) -> Flow:
    """Gradient flow of a diagonal linear network from u = alpha * 1, v = 0.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features, or the whole problem.
    y : array_like of shape (n,), optional
        Targets; leave out if `X` is a `Regression`.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite; -1e6 costs what -10 does.
    until : float, optional
        Scaled time ``t / log(1/alpha)`` at which to stop. Without it, the flow is followed until
        training has ended: no feature's correlation with the residual exceeds `rtol` (relative to
        the norms of that feature and of the part of y that X explains), nor what rounding leaves of
        it, and all that X explains of y is fitted, to 1e-10 of its square. Where rounding hides
        whether it is, the status is `Status.RESOLUTION`, and ``flow.remaining`` says what is left.
    rtol : float, optional
        Relative error of beta allowed per step, from 1e-12 to 1e-3. Below ``16 eps log(1/alpha)``
        rounding forbids it, and that is used instead.
    on_failure : {"raise", "return"}
        Whether a flow that misses its tolerance raises `PathError`, or is returned as far as it
        went with ``success`` false.

    Returns
    -------
    Flow
        With ``conservation`` the largest difference between s and the quadrature of its own
        velocity X'r/n, over all coordinates and steps, divided by log(1/alpha).

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
    log_alpha = finite_scale(log_alpha, "saddles.pesme_flammarion")
    checks.one_of(on_failure, "on_failure", ("raise", "return"))
    rtol, until = checked_rtol(rtol), checked_until(until)
    network = _Network.of(problem, log_alpha)
    if network is None:
        ends = np.array([0.0, until or 1.0])
        return _as_flow(log_alpha, ends, _Rest(problem), Status.NOTHING_TO_LEARN, NOTHING)
    curve, status, remaining = _integrate(network, rtol, until)
    if not status.success and on_failure == "raise":
        reached = curve.times[-1] / network.pace
        raise PathError(status, detail=f"scaled time {reached:.6g} was reached")
    times = curve.times / network.pace
    if until is not None and status is not Status.INTEGRATION_FAILED:
        times[-1] = until
    return _as_flow(log_alpha, times, curve, status, remaining)


def _as_flow(
    log_alpha: float, times: Array, curve: Curve, status: Status, remaining: Remaining
) -> Flow:
    return Flow(
        algorithm="flow.diagonal",
        source=SOURCE,
        log_alpha=log_alpha,
        kappa=2,
        times=times,
        curve=curve,
        status=status,
        remaining=remaining,
    )


@dataclass(frozen=True, eq=False)
class _Network:
    """The dual flow in units in which features, targets and first velocity are of order one."""

    rows: Array
    targets: Array
    edge: float
    width: float
    """a = |X|₂."""
    height: float
    """c; the unit of beta is c/a."""
    n_samples: float
    """n, the divisor of the mean loss."""
    scale: float
    """log(1/α)."""
    floor: float
    """Loss of the best fit, |y − U Uᵀy|²/(2n)."""
    beyond: float
    """Part of it that X explains along directions which rounding hides."""

    @classmethod
    def of(cls, problem: Regression, log_alpha: float) -> _Network | None:
        """Reduce the problem to the range of X; None if y is orthogonal to it.

        The path depends on the data through XᵀX and Xᵀy only: the rest of ρ merely drifts.
        """
        basis, singular, _ = np.linalg.svd(problem.X, full_matrices=False)
        rank = int((singular > singular[0] * max(problem.X.shape) * EPS).sum())
        largest = float(np.abs(problem.y).max())
        if rank == 0 or largest == 0:
            return None
        # Where s is of size log(1/α), β is known to eps log(1/α) of itself: along directions that
        # need a β larger than that allows, the fit would be noise.
        seen = int((singular[:rank] > singular[0] * EPS * -log_alpha).sum())
        explained = basis[:, :rank].T @ (problem.y / largest)
        basis, width = basis[:, :seen], float(singular[0])
        rows, y = problem.X.T @ basis / width, problem.y / largest
        targets = basis.T @ y
        start = float(np.abs(rows @ targets).max())
        if start <= ULPS * float(np.linalg.norm(y)):
            return None
        height, scale = largest * start, -log_alpha
        beyond = largest**2 * float(np.sum(explained[seen:] ** 2)) / (2 * problem.n_samples)
        return cls(
            rows=np.ascontiguousarray(rows),
            targets=targets / start,
            edge=scale + 0.5 * (math.log(4) + math.log(height) - math.log(width)),
            width=width,
            height=height,
            n_samples=problem.n_samples,
            scale=scale,
            floor=float(np.sum((largest * (y - basis @ targets)) ** 2)) / (2 * problem.n_samples),
            beyond=beyond,
        )

    @property
    def unit(self) -> float:
        """c/a, the unit of beta."""
        return self.height / self.width

    @property
    def pace(self) -> float:
        """Dual time that passes in one unit of scaled time, (a c/n) log(1/α)."""
        return self.height * (self.width / self.n_samples) * self.scale

    @cached_property
    def columns(self) -> Array:
        """Aᵀ (r, d), contiguous."""
        return np.ascontiguousarray(self.rows.T)

    @property
    def gain(self) -> float:
        """2e^{−2e}, so that β = gain · sinh 2s in units of c/a: large if α² dwarfs the data."""
        return 2 * math.exp(min(-2 * self.edge, LARGEST_EXPONENT))

    def tolerance(self, rtol: float) -> float:
        """Return the absolute error allowed in s, which makes β err by 2 `rtol`.

        Where |β| is one unit, s is at asinh(1/gain)/2 and dβ/ds = 2 hypot(1, gain).
        """
        reach = self.edge if self.edge > ONE_SIDED_EDGE else math.asinh(1 / self.gain) / 2
        return max(rtol / math.hypot(1, self.gain), ULPS * reach)

    def _doubled_over(self, clocks: Array) -> Array:
        over: Array = np.abs(clocks)
        over -= self.edge
        np.minimum(over, CUT_EXPONENT, out=over)
        over *= 2.0
        return over

    def _doubled(self, clocks: Array) -> Array:
        largest = max(self.edge, 0.0) + CUT_EXPONENT
        return np.asarray(2 * np.clip(clocks, -largest, largest))

    def beta(self, clocks: Array) -> Array:
        """Return β in units of c/a, of the shape of `clocks`."""
        if self.edge <= ONE_SIDED_EDGE:
            return np.asarray(self.gain * np.sinh(self._doubled(clocks)))
        over = self._doubled_over(clocks)
        return np.asarray(np.copysign(np.exp(over) - np.exp(-over - 4 * self.edge), clocks))

    def norms(self, clocks: Array) -> Array:
        """Return |θ_i|² = dβ_i/ds_i in units of c/a, of the shape of `clocks`."""
        if self.edge <= ONE_SIDED_EDGE:
            return np.asarray(2 * self.gain * np.cosh(self._doubled(clocks)))
        over = self._doubled_over(clocks)
        return np.asarray(2 * (np.exp(over) + np.exp(-over - 4 * self.edge)))

    def velocity(self, _time: float, dual: Array) -> Array:
        """Return d(dual)/dt = w − Aᵀβ, shape (r,)."""
        clocks = self.rows.dot(dual)
        if self.edge <= ONE_SIDED_EDGE:
            beta = self.beta(clocks)
        else:
            beta = self._doubled_over(clocks)
            np.exp(beta, out=beta)
            np.copysign(beta, clocks, out=beta)
        felt = self._felt(beta)
        if felt is None:
            fit: Array = self.columns.dot(beta)
            return np.subtract(self.targets, fit, out=fit)
        return np.asarray(self.targets - beta[felt] @ self.rows[felt])

    def jacobian(self, _time: float, dual: Array) -> Array:
        """Return −Aᵀ diag(dβ/ds) A, shape (r, r)."""
        norms = self.norms(self.rows @ dual)
        felt = self._felt(norms)
        if felt is None:
            return np.asarray(-(self.columns * norms) @ self.rows)
        return np.asarray(-(self.rows[felt].T * norms[felt]) @ self.rows[felt])

    def _felt(self, weights: Array) -> Indices | None:
        """Return the features whose `weights` (d,) a sum over all would feel; None for all."""
        if weights.size < WIDE:
            return None
        felt = np.flatnonzero(np.abs(weights) > UNFELT)
        return felt if 2 * felt.size < weights.size else None

    @cached_property
    def lengths(self) -> Array:
        """Norms of the columns of X in units of a, shape (d,)."""
        return np.asarray(np.linalg.norm(self.rows, axis=1))

    def outlook(self, time: float, dual: Array, rtol: float) -> Outlook:
        """Return what could still happen from a dual point (r,) at its time.

        Every feature counts by its correlation |x_i·r| / (|x_i| |U Uᵀy|), so that a late jump of a
        feature of small scale is not taken for the end. What is left of the loss is exactly
        |w − Aᵀβ|²/2: where it is more than rounding leaves of Aᵀβ, the flow goes on.
        """
        clocks = self.rows @ dual
        beta = self.beta(clocks)
        velocity = self.targets - self.columns @ beta
        spread = float(np.linalg.norm(self.lengths * beta))
        rounding = EPS * (1 + float(np.abs(clocks).max())) * spread
        size = float(np.linalg.norm(self.targets))
        rates = self.rows @ velocity
        driven = np.abs(rates) > (rtol * size + ULPS / EPS * rounding) * self.lengths
        ways = self.edge - np.copysign(clocks, clocks * rates)
        waits = ways[driven & (ways > 0)] / np.abs(rates[driven & (ways > 0)])
        return Outlook(
            moves=bool(driven.any()),
            left=self._loss(float(velocity @ velocity)) + self.beyond,
            whole=self._loss(size**2) + self.beyond,
            hidden=self._loss(rounding**2) + self.beyond,
            next_jump=(time + float(waits.min(initial=math.inf))) / self.pace,
        )

    def _loss(self, square: float) -> float:
        """Return the loss of a residual of this square, which is in units of c."""
        return float(square * self.height * self.height / (2 * self.n_samples))


def _integrate(
    network: _Network, rtol: float, until: float | None
) -> tuple[_Mirror, Status, Remaining]:
    """Follow the dual point to `until`, or until the gradient has vanished.

    LSODA switches between Adams (jumps: smooth, explosive, up to order 12) and BDF (plateaus:
    stiff) by itself; at these tolerances it needs a fifth of the time of an implicit Runge-Kutta
    method of order 5.
    """
    start = np.zeros(network.targets.size)
    run = Integration(
        Equation(network.velocity, start, jacobian=network.jacobian),
        Tolerances(atol=network.tolerance(rtol)),
        STEPS_PER_JUMP * (start.size + 2),
        until=math.inf if until is None else until * network.pace,
    )

    def done(step: int, solver: Any) -> bool:
        looks = until is None and step % STEPS_PER_DUAL_LOOK == 0
        return looks and network.outlook(solver.t, solver.y, rtol).status is not None

    dual = run.recorded(done)
    if not dual.curves:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    outlook = network.outlook(run.solver.t, run.solver.y, rtol)
    return _Mirror(network, dual), _ending(outlook, run), left_by(outlook)


def _ending(outlook: Outlook, run: Integration) -> Status:
    """Return why the integration ended; a step limit that was reached is a failure."""
    if run.ending is Ending.FAILED:
        return Status.INTEGRATION_FAILED
    finished = run.ending is Ending.FINISHED
    return outlook.status or (Status.UNTIL_REACHED if finished else Status.INTEGRATION_FAILED)


@dataclass(frozen=True, eq=False)
class _Mirror:
    """The trajectory of the dual point in dual time, and what follows from it."""

    network: _Network
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
