"""Composition in small groups: order of irreps, levels and times, against what templates tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

import saddles
from saddles import groups
from saddles.agf import GroupComposition, NeuronPath
from saddles.groups import Group
from saddles.typing import Array
from tables.table import Check, Table, bounded, worst

#: Share of the first loss within which a level is attained or crept to.
LEVEL = 2e-5
#: Initial scales of the flow, and how closely first times agree, extrapolated from them.
ALPHAS, FIRST = (2e-3, 1e-3), 1e-5
#: Paths of one group, numbered in two ways.
SAME = 1e-6
#: Digits of times, and how closely those after a saddle to which neurons creep are the same
#: elsewhere.
DIGITS, CREPT = 3, 5e-3


@dataclass(frozen=True)
class Case:
    """A group, the singular value of each irrep of its template, neurons, and jumps to make."""

    title: str
    group: Group
    parts: Mapping[int, float]
    width: int
    jumps: int

    def network(self) -> GroupComposition:
        """Return the network."""
        return GroupComposition(self.group, template(self.group, self.parts))


def template(group: Group, parts: Mapping[int, float]) -> Array:
    """Return the template whose x̂(ρ) are multiples of unit matrices, given by irrep."""
    one = np.eye(group.order)[group.identity]
    return np.asarray(sum(value * group.project(one, irrep) for irrep, value in parts.items()))


def cases() -> tuple[Case, ...]:
    """Return the cases; all jumps up to the first one of the last irrep of the table."""
    last, first = {1: 4.0, 4: 8.0}, {1: 6.0, 4: 5.0}
    return (
        Case("S_3", groups.symmetric(3), {1: 3.0, 2: 6.0}, 12, 10),
        Case("S_3, sign first", groups.symmetric(3), {1: 6.0, 2: 5.0}, 12, 10),
        Case("D_4", groups.dihedral(4), last, 12, 9),
        Case("D_4, sign first", groups.dihedral(4), first, 12, 3),
        Case("Q_8", groups.quaternion(), last, 16, 10),
        Case("Q_8, sign first", groups.quaternion(), first, 16, 3),
        Case("A_4", groups.alternating(4), {1: 5.0, 2: 9.0}, 35, 1),
        Case("A_4, pair first", groups.alternating(4), {1: 6.0, 2: 5.0}, 35, 6),
        Case("Z_2 × Z_3", groups.cyclic(2, 3), {1: 2.0, 2: 6.0, 3: 4.0}, 14, 6),
    )


def build() -> Table:
    """Return the table."""
    solved = [(case, *_solve(case)) for case in cases()]
    frame = pd.concat([_rows(*one) for one in solved], ignore_index=True)
    early = [n.time_bounds().min() - p.times[1] for _, n, p in solved]
    gaps = [gap for _, n, p in solved for gap in _gaps(n, p) if np.isfinite(gap)]
    disorder = sum(not _ordered(n, p) for _, n, p in solved)
    late, off, strange = np.array([_beside_flow(n) for _, n, _ in solved]).max(axis=0)
    _, network, path = solved[1]
    return Table(
        name="groups",
        title="Composition in small groups",
        text=(
            "In which order, to which levels and when do neurons learn the irreps of a group? "
            "Neurons (u·L_g x + v·L_h x)² w learn products gh from templates with x̂(ρ) = σ times "
            "the unit matrix. The path is AGF in the limit of vanishing initialisation, from 12 "
            "to 35 random neurons.\n\n"
            "Columns: the irrep, by its number, dimension and type; its σ; its share of the power; "
            "the earliest scaled time tα at which its utility lets a neuron activate; the time at "
            "which the first neuron of it does; the loss left once this irrep and all above it are "
            "learnt, over the first loss; how close the path comes to this level, beyond what its "
            "certificate says is still crept. A blank means that the path was not followed so "
            "far: the 3-dimensional irrep of A_4 takes more than 20 neurons.\n\n"
            "The sign of S_3, with σ = 6, has 26 % of the power and comes first. The "
            "bound holds for the first jump of each path only. Neurons of later irreps have grown "
            "along earlier ones, so their bound is a guide. Clusters of neurons that nearly cancel "
            "creep slowly in Q_8, where the loss falls like t^(−1/3); rounding ends them. Z_6 is "
            "the same group as Z_2 × Z_3, with other numbers for its elements.\n\n"
            "Gradient flow was followed from two neurons in each group, one of half the size, at "
            f"α = {ALPHAS[0]} and {ALPHAS[1]}. The time at which half of the first drop is made is "
            "extrapolated to α = 0."
        ),
        frame=frame,
        checks=(
            Check("levels, visited against predicted", float(max(gaps)), LEVEL),
            Check("irreps out of the predicted order", float(disorder), 0.0),
            Check("first jumps before their bounds", max(0.0, float(max(early))), 0.0),
            Check("first jumps of the flow, extrapolated", float(late), FIRST),
            Check("losses of the flow after its first jump", float(off), LEVEL),
            Check("first irreps that are not the flow's", float(strange), 0.0),
            Check("Z_6 and Z_2 × Z_3, times and losses", _relabelled(), SAME),
        ),
        figure=network.plot(path),
        caption=(
            "S_3 with the sign first: the loss touches the grey level, which is the power of the "
            "2-dimensional irrep, before that irrep begins. Eight more neurons learn this irrep."
        ),
        known={"time": _known(frame)},
    )


def _solve(case: Case) -> tuple[GroupComposition, NeuronPath]:
    network = case.network()
    path = saddles.agf.group_composition(
        case.group, network, width=case.width, max_jumps=case.jumps, error_bars=False
    )
    return network, path


def _first_times(network: GroupComposition, path: NeuronPath) -> Array:
    """Return when the first neuron of each learnable irrep activates, NaN if none has."""
    found = network.report(path)
    times = [found.time[found.irrep == irrep] for irrep in network.learnable]
    return np.array([float(mine[0]) if len(mine) else np.nan for mine in times])


def _ordered(network: GroupComposition, path: NeuronPath) -> bool:
    times = _first_times(network, path)
    return bool((np.diff(times[np.isfinite(times)]) > 0).all() and np.isfinite(times[0]))


def _gaps(network: GroupComposition, path: NeuronPath) -> Array:
    """Return how close the path comes to each level, over the first loss, NaN if not so far."""
    levels = network.plateaus(by="irrep")[1:]
    beside = np.abs(path.losses[:, None] - levels) / path.losses[0]
    gaps = np.maximum(beside - path.certificates.creep[:, None], 0.0).min(axis=0)
    # The level of an irrep is reached where the next irrep begins.
    begun = np.append(np.isfinite(_first_times(network, path))[1:], False)
    return np.asarray(np.where(begun, gaps, np.nan))


def _beside_flow(network: GroupComposition) -> tuple[float, float, float]:
    """Return what differs between the first jumps of AGF and of gradient flow.

    The time, relative to AGF's; the loss after it, over the first; and 1 for another irrep.
    """
    init = np.random.default_rng(0).standard_normal((2, network.size))
    init /= np.linalg.norm(init, axis=1)[:, None] * [[1.0], [2.0]]
    path = saddles.agf.group_composition(
        network.group, network, init=init, max_jumps=1, error_bars=False
    )
    grid, times = np.linspace(0.9, 1.1, 4001) * path.times[1], []
    for alpha in ALPHAS:
        flow = saddles.flow.neurons(network, init, log_alpha=np.log(alpha), until=grid[-1])
        losses = flow.loss(grid)
        times.append(float(np.interp(-path.losses.mean(), -losses, grid)))
    limit = (ALPHAS[0] * times[1] - ALPHAS[1] * times[0]) / (ALPHAS[0] - ALPHAS[1])
    learnt = network.group.power(flow.at(grid[-1:])[0]).argmax()
    other = float(learnt != network.report(path).irrep[0])
    return abs(limit / path.times[1] - 1), abs(losses[-1] - path.losses[1]) / path.losses[0], other


def _rows(case: Case, network: GroupComposition, path: NeuronPath) -> pd.DataFrame:
    """Return a row per irrep, in the order in which they should be learnt."""
    irreps, power = network.learnable, network.power
    gaps = _gaps(network, path)
    kinds = [f"{i}: {network.irreps[i].dim}-dim, {network.irreps[i].kind}" for i in irreps]
    times = _first_times(network, path)
    return pd.DataFrame(
        {
            "group": [case.title, *[""] * (len(irreps) - 1)],
            "irrep": kinds,
            "σ": [case.parts[int(i)] for i in irreps],
            "power": [f"{share:.4f}" for share in power[irreps] / power.sum()],
            "earliest": [f"{t:.4f}" for t in network.time_bounds()[irreps]],
            "time": [float(f"{t:.{DIGITS}g}") for t in times],
            "level": [f"{v:.6f}" for v in network.plateaus(by="irrep")[1:] / network.power.sum()],
            "AGF": ["" if np.isnan(gap) else bounded([gap + 1], [1.0], LEVEL)[0] for gap in gaps],
        }
    )


def _known(frame: pd.DataFrame) -> Array:
    """Return by how much times may differ: a digit, and more after neurons have crept."""
    times = frame["time"].to_numpy(float)
    later = frame["group"].to_numpy() == ""
    digit = 10.0 ** (np.floor(np.log10(np.where(np.isnan(times), 1.0, times))) + 1 - DIGITS)
    return np.asarray(np.where(np.isnan(times), np.inf, 1.001 * digit + CREPT * later * times))


def _relabelled() -> float:
    """Return how far paths in Z_6 and in Z_2 × Z_3 differ from the same neurons."""
    pair, clock = groups.cyclic(2, 3), groups.cyclic(6)
    number = np.array([3 * (a % 2) + a % 3 for a in range(6)])
    x = template(pair, {1: 2.0, 2: 6.0, 3: 4.0})
    init = np.random.default_rng(0).standard_normal((4, 3, 6))
    paths = [
        saddles.agf.group_composition(
            group, own, init=rows.reshape(4, 18), max_jumps=2, error_bars=False
        )
        for group, own, rows in ((pair, x, init), (clock, x[number], init[:, :, number]))
    ]
    gaps = [
        worst(getattr(paths[0], name)[1:], getattr(paths[1], name)[1:])
        for name in ("times", "losses")
    ]
    return max(gaps)
