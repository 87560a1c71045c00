"""Random multi-index targets, and how near a flow is to a path."""

import itertools

import numpy as np

from saddles import flow
from saddles.agf import HermiteTarget, multi_index
from saddles.agf._multi_index.activation import NAMED

#: Of log α, by degree: the flow's distance halves with the first pair, and falls more with others.
SCALES = {2: (-12.0, -24.0), 3: (-6.0, -8.0), 4: (-4.0, -5.0)}
#: A path goes on for this share of its last jump time.
LONGER = 1.25


def random_path(seed, **how):
    """The path of a few random terms on r ≤ 3 coordinates, of degree ≤ 4, for some activation."""
    rng = np.random.default_rng(seed)
    r, activation = int(rng.integers(1, 4)), [*NAMED][seed % len(NAMED)]
    every = [b for b in itertools.product(range(5), repeat=r) if 1 <= sum(b) <= 4]
    # Of degrees 1 and 2 every activation has one.
    first = (1,) + (0,) * (r - 1), (2,) + (0,) * (r - 1)
    terms = {first[activation in ("abs", "quadratic")]: 1.0}
    for k in rng.choice(len(every), size=int(rng.integers(0, 3)), replace=False):
        terms[every[k]] = float(rng.uniform(0.3, 1.0) * rng.choice([-1, 1]))
    d, width = r + int(rng.integers(0, 3)), int(rng.integers(2, 7))
    return multi_index(
        HermiteTarget(terms), d, activation=activation, width=width, seed=seed, **how
    )


def distances(path):
    """The mean of |L_flow − L_path| / L(0) at two initial scales; infinite where a flow is lost."""
    until = float(path.times[-1]) * LONGER
    found = []
    for log_alpha in SCALES[path.network.degree]:
        how = {"log_alpha": log_alpha, "until": until, "on_failure": "return"}
        run = flow.neurons(path.network, path.init, **how)
        if not run.success:
            found.append(np.inf)
            continue
        # The flow's own steps resolve its jumps, which may take a billionth of the time.
        marks = np.concatenate([np.linspace(0, until, 2001), run.times, path.times])
        marks = np.unique(np.clip(marks, 0, until))
        tau = (marks[1:] + marks[:-1]) / 2
        level = path.losses[np.searchsorted(path.times, tau, side="right") - 1]
        apart = np.abs(run.loss(tau) - level) @ np.diff(marks)
        found.append(float(apart / until / path.losses[0]))
    return found
