"use strict";
/* One style, ten digits, moving by itself: v walks slowly through its prior. */
EquivaeLive.paint.whenNear("hero", ["decoder"], (figure, { about, tensors }) => {
  const { sheet, calm } = EquivaeLive.paint;
  const decode = EquivaeLive.network.decoder(tensors);
  const row = sheet(figure.querySelector("canvas"), 10);
  const button = figure.querySelector("button");
  const r = tensors.class_r.values, v = new Float32Array(about.phases.length);
  const pixels = new Float32Array(784);
  let time = 0, last = null, moving = !calm.matches;

  /* v_k = sqrt(2) sin(speed_k t + phase_k): mean 0 and variance 1 over time, as p(v). */
  function draw() {
    about.phases.forEach((phase, k) => {
      v[k] = Math.SQRT2 * Math.sin((0.35 + 0.045 * k) * time + phase);
    });
    for (let y = 0; y < 10; y++) row.put(y, decode(r.subarray(16 * y, 16 * y + 16), v, pixels));
    row.show();
  }

  function step(now) {
    if (!moving) { last = null; return; }
    if (last !== null) time += Math.min(now - last, 100) / 1000;
    last = now;
    draw();
    requestAnimationFrame(step);
  }

  function label() {
    button.textContent = moving ? "Pause" : "Move";
  }

  button.addEventListener("click", () => {
    moving = !moving;
    label();
    if (moving) requestAnimationFrame(step);
  });
  label();
  draw();
  if (moving) requestAnimationFrame(step);
});
