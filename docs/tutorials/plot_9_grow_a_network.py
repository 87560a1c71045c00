"""
Grow a network
==============

I have a table of numbers, and want a small network that predicts one column. How wide should it be,
and which learning rate does it take? The trainer ``saddles.optim.AGF`` needs neither. It adds one
neuron at a time, and stops by itself.
"""

# %%
# A network that somebody else made
# ---------------------------------
#
# To see whether the trainer is right, let the data come from a known network, the teacher. It has
# four ReLU neurons in ten dimensions.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1

from saddles.estimators import AGFRegressor
from saddles.optim import AGF, maximise_utility, minimise_cost

rng = np.random.default_rng(0)
teacher = rng.standard_normal((4, 10))
teacher /= np.linalg.norm(teacher, axis=1, keepdims=True)
outputs = np.array([1.5, -1.0, 1.0, 0.5])
X = rng.standard_normal((600, 10))
y = np.maximum(X @ teacher.T, 0) @ outputs

trainer = AGF("relu").fit(X, y)
trainer.network.width, trainer.status

# %%
# The width is that of the teacher. Each row below is one jump. The trainer finds the direction with
# the largest utility that it can find, adds a neuron there, and moves all neurons until the loss is
# smallest.

for step in trainer.path:
    print(f"{step.neurons} neurons: loss {step.loss:.1e}, {len(step.left)} left")

# %%
# In the last jump a fifth neuron became active, and an earlier one left. A neuron leaves if the
# others, fitted again, do as well without it. This step back is why the width is the teacher's.
#
# Are these the teacher's neurons? Here is the largest cosine between each teacher neuron and the
# neurons that were found:

weights = trainer.network.weights
weights = weights / np.linalg.norm(weights, axis=1, keepdims=True)
(weights @ teacher.T).max(axis=0).round(6)

# %%
# The two halves by hand
# ----------------------
#
# A jump consists of two functions that you can call yourself. ``maximise_utility`` finds directions
# in which a new neuron helps most. ``minimise_cost`` then moves all neurons. These three jumps are
# the loop in short, for neurons without biases:

W, residual = np.zeros((0, 10)), y[:, None]
for _ in range(3):
    ascent = maximise_utility("relu", X, residual)
    cost = minimise_cost("relu", np.vstack([W, ascent.W[:1]]), X, y)
    W, residual = cost.W, cost.residual
    print(f"utility {ascent.utilities[0]:.2f}, then loss {cost.loss:.1e}")

# %%
# Noisy data
# ----------
#
# With noise no network is exact, and the trainer must know when to stop. It keeps a score, the loss
# that generalised cross-validation expects on new samples. It stops when three jumps have not
# improved the score enough, and returns the network with the best one. If you pass
# ``validation=(Xv, yv)``, their loss is the score.
#
# Friedman's function of ten features has noise of variance 1, which no network can predict. With
# scikit-learn the trainer is ``AGFRegressor``:

X, y = make_friedman1(1500, noise=1.0, random_state=0)
model = AGFRegressor().fit(X[:1000], y[:1000])
error = np.mean((model.predict(X[1000:]) - y[1000:]) ** 2)
print(f"{model.n_neurons_} neurons, test error {error:.2f}, {model.status_.name}")

# %%
# The picture shows why it stopped: the training loss goes on falling, but the score does not. Both
# are halved mean squares, so noise alone gives 1/2. Numbers above the score are those of neurons.

path, jumps = model.path_, range(len(model.path_))
figure, axis = plt.subplots(layout="constrained")
axis.plot(jumps, [step.score for step in path], "s-", label="score")
axis.plot(jumps, [step.loss for step in path], "o-", label="training loss")
for step in path:
    axis.annotate(step.neurons, (step.index, 1.1 * step.score), ha="center")
axis.axhline(0.5, color="grey", linewidth=0.8)
axis.set(xlabel="jump", ylabel="loss", yscale="log")
axis.legend(frameon=False)

# %%
# A neuron of my own
# ------------------
#
# Neurons may be ``"relu"``, ``"leaky"``, ``"quadratic"`` or ``"linear"``, or a torch function of a
# unit weight and the samples. It must be homogeneous in the weight. Here the data come from one
# neuron whose feature is the cube of a projection:

X = rng.standard_normal((300, 4))
y = (X @ [0.6, 0.8, 0.0, 0.0]) ** 3
cubic = AGF(lambda w, X: (X @ w) ** 3, bias=False).fit(X, y)
cubic.network.weights.round(6) + 0.0

# %%
# Going on in torch
# -----------------
#
# ``module()`` returns the network as a plain ``nn.Sequential``, for any optimiser of torch:

trainer.module()

# %%
# What next?
# ----------
#
# - `When to train with AGF <../training.html>`__ says where the trainer wins and where it loses.
# - ``AGFClassifier`` grows a network for classes.
# - The trainer is greedy: it takes the best direction. For the path that gradient flow takes from
#   small weights, see `any homogeneous neuron <../algorithms/network.html>`__.
