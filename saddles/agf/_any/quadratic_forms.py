"""Neurons that are quadratic forms: a network of them is a factorised matrix.

Every neuron of degree 2 that is smooth at zero is a quadratic form, f(x; θ) = θᵀM(x)θ. A sum of
them depends on P = Σ_i θ_i θ_iᵀ alone, and may have its neurons mixed by any rotation: no single
neuron is dormant or active, but directions of P are. Clocks of single neurons would ring far too
early after the first jump: all neurons have turned to the learnt direction by then, and what is
left of the others in them is exponentially small.

Neurons stay in the smallest subspace that contains them and all pulls, and the pulls may split it
into parts that are never mixed. Two cases cover what is common.

1. Neurons in general position. Training is the factorisation U' = −∇φ(UUᵀ)U with φ = 2L
   and columns θ_i (Li, Luo and Lyu, arXiv:2012.09839), with the clocks of `greedy_low_rank`, in
   each part.
2. Parts of one dimension b, as in diagonal networks. Each has a clock that moves with its pull bᵀFb
   and rings at 1, and a weight P_b ≥ 0: a diagonal network of features 2bᵀM(x)b whose negative
   signs never activate (Pesme and Flammarion, arXiv:2304.00488).

===============  ==================================================================
code name        symbol
===============  ==================================================================
``basis``        B, orthonormal basis of that subspace, shape (p, m)
``pull``         F₀ = BᵀE[2M(x)y(x)]B, so that ∇U(Bz) = BF₀z at the start, (m, m)
``response``     K: F = F₀ − K[P] beside neurons of second moment BPBᵀ, (m², m²)
``value(P)``     φ = 2L(0) − <F₀, P> + ½<P, K[P]>
===============  ==================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from saddles import checks
from saddles._diagonal.pesme_flammarion import steps as path_steps
from saddles._matrix.descent import OnFactors, is_left
from saddles._matrix.greedy_low_rank import Factorisation
from saddles._matrix.greedy_low_rank import steps as factor_steps
from saddles._problems.regression import computed
from saddles._result.path import Saddle
from saddles.agf._engine.natural_units import in_units, natural
from saddles.alternation import Algorithm, Rest, Ring
from saddles.homogeneous import Declared, HomogeneousNetwork
from saddles.status import Status
from saddles.typing import Array, Indices

__all__ = ["is_quadratic", "quadratic_steps"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489; Li, Luo and Lyu 2021, arXiv:2012.09839"

#: Deviation from linearity of ∇U that rounding explains, relative to its size.
QUADRATIC = 1e-9

#: Share of a pull outside of the subspace that is rounding.
OUT_OF_SUBSPACE = 1e-10

#: Curvature, relative to the largest, below which a direction does not change the outputs.
SILENT = 1e-12

#: Relative entry of a pull by which two directions are mixed; smaller ones are rounding.
MIXED = 1e-9

#: Largest dimension m for which the response, m⁴ numbers, is formed.
LARGEST_RESPONSE = 100


def is_quadratic(network: Declared) -> bool:
    """Whether the neuron is a quadratic form, as its utilities for random residuals tell."""
    if network.degree != 2:
        return False
    rng = np.random.default_rng(0)
    active = rng.standard_normal((2, network.size))
    first, second = rng.standard_normal((2, 16, network.size))
    for beside in (active[:0], active):
        apart = [network.utility_gradient(rows, beside) for rows in (first, second)]
        together = network.utility_gradient(first + second, beside)
        opposite = network.utility_gradient(-first, beside)
        size = max(float(np.abs(part).max()) for part in apart)
        gap = max(np.abs(together - sum(apart)).max(), np.abs(opposite + apart[0]).max())
        if gap > QUADRATIC * size:
            return False
    return True


def quadratic_steps(
    network: HomogeneousNetwork, init: Array, *, log_alpha: float, name: str, tol: float
) -> Algorithm[Any]:
    """Return the algorithm for neurons that are quadratic forms, from `init` (H, p).

    Units are rows of `init` where each part of a neuron has one dimension, and columns of the
    factor, numbered in the order of activation, where all is one part.

    Raises
    ------
    ValueError
        If the neuron is too large.
    """
    known = Declared.of(network)
    units = natural(known, init)
    inner = in_units(known, units)
    basis, parts = _parts(inner, _subspace(inner, init))
    log_alpha = checks.log_scale(log_alpha, allow_limit=True)
    if max(parts) == 1:
        steps = _separate(network, init, basis, tol)
        return replace(steps, name=name, source=SOURCE, log_alpha=log_alpha, kind=known.kind)
    form = _Form.of(inner, basis)
    task = Factorisation(
        problem=OnFactors(form),
        size=form.size,
        max_rank=None if len(parts) > 1 else _most_columns(init @ basis, parts)[0],
        tol=tol,
        symmetry=form.silent,
        show=form.show,
    )
    steps = factor_steps(task, name=name, source=SOURCE)
    room = _Room.of(init @ basis, parts)

    def saddle(state: Any) -> Saddle:
        found = steps.saddle(state)
        return replace(found, time=found.time * units.time, loss=found.loss * units.loss)

    def utility(state: Any) -> Ring | Rest | Status:
        whole = steps.utility(state)
        ring = steps.utility(room.left(state)) if isinstance(whole, Ring) else whole
        if isinstance(whole, Ring) and not isinstance(ring, Ring):
            return Status.MAX_RANK_LEFT if is_left(task.problem, state.U) else Status.MAX_RANK
        if isinstance(ring, Rest):
            return _outside(inner, (basis @ state.U).T, ring, tol)
        if not isinstance(ring, Ring):
            return ring
        return replace(ring, due=(state.time + ring.delay) * units.time)

    def jump(state: Any, ring: Ring) -> Any:
        return steps.jump(room.left(state), ring)

    said: dict[str, Any] = {"log_alpha": log_alpha, "kind": known.kind}
    return replace(steps, saddle=saddle, utility=utility, jump=jump, **said)


def _parts(network: Declared, basis: Array) -> tuple[Array, list[int]]:
    """Return the basis turned to the parts that pulls never mix, and their dimensions.

    A product of pulls has no eigenvalue twice but by chance, and its eigenvectors span the parts;
    the pulls tell which belong together. Directions that no pull moves change no output, and are
    left out.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    rng = np.random.default_rng(0)
    pulls = []
    for count in (1, 1, 2, 2, 3):
        active = rng.standard_normal((count, basis.shape[1])) @ basis.T
        pull = _pull(network, basis, active)
        pulls.append(pull / (np.abs(pull).max() or 1.0))
    product = pulls[0] @ pulls[1]
    vectors = np.linalg.eigh(pulls[0] + product + product.T)[1]
    turned = [np.abs(vectors.T @ pull @ vectors) for pull in pulls]
    mixed = np.max(turned, axis=0) > MIXED
    moved = mixed.any(axis=0)
    if moved.any():
        vectors, mixed = vectors[:, moved], mixed[np.ix_(moved, moved)]
    count, label = connected_components(csr_array(mixed), directed=False)
    order = np.argsort(label, kind="stable")
    sizes = np.bincount(label, minlength=count).tolist()
    return basis @ vectors[:, order], sizes


