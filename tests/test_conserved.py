"""Symmetries: their generators, what they conserve, what breaks them, and how invariants drift."""

import copy
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from saddles import PathError, conserved, kernel, neuron
from saddles.conserved import _checkpoints

# Central differences of polynomials of second degree have no truncation error.
DIFFERENCE = 1e-8
# Rounding of a handful of products.
ROUNDING = 1e-12
# Drift along flows that are integrated to 1e-12 per step.
FLOW = 1e-9

SHAPES = {
    "rescaling": (conserved.rescaling("W", "A", bias="b"), {"W": (4, 3), "A": (2, 4), "b": (4,)}),
    "one output": (conserved.rescaling("W", "A"), {"W": (4, 3), "A": (4,)}),
    "convolution": (conserved.rescaling("W", "A"), {"W": (4, 3, 2, 2), "A": (2, 4, 3, 3)}),
    "linear": (conserved.rescaling("W", "A", linear=True), {"W": (4, 3), "A": (2, 4)}),
    "translation": (conserved.translation("W", bias="b"), {"W": (4, 3), "b": (4,)}),
    "scaling": (conserved.scaling("W", "b"), {"W": (4, 3), "b": (4,)}),
    "rows": (conserved.scaling("W", rows=True), {"W": (4, 3, 2)}),
}


def drawn(name, seed):
    """The symmetry, weights, and an element (symmetric if it is a matrix)."""
    symmetry, shapes = SHAPES[name]
    rng = np.random.default_rng(seed)
    weights = {key: rng.normal(size=shape) for key, shape in shapes.items()}
    element = 0.3 * rng.normal(size=symmetry.invariant(weights).shape)
    return symmetry, weights, element + element.T if element.ndim == 2 else element


def shifted(weights, step, velocity):
    return {key: value + step * velocity.get(key, 0.0) for key, value in weights.items()}


def product(first, second):
    return sum(float(np.vdot(first[key], second[key])) for key in second)


# --- closed forms ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 1000))
def test_the_generator_is_the_gradient_of_the_invariant(name, seed):
    symmetry, weights, element = drawn(name, seed)
    rng = np.random.default_rng(seed + 1)
    direction = {key: rng.normal(size=value.shape) for key, value in weights.items()}
    high, low = (symmetry.invariant(shifted(weights, h, direction)) for h in (0.5, -0.5))
    slope = float(np.sum((high - low) * element))
    generator = symmetry.generator(weights, element)
    assert set(generator) == set(symmetry.weights)
    assert math.isclose(slope, product(direction, generator), rel_tol=ROUNDING, abs_tol=1e-10)


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 1000))
def test_the_action_is_a_group_whose_derivative_is_the_generator(name, seed):
    symmetry, weights, element = drawn(name, seed)
    there = symmetry.act(weights, element)
    back = symmetry.act(there, -element)
    twice = symmetry.act(there, element)
    h = 1e-5
    ahead, behind = symmetry.act(weights, h * element), symmetry.act(weights, -h * element)
    generator = symmetry.generator(weights, element)
    for key in symmetry.weights:
        assert there[key].shape == weights[key].shape
        assert np.allclose(back[key], weights[key], rtol=0, atol=ROUNDING)
        assert np.allclose(twice[key], symmetry.act(weights, 2 * element)[key], rtol=ROUNDING)
        slope = (ahead[key] - behind[key]) / (2 * h)
        assert np.allclose(slope, generator[key], rtol=0, atol=DIFFERENCE)


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 1000))
def test_a_step_of_descent_moves_the_invariant_as_the_law_says(name, seed):
    """For any gradient orthogonal to the generators; degree 1 stays, degree 2 gains η²Q(∇L)."""
    symmetry, weights, _ = drawn(name, seed)
    rng = np.random.default_rng(seed + 1)
    gradient = orthogonal(symmetry, weights, rng)
    eta = 0.1
    after = symmetry.invariant(shifted(weights, -eta, gradient))
    gain = eta**2 * symmetry.invariant(gradient) if symmetry.degree == 2 else 0.0
    gap = np.abs(after - symmetry.invariant(weights) - gain)
    assert np.all(gap <= ROUNDING * (symmetry.size(weights) + 1))


