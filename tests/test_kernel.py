"""Neural tangent kernels: closed forms, automatic differentiation, definition; and comparisons."""

import copy
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import KernelCenterer
from torch import nn

from reference.kernel import centred_alignment, tangent_kernel
from saddles import kernel, neuron

# Two orders of summation of the same products, relative to the largest entry.
EXACT = 1e-12


class TwoLayers(nn.Module):
    """A σ(W x) with given weights."""

    def __init__(self, W, A, relu):
        super().__init__()
        self.W, self.A = nn.Parameter(torch.tensor(W)), nn.Parameter(torch.tensor(A))
        self.relu = relu

    def forward(self, x):
        hidden = nn.functional.linear(x, self.W)
        return nn.functional.linear(torch.relu(hidden) if self.relu else hidden, self.A)


def close(first, second):
    return np.abs(first - second).max() <= EXACT * np.abs(second).max()


@st.composite
def two_layers(draw):
    """Samples, other samples and weights; some pre-activations are exactly zero."""
    n, m, d, h, c = (draw(st.integers(1, 5)) for _ in range(5))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    X, Z = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    W, A = rng.normal(size=(h, d)) * 10.0 ** draw(st.integers(-3, 3)), rng.normal(size=(c, h))
    if draw(st.booleans()):
        X[0, 0] = W[0, 1:] = 0
    return X, Z, W, A[0] if draw(st.booleans()) else A


@pytest.mark.parametrize("relu", [True, False])
@given(two_layers())
def test_closed_forms_are_what_automatic_differentiation_gives(relu, data):
    X, Z, W, A = data
    closed = kernel.relu if relu else kernel.linear
    module = TwoLayers(W, A, relu)
    for others in (None, Z):
        K = closed(X, W, A, others=others)
        found = kernel.empirical(module, X, others=others)
        assert K.shape == found.shape
        assert close(K, found) or not found.any()


@pytest.mark.parametrize("closed", [kernel.relu, kernel.linear])
@pytest.mark.parametrize("outputs", [(), (2,)])
def test_a_trajectory_of_weights_gives_a_trajectory_of_kernels(closed, outputs):
    rng = np.random.default_rng(0)
    X, W, A = rng.normal(size=(4, 3)), rng.normal(size=(6, 5, 3)), rng.normal(size=(6, *outputs, 5))
    kernels = closed(X, W, A)
    assert kernels.shape == (6, 4, 4)
    for K, w, a in zip(kernels, W, A, strict=True):
        assert close(closed(X, w, a), K)


def test_one_linear_neuron_has_the_kernel_of_the_single_neuron():
    rng = np.random.default_rng(1)
    X, a, w = rng.normal(size=(4, 3)), -0.7, rng.normal(size=3)
    assert close(kernel.linear(X, w[None], [a]), neuron.kernel(X, a, w))


def modules():
    torch.manual_seed(0)
    convolution = nn.Sequential(
        nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.GELU(), nn.Flatten(), nn.Linear(12, 2)
    ).eval()
    frozen = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    frozen[0].requires_grad_(False)
    tied = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    tied[2].weight = tied[0].weight
    return {
        "convolution": (convolution, torch.randn(4, 2, 3, 3)),
        "frozen": (frozen, torch.randn(4, 3)),
        "tied": (tied, torch.randn(4, 3)),
        "embedding": (nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 1)), PAIRS),
    }


PAIRS = torch.tensor([[0, 1], [1, 2], [4, 4]])


@pytest.mark.parametrize("name", ["convolution", "frozen", "tied", "embedding"])
def test_empirical_kernel_is_the_one_of_the_definition(name):
    module, inputs = modules()[name]
    K = kernel.empirical(module, inputs)
    exact = copy.deepcopy(module).double()
    samples = inputs.double() if inputs.is_floating_point() else inputs
    assert close(K, tangent_kernel(exact, samples))
    J = kernel.jacobian(module, inputs)
    assert close(np.einsum("icp,jcp->ij", J, J), K)
    assert close(K, K.T)
    assert np.linalg.eigvalsh(K).min() > -EXACT * np.abs(K).max()


