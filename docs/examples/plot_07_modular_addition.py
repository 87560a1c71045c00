"""
Modular addition, frequency by frequency
========================================

Which frequency of an encoding is learnt first? Quadratic neurons (u·x_a + v·x_b)² w learn a + b
mod 11 from an encoding whose power sits at the frequencies 1 and 2. Dormant neurons turn into
cosine waves. Those of the strongest frequency activate first, and several of them together remove
it. The grey levels are the power that remains when the first frequencies are gone, in closed
form. The path visits each of them, through smaller steps in between. The last level is zero, to
which the loss creeps.

Try it: make both frequencies equally strong. The initial directions then decide which is first.
"""

import numpy as np

import saddles

spectrum = np.zeros(6)
spectrum[[1, 2]] = 10.0, 5.0
network = saddles.agf.ModularAddition(np.fft.irfft(spectrum, 11))

path = saddles.agf.modular_addition(network, width=14, seed=0)

figure = network.plot(path)
figure

# %%
# The frequencies of the neurons, in the order in which they activate, and how far the first one's
# phases are from s_u + s_v = s_w + s_x of Theorem 6.2:

modes = network.modes(np.vstack(path.directions[1:]))
print(modes.frequency, f"{abs(modes.mismatch[0]):.1e}")