def orthogonal(symmetry, weights, rng):
    """A random vector without any part along the generators."""
    shape = symmetry.invariant(weights).shape
    elements = []
    for index in np.ndindex(shape):
        element = np.zeros(shape)
        element[index] = 1.0
        elements.append(element + element.T if element.ndim == 2 else element)

    def flat(parts):
        return np.concatenate([np.ravel(parts[key]) for key in weights])

    basis = np.array([flat(symmetry.generator(weights, element)) for element in elements])
    vector = rng.normal(size=basis.shape[1])
    vector -= np.linalg.pinv(basis) @ (basis @ vector)
    ends = np.cumsum([value.size for value in weights.values()])[:-1]
    parts = np.split(vector, ends)
    return {k: p.reshape(weights[k].shape) for k, p in zip(weights, parts, strict=True)}


def test_diagonal_of_the_linear_invariant_is_that_of_single_neurons():
    _, weights, _ = drawn("linear", 0)
    matrix = conserved.rescaling("W", "A", linear=True).invariant(weights)
    per_neuron = conserved.rescaling("W", "A").invariant(weights)
    assert np.allclose(np.diag(matrix), per_neuron, rtol=ROUNDING)
    single = neuron.conserved(weights["A"][0], weights["W"])
    one_output = conserved.rescaling("W", "A").invariant({**weights, "A": weights["A"][0]})
    assert np.allclose(single, one_output, rtol=ROUNDING)


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 1000))
def test_the_size_bounds_the_invariant_and_scales_with_it(name, seed):
    symmetry, weights, _ = drawn(name, seed)
    size = symmetry.size(weights)
    assert np.all(np.abs(symmetry.invariant(weights)) <= size * (1 + ROUNDING))
    doubled = {key: 2 * value for key, value in weights.items()}
    assert np.allclose(symmetry.size(doubled), 2**symmetry.degree * size, rtol=ROUNDING)
    one_sided = {key: 0 * value if key == "A" else np.abs(value) for key, value in weights.items()}
    attained = np.abs(symmetry.invariant(one_sided))
    bound = symmetry.size(one_sided)
    if attained.ndim == 2:
        attained, bound = np.diag(attained), np.diag(bound)
    assert np.allclose(attained, bound, rtol=ROUNDING)


# --- drift -----------------------------------------------------------------------------------


def test_drift_is_the_change_relative_to_the_size_of_the_terms():
    symmetry = conserved.rescaling("w", "a")
    trajectory = [
        {"w": [[3.0, 4.0]], "a": [0.0]},
        {"w": [[3.0, 4.0]], "a": [1.0]},
        {"w": [[0.0, 3.0]], "a": [0.0]},
        {"w": [[0.0, 5.0]], "a": [0.0]},
    ]
    drift = symmetry.drift(iter(trajectory))
    assert np.allclose(drift.values, [[-25], [-24], [-9], [-25]], rtol=ROUNDING)
    assert np.allclose(drift.relative, [0, 1 / 26, 16 / 25, 0], rtol=ROUNDING)
    assert drift.largest == drift.relative[2]
    assert drift.final == 0
    assert "rescaling" in repr(drift)


def test_checkpoints_of_any_precision_are_taken():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)).to(torch.bfloat16)
    symmetry = conserved.rescaling("0.weight", "2.weight", bias="0.bias")
    values = symmetry.invariant(net.state_dict())
    assert values.dtype == np.float64
    exact = {key: value.double().numpy() for key, value in net.state_dict().items()}
    assert (values == symmetry.invariant(exact)).all()
    still = [copy.deepcopy(net.state_dict()) for _ in range(2)]
    assert symmetry.drift(still).largest == 0