def _most_columns(init: Array, parts: list[int]) -> list[int]:
    """Return the numbers of columns that neurons (H, m) allow in each part, at most all of it.

    A neuron has a piece in each part, and no part sees the pieces of others: each may have as many
    columns as there are neurons.
    """
    pieces = np.split(init, np.cumsum(parts)[:-1], axis=1)
    return [int(np.linalg.matrix_rank(piece)) for piece in pieces]


@dataclass(frozen=True, eq=False)
class _Room:
    """What columns there is room for: `part` (m,) of each coordinate, and the `most` of each."""

    part: Indices
    most: Array

    @classmethod
    def of(cls, init: Array, parts: list[int]) -> _Room:
        """Return the room that neurons (H, m) leave."""
        return cls(np.repeat(np.arange(len(parts)), parts), np.array(_most_columns(init, parts)))

    def left(self, state: Any) -> Any:
        """Return the state without the clocks of directions in parts that are full.

        A direction in a full part and in another one is a tie of the two that rounding decides.
        """
        inside = np.equal.outer(np.arange(len(self.most)), self.part)
        none = MIXED * np.linalg.norm(state.U)
        ranks = [np.sum(np.linalg.svd(state.U[rows])[1] > none) for rows in inside]
        shares = np.stack([np.linalg.norm(state.vectors[rows], axis=0) for rows in inside])
        full = (shares[np.array(ranks) >= self.most] > MIXED).any(axis=0)
        return replace(state, rates=np.where(full, np.minimum(state.rates, 0.0), state.rates))


