"""
A training run of your own, compared with its prediction
========================================================

Does my training run follow the prediction? Three lines in a torch loop record a run. One call
compares it with the predicted staircase, and with gradient flow from the same initial scale
(dotted). Nothing is fitted: the learning rate, the initial scale and the loss are those declared.
The run jumps a little late, as it must at a finite scale, and so does the flow.

Try it: declare a wrong ``loss_factor`` and read the warning.
"""

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
# The errors jump by jump. Those relative to the flow are due to the learning rate alone:

run.to_frame()
