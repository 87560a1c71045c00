"""Gradient flow of matrix factorisations and linear networks, exact at any initial scale.

Li, Luo and Lyu, "Towards resolving the implicit bias of gradient descent for matrix factorization:
greedy low-rank learning" (ICLR 2021, arXiv:2012.09839): U' = −∇f(UUᵀ) U. Saxe, McClelland and
Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks"
(ICLR 2014, arXiv:1312.6120): A' = −GWᵀ, W' = −AᵀG with G = ∂L/∂(AW). Stacking Z = [Wᵀ; A] makes the
second an instance of the first,

    Z' = F Z,   F = [[0, −Gᵀ], [−G, 0]],

and both are integrated in the graded coordinates of `_graded.frame`, or, for data that
commute, mode by mode (`_graded.commuting`): right where the ordinary flow in float64 is not, below
α of about 1e-16.

=================  ==================================================
code name          symbol
=================  ==================================================
``U``              U, shape (d, width); W = UUᵀ in `matrix`
``factor``         Z, shape (d + c, width): W above, A below
``moments``        Σxx = E[xxᵀ], (d, d), and Σyx = E[yxᵀ], (c, d)
=================  ==================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from saddles._matrix.loss_checks import checked_size
from saddles._matrix.losses import FullMatrix
from saddles._matrix.moments import Moments, least_loss
from saddles._numerics.watch import long_work
from saddles._tools.threads import one_pool
from saddles.flow._graded.blocks import Basis
from saddles.flow._graded.commuting import Modes
from saddles.flow._graded.frame import Graded
from saddles.flow._graded.march import Request, follow
from saddles.flow._graded.systems import Factorisation, TwoLayers
from saddles.flow._inputs import checked_rtol, checked_until, finite_scale, initial_factor
from saddles.flow.riccati import full as closed_form
from saddles.typing import ArrayLike

if TYPE_CHECKING:
    from saddles._matrix.losses import MatrixLoss
    from saddles._result.flow import Flow

__all__ = ["linear", "matrix"]

MATRIX_SOURCE = "Li, Luo and Lyu 2021, arXiv:2012.09839"
LINEAR_SOURCE = "Saxe, McClelland and Ganguli 2014, arXiv:1312.6120"


@one_pool
@long_work
def matrix(
    loss: MatrixLoss,
    *,
    log_alpha: float,
    width: int | None = None,
    initial: ArrayLike | None = None,
    seed: int = 0,
    until: float | None = None,
    rtol: float = 1e-8,
    progress: bool = False,
    time_limit: float | None = None,
) -> Flow:
    """Gradient flow U' = −∇f(UUᵀ) U of a matrix factorisation, from U = alpha * G.

    Parameters
    ----------
    loss : MatrixLoss
        f: `MatrixCompletion`, `MatrixSensing`, `FullMatrix`, or any object with ``size``,
        ``value(W)`` and ``gradient(W)`` (see `MatrixLoss`). The gradient of a loss that is not of
        this package is compared once with finite differences of its value.
    log_alpha : float
        Logarithm of the initial scale alpha, below 0 and finite; -1000 costs about what -100 does.
    width : int, optional
        Number of columns of U; d by default. With fewer, the rank of W is bounded by it.
    initial : array_like of shape (d, width), optional
        G. By default ``numpy.random.default_rng(seed).standard_normal((d, width))``.
    seed : int
        Seed of the default G.
    until : float, optional
        Scaled time ``t / log(1/alpha)`` at which to stop. Without it, the flow is followed until
        every active column rests, to `rtol` of what drives it, and no dormant direction grows
        faster than 1e-10 of the first rate. If slower directions could still lower the loss by more
        than 1e-10 of its decrease so far, the status is `Status.RESOLUTION`, and
        ``flow.remaining`` bounds this decrease.
    rtol : float
        Relative error of U allowed in ten steps, from 1e-12 to 1e-3. Below ``16 eps log(1/alpha)``
        rounding forbids it, and that is used instead.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the flow so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Flow
        ``flow.at(tau)`` is W = UUᵀ, shape (d, d), and ``flow.loss(tau)`` f as given;
        ``flow.conservation`` is the largest difference between the log scale of a column and the
        quadrature of its growth rate, divided by log(1/alpha).

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.
    PathError
        If the integrator cannot go on, if the loss falls without bound, or if the next direction to
        grow depends on components far below rounding (`Status.UNDECIDED`).

    Notes
    -----
    A step costs about as much as solving d(3d + 1)/2 linear equations. The second derivative of a
    loss without ``hessian_product`` is found by differences of its gradient. Observations that form
    a disconnected graph are integrated with a frame for each part. `FullMatrix` has a closed form,
    which is right at any ratio of eigenvalues: its flow is that of `full`.

    Examples
    --------
    >>> import saddles
    >>> loss = saddles.FullMatrix([[3.0, 1.0], [1.0, 3.0]])
    >>> flow = saddles.flow.matrix(loss, log_alpha=-1000)
    >>> flow.status, flow.jumps().times.round(2)
    (Status.CONVERGED, array([0.25, 0.5 ]))
    >>> flow.at(0.4).round(6)
    array([[2., 2.],
           [2., 2.]])
    """
    if type(loss) is FullMatrix:
        checked_rtol(rtol)
        return closed_form(
            loss.M, log_alpha=log_alpha, width=width, initial=initial, seed=seed, until=until
        )
    size = checked_size(loss)
    log_alpha = finite_scale(log_alpha, "saddles.greedy_low_rank")
    start = initial_factor(initial, size, width, seed)
    request = Request(
        log_alpha=log_alpha,
        until=checked_until(until),
        rtol=checked_rtol(rtol),
        algorithm="flow.matrix",
        source=MATRIX_SOURCE,
    )
    return follow([Graded.of(Factorisation.of(loss), start, log_alpha)], request)


@one_pool
@long_work
def linear(
    sigma_xx: ArrayLike,
    sigma_yx: ArrayLike,
    *,
    log_alpha: float,
    sigma_yy: ArrayLike | None = None,
    width: int | None = None,
    initial: ArrayLike | None = None,
    seed: int = 0,
    until: float | None = None,
    rtol: float = 1e-8,
    progress: bool = False,
    time_limit: float | None = None,
) -> Flow:
    """Gradient flow of a two-layer linear network y = A W x on L = ½ E|y − AWx|².

    Parameters
    ----------
    sigma_xx : array_like of shape (d, d)
        Σxx = E[xxᵀ]: symmetric, positive semi-definite.
    sigma_yx : array_like of shape (c, d)
        Σyx = E[yxᵀ]; its rows must lie in the range of `sigma_xx`, as those of data do.
    log_alpha : float
        Logarithm of the initial scale alpha of all weights, below 0 and finite.
    sigma_yy : array_like of shape (c, c), optional
        Σyy = E[yyᵀ]. Only its trace matters: it adds to every loss the part that no linear map
        explains. By default this part is zero, so the loss falls to 0.
    width : int, optional
        Number of hidden units; d + c by default, which is as general as any larger number.
    initial : array_like of shape (d + c, width), optional
        The weights Wᵀ above A, divided by alpha. By default
        ``numpy.random.default_rng(seed).standard_normal((d + c, width))``.
    seed : int
        Seed of the default initial weights.
    until : float, optional
        Scaled time ``t / log(1/alpha)`` at which to stop. Without it, the flow is followed until
        training has ended, as in `matrix`; after an earlier end, ``flow.remaining`` bounds the
        decrease of the loss still to come.
    rtol : float
        Relative error of the weights allowed in ten steps, from 1e-12 to 1e-3.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the flow so far is returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Flow
        ``flow.at(tau)`` is the linear map AW, shape (c, d).

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy; also for moments that fall into
        several parts that do not interact, of which one has several modes.
    PathError
        If the integrator cannot go on, or if the next direction to grow depends on components far
        below rounding (`Status.UNDECIDED`).

    Notes
    -----
    Moments that commute to twelve digits count as commuting: their modes are followed one by one.
    Otherwise one frame for all weights is followed.

    Examples
    --------
    The mode that explains less (1.5 against 2.0) but correlates more (3 against 2) is first:

    >>> import numpy as np, saddles
    >>> b, s = np.array([2.0, 1.0]), np.array([1.0, 3.0])
    >>> flow = saddles.flow.linear(np.diag(s), np.diag(b * s), log_alpha=-1e4)
    >>> flow.jumps().times.round(3)
    array([0.333, 0.5  ])
    >>> round(flow.loss(0.4), 6)
    2.0
    """
    moments = Moments.of(sigma_xx, sigma_yx)
    floor = least_loss(moments, sigma_yy)
    log_alpha = finite_scale(log_alpha, "saddles.agf.linear")
    request = Request(
        log_alpha=log_alpha,
        until=checked_until(until),
        rtol=checked_rtol(rtol),
        algorithm="flow.linear",
        source=LINEAR_SOURCE,
    )
    start = initial_factor(initial, sum(moments.yx.shape), width, seed)
    basis = Basis.of(moments)
    if basis.diagonal:
        parts, alone = Modes.apart(basis, start, log_alpha)
        return follow(parts, request, floor=floor, alone=alone)
    if basis.parts > 1:
        raise ValueError(
            f"sigma_xx and sigma_yx fall into {basis.parts} parts that do not interact, and one of "
            "them has several modes: a single frame cannot follow how small their tilts are. Train "
            "the parts one by one, or perturb the moments by 1e-6 of their size."
        )
    system = TwoLayers.of(moments)
    graded = Graded.of(system, system.turned(start), log_alpha)
    return follow([graded], request, floor=floor)
