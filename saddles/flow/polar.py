"""Gradient flow of homogeneous neurons in polar coordinates, at any initial scale.

Kunin et al., "Alternating gradient flows" (2025, arXiv:2506.06489), section 2. The coordinates,
log norms and directions, are those of `saddles.flow._polar`; here they are integrated, over the
length s of their trajectory.

A direction is known to an absolute error. A neuron that lies closer than that to a direction which
has become unstable has lost the digits that say when it leaves (linear networks after their first
mode, diagonal ones after a change of sign, at small α). So each flow is computed twice, the second
time with all directions shaken by the tolerance, and must not depend on it.

===========  ================================================================
code name    symbol
===========  ================================================================
``knots``    s at the integrator's steps, shape (m,)
``sigmas``   σ there: scaled time τ in units in which the first pull is 1
``states``   (σ, λ and d of each neuron), packed
===========  ================================================================
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from saddles import checks
from saddles.flow._polar import Polar
from saddles.flow.result import Flow
from saddles.homogeneous import HomogeneousNetwork
from saddles.status import PathError, Status
from saddles.typing import Array, ArrayLike

__all__ = ["neurons"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 2"

EPS = float(np.finfo(float).eps)

#: Neurons at rest leave a saddle at a rate above this; slower ones are not waited for. Derivatives
#: at a rest known to `rtol` are not known better.
LEAST_ESCAPE = 1e-6

#: From a saddle whose escape has the rate 1, rounding is away after the time 36 = log(1/EPS).
WAIT = 100.0

#: λ is of size log(1/α) and known to a few ulp. No integrator can meet a tolerance below this many.
ROUNDING = 16 * EPS

#: Relative tolerance handed to scipy, the smallest that it takes. The one that acts is absolute.
RELATIVE = 100 * EPS

#: Share of the tolerance that a single step may use: errors of λ shift all later times.
STEP_SHARE = 0.05

#: Steps per neuron before giving up. A few hundred are usual at the default tolerance.
STEPS_PER_NEURON = 5000

#: Steps between two looks at the gradient; a converged flow takes large steps, so few are wasted.
STEPS_PER_LOOK = 8

#: Change of a log norm or a direction, where the flow is slow, that shaking by `rtol` may make.
ROBUST = 1e-3

#: Times at which the shaken flow is compared, and the largest speed of a slow one, in units of σ.
COMPARED, SLOW = 400, 100.0

#: Gauss-Legendre nodes per step for the balances: exact to degree 11, and an integrator of order at
#: most 12 makes steps over which its own polynomial has a lower degree.
NODES = 6

#: Parts into which a step is cut for the balances, at most: what grows on a longer one is tiny.
LONGEST = 16


def neurons(
    network: HomogeneousNetwork,
    init: ArrayLike,
    *,
    log_alpha: float,
    until: float | None = None,
    rtol: float = 1e-8,
    on_failure: str = "raise",
) -> Flow:
    """Gradient flow theta' = -dL/dtheta of a network of homogeneous neurons.

    Parameters
    ----------
    network : HomogeneousNetwork
        The neuron and its data; see `saddles.homogeneous`.
    init : array_like of shape (H, p)
        One neuron a row, none of them zero: training starts from exp(log_alpha) * init.
    log_alpha : float
        Logarithm of the initial scale, below 0 and finite.
    until : float, optional
        Scaled time (``t / log(1/alpha)`` for degree 2, ``t alpha**(degree - 2)`` above) at which to
        stop. Without it, the flow is followed until every neuron rests: its pull has fallen below
        `rtol` of the largest at the start, or it is negligible and shrinks.
    rtol : float, optional
        Relative error of a neuron allowed per step, from 1e-11 to 1e-3.
    on_failure : {"raise", "return"}
        Whether a flow that misses its tolerance raises `PathError`, or is returned as far as it
        went with ``success`` false.

    Returns
    -------
    Flow
        ``flow.curve.log_norms(tau)`` (q, H) and ``flow.curve.directions(tau)`` (q, H, p) are the
        neurons at scaled times (q,). ``conservation`` is the larger of two defects: of the loss
        against the work done, in units of the first loss, and of the log norms against the
        quadrature of their own velocity, in units of log(1/alpha) or 1, whichever is larger.

    Raises
    ------
    TypeError, ValueError
        With the name and value of the offending argument, the rule and the remedy.
    PathError
        If the integration fails, or rounding decides where a neuron turns (only with
        ``on_failure="raise"``).

    Notes
    -----
    For degree above 2 a jump is shorter than the spacing of floats in scaled time once alpha is
    below 1e-16: there ``at`` and ``loss`` are step functions, and ``loss_rate`` may be -inf.

    Examples
    --------
    One neuron a·w of degree 2 on the loss (3 - a w)²/2:

    >>> import numpy as np, saddles
    >>> class Product:
    ...     degree, size = 2, 2
    ...     def residual(self, theta):
    ...         return 3.0 - np.sum(theta[:, 0] * theta[:, 1])
    ...     def loss(self, theta):
    ...         return self.residual(theta) ** 2 / 2
    ...     def gradient(self, theta):
    ...         return -self.residual(theta) * theta[:, ::-1]
    ...     def utility(self, theta, active):
    ...         return self.residual(active) * theta[:, 0] * theta[:, 1]
    ...     def utility_gradient(self, theta, active):
    ...         return self.residual(active) * theta[:, ::-1]
    ...     def point(self, theta):
    ...         return np.array([3.0 - self.residual(theta)])
    >>> flow = saddles.flow.neurons(Product(), [[1.0, 0.5]], log_alpha=-1e4)
    >>> flow.jumps().times.round(3), flow.at(flow.until).round(6)
    (array([0.333]), array([3.]))
    """
    theta, log_alpha = _checked(network, init, checks.log_scale(log_alpha, allow_limit=False))
    checks.one_of(on_failure, "on_failure", ("raise", "return"))
    rule = "the relative error per step must be from 1e-11 to 1e-3"
    rtol = checks.real_number(rtol, "rtol", rule, lambda value: 1e-11 <= value <= 1e-3)
    if until is not None:
        rule = "the last scaled time must be finite and above 0; leave it out for the whole flow"
        until = checks.real_number(until, "until", rule, lambda value: 0 < value < math.inf)
    polar = Polar.of(network, theta, -log_alpha)
    if polar.unit == 0:
        curve, status = _resting(polar, until or 1.0), Status.NOTHING_TO_LEARN
    else:
        curve, status = _march(polar, rtol, until)
        if status.success and not _is_robust(curve, rtol):
            status = Status.DIRECTIONS_LOST
    if not status.success and on_failure == "raise":
        raise PathError(status, detail=f"scaled time {float(curve.times[-1]):.6g} was reached")
    return Flow(
        algorithm="flow.neurons",
        source=SOURCE,
        log_alpha=log_alpha,
        kappa=network.degree,
        times=curve.times,
        curve=curve,
        status=status,
    )


def _checked(network: Any, init: ArrayLike, log_alpha: float) -> tuple[Array, float]:
    if not isinstance(network, HomogeneousNetwork):
        raise TypeError(
            f"network={checks.show(network)} must offer degree, size, loss, gradient, utility, "
            "utility_gradient and point; see saddles.homogeneous."
        )
    theta = checks.neurons(init, "init", network.size)
    return theta, log_alpha


def _march(polar: Polar, rtol: float, until: float | None) -> tuple[_Trajectory, Status]:
    """Follow the neurons to `until`, or until they rest."""
    last = math.inf if until is None else until * polar.speed
    knots, sigmas, pieces = [0.0], [0.0], []
    status, rested = Status.INTEGRATION_FAILED, math.inf
    for solver in _steps(polar, rtol):
        knots.append(solver.t)
        sigmas.append(max(sigmas[-1], float(solver.y[0])))
        pieces.append(solver.dense_output())
        if polar.overflows(solver.y):
            status = Status.OVERFLOW
            break
        if sigmas[-1] < last and (until is not None or len(knots) % STEPS_PER_LOOK):
            continue
        resting = polar.rests(solver.y, rtol)
        rested = min(rested, solver.t) if resting else math.inf
        rate = polar.escape(solver.y) if resting else math.inf
        if rate <= LEAST_ESCAPE:
            status = Status.CONVERGED
            break
        if sigmas[-1] >= last:
            status = Status.UNTIL_REACHED
            break
        if (solver.t - rested) * rate > WAIT:
            status = Status.DIRECTIONS_LOST
            break
    if not pieces:
        raise PathError(Status.INTEGRATION_FAILED, detail="no step was possible")
    return _Trajectory.of(polar, knots, sigmas, pieces, min(last, sigmas[-1])), status


def _steps(polar: Polar, rtol: float) -> Iterator[Any]:
    """Yield the solver after each step, at most so many of them, until it fails.

    LSODA switches between Adams (growth and jumps) and BDF (relaxation) by itself.
    """
    from scipy.integrate import LSODA

    solver = LSODA(
        polar.velocity,
        0.0,
        polar.start(),
        math.inf,
        jac=polar.jacobian,
        rtol=RELATIVE,
        atol=max(STEP_SHARE * rtol, ROUNDING * polar.scale),
    )
    for _ in range(STEPS_PER_NEURON * (polar.theta.shape[0] + 2)):
        # A failed step is reported by the status that is returned, not by a warning besides.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            solver.step()
        if solver.status == "failed" or not math.isfinite(solver.t):
            return
        yield solver


def _resting(polar: Polar, until: float) -> _Trajectory:
    """Return the trajectory of neurons that nothing pulls."""
    still = replace(polar, unit=1.0)
    last = until * still.speed
    return _Trajectory.of(still, [0.0, last], [0.0, last], [_Still(still.start(), last)], last)


def _is_robust(curve: _Trajectory, rtol: float) -> bool:
    """Say whether the neurons stay where they are if their directions are shaken.

    The shaking adds up to `rtol` over log(1/α) units of s, and leaves neurons that relax alone.
    Components that are exactly zero throughout are kept so: float64 knows them exactly.
    """
    polar = curve.polar
    random = np.random.default_rng(0).standard_normal(polar.theta.shape)
    moving = np.any([polar.unpack(state)[1] for state in curve.states(curve.knots)], axis=0)
    shaken = replace(polar, shake=rtol / max(1.0, polar.scale) * random * moving)
    other, status = _march(shaken, rtol, curve.until)
    if not status.success:
        return False
    grid = np.linspace(0, curve.until, COMPARED)
    mine, its = curve.states(curve.place(grid)), other.states(other.place(grid))
    speeds = np.array([np.abs(polar.velocity(0.0, state)) for state in mine])
    slow = speeds[:, 1:].max(axis=1) <= SLOW * speeds[:, 0]
    gaps = np.abs(mine - its)[:, 1:]
    return bool((gaps[slow] <= ROBUST).all())


@dataclass(frozen=True)
class _Still:
    """A piece of trajectory along which nothing but time moves."""

    state: Array
    last: float

    def __call__(self, s: Array) -> Array:
        states = np.repeat(self.state[:, None], np.size(s), axis=1)
        states[0] = s
        return states


@dataclass(frozen=True, eq=False)
class _Trajectory:
    """The trajectory over s, and what follows from it; a `saddles.flow.result.Stretched` curve."""

    polar: Polar
    knots: Array
    """s at the integrator's steps, shape (m,)."""
    sigmas: Array
    """σ there, not falling."""
    steps: Array
    """Ends of the pieces: as `knots`, but for the last."""
    pieces: tuple[Any, ...]

    @classmethod
    def of(
        cls, polar: Polar, knots: list[float], sigmas: list[float], pieces: list[Any], last: float
    ) -> _Trajectory:
        """Cut the trajectory at σ = `last`, which lies in its last piece."""
        steps = np.array(knots)
        whole = cls(polar, steps, np.array(sigmas), steps, tuple(pieces))
        end = float(whole.place(np.array([last / polar.speed]))[0])
        cut = np.append(steps[:-1], end)
        return cls(polar, cut, np.append(sigmas[:-1], last), steps, tuple(pieces))

    @cached_property
    def _path(self) -> Any:
        from scipy.integrate import OdeSolution

        return OdeSolution(self.steps, self.pieces)

    @property
    def times(self) -> Array:
        """Return τ at the knots, shape (m,); jumps too short for a float repeat it."""
        return self.sigmas / self.polar.speed

    @property
    def until(self) -> float:
        """Return the last τ."""
        return float(self.times[-1])

    def states(self, s: Array) -> Array:
        """Return the packed states, shape (q, ...)."""
        return np.asarray(self._path(s)).T

    def place(self, tau: Array) -> Array:
        """Return the last s at which scaled time is `tau`, shape (q,)."""
        from scipy.optimize.elementwise import find_root

        sigma = np.minimum(tau * self.polar.speed, self.sigmas[-1])
        if not self.polar.excess:
            return np.asarray(sigma)
        after = np.searchsorted(self.sigmas, sigma, side="right")
        after = np.clip(after, 1, self.knots.size - 1)
        left, right = self.knots[after - 1], self.knots[after]

        def ahead(s: Array, target: Array) -> Array:
            return np.asarray(self._path(s)[0] - target)

        with np.errstate(all="ignore"):
            root = find_root(ahead, (left, right), args=(sigma,)).x
        # Where rounding leaves no change of sign, the root is at the end that is nearer.
        nearer = np.where(np.abs(ahead(left, sigma)) < np.abs(ahead(right, sigma)), left, right)
        return np.asarray(np.where(np.isfinite(root), root, nearer))

    def log_norms(self, tau: Array) -> Array:
        """Return log|θ_i|, shape (q, H)."""
        states = self.states(self.place(np.asarray(tau, dtype=float)))
        return np.array([self.polar.unpack(state)[0] for state in states]) - self.polar.scale

    def directions(self, tau: Array) -> Array:
        """Return θ_i/|θ_i|, shape (q, H, p)."""
        states = self.states(self.place(np.asarray(tau, dtype=float)))
        return np.array([self.polar.neurons(state)[1] for state in states])

    def point(self, tau: Array) -> Array:
        """Return the points in function space, shape (q, ...)."""
        polar = self.polar
        states = self.states(self.place(tau))
        return np.array([polar.network.point(polar.neurons(state)[0]) for state in states])

    def loss(self, tau: Array) -> Array:
        """Return the losses, shape (q,)."""
        return self.losses_at(self.place(tau))

    def loss_rate(self, tau: Array) -> Array:
        """Return dL/dτ = −Σ|∂L/∂θ_i|² dt/dτ, shape (q,); -inf where it overflows."""
        with np.errstate(over="ignore"):
            return -np.exp(self.log_slopes_at(self.place(tau)))

    def times_at(self, s: Array) -> Array:
        """Return τ, shape (q,)."""
        return np.asarray(self._path(s)[0] / self.polar.speed)

    def losses_at(self, s: Array) -> Array:
        """Return the losses, shape (q,)."""
        polar = self.polar
        return np.array([polar.network.loss(polar.neurons(state)[0]) for state in self.states(s)])

    def log_slopes_at(self, s: Array) -> Array:
        """Return log(−dL/dτ), shape (q,)."""
        return np.array([self.polar.log_slope(state) for state in self.states(s)])

    def conservation(self) -> float:
        """Return the larger defect of two balances: of the loss, and of the log norms."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        # Sizes grow like powers of exp(s): long steps are cut.
        parts = [
            np.linspace(a, b, 1 + math.ceil(min(max(b - a, 1.0), LONGEST)))
            for a, b in pairwise(self.knots)
        ]
        knots = np.append(np.concatenate([part[:-1] for part in parts]), self.knots[-1])
        lengths = np.diff(knots)
        inner = knots[:-1, None] + lengths[:, None] * (nodes + 1) / 2
        rates = np.array([self.polar.balances(state) for state in self.states(inner.ravel())])
        means = np.einsum("sni,n->si", rates.reshape(lengths.size, NODES, -1), weights / 2)
        logs = np.array([self.polar.unpack(state)[0] for state in self.states(knots)])
        losses = self.losses_at(knots)
        changes = np.diff(np.column_stack([losses, logs]), axis=0)
        gaps = np.abs(np.cumsum(np.nan_to_num(changes - means * lengths[:, None]), axis=0))
        work, grown = gaps[:, 0].max() / (losses[0] or 1.0), gaps[:, 1:].max()
        return float(max(work, grown / max(1.0, self.polar.scale)))
