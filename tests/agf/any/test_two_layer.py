"""Torch modules of two layers: read, given to their family, and forecast from a checkpoint."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

import saddles
from saddles import Status
from saddles.agf import two_layer

torch = pytest.importorskip("torch")


class Power(torch.nn.Module):
    """φ(z) = z^k, or max(z, 0)^k."""

    def __init__(self, power, *, bent=False):
        super().__init__()
        self.power, self.bent = power, bent

    def forward(self, z):
        return (z.clamp(min=0) if self.bent else z) ** self.power


def module(activation, *, inputs=2, width=5, outputs=1, bias=(False, False), scale=1e-4, seed=0):
    torch.manual_seed(seed)
    first = torch.nn.Linear(inputs, width, bias=bias[0])
    last = torch.nn.Linear(width, outputs, bias=bias[1])
    found = torch.nn.Sequential(first, activation, last).double()
    for weight in found.parameters():
        torch.nn.init.normal_(weight, std=scale)
    with torch.no_grad():
        last.weight *= 0.2
    return found


def rows_of(net):
    return np.hstack([net[0].weight.detach().numpy(), net[2].weight.detach().numpy().T])


def data(n, d, q=None, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)), rng.standard_normal(n if q is None else (n, q))


# --- the families ---------------------------------------------------------------------------------


def test_a_leaky_relu_module_has_the_path_of_agf_relu():
    X, y = data(4, 2)
    net = module(torch.nn.LeakyReLU(0.2), width=3)
    rows = rows_of(net)
    alpha = np.sqrt(np.mean(np.sum(rows**2, axis=1)))
    path = two_layer(net, X, y, activation_norm=1.0, max_jumps=1)
    options = {"init": rows / alpha, "slope": 0.2, "log_alpha": math.log(alpha)}
    wanted = saddles.agf.relu(X, y, max_jumps=1, **options)
    assert path.log_alpha == pytest.approx(math.log(alpha))
    assert path.times == pytest.approx(wanted.times)
    assert path.losses == pytest.approx(wanted.losses)


def test_a_mirrored_relu_is_one():
    """-relu(-z), min(z, 0), is a ReLU of the negative inputs, with the other sign of a."""

    class Minimum(torch.nn.Module):
        def forward(self, z):
            return z.clamp(max=0)

    X, y = data(4, 2)
    net = module(Minimum())
    path = two_layer(net, X, y, log_alpha=-math.inf)
    rows = rows_of(net) * [1, 1, -1]
    wanted = saddles.agf.relu(-X, y, init=rows)
    assert path.times == pytest.approx(wanted.times)
    assert path.neurons[-1] == pytest.approx(wanted.neurons[-1] * [1, 1, -1])


@pytest.mark.parametrize("bias", [(False, False), (True, False), (True, True)])
def test_a_linear_module_has_the_path_of_its_second_moments(bias):
    """A bias inside is one more input, and a bias outside takes the means away."""
    X, Y = data(9, 3, 2)
    for activation in (torch.nn.Identity(), torch.nn.LeakyReLU(1.0)):
        net = module(activation, inputs=3, outputs=2, bias=bias)
        path = two_layer(net, X, Y)
        inputs = np.column_stack([X, np.ones(9)]) if bias[0] else X
        targets = Y
        if bias[1]:
            inputs, targets = inputs - inputs.mean(axis=0), Y - Y.mean(axis=0)
        xx, yx, yy = inputs.T @ inputs / 9, targets.T @ inputs / 9, targets.T @ targets / 9
        wanted = saddles.agf.linear(xx, yx, sigma_yy=yy, width=5)
        assert path.times == pytest.approx(wanted.times)
        assert path.losses == pytest.approx(wanted.losses)


@pytest.mark.parametrize("bias", [(False, False), (True, True)])
def test_any_other_power_has_the_path_of_its_neuron(bias):
    X, y = data(5, 2)
    net = module(Power(2), width=3, bias=bias)
    path = two_layer(net, X, y, activation_norm=1.0, max_jumps=1)
    rows = rows_of(net)
    inputs, targets = X, y
    if bias[0]:
        inner = net[0].bias.detach().numpy()
        rows, inputs = np.insert(rows, 2, inner, axis=1), np.column_stack([X, np.ones(5)])
    if bias[1]:
        targets = y - y.mean()

    def neuron(theta, X):
        outputs = theta[-1] * (X @ theta[:-1]) ** 2
        return outputs - outputs.mean() if bias[1] else outputs

    alpha = np.sqrt(np.mean(np.sum(rows**2, axis=1)))
    options = {"degree": 3, "log_alpha": math.log(alpha), "max_jumps": 1}
    wanted = saddles.agf.network(neuron, inputs, targets, rows / alpha, **options)
    assert path.kappa == 3
    assert path.times == pytest.approx(wanted.times)
    assert path.losses == pytest.approx(wanted.losses)


# --- checkpoints ----------------------------------------------------------------------------------


def trained(net, X, y, learning_rate, steps, keep):
    """Return losses |y − f|²/(2n), and the module as it was at some of the steps."""
    inputs, targets = torch.tensor(X), torch.tensor(y)
    optimizer = torch.optim.SGD(net.parameters(), lr=learning_rate)
    losses, kept = [], {}
    for step in range(steps):
        if step in keep:
            kept[step] = copy.deepcopy(net)
        loss = torch.mean((net(inputs)[:, 0] - targets) ** 2) / 2
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return np.array(losses), kept


def test_the_next_jump_of_a_run_is_forecast_from_a_checkpoint():
    """Two targets of different size: beside the first one, it is said when the second is learnt."""
    X, y = np.eye(2), np.array([1.0, -0.3])
    net = module(torch.nn.ReLU(), width=8, seed=2)
    before, rate = copy.deepcopy(net), 0.05
    losses, kept = trained(net, X, y, rate, 2500, {600, 900})
    half = 0.3**2 / 8
    happened = int(np.argmax(losses < half))
    for step, later in kept.items():
        forecast = two_layer(before, X, y, start=later)
        assert forecast.losses == pytest.approx([0.3**2 / 4, 0.0], abs=1e-6)
        assert forecast.active[0].size
        assert not forecast.entered[0].size
        seconds = forecast.physical_times(log_alpha=forecast.log_alpha)
        found = step + seconds[1] / rate
        # Of what is left to grow, the norm that counts as active leaves a factor of two open.
        assert abs(found - happened) < 0.1 * (happened - step) + math.log(2) / (0.15 * rate)
    assert len(kept) == 2


def test_a_checkpoint_at_the_start_has_the_path_of_the_start():
    X, y = data(5, 2)
    for activation in (torch.nn.ReLU(), Power(2)):
        net = module(activation, width=2, seed=1)
        path, again = two_layer(net, X, y), two_layer(net, X, y, start=net.state_dict())
        assert again.times == pytest.approx(path.times, rel=1e-7)
        assert again.losses == pytest.approx(path.losses, rel=1e-9)


def test_a_checkpoint_at_the_end_has_converged():
    """Whoever is active is so from the first saddle on, which is the last."""
    X, y = data(4, 2)
    net = module(torch.nn.ReLU(), width=6)
    path = two_layer(net, X, y)
    last = copy.deepcopy(net)
    rows = 1e-5 * rows_of(net)
    rows[path.active[-1]] = path.neurons[-1]
    with torch.no_grad():
        last[0].weight.copy_(torch.tensor(rows[:, :2]))
        last[2].weight.copy_(torch.tensor(rows[:, 2:].T))
    found = two_layer(net, X, y, start=last, max_jumps=0)
    assert found.losses[0] == pytest.approx(path.losses[-1], abs=1e-12)
    assert found.active[0].tolist() == path.active[-1].tolist()


# --- refusals -------------------------------------------------------------------------------------


def test_modules_of_another_kind_are_refused():
    X, y = data(4, 2)
    linear = torch.nn.Linear
    for wrong in (linear(2, 1), torch.nn.Sequential(linear(2, 2), torch.nn.ReLU()), "net"):
        with pytest.raises(TypeError, match=r"must be torch\.nn\.Sequential"):
            two_layer(wrong, X, y)
    with pytest.raises(ValueError, match="parameters of its own"):
        two_layer(module(torch.nn.PReLU()), X, y)
    for saturating in (torch.nn.Tanh(), torch.nn.GELU(), torch.nn.Threshold(0.1, 0.0)):
        with pytest.raises(ValueError, match="is not homogeneous"):
            two_layer(module(saturating), X, y)
    with pytest.raises(ValueError, match="bias=False"):
        two_layer(module(torch.nn.ReLU(), bias=(False, True)), X, y)


def test_what_does_not_fit_the_module_is_refused():
    X, y = data(4, 2)
    net = module(torch.nn.ReLU())
    with pytest.raises(ValueError, match=r"X has shape \(4, 1\)"):
        two_layer(net, X[:, :1], y)
    with pytest.raises(ValueError, match=r"Y has shape \(4, 2\)"):
        two_layer(net, X, np.ones((4, 2)))
    with pytest.raises(ValueError, match="norms of about"):
        two_layer(module(torch.nn.ReLU(), scale=2.0), X, y)
    with pytest.raises(ValueError, match="all weights of the module are 0"):
        two_layer(module(torch.nn.ReLU(), scale=0.0), X, y)
    with pytest.raises(ValueError, match=r"start\['0.weight'\] has shape \(3, 2\)"):
        two_layer(net, X, y, start=module(torch.nn.ReLU(), width=3))
    with pytest.raises(TypeError, match="state_dict"):
        two_layer(net, X, y, start={"0.weight": np.ones((5, 2))})
    with pytest.raises(TypeError, match=r"active_above=0\.1 goes with start"):
        two_layer(net, X, y, active_above=0.1)
    with pytest.raises(ValueError, match="log_alpha=-inf"):
        two_layer(net, X, y, start=net, log_alpha=-math.inf)
    with pytest.raises(ValueError, match="network is linear"):
        two_layer(module(torch.nn.Identity()), X, y, start=net)


def test_a_module_of_large_weights_has_the_path_of_its_directions():
    X, y = data(4, 2)
    net = module(torch.nn.ReLU(), scale=2.0)
    path = two_layer(net, X, y, log_alpha=-math.inf)
    assert path.status is not Status.NOTHING_TO_LEARN
    assert path.times == pytest.approx(saddles.agf.relu(X, y, init=rows_of(net)).times)