class TwoLayers(nn.Sequential):
    """A small network with its symmetry and a loss, and its training in place."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
        self.symmetry = conserved.rescaling("0.weight", "2.weight", bias="0.bias")

    def train_on(self):
        with torch.no_grad():
            for weight in self.parameters():
                weight += 0.1


def aliased(kind):
    """Three checkpoints of a run, two of which are the network itself."""
    net = TwoLayers()
    first = net.state_dict()
    if kind == "arrays":
        first = {key: value.numpy() for key, value in first.items()}
    net.train_on()
    between = copy.deepcopy(net.state_dict())
    net.train_on()
    last = net.state_dict() if kind == "tensors" else dict(first)
    return net, [first, between, {**last, "epoch": torch.tensor(2)}]


@pytest.mark.parametrize("kind", ["tensors", "arrays"])
def test_checkpoints_that_are_the_network_itself_are_refused(kind):
    net, trajectory = aliased(kind)
    words = r"trajectory\[0\] and trajectory\[2\] share their memory.*deepcopy"
    with pytest.raises(ValueError, match=words):
        net.symmetry.drift(trajectory)
    with pytest.raises(ValueError, match=words):
        kernel.evolution(net, np.eye(2), trajectory)
    copies = [copy.deepcopy(checkpoint) for checkpoint in trajectory]
    assert net.symmetry.drift(copies).largest > 0


def test_an_iterator_may_yield_the_network_while_it_trains():
    net = TwoLayers()
    copies = []

    def training():
        for _ in range(3):
            copies.append(copy.deepcopy(net.state_dict()))
            yield net.state_dict()
            net.train_on()

    drift = net.symmetry.drift(training())
    assert drift.largest > 0
    assert (drift.values == net.symmetry.drift(copies).values).all()


def networks():
    """Small smooth modules with a loss and a symmetry of it."""
    torch.manual_seed(1)
    x, y = torch.randn(7, 3), torch.randn(7, 2).double()
    linear = nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 2))
    tanh = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    matrix = conserved.rescaling("0.weight", "1.weight", linear=True)
    logits = conserved.translation("2.weight", bias="2.bias")
    return {
        "linear": (linear, matrix, x, lambda z: ((z - y) ** 2).mean()),
        "softmax": (
            tanh,
            logits,
            x,
            lambda z: nn.functional.cross_entropy(z, torch.arange(7) % 2),
        ),
    }


@pytest.mark.parametrize("name", ["linear", "softmax"])
def test_flow_conserves_and_descent_drifts_in_proportion_to_its_step(name):
    net, symmetry, x, loss = networks()[name]
    before = {key: value.clone() for key, value in net.state_dict().items()}
    flow = conserved.checkpoints(net, x, loss, [0.0, 0.5, 2.0])
    assert symmetry.drift(flow).largest < FLOW
    drifts = []
    for step in (0.08, 0.04, 0.02):
        run = conserved.checkpoints(net, x, loss, [0.0, 2.0], step=step)
        drifts.append(symmetry.drift(run).final)
        moved = np.abs(run[1][symmetry.weights[0]] - flow[2][symmetry.weights[0]]).max()
        assert moved < 0.5 * step
    if symmetry.degree == 1:
        assert max(drifts) < ROUNDING
    else:
        assert abs(math.log(drifts[0] / drifts[2]) / math.log(4) - 1) < 0.1
    assert all((before[key] == value).all() for key, value in net.state_dict().items())


def test_descent_is_the_one_that_autograd_gives():
    net, _, x, loss = networks()["linear"]
    run = conserved.checkpoints(net, x, loss, [0.0, 0.3, 0.5], step=0.1)
    trained = net.double()
    for _ in range(5):
        trained.zero_grad()
        loss(trained(x.double())).backward()
        with torch.no_grad():
            for weight in trained.parameters():
                weight -= 0.1 * weight.grad
    for name, value in trained.state_dict().items():
        assert np.allclose(run[2][name], value.numpy(), rtol=0, atol=ROUNDING)


def test_a_flow_that_slides_along_a_kink_raises_instead_of_running_for_ever(monkeypatch):
    """|w − 1| has its kink at the minimum, where the flow stays."""
    monkeypatch.setattr(_checkpoints, "EVALUATIONS", 500)
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    with pytest.raises(PathError, match="integration failed") as error:
        conserved.checkpoints(net, [[1.0]], lambda z: (z - 1).abs().sum(), [0.0, 3.0])
    assert "give a step" in error.value.detail
    run = conserved.checkpoints(net, [[1.0]], lambda z: (z - 1).abs().sum(), [0.0, 3.0], step=0.25)
    assert run[1]["weight"] == pytest.approx(1.0, abs=0.25)


# --- networks --------------------------------------------------------------------------------


def layers(between):
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(2, 3, 3), between, nn.Conv2d(3, 4, 3), nn.Flatten())


@pytest.mark.parametrize(
    ("between", "holds"),
    [
        (nn.ReLU(), True),
        (nn.LeakyReLU(0.2), True),
        (nn.MaxPool2d(2, stride=1), True),
        (nn.Identity(), True),
        (nn.Tanh(), False),
        (nn.GELU(), False),
        (nn.BatchNorm2d(3), False),
    ],
)
def test_rescaling_holds_exactly_for_positively_homogeneous_layers(between, holds):
    symmetry = conserved.rescaling("0.weight", "2.weight", bias="0.bias")
    torch.manual_seed(3)
    verdict = conserved.check(layers(between), symmetry, torch.randn(4, 2, 6, 6))
    assert verdict.holds is holds
    assert ("holds" if holds else "broken") in repr(verdict)
    if not holds:
        assert verdict.deviation > 1e-3
        assert verdict.projection > 1e-6


def test_a_forgotten_bias_is_found():
    symmetry = conserved.rescaling("0.weight", "2.weight")
    assert not conserved.check(layers(nn.ReLU()), symmetry, torch.randn(4, 2, 6, 6)).holds


def test_translation_holds_for_the_softmax_and_not_for_the_logits():
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3))
    symmetry, x = conserved.translation("2.weight", bias="2.bias"), torch.randn(5, 3)
    assert not conserved.check(net, symmetry, x).holds
    assert conserved.check(net, symmetry, x, loss=lambda z: torch.softmax(z, 1)).holds
    entropy = nn.CrossEntropyLoss()
    assert conserved.check(net, symmetry, x, loss=lambda z: entropy(z, torch.arange(5) % 3)).holds


def test_what_batch_normalisation_adds_to_variances_breaks_scaling():
    symmetry, x = conserved.scaling("0.weight", rows=True), torch.randn(6, 3)
    norm = nn.BatchNorm1d(4, eps=1e-30)
    net = nn.Sequential(nn.Linear(3, 4), norm, nn.Tanh(), nn.Linear(4, 1))
    assert conserved.check(net, symmetry, x).holds
    norm.eps = 1e-3
    broken = conserved.check(net, symmetry, x)
    assert not broken.holds
    assert broken.deviation < 0.1
    assert norm.num_batches_tracked == 0, "the module's own buffers must not move"


# --- any action ------------------------------------------------------------------------------


def test_from_action_finds_what_is_known():
    _, weights, _ = drawn("rescaling", 4)

    def rescale(p, s):
        down, up = torch.exp(-s), torch.exp(s)
        return {"W": p["W"] * down, "b": p["b"] * down, "A": p["A"] * up}

    found = conserved.from_action(rescale, weights)
    known = conserved.rescaling("W", "A", bias="b")
    assert math.isclose(found.invariant(weights), known.invariant(weights).sum() / 2)
    assert math.isclose(found.size(weights), known.size(weights).sum() / 2)
    moved, same = found.act(weights, 0.4), known.act(weights, np.full(4, 0.2))
    v, w = found.generator(weights, 3.0), known.generator(weights, np.full(4, 1.5))
    for key in weights:
        assert np.allclose(moved[key], same[key], rtol=ROUNDING)
        assert np.allclose(v[key], w[key], rtol=ROUNDING)


class Direction(nn.Module):
    """A network that sees the direction of w + c alone."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([0.5, 3.0]))

    def forward(self, x):
        return x @ nn.functional.normalize(self.w + SHIFT, dim=0)


