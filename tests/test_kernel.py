"""Neural tangent kernels: closed forms, automatic differentiation, definition; and comparisons."""

import copy
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import KernelCenterer
from torch import nn

from reference.kernel import centred_alignment, tangent_kernel
from saddles import kernel, neuron
from saddles.kernel import _empirical
from tests.modules import Wrapped, every_kind

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


KINDS = every_kind()


@pytest.mark.parametrize("name", KINDS)
def test_empirical_kernel_is_the_one_of_the_definition(name):
    """Recurrent layers, writes in place, squeeze, normalisation, attention: an autograd loop."""
    module, inputs = KINDS[name]
    before = {key: value.clone() for key, value in module.state_dict().items()}
    samples = inputs.clone()
    J, K = kernel.jacobian(module, inputs), kernel.empirical(module, inputs)
    wanted = jacobian_by_loop(module, inputs)
    assert J.shape == wanted.shape
    assert np.abs(J - wanted).max() <= EXACT * np.abs(wanted).max()
    assert close(np.einsum("icp,jcp->ij", wanted, wanted), K)
    assert (K == K.T).all()
    assert np.linalg.eigvalsh(K).min() > -EXACT * np.abs(K).max()
    assert all((before[key] == value).all() for key, value in module.state_dict().items())
    assert (samples == inputs).all()


def jacobian_by_loop(module, inputs):
    """Differentiate every output of every sample alone, in float64."""
    exact = copy.deepcopy(module).double()
    samples = inputs.double() if inputs.is_floating_point() else inputs
    weights = [value for value in exact.parameters() if value.requires_grad]
    default, rows = torch.get_default_dtype(), []
    torch.set_default_dtype(torch.float64)
    try:
        for k in range(len(samples)):
            outputs = exact(samples[k : k + 1].clone()).reshape(-1)
            slopes = [
                torch.autograd.grad(z, weights, retain_graph=True, materialize_grads=True)
                for z in outputs
            ]
            rows.append([np.concatenate([g.numpy().ravel() for g in each]) for each in slopes])
    finally:
        torch.set_default_dtype(default)
    return np.array(rows)


@pytest.mark.parametrize("name", ["multilayer", "lstm"])
@pytest.mark.parametrize("samples", [0.3, 1, 2])
def test_blocks_change_nothing(name, samples, monkeypatch):
    """A block for a part of a Jacobian of one sample, for one sample, for two."""
    module, inputs = KINDS[name]
    K, J = kernel.empirical(module, inputs), kernel.jacobian(module, inputs)
    across = kernel.empirical(module, inputs, others=inputs[:3])
    monkeypatch.setattr(_empirical, "HELD", int(samples * J[0].nbytes))
    monkeypatch.setattr(_empirical, "PASSING", int(samples * J[0].nbytes) // 2)
    assert close(kernel.empirical(module, inputs), K)
    assert close(kernel.empirical(module, inputs, others=inputs[:3]), across)
    assert close(across, K[:, :3])
    assert (kernel.jacobian(module, inputs) == J).all()


def test_outer_products_are_kept_as_factors(monkeypatch):
    """Two linear layers: once differentiated, no row is needed again; the kernel is the same."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 3)).double()
    inputs = torch.randn(40, 6, dtype=torch.float64)
    inputs[0] = 0.0
    K = kernel.empirical(net, inputs)
    across = kernel.empirical(net, inputs, others=inputs[:5])
    J = kernel.jacobian(net, inputs)
    seen = []

    def rows(self, samples, outputs):
        seen.extend(range(samples.start, samples.stop))
        return whole(self, samples, outputs)

    whole = _empirical.Outputs.rows
    monkeypatch.setattr(_empirical.Outputs, "rows", rows)
    monkeypatch.setattr(_empirical, "HELD", J.nbytes // 2)
    monkeypatch.setattr(_empirical, "PASSING", J[:4].nbytes)
    assert close(kernel.empirical(net, inputs), K)
    assert seen == list(range(40))
    assert close(kernel.empirical(net, inputs, others=inputs[:5]), across)


def test_what_is_no_outer_product_is_not_taken_for_one(monkeypatch):
    """A layer that is applied to every row of a sample has a sum of outer products."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Flatten(), nn.Linear(20, 1)).double()
    inputs = torch.randn(12, 2, 6, dtype=torch.float64)
    J = kernel.jacobian(net, inputs).reshape(12, -1)
    monkeypatch.setattr(_empirical, "HELD", J.nbytes - 1)
    monkeypatch.setattr(_empirical, "PASSING", J[:3].nbytes)
    assert close(kernel.empirical(net, inputs), J @ J.T)


@pytest.mark.slow
def test_a_thousand_images_fit_into_two_gigabytes():
    """In a process of its own, whose memory is limited: with Jacobians as a whole, 32 GB."""
    script = """
import resource, torch
from saddles import kernel
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10))
x = torch.randn(1000, 784)
K = torch.tensor(kernel.empirical(net, x))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert peak < 2e6, peak
W, b, A = (value.detach().double() for value in (net[0].weight, net[0].bias, net[2].weight))
X = x.double()
H = X @ W.T + b
active = (H > 0).double()
H = H * active
exact = 10 * (H @ H.T + 1) + (X @ X.T + 1) * ((active * (A**2).sum(0)) @ active.T)
assert (K - exact).abs().max() < 1e-12 * exact.abs().max()
"""
    subprocess.run([sys.executable, "-c", script], check=True)


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
    module, inputs = KINDS["tied"]
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
        (lambda: kernel.empirical(NET, [[np.nan, 1.0]]), ValueError, r"inputs\[0, 0\]=nan"),
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
        (
            lambda: kernel.distance(np.ones((2, 1, 1)), np.ones((3, 1, 1))),
            ValueError,
            "equally many",
        ),
        (lambda: kernel.empirical(nn.LSTM(2, 1), [X]), TypeError, "must be a tensor"),
        (lambda: kernel.empirical(nn.Linear(2, 1, dtype=complex), X), TypeError, "complex"),
    ],
)
def test_errors_name_the_value_and_the_rule(call, error, words):
    with pytest.raises(error, match=words):
        call()


