"""Active neurons: from the moment of activation to the next critical point.

The active neurons follow θ' = −∂L/∂θ, all of them together, from the last critical point with the
new ones beside it, small and along the directions that they have turned to. Which critical point
they reach is a question about that flow, so it is followed, by a stiff integrator, until it is
certain; Newton's method then adds the digits. The flow may also creep: norms grow without bound,
like a power of time, while the loss falls ever more slowly to an infimum that no finite point
attains. It is then followed until the loss falls little while time grows fourfold.

Neurons move in the affine subspace that their gradients span. It is found by sampling: gradients
at the start, then at random points of the subspace found so far, until nothing new appears.

==============  ====================================================================
code name       symbol
==============  ====================================================================
``theta``       θ, the active neurons, (A, p)
``basis``       B, orthonormal, (p, m): θ = θ⁰ + z Bᵀ
``z``           coordinates (A, m), flattened for the integrator
``force``       |∂L/∂z|
``size``        |∂L/∂z| |θ| / (2 κ L(0)): by how much scaling θ could change L, relative to L(0)
``creep``       fall of L while time last grew fourfold, relative to L(0), where norms diverge
==============  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles.alternation import Breakdown
from saddles.homogeneous import HomogeneousNetwork
from saddles.status import Status
from saddles.typing import Array

__all__ = [
    "AMPLITUDE",
    "CREEP",
    "LEVELS",
    "STATIONARY",
    "Descent",
    "descend",
    "newton",
    "reach",
    "settle",
]

#: A gradient's share outside of the subspace that counts as none, and a neuron's, which is dropped:
#: while the flow is followed, and when a critical point is sharpened.
OUTSIDE, SHARP = 1e-7, 1e-13
#: Most coordinates for which second derivatives are formed; how often the search without them looks
#: at where it is, and how many times at least.
DENSE, CHECK, PATIENT = 450, 10, 6
#: Iterations of that search, and how many times the creeping that is asked for it may end with: its
#: certificate says so.
ITERATIONS, LOOSE = 500, 20.0
#: A fall that rounding hides; a rise of the loss that does, relative to the utility.
EPS, ROUNDING = float(np.finfo(float).eps), 1e-12
#: Local relative error of the flow.
RTOL = 1e-4
#: New neurons start this small beside the norm that they will about have.
AMPLITUDE = 1e-2
#: The force is tried for a nearby critical point each time that it has fallen to such a share.
LEVELS = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10)
#: The critical point lies this near, relative to |θ|, or the flow goes on.
NEAR = 0.1
#: Relative stationarity of a critical point; Newton's method stops at `ENOUGH`.
STATIONARY, ENOUGH = 1e-9, 1e-13
#: Steps of Newton's method without progress after which it stops.
PATIENCE = 3
#: Curvature, relative to the largest, that is rounding alone.
ZERO_CURVATURE = 1e-14
#: Share of a Newton displacement along negative curvature that is rounding.
CLIMBING = 1e-5
#: Where the loss creeps, it may still fall this much, relative to L(0), while time grows by the
#: factor `WINDOW`. With the usual powers, t^(−3/4), half of this is left in all.
CREEP = 5e-4
#: Norms that grow slower than this power of time are about to stop.
GROWING = 0.01
#: Neurons that were on their way to infinity before take up their pace only after as long again;
#: the loss must fall this much slower if that is not to be awaited.
RESUMED = 0.02
#: No flow creeps before a new neuron has come to this share of the norm that it may come to.
GROWN = 0.3
WINDOW = 4.0
#: Steps of the integrator after which the descent is given up.
STEPS = 5_000


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the flow of the active neurons ends.

    Attributes
    ----------
    theta : ndarray of shape (A, p)
        The critical point.
    creep : float
        0 at a critical point; else how much the loss still fell, relative to L(0), while time
        grew fourfold.
    """

    theta: Array
    creep: float


def reach(network: HomogeneousNetwork, active: Array, direction: Array) -> float:
    """Return the norm at which one more neuron of this `direction` (p,) would serve best.

    Along the ray L(c) = L − c^κ U + c^{2κ} q is least where c^κ = U / (2q).
    """
    row = direction[None]
    utility = float(network.utility(row, active)[0])
    rise = network.loss(np.vstack([active, row])) - network.loss(active) + utility
    if not rise > ROUNDING * utility > 0:
        raise Breakdown(Status.UNBOUNDED, "a neuron activates that nothing holds back")
    return float((utility / (2 * rise)) ** (1 / network.degree))


