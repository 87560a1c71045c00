"""Where the directions of ReLU neurons go while the residual stands still.

Maennel, Bousquet and Gelly, "Gradient Descent Quantizes ReLU Network Features" (2018,
arXiv:1803.08367): from a small initialisation the weights of a ReLU layer first gather along a few
directions that the data alone determine, whatever the width. Here those directions are computed.
With a frozen residual r a neuron a φ(w·x) obeys ŵ' = (a/|w|) P⊥ d(ŵ), d = ∇G, where
G(w) = (1/n) Σ r_k φ(w·x_k), so neurons with a > 0 gather at the local maxima of G on the sphere,
those with a < 0 at the minima (for a in R^q see `plane_outputs`). Some of them are smooth,
d(w) ∥ w; others sit on kinks, w·x_k = 0 for a sample k, and a search for d(w) ∥ w alone would miss
them.

================  ======================================================================
code name         symbol
================  ======================================================================
``residual``      r_k = y_k − f(x_k), shape (n,); the targets, before anything is learnt
``directions``    ŵ, shape (m, d)
``sign``          the sign of a for which ŵ attracts; it repels for the other
``growth``        sgn(a) G(ŵ), the rate of log |θ| there, in the time of the mean loss
``slope``         s of φ(z) = max(z, 0) + s min(z, 0)
================  ======================================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._result.path import PathError
from saddles._tools.record import Record
from saddles.agf._engine.natural_units import scaled
from saddles.agf._relu.broken_lines import End, climb_all
from saddles.agf._relu.piecewise import SAME_DIRECTION, PiecewiseUtility, Pulls
from saddles.agf._relu.plane import arcs
from saddles.agf._relu.plane_outputs import ascend, peaks
from saddles.status import Status
from saddles.typing import Array, ArrayLike, Indices, Mask

__all__ = ["ExtremalDirections", "checked_features", "extremal_directions"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ExtremalDirections(Record):
    """The directions that attract ReLU neurons, one per row, fastest growth first.

    Attributes
    ----------
    directions : ndarray of shape (m, d)
        Unit vectors ŵ; with ``bias``, the last entry is the bias.
    sign : ndarray of shape (m,)
        1.0 if ŵ attracts neurons with a > 0 (and repels the others), −1.0 if those with a < 0; 1.0
        for several outputs.
    outputs : ndarray of shape (m, q)
        â, to which the outgoing weights turn: ``sign`` itself for a single output.
    growth : ndarray of shape (m,)
        Rate of log |θ| of a balanced neuron (|a| = |w|) there; below 0 the neuron fades.
    kinks : tuple of m index arrays
        The samples with ŵ·x_k = 0 that hold the direction, of shape (k,); none for a smooth one,
        d(ŵ) ∥ ŵ.
    basins : ndarray of shape (m, 2)
        In the plane, the angles between which a neuron of that sign goes there (the second may
        exceed 2π, the first lie below 0); NaN elsewhere, and for several outputs.
    shares : ndarray of shape (m,)
        Share of the circle that the basin takes; elsewhere, and for several outputs, share of the
        starts that went there.
    residuals : ndarray of shape (m,)
        |P⊥ v| at ŵ, relative to (1/n) Σ |r_k| |x_k|, with v the (Filippov) velocity of w.
    dead : ndarray of shape (p, 2)
        In the plane, for a single output, the arcs (first and last angle) in which neurons rest:
        d = 0.
    exhaustive : bool
        True if these are all there are: in one and two dimensions. False for several outputs on a
        line, or where |G| is constant along an arc, every direction of which is then a maximum.
    utility : callable
        G: weights (..., d) -> values (...), or (..., q) for several outputs.
    """

    directions: Array
    sign: Array
    outputs: Array
    growth: Array
    kinks: tuple[Indices, ...]
    basins: Array
    shares: Array
    residuals: Array
    dead: Array
    exhaustive: bool
    utility: Callable[[Array], Array] = field(compare=False)

    def __len__(self) -> int:
        """Return the number m of directions."""
        return len(self.sign)

    def __repr__(self) -> str:
        up, down = np.count_nonzero(self.sign > 0), np.count_nonzero(self.sign < 0)
        each = f"{up} for a > 0, {down} for a < 0" if self.outputs.shape[1] == 1 else f"{up}"
        return (
            f"<ExtremalDirections: {each}, {np.count_nonzero(self.kinked)} on "
            f"kinks, {'all' if self.exhaustive else 'found by ascent'}>"
        )

    @property
    def kinked(self) -> Mask:
        """Which directions sit on a kink, shape (m,)."""
        return np.array([len(samples) > 0 for samples in self.kinks], dtype=bool)

    @property
    def angles(self) -> Array:
        """Angles in [0, 2π) of directions in the plane, shape (m,)."""
        if self.directions.shape[1] != 2:
            raise ValueError(
                f"directions have {self.directions.shape[1]} entries; only those in the plane "
                "have angles."
            )
        return np.arctan2(self.directions[:, 1], self.directions[:, 0]) % (2 * math.pi)

    @property
    def breakpoints(self) -> Array:
        """Where neurons on scalar inputs with a bias bend, −b/w, shape (m,); ±inf where w = 0."""
        if self.directions.shape[1] != 2:
            raise ValueError(
                f"directions have {self.directions.shape[1]} entries; breakpoints are those of "
                "scalar inputs with a bias: pass X of shape (n, 1) and bias=True."
            )
        with np.errstate(divide="ignore"):
            return np.asarray(-self.directions[:, 1] / self.directions[:, 0])

    def plot(self, *, flowed: ArrayLike | None = None) -> Any:
        """Draw the directions on the circle and the utility around it.

        Parameters
        ----------
        flowed : array_like of shape (H, 2 + q), optional
            Neurons (w, a) at the end of a flow, drawn too.

        Returns
        -------
        matplotlib.figure.Figure
            A plain figure: show it in a notebook, or ``savefig`` it.
        """
        from saddles.agf._relu.picture import plot_directions

        return plot_directions(self, flowed=flowed)


def extremal_directions(
    X: ArrayLike,
    residual: ArrayLike,
    *,
    slope: float = 0.0,
    bias: bool = False,
    starts: int = 100,
    seed: int = 0,
) -> ExtremalDirections:
    """Directions at which (leaky) ReLU neurons gather while the residual stands still.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Features.
    residual : array_like of shape (n,) or (n, q)
        r_k = y_k − f(x_k); the targets, for neurons that start from a small scale.
    slope : float
        s of φ(z) = max(z, 0) + s min(z, 0): 0 for ReLU, between 0 and 1 leaky, −1 for |z|.
    bias : bool
        Append a feature that is 1, so that scalar inputs are a problem in the plane.
    starts : int
        Number of random directions from which ascents start, in three dimensions and more, for each
        sign of a. With several outputs it is the number of random (w, a), in the plane too.
    seed : int
        Their seed.

    Returns
    -------
    ExtremalDirections
        In one or two dimensions all of them, in O(n log n). In three and more, those that the
        ascents reached. Each is exact, but a direction with a small basin may be missing; more
        `starts` make that less likely.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If an ascent does not end, which nearly parallel samples can cause.

    Notes
    -----
    An ascent that comes to rest on a kink is solved on the subspace orthogonal to the samples of
    the kink. Its velocity is the shortest one between the gradients on the two sides.

    Rates are those of the mean loss |y − f(X)|²/(2n).

    Examples
    --------
    Two samples: neurons with a > 0 turn to the first and away from the second, those with a < 0
    the other way round, and both no farther than until the other sample is at their edge:

    >>> import saddles
    >>> found = saddles.agf.extremal_directions([[1.0, 0.0], [1.0, 1.0]], [3.0, -2.0])
    >>> found
    <ExtremalDirections: 1 for a > 0, 1 for a < 0, 2 on kinks, all>
    >>> found.directions.round(4).tolist(), found.growth.round(4).tolist()
    ([[0.7071, -0.7071], [0.0, 1.0]], [1.0607, 1.0])
    """
    features, targets, number = checked_features(X, residual, "residual", slope, bias)
    features, targets, units = scaled(features, targets)
    found = _found(features, targets, number, starts, seed)
    rate, utility = 1 / units.time, partial(_times, 1 / units.time, found.utility)
    return replace(found, growth=rate * found.growth, utility=utility)


def _times(rate: float, utility: Callable[[Array], Array], w: Array) -> Array:
    return rate * utility(w)


def _found(
    features: Array, targets: Array, slope: float, starts: int, seed: int
) -> ExtremalDirections:
    """Find them, in the way of the dimension."""
    seed = checks.whole_number(seed, "seed")
    n_starts = checks.whole_number(starts, "starts", least=1)
    rng, d = np.random.default_rng(seed), features.shape[1]
    if targets.ndim == 2 and targets.shape[1] > 1:
        halves = rng.standard_normal((n_starts, d)), rng.standard_normal((n_starts, len(targets.T)))
        balanced = [half / np.linalg.norm(half, axis=1, keepdims=True) for half in halves]
        return _with_outputs(Pulls.of(features, targets, slope), np.hstack(balanced))
    utility = PiecewiseUtility.of(features, targets.ravel(), slope)
    if d == 1:
        return _on_the_line(utility)
    if d == 2:
        return _in_the_plane(utility)
    return _in_space(utility, rng.standard_normal((2, n_starts, d)))


def checked_features(
    X: ArrayLike, targets: ArrayLike, name: str, slope: float, bias: bool
) -> tuple[Array, Array, float]:
    """Return features (n, d), the bias's among them, targets (n,) and the slope, validated."""
    features = checks.real_array(X, "X", 2)
    values = checks.real_array(targets, name, (1, 2))
    checks.same_length(features, "X", values, name)
    number = checks.finite_number(slope, "slope")
    if checks.switch(bias, "bias"):
        features = np.column_stack([features, np.ones(len(features))])
    return features, values, number


