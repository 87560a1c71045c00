"""A race to the noise floor on a million samples, where Adam in batches is usual.

Seconds are those of the processor until a network is near the floor, infinity if it never is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from saddles.optim import AGF
from saddles.typing import Array
from tables import trainer_cases as cases

#: Samples of the large teacher, and the standard deviation of its noise.
MANY, NOISE = 1_000_000, 0.3
#: Shares by which losses may exceed the noise floor: that of AGF, and that of Adam.
NEAR, ROUGH = 0.01, 0.02
#: Batch of Adam, its learning rates, and the steps between two tests.
BATCH, RATES, OFTEN = 1000, (5e-3, 1e-2, 2e-2), 50
#: Neurons of Adam's network, and CPU seconds after which it gives up.
WIDTH, LIMIT = 10, 6.0


@dataclass(frozen=True)
class Race:
    """Seconds to the loss, and the width there."""

    seconds: float
    neurons: int


def million(seed: int) -> dict[str, Race]:
    """Race to the noise floor of a teacher of five neurons with a million noisy samples."""
    split = cases.teacher(seed, n=MANY, noise=NOISE)

    def excess(predict: Callable[[Array], Array]) -> float:
        return float(np.mean((predict(split.X_test) - split.y_test) ** 2)) / NOISE**2

    def near(net: Any) -> bool:
        return excess(lambda X: _outputs(net, X)[:, 0]) < ROUGH

    found = {"AGF": _grown(split, lambda network: excess(network.predict) < NEAR, seed)}
    for rate in RATES:
        found[f"Adam, rate {rate:g}"] = _adam_in_batches(split, near, rate, seed)
    return found


def _grown(split: cases.Split, near: Callable[[Any], bool], seed: int) -> Race:
    began = time.process_time()
    for step in AGF("relu", seed=seed).steps(split.X, split.y):
        if near(step.network):
            return Race(time.process_time() - began, step.neurons)
    return Race(math.inf, step.neurons)


def _adam_in_batches(
    split: cases.Split, near: Callable[[Any], bool], rate: float, seed: int
) -> Race:
    import torch

    torch.manual_seed(seed)
    X, y = (torch.tensor(part, dtype=torch.float32) for part in (split.X, split.y))
    net = torch.nn.Sequential(
        torch.nn.Linear(X.shape[1], WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, 1)
    )
    descent, began, steps = torch.optim.Adam(net.parameters(), lr=rate), time.process_time(), 0
    while time.process_time() - began < LIMIT:
        rows = torch.randint(0, len(X), (BATCH,))
        descent.zero_grad()
        torch.mean((net(X[rows])[:, 0] - y[rows]) ** 2).backward()
        descent.step()
        steps += 1
        if steps % OFTEN == 0 and near(net):
            return Race(time.process_time() - began, WIDTH)
    return Race(math.inf, WIDTH)


def _outputs(net: Any, X: Array) -> Array:
    import torch

    with torch.no_grad():
        outputs: Array = net(torch.tensor(X, dtype=torch.float32)).numpy()
    return outputs
