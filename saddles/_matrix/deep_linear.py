"""Alternating gradient flow of the deep linear network f(x) = W_L…W_1 x, L ≥ 3.

For depth above 2 time is t α^{L−2}, and all initial weights, not only their scale, decide when each
mode is learnt. `deep_steps` is the algorithm; here it learns a linear map from the second moments
of data. Its saddles are the best maps of their rank, P_kΣyxΣxx⁻¹, unless data and start commute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from saddles import checks
from saddles._matrix.deep_jump import Objective
from saddles._matrix.deep_layers import checked_layers, mirror_kept
from saddles._matrix.deep_steps import DeepTask, deep_steps
from saddles._matrix.moments import Moments, least_loss
from saddles._numerics.watch import long_work
from saddles._result.path import Saddle, SaddlePath
from saddles.alternation import solve
from saddles.typing import ArrayLike

__all__ = ["deep_linear"]


@long_work
def deep_linear(
    sigma_xx: ArrayLike,
    sigma_yx: ArrayLike,
    *,
    init: Sequence[ArrayLike],
    sigma_yy: ArrayLike | None = None,
    tol: float = 1e-10,
    max_jumps: int | None = None,
    on_failure: str = "raise",
    callback: Callable[[Saddle], object] | None = None,
    progress: bool = False,
    time_limit: float | None = None,
) -> SaddlePath:
    """Saddle path of f(x) = W_L…W_1 x, L ≥ 3, under gradient flow from vanishing initialisation.

    Parameters
    ----------
    sigma_xx : array_like of shape (d, d)
        Σxx = E[xxᵀ]: symmetric, positive semi-definite.
    sigma_yx : array_like of shape (c, d)
        Σyx = E[yxᵀ]; its rows must lie in the range of `sigma_xx`, as those of data do.
    init : sequence of L array_like
        Initial layers over α, from the input on: ``init[0]`` has shape (n_1, d), ``init[j]`` has
        shape (n_{j+1}, n_j), and the last layer has c rows. Every jump time depends on all entries.
    sigma_yy : array_like of shape (c, c), optional
        Σyy = E[yyᵀ]. Only its trace matters: it adds to every loss the part that no linear map
        explains. By default this part is zero, so losses fall to 0.
    tol : float
        Learning ends when no singular value of G exceeds `tol` times its first Frobenius norm.
    max_jumps : int, optional
        Largest number of jumps; None goes to the end of training.
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
        ``betas[k]`` is the map W (c, d) at saddle k; ``times`` are t α^{L−2} for the loss
        L = ½ E|y − Wx|² and W_j' = −∂L/∂W_j. A unit is a mode, numbered in the order of
        activation. A certificate's margin is 1 − σ₂/σ₁, with the singular values of the gradient at
        the saddle before. At a finite α, jumps after the first differ from the limit by multiples
        of α^{1 − ρ}, where ρ is the largest σ₂/σ₁ before them.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the path cannot be continued correctly (only with ``on_failure="raise"``).

    Notes
    -----
    The path to the first saddle is proved if the largest singular value of Σyx is simple (Jacot et
    al. 2021, arXiv:2106.15933). The jump times are derived to leading order in α. They were
    compared with the flow, `saddles.flow.deep_linear`.

    Examples
    --------
    Three layers that start at α times the identity learn the modes of a diagonal map one after the
    other, at the times 1/((L − 2) σ):

    >>> import numpy as np, saddles
    >>> target = np.diag([4.0, 2.0])
    >>> path = saddles.agf.deep_linear(np.eye(2), target, init=[np.eye(2)] * 3)
    >>> path.times.round(6).tolist(), path.losses.round(6).tolist()
    ([0.0, 0.25, 0.5], [10.0, 2.0, 0.0])
    >>> path.physical_times(np.log(1e-3)).round(3).tolist()
    [0.0, 250.0, 500.0]
    """
    moments = Moments.of(sigma_xx, sigma_yx)
    moments.refuse_extreme()
    floor = least_loss(moments, sigma_yy)
    used = moments.values[moments.values > 0]
    layers = checked_layers(init, moments.yx.shape)
    task = DeepTask(
        objective=Objective(
            shape=moments.yx.shape,
            pull=lambda W: -moments.slope(W),
            bend=lambda _, D: np.asarray(D @ moments.xx),
        ),
        value=lambda W: floor + moments.excess(W),
        init=layers,
        tol=checks.real_number(
            tol, "tol", "it is relative and must lie in (0, 1)", lambda v: 0 < v < 1
        ),
        mirror=mirror_kept(layers, moments.xx, moments.yx),
        left_over=_left_over(min(moments.yx.shape), float(used.min(initial=np.inf))),
    )
    algorithm = deep_steps(task, name=f"AGF of a linear network of {len(task.init)} layers")
    return solve(algorithm, max_jumps=max_jumps, on_failure=on_failure, callback=callback)


def _left_over(modes: int, least: float) -> Callable[[float], float]:
    """Return the bound ½ tr GΣxx⁺Gᵀ of what G of this size leaves of the loss."""
    return lambda growth: modes * growth**2 / least / 2