SHIFT = torch.tensor([1.0, -2.0]).double()


def test_an_affine_action_needs_more_than_the_product_of_weights_and_generator():
    """v = w + c: |w|²/2 + c·w is conserved; <w, v> = |w|² + c·w is not."""
    net = Direction()
    symmetry = conserved.from_action(
        lambda p, s: {"w": torch.exp(s) * (p["w"] + SHIFT) - SHIFT}, net.state_dict()
    )
    w, c = np.array([0.5, 3.0]), SHIFT.numpy()
    assert math.isclose(symmetry.invariant({"w": w}), w @ w / 2 + c @ w, rel_tol=ROUNDING)
    x = torch.randn(5, 2)
    assert conserved.check(net, symmetry, x).holds
    run = conserved.checkpoints(net, x, lambda z: ((z - 1) ** 2).mean(), [0.0, 5.0])
    assert symmetry.drift(run).largest < FLOW
    naive = [state["w"] @ (state["w"] + c) for state in run]
    assert abs(naive[1] - naive[0]) > 1e-2


def test_rotations_conserve_nothing_and_are_refused():
    def turn(p, s):
        x, y = p["w"][0], p["w"][1]
        return {"w": torch.stack([x * s.cos() - y * s.sin(), x * s.sin() + y * s.cos()])}

    with pytest.raises(ValueError, match="not a gradient"):
        conserved.from_action(turn, {"w": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("action", "error", "words"),
    [
        (lambda p, s: {"w": p["w"] + 1 + s}, ValueError, "at s = 0"),
        (lambda p, s: {"v": p["w"] * s}, TypeError, "named as in parameters"),
        (lambda p, s: p["w"], TypeError, "dictionary"),
        (lambda p, s: {"w": p["w"]}, ValueError, "as they were"),
        (None, TypeError, "callable"),
    ],
)
def test_actions_that_are_none_are_refused(action, error, words):
    with pytest.raises(error, match=words):
        conserved.from_action(action, {"w": [1.0, 2.0]})


def test_an_action_on_a_state_dict_with_buffers_is_of_the_weights_that_it_touches():
    """Batch normalisation has buffers, which no checkpoint of the flow holds."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, eps=1e-30), nn.Tanh(), nn.Linear(4, 1))

    def scale(p, s):
        factor = torch.exp(s * p["3.bias"].sum() ** 0)
        return {**p, "0.weight": factor * p["0.weight"], "0.bias": factor * p["0.bias"]}

    symmetry = conserved.from_action(scale, net.state_dict())
    assert set(symmetry.weights) <= {"0.weight", "0.bias", "3.bias"}
    inputs = torch.randn(7, 3)
    assert conserved.check(net, symmetry, inputs).holds
    run = conserved.checkpoints(net, inputs, lambda z: ((z - 1) ** 2).mean(), [0.0, 0.5])
    assert symmetry.drift(run).largest < FLOW
    half = sum(np.sum(run[0][name] ** 2) for name in ("0.weight", "0.bias")) / 2
    assert math.isclose(symmetry.invariant(run[0]), half, rel_tol=ROUNDING)


def test_a_generator_that_depends_on_a_weight_that_stays_is_no_gradient():
    with pytest.raises(ValueError, match="not a gradient"):
        conserved.from_action(
            lambda p, s: {"w": p["w"] * torch.exp(s * p["b"])}, {"w": [1.0, 2.0], "b": [0.5]}
        )


class Constant(nn.Linear):
    def forward(self, x):
        return 0 * x + 1


def dead():
    """A network none of whose neurons is active, and which is not homogeneous."""
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Tanh(), nn.Linear(3, 1))
    nn.init.constant_(net[0].bias, -100.0)
    return net


@pytest.mark.parametrize(
    ("module", "symmetry", "why"),
    [
        (Constant(2, 1), conserved.scaling("weight"), "outputs have no gradient"),
        (dead(), conserved.scaling("0.weight"), "outputs have no gradient"),
        (nn.utils.skip_init(nn.Linear, 2, 1), conserved.scaling("weight"), "does not move"),
    ],
)
def test_a_check_that_tests_nothing_says_so(module, symmetry, why):
    if why == "does not move":
        nn.init.zeros_(module.weight)
    verdict = conserved.check(module, symmetry, [[1.0, 2.0], [0.5, -1.0]])
    assert not verdict.holds
    assert why in verdict.vacuous
    assert "not tested" in repr(verdict)


def hyperbolic(p, s):
    """Its generator is (tanh p, −tanh q), the gradient of log cosh p − log cosh q."""
    return {
        "p": torch.asinh(torch.sinh(p["p"]) * torch.exp(s)),
        "q": torch.asinh(torch.sinh(p["q"]) * torch.exp(-s)),
    }


@pytest.mark.parametrize("start", [0.5, 1.0, 2.0, 30.0])
def test_invariants_of_actions_that_are_no_polynomials(start):
    symmetry = conserved.from_action(hyperbolic, {"p": [start], "q": [0.3]})
    for p in (0.1, start, 20.0):
        exact = np.log(np.cosh(p)) - np.log(np.cosh(0.7))
        found = symmetry.invariant({"p": [p], "q": [0.7]})
        assert found == pytest.approx(exact, rel=0, abs=1e-13 * (1 + p))


def test_an_invariant_is_counted_from_the_weights_where_the_origin_is_singular():
    """v = (1/p, −q): Q = log p − q²/2 but for a constant."""

    def action(p, s):
        return {"p": torch.sqrt(p["p"] ** 2 + 2 * s), "q": p["q"] * torch.exp(-s)}

    symmetry = conserved.from_action(action, {"p": [2.0], "q": [1.0]})
    there, here = ({"p": [p], "q": [q]} for p, q in ((5.0, 3.0), (2.0, 1.0)))
    change = symmetry.invariant(there) - symmetry.invariant(here)
    assert change == pytest.approx(math.log(2.5) - 4, rel=ROUNDING)
    with pytest.raises(ValueError, match="cannot be integrated"):
        symmetry.invariant({"p": [-2.0], "q": [1.0]})


@settings(max_examples=10)
@given(st.integers(0, 100))
def test_a_generator_is_refused_just_if_its_jacobian_is_not_symmetric(seed):
    """v = S w + ε (A − Aᵀ) w, for any sizes of weights."""
    rng = np.random.default_rng(seed)
    S, A = rng.normal(size=(2, 3, 3))
    weights = {"w": 10.0 ** rng.uniform(-3, 3) * rng.normal(size=3)}

    def of(matrix):
        return lambda p, s: {"w": torch.linalg.matrix_exp(s * torch.tensor(matrix)) @ p["w"]}

    symmetry = conserved.from_action(of(S + S.T), weights)
    half = weights["w"] @ (S + S.T) @ weights["w"] / 2
    assert symmetry.invariant(weights) == pytest.approx(half, rel=1e-11, abs=0)
    with pytest.raises(ValueError, match="not a gradient"):
        conserved.from_action(of(S + S.T + 1e-6 * (A - A.T)), weights)


# --- errors ----------------------------------------------------------------------------------

WEIGHTS = {"W": np.ones((2, 3)), "A": np.ones((1, 2))}
RELU = conserved.rescaling("W", "A")
NET = nn.Linear(2, 1)
WEIGHT = conserved.scaling("weight")
RANDOM = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 1))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: RELU.invariant({"W": [[1.0]]}), ValueError, "'A' is not among the parameters"),
        (lambda: RELU.invariant([1.0]), TypeError, "state_dict"),
        (lambda: RELU.invariant({**WEIGHTS, "A": np.ones((2, 3))}), ValueError, "same neurons"),
        (lambda: RELU.invariant({**WEIGHTS, "W": [[np.nan]]}), ValueError, r"'W'\].*not finite"),
        (lambda: RELU.act(WEIGHTS, [1.0]), ValueError, r"element=.*\(2,\)"),
        (lambda: RELU.drift(WEIGHTS), TypeError, "sequence of state dicts"),
        (lambda: RELU.drift([WEIGHTS]), ValueError, "1 checkpoints"),
        (
            lambda: RELU.drift([WEIGHTS, {"W": np.ones((3, 3)), "A": np.ones(3)}]),
            ValueError,
            "same network",
        ),
        (
            lambda: WEIGHT.drift([{"weight": [1.0]}, {"weight": [1.0, 0.0]}]),
            ValueError,
            r"trajectory\[1\]\['weight'\] has shape \(2,\)",
        ),
        (lambda: conserved.rescaling("W", "W"), ValueError, "differ"),
        (lambda: conserved.rescaling("W", 3), TypeError, "outgoing=3"),
        (lambda: conserved.scaling(), TypeError, "at least one"),
        (lambda: conserved.check("net", RELU, [[1.0]]), TypeError, "torch.nn.Module"),
        (lambda: conserved.check(NET, RELU, [[1.0, 2.0]]), ValueError, "'W' is not among"),
        (lambda: conserved.check(NET, WEIGHT, [[1.0, 2.0]], trials=None), TypeError, "trials=None"),
        (lambda: conserved.check(NET, WEIGHT, [[1.0, 2.0]], seed="a"), TypeError, "seed='a'"),
        (
            lambda: conserved.check(NET, WEIGHT, [[1.0, 2.0]], tolerance=-1.0),
            ValueError,
            "tolerance=-1.0",
        ),
        (
            lambda: conserved.check(RANDOM, conserved.scaling("1.weight"), np.ones((9, 2))),
            ValueError,
            "changes from call to call",
        ),
        (
            lambda: conserved.checkpoints(NET, [[1.0, 2.0]], lambda z: z.sum().item(), [0, 1]),
            TypeError,
            "depends on the outputs",
        ),
        (
            lambda: conserved.rescaling("W", "A", linear=True).act(WEIGHTS, [[0.0, 1.0], [0, 0]]),
            ValueError,
            "symmetric",
        ),
        (lambda: conserved.checkpoints(NET, [[1.0, 2.0]], torch.sum, [1, 0]), ValueError, "times"),
        (lambda: conserved.checkpoints(NET, [[1.0, 2.0]], torch.abs, [0, 1]), ValueError, "scalar"),
        (
            lambda: conserved.checkpoints(NET, [[1.0, 2.0]], torch.sum, [0, 1], step=0.3),
            ValueError,
            "step=0.3",
        ),
    ],
)
def test_errors_name_the_value_and_the_rule(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_without_torch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r"saddles\[torch\]"):
        conserved.check(NET, RELU, [[1.0]])
    assert RELU.invariant(WEIGHTS).tolist() == [-2.0, -2.0]