def test_evolution_follows_a_training_run_and_leaves_the_module_alone():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    x, y = torch.randn(5, 3), torch.randn(5, 1)
    trajectory = [copy.deepcopy(module.state_dict())]
    for _ in range(3):
        module.zero_grad()
        ((module(x) - y) ** 2).mean().backward()
        with torch.no_grad():
            for weight in module.parameters():
                weight -= 0.1 * weight.grad
        trajectory.append(copy.deepcopy(module.state_dict()))
    run = kernel.evolution(module, x, trajectory)
    assert len(run) == 4
    assert close(run.kernels[-1], kernel.empirical(module, x))
    assert run.from_start[0] == 0
    assert (np.diff(run.from_start) > 0).all()
    assert np.isclose(run.between[0], run.from_start[1], rtol=EXACT)
    targets = y.double().numpy()
    aligned = kernel.alignment(run.kernels, targets @ targets.T)
    assert np.allclose(run.alignment(targets), aligned, rtol=EXACT)
    assert np.allclose(run.alignment(targets[:, 0]), aligned, rtol=EXACT)
    assert all((trajectory[-1][k] == v).all() for k, v in module.state_dict().items())


@given(st.integers(0, 1000), st.integers(2, 6))
def test_alignment_is_that_of_the_definition_and_centring_that_of_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    first, second = (rng.normal(size=(n, 3)) for _ in range(2))
    K, L = first @ first.T, second @ second.T
    assert np.allclose(kernel.centred(K), KernelCenterer().fit_transform(K), rtol=0, atol=1e-12)
    aligned = kernel.alignment(K, L, centre=True)
    assert np.isclose(aligned, centred_alignment(K, L), rtol=0, atol=EXACT)
    assert np.isclose(aligned + kernel.distance(K, L, centre=True), 1, rtol=0, atol=EXACT)
    naive = np.sum(K * L) / np.linalg.norm(K) / np.linalg.norm(L)
    assert np.isclose(kernel.alignment(K, L), naive, rtol=0, atol=EXACT)
    assert np.isclose(kernel.alignment(5 * K, 0.1 * L), naive, rtol=0, atol=EXACT)
    shift = 3 + np.add.outer(rng.normal(size=n), np.zeros(n))
    moved = kernel.alignment(K + shift + shift.T, L, centre=True)
    assert np.isclose(moved, aligned, rtol=0, atol=1e-10)


def test_jacobians_can_be_taken_at_other_weights():
    module = nn.Linear(2, 1)
    state = {"weight": np.array([[1.0, 2.0]]), "bias": np.zeros(1)}
    net = nn.Sequential(nn.Linear(2, 1), nn.Tanh())
    J = kernel.jacobian(net, [[0.5, 0.0]], parameters={f"0.{k}": v for k, v in state.items()})
    slope = 1 - np.tanh(0.5) ** 2
    assert np.allclose(J, [[[0.5 * slope, 0, slope]]], rtol=EXACT)
    assert (kernel.jacobian(module, [[0.5, 0.0]], parameters=state) == [[[0.5, 0, 1]]]).all()


def test_a_state_dict_of_tied_weights_has_both_names():
    module, inputs = modules()["tied"]
    before = kernel.empirical(module, inputs)
    state = {name: value + 0.5 for name, value in module.state_dict().items()}
    assert {"0.weight", "2.weight"} <= state.keys()
    moved = copy.deepcopy(module).double()
    moved.load_state_dict(state)
    K = kernel.empirical(module, inputs, parameters=state)
    assert close(K, tangent_kernel(moved, inputs.double()))
    assert (kernel.evolution(module, inputs, [module.state_dict()]).kernels[0] == before).all()
    with pytest.raises(ValueError, match="are one tensor"):
        kernel.empirical(module, inputs, parameters={**state, "2.weight": 2 * state["2.weight"]})


