"""The moving picture of the first page: a staircase while it runs, as an animated SVG.

The package computes it: the prediction is `saddles.pesme_flammarion`, the flow
`saddles.flow.diagonal`, on the published example in which a coefficient enters and leaves again
(arXiv:2607.12332). The picture has the page's own text colour, so that it works on light and dark
ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import saddles
from saddles.typing import Array

__all__ = ["animation", "write_animation"]

X, Y = np.array([[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]), [1.0, 0.0]
#: Small enough for clear steps, large enough for corners that look round.
LOG_ALPHA = -60.0
UNTIL = 13.0
#: Points in time, and as many more during which the finished picture stands still.
POINTS, STILL = 168, 42
SECONDS = 14
#: Okabe and Ito's colours, which stay apart for the colour-blind and on either ground.
COLOURS = ("#0072B2", "#E69F00", "#D55E00", "#009E73")
LOSS = "#CC79A7"
#: The left and the right end of the panels, in units of the drawing.
LEFT, RIGHT = 40.0, 626.0
LABEL = (
    "Loss, four coefficients and their clocks over time. Whenever a clock reaches its boundary, the"
    " loss drops; gradient flow runs along the dashed prediction."
)
#: The markup around the picture; readers who ask for less motion get it finished.
PAGE = """<div class="moving">
{svg}
<button type="button">pause</button>
</div>
<script>
(() => {{
  const figure = document.currentScript.previousElementSibling;
  const [svg, button] = [figure.querySelector("svg"), figure.querySelector("button")];
  const run = (on) => {{
    if (on) svg.unpauseAnimations(); else svg.pauseAnimations();
    button.textContent = on ? "pause" : "play";
  }};
  button.onclick = () => run(svg.animationsPaused());
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {{
    svg.setCurrentTime({finished});
    run(false);
  }}
}})();
</script>
"""


@dataclass(frozen=True)
class Panel:
    """A strip of the picture: its name, its place, and the values at its lower and upper end."""

    name: str
    top: float
    bottom: float
    low: float
    high: float
    marked: tuple[float, ...] = (0.0,)

    def heights(self, values: Array) -> Array:
        """Return heights in the drawing, of the shape of `values`."""
        share = (values - self.low) / (self.high - self.low)
        return np.asarray(self.bottom - share * (self.bottom - self.top))


PANELS = (
    Panel("loss", 34, 114, 0.0, 0.26),
    Panel("coefficients", 152, 262, -0.3, 1.5),
    Panel("clocks", 300, 390, -1.05, 1.05, (-1.0, 1.0)),
)


def write_animation(file: Path) -> None:
    """Write the picture, with its button, as HTML for a page to include."""
    file.parent.mkdir(exist_ok=True)
    text = PAGE.format(svg=animation(), finished=0.99 * SECONDS)
    if not file.exists() or file.read_text("utf-8") != text:
        file.write_text(text, "utf-8")


def animation() -> str:
    """Return the picture as SVG."""
    path = saddles.pesme_flammarion(X, Y)
    flow = saddles.flow.diagonal(X, Y, log_alpha=LOG_ALPHA, until=UNTIL)
    times, ends = np.linspace(0.0, UNTIL, POINTS), np.append(path.times, UNTIL)
    steps = np.repeat(ends, 2)[1:-1]
    predicted = (
        (steps, np.repeat(path.losses, 2)[:, None]),
        (steps, np.repeat(path.betas, 2, axis=0)),
        (ends, np.vstack([path.duals, path.duals[-1]]) @ X),
    )
    followed = (flow.loss(times)[:, None], flow.at(times), flow.clocks(times))
    dashed, running, heads = [], [], []
    for panel, (at, values), curves in zip(PANELS, predicted, followed, strict=True):
        dashed.append(_frame(panel))
        dashed += [_line(at, panel.heights(curve), 'class="predicted"') for curve in values.T]
        for curve, colour in zip(curves.T, COLOURS if curves.shape[1] > 1 else [LOSS], strict=True):
            running.append(_line(times, panel.heights(curve), f'stroke="{colour}"'))
            heads.append(_head(panel.heights(curve), colour))
    rings = [
        _ring(time, PANELS[2].heights((dual @ X)[saddle.entered[0]]))
        for time, dual, saddle in zip(path.times[1:], path.duals[1:], list(path)[1:], strict=True)
    ]
    return (
        f'<svg viewBox="0 0 640 424" role="img"><title>{LABEL}</title>{_clip()}{"".join(dashed)}'
        f'<g clip-path="url(#done)">{"".join(running)}</g>{"".join(heads)}{"".join(rings)}'
        f'<text x="{RIGHT:g}" y="416" text-anchor="end">time, in units of log(1/α)</text></svg>'
    )


def _across(times: Array) -> Array:
    return np.asarray(LEFT + np.asarray(times) / UNTIL * (RIGHT - LEFT))


def _frame(panel: Panel) -> str:
    """Return the panel's name, and a line at each of its marked values."""
    lines = [f'<text x="{LEFT:g}" y="{panel.top - 12:g}">{panel.name}</text>']
    for value in panel.marked:
        y = float(panel.heights(np.array(value)))
        lines.append(f'<path class="mark" d="M{LEFT:g} {y:.1f}H{RIGHT:g}"/>')
        lines.append(f'<text x="{LEFT - 6:g}" y="{y + 5:.1f}" text-anchor="end">{value:g}</text>')
    return "".join(lines).replace(">-", ">−")


def _line(times: Array, heights: Array, how: str) -> str:
    points = " ".join(f"{x:.0f},{y:.1f}" for x, y in zip(_across(times), heights, strict=True))
    return f'<polyline {how} points="{points}"/>'


def _animate(name: str, values: str, more: str = "") -> str:
    return (
        f'<animate attributeName="{name}" dur="{SECONDS}s" repeatCount="indefinite"'
        f' values="{values}"{more}/>'
    )


def _clip() -> str:
    """Return what uncovers the curves of the flow, from left to right."""
    done = f' keyTimes="0;{POINTS / (POINTS + STILL):g};1"'
    width = RIGHT - LEFT
    grow = _animate("width", f"0;{width:g};{width:g}", done)
    box = f'x="{LEFT:g}" y="0" width="{width:g}" height="424"'
    return f'<clipPath id="done"><rect {box}>{grow}</rect></clipPath>'


def _head(heights: Array, colour: str) -> str:
    """Return the dot at the end of a running curve."""
    done = f' keyTimes="0;{POINTS / (POINTS + STILL):g};1"'
    xs = _animate("cx", f"{LEFT:g};{RIGHT:g};{RIGHT:g}", done)
    ys = _animate("cy", ";".join(f"{y:.0f}" for y in [*heights, *[heights[-1]] * STILL]))
    return f'<circle r="5" cx="{RIGHT:g}" cy="{heights[-1]:.0f}" fill="{colour}">{xs}{ys}</circle>'


def _ring(time: float, height: float) -> str:
    """Return the circle that spreads when a clock rings."""
    at = time / UNTIL * POINTS / (POINTS + STILL)
    keys = f' keyTimes="0;{at:.3f};{at + 0.001:.3f};{at + 0.07:.3f};1"'
    spread = _animate("r", "0;0;4;26;26", keys) + _animate("opacity", "0;0;1;0;0", keys)
    x = float(_across(np.array(time)))
    return f'<circle class="ring" cx="{x:.0f}" cy="{height:.0f}" r="0">{spread}</circle>'
