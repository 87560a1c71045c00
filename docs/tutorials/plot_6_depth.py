"""
What depth changes
==================

I add layers to a network that learns in steps. Does it still learn the same features in the same
order, and how long does it take? In short: waits become powers of 1/α instead of log(1/α),
plateaus become sharper, and the initial weights begin to matter.
"""

# %%
# The same data, more layers
# --------------------------
#
# A diagonal network of depth D has the coefficients β = w_1 ⊙ w_2 ⊙ ⋯ ⊙ w_D. In this published
# example (arXiv:2607.12332) coefficient 0 is learnt first, and then replaced by coefficient 2. Each
# row is a saddle: its scaled times at depth 2, 3 and 4, and its coefficients.

import math

import matplotlib.pyplot as plt
import numpy as np

import saddles

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
y = np.array([1.0, 0.0])
paths = {depth: saddles.diagonal_network(X, y, depth=depth) for depth in (2, 3, 4)}
for rows in zip(*paths.values(), strict=True):
    print("".join(f"{saddle.time:9.3f}" for saddle in rows), "  ", rows[0].beta.round(3) + 0.0)

# %%
# The saddles are the same at every depth, and so is their order. The numbers of depth 3 are π/2
# times those of depth 2, and the numbers of depth 4 are those of depth 2. But their units differ.
#
# How long a wait lasts
# ---------------------
#
# With two layers a tiny weight w grows exponentially, w' ∝ w, and a wait is τ log(1/α). With D
# layers it grows more slowly, w' ∝ w^(D − 1), and a wait is τ α^(2 − D). Here is the time t of
# gradient flow at the first jump, for three initial scales and depths 2, 3 and 4:

for alpha in (1e-2, 1e-3, 1e-4):
    waits = [path.physical_times(math.log(alpha))[1] for path in paths.values()]
    print(f"α = {alpha:g}:", "".join(f"{wait:16,.1f}" for wait in waits))

# %%
# Each time that α is divided by ten, depth 2 waits 4.6 longer, depth 3 ten times as long, and
# depth 4 a hundred times as long.
#
# Deeper networks have sharper plateaus
# -------------------------------------
#
# A jump takes a share 1/log(1/α) of the time at depth 2, and only α^(D − 2) at depth D. All
# networks of the picture start at α = 0.01. Times are divided by that of the first jump in the
# limit, so that the limit (dashed) is the same for all.

figure, axis = plt.subplots(layout="constrained")
for depth, path in paths.items():
    flow = saddles.flow.diagonal(X, y, depth=depth, log_alpha=math.log(0.01))
    relative = np.linspace(0, 6.5, 2000)
    axis.plot(relative, flow.loss(relative * path.times[1]), label=f"D = {depth}")
limit = paths[2]
axis.step([*(limit.times / 2), 6.5], [*limit.losses, 0], "k--", where="post", label="limit α → 0")
axis.set(xlabel="time / time of the first jump", ylabel="loss", yscale="log", ylim=(1e-3, 0.4))
axis.legend(frameon=False)

# %%
# Initial weights matter
# ----------------------
#
# At depth 2 only the scale α of the start matters in the limit. From depth 3 on, every initial
# weight does. Double those of coefficient 2, say. Each coefficient has a clock, and becomes active
# when its clock reaches a boundary. The doubled weights halve the boundary of coefficient 2. Now it
# is learnt first, and coefficient 0 is never needed:

init = np.array([[1.0, 1.0, 2.0, 1.0], [1.0, 1.0, 2.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
print("boundaries:", saddles.boundaries(init)[0].round(3))
for saddle in saddles.diagonal_network(X, y, init=init):
    print(f"{saddle.time:9.3f}  ", saddle.beta.round(3) + 0.0)

# %%
# Full matrices
# -------------
#
# A linear network f(x) = W_L ⋯ W_1 x learns modes instead of coefficients. Here the first mode
# explains more of the variance, and the second one correlates more with its input. Two layers learn
# the second mode first, and rest at a loss of 2. Three layers pass this saddle too, but leave it
# after a time like log(1/α). That is short compared with a plateau, which lasts like 1/α. They rest
# at the best map of rank 1, where the loss is 1.5. Here are the losses on all plateaus:

sigma_xx, sigma_yx = np.diag([1.0, 3.0]), np.diag([2.0, 3.0])
layers = [
    np.array([[1.0, 0.0], [0.0, 1.0]]),
    np.array([[1.0, 1.0], [0.0, 1.0]]),
    np.array([[1.0, -1.0], [1.0, 1.0]]),
]
two = saddles.agf.linear(sigma_xx, sigma_yx)
three = saddles.agf.deep_linear(sigma_xx, sigma_yx, init=layers)
print("two layers:  ", two.losses.round(6) + 0.0)
print("three layers:", three.losses.round(6) + 0.0)

# %%
# Does gradient flow agree? Here are the drops of its loss at α = 1e-4, with their times in units
# of 1/α:

flow = saddles.flow.deep_linear(sigma_xx, sigma_yx, init=layers, log_alpha=math.log(1e-4))
jumps = flow.jumps()
for time, before, after in zip(jumps.times, jumps.losses[:-1], jumps.losses[1:], strict=True):
    print(f"{time:.4f}: from {before:.2f} to {after:.2f}")
print("predicted:", three.times[1:].round(4))

# %%
# The flow rests at a loss of 2 too, but only for about 1/80 of the time that it rests at 1.5. At a
# smaller α this share is smaller still, and both drops tend to the first predicted jump.

# %%
# What next?
# ----------
#
# - The pages on `diagonal <../algorithms/diagonal_network.html>`__ and `linear
#   <../algorithms/deep_linear.html>`__ networks of any depth say what is proved.
# - For networks with smooth activations use ``saddles.agf.deep_network``. Each wait of such a
#   network has its own power of α, in ``path.degrees``.
# - From the shell: ``saddles path data.csv --target y --depth 3 --init 1,0.5,0``.