def descend(
    network: HomogeneousNetwork,
    theta: Array,
    sizes: Array,
    *,
    creep: float = CREEP,
    creeping: bool = False,
    rtol: float = RTOL,
) -> Descent:
    """Follow the gradient flow of the neurons `theta` (A, p) to the critical point that it reaches.

    Parameters
    ----------
    network : HomogeneousNetwork
        The loss.
    theta : ndarray of shape (A, p)
        Where they start.
    sizes : ndarray of shape (A,)
        Norms that they may about come to.
    creep : float
        What the loss may still fall, relative to L(0), while time grows fourfold and norms diverge.
    creeping : bool
        Whether some of the neurons were on their way to infinity before.
    rtol : float
        Local relative error of the flow.

    Raises
    ------
    Breakdown
        If it reaches no critical point and does not creep to an infimum either.
    """
    run = _Run.of(network, theta, sizes)
    if run.basis.shape[1] * len(theta) > DENSE:
        return _minimise(run, creep)
    levels, peak, trail = iter(LEVELS), 0.0, _Trail(run, creep, creeping)
    level = next(levels)
    for time, z, force in run.flow(rtol):
        if force > peak:
            peak, levels, trail = force, iter(LEVELS), _Trail(run, creep, creeping, time)
            level = next(levels)
        low = force <= level * peak
        slow = trail.creeps(time, z)
        if low or slow:
            found = run.polish(z)
            if found is not None:
                return run.sharpen(found)
            if slow:
                return Descent(run.at(z), trail.creep)
            while force <= level * peak:
                level = next(levels, 0.0)
    raise Breakdown(Status.STALLED, "the flow of the active neurons came to no critical point")


def settle(
    network: HomogeneousNetwork, theta: Array, found: Descent, *, creep: float = CREEP
) -> Descent:
    """Descend again after neurons at zero were taken out of what `descend` found."""
    if found.creep:
        return Descent(theta, found.creep)
    sizes = np.linalg.norm(theta, axis=1)
    run = _Run.of(network, theta, sizes, SHARP)
    polished = run.polish(np.zeros(len(theta) * run.basis.shape[1]))
    return polished or descend(network, theta, sizes, creep=creep)


