"""Neurons of the trainer: their features on samples, and the derivatives of these.

A neuron is a φ(w, x): its feature φ depends on the unit weights w alone, and is homogeneous in
them, so the output weights a carry its size. Closed forms are functions of X Wᵀ; any other feature
is a torch function, and ``torch.func`` differentiates it.

================  ==========================================================
code name         symbol
================  ==========================================================
``W``             unit weights w_i, one neuron per row, shape (H, p)
``values``        φ(w_i, x_n), shape (n, H)
``pull``          Σ_n C_ni ∂φ(w_i, x_n)/∂w_i, shape (H, p)
``jacobian``      ∂φ(w_i, x_n)/∂w_i, shape (n, H, p)
================  ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from saddles import checks
from saddles._tools.extras import extra
from saddles._tools.torch_modules import called
from saddles.optim._rows import times

__all__ = ["NEURONS", "Feature", "feature_of"]

#: Names of the neurons with closed forms.
NEURONS = ("relu", "leaky", "quadratic", "linear")

#: Slope of the leaky ReLU for negative inputs; that of ``torch.nn.LeakyReLU``.
LEAK = 0.01

#: How far a feature may be from homogeneous, relative: float32 rounding of a long sum.
HOMOGENEOUS = 1e-4

#: What a function must be, for samples of a number of columns; what to do if it is not finite.
CALLED = (
    "it must depend on w, be made of operations of torch on real numbers, take tensors ({0},) and "
    "(n, {0}), and return (n,)"
)
CHANGE = "it must be finite for random unit weights, so change the neuron"

#: Power of samples and targets that must fit a float64, squares of their products with quadratic
#: features; and that of samples in float32, with 8 times fewer bits of range.
POWER, SINGLE = 6, 4 * 8

#: Number of samples on which it is checked.
SOME = 64


class Feature(Protocol):
    """What the trainer needs of a neuron; `X` is (n, p), and `W` (H, p) has unit rows."""

    @property
    def name(self) -> str:
        """Return its name."""

    def values(self, X: Any, W: Any) -> Any:
        """Return the features (n, H)."""

    def pull(self, X: Any, W: Any, C: Any) -> Any:
        """Return Σ_n C_ni ∂φ(w_i, x_n)/∂w_i, shape (H, p), for coefficients `C` (n, H)."""

    def jacobian(self, X: Any, W: Any) -> Any:
        """Return ∂φ(w_i, x_n)/∂w_i, shape (n, H, p)."""


@dataclass(frozen=True)
class ClosedForm:
    """A feature φ(w·x) with its slope φ'."""

    name: str
    function: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    odd: float = 0.0

    def values(self, X: Any, W: Any) -> Any:
        """Return the features (n, H)."""
        return self.function(times(X, W.T))

    def pull(self, X: Any, W: Any, C: Any) -> Any:
        """Return Σ_n C_ni φ'(w_i·x_n) x_n, shape (H, p)."""
        return (C * self.slope(times(X, W.T))).T @ X

    def jacobian(self, X: Any, W: Any) -> Any:
        """Return φ'(w_i·x_n) x_n, shape (n, H, p)."""
        return self.slope(times(X, W.T))[:, :, None] * X[:, None, :]


def _relu(z: Any) -> Any:
    return np.maximum(z, 0)


def _relu_slope(z: Any) -> Any:
    return (z > 0).astype(z.dtype)


def _leaky(z: Any) -> Any:
    return np.maximum(z, z.dtype.type(LEAK) * z)


def _leaky_slope(z: Any) -> Any:
    return np.where(z > 0, z.dtype.type(1), z.dtype.type(LEAK))


def _double(z: Any) -> Any:
    return 2 * z


def _same(z: Any) -> Any:
    return z


CLOSED = {
    "relu": ClosedForm("relu", _relu, _relu_slope, odd=1.0),
    "leaky": ClosedForm("leaky", _leaky, _leaky_slope, odd=1.0 + LEAK),
    "quadratic": ClosedForm("quadratic", np.square, _double),
    "linear": ClosedForm("linear", _same, np.ones_like),
}


