"""Paths beside gradient flow of the same neurons, from the first jump to the last plateau."""

from dataclasses import dataclass

import numpy as np
import pytest

from reference.chebyshev import Chebyshev
from reference.plain_flow import follow
from saddles._tools.threads import one_thread
from saddles.agf import GroupComposition, group_composition
from tests.groups.some_groups import group_named, with_singular_values

#: Two initial scales: the flow is followed past its first jump at one, and to the end at the other.
ALPHAS = 1e-3, 1e-4
#: Share of the first loss, or of a first time, to which path and flow agree.
CLOSE = 1e-4
#: Waits, over α, in which active neurons come to rest, and in which they creep nearly as far as
#: without end.
LONG, ENDLESS = 100, 1000
#: Share of the next fall after which a level is left.
LEFT = 0.1


@dataclass(frozen=True)
class Case:
    """A group, σ of each irrep, random neurons, jumps to make, and until when flow is followed."""

    name: str
    parts: dict[int, float]
    width: int
    jumps: int
    until: float

    def network(self):
        group = group_named(self.name)
        return GroupComposition(group, with_singular_values(group, self.parts))


def start(network, width):
    rows = np.random.default_rng(0).standard_normal((width, network.size))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@one_thread
def flow_of(network, init, alpha, until, enough=0.0):
    """Gradient flow of neurons in their weights."""
    inside = network.within(np.zeros_like(init), np.eye(network.size))
    return follow(
        network.loss,
        network.gradient,
        lambda theta: inside.hessian(theta.ravel()),
        init,
        alpha=alpha,
        degree=3,
        until=until,
        enough=enough,
    )


@one_thread
def flow_of_many(network, init, alpha, until, rtol):
    """The same, by a method that needs no matrix of all weights."""
    return follow(
        network.loss,
        network.gradient,
        None,
        init,
        alpha=alpha,
        degree=3,
        until=until,
        rtol=rtol,
        method=Chebyshev,
        rows=len(init),
    )


def in_the_limit(times):
    """What times at `ALPHAS` tend to as α vanishes, if they err by its first power."""
    one, other = ALPHAS
    return (one * times[1] - other * times[0]) / (one - other)


def half_learnt(network, flow):
    """Times at which half of the power of each irrep is learnt, in the order of utilities."""
    parts = np.array([network.group.power(network.point(theta)) for theta in flow.weights])
    learnt = parts[:, network.learnable] >= network.power[network.learnable] / 2
    return np.where(learnt[-1], flow.times[learnt.argmax(axis=0)], np.inf)


def irreps_in_order(network, flow, close):
    """Check the order of irreps, and the level on which the flow rests before each next one."""
    half, levels = half_learnt(network, flow), network.plateaus(by="irrep")
    known = half[np.isfinite(half)]
    assert len(known)
    assert (np.diff(known) > 0).all()
    for begin, end, level in zip(known, known[1:], levels[1:], strict=False):
        assert flow.bottom(begin, end) == pytest.approx(level, abs=close)
    if len(known) == len(half):
        assert flow.losses[-1] == pytest.approx(levels[-1], abs=close)


CASES = [
    Case("S_3", {1: 3, 2: 6}, 24, 10, 1.2),
    Case("S_3", {1: 6, 2: 5}, 12, 4, 0.6),
    Case("D_4", {1: 4, 4: 8}, 16, 9, 1.5),
    Case("D_4", {1: 6, 4: 5}, 16, 10, 1.5),
    Case("Q_8", {1: 4, 4: 8}, 20, 10, 1.5),
    Case("Q_8", {1: 6, 4: 5}, 16, 4, 1.5),
    Case("A_4", {1: 6, 2: 5}, 35, 6, 0.68),
]


