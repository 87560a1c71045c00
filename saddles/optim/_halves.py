"""The two halves of the trainer on their own, for loops of one's own.

================  ====================================================================
code name         symbol
================  ====================================================================
``residual``      R = −∂ℓ/∂f, shape (n, c)
``W``, ``A``      unit weights (H, p), and output weights (H, c)
================  ====================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.record import Record
from saddles._tools.threads import one_pool
from saddles.optim._cost import FALL, METHODS, Task, chosen_method, descend
from saddles.optim._features import POWER, feature_of, odd_part
from saddles.optim._losses import loss_of
from saddles.optim._utility import CRITERIA, SAMPLE, Ascent, checked_ascent
from saddles.typing import Array, ArrayLike

__all__ = ["Cost", "maximise_utility", "minimise_cost"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Cost(Record):
    """A network at the least cost that was found.

    Attributes
    ----------
    W : ndarray of shape (H, p)
        Unit weights, of norm 1.
    A : ndarray of shape (H, c)
        Output weights.
    loss, penalised : float
        The loss, and the loss with the penalty ridge |A|²/2.
    residual : ndarray of shape (n, c)
        −∂ℓ/∂f, from which the next utility is computed.
    gradients : int
        Gradients of single neurons that were used, each over all samples.
    """

    W: Array
    A: Array
    loss: float
    penalised: float
    residual: Array
    gradients: int


@one_pool
def maximise_utility(
    feature: Any,
    X: ArrayLike,
    residual: ArrayLike,
    *,
    starts: int | ArrayLike = 16,
    criterion: str = "decrease",
    offset: bool = False,
    seed: int = 0,
) -> Ascent:
    """Ascend the utility of a dormant neuron from many unit weights at once.

    Output weights do not appear: the utility of unit weights w is |Rᵀφ(w)|, over |φ| |R| for
    ``criterion="decrease"`` and over n for "utility". Up to 20,000 samples are all used. Of more, a
    sample is drawn, then four times as many, until all confirm the utility of the best direction.

    Parameters
    ----------
    feature : str or callable
        The neuron; see `AGF`.
    X : array_like of shape (n, p)
        Samples; for a bias, with a column of ones.
    residual : array_like of shape (n,) or (n, c)
        R, what the network does not explain.
    starts : int or array_like of shape (S, p)
        Number of random unit weights to start from, or these themselves.
    criterion : {"decrease", "utility"}
        What is ascended.
    offset : bool
        Whether the network has an offset: then the decrease counts features less their means.
    seed : int
        Seed of the starts and of the sample.

    Returns
    -------
    Ascent
        Unit weights where the ascents end, and their utilities, the highest first.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles.optim import maximise_utility
    >>> X = np.random.default_rng(0).standard_normal((500, 3))
    >>> best = maximise_utility("relu", X, np.maximum(X[:, 0], 0))
    >>> abs(best.W[0]).round(1).tolist(), round(float(best.utilities[0]), 3)
    ([1.0, 0.0, 0.0], 1.0)
    """
    neuron = feature_of(feature)
    X, R = _samples(neuron, X, residual, "residual")
    checks.one_of(criterion, "criterion", CRITERIA)
    draw = np.random.default_rng(checks.whole_number(seed, "seed"))
    if np.ndim(starts) == 0:
        count = checks.whole_number(starts, "starts", least=1)
        begin = draw.standard_normal((count, X.shape[1]))
    else:
        begin = checks.neurons(starts, "starts", X.shape[1])
    return checked_ascent(
        neuron,
        X,
        R,
        begin,
        criterion=criterion,
        offset=checks.switch(offset, "offset"),
        rows=SAMPLE,
        others=(X, R),
        draw=draw,
    )


@one_pool
def minimise_cost(
    feature: Any,
    W: ArrayLike,
    X: ArrayLike,
    Y: ArrayLike,
    method: str = "auto",
    *,
    loss: str = "squared",
    ridge: float = 0.0,
) -> Cost:
    """Minimise the cost of active neurons over their unit weights, the outputs at their best.

    Parameters
    ----------
    feature : str or callable
        The neuron; see `AGF`.
    W : array_like of shape (H, p)
        Unit weights to start from, one neuron per row; their norms do not matter.
    X : array_like of shape (n, p)
        Samples; for biases, with a column of ones.
    Y : array_like of shape (n,) or (n, c)
        Targets; probabilities of classes for the logistic loss.
    method : {"auto", "lm", "lbfgs", "outputs"}
        Levenberg–Marquardt on the reduced problem, for the squared loss; L-BFGS with the gradient
        of the envelope; or outputs alone. "auto" takes the first up to 300 entries of `W`.
    loss : {"squared", "logistic"}
        |y − f|²/2 or cross entropy of softmax(f), averaged over samples.
    ridge : float
        Penalty ridge |A|²/2 of output weights.

    Returns
    -------
    Cost
        The network where the descent ends. Its cost is never above that of the start.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles.optim import minimise_cost
    >>> X = np.random.default_rng(0).standard_normal((500, 3))
    >>> cost = minimise_cost("relu", [[1.0, 0.5, 0.0]], X, np.maximum(X[:, 0], 0))
    >>> abs(cost.W.round(6)).tolist(), cost.loss < 1e-20
    ([[1.0, 0.0, 0.0]], True)
    """
    neuron, way = feature_of(feature), loss_of(loss)
    X, Y = _samples(neuron, X, Y, "Y")
    way.check(Y, "Y")
    checks.one_of(method, "method", ("auto", *METHODS))
    if method == "lm" and loss != "squared":
        raise ValueError(f"method='lm' is for the squared loss, not {loss!r}; use 'lbfgs'.")
    rule = "the penalty must be at least 0 and finite; 0 has none"
    ridge = checks.real_number(ridge, "ridge", rule, lambda value: 0 <= value < math.inf)
    task = Task(feature=neuron, X=X, Y=Y, loss=way, ridge=ridge)
    start = task.at(checks.neurons(W, "W", X.shape[1]))
    end = descend(task, start, chosen_method(method, task, start.W), least=FALL)
    return Cost(
        W=end.fit.W,
        A=end.fit.outputs,
        loss=end.fit.loss,
        penalised=end.fit.penalised,
        residual=way.residual(end.fit.f, Y),
        gradients=end.gradients,
    )


def _samples(neuron: Any, X: Any, values: Any, name: str) -> tuple[Array, Array]:
    """Return samples (n, p) and what belongs to them, (n, c)."""
    X = checks.moderate(checks.real_array(X, "X", 2), "X", POWER)
    values = checks.moderate(checks.real_array(values, name, (1, 2)), name, POWER)
    checks.same_length(X, "X", values, name)
    odd_part(neuron, X)  # says what is wrong with a function
    return X, values.reshape(len(values), -1)
