"""
Test my algorithm
=================

I wrote a solver for the saddles of a diagonal network. Is it right, also if the data have ties,
copies of columns, or more features than samples? The package tries it on such problems, and shows
the smallest one on which it fails.
"""

# %%
# A solver with an error
# ----------------------
#
# A solver takes X and y. It returns the times, coefficients and losses of all saddles, the start
# included. This solver has an error: it fits all coefficients that have ever been active, so none
# can return to zero.

import numpy as np

from saddles import testing


def first_attempt(X, y):
    n, d = X.shape
    clocks, beta, time, active = np.zeros(d), np.zeros(d), 0.0, np.zeros(d, dtype=bool)
    times, betas, losses = [], [], []
    while True:
        residual = y - X @ beta
        times.append(time), betas.append(beta), losses.append(residual @ residual / (2 * n))
        speed = X.T @ residual / n
        dormant = ~active & (np.abs(speed) > 1e-12 * np.linalg.norm(X, axis=0) * np.linalg.norm(y))
        if not dormant.any():
            return times, betas, losses
        delays = np.full(d, np.inf)
        delays[dormant] = (np.sign(speed[dormant]) - clocks[dormant]) / speed[dormant]
        time, clocks = time + delays.min(), clocks + delays.min() * speed
        active = active | (delays <= delays.min() * (1 + 1e-12))
        beta = np.zeros(d)
        beta[active] = np.linalg.lstsq(X[:, active], y)[0]


try:
    testing.check_diagonal_path(first_attempt)
except testing.LawError as error:
    print(error)

# %%
# The report has the law that is broken, the smallest example that was found, what was expected and
# what the solver returned. Here a coefficient has the wrong sign for its clock, because the
# least-squares problem has no sign constraints.
#
# The error corrected
# -------------------
#
# With sign constraints, a coefficient whose clock is at its boundary may be zero, and its clock may
# move away again.

from scipy.optimize import nnls


def second_attempt(X, y):
    n, d = X.shape
    clocks, beta, time = np.zeros(d), np.zeros(d), 0.0
    times, betas, losses = [], [], []
    while True:
        residual = y - X @ beta
        times.append(time), betas.append(beta), losses.append(residual @ residual / (2 * n))
        speed = X.T @ residual / n
        moving = np.abs(speed) > 1e-12 * np.linalg.norm(X, axis=0) * np.linalg.norm(y)
        if not moving.any():
            return times, betas, losses
        delay = min((np.sign(speed[moving]) - clocks[moving]) / speed[moving])
        time, clocks = time + delay, clocks + delay * np.where(moving, speed, 0.0)
        held = np.flatnonzero(np.abs(clocks) > 1 - 1e-10)
        signs, beta = np.sign(clocks[held]), np.zeros(d)
        beta[held] = signs * nnls(X[:, held] * signs, y)[0]


print(testing.check_diagonal_path(second_attempt, minimum_norm=False))

# %%
# If the data do not determine the coefficients, ``minimum_norm=False`` accepts any coefficients
# with the right fit.
#
# A picture of the error
# ----------------------
#
# In this published example coefficient 0 has to return to zero at the second jump. The first
# attempt keeps it, so its loss falls too early.

import matplotlib.pyplot as plt

X = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]])
y = np.array([1.0, 0.0])
figure, axis = plt.subplots(layout="constrained")
for solver, style in ((first_attempt, "C1-"), (second_attempt, "k--")):
    times, _, losses = solver(X, y)
    axis.step([*times, 14.0], [*losses, losses[-1]], style, where="post", label=solver.__name__)
axis.set(xlabel="scaled time", ylabel="loss", yscale="symlog", ylim=(0, 0.3))
axis.set_yscale("symlog", linthresh=1e-3)
axis.legend(frameon=False)
