"""AGF as a trainer: a two-layer network that grows neuron by neuron and finds its own width.

The alternation of `saddles.alternation`, made greedy. The neuron with the largest utility becomes
active, all active neurons descend to the least cost, and superfluous ones return to the dormant
set. There is no learning rate and no time: jumps are counted. The two halves are those of the path
of gradient flow (Kunin et al., "Alternating Gradient Flows", 2025, arXiv:2506.06489), but the
saddles need not be: the neuron here is the best one of all directions, not the first to arrive.

================  ====================================================================
code name         symbol
================  ====================================================================
``X``             samples (n, p), with a column of ones if neurons have biases
``W``             unit weights (H, p), of norm 1
``outputs``       output weights A (H, c), and below them the offset (c,) if there is one
``score``         what chooses the width: validation loss, or generalised cross-validation
``floor``         loss that rounding of the targets explains
================  ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.watch import watching
from saddles._tools.threads import one_pool
from saddles.optim._cost import LATE, METHODS, Task
from saddles.optim._features import POWER, SINGLE, feature_of, odd_part
from saddles.optim._losses import loss_of
from saddles.optim._network import Network
from saddles.optim._rows import Rows, norm
from saddles.optim._run import Run
from saddles.optim._step import Settings, Step
from saddles.optim._utility import CRITERIA
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["AGF"]

#: Precisions in which features are computed; everything else is float64.
PRECISIONS = ("float32", "float64")

#: Rounding errors of a sample that count as nothing: those of sums over features and neurons.
ROUNDINGS = 64


class AGF:
    """Trainer of two-layer networks: it adds one neuron a jump, and no learning rate is chosen.

    The network is f(x) = Σ_i a_i φ(w_i, x) + b. Each jump ascends the utility from many starts at
    once, lets the best neuron in, minimises the cost over all neurons, and lets those leave without
    which the others do as well. This is a greedy method with the two halves of alternating gradient
    flow; for the path of gradient flow itself, see `saddles.agf`. It is not a
    ``torch.optim.Optimizer``, because the width grows.

    Parameters
    ----------
    neuron : {"relu", "leaky", "quadratic", "linear"} or callable
        The neuron's feature φ(w·x), or a torch function ``neuron(w, X)`` of unit weights, a tensor
        (p,), and of the samples (n, p), which returns the features (n,). It must be homogeneous in
        `w`. A function needs the extra ``saddles[torch]``.
    bias : bool
        Whether neurons have biases and the network has an offset b. A function then gets the
        samples with a constant column at their end, as large as X is in the root mean square: so
        nothing depends on the unit of X.
    max_neurons : int
        Largest width.
    starts : int or array_like of shape (S, p)
        Number of random unit weights from which the utility is ascended, or weights to start from,
        rows w or, with biases, (w, b).
    criterion : {"decrease", "utility"}
        Which direction counts as best: that with the largest decrease of the squared loss once its
        output is fitted, |Rᵀφ|/|φ − φ̄|, or with the largest utility |Rᵀφ|/n, as in gradient flow.
    cost : {"auto", "lm", "lbfgs", "outputs", "late"}
        How the cost is minimised; see `minimise_cost`. "auto" takes "lm" for the squared loss
        while all unit weights together have at most 300 entries, and "lbfgs" above. With five
        outputs and more, each of its descents begins where the neurons came, and above 1000 entries
        it goes on as "late" does. "late" refits outputs alone while the network grows, and all
        weights of the chosen network in `fit`.
    loss : {"squared", "logistic"}
        |y − f|²/2 or the cross entropy of softmax(f), averaged over samples. Targets of the second
        are probabilities of classes, such as one-hot rows.
    ridge : float
        Penalty of the output weights, ridge |A|²/2 with unit weights of norm 1. Every jump lowers
        the penalised loss, or reaches a new best score.
    per_jump : int
        Number of neurons that become active in one jump.
    patience : int or None
        Number of jumps without a better score after which growth ends. The saddle with the best
        score is returned, the start included. None grows to the end and returns the last saddle.
    batch_size : int
        Largest number of samples on which the cost descends; networks of few parameters begin on
        fewer. Of more samples, as many as this confirm a utility, and all confirm the fall of each
        cost. The last descent in `fit` has the gradient of all. A saddle rests on fewer if the next
        neuron takes more than a finer descent would. Growth ends with a direction that does no more
        than noise in this number of samples, so raise it to find weaker signals.
    dtype : {"float64", "float32"}
        Precision of the features. Sums over samples and outputs are float64. Samples are not
        copied if there are more than `batch_size`, so do not change them between two saddles.
    device : str
        "cpu", or a device of torch such as "cuda" on which features are computed.
    seed : int
        Seed of everything that is drawn: the same seed gives the same bits.

    Attributes
    ----------
    network : Network
        The network chosen by the last `fit`.
    path : tuple of Step
        All saddles of the last `fit`, the start first.
    status : Status
        Why growth ended.

    See Also
    --------
    saddles.agf.network : The path that gradient flow takes from vanishing initialisation.

    Examples
    --------
    Two neurons, found in two jumps:

    >>> import numpy as np
    >>> from saddles.optim import AGF
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> y = np.maximum(X[:, 0], 0) - np.maximum(X[:, 1], 0)
    >>> trainer = AGF("relu").fit(X, y)
    >>> trainer.network.width, trainer.status.value
    (2, 'converged')
    >>> float(abs(trainer.predict(X) - y).max()) < 1e-12
    True
    """

    network: Network
    path: tuple[Step, ...]
    status: Status

    def __init__(
        self,
        neuron: Any = "relu",
        *,
        bias: bool = True,
        max_neurons: int = 50,
        starts: Any = 16,
        criterion: str = "decrease",
        cost: str = "auto",
        loss: str = "squared",
        ridge: float = 0.0,
        per_jump: int = 1,
        patience: int | None = 3,
        batch_size: int = 20_000,
        dtype: str = "float64",
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        rule = "the penalty must be at least 0 and finite; 0 has none"
        self._feature = feature_of(neuron, device)
        self._loss = loss_of(loss)
        if cost == "lm" and loss != "squared":
            raise ValueError(f"cost='lm' is for the squared loss, not loss={loss!r}; use 'lbfgs'.")
        self._dtype = checks.one_of(dtype, "dtype", PRECISIONS)
        self._bias = checks.switch(bias, "bias")
        self._settings = Settings(
            max_neurons=checks.whole_number(max_neurons, "max_neurons", least=1),
            starts=_starts(starts),
            criterion=checks.one_of(criterion, "criterion", CRITERIA),
            cost=checks.one_of(cost, "cost", ("auto", *METHODS, LATE)),
            ridge=checks.real_number(ridge, "ridge", rule, lambda v: 0 <= v < math.inf),
            per_jump=checks.whole_number(per_jump, "per_jump", least=1),
            patience=checks.count(patience, "patience", least=1),
            batch_size=checks.whole_number(batch_size, "batch_size", least=1),
            seed=checks.whole_number(seed, "seed"),
        )

    def __repr__(self) -> str:
        status = f", status={self.status.name}" if hasattr(self, "network") else ""
        width = f", width={self.network.width}" if status else ""
        return f"AGF(neuron={self._feature.name!r}{width}{status})"

    def steps(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
        start: ArrayLike | None = None,
    ) -> Generator[Step, None, Status]:
        """Yield the saddles one by one, and return why there are no more.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.
        Y : array_like of shape (n,) or (n, c)
            Targets.
        validation : pair of array_like of shape (m, d) and (m,) or (m, c), optional
            Samples and targets whose loss is the score.
        start : array_like of shape (H, p), optional
            Neurons that are active at the start, rows w or, with biases, (w, b). By default there
            are none.

        Yields
        ------
        Step
            The start, and then the saddle after each jump.

        Raises
        ------
        TypeError, ValueError
            For bad input: the name and value, the rule and the remedy.

        Examples
        --------
        >>> import numpy as np
        >>> from saddles.optim import AGF
        >>> X = np.linspace(-1, 1, 50)[:, None]
        >>> [step.neurons for step in AGF("quadratic", bias=False).steps(X, X[:, 0] ** 2)]
        [0, 1]
        """
        return self._run(X, Y, validation, start).steps()

    @one_pool
    def fit(
        self,
        X: ArrayLike,
        Y: ArrayLike,
        *,
        validation: tuple[ArrayLike, ArrayLike] | None = None,
        start: ArrayLike | None = None,
        time_limit: float | None = None,
    ) -> AGF:
        """Grow a network, and choose the saddle with the best score.

        With validation samples, the chosen network descends once more on all samples together.

        Parameters
        ----------
        X : array_like of shape (n, d)
            Samples.
        Y : array_like of shape (n,) or (n, c)
            Targets.
        validation : pair of array_like of shape (m, d) and (m,) or (m, c), optional
            Samples and targets whose loss is the score.
        start : array_like of shape (H, p), optional
            Neurons that are active at the start, rows w or, with biases, (w, b).
        time_limit : float, optional
            Seconds after which to stop, between two jumps.

        Returns
        -------
        AGF
            Itself.

        Raises
        ------
        TypeError, ValueError
            For bad input: the name and value, the rule and the remedy.
        """
        with watching(time_limit=time_limit):
            run = self._run(X, Y, validation, start)
            self.path, self.status, self.network = run.trained()
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs of the chosen network.

        Parameters
        ----------
        X : array_like of shape (q, d)
            Samples.

        Returns
        -------
        ndarray of shape (q,) or (q, c)
            f(x) for each row, in one column for each target.
        """
        return self._fitted().predict(X)

    def module(self) -> Any:
        """Return the chosen network as ``nn.Sequential(Linear, activation, Linear)``.

        Returns
        -------
        torch.nn.Sequential
            In float64, ready for any optimiser of torch.

        Raises
        ------
        ValueError
            If torch has no such activation: for quadratic neurons and for functions.
        """
        return self._fitted().module()

    def _fitted(self) -> Network:
        if not hasattr(self, "network"):
            raise AttributeError("this trainer has no network yet; call fit(X, Y) first.")
        return self.network

    def _run(self, X: Any, Y: Any, validation: Any, start: Any) -> Run:
        X = self._samples(X, "X")
        unit = self._unit(X)
        task, single = self._task(X, Y, "X", "Y", unit)
        held = None if validation is None else self._held_out(validation, task, unit)
        task = replace(task, odd=odd_part(self._feature, task.X))
        self._settings.check_starts(task.X.shape[1])
        rounding = ROUNDINGS * float(np.finfo(task.X.dtype).eps)
        floor = rounding**2 * float(np.mean(np.sum(task.Y**2, axis=1))) / 2
        p, settings = task.X.shape[1], self._settings
        initial = np.zeros((0, p))
        if start is not None:
            initial = self._in_unit(checks.neurons(start, "start", p), unit)
            if len(initial) > settings.max_neurons:
                raise ValueError(
                    f"max_neurons={settings.max_neurons!r} is below the {len(initial)} neurons "
                    "at the start; raise it, or start from fewer."
                )
        if isinstance(settings.starts, np.ndarray):
            settings = replace(settings, starts=self._in_unit(settings.starts, unit))
        return Run(
            settings=settings,
            task=task,
            held=held,
            floor=floor,
            single=single,
            unit=unit,
            initial=initial.astype(task.X.dtype),
        )

    def _held_out(self, validation: Any, task: Task, unit: float) -> Task:
        """Return samples and targets that are held out, with the columns of those of `task`."""
        if not isinstance(validation, tuple | list) or len(validation) != 2:
            raise TypeError(
                f"validation={checks.show(validation)} must be a pair (X, Y) of samples and "
                "targets."
            )
        first = self._samples(validation[0], "validation[0]")
        held, _ = self._task(first, validation[1], "validation[0]", "validation[1]", unit)
        if held.X.shape[1] != task.X.shape[1] or held.Y.shape[1] != task.Y.shape[1]:
            columns = held.X.shape[1] - self._bias, task.X.shape[1] - self._bias
            raise ValueError(
                f"validation has {columns[0]} columns of samples and {held.Y.shape[1]} of "
                f"targets, but X has {columns[1]} and Y has {task.Y.shape[1]}; give as many."
            )
        return held

    def _in_unit(self, rows: Array, unit: float) -> Array:
        """Return weights with biases as multiples of the constant beside the samples."""
        return np.append(rows[:, :-1], rows[:, -1:] / unit, axis=1) if self._bias else rows

    def _unit(self, X: Array) -> float:
        """Return the constant that stands beside samples: their root mean square."""
        size = norm(X) / math.sqrt(X.size)
        return size if size > 0 and self._bias else 1.0

    def _samples(self, X: Any, name: str) -> Array:
        """Return samples (n, d) of float64 or float32, as they are given if they are sound."""
        if hasattr(X, "toarray"):
            checks.refuse_sparse(X, name)
        X = checks.features(X, name)
        try:
            return checks.moderate(X, name, POWER if self._dtype == "float64" else SINGLE)
        except ValueError:
            checks.refuse_bad_entries(X, name)
            raise

    def _task(self, X: Array, Y: Any, x: str, y: str, unit: float) -> tuple[Task, bool]:
        """Return the samples (n, p) and targets (n, c), and whether the targets had one axis."""
        Y = checks.moderate(checks.real_array(Y, y, (1, 2)), y, POWER)
        checks.same_length(X, x, Y, y)
        self._loss.check(Y, y)
        single, Y = Y.ndim == 1, Y.reshape(len(Y), -1)
        rows = Rows(X, unit if self._bias else None, np.dtype(self._dtype))
        task = Task(
            feature=self._feature,
            X=rows if len(X) > self._settings.batch_size else np.asarray(rows),
            Y=Y,
            loss=self._loss,
            ridge=self._settings.ridge,
            offset=self._bias,
        )
        return task, single


def _starts(value: Any) -> int | Array:
    """Return a number of starts, or unit weights (S, p) to start from."""
    if np.ndim(value) == 0:
        return checks.whole_number(value, "starts", least=1)
    starts = checks.real_array(value, "starts", 2)
    return checks.neurons(starts, "starts", starts.shape[1])
