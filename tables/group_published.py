"""Composition: levels of the published templates, against plateaus of the published runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

import saddles
from saddles import groups
from saddles.agf import GroupComposition
from saddles.groups import Group
from tables.groups import template
from tables.table import Check, Table, worst

#: Of the mean squared errors of D_3: before training, after the first irrep, and after one neuron.
D3, D3_NEURON = (505.0, 5.0), 476.1585
#: How closely: formulas; one neuron, printed to seven digits; runs by steps of 1e-2 to 1e-5, some
#: of them on sampled pairs.
FORMULA, PRINTED, RUN = 1e-12, 1e-6, 2e-2


@dataclass(frozen=True)
class Published:
    """A group, and by falling utility: an irrep, squared length of its part, plateau of a run."""

    name: str
    group: Group
    rows: tuple[tuple[int, float, float | None], ...]

    def network(self) -> GroupComposition:
        """Return the network of the published template: x̂(ρ) are multiples of unit matrices."""
        parts = {}
        for number, power, _ in self.rows:
            irrep = self.group.irreps[number]
            scale = irrep.field_dim * irrep.size**2
            parts[number] = math.sqrt(power * self.group.order / scale)
        return GroupComposition(self.group, template(self.group, parts))


def published() -> tuple[Published, ...]:
    """Return the published templates, with the plateaus of the saved runs that were read."""
    eleven = ((1, 25.0, 4.5451), (2, 20.0, 2.7272), (3, 15.0, 1.3641), (4, 10.0, 0.45464))
    five = ((1, 12.0, 1.1223), (2, 10.0, 0.7184), (3, 8.0, 0.39995), (4, 6.0, 0.1584))
    return (
        Published("D_3", groups.dihedral(3), ((2, 3000.0, None), (1, 30.0, None))),
        Published(
            "D_5", groups.dihedral(5), ((1, 3000.0, None), (2, 2000.0, None), (3, 1000.0, None))
        ),
        Published("Z_11", groups.cyclic(11), (*eleven, (5, 5.0, None))),
        Published("Z_5²", groups.cyclic(5, 5), (*five, (5, 4.0, None))),
        Published(
            "octahedral",
            groups.symmetric(4),
            ((1, 1000.0, 59.47), (3, 900.0, None), (4, 430.0, None), (2, 100.0, None)),
        ),
        Published(
            "A_5",
            groups.alternating(5),
            ((1, 2000.0, None), (2, 1300.0, None), (3, 600.0, None), (4, 100.0, None)),
        ),
    )


def build() -> Table:
    """Return the table."""
    cases = [(case, case.network()) for case in published()]
    frame = pd.concat([_rows(case, network) for case, network in cases], ignore_index=True)
    disorder = sum(
        network.learnable.tolist() != [number for number, _, _ in case.rows]
        for case, network in cases
    )
    seen = frame[frame["run"].notna()]
    first = cases[0][1]
    one = saddles.agf.group_composition(first.group, first, width=1)
    return Table(
        name="group_published",
        title="Composition: the published templates",
        text=(
            "Are the plateaus of the published runs those that the template tells? Templates of "
            "the paper's code for products of two elements; in each, x̂(ρ) is a multiple of a "
            "unitary matrix, so an irrep is learnt as a whole.\n\n"
            "Columns, in the order of utilities: the irrep, by its number, dimension and type; "
            "the squared length of its part of the template; the mean squared error per output "
            "that is left once it and those above are learnt, 2/n times the loss; the flattest "
            "point of the authors' saved run near this level, where a run was read.\n\n"
            "These runs scale the step of each neuron and clip gradients, so their epochs are no "
            "times of a flow. The run of the octahedral group, the rotations of a cube, was "
            "trained on sampled pairs and ended on its first level. Which of its irreps has which "
            "power is inferred from that. "
            f"In D_3 a single neuron leaves {_errors(first, one.losses)[1]:.7g} of "
            f"{_errors(first, one.losses)[0]:g}: the sign helps it, and the 2-dimensional irrep "
            "alone would leave 477.2222. No neuron activates before the scaled time "
            f"{first.time_bounds().min():.8g}; this one did at {one.times[1]:.4g}."
        ),
        frame=frame,
        checks=(
            Check(
                "D_3, errors 505 and 5",
                worst(_errors(first, first.plateaus())[:2], D3),
                FORMULA,
            ),
            Check(
                "D_3, error after one neuron",
                worst(_errors(first, one.losses)[1:], [D3_NEURON]),
                PRINTED,
            ),
            Check("plateaus of the runs", worst(seen["run"], seen["error"]), RUN),
            Check("templates with another order", float(disorder), 0.0),
        ),
    )


def _errors(network: GroupComposition, losses: object) -> list[float]:
    """Return mean squared errors per output."""
    return [float(x) for x in np.asarray(losses, dtype=float) * 2 / network.group.order]


def _rows(case: Published, network: GroupComposition) -> pd.DataFrame:
    errors = _errors(network, network.plateaus(by="irrep"))[1:]
    irreps = [network.irreps[number] for number, _, _ in case.rows]
    return pd.DataFrame(
        {
            "group": [case.name, *[""] * (len(irreps) - 1)],
            "irrep": [
                f"{number}: {irrep.dim}-dim, {irrep.kind}"
                for (number, _, _), irrep in zip(case.rows, irreps, strict=True)
            ],
            "squared length": [power for _, power, _ in case.rows],
            "error": [float(f"{error:.6g}") for error in errors],
            "run": [run for _, _, run in case.rows],
        }
    )