def _on_the_line(utility: PiecewiseUtility) -> ExtremalDirections:
    """Both directions of a line, for either sign: there is nowhere to turn."""
    directions, sign = np.array([[1.0], [-1.0]] * 2), np.repeat([1.0, -1.0], 2)
    return _sorted(
        directions=directions,
        sign=sign,
        growth=sign * utility.value(directions),
        kinks=[np.zeros(0, dtype=np.intp)] * 4,
        basins=np.full((4, 2), math.nan),
        shares=np.full(4, 0.5),
        residuals=np.zeros(4),
        dead=np.zeros((0, 2)),
        exhaustive=True,
        utility=utility.value,
    )


def _in_the_plane(utility: PiecewiseUtility) -> ExtremalDirections:
    """Enumerate by the angles of the bends."""
    sets = arcs(utility)
    kept = np.flatnonzero(~sets.dead)
    sign = np.where(sets.slopes[kept] < 0, 1.0, -1.0)
    basins = np.where(sign[:, None] > 0, sets.basins(1.0)[kept], sets.basins(-1.0)[kept])
    angles, lines = sets.angles[kept, 0], sets.lines[kept]
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    pulls, scale = sets.pulls[kept], utility.scale or 1.0
    across = np.where(lines < 0, np.abs(_cross(directions, pulls)), 0.0)
    return _sorted(
        directions=directions,
        sign=sign,
        growth=sign * np.sum(directions * pulls, axis=1),
        kinks=[utility.samples(line[line >= 0]) for line in lines[:, None]],
        basins=basins,
        shares=(basins[:, 1] - basins[:, 0]) / (2 * math.pi),
        residuals=(across + sets.rounding) / scale,
        dead=sets.angles[sets.dead],
        exhaustive=True,
        utility=utility.value,
    )


