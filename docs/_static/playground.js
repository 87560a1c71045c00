/* A diagonal network in the browser: its saddle path and its gradient flow, without a server.
 *
 * The network is f(x) = β·x with β = u ⊙ v, on the mean loss |y − Xβ|²/(2n), from u = α, v = 0. The
 * formulas are those of the pages "Diagonal networks" and "Theory in one page"; tests hold every
 * number against the package.
 *
 * code        symbol
 * ----        ------
 * X, y        features, one row per sample, and targets
 * rho         the dual point ρ, one entry per sample
 * logAlpha    log α, below 0
 */
"use strict";

const saddlesPage = (() => {
  const TINY = 1e-10; // of a clock, or of a correlation: far below what is shown
  const TOLERANCE = 1e-11; // of ρ per step; errors do not grow, for the dual flow is contractive

  const dot = (a, b) => a.reduce((sum, x, k) => sum + x * b[k], 0);
  const column = (X, i) => X.map((row) => row[i]);
  const residual = (X, y, beta) => y.map((value, k) => value - dot(X[k], beta));
  const lossOf = (r) => dot(r, r) / (2 * r.length);
  const clocksOf = (X, rho) => X[0].map((_, i) => dot(column(X, i), rho));

  /* Solve a small symmetric system; null if it is singular. */
  function solve(matrix, right) {
    const rows = matrix.map((row, k) => [...row, right[k]]);
    for (let k = 0; k < rows.length; k++) {
      const best = rows.slice(k).reduce((b, row, j) => (Math.abs(row[k]) > Math.abs(rows[b][k]) ? k + j : b), k);
      [rows[k], rows[best]] = [rows[best], rows[k]];
      if (Math.abs(rows[k][k]) < TINY) return null;
      for (let j = 0; j < rows.length; j++) {
        if (j === k) continue;
        const factor = rows[j][k] / rows[k][k];
        rows[j] = rows[j].map((x, m) => x - factor * rows[k][m]);
      }
    }
    return rows.map((row, k) => row[rows.length] / row[k]);
  }

  /* Least squares over the coordinates at a boundary, each with the boundary's sign. */
  function constrained(X, y, sign) {
    const bound = sign.map((s, i) => (s ? i : -1)).filter((i) => i >= 0);
    let best = null;
    for (let mask = 0; mask < 1 << bound.length; mask++) {
      const active = bound.filter((_, k) => mask & (1 << k));
      const columns = active.map((i) => column(X, i));
      const found = solve(columns.map((a) => columns.map((b) => dot(a, b))), columns.map((a) => dot(a, y)));
      if (!found || found.some((x, k) => x * sign[active[k]] < 0)) continue;
      const beta = sign.map(() => 0);
      active.forEach((i, k) => { beta[i] = found[k]; });
      const r = residual(X, y, beta);
      const optimal = bound.every((i) => active.includes(i) || sign[i] * dot(column(X, i), r) < TINY);
      if (optimal && (!best || dot(beta, beta) < dot(best, best))) best = beta;
    }
    return best;
  }

  /* The path of Pesme and Flammarion: scaled times, coefficients, losses and dual points. */
  function path(X, y) {
    const n = y.length;
    let [time, rho] = [0, y.map(() => 0)];
    const saddles = [];
    for (let jump = 0; jump < 50; jump++) {
      const clocks = clocksOf(X, rho);
      const sign = clocks.map((s) => (Math.abs(s) > 1 - TINY ? Math.sign(s) : 0));
      const beta = constrained(X, y, sign);
      const r = residual(X, y, beta);
      saddles.push({ time, beta, loss: lossOf(r), rho });
      const rates = X[0].map((_, i) => dot(column(X, i), r) / n);
      const waits = rates.map((rate, i) => {
        if (Math.abs(rate) < TINY || (sign[i] && sign[i] * rate > 0)) return Infinity;
        return (Math.sign(rate) - clocks[i]) / rate;
      });
      const wait = Math.min(...waits);
      if (wait === Infinity) break;
      time += wait;
      rho = rho.map((value, k) => value + (wait * r[k]) / n);
    }
    return saddles;
  }

  /* β_i = (α²/2) sinh 2S_i, from logarithms. */
  const coefficients = (X, rho, logAlpha) =>
    clocksOf(X, rho).map((s) => (Math.exp(2 * (logAlpha + s)) - Math.exp(2 * (logAlpha - s))) / 4);

  /* Dormand and Prince's pair of orders 5 and 4. */
  const NODES = [
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
    [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  ];
  const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];

  /* The gradient flow at increasing scaled times: ρ' = (y − Xβ)/n, from ρ = 0. */
  function flow(X, y, logAlpha, times) {
    const n = y.length;
    const slope = (rho) => residual(X, y, coefficients(X, rho, logAlpha)).map((r) => r / n);
    const along = (rho, step, weights, slopes) =>
      rho.map((value, k) => value + step * weights.reduce((sum, w, j) => sum + w * slopes[j][k], 0));
    let [t, rho, step] = [0, y.map(() => 0), 0.01];
    return times.map((tau) => {
      const until = tau * -logAlpha;
      while (t < until) {
        const h = Math.min(step, until - t);
        const slopes = [slope(rho)];
        for (const weights of NODES) slopes.push(slope(along(rho, h, weights, slopes)));
        const error = Math.max(...rho.map((_, k) => Math.abs(h * ERROR.reduce((s, w, j) => s + w * slopes[j][k], 0))));
        const accepted = error <= TOLERANCE; // false, too, where a trial step overflows
        if (accepted) {
          rho = along(rho, h, NODES[5], slopes);
          t = h < step ? until : t + h;
        }
        const factor = 0.9 * (TOLERANCE / error) ** 0.2;
        if (!accepted) step = h * Math.max(0.2, factor || 0.2);
        else if (h === step) step = h * Math.min(4, factor);
      }
      const beta = coefficients(X, rho, logAlpha);
      return { time: tau, beta, loss: lossOf(residual(X, y, beta)), clocks: clocksOf(X, rho).map((s) => s / -logAlpha) };
    });
  }

  /* The saddle at which the path is at a scaled time. */
  const at = (saddles, tau) => saddles.filter((saddle) => saddle.time <= tau).pop();

  const COLOURS = ["#0072B2", "#E69F00", "#D55E00", "#009E73"];
  const [LEFT, RIGHT] = [44, 626];

  /* The picture, as SVG: loss, coefficients and clocks, flow over prediction. */
  function picture(X, saddles, followed, tau) {
    const until = followed[followed.length - 1].time;
    const x = (time) => LEFT + (time / until) * (RIGHT - LEFT);
    const kept = saddles.filter((saddle) => saddle.time <= until);
    const corners = [...kept, { ...kept[kept.length - 1], time: until }];
    const panels = [
      { name: "loss", box: [34, 114], values: (p) => [p.loss], colours: ["#CC79A7"], marks: [0] },
      { name: "coefficients", box: [152, 262], values: (p) => p.beta, colours: COLOURS, marks: [0] },
      { name: "clocks", box: [300, 390], values: (p) => p.clocks || clocksOf(X, p.rho), colours: COLOURS, marks: [-1, 1] },
    ];
    const drawn = panels.map(({ name, box, values, colours, marks }) => {
      const all = [...corners, ...followed].flatMap(values).concat(marks);
      const [low, high] = [Math.min(...all), Math.max(...all)];
      const y = (value) => box[1] - ((value - low) / (high - low || 1)) * (box[1] - box[0]);
      const line = (points, how) => `<polyline ${how} points="${points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" ")}"/>`;
      const steps = (i) => corners.flatMap((p, k) => {
        const before = corners[Math.max(k - 1, 0)];
        return name === "clocks" ? [[x(p.time), y(values(p)[i])]] : [[x(p.time), y(values(before)[i])], [x(p.time), y(values(p)[i])]];
      });
      const rows = colours.map((colour, i) =>
        line(followed.map((p) => [x(p.time), y(values(p)[i])]), `stroke="${colour}"`) + line(steps(i), 'class="predicted"'));
      const lines = marks.map((mark) =>
        `<path class="mark" d="M${LEFT} ${y(mark).toFixed(1)}H${RIGHT}"/>` +
        `<text x="${LEFT - 6}" y="${(y(mark) + 5).toFixed(1)}" text-anchor="end">${String(mark).replace("-", "−")}</text>`);
      return `<text x="${LEFT}" y="${box[0] - 12}">${name}</text>${lines.join("")}${rows.join("")}`;
    });
    const cursor = `<path class="mark" d="M${x(Math.min(tau, until)).toFixed(1)} 20V396"/>`;
    return `<svg viewBox="0 0 640 424" role="img"><title>Loss, coefficients and clocks: gradient flow over the prediction</title>` +
      `${drawn.join("")}${cursor}<text x="${RIGHT}" y="416" text-anchor="end">time, in units of log(1/α)</text></svg>`;
  }

  const shown = (value) => (Math.abs(value) < 5e-7 ? 0 : value).toFixed(6).replace("-", "−");

  /* The numbers at the cursor, as a table. */
  function numbers(saddle, point) {
    const rows = saddle.beta.map((beta, i) => [`β<sub>${i}</sub>`, shown(beta), shown(point.beta[i])]);
    rows.push(["loss", shown(saddle.loss), shown(point.loss)]);
    const cells = rows.map(([name, a, b]) => `<tr><th>${name}</th><td>${a}</td><td>${b}</td></tr>`);
    return `<table><thead><tr><th></th><th>prediction</th><th>flow</th></tr></thead><tbody>${cells.join("")}</tbody></table>`;
  }

  /* The published example of two samples and four features; the targets have length 1. */
  const FEATURES = [[1.0, 0.5, 0.7, 0.0], [0.5, 1.0, 0.1, 0.7]];

  /* Everything that the page shows for the three sliders: log10 α, the angle of y in degrees, the time. */
  function page(exponent, degrees, tau) {
    const y = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    const saddles = path(FEATURES, y);
    const until = 1.25 * Math.max(saddles[saddles.length - 1].time, 4);
    const grid = Array.from({ length: 301 }, (_, k) => (k * until) / 300);
    const logAlpha = exponent * Math.LN10;
    const [point] = flow(FEATURES, y, logAlpha, [tau]);
    return {
      picture: picture(FEATURES, saddles, flow(FEATURES, y, logAlpha, grid), tau),
      numbers: numbers(at(saddles, tau), point),
      jumps: saddles.slice(1).map((saddle) => saddle.time.toFixed(4)).join(", "),
      until,
    };
  }

  /* Answer the sliders of the page. */
  function start(root) {
    const [alpha, angle, time] = ["alpha", "angle", "time"].map((name) => root.querySelector(`[name=${name}]`));
    const say = (name, html) => { root.querySelector(`[data-shows=${name}]`).innerHTML = html; };
    const show = () => {
      const made = page(Number(alpha.value), Number(angle.value), Number(time.value));
      time.max = made.until;
      say("picture", made.picture);
      say("numbers", made.numbers);
      say("jumps", made.jumps);
      say("alpha", `10<sup>${alpha.value.replace("-", "−")}</sup>`);
      say("angle", `${angle.value.replace("-", "−")}°`);
      say("time", Number(time.value).toFixed(2));
    };
    [alpha, angle, time].forEach((slider) => slider.addEventListener("input", show));
    show();
  }

  return { path, flow, picture, numbers, page, start };
})();

if (typeof document !== "undefined") {
  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".playground").forEach(saddlesPage.start));
}
