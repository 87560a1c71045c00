"""
A staircase in a million dimensions
===================================

A target depends on three of a million coordinates. Which of them do neurons find first, what does
the dimension cost them, and when do they tell two directions apart?
"""

# %%
# What is there to see?
# ---------------------
#
# The target z₁ + z₁z₂ + z₁z₂z₃ is a staircase. Once z₁ is learnt, the next term is linear in z₂,
# and then the last one is linear in z₃. So every step raises the degree by one. Without its first
# two terms the target begins at degree 3. The first numbers below are the lowest degree, and the
# second ones the largest step:

import matplotlib.pyplot as plt
import numpy as np

import saddles
from saddles.agf import HermiteTarget, MultiIndex

staircase = HermiteTarget({(1, 0, 0): 1.0, (1, 1, 0): 1.0, (1, 1, 1): 1.0})
peak = HermiteTarget({(1, 1, 1): 1.0})
[(saddles.agf.information_exponent(each), saddles.agf.leap(each)) for each in (staircase, peak)]

# %%
# Not every neuron can learn all of it
# ------------------------------------
#
# Hermite degree 3 is orthogonal to every ReLU without bias, which raises an error:

try:
    MultiIndex(peak, 10**6, activation="relu")
except ValueError as error:
    print(error)

# %%
# Cubed ReLUs can learn it. Their utility is largest in a direction that already mixes all three
# coordinates:

network = MultiIndex(staircase, 10**6, activation="relu3")
found = saddles.agf.utility_maximisers(network, starts=20)
found.sign[:2], found.overlaps[:2].round(3)

# %%
# How long is the search?
# -----------------------
#
# In d dimensions a neuron starts with overlaps of size 1/√d. The lowest degree p of the target
# decides how long it searches. Here are targets He_p of one coordinate, with cubic neurons for
# p = 3 and ReLU neurons otherwise, from α = e⁻²⁰.

dimensions = np.geomspace(1e1, 1e6, 60)
figure, axis = plt.subplots(layout="constrained")
for p, activation in ((1, "relu"), (2, "relu"), (3, "cubic"), (4, "relu")):
    single = MultiIndex(HermiteTarget({p: 1.0}), activation=activation)
    k = single.degree - 1
    mu = abs(single.activation.hermite(p)[p]) * (1, 1, 2, 6, 24)[p]

    def time(v0, k=k, p=p, mu=mu):
        return saddles.agf.search_time(k, p, mu, v0, log_alpha=-20.0)

    axis.plot(dimensions, [time(d**-0.5) / time(1.0) for d in dimensions], label=f"p = {p}")
axis.set(xscale="log", yscale="log", xlabel="dimension d", ylabel="time / time with overlap 1")
axis.legend(frameon=False)

# %%
# For p = 1 the dimension hardly matters, for p = 2 the time grows like log d, and for larger p like
# a power of d. In the limit α → 0 of the scaled time of ReLU neurons none of this is visible, since
# the search is short compared with log(1/α).
#
# The path, in a million dimensions
# ---------------------------------
#
# Neurons stay in the span of the three directions and of their own initial weights. So a million
# dimensions cost as much as a dozen. These neurons start as if in 10⁶ dimensions, and the path
# stops after the second jump.

path = saddles.agf.multi_index(staircase, 10**6, activation="relu3", width=6, seed=0, max_jumps=2)
path.times.round(4), path.losses.round(4), path.overlaps[1].round(3)

# %%
# The first neuron that activates has all three coordinates at once. It climbed the staircase of
# coordinates during its search, while it was still small and did not lower the loss.
#
# When do neurons part?
# ---------------------
#
# Two ReLU teachers at a right angle are first learnt as one direction between them. Then the
# neurons part, at π/√2 in units of log(1/α):

teachers = HermiteTarget.teacher([1.0, 1.0], [[1.0, 0.0], [0.0, 1.0]])
pair = saddles.agf.multi_index(teachers, 10**6, width=2, signs=[1, 1])
flow = saddles.flow.neurons(pair.network, pair.init, log_alpha=-10.0, until=3.2)
figure = saddles.compare(pair, flow).plot()
figure

# %%
# The flow at α = e⁻¹⁰ (colours) parts later, by a time that is constant in units of t. A path whose
# neurons will part at a time that is not known has the status ``NEURONS_PART``. This one has
# learnt its target:

pair.status, [units.tolist() for units in pair.splits]