def _cross(first: Array, second: Array) -> Array:
    """Return the component of `second` across `first`, both (m, 2)."""
    return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])


def _in_space(utility: PiecewiseUtility, starts: Array) -> ExtremalDirections:
    """Collect the ends of ascents from `starts` (2, q, d), a > 0 and a < 0."""
    found: list[tuple[End, int]] = []
    count, d = starts.shape[1:]
    sign, free = np.repeat([1.0, -1.0], count), np.full(2 * count, math.inf)
    for end in climb_all(utility, starts.reshape(-1, d), sign, free):
        if end is None:
            raise PathError(Status.STALLED, None, "ascent of a ReLU neuron")
        if end.growth != 0:
            _count(found, end)
    ends = [end for end, _ in found]
    return _sorted(
        directions=np.array([end.direction for end in ends]).reshape(-1, d),
        sign=np.array([end.sign for end in ends]),
        growth=np.array([end.growth for end in ends]),
        kinks=[utility.samples(end.kinks) for end in ends],
        basins=np.full((len(ends), 2), math.nan),
        shares=np.array([count for _, count in found]) / starts.shape[1],
        residuals=np.array([end.residual for end in ends]),
        dead=np.zeros((0, 2)),
        exhaustive=False,
        utility=utility.value,
    )


def _with_outputs(pulls: Pulls, starts: Array) -> ExtremalDirections:
    """Collect the ends of ascents from `starts` (s, d + q), and in the plane those they missed."""
    d = pulls.lines.shape[1]
    found, every = ascend(pulls, starts), False
    if d == 2:
        angles, every = peaks(pulls)
        w = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        a = pulls.value(w)
        a /= np.linalg.norm(a, axis=1, keepdims=True)
        known = [way.direction for way, _ in found]
        for way, _ in ascend(pulls, np.hstack([w, a])):
            if all(np.abs(way.direction - other).max() > SAME_DIRECTION for other in known):
                found.append((way, 0))
    ends = np.array([way.direction for way, _ in found]).reshape(-1, starts.shape[1])
    w, a = ends[:, :d], ends[:, d:]
    return _sorted(
        directions=w / np.linalg.norm(w, axis=1, keepdims=True),
        sign=np.ones(len(found)),
        outputs=a / np.linalg.norm(a, axis=1, keepdims=True),
        growth=np.array([way.growth for way, _ in found]),
        kinks=[pulls.samples(way.kinks) for way, _ in found],
        basins=np.full((len(found), 2), math.nan),
        shares=np.array([count for _, count in found]) / len(starts),
        residuals=np.array([way.residual for way, _ in found]),
        dead=np.zeros((0, 2)),
        exhaustive=every,
        utility=pulls.value,
    )


def _count(found: list[tuple[End, int]], end: End) -> None:
    """Count `end` with the one that it is, or as a new one."""
    for k, (other, count) in enumerate(found):
        near = np.abs(other.direction - end.direction).max() <= SAME_DIRECTION
        if near and other.sign == end.sign:
            found[k] = (other, count + 1)
            return
    found.append((end, 1))


def _sorted(
    *,
    kinks: list[Indices],
    dead: Array,
    exhaustive: bool,
    utility: Callable[[Array], Array],
    **arrays: Array,
) -> ExtremalDirections:
    """Return the directions with the fastest growth first."""
    arrays.setdefault("outputs", arrays["sign"][:, None])
    order = np.argsort(-arrays["growth"], kind="stable")
    return ExtremalDirections(
        **{name: array[order] for name, array in arrays.items()},
        kinks=tuple(kinks[k] for k in order),
        dead=dead,
        exhaustive=exhaustive,
        utility=utility,
    )
