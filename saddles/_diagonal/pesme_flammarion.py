"""Diagonal linear networks in the limit of vanishing initialisation: the exact staircase.

Pesme and Flammarion, "Saddle-to-saddle dynamics in diagonal linear networks" (NeurIPS 2023,
arXiv:2304.00488), Algorithm 1; Algorithm 2 of Kunin et al. (2025, arXiv:2506.06489). The gradient
flow of β = u ⊙ v from u = α·1, v = 0 on the mean loss L = |y − Xβ|²/(2n) tends, in scaled time
τ = t / log(1/α), to a projected dynamical system of the dual point ρ on the polytope
{ρ : −t⁻ ≤ Xᵀρ ≤ t⁺}: ρ' = r/n while no clock S = Xᵀρ is at its boundary, and Xβ is the part of y
that the boundary's normal cone takes away.

The steps are in `dual_path`, the race of the clocks in `race` and `screening`, the descent in
`cone`, and what is shown and certified of it all in `certified`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from saddles import checks
from saddles._diagonal.certified import saddles
from saddles._diagonal.dual_path import Network, State, cost, jump, utility
from saddles._diagonal.dual_path import start as begin
from saddles._diagonal.resumed import fingerprint, resumed
from saddles._numerics.watch import long_work
from saddles._problems.door import ready
from saddles._problems.in_units import InUnits
from saddles._problems.regression import Regression
from saddles._result.path import Saddle, SaddlePath
from saddles.alternation import Algorithm, solve
from saddles.typing import Array, ArrayLike

__all__ = ["pesme_flammarion"]

NAME = "Pesme-Flammarion"
SOURCE = "Pesme and Flammarion 2023, arXiv:2304.00488, Algorithm 1"


@long_work
def pesme_flammarion(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    *,
    boundaries: tuple[ArrayLike, ArrayLike] | None = None,
    kappa: int = 2,
    start: SaddlePath | None = None,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of a diagonal linear network from vanishing initialisation.

    Parameters
    ----------
    X : array_like or scipy.sparse array of shape (n, d), or Regression
        Features, used as they are. For an intercept pass ``Regression(X, y, centre=True)``. Large
        data are read by the column. In feature-major order (``order="F"``), in memory or mapped
        from a file, they are not copied. In any other order a copy is made in memory.
    y : array_like of shape (n,)
        Targets; left out if `X` is a `Regression`.
    boundaries : (t_plus, t_minus), optional
        Values of +S_i and −S_i at which coordinate i activates, each a positive number or an
        array of shape (d,). The default is 1. Others belong to deeper networks and asymmetric
        initial weights (arXiv:2607.12332). With an infinite one, that sign never activates.
        `saddles.boundaries` computes them from weights, and `saddles.diagonal_network` the path.
    kappa : int
        Degree of homogeneity of the network that `boundaries` belong to: its depth. It sets only
        the unit of time.
    start : SaddlePath, optional
        Beginning of the path of the same problem, saved or from an earlier call with `max_jumps`
        or a `callback`. It is continued from its last saddle, and the whole path is returned. Each
        of its saddles is checked against the data and boundaries given here.
    max_jumps : int, optional
        Largest number of jumps, those of `start` included; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right, with its status.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    SaddlePath
        Times are scaled, τ = t / log(1/α) of the mean loss, or τ = t α^(κ − 2) for a `kappa` above
        2. Divide them by n for the papers' sum loss. ``duals`` are ρ (K+1, n), and the clocks are
        ``X.T @ rho``. Fits, ρ, times and losses are unique. If β is not, it is the one of minimum
        norm, and ``certificates.unique`` is False.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If a saddle misses its optimality conditions (only with ``on_failure="raise"``).

    Notes
    -----
    Between jumps everything is linear in time, so times are exact up to rounding. Clocks that
    reach their boundaries together make one jump, and some of their coordinates may stay zero. When
    a coordinate returns to zero, its clock stays at the boundary or moves inwards.
    The last saddle minimises Σ(t⁺β⁺ + t⁻β⁻) among the least-squares solutions.

    Examples
    --------
    The published path on which a coordinate enters and leaves again (arXiv:2607.12332):

    >>> import saddles
    >>> X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]
    >>> path = saddles.pesme_flammarion(X, [1.0, 0.0])
    >>> path.times.round(6).tolist()
    [0.0, 2.0, 8.0, 11.265306]
    >>> [units.tolist() for units in path.active]
    [[], [0], [2], [2, 3]]
    """
    network = _network(ready(X, y), boundaries)
    algorithm = _algorithm(network, checks.whole_number(kappa, "kappa", least=2))
    earlier: list[Saddle] = []
    if start is not None and len(_checked_start(start, network, kappa)) > 1:
        earlier = list(start)[:-1]
        algorithm = replace(algorithm, start=partial(resumed, network, start))
    path = solve(
        algorithm,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
        earlier=earlier,
    )
    return path if path.status.finished else replace(path, fingerprint=fingerprint(network))