class TorchFeature:
    """A feature that torch evaluates and ``torch.func`` differentiates."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str, device: str) -> None:
        self._torch = extra("torch", "a neuron given as a function", "torch")
        self.name, self._device = name, device
        func = self._torch.func
        self._all = func.vmap(function, in_dims=(0, None), out_dims=1)
        slope = func.grad(lambda w, x: function(w, x[None])[0])
        self._jacobian = func.vmap(func.vmap(slope, (0, None)), (None, 0))

    def values(self, X: Any, W: Any) -> Any:
        """Return the features (n, H)."""
        if not len(W):  # not every function can be mapped over nothing
            return np.zeros((len(X), 0), W.dtype)
        return self._array(self._all(self._tensor(W), self._tensor(np.asarray(X))))

    def pull(self, X: Any, W: Any, C: Any) -> Any:
        """Return Σ_n C_ni ∂φ(w_i, x_n)/∂w_i, shape (H, p)."""
        X = self._tensor(np.asarray(X))
        _, back = self._torch.func.vjp(lambda weights: self._all(weights, X), self._tensor(W))
        return self._array(back(self._tensor(C))[0])

    def jacobian(self, X: Any, W: Any) -> Any:
        """Return ∂φ(w_i, x_n)/∂w_i, shape (n, H, p)."""
        return self._array(self._jacobian(self._tensor(W), self._tensor(X)))

    def _tensor(self, array: Any) -> Any:
        return self._torch.as_tensor(np.ascontiguousarray(array), device=self._device)

    def _array(self, tensor: Any) -> Any:
        return tensor.detach().cpu().numpy()


def feature_of(neuron: Any, device: Any = "cpu") -> Feature:
    """Return the feature of a neuron, given by its name or as a torch function, on a device."""
    if isinstance(neuron, ClosedForm | TorchFeature):
        return neuron
    place = _device(device)
    if callable(neuron):
        return TorchFeature(neuron, getattr(neuron, "__name__", type(neuron).__name__), place)
    name = checks.one_of(neuron, "neuron", NEURONS)
    return CLOSED[name] if place == "cpu" else TorchFeature(_in_torch(name), name, place)


def _device(device: Any) -> str:
    """Return the name of a device that is there."""
    if str(device) == "cpu":
        return "cpu"
    torch = extra("torch", f"device={device!r}", "torch")
    try:
        return str(torch.zeros(1, device=device).device)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not available: {' '.join(str(error).split())[:120]}; use "
            "device='cpu'."
        ) from None


def _in_torch(name: str) -> Callable[[Any, Any], Any]:
    """Return a closed form as a torch function of unit weights (p,) and samples (n, p)."""
    torch = extra("torch", "a device other than the processor", "torch")
    forms = {
        "relu": torch.relu,
        "leaky": lambda z: torch.nn.functional.leaky_relu(z, LEAK),
        "quadratic": torch.square,
        "linear": lambda z: z,
    }
    return lambda w, X: forms[name](X @ w)


def odd_part(feature: Feature, X: Any) -> float:
    """Return (φ(w, x) − φ(−w, x))/(w·x) of a sound feature, or 0 if that is no constant.

    Raises
    ------
    ValueError
        If a function does not return one feature per sample, each from its own sample, or is not
        homogeneous in its weights.
    """
    if isinstance(feature, ClosedForm):
        return feature.odd
    X = np.asarray(X[:SOME])
    w = np.random.default_rng(0).standard_normal((1, X.shape[1])).astype(X.dtype)
    with called("neuron(w, X)", CALLED.format(X.shape[1])):
        once, twice = feature.values(X, w), feature.values(X, 2 * w)
        slope = feature.pull(X, w, once) if once.shape == (len(X), 1) else w
    if once.shape != (len(X), 1):
        raise ValueError(
            f"neuron(w, X) has shape {once.shape[:1] + once.shape[2:]}; it must return one feature "
            f"per sample, ({len(X)},)."
        )
    once = checks.real_array(once, "neuron(w, X)", 2, remedy=CHANGE)
    checks.moderate(once, "neuron(w, X)", POWER)
    size = float(np.vdot(once, once))
    ratio = float(np.vdot(once, twice)) / size if size else 1.0
    if ratio <= 0 or np.abs(twice - ratio * once).max() > HOMOGENEOUS * np.abs(twice).max():
        raise ValueError(
            "neuron(w, X) is not homogeneous in w: its values at 2 w are no multiple of those at "
            "w. Leave out biases that are not among the weights, and activations such as tanh."
        )
    if np.abs(feature.values(X[:1], w) - once[:1]).max() > HOMOGENEOUS * np.abs(once).max():
        raise ValueError(
            "neuron(w, X) depends on the other samples: the feature of X[:1] alone is another. "
            "Leave out means over samples, and normalise them before."
        )
    if abs(float(np.vdot(w, slope)) - math.log2(ratio) * size) > HOMOGENEOUS * size:
        raise ValueError(
            "neuron(w, X) has another gradient in w than a homogeneous function of its values; "
            "leave out detach() and conversions to numpy."
        )
    odd, z = once - feature.values(X, -w), X @ w.T
    slope = float(np.vdot(z, odd)) / max(float(np.vdot(z, z)), np.finfo(np.float64).tiny)
    linear = np.abs(odd - slope * z).max() <= HOMOGENEOUS * np.abs(once).max()
    return slope if linear and abs(slope) > HOMOGENEOUS else 0.0
