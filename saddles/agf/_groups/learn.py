"""Alternating gradient flows of neurons that learn products in a finite group.

The task is that of Marchetti et al., "Sequential Group Composition" (2026, arXiv:2602.03655); the
flow that of Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6. Dormant
neurons turn to one irrep; those of the largest σ^(k+1) d_R^(−(k−1)/2) are the fastest, σ the
operator norm of x̂(ρ). The steps are those of `saddles.agf._engine.steps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.watch import long_work
from saddles._result.path import Saddle
from saddles.agf._engine.active import CREEP
from saddles.agf._engine.steps import NeuronPath, solve_network
from saddles.agf._groups.network import GroupComposition
from saddles.groups import Group
from saddles.typing import Array, ArrayLike

__all__ = ["group_composition", "initial_rows"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, Algorithm 1; task of arXiv:2602.03655"


@long_work
def group_composition(
    group: Group,
    template: ArrayLike | GroupComposition,
    *,
    k: int = 2,
    width: int | None = None,
    log_alpha: float = -math.inf,
    init: ArrayLike | None = None,
    seed: int = 0,
    activation_norm: float = 1.0,
    tol: float = 1e-10,
    creep: float = CREEP,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    error_bars: bool = True,
    progress: bool = False,
    time_limit: float | None = None,
) -> NeuronPath:
    """Alternating gradient flow of neurons that learn products of k elements of a group.

    Parameters
    ----------
    group : Group
        The group, of n elements; see `saddles.groups`.
    template : array_like of shape (n,), or GroupComposition
        The encoding x of the identity; its shifts encode the others.
    k : int
        Number of factors, at least 2.
    width : int, optional
        Number of neurons, at least 1; needed without `init`. For k = 2, 2q³ of them are always
        enough for an irrep of real type and size q, 6q³ for complex and 16q³ for quaternionic type.
    log_alpha : float
        Logarithm of the initial scale, below 0. Minus infinity is the limit, which paths from
        random neurons approach slowly: give the scale of an experiment to compare with it.
    init : array_like of shape (width, (k + 1)n), optional
        Initial weights (u_1, …, u_k, w) over α, one neuron per row. By default directions are
        uniform on the sphere, from `seed`, and every norm is α.
    seed : int
        Seed of the default `init`.
    activation_norm : float
        Norm at which a neuron counts as active.
    tol, creep : float
        When learning ends, and how closely the infimum of a creeping loss is extrapolated: see
        ``certificates.creep``.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
    on_failure : {"raise", "return"}
        Whether a path that cannot be continued correctly raises `PathError` or is returned as far
        as it was right.
    callback : callable, optional
        Called with each `Saddle`; returning True stops there.
    error_bars : bool
        Whether jumps after a saddle at infinity get error bars, ``certificates.time_error``: the
        rest of the path is run again, which takes about half as long as the first run.
    progress : bool
        Whether to show a bar of the jumps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the path so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    NeuronPath
        Scaled times t α^{k−1} of the loss ½ E|L_{g_1⋯g_k} x − f|² (mean over tuples, sum over the n
        outputs). ``betas[k]`` is the template (n,) that the network has learnt.
        `GroupComposition.modes` reads irreps of ``path.directions`` and ``path.neurons``.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    An irrep with distinct singular values is learnt block by block; see `GroupComposition.blocks`.
    If x̂(ρ) is singular, a part of the loss remains for ever; see `GroupComposition.unlearnable`.
    If several irreps share the largest utility, the initial directions decide which comes first;
    see `GroupComposition.ties`. Which of the levels are predictions, and how surely, is that of
    `modular_addition`.

    Examples
    --------
    A neuron of a sign removes half of its power, and two of them all of it:

    >>> import saddles
    >>> group = saddles.groups.symmetric(3)
    >>> sign = group.irreps[1].character.real
    >>> path = saddles.agf.group_composition(group, sign, width=4, seed=1)
    >>> (path.losses / path.losses[0]).round(9).tolist(), path.status
    ([1.0, 0.5, 0.0], Status.CONVERGED)
    """
    network = _network(group, template, k)
    return solve_network(
        network,
        initial_rows(network.size, width, init, seed),
        log_alpha=log_alpha,
        activation_norm=activation_norm,
        name=f"AGF of composition in {network.group.name}",
        source=SOURCE,
        tol=tol,
        creep=creep,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
        error_bars=error_bars,
    )


def _network(group: Any, template: Any, k: int) -> GroupComposition:
    """Return the network, or say that another one than this was given."""
    if not isinstance(template, GroupComposition):
        return GroupComposition(group, template, k)
    same = isinstance(group, Group) and np.array_equal(template.group.table, group.table)
    if not same or k not in (2, template.k):
        raise ValueError(
            f"template={checks.show(template)} is a network of {template.group.name} with k="
            f"{template.k}, but group={group!r} and k={k!r}; pass its own, or a template."
        )
    return template


def initial_rows(size: int, width: int | None, init: ArrayLike | None, seed: int) -> Array:
    """Return the initial rows (width, size): those given, or random ones of norm 1."""
    count = checks.count(width, "width", least=1)
    if init is None:
        if count is None:
            raise ValueError("width=None: pass the number of neurons, or their initial weights.")
        rows = np.random.default_rng(checks.whole_number(seed, "seed")).standard_normal(
            (count, size)
        )
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    rows = checks.real_array(init, "init", 2)
    checks.same_count(width, "width", rows)
    return rows
