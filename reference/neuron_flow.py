"""Gradient flow of homogeneous neurons, integrated in log norms and directions by a stiff method.

Kunin et al. (2025, arXiv:2506.06489), section 2. With u_i = E<∇f(x; d_i), r(x)> at the unit
direction d_i of neuron i, and r the residual of all neurons,

    l_i' = |θ_i|^{κ−2} <d_i, u_i>,    d_i' = |θ_i|^{κ−2} (u_i − <d_i, u_i> d_i),

in scaled time τ, t / log(1/α) for κ = 2 and t α^{κ−2} above. It is literal and slow, and serves
tiny networks at a few moderate scales. Times at which the loss passes given levels are
extrapolated to α → 0, in 1/log(1/α) for κ = 2 and in α^{κ−2} above.

=================  ==========================================================================
code               symbol
=================  ==========================================================================
``output``         θ (H, p) -> f(X; θ_i), shape (H, m)
``derivative``     θ (H, p) -> ∂f(X; θ_i)/∂θ_i, shape (H, m, p)
``logs``           λ_i = l_i + log(1/α), shape (H,)
``scale``          log(1/α)
=================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Neurons:
    """f(X) = Σ_i output(θ_i) of degree κ, on the loss |Y − f|²/(2n)."""

    degree: int
    output: Callable[[Floats], Floats]
    derivative: Callable[[Floats], Floats]
    targets: Floats
    count: int

    def loss(self, theta: Floats) -> float:
        """Return L of neurons θ (H, p)."""
        residual = self.targets - self.output(theta).sum(axis=0)
        return float(residual @ residual) / (2 * self.count)

    def pulls(self, directions: Floats, theta: Floats) -> Floats:
        """Return u_i at unit directions (H, p), beside all neurons θ (H, p)."""
        residual = self.targets - self.output(theta).sum(axis=0)
        pulls = np.einsum("hmp,m->hp", self.derivative(directions), residual) / self.count
        return np.asarray(pulls)


@dataclass(frozen=True)
class Trajectory:
    """Losses (m,) at scaled times (m,), and the last weights θ (H, p)."""

    times: Floats
    losses: Floats
    theta: Floats

    def passes(self, level: float) -> float:
        """Return when the loss first falls to `level`; NaN if it never does."""
        below = np.flatnonzero(self.losses <= level)
        if not below.size or not below[0]:
            return float("nan")
        k = below[0]
        share = (self.losses[k - 1] - level) / (self.losses[k - 1] - self.losses[k])
        return float(self.times[k - 1] + share * (self.times[k] - self.times[k - 1]))


def flow(
    neurons: Neurons,
    init: Floats,
    log_alpha: float,
    until: float,
    *,
    rtol: float = 1e-9,
    finest: float = 1e-3,
    steps: int = 20_000,
) -> Trajectory:
    """Integrate from θ = exp(log_alpha) `init` (H, p) until the scaled time `until`.

    Parameters
    ----------
    neurons : Neurons
        The network.
    init : (H, p)
        Initial weights over α.
    log_alpha, until : float
        Scale, and last scaled time.
    rtol : float
        Absolute error of log norms and directions allowed per step.
    finest : float
        Largest relative fall of the loss between two samples, of the first loss.
    steps : int
        Steps after which the integration is given up.

    Raises
    ------
    RuntimeError
        If the integration fails, or takes too many steps.
    """
    from scipy.integrate import Radau

    count, size = init.shape
    excess, scale = neurons.degree - 2, -log_alpha
    unit = scale if not excess else 1.0

    def split(y: Floats) -> tuple[Floats, Floats, Floats]:
        rows = y.reshape(count, 1 + size)
        units = rows[:, 1:] / np.linalg.norm(rows[:, 1:], axis=1, keepdims=True)
        return rows[:, 0], units, np.exp(rows[:, :1] - scale) * units

    def velocity(_: float, y: Floats) -> Floats:
        logs, units, theta = split(y)
        u = neurons.pulls(units, theta)
        growth = np.sum(units * u, axis=1, keepdims=True)
        rate = unit * np.exp(excess * logs)[:, None]
        return np.hstack([rate * growth, rate * (u - growth * units)]).ravel()

    norms = np.linalg.norm(init, axis=1, keepdims=True)
    start = np.hstack([np.log(norms), init / norms]).ravel()
    solver = Radau(velocity, 0.0, start, until, rtol=1e-12, atol=rtol)
    times, losses = [0.0], [neurons.loss(split(start)[2])]
    for _ in range(steps):
        if solver.status != "running":
            break
        if (message := solver.step()) is not None:
            raise RuntimeError(f"at scaled time {solver.t}: {message}")
        within, before = solver.dense_output(), solver.t_old
        here = neurons.loss(split(solver.y)[2])
        parts = int(min(np.ceil(abs(losses[-1] - here) / (finest * losses[0])), 1000)) or 1
        for time in np.linspace(before, solver.t, parts + 1)[1:]:
            times.append(float(time))
            losses.append(neurons.loss(split(within(time))[2]))
    if solver.status != "finished":
        raise RuntimeError(f"{steps} steps came to scaled time {solver.t} of {until}")
    return Trajectory(np.array(times), np.array(losses), split(solver.y)[2])


def extrapolated(values: Floats, log_alphas: Floats, degree: int) -> tuple[Floats, Floats]:
    """Return values (q, m), measured at q scales, for α → 0, (m,), and how far that may be wrong.

    The last two scales are extrapolated linearly in h, 1/log(1/α) or α^{κ−2}; what all of them give
    with one power more is the measure of the error.
    """
    scales = -np.asarray(log_alphas, float)
    h = 1 / scales if degree == 2 else np.exp(-(degree - 2) * scales)
    linear = values[-1] + (values[-1] - values[-2]) * h[-1] / (h[-2] - h[-1])
    powers = np.vander(h, len(h), increasing=True)
    best = np.linalg.solve(powers, values)[0]
    return best, np.abs(best - linear)