def steps(
    problem: Regression, boundaries: tuple[ArrayLike, ArrayLike] | None = None
) -> Algorithm[State]:
    """Return the algorithm that learns `problem`; for `boundaries` see `pesme_flammarion`."""
    return _algorithm(_network(ready(problem), boundaries))


def _network(data: InUnits, boundaries: tuple[ArrayLike, ArrayLike] | None) -> Network:
    upper, lower = _checked_boundaries(boundaries, data.shape[1])
    return Network(data, _in_units(upper, data), _in_units(lower, data))


def _algorithm(network: Network, kappa: int = 2) -> Algorithm[State]:
    return Algorithm(
        name=NAME,
        source=SOURCE,
        start=partial(begin, network),
        utility=partial(utility, network),
        jump=partial(jump, network),
        cost=partial(cost, network),
        saddle=lambda state: saddles(network, [state])[0],
        saddles=partial(saddles, network),
        kappa=kappa,
    )


def _checked_boundaries(boundaries: Any, n_features: int) -> tuple[Array, Array]:
    if boundaries is None:
        return np.ones(n_features), np.ones(n_features)
    if not isinstance(boundaries, tuple | list) or len(boundaries) != 2:
        raise TypeError(
            f"boundaries={checks.show(boundaries)} must be a pair (t_plus, t_minus) of positive "
            "numbers or arrays of shape (d,)."
        )
    names = ("boundaries[0]", "boundaries[1]")
    plus, minus = (
        checks.boundary(b, name, n_features) for b, name in zip(boundaries, names, strict=True)
    )
    return plus, minus


def _checked_start(start: Any, network: Network, kappa: int) -> SaddlePath:
    """Return a path that may be one of this problem."""
    if not isinstance(start, SaddlePath):
        raise TypeError(f"start={checks.show(start)} must be a SaddlePath, or None.")
    n, d = network.data.shape
    if start.algorithm != NAME or start.duals is None:
        raise ValueError(f"start={start!r} must be a path that pesme_flammarion returned.")
    if start.kappa != kappa:
        raise ValueError(
            f"start={start!r} has degree kappa={start.kappa}, but kappa={kappa!r}; pass that of "
            "the path."
        )
    if start.duals.shape[1] != n or start.betas.shape[1] != d:
        raise ValueError(
            f"start has {start.duals.shape[1]} samples and {start.betas.shape[1]} features, but X "
            f"has {n} and {d}; pass the problem that it is a path of."
        )
    return start


def _in_units(boundary: Array, data: InUnits) -> Array:
    """Return boundaries (d,) for the columns of `data`; none may overflow or vanish."""
    if not data.rescaled:
        return boundary
    with np.errstate(over="ignore", under="ignore"):
        scaled = np.asarray(boundary / data.column_unit)
    lost = np.isfinite(boundary) & (np.isinf(scaled) | (scaled < checks.SMALLEST_BOUNDARY))
    if lost.any():
        where = int(np.argmax(lost))
        raise ValueError(
            f"boundary {float(boundary[where])!r} of feature {where}, whose entries have size "
            f"{float(data.column_unit[where]):g}: their ratio does not fit a float64; rescale that "
            "column and its boundary."
        )
    return scaled
