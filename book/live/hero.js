"use strict";
/* One style, ten digits, moving by itself: v walks slowly through its prior. */
EquivaeLive.paint.whenNear("hero", ["decoder"], (figure, { start, tensors }) => {
  const { sheet, parts, calm } = EquivaeLive.paint;
  const decode = EquivaeLive.network.decoder(tensors);
  const part = parts(figure), row = sheet(part.row, 10);
  const { phases } = start.hero;
  const r = tensors.class_r.values, v = new Float32Array(phases.length);
  let time = 0, last = null, moving = !calm.matches, visible = true, asked = false;

  /* v_k = sqrt(2) sin(speed_k t + phase_k): over time of mean 0 and variance 1, as p(v). */
  function draw() {
    phases.forEach((phase, k) => {
      v[k] = Math.SQRT2 * Math.sin((0.25 + 0.037 * k) * time + phase);
    });
    for (let y = 0; y < 10; y++) row.put(decode(r.subarray(16 * y, 16 * y + 16), v), y);
    row.show();
  }

  function ask() {
    part.pause.textContent = moving ? "Pause" : "Play";
    if (asked || !moving || !visible) return;
    asked = true;
    requestAnimationFrame(step);
  }

  function step(now) {
    asked = false;
    if (!moving || !visible) { last = null; return; }
    if (last !== null) time += Math.min(now - last, 100) / 1000;
    last = now;
    draw();
    ask();
  }

  part.pause.addEventListener("click", () => { moving = !moving; ask(); });
  calm.addEventListener("change", () => { moving = !calm.matches; ask(); });
  // Out of sight nothing is drawn: a battery is not ours to spend.
  new IntersectionObserver((seen) => {
    visible = seen[seen.length - 1].isIntersecting;
    ask();
  }).observe(figure);
  draw();
  ask();
});
