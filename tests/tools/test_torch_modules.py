"""What a user's module or function raises is named: the call, the shapes, what to do."""

import re

import pytest
import torch
from torch import nn

from saddles import agf, conserved, kernel

LINE, TABLE, LEVEL = nn.Linear(2, 1), nn.Embedding(3, 2), nn.BatchNorm1d(2).eval()
WIDE, TWO = [[1.0, 2.0, 3.0], [0.0, 1.0, 2.0]], [[1.0, 2.0], [2.0, 1.0]]
SHIFT = conserved.rescaling("weight", "bias")


class Pair(nn.Linear):
    def forward(self, first, second):
        return super().forward(first + second)


class Unsound(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs) / {}["scale"]


def total(outputs):
    return outputs.sum()


def squared(outputs):
    return (outputs @ torch.ones(3, 3)).mean()


def turned(weights, s):
    return {"w": weights["w"] @ torch.eye(9) * s}


def neuron(theta, inputs):
    return theta[0] * (inputs @ theta[1:])


def branching(theta, inputs):
    return inputs @ theta * (theta[0] if theta[0] > 0 else -theta[0])


PASS = "pass samples (n, ...) of the shape and dtype that the module takes"
CALLS = {
    "width": (lambda: kernel.empirical(LINE, WIDE), "module(inputs), with inputs of shape (2, 3)"),
    "width of others": (
        lambda: kernel.empirical(LINE, TWO, others=WIDE),
        "module(others), with others of shape (2, 3)",
    ),
    "width in a jacobian": (lambda: kernel.jacobian(LINE, WIDE), PASS),
    "width in a run": (lambda: kernel.evolution(LINE, WIDE, [LINE.state_dict()]), PASS),
    "whole numbers": (lambda: kernel.empirical(LINE, [[1, 2]]), "dtype int64"),
    "no whole numbers": (lambda: kernel.empirical(TABLE, TWO), "dtype float64"),
    "no such row": (lambda: kernel.empirical(TABLE, [[7]]), "raises IndexError"),
    "axes": (lambda: kernel.empirical(nn.Conv1d(3, 1, 2), TWO), PASS),
    "two inputs": (lambda: kernel.empirical(Pair(2, 1), TWO), "raises TypeError"),
    "its own fault": (lambda: kernel.empirical(Unsound(2, 1), TWO), "raises KeyError: 'scale'"),
    "buffers": (
        lambda: kernel.empirical(
            LEVEL, TWO, parameters={**LEVEL.state_dict(), "running_mean": torch.ones(5)}
        ),
        "parameters['running_mean'] has shape (5,) and the module's has (2,)",
    ),
    "training": (lambda: conserved.checkpoints(LINE, WIDE, total, [1.0]), PASS),
    "loss": (
        lambda: conserved.checkpoints(LINE, TWO, squared, [1.0]),
        "loss(outputs), with float64 outputs of shape (2, 1), raises RuntimeError",
    ),
    "invariance": (lambda: conserved.check(LINE, SHIFT, WIDE), PASS),
    "invariance of a loss": (
        lambda: conserved.check(LINE, SHIFT, TWO, loss=squared),
        "loss(outputs), with float64 outputs of shape (2, 1), raises RuntimeError",
    ),
    "action": (
        lambda: conserved.from_action(turned, {"w": [[1.0, 2.0]]}),
        "action(parameters, s), with tensors of shapes {'w': (1, 2)}, raises RuntimeError",
    ),
    "neuron": (
        lambda: agf.TorchNetwork(neuron, WIDE, [1.0, 2.0], size=3, degree=2),
        "neuron(theta, X), with theta of shape (3,) and X of shape (2, 3), raises RuntimeError",
    ),
    "neuron that branches": (
        lambda: agf.TorchNetwork(branching, TWO, [1.0, 2.0], size=2, degree=2),
        "torch.where instead of if",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_the_call_is_named_with_what_was_given_and_what_to_do(name):
    call, said = CALLS[name]
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        call()
    assert re.search(
        r"; (pass|correct|rows of init|use) [^;]+\.$|; rows of init", str(caught.value)
    )


def test_a_fault_that_no_input_mends_is_left_alone():
    class Faulty(nn.Linear):
        def forward(self, inputs):
            raise NotImplementedError if inputs is None else NameError("no such thing")

    with pytest.raises(NameError, match="no such thing"):
        kernel.empirical(Faulty(2, 1), TWO)