def _outside(network: Declared, active: Array, rest: Rest, tol: float) -> Rest:
    """Return what still pulls in all of R^p, if that is more than where the neurons are.

    Neurons that have no part of a direction never learn it, but the loss could fall along it.
    """
    everywhere = np.eye(network.size)
    first, last = (
        np.linalg.eigvalsh(_pull(network, everywhere, rows)) for rows in (active[:0], active)
    )
    growth, size = max(float(last[-1]), 0.0), float(np.abs(first).max())
    return Rest(growth=growth / size, least=tol) if growth > tol * size else rest


def _separate(network: HomogeneousNetwork, init: Array, basis: Array, tol: float) -> Algorithm[Any]:
    """Return the algorithm for parts of one dimension, the columns of `basis`."""
    known = Declared.of(network)
    # A unit of P moves by twice the utility's gradient.
    features, targets = _samples(network, known, basis)
    steps = path_steps(computed(2 * features, targets), boundaries=(1.0, math.inf))
    owners = _owners(np.abs(init @ basis))

    def weights(found: Saddle) -> Array:
        return np.asarray(np.sqrt(2 * np.maximum(found.beta, 0.0))[:, None] * basis.T)

    def utility(state: Any) -> Ring | Rest | Status:
        ring = steps.utility(state)
        if isinstance(ring, Rest):
            return _outside(known, weights(steps.saddle(state)), ring, tol)
        return ring

    def saddle(state: Any) -> Saddle:
        found = steps.saddle(state)
        before = np.union1d(np.setdiff1d(found.active, found.entered), found.left)
        now, then = np.unique(owners[found.active]), np.unique(owners[before])
        return replace(
            found,
            beta=np.asarray(known.point(weights(found))),
            dual=None,
            active=now,
            entered=np.setdiff1d(now, then),
            left=np.setdiff1d(then, now),
        )

    return replace(steps, saddle=saddle, utility=utility, saddles=None)


def _samples(network: Any, known: Declared, basis: Array) -> tuple[Array, Array]:
    """Return features (k, m) and targets (k,): L = |y − XP|²/(2k) of weights P >= 0 of the parts.

    Where the network shows its targets, its outputs are the features. Else utilities tell the
    moments of some: L = L(0) − h·P + ½ P·GP with h_b = U(b), and G_bc = U(b) − U(b beside c).
    """
    rows, nobody = np.ascontiguousarray(basis.T), np.zeros((0, len(basis)))
    targets = getattr(network, "targets", None)
    if targets is not None:
        # The loss is a mean over samples, of which each may have several targets.
        scale = math.sqrt(targets.size / len(targets))
        columns = np.array([known.point(row[None]).ravel() for row in rows])
        return scale * columns.T, scale * np.ravel(targets)
    pulls = known.utility(rows, nobody)
    gram = np.array([pulls - known.utility(rows, row[None]) for row in rows])
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    kept = values > SILENT * values[-1]
    roots, count = np.sqrt(values[kept]), 1 + int(kept.sum())
    fitted = (pulls @ vectors[:, kept]) / roots
    rest = max(2 * known.loss(nobody) - float(fitted @ fitted), 0.0)
    features = np.vstack([roots[:, None] * vectors[:, kept].T, np.zeros(len(rows))])
    return math.sqrt(count) * features, math.sqrt(count) * np.append(fitted, math.sqrt(rest))


