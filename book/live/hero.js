"use strict";
/* One style, ten digits, moving by itself: v walks slowly through its prior. */
EquivaeLive.paint.whenNear("hero", ["decoder"], (figure, model) => {
  const { sheet, again, listener, parts, calm, onScreen, DIGITS } = EquivaeLive.paint;
  const part = parts(figure), row = sheet(part.row, 10), on = listener(figure);
  const { phases } = model.start.hero;
  let time = 0, last = null, moving = !calm.matches, visible = true, asked = false;

  /* v_k = sqrt(2) sin(speed_k t + phase_k): over time of mean 0 and variance 1, as p(v). */
  const draw = again(figure, async () => {
    const v = Float32Array.from(phases, (phase, k) =>
      Math.SQRT2 * Math.sin((0.25 + 0.037 * k) * time + phase));
    const pictures = await model.decode(DIGITS.map((y) => [model.r(y), v]));
    pictures.forEach((pixels, y) => row.put(pixels, y));
    row.show();
  });

  function ask() {
    part.pause.textContent = moving ? "Pause" : "Play";
    if (asked || !moving || !visible) return;
    asked = true;
    requestAnimationFrame(step);
  }

  async function step(now) {
    asked = false;
    if (!moving || !visible) { last = null; return; }
    if (last !== null) time += Math.min(now - last, 100) / 1000;
    last = now;
    await draw();
    ask();
  }

  on(part.pause, "click", () => { moving = !moving; ask(); });
  on(calm, "change", () => { moving = !calm.matches; ask(); });
  onScreen(figure, (seen) => { visible = seen; ask(); });
  figure.querySelector(".live-said").textContent = "";
  draw();
  ask();
});
EquivaeLive.arrived("hero.js");
