"""
From clock arithmetic to any group
==================================

Neurons that add hours on a clock learn one frequency after the other. Products of permutations, or
of rotations of a solid, need matrices in place of waves. Which of them is learnt first, what is
left after each, and how many neurons does it take?
"""

# %%
# A clock is a group
# ------------------
#
# Hours are added modulo 12. The irreducible representations (irreps) of this group are signs and
# waves, one for each frequency:

import numpy as np

import saddles

clock = saddles.groups.cyclic(12)
print([(irrep.dim, irrep.kind) for irrep in clock.irreps])

# %%
# The template x encodes the identity, and its shifts encode the other elements.
# ``GroupComposition`` is ``ModularAddition`` for any group. For a clock both have the same levels:

template = np.cos(2 * np.pi * np.arange(12) / 12) + 0.5 * np.cos(6 * np.pi * np.arange(12) / 12)
print(saddles.agf.GroupComposition(clock, template).plateaus().round(4))
print(saddles.agf.ModularAddition(template).plateaus.round(4))

# %%
# Permutations
# ------------
#
# Permutations of three things do not commute, so waves do not suffice. S_3 has the trivial irrep,
# the sign, and one irrep of 2 x 2 matrices. The Fourier transform of this template is 6 at the
# sign, and 5 times the unit matrix at the other one. The 2-dimensional irrep has most of the power:

group = saddles.groups.symmetric(3)
one = np.eye(6)[group.identity]
network = saddles.agf.GroupComposition(group, 6 * group.project(one, 1) + 5 * group.project(one, 2))
print((network.power / network.power.sum()).round(3))

# %%
# Which is learnt first?
# ----------------------
#
# The sign. A neuron is only as fast as the largest singular value σ of x̂(ρ) lets it be, and its
# utility is 2σ³/(√27 n^{3/2} √d_R). The power does not matter. The bounds are in
# ``utility_bounds``, and the levels follow:

print(network.utility_bounds.round(4), (network.plateaus() / network.plateaus()[0]).round(4))

# %%
# The path of twelve random neurons agrees. It touches both grey levels, through smaller steps in
# between:

path = saddles.agf.group_composition(group, network, width=12, error_bars=False)
print(network.report(path).irrep)
figure = network.plot(path)
figure

# %%
# Two neurons learn a sign, one half each. The 2-dimensional irrep took eight of the twelve, and its
# loss then creeps towards zero while norms grow: the status is ``AT_INFINITY``. Nine neurons would
# remove it at finite norms.

path.status

# %%
# Block by block
# --------------
#
# With two different singular values, an irrep is learnt in parts. A neuron sits between a left and
# a right singular vector. The block (i, j) has a utility in proportion to σ_iσ_j², and the power of
# σ_j²:

left, right = np.linalg.qr(np.random.default_rng(1).standard_normal((2, 2, 2)))[0]
matrix = left @ np.diag([8.0, 4.0]) @ right
template = np.einsum("gij,ij->g", group.irreps[2].matrices, matrix) / 3
blocks = saddles.agf.GroupComposition(group, template)
print((blocks.plateaus() / blocks.plateaus()[0]).round(4), blocks.blocks.utility.round(4))

# %%
# And a zero singular value hides a part of the target for ever. No number of neurons learns it:

template = np.einsum("gij,ij->g", group.irreps[2].matrices, left @ np.diag([8.0, 0.0]) @ right) / 3
hidden = saddles.agf.GroupComposition(group, template)
print((hidden.plateaus() / hidden.plateaus()[0]).round(4))

# %%
# My own group
# ------------
#
# A group may be given by permutations that generate it, or by its multiplication table. These
# are the symmetries of a square, as permutations of its corners. Their order is 8:

square = saddles.groups.Group.from_permutations([[1, 2, 3, 0], [0, 3, 2, 1]], name="square")
print(square, [(irrep.dim, irrep.kind) for irrep in square.irreps])

# %%
# Sequences of any length
# -----------------------
#
# Neurons that multiply two elements give a recurrent network that multiplies as many as you like,
# with the same width. It is exact without training. Alternating gradient flow says nothing about
# how such a network is trained, because its weights of different steps multiply each other.

rnn = saddles.agf.recurrent_composition(network)
codes = network.template[group.table[group.inverse]]
elements = [1, 4, 5, 2, 3, 3, 1, 2]
product = elements[0]
for g in elements[1:]:
    product = group.table[product, g]

import torch

answer = rnn(torch.tensor(codes[[elements]])).detach().numpy()[0]
print(product, int(np.argmin(np.abs(codes - answer).sum(axis=1))))
