"""Neurons whose directions come together: differences of directions, to a relative error.

For κ = 2 the neurons of a cluster turn to one direction, and their differences are powers of α
before they grow again and the cluster parts. A direction is known to an absolute error, and so are
differences of two. Here a neuron that is near to another one has, in place of its direction, what
it differs by,

    d = d' + e^m ε,    m' = <ε, g>/|ε|²,    ε' = g − m' ε,    g = e^{−m} (F(d' + e^m ε) − F(d')),

with F the velocity of a direction beside the present residual. So absolute tolerances for m and ε
are relative ones for the difference. F(d' + δ) − F(d') is extrapolated from longer secants where δ
is so short that rounding would be left of it. What rounding does leave, divided by the length of
the secant, adds up while a difference changes: m and ε may err by that.

Who is near to whom is a forest: the edges of a minimum spanning tree of the directions which are
short. A path in such a tree has no edge longer than the distance of its ends, and so all distances
are known to a relative error.

===============  ==========================================================================
code name        symbol
===============  ==========================================================================
``parent``       the neuron d' beside which each is, −1 for none, (H,)
``logs``         m of those that have one, (F,)
``packed``       a state of `Polar`, with ε in place of d, and after it m
===============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from saddles._numerics.precision import EPS
from saddles._numerics.stepping import before_jump, bounded
from saddles.flow._polar.coordinates import PULL_ROUNDING, Polar
from saddles.flow._polar.trajectory import PolarCurve
from saddles.typing import Array, Indices

__all__ = ["Tree", "meet"]

#: Directions nearer than this, relative to the longest edge between them, get an edge.
NEAR = 1e-2

#: Half of a longer secant: its error, of second order, is about what rounding leaves of it.
SECANT = 1e-5


@dataclass(frozen=True, eq=False)
class Tree:
    """The flow of `polar` with differences for directions that are near to each other."""

    polar: Polar
    parent: Indices
    begin: Array
    """The packed state where this tree begins."""

    @classmethod
    def of(cls, polar: Polar, state: Array) -> Tree:
        """Begin at a state of `polar`, with all differences that are short."""
        _, directions = polar.unpack(state)
        return cls._grown(polar, state, directions[:, None] - directions)

    def regrown(self, packed: Array) -> Tree:
        """Return the tree of the differences at a packed state."""
        return self._grown(self.polar, self.state(packed), self._differences(packed))

    @classmethod
    def _grown(cls, polar: Polar, state: Array, differences: Array) -> Tree:
        """Return the tree of a state whose differences d_i − d_j are (H, H, p)."""
        parent = _parents(np.linalg.norm(differences, axis=2))
        followers = np.flatnonzero(parent >= 0)
        packed = state.copy()
        cells = packed[2:].reshape(len(parent), -1)
        beside = differences[followers, parent[followers]]
        lengths = np.linalg.norm(beside, axis=1)
        cells[followers, 1:] = beside / lengths[:, None]
        return cls(polar, parent, np.append(packed, np.log(lengths)))

    @cached_property
    def followers(self) -> Indices:
        """Return which neurons (F,) have a parent."""
        return np.flatnonzero(self.parent >= 0)

    @cached_property
    def _paths(self) -> Array:
        """Return which followers lie between each neuron and its root, with itself, (H, F)."""
        found = np.zeros((len(self.parent), len(self.followers)))
        column = {int(each): k for k, each in enumerate(self.followers)}
        for i in range(len(self.parent)):
            at = i
            while self.parent[at] >= 0:
                found[i, column[at]] = 1.0
                at = int(self.parent[at])
        return found

    @cached_property
    def _roots(self) -> Indices:
        """Return the root of each neuron, (H,)."""
        roots = np.arange(len(self.parent))
        while (moving := self.parent[roots] >= 0).any():
            roots[moving] = self.parent[roots[moving]]
        return roots

    def _edges(self, packed: Array) -> tuple[Array, Array]:
        """Return ε (F, p) and m (F,)."""
        size = self.polar.theta.size + len(self.polar.theta)
        cells = packed[2 : 2 + size].reshape(len(self.parent), -1)
        return cells[self.followers, 1:], packed[2 + size :]

    def state(self, packed: Array) -> Array:
        """Return the state of `polar`."""
        epsilon, logs = self._edges(packed)
        state = packed[: len(packed) - len(logs)].copy()
        cells = state[2:].reshape(len(self.parent), -1)
        cells[:, 1:] = cells[self._roots, 1:] + self._paths @ (np.exp(logs)[:, None] * epsilon)
        return state

    def along(self, curve: Callable[[Array], Array]) -> Callable[[Array], Array]:
        """Return the states (m, q) along a curve of packed ones (n, q)."""

        def states(s: Array) -> Array:
            packed = curve(s)
            found = [self.state(each) for each in np.atleast_2d(packed.T)]
            return np.reshape(np.transpose(found), (-1, *packed.shape[1:]))

        return states

    def _differences(self, packed: Array) -> Array:
        """Return d_i − d_j, (H, H, p), of which those along the tree are exact."""
        epsilon, logs = self._edges(packed)
        steps = np.exp(logs)[:, None] * epsilon
        apart = self._paths[:, None] - self._paths
        directions = self.state(packed)[2:].reshape(len(self.parent), -1)[:, 1:]
        together = self._roots[:, None] == self._roots
        along = np.tensordot(apart, steps, 1)
        return np.where(together[..., None], along, directions[:, None] - directions)

    def strays(self, packed: Array) -> bool:
        """Say whether two directions have come so near to each other that they need an edge."""
        epsilon, logs = self._edges(packed)
        lengths = np.exp(logs) * np.linalg.norm(epsilon, axis=1)
        between = np.abs(self._paths[:, None] - self._paths)
        longest = np.max(between * lengths, axis=2, initial=0.0)
        longest[self._roots[:, None] != self._roots] = 1.0
        distances = np.linalg.norm(self._differences(packed), axis=2)
        return bool(((distances < NEAR * longest) & (distances > 0)).any())

    @np.errstate(over="ignore", invalid="ignore")  # where a step tries a point far away
    def velocity(self, s: float, packed: Array) -> Array:
        """Return the derivative of the packed state with respect to s."""
        epsilon, logs = self._edges(packed)
        state = self.state(packed)
        moved = self.polar.velocity(s, state)
        cells = moved[2:].reshape(len(self.parent), -1)
        directions = state[2:].reshape(len(self.parent), -1)[:, 1:]
        squares = np.sum(epsilon**2, axis=1, keepdims=True)
        middle = (directions[self.followers] + directions[self.parent[self.followers]]) / 2
        g = self._secant(middle, epsilon, np.exp(logs), self.polar.neurons(state)[0])
        growth = np.sum(epsilon * g, axis=1, keepdims=True) / squares
        aside = np.broadcast_to(self.polar.shake, self.polar.theta.shape)[self.followers]
        cells[self.followers, 1:] = g - growth * epsilon + (1 - squares) * epsilon + aside
        return bounded(np.append(moved, growth))

    def _secant(self, middle: Array, epsilon: Array, scales: Array, theta: Array) -> Array:
        """Return (F(d + δ/2) − F(d − δ/2)) / `scales`, δ = scales · ε, at d = `middle`, (F, p).

        For short δ it is extrapolated from two longer secants, linearly: second derivatives of F
        may jump where neurons that act have one direction, as those of ReLU neurons do.
        """
        sizes = np.linalg.norm(epsilon, axis=1, keepdims=True)
        half = scales[:, None] * sizes / 2
        longer = np.maximum(half, SECANT)
        ahead = np.stack([longer, longer / 2]) * (epsilon / sizes)
        ends = np.concatenate([middle + ahead, middle - ahead]).reshape(-1, middle.shape[1])
        rows = np.tile(self.polar.balanced[self.followers], 4)
        ahead, behind = np.split(self.polar.turning(ends, theta, rows).reshape(4, *middle.shape), 2)
        wide, narrow = (ahead - behind) * (sizes / 2) / np.stack([longer, longer / 2])
        return np.asarray(narrow + (2 * half / longer - 1) * (wide - narrow))

    def rounding(self, s: float, packed: Array) -> Array:
        """Return how far rounding may move m and ε, from the start or while the difference changes.

        A difference changes by a factor e in the time 1/|m'|. Other coordinates do not err by it.
        """
        epsilon, logs = self._edges(packed)
        lengths = np.exp(logs) * np.linalg.norm(epsilon, axis=1)
        size = len(packed) - len(logs)
        times = s / np.maximum(1.0, s * np.abs(self._growth(s, packed)))
        errors = PULL_ROUNDING * EPS / np.maximum(lengths, SECANT) * times
        moved = np.append(np.zeros(size), errors)
        moved[2:size].reshape(len(self.parent), -1)[self.followers, 1:] = errors[:, None]
        return moved

    def horizon(self, s: float, packed: Array) -> float:
        """Return the s beyond which the next step must not go, or a parting may be jumped over."""
        _, logs = self._edges(packed)
        return before_jump(s, logs, self._growth(s, packed))

    @cached_property
    def _grew(self) -> dict[bytes, Array]:
        """The last m' that was asked for, by its packed state."""
        return {}

    def _growth(self, s: float, packed: Array) -> Array:
        """Return m' (F,); what is asked of one state twice costs one velocity."""
        key = packed.tobytes()
        if key not in self._grew:
            self._grew.clear()
            self._grew[key] = self.velocity(s, packed)[len(packed) - len(self.followers) :]
        return self._grew[key]


def meet(curve: PolarCurve) -> bool:
    """Say whether two directions come near to each other along a flow."""
    states = curve.states(curve.knots)
    units = np.array([curve.polar.neurons(state)[1] for state in states])
    apart = np.linalg.norm(units[:, :, None] - units[:, None], axis=3)
    return bool(((apart > 0) & (apart < NEAR)).any())


def _parents(distances: Array) -> Indices:
    """Return the parents of a spanning forest with the shortest edges below `NEAR`."""
    from scipy.sparse.csgraph import (
        breadth_first_order,
        connected_components,
        minimum_spanning_tree,
    )

    forest = minimum_spanning_tree(np.where(distances < NEAR, distances, 0.0))
    _, labels = connected_components(forest, directed=False)
    parent = np.full(len(distances), -1)
    for root in np.unique(labels, return_index=True)[1]:
        order, before = breadth_first_order(forest, root, directed=False)
        parent[order[1:]] = before[order[1:]]
    return parent