class Acting(nn.Linear):
    """A linear map of what is made of all samples."""

    def __init__(self, act):
        super().__init__(2, 1)
        self.act = act

    def forward(self, x):
        return super().forward(self.act(x))


class Dormant(nn.Linear):
    """Samples influence one another by weights that start at zero."""

    def __init__(self):
        super().__init__(2, 1)
        self.mixing = nn.Linear(2, 1, bias=False)
        nn.init.zeros_(self.mixing.weight)

    def forward(self, x):
        return super().forward(x) + self.mixing(x - x.mean(0))


MIXING = {
    "by their mean": Acting(lambda x: x - x.mean(0)),
    "forwards": Acting(lambda x: x.cumsum(0)),
    "backwards": Acting(lambda x: x.flip(0).cumsum(0).flip(0)),
    "the second and third": Acting(lambda x: torch.cat([x[:1], x[2:], x[1:2]])),
    "by weights of zero": Dormant(),
    "as a sequence": Wrapped(nn.RNN(2, 3), lambda found: found[0]),
    "by the hidden state alone": Wrapped(nn.GRU(2, 3), lambda found: found[0]),
    "by chance": nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5)),
}


@pytest.mark.parametrize("name", MIXING)
def test_samples_that_influence_each_other_are_refused_in_every_direction(name):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=r"depends on the others in .*module\.eval\(\)"):
        kernel.empirical(MIXING[name], torch.randn(4, 2))


def test_a_cumulative_sum_is_the_sum_over_the_batch_or_an_error():
    """Alone, these samples have the kernel [[1, 0], [0, 1]]; as a batch, [[1, 1], [1, 2]]."""
    with pytest.raises(ValueError, match="depends on the others"):
        kernel.empirical(
            Wrapped(nn.Linear(2, 1, bias=False), lambda z: torch.cumsum(z, 0)), np.eye(2)
        )


def test_inputs_are_whatever_holds_numbers():
    x = np.random.default_rng(0).standard_normal((3, 2))
    net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    K = kernel.empirical(net, x)
    frame = pd.DataFrame(x, columns=["a", "b"])
    tensor = torch.tensor(x, requires_grad=True)
    for same in (x.tolist(), frame, frame.iloc[::-1].iloc[::-1], tensor, x[::-1].copy()[::-1]):
        assert (kernel.empirical(net, same) == K).all()
    for same in (list(tensor), x.astype(">f8"), np.asfortranarray(x)):
        assert (kernel.empirical(net, same) == K).all()
    for wrong, words in (
        (frame.astype(str), "inputs=.* entries must be real numbers"),
        (["a"], "inputs="),
        (None, "inputs=None"),
    ):
        with pytest.raises(TypeError, match=words):
            kernel.empirical(net, wrong)


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"saddles\[torch\]"):
        kernel.empirical(NET, X)
    assert kernel.relu(X, X, [1.0, 1.0]).shape == (2, 2)