def test_comparisons_do_not_depend_on_units_and_one_kernel_has_nothing_between():
    K, L = np.array([[2.0, 1.0], [1.0, 1.0]]), np.eye(2)
    for scale in (1e-200, 1e150):
        assert np.isclose(kernel.distance(scale * K, L), kernel.distance(K, L), rtol=EXACT)
    assert kernel.Evolution(K[None]).between.shape == (0,)


# --- errors ----------------------------------------------------------------------------------

NET = nn.Linear(2, 1)
NORM = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
X = [[1.0, 2.0], [0.0, 1.0]]


class Cancels(nn.Module):
    """Outputs are those of a linear map less themselves, and hang on the size of the batch."""

    def __init__(self, shift):
        super().__init__()
        self.map, self.shift = nn.Linear(2, 1, dtype=torch.float64), shift

    def forward(self, x):
        out = self.map(x)
        return out - out.detach() + self.shift * len(x)


def test_outputs_that_cancel_to_rounding_are_no_mark_of_a_batch():
    """A network that starts at zero, as symmetric ones do, rounds otherwise alone."""
    inputs = np.random.default_rng(0).standard_normal((5, 2))
    expected = np.hstack([inputs, np.ones((5, 1))])
    assert kernel.empirical(Cancels(1e-17), inputs) == pytest.approx(expected @ expected.T)
    with pytest.raises(ValueError, match="depends on the others"):
        kernel.empirical(Cancels(1e-3), inputs)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: kernel.relu(X, [[1.0]], [1.0]), ValueError, "as many columns"),
        (lambda: kernel.relu(X, X, [1.0]), ValueError, "same neurons"),
        (lambda: kernel.linear(X, X, [[[1.0, 1.0]]]), ValueError, "A"),
        (lambda: kernel.empirical(NORM, X), ValueError, r"module\.eval\(\)"),
        (lambda: kernel.empirical(nn.Dropout(0.9), X), ValueError, "no parameter"),
        (lambda: kernel.empirical("net", X), TypeError, "torch.nn.Module"),
        (lambda: kernel.empirical(NET, [[np.nan, 1.0]]), ValueError, "not finite"),
        (lambda: kernel.empirical(NET, 3.0), ValueError, "samples"),
        (lambda: kernel.empirical(NET, X, parameters={}), ValueError, "'weight' is not among"),
        (
            lambda: kernel.empirical(NET, X, parameters={"weight": [[1.0]], "bias": [1.0]}),
            ValueError,
            "state dict of this module",
        ),
        (lambda: kernel.evolution(NET, X, []), ValueError, "empty"),
        (lambda: kernel.Evolution([[[1.0, 2.0]]]), ValueError, r"\(q, n, n\)"),
        (lambda: kernel.centred([[1.0, 2.0]]), ValueError, r"\(n, n\)"),
        (lambda: kernel.distance([[1.0]], [[2.0]], centre=True), ValueError, "zero kernel"),
        (lambda: kernel.distance(np.ones((2, 3)), np.ones((2, 3))), ValueError, r"\(n, n\)"),
        (lambda: kernel.distance(np.eye(2), [[1.0]]), ValueError, "same samples"),
        (lambda: kernel.distance(np.ones((2, 1, 1)), np.ones((3, 1, 1))), ValueError, "as many"),
        (lambda: kernel.empirical(nn.LSTM(2, 1), [X]), TypeError, "must be a tensor"),
        (lambda: kernel.empirical(nn.Linear(2, 1, dtype=complex), X), TypeError, "complex"),
    ],
)
def test_errors_name_the_value_and_the_rule(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_samples_that_interact_are_refused():
    class Mixing(nn.Linear):
        def forward(self, x):
            return super().forward(x - x.mean(dim=0))

    with pytest.raises(ValueError, match="depends on the others"):
        kernel.empirical(Mixing(2, 1), X)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"saddles\[torch\]"):
        kernel.empirical(NET, X)
    assert kernel.relu(X, X, [1.0, 1.0]).shape == (2, 2)
