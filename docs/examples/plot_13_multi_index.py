"""
Neurons that turn to index vectors
==================================

Where do neurons go on a sphere of directions? The target He₃(z₁) + 0.8 He₃(z₂) + 0.6 He₃(z₃)
depends on three of twelve inputs. Neurons a|w|³He₃(ŵ·x) start at random. Each turns to the index
vector for which weight times overlap is largest. The first neuron to arrive learns its term, so the
loss falls by one step, and the others no longer feel that term. The lower figure has the largest
overlap of an active neuron with each coordinate.

Try it: make the weights equal. Each neuron then goes to the nearest index vector.
"""

import base64
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation

import saddles

target = saddles.agf.HermiteTarget({(3, 0, 0): 1.0, (0, 3, 0): 0.8, (0, 0, 3): 0.6})
neurons = saddles.agf.Spherical(3, (0.0, 0.0, 0.0, 1.0))
path = saddles.agf.multi_index(target, 12, activation=neurons, width=12, seed=1)

figure, (above, below) = plt.subplots(2, 1, sharex=True, layout="constrained")
end = 1.15 * path.times[-1]
above.step([*path.times, end], [*path.losses, path.losses[-1]], where="post")
above.set(ylabel="loss")
largest = np.array([np.abs(v).max(axis=0, initial=0.0) for v in path.overlaps])
for j, heights in enumerate(largest.T):
    below.step([*path.times, end], [*heights, heights[-1]], where="post", label=f"z{j + 1}")
below.set(xlabel="scaled time", ylabel="largest overlap")
below.legend(frameon=False)

# %%
# The same in motion, by gradient flow: overlaps of the twelve neurons with the three index vectors
# (black), inside of a ball. On its surface a neuron has nothing outside of the target's span.
# Active neurons are orange. For a neuron with a < 0 the opposite direction is drawn.


class Movie:
    """A moving picture that a page or a notebook shows."""

    def __init__(self, file):
        self.data = base64.b64encode(file.read_bytes()).decode()

    def _repr_html_(self):
        return f'<img alt="Neurons turn to index vectors" src="data:image/gif;base64,{self.data}">'


def movie(frames=48):
    flow = saddles.flow.neurons(path.network, path.init, log_alpha=-5.0, until=end)
    times = end * np.linspace(0, 1, frames) ** 2
    theta, norms = flow.curve.directions(times), flow.curve.log_norms(times)
    v = np.sign(theta[..., :1]) * theta[..., 1:4]
    v /= np.linalg.norm(theta[..., 1:], axis=-1, keepdims=True)
    ball = plt.figure(figsize=(4, 4))
    axes = ball.add_subplot(projection="3d")
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 25), np.linspace(0, np.pi, 13))
    rim = np.sin(height) * np.cos(angle), np.sin(height) * np.sin(angle), np.cos(height)
    axes.plot_wireframe(*rim, color="0.9", linewidth=0.5)
    axes.quiver(*np.zeros((3, 3)), *np.eye(3), color="k", arrow_length_ratio=0.1)
    axes.set_aspect("equal")
    axes.set_axis_off()
    ball.subplots_adjust(left=-0.25, right=1.25, bottom=-0.25, top=1.25)
    dots = axes.scatter(*v[0].T, depthshade=False)

    def draw(k):
        dots._offsets3d = tuple(v[k].T)
        dots.set_color(["C1" if norm > -1 else "C0" for norm in norms[k]])

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "neurons.gif"
        FuncAnimation(ball, draw, frames=frames).save(file, writer="pillow", fps=12, dpi=80)
        plt.close(ball)
        return Movie(file)


movie()
