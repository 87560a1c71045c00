"""Any torch function as a network of homogeneous neurons.

Kunin et al., "Alternating Gradient Flows" (2025, arXiv:2506.06489), section 2: f(X) = Σ_i f(X; θ_i)
with f(X; cθ) = c^κ f(X; θ), trained on L = |Y − f(X)|²/(2n). The user writes one neuron; torch maps
it over all of them at once and differentiates it, in float64.

================  ==========================================================
code name         symbol
================  ==========================================================
``outputs``       f(X; θ_i), one neuron per row, shape (H, m), m entries of Y
``residual``      r = Y − Σ_i f(X; θ_i), shape (m,)
``slopes``        ∂f(X; θ_i + B z_i)/∂z_i, one coordinate of z a row, shape (Hk, m)
================  ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from saddles import checks
from saddles._tools import torch_modules
from saddles.agf._any.kink_test import has_kinks
from saddles.agf._any.polynomial import Table, Tabulated, is_polynomial
from saddles.agf._engine.subspace import in_proportion, with_neurons
from saddles.typing import Array, ArrayLike

__all__ = ["TorchNetwork"]

#: Random neurons, and the factors by which each is scaled, on which homogeneity is checked.
PROBES, STRETCHES = 8, (0.37, 1.9, 5.3)

#: Deviation from homogeneity that rounding explains, relative to the largest output.
HOMOGENEOUS = 1e-9


#: What to do about a neuron that cannot be called, or not for many parameters at once.
CALLED = (
    "rows of init (or size) must be as long as the neuron's theta; a torch module takes part as "
    "torch.func.functional_call of its parameters, cut out of theta"
)
MAPPED = (
    "use operations that torch.func.vmap and grad can follow: torch.where instead of if, no "
    "in-place changes, no numpy"
)


class TorchNetwork:
    """Network of neurons given by a torch function; needs the extra ``saddles[torch]``.

    It is a `saddles.homogeneous.HomogeneousNetwork`: `saddles.flow.neurons` takes it too.

    Parameters
    ----------
    neuron : callable
        ``neuron(theta, X)``: the outputs of one neuron with parameters `theta`, a tensor (p,), on
        the inputs `X`, a tensor; of the shape of `Y`. All in float64, made of torch operations that
        ``torch.func.vmap`` and ``grad`` can follow (``torch.where``, not ``if``).
    X : array_like of shape (n, ...)
        Inputs, in any shape that `neuron` takes; the first axis counts samples.
    Y : array_like of shape (n,) or (n, c)
        Targets.
    size : int
        Number p of parameters of a neuron.
    degree : int
        Degree of homogeneity, at least 2: neuron(s theta, X) = s**degree neuron(theta, X), s > 0.
        It is checked on random neurons.

    Attributes
    ----------
    targets : ndarray of shape (n,) or (n, c)
        Y.

    Raises
    ------
    TypeError, ValueError
        For bad input: the name and value, the rule and the remedy; for a neuron that is not
        homogeneous, with the degree that was measured.
    ImportError
        Without torch.

    Examples
    --------
    >>> import numpy as np
    >>> from saddles.agf import TorchNetwork
    >>> X = np.eye(2)
    >>> network = TorchNetwork(
    ...     lambda theta, X: theta[0] * (X @ theta[1:]) ** 2, X, [1.0, 2.0], size=3, degree=3
    ... )
    >>> network.loss(np.array([[1.0, 0.0, 1.0]]))
    0.5
    """

    #: How messages write a call of the function.
    call = "neuron(theta, X)"

    def __init__(
        self,
        neuron: Callable[[Any, Any], Any],
        X: ArrayLike,
        Y: ArrayLike,
        *,
        size: int,
        degree: int,
    ) -> None:
        torch = _torch()
        if not callable(neuron):
            raise TypeError(f"neuron={checks.show(neuron)} must be callable: neuron(theta, X).")
        inputs, targets = _data(X, Y)
        self._size, self._degree = (
            checks.whole_number(size, "size", least=1),
            checks.whole_number(degree, "degree", least=2),
        )
        self._neuron = neuron
        self._inputs, self._shape = torch.tensor(inputs), targets.shape
        self.targets = targets
        self._targets = torch.tensor(targets.ravel())
        self._last: tuple[bytes, Any] | None = None
        self._table: Table | None = None
        self._check_outputs()
        self._check_homogeneity()

    def __repr__(self) -> str:
        return (
            f"<TorchNetwork: {self.size} parameters per neuron, degree {self.degree}, "
            f"Y of shape {tuple(self._shape)}>"
        )

    @property
    def degree(self) -> int:
        """Return κ."""
        return self._degree

    @cached_property
    def kinked(self) -> bool:
        """Whether the gradient of a neuron jumps, as that of a ReLU neuron does."""
        return has_kinks(self)

    @property
    def size(self) -> int:
        """Return the number p of parameters of one neuron."""
        return self._size

    def loss(self, theta: Array, /) -> float:
        """Return |Y − f(X)|²/(2n) of the network with neurons `theta` (H, p)."""
        residual = self._residual(theta)
        return float(residual @ residual / (2 * self._shape[0]))

    def gradient(self, theta: Array, /) -> Array:
        """Return ∂L/∂θ, shape (H, p)."""
        if not len(theta):
            return np.zeros((0, self.size))
        torch = _torch()
        rows = self._tensor(theta).requires_grad_()
        residual = self._targets - self._outputs(rows).sum(dim=0)
        (slope,) = torch.autograd.grad(residual @ residual / (2 * self._shape[0]), rows)
        return np.asarray(slope.numpy())

    def utility(self, theta: Array, active: Array, /) -> Array:
        """Return the utilities (H,) of neurons `theta` (H, p), given the `active` ones (A, p)."""
        residual = self._residual(active)
        utility = self._outputs(self._tensor(theta)) @ residual / self._shape[0]
        return np.asarray(utility.detach().numpy())

    def utility_gradient(self, theta: Array, active: Array, /) -> Array:
        """Return the gradients (H, p) of the utilities."""
        if not len(theta):
            return np.zeros((0, self.size))
        torch = _torch()
        residual = self._residual(active)
        rows = self._tensor(theta).requires_grad_()
        # A neuron's utility depends on its own row alone: one sum serves all rows.
        (slope,) = torch.autograd.grad((self._outputs(rows) @ residual).sum(), rows)
        return np.asarray((slope / self._shape[0]).numpy())

    def hessian(self, theta: Array, basis: Array, /) -> Array:
        """Return ∂²L/∂z² for neurons θ_i + B z_i at z = 0, (Hk, Hk), with `basis` B (p, k)."""
        residual, along = self._residual(theta), self._tensor(basis.T)
        pairs = [self._along(row, along, residual) for row in self._tensor(theta)]
        slopes = np.vstack([slope for slope, _ in pairs])
        matrix = slopes @ slopes.T
        k = len(along)
        for i, (_, bend) in enumerate(pairs):
            matrix[i * k : (i + 1) * k, i * k : (i + 1) * k] -= bend
        return np.asarray(matrix / self._shape[0])

    def within(self, theta: Array, basis: Array, /) -> Tabulated | None:
        """Return the loss over z, θ_i + `basis` (p, k) z_i, of neurons that are small polynomials.

        None for others.
        """
        if not self._is_polynomial:
            return None
        targets, free = self._targets.numpy(), basis.shape[1]
        columns, start = in_proportion(*with_neurons(theta, basis), free)
        table = Table.of(self._values, columns, self.degree, targets, before=self._table)
        if table is None:
            return None
        # Later ones have outputs besides that hardly occur, others each time.
        self._table = self._table or table
        return Tabulated(table, start, free, targets, self._shape[0])

    @cached_property
    def _is_polynomial(self) -> bool:
        return is_polynomial(self._values, self.size, self.degree)

    def _values(self, theta: Array) -> Array:
        """Return f(X; θ_i) as numbers, shape (H, m)."""
        with _torch().no_grad():
            return np.asarray(self._outputs(self._tensor(theta)).numpy())

    def _along(self, row: Any, along: Any, residual: Any) -> tuple[Array, Array]:
        """Return the derivatives of f(X; θ) along k directions, (k, m), and of <f, r>, (k, k).

        Each direction has a copy of the neuron. A pass backward gives Jᵀr of each; that is linear
        in r, so that a second one, from its product with the direction v, gives Jv and the rest.
        """
        torch = _torch()
        copies = row.repeat(len(along), 1).requires_grad_()
        weights = residual.repeat(len(along), 1).requires_grad_()
        total = (self._outputs(copies) * weights).sum()
        (slope,) = torch.autograd.grad(total, copies, create_graph=True)
        moved, bent = torch.autograd.grad(
            (slope * along).sum(), (weights, copies), materialize_grads=True
        )
        return moved.numpy(), (bent @ along.T).numpy()

    def point(self, theta: Array, /) -> Array:
        """Return the outputs f(X), of the shape of Y."""
        with _torch().no_grad():
            outputs = self._outputs(self._tensor(theta)).sum(dim=0)
        return np.asarray(outputs.reshape(self._shape).numpy())

    def _tensor(self, array: Array) -> Any:
        return _torch().tensor(np.asarray(array, dtype=float))

    def _output(self, row: Any) -> Any:
        return self._neuron(row, self._inputs).reshape(-1)

    def _outputs(self, rows: Any) -> Any:
        """Return f(X; θ_i), shape (H, m)."""
        if not len(rows):
            return rows.new_zeros((0, len(self._targets)))
        return _torch().vmap(self._output)(rows)

    def _residual(self, theta: Array) -> Any:
        """Return Y − f(X), shape (m,), of no further derivative.

        The last one is kept: dormant neurons ask for it again and again beside the same others.
        """
        key = np.asarray(theta, dtype=float).tobytes()
        if self._last is None or self._last[0] != key:
            with _torch().no_grad():
                residual = self._targets - self._outputs(self._tensor(theta)).sum(dim=0)
            self._last = key, residual
        return self._last[1]

    def _check_outputs(self) -> None:
        """Raise unless one neuron returns float64 outputs of the right shape."""
        torch = _torch()
        theta = torch.tensor(np.random.default_rng(0).standard_normal(self.size))
        what = (
            f"{self.call}, with theta of shape ({self.size},) and X of shape "
            f"{tuple(self._inputs.shape)},"
        )
        with torch_modules.called(what, CALLED):
            output = self._neuron(theta, self._inputs)
        if not isinstance(output, torch.Tensor):
            raise TypeError(
                f"{self.call}={checks.show(output)} must be a torch tensor; build it from "
                "theta and X with torch operations."
            )
        if tuple(output.shape) != tuple(self._shape):
            raise ValueError(
                f"{self.call} has shape {tuple(output.shape)} and Y has shape "
                f"{tuple(self._shape)}; it must return outputs of that shape."
            )
        if output.dtype != torch.float64:
            raise ValueError(
                f"{self.call} has dtype {output.dtype}; it must keep float64, as theta and "
                "X, so leave out conversions."
            )

    def _check_homogeneity(self) -> None:
        """Raise unless neuron(sθ) = s^κ neuron(θ) for random θ and several s > 0."""
        samples = np.random.default_rng(1).standard_normal((PROBES, self.size))
        base = self._sampled(samples)
        if not base.any():
            raise ValueError(
                f"{self.call} is zero for {PROBES} random theta; it must depend on theta."
            )
        largest = np.abs(checks.moderate(base, self.call, 2)).max(axis=1)
        for factor in STRETCHES:
            scaled = self._sampled(factor * samples)
            wanted = factor**self.degree
            if not np.abs(scaled - wanted * base).max() <= HOMOGENEOUS * wanted * largest.max():
                alive = (largest > 0) & scaled.any(axis=1)
                ratios = np.abs(scaled[alive]).max(axis=1) / largest[alive]
                degrees = np.log(ratios) / math.log(factor)
                low, high = float(degrees.min()), float(degrees.max())
                found = f"{low:.4g}" if high - low < 1e-6 else f"between {low:.9g} and {high:.9g}"
                stretched = self.call.replace("theta", "s * theta")
                raise ValueError(
                    f"degree={self.degree!r}: {stretched} must be s**{self.degree} * "
                    f"{self.call}, but at s={factor:g} the measured degree is {found}; "
                    "correct the degree, or use a neuron that is homogeneous: no saturating "
                    "activation, and biases only where every other term has the same degree."
                )

    def _sampled(self, theta: Array) -> Array:
        """Return the outputs of neurons `theta`, checked to be finite."""
        with torch_modules.called(f"{self.call}, mapped over many theta,", MAPPED):
            outputs = self._outputs(self._tensor(theta)).detach().numpy()
            self.utility_gradient(theta[:1], theta[:0])
        if not np.isfinite(outputs).all():
            raise ValueError(f"{self.call} is not finite for a random theta; rescale X.")
        return np.asarray(outputs)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("TorchNetwork needs torch: pip install 'saddles[torch]'") from error
    return torch


def _data(X: ArrayLike, Y: ArrayLike) -> tuple[Array, Array]:
    """Return inputs (n, ...) and targets (n,) or (n, c), as float64."""
    inputs, targets = checks.real_array(X, "X", None), checks.real_array(Y, "Y", (1, 2))
    if inputs.ndim == 0:
        raise ValueError(f"X={float(inputs)!r} must have an axis of samples, (n, ...).")
    checks.same_length(inputs, "X", targets, "Y")
    return inputs, checks.moderate(targets, "Y", 2)
