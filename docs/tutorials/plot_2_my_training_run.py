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
# A recorder takes the loss and, if you like, the coefficients. Call it before the update, so that
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
# Nothing is fitted: you declare the initial scale, the learning rate and the loss. Torch's mean
# squared error is twice the loss of the package, so ``loss_factor`` is 2. The prediction is for
# α → 0. To compare at the α of this run too, pass the gradient flow from that α.

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
# gradient flow. Here are the errors of the jump times of the run, in per cent:

(100 * run.time_errors).round(1)

# %%
# Why is it late?
# ---------------
#
# Gradient flow at the α of this run has no learning rate, and is late too. Its errors in per cent:

(100 * run.flow.time_errors).round(1)

# %%
# Compared with this flow, the run is late because of its learning rate:

(100 * run.flow_errors).round(1)

# %%
# If you halve the learning rate, these numbers should halve. If they do not, something else
# differs: the loss factor, momentum, weight decay, or batches that are not the whole data.
#
# If the number of jumps differs
# ------------------------------
#
# ``run.same_jumps`` is then False. If later jumps are missing, train longer. If neighbouring jumps
# merge, start from a smaller α. Adam does not follow gradient flow at any learning rate.

run.same_jumps
