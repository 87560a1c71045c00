"""Training of a torch module as a sequence of checkpoints: gradient flow, or gradient descent.

The flow θ' = −∇L of small modules, integrated in float64 to high accuracy, is what a conserved
quantity is conserved by; the descent θ ← θ − η∇L is what training does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles import checks
from saddles._numerics.precision import EPS
from saddles._numerics.stepping import Ending, Equation, Integration, Tolerances
from saddles._numerics.watch import OutOfTime, counting, long_work, tick
from saddles._result.path import PathError
from saddles._tools import torch_modules
from saddles._tools.record import Record
from saddles.status import Status
from saddles.typing import Array, ArrayLike

__all__ = ["Checkpoints", "checkpoints"]

#: Gradients before giving up: a smooth flow takes hundreds, each kink of ReLU that it crosses some
#: dozens, and one along which it slides takes more than any number.
EVALUATIONS = 20_000

#: Scipy's own limit on what may be asked of a step.
SHARPEST = 100 * EPS


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoints(Record, Sequence[dict[str, Array]]):
    """Weights along a training, as a sequence of state dicts.

    Attributes
    ----------
    states : tuple of dict
        q state dicts: of each trainable parameter an ndarray of the shape that it has in the
        module. Indexing and iterating give them too.
    times : ndarray of shape (q,)
        The time t of each, of the flow θ' = −∇L.
    status : Status or None
        `Status.TIME_LIMIT` if the time was over before the last of the times asked for.
    """

    states: tuple[dict[str, Array], ...]
    times: Array
    status: Status | None

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, index: Any) -> Any:
        return self.states[index]


@long_work
def checkpoints(
    module: Any,
    inputs: Any,
    loss: Callable[[Any], Any],
    times: ArrayLike,
    *,
    step: float | None = None,
    rtol: float = 1e-12,
    progress: bool = False,
    time_limit: float | None = None,
) -> Checkpoints:
    """Train a module by gradient flow, or by gradient descent, and return its weights on the way.

    Full batch, in float64, on copies: the module is not changed. The flow is integrated by
    Dormand and Prince's method of order 8 and is meant for small modules; a kink (ReLU) costs it a
    few dozen evaluations.

    Parameters
    ----------
    module : torch.nn.Module
        The network, with its start.
    inputs : tensor or array_like of shape (n, ...)
        All samples.
    loss : callable
        Maps the outputs (a float64 tensor) to a scalar tensor.
    times : array_like of shape (q,)
        Increasing times from 0 on, of the flow θ' = −∇L, at which to report.
    step : float, optional
        Step η of gradient descent, of which the times must be multiples; without it, gradient flow.
    rtol : float
        Relative error per step of the flow, from 2.3e-14 to 1e-3.
    progress : bool
        Whether to show a bar of the steps made (needs tqdm).
    time_limit : float, optional
        Seconds after which to stop, between two steps: the checkpoints so far are returned, with
        `Status.TIME_LIMIT`.

    Returns
    -------
    Checkpoints
        A sequence of state dicts of the trainable parameters, of the shapes that they have in the
        module, for `Symmetry.drift` and `kernel.evolution`.

    Raises
    ------
    ImportError
        Without torch.
    TypeError, ValueError
        On bad input, or if the loss is no finite scalar.
    PathError
        If the flow cannot be integrated to this tolerance, as where it slides along a kink of ReLU:
        give a `step` then.
    TimeoutError
        If the time is over before the first of the times is reached.

    Examples
    --------
    >>> import torch
    >>> from saddles import conserved
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 1))
    >>> run = conserved.checkpoints(net, torch.eye(2), lambda z: ((z - 1) ** 2).mean(), [0.0, 2.0])
    >>> conserved.rescaling("0.weight", "1.weight", linear=True).drift(run).largest < 1e-10
    True
    """
    grid = np.atleast_1d(checks.times(times, "times"))
    if not np.isfinite(grid).all() or (np.diff(grid) <= 0).any():
        raise ValueError(f"times={checks.show(grid)} must be finite and increase.")
    if not callable(loss):
        raise TypeError(f"loss={checks.show(loss)} must be callable.")
    rule = f"it must be from {SHARPEST:.2g} to 1e-3"
    rtol = checks.real_number(rtol, "rtol", rule, lambda value: SHARPEST <= value <= 1e-3)
    problem = _Problem(module, inputs, loss)
    found = (
        _along_flow(problem, grid, rtol) if step is None else _along_descent(problem, grid, step)
    )
    states: list[dict[str, Array]] = []
    status = None
    try:
        states.extend(map(problem.unpacked, found))
    except OutOfTime:
        if not states:
            raise
        status = Status.TIME_LIMIT
    return Checkpoints(tuple(states), grid[: len(states)], status)


class _Problem:
    """The loss as a function of one vector of weights."""

    def __init__(self, module: Any, inputs: Any, loss: Callable[[Any], Any]) -> None:
        weights, self.function = torch_modules.merged(module, None)
        self.samples, self.loss = torch_modules.inputs_of(inputs), loss
        self.shapes = {name: value.shape for name, value in weights.items()}
        self.start = np.concatenate([value.ravel() for value in weights.values()])

    def unpacked(self, state: Array) -> dict[str, Array]:
        """Return a vector of weights as a state dict."""
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        parts = np.split(state, np.cumsum(sizes)[:-1])
        return {
            name: part.reshape(shape).copy()
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def slope(self, _time: float, state: Array) -> Array:
        """Return −∇L."""
        torch = torch_modules.torch()
        tensors = torch_modules.tensors(self.unpacked(state))
        for tensor in tensors.values():
            tensor.requires_grad_(True)
        outputs = self.function(tensors, self.samples)
        what = f"loss(outputs), with float64 outputs of shape {tuple(outputs.shape)},"
        with torch_modules.called(what, "correct the loss"):
            value = self.loss(outputs)
        if not isinstance(value, torch.Tensor) or not value.requires_grad:
            raise TypeError(
                f"loss(outputs)={checks.show(value)} must be a tensor that depends on the outputs; "
                "compute it from them by torch alone, without detach() or item()."
            )
        if value.ndim or not bool(value.isfinite()):
            raise ValueError(
                f"loss(outputs)={checks.show(value.detach().numpy())} must be a finite scalar; "
                "average it over the samples, or take a smaller step."
            )
        found = torch.autograd.grad(value, list(tensors.values()), allow_unused=True)
        parts = [
            np.zeros(tensor.numel()) if slope is None else slope.numpy().ravel()
            for tensor, slope in zip(tensors.values(), found, strict=True)
        ]
        return -np.concatenate(parts)


def _along_flow(problem: _Problem, times: Array, rtol: float) -> Iterator[Array]:
    """Yield the weights (p,) along the gradient flow."""
    size = float(np.sqrt(np.mean(problem.start**2))) or 1.0
    if times[0] == 0:
        yield problem.start
    if times[-1] == 0:
        return
    evaluations = 0

    def slope(time: float, state: Array) -> Array:
        nonlocal evaluations
        evaluations += 1
        if evaluations > EVALUATIONS:
            detail = (
                f"at t={time:.6g} after {EVALUATIONS} gradients; with ReLU, give a step instead"
            )
            raise PathError(Status.INTEGRATION_FAILED, detail=detail)
        return problem.slope(time, state)

    run = Integration(
        Equation(slope, problem.start),
        Tolerances(rtol=rtol, atol=rtol * size),
        EVALUATIONS,
        until=float(times[-1]),
        method="DOP853",
    )
    with counting("gradient flow", "steps") as counted:
        for solver in run:
            counted(f"t {solver.t:.4g}")
            # A curve costs gradients and memory: only where it is asked for.
            asked = times[(times > solver.t_old) & (times <= solver.t)]
            if asked.size:
                yield from solver.dense_output()(asked).T
    if run.ending is not Ending.FINISHED:
        raise PathError(Status.INTEGRATION_FAILED, detail=f"{run.message} (t={run.solver.t:.6g})")


def _along_descent(problem: _Problem, times: Array, step: float) -> Iterator[Array]:
    """Yield the weights (p,) along gradient descent."""
    rule = "the step must be finite and above 0"
    step = checks.real_number(step, "step", rule, lambda value: 0 < value < np.inf)
    counts = np.rint(times / step).astype(int)
    if not np.allclose(counts * step, times, rtol=1e-9, atol=0):
        raise ValueError(f"step={step!r}: every entry of times must be a multiple of it.")
    state = problem.start
    with counting("gradient descent", "steps", int(counts[-1])) as counted:
        for index in range(int(counts[-1]) + 1):
            if index:
                tick()
                state = state + step * problem.slope(0.0, state)
                counted("")
            if index in counts:
                yield state