@pytest.mark.parametrize(
    "case",
    [
        Case("S_3", {1: 6, 2: 5}, 12, 3, 0.19),
        *(pytest.param(case, marks=pytest.mark.slow) for case in CASES),
    ],
    ids=str,
)
def test_paths_are_those_of_gradient_flow(case):
    """Irreps in order, levels where they are attained, and first times as α vanishes."""
    network = case.network()
    init, close = start(network, case.width), CLOSE * network.power.sum()
    path = group_composition(
        network.group, network, init=init, max_jumps=case.jumps, error_bars=False
    )
    rung = list(dict.fromkeys(network.report(path).irrep.tolist()))
    assert rung == network.learnable.tolist()[: len(rung)]
    cuts, first = (path.losses[1:] + path.losses[:-1]) / 2, []
    # Where the wait is too short for all of the next fall, the flow may rest on its way.
    left = path.losses[1:-1] + LEFT * np.diff(path.losses[1:])
    for alpha, until in zip(ALPHAS, (1.1 * path.times[1], case.until), strict=True):
        flow = flow_of(network, init, alpha, until, close / 10)
        first.append(flow.passes(cuts[0]))
    irreps_in_order(network, flow, close)
    creep = path.certificates.creep[1:-1]
    rests = np.diff(path.times)[1:] >= np.where(creep, ENDLESS, LONG) * alpha
    assert rests.any()
    for k in np.flatnonzero(rests):
        bottom = flow.bottom(flow.passes(cuts[k]), flow.passes(left[k]))
        assert bottom == pytest.approx(path.losses[k + 1], abs=close)
    assert in_the_limit(first) == pytest.approx(path.times[1], rel=CLOSE)


#: A_4 with its 3-dimensional irrep first, until the flow has learnt half of the other irrep at the
#: larger α; and until when it is followed at the smaller, for its level: that of 26 neurons.
THREE_FIRST, SETTLED = Case("A_4", {1: 5, 2: 9}, 40, 28, 0.9), 0.25
#: Jumps of that case before its neurons come in another order at a finite α, and the time in which
#: those that are active creep as far as without end.
ALIKE, LATE = 6, 1e4


@pytest.mark.slow
def test_an_irrep_of_dimension_three_is_learnt_at_infinity():
    """The flow creeps to its level, the closer the smaller α is; levels before that are attained.

    From the seventh jump on, neurons of nearly equal times come in another order at these α. Later
    times are those of other active neurons, and are not compared.
    """
    case = THREE_FIRST
    network = case.network()
    init, whole = start(network, case.width), network.power.sum()
    path = group_composition(
        network.group, network, init=init, max_jumps=case.jumps, error_bars=False
    )
    rung = list(dict.fromkeys(network.report(path).irrep.tolist()))
    assert rung == network.learnable.tolist() == [2, 1]
    level = network.plateaus(by="irrep")[1]
    above = np.abs(path.losses - level) / whole
    last = above.argmin()
    assert CLOSE < above[last] < path.certificates.creep[last]

    coarse, fine = (
        flow_of_many(network, init, alpha, until, rtol=1e-6)
        for alpha, until in zip(ALPHAS, (case.until, SETTLED), strict=True)
    )
    half = half_learnt(network, coarse)
    assert half[0] < half[1] < np.inf
    crept = coarse.bottom(half[0], fine.times[-1]) - level
    assert 0 < fine.losses[-1] - level < min(crept / 10, CLOSE * whole)

    cuts = (path.losses[1:] + path.losses[:-1]) / 2
    finite = np.flatnonzero(path.certificates.creep[1:last] == 0)
    assert finite.tolist() == [0, 1]
    for k in finite:
        bottom = fine.bottom(fine.passes(cuts[k]), fine.passes(cuts[k + 1]))
        assert bottom == pytest.approx(path.losses[k + 1], abs=CLOSE * whole)
    first = [
        flow_of_many(network, init, alpha, 1.01 * path.times[1], rtol=1e-7).passes(cuts[0])
        for alpha in ALPHAS
    ]
    assert in_the_limit(first) == pytest.approx(path.times[1], rel=CLOSE)


@pytest.mark.slow
def test_active_neurons_alone_creep_to_saddles_at_infinity():
    """At a finite α the next neuron activates before the active ones have crept that far."""
    network = THREE_FIRST.network()
    init, whole = start(network, THREE_FIRST.width), network.power.sum()
    path = group_composition(network.group, network, init=init, max_jumps=ALIKE, error_bars=False)
    assert (path.certificates.creep[1:ALIKE] > 0).sum() == 3
    neurons = network.report(path).neuron
    flow = flow_of_many(network, init, ALPHAS[0], path.times[ALIKE], rtol=1e-6)
    cuts = [flow.passes(cut) for cut in (path.losses[1:] + path.losses[:-1]) / 2]
    for k in range(1, ALIKE):
        resting = flow.weights[flow.rest(cuts[k - 1], cuts[k])]
        assert set(np.argsort(np.linalg.norm(resting, axis=1))[-k:]) == set(neurons[:k])
        alone = flow_of(network, resting[neurons[:k]], 1.0, LATE)
        assert alone.losses[-1] == pytest.approx(path.losses[k], abs=CLOSE / 10 * whole)
