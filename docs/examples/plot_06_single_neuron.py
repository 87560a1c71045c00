"""
Where a single linear neuron ends
=================================

Many weights fit the data. Which ones does training find? For f(x) = a w·x with one sample in two
dimensions, β = a w fits at every point of the line β·x = y. The end depends on ``δ = a² − |w|²``,
which gradient flow conserves. The curves are the flow of β, all from the same β₀. The
circles are the minimisers of Theorem 3.1, computed without the flow. Each curve should end in its
circle. For large δ > 0 (upstream) β goes straight to the line, as in linear regression. For large
δ < 0 (downstream) it keeps its direction at first, and turns late.

Try it: start from ``[-0.3, 0.1]``. Some flows then pass through β = 0, and the theorem does not
apply.
"""

import matplotlib.pyplot as plt
import numpy as np

import saddles

X, y = np.array([[1.0, 0.5]]), np.array([1.0])
start = np.array([0.0, 0.5])

figure, axis = plt.subplots(layout="constrained")
line = np.array([0.0, 1.0])
axis.plot(line, (y - X[0, 0] * line) / X[0, 1], color="0.6", label="solutions, β·x = y")
for colour, delta in zip(["C0", "C2", "C1"], [3.0, 0.0, -3.0], strict=True):
    flow = saddles.neuron.function_space_flow(X, y, beta0=start, delta=delta)
    along = flow.at(np.concatenate([[0.0], np.geomspace(1e-4, 1, 400) * flow.until]))
    axis.plot(*along.T, color=colour, label=f"δ = {delta:g}")
    end = saddles.implicit_bias.single_neuron(X, y, beta0=start, delta=delta)
    axis.plot(*end.beta, "o", markersize=9, markerfacecolor="none", color=colour)
axis.plot(*start, "k.", markersize=9)
axis.annotate("start", start, xytext=(4, -14), textcoords="offset points")
axis.set(xlabel="β[0]", ylabel="β[1]", aspect="equal")
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1.02, 0.5))
