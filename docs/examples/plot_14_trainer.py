"""
A network that grows to its teacher's width
===========================================

How does a network find its own width? Five ReLU neurons, the teacher, made the data.
``saddles.optim.AGF`` starts without neurons and adds one per jump. The left picture shows the
largest cosine between each teacher neuron and the trained ones after every jump. The first neurons
stand for several of the teacher's. Jump 6 adds a neuron and returns another one to the dormant set,
and then all five are the teacher's. The right picture compares the loss with four runs of Adam at
the teacher's width. Some starts of Adam reach the teacher, others do not.

Try it: use another seed of the teacher, or a teacher with eight neurons.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from saddles.optim import AGF

rng = np.random.default_rng(0)
teacher = rng.standard_normal((5, 20))
teacher /= np.linalg.norm(teacher, axis=1, keepdims=True)
X = rng.standard_normal((2000, 20))
y = np.maximum(X @ teacher.T, 0) @ (rng.choice([-1, 1], 5) * rng.uniform(0.5, 1.5, 5))

path = AGF("relu").fit(X, y).path
cosines = np.zeros((5, len(path)))
for jump, step in enumerate(path[1:], 1):
    weights = step.network.weights
    weights = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    cosines[:, jump] = (teacher @ weights.T).max(axis=1)


def adam(seed, width=5, steps=1200):
    torch.manual_seed(seed)
    nn, inputs, targets = torch.nn, torch.tensor(X), torch.tensor(y)[:, None]
    net = nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, 1)).double()
    optimizer, losses = torch.optim.Adam(net.parameters(), lr=0.03), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((net(inputs) - targets) ** 2).mean() / 2
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return width * np.arange(1, steps + 1), losses


figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
picture = left.imshow(cosines, vmin=0, vmax=1, cmap="Greys", aspect="auto")
left.set(xlabel="jump (neurons)", ylabel="neuron of the teacher")
left.set_xticks(range(len(path)), [f"{step.index}\n({step.neurons})" for step in path])
figure.colorbar(picture, label="cosine with the nearest neuron")
for seed in range(4):
    right.plot(*adam(seed), color="C1", label="Adam, 5 neurons" if seed == 0 else None)
gradients, losses = np.transpose([(step.gradients, max(step.loss, 1e-32)) for step in path[1:]])
right.plot(gradients, losses, "o-", label="AGF")
right.set(xlabel="gradients of single neurons", ylabel="loss", xscale="log", yscale="log")
right.legend(frameon=False)
