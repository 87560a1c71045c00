"""The interactive page: its numbers are the package's, and it answers its sliders."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import quickjs

import saddles

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT = DOCS / "_static" / "playground.js"
X = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]]

#: What the page promises; it shows six digits after the point.
AGREEMENT = 1e-6


@pytest.fixture(scope="module")
def script():
    """What the page computes, as a function of a name and arguments, in a JavaScript engine."""
    context = quickjs.Context()
    context.set_time_limit(60)
    context.eval(SCRIPT.read_text("utf-8").replace("const saddlesPage", "var saddlesPage"))

    def call(name, *arguments):
        return json.loads(
            context.eval(f"JSON.stringify(saddlesPage.{name}(...{json.dumps(arguments)}))")
        )

    return call


def targets(degrees):
    return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]


@pytest.mark.parametrize("degrees", range(-90, 91, 15))
def test_path_is_the_packages(script, degrees):
    path = saddles.pesme_flammarion(X, targets(degrees))
    found = script("path", X, targets(degrees))
    assert np.allclose([saddle["time"] for saddle in found], path.times, rtol=AGREEMENT)
    assert np.allclose([saddle["beta"] for saddle in found], path.betas, atol=AGREEMENT)
    assert np.allclose([saddle["loss"] for saddle in found], path.losses, atol=AGREEMENT)


@pytest.mark.parametrize(("exponent", "degrees"), [(-1, -40), (-4, 0), (-12, 60), (-40, 17)])
def test_flow_is_the_packages(script, exponent, degrees):
    log_alpha = exponent * math.log(10)
    flow = saddles.flow.diagonal(X, targets(degrees), log_alpha=log_alpha, rtol=1e-10)
    times = np.linspace(0.0, 24.0, 25)
    found = script("flow", X, targets(degrees), log_alpha, times.tolist())
    assert np.allclose([point["beta"] for point in found], flow.at(times), atol=AGREEMENT)
    assert np.allclose([point["loss"] for point in found], flow.loss(times), atol=AGREEMENT)
    assert np.allclose([point["clocks"] for point in found], flow.clocks(times), atol=AGREEMENT)


def shown(html):
    """The numbers of the page's table: prediction and flow, one row per coefficient, then loss."""
    cells = re.findall(r"<td>([^<]*)</td>", html)
    return np.array([float(cell.replace("−", "-")) for cell in cells]).reshape(-1, 2)


def expected(exponent, degrees, tau):
    path = saddles.pesme_flammarion(X, targets(degrees))
    flow = saddles.flow.diagonal(X, targets(degrees), log_alpha=exponent * math.log(10))
    loss = path.losses[path.times <= tau][-1]
    return np.transpose([[*path.at(tau), loss], [*flow.at(tau), flow.loss(tau)]])


def test_page_shows_what_it_computes(script):
    made = script("page", -4, 30, 5.0)
    assert np.allclose(shown(made["numbers"]), expected(-4, 30, 5.0), atol=AGREEMENT)
    assert made["picture"].count("<polyline") == 18
    assert "NaN" not in made["picture"]


def test_page_answers_its_sliders_in_a_browser(tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium; what it computes is tested in a JavaScript engine")
    page = (DOCS / "playground.md").read_text("utf-8")
    (markup,) = re.findall(r"```\{raw\} html\n(.*?)```", page, flags=re.DOTALL)
    move = """<script>addEventListener("load", () => {
      for (const [name, value] of [["angle", 30], ["alpha", -9], ["time", 3.5]]) {
        const slider = document.querySelector(`[name=${name}]`);
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
      }
    });</script>"""
    (tmp_path / "_static").mkdir()
    shutil.copy(SCRIPT, tmp_path / "_static")
    file = tmp_path / "page.html"
    file.write_text(f'<!doctype html><meta charset="utf-8">{markup}{move}', "utf-8")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/me"]
    run = subprocess.run(
        [browser, *options, "--virtual-time-budget=10000", "--dump-dom", file.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    assert np.allclose(shown(run.stdout), expected(-9, 30, 3.5), atol=AGREEMENT)
