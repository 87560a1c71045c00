"""
Which jumps will my own network make?
=====================================

I have a two-layer network in torch. Which staircase does theory predict from its initial weights?
And once training is under way, when does the next jump come?
"""

# %%
# The prediction
# --------------
#
# 64 ReLU neurons learn the output 1 for a handwritten zero and −0.3 for a one. The norms of the
# neurons are about 1e-4 at the start. ``two_layer`` reads the weights of the module, and computes
# the path from them.

import copy

import torch
from sklearn.datasets import load_digits

import saddles

images, labels = load_digits(n_class=2, return_X_y=True)
X, y = images[:60] / 32, 1.0 - 1.3 * labels[:60]
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Linear(64, 64, bias=False), torch.nn.ReLU(), torch.nn.Linear(64, 1, bias=False)
).double()
for weight in net.parameters():
    torch.nn.init.normal_(weight, std=1e-4 / 8)
start = copy.deepcopy(net)
path = saddles.agf.two_layer(net, X, y)

# %%
# The run
# -------
#
# Train as usual, and keep one checkpoint. Torch's mean squared error is twice the loss of the
# package, so ``loss_factor`` is 2.

inputs, targets = torch.tensor(X), torch.tensor(y)[:, None]
optimizer, recorder = torch.optim.SGD(net.parameters(), lr=0.005), saddles.Recorder()
for step in range(6000):
    if step == 2000:
        checkpoint = copy.deepcopy(net)
    loss = torch.nn.functional.mse_loss(net(inputs), targets)
    recorder.record(loss)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

run = saddles.compare_run(
    path, recorder, log_alpha=path.log_alpha, learning_rate=0.005, loss_factor=2
)
figure = run.plot()
figure

# %%
# The run (line) makes both jumps of the prediction (dashed), about a tenth earlier. Which norm
# counts as active is a convention. It changes times by O(1/log(1/α)), which is a tenth at this
# scale.
#
# The forecast
# ------------
#
# At step 2000 the run is on its second plateau. The large neurons of this checkpoint are active,
# and the others are dormant. The path from the checkpoint forecasts the next jump of the run. Here
# are the step of the forecast, and the step at which the run did jump:

forecast = saddles.agf.two_layer(start, X, y, start=checkpoint)
steps_per_time = -path.log_alpha / (2 * 0.005)
print(f"forecast: step {2000 + steps_per_time * forecast.times[1]:.0f}")
print(f"run:      step {steps_per_time * run.measured[1]:.0f}")

# %%
# The forecast is late for the same reason as the prediction. From a smaller scale, both are closer
# to the run.