def _minimise(run: _Run, creep: float) -> Descent:
    """Descend by L-BFGS where second derivatives would be too many to follow the flow.

    New neurons start at the best norm along their directions; iterations stand for time in what
    ``creep`` means, and may end before it is as small as asked for.
    """
    from scipy.optimize import minimize

    norms = np.linalg.norm(run.theta, axis=1)
    factors = np.where(norms < GROWN * run.sizes, run.sizes / norms, 1.0)
    run = replace(run, theta=run.theta * factors[:, None])
    losses: list[float] = []
    size, fall = math.inf, math.inf

    def watch(intermediate_result: Any) -> None:
        nonlocal size, fall
        z = intermediate_result.x
        losses.append(float(intermediate_result.fun))
        fall = (losses[int(len(losses) / WINDOW)] - losses[-1]) / run.start
        if len(losses) % CHECK == 0:
            size = run.size(z, float(np.linalg.norm(run.gradient(z))))
            if size <= STATIONARY or (len(losses) >= PATIENT * CHECK and fall <= creep):
                raise StopIteration

    found = minimize(
        run.loss,
        np.zeros(len(run.theta) * run.basis.shape[1]),
        jac=run.gradient,
        method="L-BFGS-B",
        callback=watch,
        options={
            "maxiter": ITERATIONS,
            "maxfun": 4 * ITERATIONS,
            "maxcor": 30,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    size = run.size(found.x, float(np.linalg.norm(run.gradient(found.x))))
    if not (size <= STATIONARY or fall <= LOOSE * creep):
        raise Breakdown(Status.STALLED, "the active neurons came to no critical point")
    return Descent(run.at(found.x), 0.0 if size <= STATIONARY else max(fall, EPS))


def newton(network: Any, theta: Array, start: float) -> Descent | None:
    """Return the critical point near `theta` (A, p), if there is one; `start` is L(0).

    Of the `network` only the degree and the gradient are used, and the hessian if it has one.
    """
    sizes = np.linalg.norm(theta, axis=1)
    run = _Run(network, theta, sizes, np.eye(theta.shape[1]), start)
    return run.polish(np.zeros(theta.size))


class _Trail:
    """The loss and the norm since the force was largest, to tell a creeping flow."""

    def __init__(self, run: _Run, least: float, before: bool, origin: float = math.inf) -> None:
        self.run, self.least, self.before, self.origin = run, least, before, origin
        self.rows: list[tuple[float, float, float]] = []
        self.creep = math.inf

    def creeps(self, time: float, z: Array) -> bool:
        """Add a step; whether norms grow like a power of time while the loss hardly falls."""
        if not time > self.origin or not self.run.grown(z):
            return False
        now = math.log(time - self.origin)
        if self.rows and now < self.rows[-1][0] + 0.1:
            return False
        self.rows.append((now, self.run.loss(z), math.log(self.run.norm(z))))
        back = now - np.array([2, 1]) * math.log(WINDOW)
        if self.rows[0][0] > back[0]:
            return False
        times, losses, norms = np.array(self.rows).T
        falls = -np.diff(np.append(np.interp(back, times, losses), losses[-1]))
        grows = (norms[-1] - np.interp(back[1], times, norms)) / math.log(WINDOW)
        self.creep = float(falls[1]) / self.run.start
        if not 0 < falls[1] <= falls[0]:
            return False
        if grows >= GROWING:
            return self.creep <= self.least
        return self.before and self.creep <= RESUMED * self.least


@dataclass(frozen=True, eq=False)
class _Run:
    """A network as a function of the coordinates z."""

    network: HomogeneousNetwork
    theta: Array
    sizes: Array
    basis: Array
    start: float

    @classmethod
    def of(
        cls, network: HomogeneousNetwork, theta: Array, sizes: Array, outside: float = OUTSIDE
    ) -> _Run:
        """Find the subspace, and drop what rounding left of the neurons beside it."""
        basis = _span(network, theta, sizes, outside)
        inside = (theta @ basis) @ basis.T
        beside = np.linalg.norm(theta - inside, axis=1, keepdims=True)
        dust = beside <= outside * np.linalg.norm(theta, axis=1, keepdims=True)
        return cls(network, np.where(dust, inside, theta), sizes, basis, network.loss(theta[:0]))

    def at(self, z: Array) -> Array:
        """Return θ."""
        return np.asarray(self.theta + z.reshape(len(self.theta), -1) @ self.basis.T)

    def loss(self, z: Array) -> float:
        """Return L."""
        return self.network.loss(self.at(z))

    def gradient(self, z: Array) -> Array:
        """Return ∂L/∂z, flattened."""
        return np.asarray(self.network.gradient(self.at(z)) @ self.basis).ravel()

    def norm(self, z: Array) -> float:
        """Return |θ|."""
        return float(np.linalg.norm(self.at(z)))

    def grown(self, z: Array) -> bool:
        """Whether a neuron that started small has become large."""
        sizes = np.maximum(self.sizes, np.linalg.norm(self.theta, axis=1))
        small = np.linalg.norm(self.theta, axis=1) < GROWN * sizes
        now = np.linalg.norm(self.at(z)[small], axis=1) / sizes[small]
        return not small.any() or bool(now.max() >= GROWN)

    def size(self, z: Array, force: float) -> float:
        """Return the relative stationarity."""
        return force * self.norm(z) / self.scale

    @property
    def scale(self) -> float:
        """Return 2 κ L(0)."""
        return 2 * self.network.degree * self.start

    def hessian(self, z: Array) -> Array:
        """Return ∂²L/∂z², from the network or by central differences."""
        own = getattr(self.network, "hessian", None)
        if own is not None:
            return np.asarray(own(self.at(z), self.basis))
        step = float(np.finfo(float).eps ** (1 / 3)) * (self.norm(z) / math.sqrt(len(self.theta)))
        rows = np.empty((z.size, z.size))
        for k in range(z.size):
            ahead, behind = z.copy(), z.copy()
            ahead[k] += step
            behind[k] -= step
            rows[k] = (self.gradient(ahead) - self.gradient(behind)) / (2 * step)
        return (rows + rows.T) / 2

    def flow(self, rtol: float) -> Iterator[tuple[float, Array, float]]:
        """Yield time, z and force after every step of the integrator."""
        from scipy.integrate import LSODA

        z0 = np.zeros(self.theta.shape[0] * self.basis.shape[1])
        least = float(np.linalg.norm(self.theta, axis=1).min())
        solver: Any = LSODA(
            lambda _, z: -self.gradient(z),
            0.0,
            z0,
            math.inf,
            rtol=rtol,
            atol=rtol * least,
            jac=lambda _, z: -self.hessian(z),
        )
        for _ in range(STEPS):
            with np.errstate(over="ignore", invalid="ignore"):
                solver.step()
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                raise Breakdown(Status.STALLED, "the flow of the active neurons broke off")
            yield solver.t, solver.y.copy(), float(np.linalg.norm(self.gradient(solver.y)))

    def polish(self, z: Array) -> Descent | None:
        """Apply Newton's method from `z`; None unless a critical point is near."""
        first, norm = z, self.norm(z)
        gradient = self.gradient(z)
        best = (self.size(z, float(np.linalg.norm(gradient))), z)
        idle = 0
        while best[0] > ENOUGH and idle < PATIENCE:
            values, vectors = np.linalg.eigh(self.hessian(z))
            z = z - _pseudo_inverse(values, vectors, gradient)
            if not np.linalg.norm(z - first) <= NEAR * norm:
                return None
            gradient = self.gradient(z)
            size = self.size(z, float(np.linalg.norm(gradient)))
            idle = 0 if size < 0.5 * best[0] else idle + 1
            best = min(best, (size, z), key=lambda entry: entry[0])
        if best[0] > STATIONARY or self._climbs(best[1], best[1] - first):
            return None
        return Descent(self.at(best[1]), 0.0)

    def sharpen(self, found: Descent) -> Descent:
        """Take along the directions that were left out, if the whole gradient asks for it."""
        theta = found.theta
        force = float(np.linalg.norm(self.network.gradient(theta)))
        if force * float(np.linalg.norm(theta)) <= STATIONARY * self.scale:
            return found
        run = _Run.of(self.network, theta, np.linalg.norm(theta, axis=1), SHARP)
        return run.polish(np.zeros(len(theta) * run.basis.shape[1])) or found

    def _climbs(self, z: Array, moved: Array) -> bool:
        """Whether the displacement leads up to a saddle that the flow is leaving."""
        values, vectors = np.linalg.eigh(self.hessian(z))
        down = vectors[:, values < -1e-8 * np.abs(values).max()]
        return bool(np.linalg.norm(down.T @ moved) > CLIMBING * np.linalg.norm(moved))


def _pseudo_inverse(values: Array, vectors: Array, gradient: Array) -> Array:
    """Return the Newton step of least norm, leaving flat directions alone."""
    used = np.abs(values) > ZERO_CURVATURE * np.abs(values).max()
    return np.asarray(vectors[:, used] @ ((vectors[:, used].T @ gradient) / values[used]))


def _span(network: HomogeneousNetwork, theta: Array, sizes: Array, share: float) -> Array:
    """Return an orthonormal basis (p, m) of the directions in which neurons may ever move.

    Gradients are sampled where every neuron has about the size that it may come to: at the small
    start those that matter later would be lost.
    """
    rng = np.random.default_rng(0)
    basis = np.zeros((theta.shape[1], 0))
    unit = theta / np.linalg.norm(theta, axis=1, keepdims=True)
    while basis.shape[1] < theta.shape[1]:
        step = rng.standard_normal((len(theta), basis.shape[1])) / math.sqrt(max(1, len(basis.T)))
        lengths = rng.uniform(0.5, 1.5, (len(theta), 1))
        rows = network.gradient(sizes[:, None] * (lengths * unit + step @ basis.T))
        outside = rows - (rows @ basis) @ basis.T
        left, spread, _ = np.linalg.svd(outside.T, full_matrices=False)
        new = left[:, spread > share * np.linalg.norm(rows)]
        if not new.shape[1]:
            break
        basis = np.linalg.qr(np.hstack([basis, new]))[0]
    return basis
