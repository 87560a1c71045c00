"""One of each result that a user can get, by the call that gives it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from scipy.sparse import csr_array

import saddles

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
Y = np.array([1.0, 0.0])
M = np.array([[2.0, 0.0], [0.0, 1.0]])
COUPLED = np.array([[2.0, 0.5], [0.5, 1.0]])
MASK = np.array([[True, False], [False, True]])
LOG_ALPHAS = (-50.0, -100.0, -200.0)
TEMPLATE = np.cos(2 * np.pi * np.arange(5) / 5)


def path():
    return saddles.pesme_flammarion(X, Y)


def flow(log_alpha=-20.0):
    return saddles.flow.diagonal(X, Y, log_alpha=log_alpha)


def run():
    log = {"time": [0.0, 300.0, 1000.0, 1200.0], "loss": [0.25, 0.05, 0.005, 0.0]}
    return saddles.compare_run(path(), log, log_alpha=-100.0)


def square(neuron, inputs):
    return neuron[0] * (inputs @ neuron[1:]) ** 2


def neurons():
    return saddles.agf.relu(X.T, [1.0, 0.5, 0.2, 0.1], width=3, max_jumps=1, on_failure="return")


def population():
    return saddles.agf.single_index([0.0, 1.0], 3, width=2, max_jumps=1)


def neurons_flow():
    network = saddles.agf.ReluNetwork(np.eye(2), np.array([[2.0], [1.0]]))
    init = [[0.6, 0.0, 0.8], [0.0, 0.6, 0.8]]
    return saddles.flow.neurons(network, init, log_alpha=-10.0, until=1.2)


def torch_flow():
    network = saddles.agf.TorchNetwork(square, X.T, [1.0, 0.5, 0.2, 0.1], size=3, degree=3)
    return saddles.flow.neurons(network, [[0.6, 0.0, 0.8]], log_alpha=-5.0, until=0.01)


def modular_report():
    network = saddles.agf.ModularAddition(TEMPLATE)
    found = saddles.agf.modular_addition(network, width=6, seed=1, on_failure="return")
    return network.report(found)


def group_network():
    group = saddles.groups.symmetric(3)
    return saddles.agf.GroupComposition(group, [2.0, -1.0, 0.5, 0.0, 1.0, -2.5])


def group_report():
    network = group_network()
    path = saddles.agf.group_composition(network.group, network, width=2, max_jumps=1)
    return network.report(path)


def checkpoints():
    net = torch.nn.Linear(2, 1)
    return saddles.conserved.checkpoints(
        net, np.eye(2), lambda out: (out**2).mean(), [0, 1.0], step=0.5
    )


def double(x):
    return 2.0 * x


def swept():
    with ThreadPoolExecutor(1) as threads:
        return saddles.sweep(double, {"x": [1.0, 2.0]}, executor=threads)


RESULTS = {
    "path": path,
    "sparse path": lambda: replace(path(), betas=csr_array(path().betas)),
    "saddle": lambda: path()[1],
    "certificates": lambda: path().certificates,
    "certificate": lambda: path().certificates[1],
    "agf.diagonal": lambda: saddles.agf.diagonal(X, Y, log_alpha=-20.0),
    "greedy_low_rank": lambda: saddles.greedy_low_rank(saddles.FullMatrix(COUPLED)),
    "completion": lambda: saddles.greedy_low_rank(saddles.MatrixCompletion(COUPLED, MASK)),
    "agf.linear": lambda: saddles.agf.linear(COUPLED, M),
    "agf.relu": neurons,
    "agf.attention": lambda: saddles.agf.attention(M, 20),
    "agf.single_index": population,
    "attention modes": lambda: saddles.agf.attention_modes(M, 20),
    "extremal": lambda: saddles.agf.extremal_directions(np.eye(2), [[1.0], [-0.5]]),
    "modular report": modular_report,
    "group": lambda: saddles.groups.symmetric(3),
    "irrep": lambda: saddles.groups.symmetric(3).irreps[2],
    "group blocks": lambda: group_network().blocks,
    "group modes": lambda: group_network().modes(np.eye(18)[:2]),
    "group report": group_report,
    "flow.diagonal": flow,
    "flow.full": lambda: saddles.flow.full(M, log_alpha=-20.0),
    "flow.matrix": lambda: saddles.flow.matrix(saddles.FullMatrix(M), log_alpha=-20.0),
    "flow.matrix coupled": lambda: saddles.flow.matrix(
        saddles.MatrixCompletion(COUPLED, ~MASK), log_alpha=-20.0, until=1.0
    ),
    "flow.linear": lambda: saddles.flow.linear(COUPLED, M, log_alpha=-20.0),
    "flow.linear commuting": lambda: saddles.flow.linear(np.eye(2), M, log_alpha=-20.0),
    "flow.whitened": lambda: saddles.flow.whitened(COUPLED, log_alpha=-20.0),
    "flow.neurons": neurons_flow,
    "flow.neurons torch": torch_flow,
    "flow of nothing": lambda: saddles.flow.diagonal([[1.0]], [0.0], log_alpha=-20.0),
    "flow until": lambda: saddles.flow.diagonal(X, Y, log_alpha=-20.0, until=1.0),
    "jumps": lambda: flow().jumps(),
    "comparison": lambda: saddles.compare(path(), flow()),
    "comparison of paths": lambda: saddles.compare(path(), path()),
    "run": run,
    "log": lambda: run().other,
    "vanishing limit": lambda: saddles.vanishing_limit(
        path(), flow, log_alphas=(-50.0, -100.0, -200.0)
    ),
    "minimizer": lambda: saddles.implicit_bias.diagonal(X, Y, log_alpha=-5.0),
    "minimizer l1": lambda: saddles.implicit_bias.l1(X, Y),
    "minimizer neuron": lambda: saddles.implicit_bias.single_neuron(X, Y, np.full(4, 0.1), 1.0),
    "neuron.exact": lambda: saddles.neuron.exact([1.0, 0.0], 0.1, [0.1, 0.1]),
    "neuron.flow": lambda: saddles.neuron.function_space_flow(X, Y, [0.1, 0.0, 0.0, 0.1], 0.5),
    "neuron.limit": lambda: saddles.neuron.limit(X, Y, 0.1, np.full(4, 0.1)),
    "neuron.regime": lambda: saddles.neuron.regime(0.5, beta0=[0.1, 0.0], beta_star=[1.0, 0.0]),
    "neuron.speeds": lambda: saddles.neuron.speeds([1.0, 0.0], 0.5, [0.1, 0.2]),
    "sweep": swept,
    "task": lambda: saddles.teacher_student.task(0, dimension=2, n_train=3, n_test=3),
    "train": lambda: saddles.teacher_student.train(
        1.0, 0.0, 0, dimension=2, n_train=3, n_test=3, width=4, max_steps=5
    ),
    "low rank": lambda: saddles.LowRank(np.ones((2, 1)), np.ones((2, 1))),
    "full matrix": lambda: saddles.FullMatrix(M),
    "matrix completion": lambda: saddles.MatrixCompletion(COUPLED, MASK),
    "matrix sensing": lambda: saddles.MatrixSensing(np.stack([M, COUPLED]), np.array([1.0, 2.0])),
    "regression": lambda: saddles.Regression(X, Y),
    "evolution": lambda: saddles.kernel.Evolution(np.stack([np.eye(2), 2 * np.eye(2)])),
    "checkpoints": checkpoints,
    "symmetry": lambda: saddles.conserved.rescaling("w", "a"),
    "path error": lambda: saddles.PathError(saddles.Status.STALLED, path(), "why"),
}
