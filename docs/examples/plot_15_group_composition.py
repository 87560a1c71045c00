"""
Irrep by irrep: rotations of a tetrahedron
==========================================

How does a network learn to multiply in a group that does not commute? Forty quadratic neurons learn
products in A_4, the twelve rotations of a tetrahedron, by gradient flow from α = 0.03. The template
has two irreps: a pair of complex ones of dimension 1, with singular value 9, and a real one of
dimension 3, with 5. The larger singular value is learnt first, although the other irrep has 58 % of
the power. The grey levels are the power not yet learnt, in closed form.

Try it: give both irreps the same singular value. The smaller dimension is then first.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import solve_ivp

import saddles

group = saddles.groups.alternating(4)
one = np.eye(12)[group.identity]
network = saddles.agf.GroupComposition(group, 9 * group.project(one, 1) + 5 * group.project(one, 2))

alpha, width = 0.03, 40
start = np.random.default_rng(0).standard_normal((width, network.size))
start *= alpha / np.linalg.norm(start, axis=1, keepdims=True)


def descent(time, weights):
    return -network.gradient(weights.reshape(width, -1)).ravel()


times = np.linspace(0, 1.6, 400)
flow = solve_ivp(
    descent, (0, 1.6 / alpha), start.ravel(), t_eval=times / alpha, rtol=1e-4, atol=1e-6
)
points = [weights.reshape(width, -1) for weights in flow.y.T]

figure, (above, below) = plt.subplots(2, 1, sharex=True, layout="constrained")
above.plot(times, [network.loss(theta) for theta in points], color="black")
for level in network.plateaus():
    above.axhline(level, color="0.8", linewidth=0.8, zorder=0)
above.set_ylabel("loss")
learnt = np.array([group.power(network.point(theta)) for theta in points])
for irrep in network.learnable:
    label = f"irrep {irrep}: {group.irreps[irrep].dim}-dim, {group.irreps[irrep].kind}"
    below.plot(times, learnt[:, irrep] / network.power[irrep], label=label)
below.set_ylabel("share of the power learnt")
below.set_xlabel("scaled time t α")
below.legend(frameon=False)
figure

# %%
# The bounds of the template: no neuron of an irrep can activate earlier, if nothing else is learnt.

print(network.time_bounds(log_alpha=np.log(alpha))[network.learnable].round(3))
