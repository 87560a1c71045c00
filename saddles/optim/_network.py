"""A network of two layers, as the trainer found it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.extras import extra
from saddles._tools.record import Record
from saddles.optim._features import LEAK, Feature
from saddles.typing import Array, ArrayLike

__all__ = ["Network"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Network(Record):
    """A network f(x) = Σ_i a_i φ(w_i·x + b_i) + b, where (w_i, b_i/unit) has norm 1.

    Attributes
    ----------
    feature : Feature
        The neuron's feature φ.
    weights : ndarray of shape (H, d)
        Weights w.
    biases : ndarray of shape (H,)
        Biases of the neurons; zero without.
    outputs : ndarray of shape (H, c)
        Output weights a.
    offset : ndarray of shape (c,)
        The network's offset b; zero without.
    bias : bool
        Whether it has biases and an offset.
    unit : float
        Size of the samples in the root mean square: the constant that stands beside them.
    single : bool
        Whether outputs are vectors (n,), as the targets were.
    """

    feature: Feature
    weights: Array
    biases: Array
    outputs: Array
    offset: Array
    bias: bool
    unit: float
    single: bool

    @property
    def width(self) -> int:
        """Number of neurons H."""
        return len(self.weights)

    @property
    def unit_weights(self) -> Array:
        """Rows (w_i, b_i/unit) of norm 1, shape (H, p); without biases the weights."""
        if not self.bias:
            return self.weights
        return np.concatenate([self.weights, self.biases[:, None] / self.unit], axis=1)

    def predict(self, X: ArrayLike) -> Array:
        """Return the outputs for samples `X` (q, d).

        Parameters
        ----------
        X : array_like of shape (q, d)
            Samples.

        Returns
        -------
        ndarray of shape (q,) or (q, c)
            f(x) for each row, in one column for each target.

        Raises
        ------
        TypeError, ValueError
            If they are no samples, or of another number of columns.
        """
        X = checks.real_array(X, "X", 2)
        if X.shape[1] != self.weights.shape[1]:
            raise ValueError(
                f"X has shape {X.shape}, but the network was trained on samples of "
                f"{self.weights.shape[1]} columns; pass as many."
            )
        if self.bias:
            X = np.concatenate([X, np.full((len(X), 1), self.unit)], axis=1)
        f = self.feature.values(X, self.unit_weights) @ self.outputs + self.offset
        return np.asarray(f[:, 0] if self.single else f)

    def module(self) -> Any:
        """Return the network as ``nn.Sequential(Linear, activation, Linear)`` in float64.

        Returns
        -------
        torch.nn.Sequential
            Its outputs have shape (n, c).

        Raises
        ------
        ValueError
            If torch has no such activation.
        """
        nn = extra("torch", "module()", "torch").nn
        kinds = {"relu": nn.ReLU(), "leaky": nn.LeakyReLU(LEAK), "linear": nn.Identity()}
        if self.feature.name not in kinds:
            raise ValueError(
                f"neuron={self.feature.name!r} has no activation in torch.nn; only "
                f"{', '.join(map(repr, kinds))} do. Use predict(X), or write the module yourself "
                "from weights, biases, outputs and offset."
            )
        H, d = self.weights.shape
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that no neurons have nothing to draw
            first, last = (nn.Linear(*n, self.bias) for n in ((d, H), (H, len(self.offset))))
        module = nn.Sequential(first, kinds[self.feature.name], last).double()
        entries = {"0.weight": self.weights, "2.weight": self.outputs.T}
        if self.bias:
            entries |= {"0.bias": self.biases, "2.bias": self.offset}
        tensor = extra("torch", "module()", "torch").tensor
        module.load_state_dict({name: tensor(value) for name, value in entries.items()})
        return module