def _owners(overlap: Array) -> Indices:
    """Return the neuron that stands for each part, (m,), from the overlaps (H, m).

    It is the one that has most of the part; no two parts share one if there are enough.
    """
    from scipy.optimize import linear_sum_assignment

    if overlap.shape[0] < overlap.shape[1]:
        return np.asarray(overlap.argmax(axis=0))
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return np.asarray(rows[np.argsort(columns)])


@dataclass(frozen=True, eq=False)
class _Form:
    """φ(P) = 2L, an exact quadratic; see the module's table."""

    network: Declared
    basis: Array
    start: float
    pull: Array
    response: Array

    @classmethod
    def of(cls, network: Declared, basis: Array) -> _Form:
        """Measure F on P of rank one."""
        m, nothing = basis.shape[1], np.zeros((0, basis.shape[0]))
        if m > LARGEST_RESPONSE:
            raise ValueError(
                f"neuron spans {m} dimensions with its pulls, and a quadratic one may have "
                f"{LARGEST_RESPONSE}; use saddles.agf.linear or saddles.greedy_low_rank."
            )
        pull = _pull(network, basis, nothing)
        alone = [pull - _pull(network, basis, row[None]) for row in basis.T]
        response = np.empty((m, m, m, m))
        for i in range(m):
            response[i, i] = alone[i]
            for j in range(i):
                both = pull - _pull(network, basis, (basis[:, i] + basis[:, j])[None])
                response[i, j] = response[j, i] = (both - alone[i] - alone[j]) / 2
        return cls(network, basis, network.loss(nothing), pull, response.reshape(m * m, m * m))

    @property
    def size(self) -> int:
        """Return m."""
        return int(self.basis.shape[1])

    def value(self, P: Array) -> float:
        """Return 2L."""
        bend = float(np.sum(P * self.hessian_product(P, P))) / 2
        return 2 * self.start - float(np.sum(self.pull * P)) + bend

    def gradient(self, P: Array) -> Array:
        """Return −F, shape (m, m)."""
        return self.hessian_product(P, P) - self.pull

    def hessian_product(self, _: Array, D: Array) -> Array:
        """Return K[D], whatever P."""
        return np.asarray((self.response @ D.ravel()).reshape(D.shape))

    def silent(self, U: Array) -> Array:
        """Return the directions of U that do not change the outputs, shape (mr, k)."""
        count = U.size
        rows = np.empty((count, self.response.shape[0]))
        for k in range(count):
            D = np.zeros(count)
            D[k] = 1.0
            half = U @ D.reshape(U.shape).T
            rows[k] = (half + half.T).ravel()
        values, vectors = np.linalg.eigh(rows @ self.response @ rows.T)
        return vectors[:, values <= SILENT * values.max(initial=0.0)]

    def show(self, U: Array, _: float) -> tuple[Any, float]:
        """Return the network's point and L."""
        theta = (self.basis @ U).T
        return self.network.point(theta), self.network.loss(theta)


def _pull(network: Declared, basis: Array, active: Array) -> Array:
    """Return BᵀFB beside the active neurons."""
    F = network.utility_gradient(np.ascontiguousarray(basis.T), active) @ basis
    return np.asarray((F + F.T) / 2)


def _subspace(network: Declared, init: Array) -> Array:
    """Return an orthonormal basis (p, m) of the smallest subspace that neurons never leave."""
    rng = np.random.default_rng(0)
    new, basis = init.T / np.linalg.norm(init, axis=1), np.zeros((network.size, 0))
    while new.size:
        left, spread, _ = np.linalg.svd(new, full_matrices=False)
        basis = np.hstack([basis, left[:, spread > OUT_OF_SUBSPACE * spread[0]]])
        basis = np.linalg.qr(basis)[0]
        images = []
        for count in (0, 1, 2):
            active = rng.standard_normal((count, basis.shape[1])) @ basis.T
            images.append(network.utility_gradient(np.ascontiguousarray(basis.T), active).T)
        image = np.hstack(images)
        outside = image - basis @ (basis.T @ image)
        outside -= basis @ (basis.T @ outside)
        norms = np.linalg.norm(outside, axis=0)
        new = outside[:, norms > OUT_OF_SUBSPACE * np.linalg.norm(image, axis=0).max()]
    return basis
