"""A path that is to be continued: shown to be one of the data now given, and set off again.

A path is its saddles. Each minimises the loss among the coefficients that its clocks allow, and
from each to the next the dual point moves along the residual for as long as the time that passes.
Both are computed again from the data, so nothing that the path says of its past is trusted.

==============  =======================================================================
code name       symbol
==============  =======================================================================
``duals``       ρ_k, ``residuals`` r_k = y − Xβ_k, both (b, n)
``clocks``      S = Xᵀρ_k, ``pushes`` Xᵀr_k, ``betas`` β_k, all (b, d)
``slack``       what rounding may have moved clocks by, over |x_i|, at each saddle (b,)
==============  =======================================================================
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from saddles._diagonal.dual_path import Network, State, cost
from saddles._diagonal.dual_path import start as begin
from saddles._diagonal.tube import PRODUCT_ROUNDING
from saddles._problems.in_units import InUnits
from saddles._result.certificate import CERTIFICATE_TOLERANCE
from saddles._result.path import SaddlePath
from saddles._result.points import dense
from saddles.typing import Array, Indices

__all__ = ["fingerprint", "resumed"]

#: The same numbers, computed in another order, differ by less, relative to the largest they could
#: be: losses to the first, clocks and steps of the dual point to its arc length.
SAME = 1e-9

#: The same fingerprint, computed in another order. It changes by far more if one number in a
#: thousand million does.
ALIKE = 1e-11

#: The logarithm of infinity, in a fingerprint.
INFINITE = 1e3

#: Number of clocks' values computed together, those of two saddles at least.
TOGETHER = 2**20


class _Course(NamedTuple):
    """Where the dual point of a path goes, in units; see the module's table.

    ``waits`` are the times between saddles (K,), ``arc`` and ``reach`` those of the dual path.
    """

    duals: Array
    waits: Array
    arc: Array
    reach: Array

    @classmethod
    def of(cls, path: SaddlePath, data: InUnits) -> _Course:
        """Return the course of a path of `data`."""
        sizes = np.sqrt(2 * data.n_samples * path.losses[:-1]) / data.target_unit
        waits = np.diff(path.times) / data.time(1.0)
        noises = [data.resolution(size) for size in sizes.tolist()]
        arc, reach = (np.append(0.0, np.cumsum(waits * v)) for v in (sizes, noises))
        return cls(np.asarray(path.duals), waits, arc, reach)

    @property
    def slack(self) -> Array:
        """Return what rounding may have moved clocks by, over |x_i|, at each saddle (K+1,)."""
        return np.asarray(self.reach + PRODUCT_ROUNDING * self.duals.shape[1] * self.arc)


def resumed(network: Network, path: SaddlePath) -> State:
    """Return the state at the last saddle of a path with jumps, all of whose saddles are right.

    Raises
    ------
    ValueError
        If one of them is none of these data and boundaries.
    """
    data, before, last = network.data, path[-2], path[-1]
    course = _Course.of(path, data)
    units = np.unique(np.concatenate(path.active))
    if path.fingerprint is None:
        units = np.arange(data.shape[1])
    elif not _are_close(path.fingerprint, fingerprint(network)):
        raise _other(path, "their fingerprints differ")
    steps = max(1, TOGETHER // data.shape[1])
    for first in range(0, len(path) - 1, steps):
        _check(network, path, course, slice(first, first + steps + 1), units)
    dual = np.asarray(last.dual)
    clocks, slack = data.products(None, dual)[0], float(course.slack[-1]) * data.norms
    up, down = network.upper - clocks, clocks + network.lower
    held = (np.minimum(up, down) <= slack).nonzero()[0]
    state = begin(network)._replace(
        jumps=last.index,
        time=last.time / data.time(1.0),
        arc=float(course.arc[-1]),
        reach=float(course.reach[-1]),
        dual=dual,
        spare=held,
        weights=np.where(up < down, 1.0, -1.0)[held] * data.norms[held],
        previous=before.active,
        margin=last.certificate.margin,
    )
    state = cost(network, state)
    if abs(data.loss(state.fit.residual) - last.loss) > SAME * path.losses[0]:
        raise _other(path, "at its end, the loss is not the least that the clocks allow")
    return state


def fingerprint(network: Network) -> tuple[float, ...]:
    """Return numbers that identify data and boundaries, up to rounding.

    Random combinations of all numbers that matter, of order one; how data are stored, and in
    which order they are summed, does not matter.
    """
    data, (n, d) = network.data, network.data.shape
    rng = np.random.default_rng(n)
    samples, features = rng.standard_normal(n), rng.standard_normal((4, d)) / math.sqrt(d)
    with np.errstate(divide="ignore"):
        unit = np.where(data.norms > 0, 1 / data.norms, 0.0) / math.sqrt(n)
        sizes = np.log(data.norms) + np.log(data.column_unit)
        per_feature = [data.products(None, samples)[0] * unit, sizes]
        per_feature += [np.log(network.upper), np.log(network.lower)]
    finite = [np.where(np.isfinite(numbers), numbers, INFINITE) for numbers in per_feature]
    height = data.target_norm or 1.0
    return (
        *np.vecdot(features, np.array(finite)).tolist(),
        float(samples @ data.y) / height,
        math.log(height) + math.log(data.target_unit),
        math.log(data.n_samples),
    )


def _are_close(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return len(one) == len(other) and np.allclose(one, other, rtol=ALIKE, atol=ALIKE)


def _check(
    network: Network, path: SaddlePath, course: _Course, part: slice, units: Indices
) -> None:
    """Raise unless the saddles of a part are those of the data, and follow each other in it.

    Only the clocks of `units` (m,) are evaluated; all that are ever active are among them.
    """
    data, duals = network.data, course.duals[part]
    norms, upper, lower = data.norms[units], network.upper[units], network.lower[units]
    betas = dense(path.betas[part][:, units]) * data.column_unit[units] / data.target_unit
    columns, count = data.features.chosen(units), len(betas)
    residuals = data.y - columns.combined(betas.T).T
    clocks, pushes = columns.pull(duals.T).T, columns.pull(residuals.T).T
    near = np.maximum(course.slack, SAME * course.arc)[part, None] * norms
    above, below = upper - clocks, lower + clocks
    still = np.abs(pushes) <= CERTIFICATE_TOLERANCE * norms * data.target_norm
    beyond = ((above <= near) & (pushes > 0)) | ((below <= near) & (pushes < 0))
    losses = np.array([data.loss(residual) for residual in residuals])
    moved = duals[:-1] + course.waits[part][: count - 1, None] * residuals[:-1]
    off = np.linalg.norm(duals - np.concatenate([duals[:1], moved]), axis=1)
    rules = {
        "the loss is another": np.abs(losses - path.losses[part]) <= SAME * path.losses[0],
        "the gradient of the active units is not zero": still | (betas == 0),
        "clocks of active units are not at their boundary": (
            (np.where(betas > 0, above, below) <= near) | (betas == 0)
        ),
        "a clock is beyond its boundary": np.minimum(above, below) >= -near,
        "a unit at its boundary should have joined": still | ~beyond,
        "the dual point comes another way": off <= SAME * course.arc[part],
    }
    for what, holds in rules.items():
        if not holds.all():
            jump = part.start + int(holds.reshape(count, -1).all(axis=1).argmin())
            raise _other(path, f"of these, at jump {jump}, {what}")


def _other(path: SaddlePath, what: str) -> ValueError:
    return ValueError(
        f"start={path!r} is a path of other data or boundaries: {what}; pass the problem that it "
        "is a path of."
    )
