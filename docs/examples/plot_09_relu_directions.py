"""
Where ReLU neurons turn to
==========================

To which directions do the neurons of a ReLU layer turn before they grow? From tiny weights they
gather at a few directions that the data alone determine (Maennel, Bousquet and Gelly 2018). Here
are all of these directions for six samples in the plane. The curve is G(w) = (1/n) Σ y relu(w·x),
the growth rate of a neuron with direction w and a > 0. Neurons with a > 0 gather at its local
maxima, and neurons with a < 0 at its local minima. Grey lines are kinks, where a sample leaves or
enters the half-plane of the neuron. Some directions are on kinks.

Try it: draw other samples. A search for w parallel to its own gradient misses the directions on
kinks.
"""

import matplotlib.pyplot as plt
import numpy as np

import saddles

rng = np.random.default_rng(6)
X, y = rng.normal(size=(6, 2)), rng.normal(size=6)

found = saddles.agf.extremal_directions(X, y)

angles = np.linspace(-np.pi, np.pi, 2001)
circle = np.column_stack([np.cos(angles), np.sin(angles)])
figure, axis = plt.subplots(layout="constrained")
for kink in np.arctan2(X[:, 1], X[:, 0])[:, None] + [-np.pi / 2, np.pi / 2]:
    for angle in (kink + np.pi) % (2 * np.pi) - np.pi:
        axis.axvline(angle, color="0.85")
axis.plot(angles, np.maximum(circle @ X.T, 0) @ y / 6, color="0.3")
for sign, marker in ((1, "^"), (-1, "v")):
    mine = found.sign == sign
    where = np.arctan2(found.directions[mine, 1], found.directions[mine, 0])
    label = f"attracts neurons with a {'>' if sign > 0 else '<'} 0"
    axis.plot(where, sign * found.growth[mine], marker, markersize=10, label=label)
axis.set(xlabel="angle of w", ylabel="G(w)")
axis.legend(loc="upper right", framealpha=1.0)

# %%
# The path of a whole network on these data. Neurons that share a direction become active together,
# in one jump.

saddles.agf.relu(X, y, width=40, seed=0)
