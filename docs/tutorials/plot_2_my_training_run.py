"""
Is my training run right?
=========================

I train a diagonal network in torch with SGD, and its loss falls in steps. Are these the steps
that theory predicts, and how much of the difference is due to my learning rate?
"""

# %%
# Record the run
# --------------
#
# A recorder takes the loss and, if you like, the coefficients. Record before the update, so that
# step 0 is the start.

import numpy as np
import torch

import saddles

rng = np.random.default_rng(4)
X = rng.normal(size=(20, 4)) * [1.6, 1.2, 1.0, 0.8]
y = X @ [1.5, -1.0, 0.7, 0.0]
inputs, targets = torch.tensor(X), torch.tensor(y)

alpha, learning_rate = 1e-6, 0.01
u = torch.full((4,), alpha, dtype=torch.float64, requires_grad=True)
v = torch.zeros(4, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.SGD([u, v], lr=learning_rate)
recorder = saddles.Recorder(every=10)
for _ in range(2500):
    loss = torch.nn.functional.mse_loss(inputs @ (u * v), targets)
    recorder.record(loss, u * v)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

# %%
# Compare it with the prediction
# ------------------------------
#
# Nothing is fitted: declare the initial scale, the learning rate and the loss. Torch's mean
# squared error is twice the loss of the package, so ``loss_factor`` is 2. The prediction is for
# α → 0, so give the gradient flow at the α of this run too.

path = saddles.pesme_flammarion(X, y)
run = saddles.compare_run(
    path,
    recorder,
    log_alpha=np.log(alpha),
    learning_rate=learning_rate,
    loss_factor=2,
    flow=saddles.flow.diagonal(X, y, log_alpha=np.log(alpha)),
)
figure = run.plot()
figure

# %%
# The run (colours) makes the jumps of the prediction (dashed), a little late. The dotted curve is
# the gradient flow. The errors of the jump times, in per cent:

(100 * run.time_errors).round(1)

# %%
# Whose fault is it?
# ------------------
#
# Gradient flow at the α of this run is late too, without any learning rate:

(100 * run.flow.time_errors).round(1)

# %%
# What is left is due to the learning rate:

(100 * run.flow_errors).round(1)

# %%
# Halve the learning rate and these numbers halve. If they do not, something else differs: the
# loss factor, momentum, weight decay, or batches that are not the whole data.
#
# If the number of jumps differs
# ------------------------------
#
# ``run.same_jumps`` is then False. Train longer if later jumps are missing. Start from a smaller
# α if neighbouring jumps merge. Adam is not gradient flow: no learning rate makes it one.

run.same_jumps
