"""
What depth changes
==================

How small must α be before plateaus can be seen? With two layers each jump takes a share 1/log(1/α)
of the time, with D layers only α^(D − 2). Here networks of depth 2, 3 and 4 learn the same data
from the same α = 0.01. Times are divided by the boundary, the value at which a clock of that depth
rings, so that all networks have the same limit (dashed). Two layers miss the last plateau. The
curve of four layers lies on the limit.

Try it: give ``init=[1, 0.5, 0]`` to ``boundaries`` and the flow instead of ``depth``. All times of
this network are longer, but divided by its boundary they have the same limit.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

import saddles

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
y = np.array([1.0, 0.0])

figure, axis = plt.subplots(layout="constrained")
for depth in (2, 3, 4):
    boundary = float(saddles.boundaries(depth=depth)[0])
    flow = saddles.flow.diagonal(X, y, depth=depth, log_alpha=math.log(0.01))
    tau = np.linspace(0, 13, 2000)
    axis.plot(tau, flow.loss(tau * boundary), label=f"D = {depth}")
path = saddles.diagonal_network(X, y)
axis.step([*path.times, 13], [*path.losses, 0], "k--", where="post", label="limit α → 0")
axis.set(xlabel="scaled time / boundary", ylabel="loss", yscale="log", ylim=(1e-3, 0.4))
axis.legend(frameon=False)

# %%
# The saddles are the same at every depth if all coefficients start alike. If the weights of
# coefficient 2 are doubled, it is learnt first, and coefficient 0 is never learnt:

init = np.array([[1.0, 1.0, 2.0, 1.0], [1.0, 1.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
saddles.diagonal_network(X, y, init=init).to_frame()
