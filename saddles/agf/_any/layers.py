"""A torch module of two layers, read: what its neurons are, and where they start.

The network is f(x) = Σ_i a_i φ(w_i·x + b_i) + c. A bias b of the first layer is a weight on one
more input, which is always 1. The bias c of the outputs is learnt at once, in a time that does not
grow with log(1/α). So it is taken at its best value for given neurons: outputs and targets are
taken less their means.

=============  ==============================================================
code name      symbol
=============  ==============================================================
``rows``       θ = (w, b, a), one neuron per row, shape (H, p)
``power``      k: φ(tz) = t^k φ(z) for t > 0
``ahead``      φ(1);  ``behind`` φ(−1)
=============  ==============================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools.torch_modules import torch
from saddles.typing import Array, ArrayLike

__all__ = ["Layers", "features_of"]

#: Relative deviation of φ from homogeneity that rounding of its own precision explains, and where
#: it is measured.
HOMOGENEOUS, POINTS = 1e-5, (1e-4, 0.31, 1.0, 4.3, 50.0)


@dataclass(frozen=True, eq=False)
class Layers:
    """Two linear layers and the activation between them; see the module's table."""

    activation: Any
    rows: Array
    inputs: int
    biased: bool
    centred: bool
    power: int
    ahead: float
    behind: float

    @classmethod
    def of(cls, module: Any, weights: Any = None) -> Layers:
        """Read a module; with the `weights` of another moment, a state dict, if given.

        Raises
        ------
        TypeError, ValueError
            If it is no ``nn.Sequential(Linear, activation, Linear)``, or the activation is not
            homogeneous.
        """
        nn = torch().nn
        parts = list(module) if isinstance(module, nn.Sequential) else []
        if len(parts) == 2:
            parts.insert(1, nn.Identity())
        if len(parts) != 3 or not all(isinstance(parts[i], nn.Linear) for i in (0, 2)):
            raise TypeError(
                f"module={checks.show(module)} must be torch.nn.Sequential(Linear, activation, "
                "Linear); write any other neuron as a function, for saddles.agf.network."
            )
        first, activation, last = parts
        if any(True for _ in activation.parameters()):
            raise ValueError(
                f"the activation {activation} has parameters of its own, and would be trained with "
                "the weights; use one without, such as ReLU or LeakyReLU."
            )
        names = [name for name, _ in module.named_parameters()]
        values = _values(module, weights, names)
        w, a = values[names[0]], values[[n for n in names if values[n].ndim == 2][-1]]
        biases = [values[name] for name in names if values[name].ndim == 1]
        rows = np.hstack([w, *([biases[0][:, None]] if first.bias is not None else []), a.T])
        power, ahead, behind = _homogeneity(activation)
        return cls(
            activation=activation,
            rows=rows,
            inputs=w.shape[1],
            biased=first.bias is not None,
            centred=last.bias is not None,
            power=power,
            ahead=ahead,
            behind=behind,
        )

    @property
    def outputs(self) -> int:
        """Return q."""
        return int(self.rows.shape[1] - self.inputs - self.biased)

    @property
    def degree(self) -> int:
        """Return κ = k + 1."""
        return self.power + 1

    @property
    def scale(self) -> float:
        """Return α, the root mean square of the neurons' norms."""
        return float(np.sqrt(np.mean(np.sum(self.rows**2, axis=1))))

    def data(self, X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
        """Return inputs (n, d), with a 1 for a bias, and targets (n,) or (n, q)."""
        inputs = features_of(X, self.inputs)
        targets = checks.real_array(Y, "Y", (1, 2))
        checks.same_length(inputs, "X", targets, "Y")
        wide = 1 if targets.ndim == 1 else targets.shape[1]
        if wide != self.outputs:
            raise ValueError(
                f"Y has shape {targets.shape} and the module's number of outputs is "
                f"{self.outputs}; pass one column of targets for each, np.eye(10)[labels] of ten "
                "classes, say."
            )
        if self.biased:
            inputs = np.column_stack([inputs, np.ones(len(inputs))])
        return inputs, targets - targets.mean(axis=0) if self.centred else targets

    def neuron(self, theta: Any, X: Any) -> Any:
        """Return the outputs of one neuron θ (p,) on inputs (n, d), for `TorchNetwork`."""
        wide = X.shape[1]
        values = self.activation(X @ theta[:wide])
        outputs = values[:, None] * theta[wide:]
        if self.centred:
            outputs = outputs - outputs.mean(dim=0)
        return outputs


def features_of(X: ArrayLike, inputs: int) -> Array:
    """Return the inputs (n, d) of a linear layer."""
    array = checks.real_array(X, "X", 2)
    if array.shape[1] != inputs:
        raise ValueError(
            f"X has shape {array.shape} and the first layer {inputs} inputs; pass one row of "
            "that length for each sample."
        )
    return array


def _values(module: Any, weights: Any, names: list[str]) -> dict[str, Array]:
    """Return the parameters as float64 arrays, those of `weights` if they are given."""
    now = dict(module.named_parameters())
    if weights is None:
        weights = now
    elif hasattr(weights, "state_dict"):
        weights = weights.state_dict()
    if not isinstance(weights, Mapping) or not set(names) <= set(weights):
        raise TypeError(
            f"start={checks.show(weights)} must be a module like the first, or its state_dict(), "
            f"with {', '.join(names)}."
        )
    found = {name: checks.real_array(weights[name], name, (1, 2)) for name in names}
    for name, value in found.items():
        if value.shape != (wanted := tuple(now[name].shape)):
            raise ValueError(
                f"start[{name!r}] has shape {value.shape}, and the module's has {wanted}; pass a "
                "checkpoint of the same module."
            )
    return found


def _homogeneity(activation: Any) -> tuple[int, float, float]:
    """Return k, φ(1) and φ(−1), measured."""
    points = torch().tensor(POINTS, dtype=torch().float64)
    with torch().no_grad():
        ahead, behind = (np.asarray(activation(sign * points)) for sign in (1.0, -1.0))
    one = POINTS.index(1.0)
    larger = ahead if abs(ahead[one]) >= abs(behind[one]) else behind
    ratio = larger[-1] / larger[one] if larger[one] else 0.0
    power = round(math.log(ratio) / math.log(POINTS[-1])) if ratio > 0 else 0
    law = np.power(POINTS, power)
    gap = max(np.abs(side / law - side[one]).max() for side in (ahead, behind))
    if power < 1 or not gap <= HOMOGENEOUS * abs(larger[one]):
        raise ValueError(
            f"the activation {activation} is not homogeneous: phi(t z) must be t**k phi(z) for "
            "t > 0 and some k >= 1; use ReLU, LeakyReLU, a power of them, or none."
        )
    return power, float(ahead[one]), float(behind[one])
