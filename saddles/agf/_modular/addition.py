"""Alternating gradient flows of the quadratic network on modular addition.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 6. Dormant neurons turn
to cosine waves of one frequency, with phases s_u + s_v = s_w + s_x; the dominant frequency's are
the fastest (Theorem 6.2). Active neurons of one frequency work together: six of them can remove it
from the residual exactly, five only in the limit of infinite norms, unless frequencies in ratio 1
to 3 both have power and help each other. The steps are those of `saddles.agf._engine.steps`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from saddles._numerics.watch import long_work
from saddles._result.path import Saddle
from saddles.agf._engine.active import CREEP
from saddles.agf._engine.steps import NeuronPath, solve_network
from saddles.agf._groups.learn import initial_rows
from saddles.agf._modular.network import ModularAddition
from saddles.typing import ArrayLike

__all__ = ["modular_addition"]

SOURCE = "Kunin et al. 2025, arXiv:2506.06489, section 6 and Algorithm 1"


@long_work
def modular_addition(
    template: ArrayLike | ModularAddition,
    *,
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
    """Alternating gradient flow of quadratic neurons that learn a + b mod p.

    Parameters
    ----------
    template : array_like of shape (p,), or ModularAddition
        The encoding x of the number 0, p >= 3; its shifts encode the others.
    width : int, optional
        Number of neurons, at least 1; needed without `init`.
    log_alpha : float
        Logarithm of the initial scale, below 0. Minus infinity is the limit, which paths from
        random neurons approach slowly: give the scale of an experiment to compare with it.
    init : array_like of shape (width, 3p), optional
        Initial weights (u, v, w) over α, one neuron per row. By default directions are uniform on
        the sphere, from `seed`, and every norm is α.
    seed : int
        Seed of the default `init`.
    activation_norm : float
        Norm at which a neuron counts as active. With strong templates the loss falls before any
        norm reaches 1; it shifts jump times by O(α).
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
        Scaled times t α of the loss ½ E|y − f|² (mean over pairs, sum over the p outputs; the
        paper's mean squared error is 2/p times that). ``betas[k]`` is the template (p,) that the
        network has learnt. `ModularAddition.modes` reads frequencies and phases of
        ``path.directions`` and ``path.neurons``.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    If several frequencies share the largest utility, the initial directions decide which comes
    first, and the staircase has many short steps; see `ModularAddition.ties`. In one-hot templates
    less their mean, all frequencies except the Nyquist frequency tie. The mean of a template is
    frequency 0: constant neurons learn it, and it is the first if powers are equal.

    Examples
    --------
    One neuron removes one ninth of a lone frequency, and no more:

    >>> import numpy as np, saddles
    >>> template = np.cos(2 * np.pi * np.arange(7) / 7)
    >>> path = saddles.agf.modular_addition(template, width=1)
    >>> (9 * path.losses / path.losses[0]).round(9).tolist(), path.status
    ([9.0, 8.0], Status.MAX_RANK)
    >>> modes = saddles.agf.ModularAddition(template).modes(path.directions[1])
    >>> modes.frequency.tolist(), abs(modes.mismatch.round(6)).tolist()
    ([1], [0.0])
    """
    network = template if isinstance(template, ModularAddition) else ModularAddition(template)
    return solve_network(
        network,
        initial_rows(network.size, width, init, seed),
        log_alpha=log_alpha,
        activation_norm=activation_norm,
        name="AGF of modular addition",
        source=SOURCE,
        tol=tol,
        creep=creep,
        max_jumps=max_jumps,
        on_failure=on_failure,
        callback=callback,
        error_bars=error_bars,
    )
