"""Neurons in polar coordinates along their trajectory: a `Stretched` curve of a flow.

===========  ================================================================
code name    symbol
===========  ================================================================
``knots``    s at the integrator's steps, shape (m,)
``sigmas``   σ there: scaled time τ in units in which the first pull is 1
``states``   (σ, log w, λ and d of each neuron), packed
===========  ================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from saddles._numerics.stepping import Pieces, nodes
from saddles.flow._polar.coordinates import Polar
from saddles.typing import Array

__all__ = ["PolarCurve", "Still"]

#: Parts into which a step is cut for the balances, at most: what grows on a longer one is tiny.
MOST_PARTS = 16

#: Steps between two weights that are looked at.
LOOKED = 16


@dataclass(frozen=True, eq=False)
class PolarCurve:
    """The trajectory over s, and what follows from it; a `Stretched` curve."""

    polar: Polar
    knots: Array
    """s at the integrator's steps, shape (m,)."""
    sigmas: Array
    """σ there, not falling."""
    packed: Pieces
    """The packed states: its times are those of `knots`, except the last."""

    @classmethod
    def of(cls, polar: Polar, states: Pieces, sigmas: list[float], last: float) -> PolarCurve:
        """Cut the trajectory at σ = `last`, which lies in its last piece."""
        steps = states.times
        whole = cls(polar, steps, np.array(sigmas), states)
        end = float(whole.place(np.array([last / polar.speed]))[0])
        return cls(polar, np.append(steps[:-1], end), np.append(sigmas[:-1], last), states)

    def cut(self, until: float) -> PolarCurve:
        """Return the trajectory until τ = `until`."""
        end = float(self.place(np.array([until]))[0])
        before = self.knots < end
        sigmas = np.append(self.sigmas[before], until * self.polar.speed)
        return replace(self, knots=np.append(self.knots[before], end), sigmas=sigmas)

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
        return np.asarray(self.packed(s)).T

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
            return np.asarray(self.packed(s)[0] - target)

        with np.errstate(all="ignore"):
            root = find_root(ahead, (left, right), args=(sigma,)).x
        # Where rounding leaves no change of sign, the root is at the end that is nearer.
        nearer = np.where(np.abs(ahead(left, sigma)) < np.abs(ahead(right, sigma)), left, right)
        found = np.where(np.isfinite(root), root, nearer)
        # A jump may be shorter than an ulp of the last time, and that is when it is over.
        return np.asarray(np.where(tau >= self.until, self.knots[-1], found))

    def log_norms(self, tau: Array) -> Array:
        """Return log|θ_i|, shape (q, H)."""
        states = self.states(self.place(np.asarray(tau, dtype=float)))
        return np.array([self.polar.unpack(state)[0] for state in states]) - self.polar.scale

    def directions(self, tau: Array) -> Array:
        """Return θ_i/|θ_i|, shape (q, H, p)."""
        states = self.states(self.place(np.asarray(tau, dtype=float)))
        units = np.array([self.polar.neurons(state)[1] for state in states])
        return units if self.polar.space is None else self.polar.space.lift(units)

    def weights(self) -> list[Array]:
        """Return θ (H, m) at some knots and at the last, in the coordinates of the network."""
        chosen = np.append(self.knots[::LOOKED], self.knots[-1])
        return [self.polar.neurons(state)[0] for state in self.states(chosen)]

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
        return np.asarray(self.packed(s)[0] / self.polar.speed)

    def losses_at(self, s: Array) -> Array:
        """Return the losses, shape (q,)."""
        polar = self.polar
        return np.array([polar.network.loss(polar.neurons(state)[0]) for state in self.states(s)])

    def log_slopes_at(self, s: Array) -> Array:
        """Return log(−dL/dτ), shape (q,)."""
        return np.array([self.polar.log_slope(state) for state in self.states(s)])

    def conservation(self) -> float:
        """Return the larger defect of two balances: of the loss, and of the log norms."""
        # Sizes grow like powers of exp(s): long steps are cut.
        parts = [
            np.linspace(a, b, 1 + math.ceil(min(max(b - a, 1.0), MOST_PARTS)))
            for a, b in pairwise(self.knots)
        ]
        knots = np.append(np.concatenate([part[:-1] for part in parts]), self.knots[-1])
        inner, weights, lengths = nodes(knots)
        rates = np.array([self.polar.balances(state) for state in self.states(inner.ravel())])
        means = np.einsum("sni,n->si", rates.reshape(*inner.shape, -1), weights)
        logs = np.array([self.polar.unpack(state)[0] for state in self.states(knots)])
        losses = self.losses_at(knots)
        changes = np.diff(np.column_stack([losses, logs]), axis=0)
        gaps = np.abs(np.cumsum(np.nan_to_num(changes - means * lengths[:, None]), axis=0))
        work, grown = gaps[:, 0].max() / (losses[0] or 1.0), gaps[:, 1:].max()
        return float(max(work, grown / max(1.0, self.polar.scale)))


@dataclass(frozen=True)
class Still:
    """A piece of trajectory along which nothing but time moves."""

    state: Array
    last: float

    def __call__(self, s: Array) -> Array:
        states = np.repeat(self.state[:, None], np.size(s), axis=1)
        states[0] = s
        return states
