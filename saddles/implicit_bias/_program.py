"""One of the three minimisations as a program for cvxpy, ready for further constraints.

The objectives are built in `_convex`.
"""

from __future__ import annotations

import math

from saddles import checks
from saddles._problems.regression import Regression
from saddles.implicit_bias._convex import Program, least_norm, theorem
from saddles.implicit_bias._diagonal import entropy_program
from saddles.implicit_bias._minimizer import in_units
from saddles.implicit_bias._single_neuron import Start
from saddles.typing import ArrayLike

__all__ = ["program"]


def program(
    X: ArrayLike | Regression,
    y: ArrayLike | None = None,
    beta0: ArrayLike | None = None,
    delta: float | None = None,
    *,
    log_alpha: float | None = None,
) -> Program:
    """Minimisation by which training ends, as a convex program for cvxpy.

    With `beta0` and `delta` it is that of `single_neuron` (Theorem 3.1), with `log_alpha` that of
    `diagonal`, and with ``log_alpha=-inf`` that of `l1`.

    Parameters
    ----------
    X : array_like of shape (n, d) or Regression
        Features of any rank, or the whole problem.
    y : array_like of shape (n,), optional
        Targets, in the range of X; leave out if `X` is a `Regression`.
    beta0 : array_like of shape (d,), optional
        Initial point of the single neuron, not zero.
    delta : float, optional
        Conserved quantity a² − |w|² of the single neuron.
    log_alpha : float, optional
        Logarithm of the initial scale of the diagonal network, below 0.

    Returns
    -------
    Program
        The ``problem``, and ``beta``, its coefficients.

    Raises
    ------
    TypeError, ValueError
        On bad input; if y is not in the range of X; if the network is not told.
    ImportError
        If cvxpy is not installed.

    Examples
    --------
    Theorem 3.1 with a constraint that training does not know:

    >>> import cvxpy
    >>> from saddles import implicit_bias
    >>> program = implicit_bias.program([[1.0, 2.0]], [2.0], beta0=[-2.0, 1.0], delta=-2.0)
    >>> positive = [*program.problem.constraints, program.beta >= 0.1]
    >>> _ = cvxpy.Problem(program.problem.objective, positive).solve()
    >>> program.beta.value.round(3)
    array([0.1 , 0.95])
    """
    single = beta0 is not None or delta is not None
    if single == (log_alpha is not None):
        raise TypeError(
            f"beta0={checks.show(beta0)}, delta={delta!r} and log_alpha={log_alpha!r}: pass beta0 "
            "and delta for a single neuron, or log_alpha for a diagonal network."
        )
    space, _ = in_units(X, y)
    if single:
        start = Start.of(beta0, delta, space.problem.n_features)
        return theorem(space, start.pull, start.delta)
    scale = checks.log_scale(log_alpha, allow_limit=True)
    return least_norm(space) if scale == -math.inf else entropy_program(space, scale)
