"use strict";
/* The way from one test digit to another: in r and v, in r alone, in v alone. */
EquivaeLive.paint.whenNear("interpolation", ["decoder"], (figure, { start, tensors }) => {
  const { sheet, onFrame, speaker, parts, words } = EquivaeLive.paint;
  const { digits, steps, from, to } = start.interpolation;
  const decode = EquivaeLive.network.decoder(tensors);
  const part = parts(figure), say = speaker(figure);
  const marks = figure.querySelectorAll(".live-mark");
  const WAYS = { both: [1, 1], r: [1, 0], v: [0, 1] }; // does r move, does v move
  const strips = {}, now = {};
  for (const way in WAYS) {
    strips[way] = sheet(part[way], steps);
    now[way] = sheet(part[`${way}-now`]);
  }
  const ends = { a: sheet(part.a), b: sheet(part.b) };
  const digit = (select) => digits[Number(select.value)];
  const mix = (a, b, t) => Float32Array.from(a, (x, k) => x + t * (b[k] - x));
  let playing = false, pace = 1, last = null;

  /* Pixels at t on a way: r = (1-t) r_a + t r_b and v likewise, or one of them fixed. */
  function at(way, t) {
    const [a, b] = [digit(part.from), digit(part.to)], [r, v] = WAYS[way];
    const classR = (y) => tensors.class_r.values.subarray(16 * y, 16 * y + 16);
    return decode(mix(classR(a.y), classR(b.y), r * t), mix(a.v, b.v, v * t));
  }

  const draw = onFrame(() => {
    const t = Number(part.t.value);
    for (const way in WAYS) {
      now[way].put(at(way, t));
      now[way].show();
    }
    marks.forEach((mark) => { mark.style.left = `${100 * t * (steps - 1) / steps}%`; });
  });

  const drawWay = onFrame(() => {
    for (const way in WAYS) {
      for (let k = 0; k < steps; k++) strips[way].put(at(way, k / (steps - 1)), k);
      strips[way].show();
    }
    ends.a.put(at("both", 0));
    ends.b.put(at("both", 1));
    ends.a.show();
    ends.b.show();
  });

  function tell() {
    const [a, b] = [digit(part.from), digit(part.to)];
    say(`From the ${a.y} of test image ${a.index} to the ${b.y} of test image ${b.index}; ` +
        `t is ${words(Number(part.t.value))}.`);
  }

  function moved() { draw(); tell(); }
  function changed() { drawWay(); moved(); }

  /* To and fro along the way, four seconds each. */
  function step(time) {
    if (!playing) { last = null; return; }
    let t = Number(part.t.value) + pace * Math.min(time - (last ?? time), 100) / 4000;
    last = time;
    if (t >= 1 || t <= 0) { pace = -pace; t = Math.min(1, Math.max(0, t)); }
    part.t.value = t;
    draw();
    requestAnimationFrame(step);
  }

  function play(wanted) {
    playing = wanted;
    part.play.textContent = playing ? "Pause" : "Play";
    if (playing) requestAnimationFrame(step);
    else tell();
  }

  function choose(a, b) {
    part.from.value = a;
    part.to.value = b;
    changed();
  }

  part.t.step = "any"; // so that Play glides; the arrow keys still move it
  part.t.addEventListener("input", moved);
  part.from.addEventListener("change", changed);
  part.to.addEventListener("change", changed);
  part.play.addEventListener("click", () => play(!playing));
  part.swap.addEventListener("click", () => choose(part.to.value, part.from.value));
  part.random.addEventListener("click", () => {
    const a = Math.floor(digits.length * Math.random());
    const others = digits.map((_, k) => k).filter((k) => digits[k].y !== digits[a].y);
    choose(a, others[Math.floor(others.length * Math.random())]);
  });
  part.reset.addEventListener("click", () => {
    play(false);
    part.t.value = 0.5;
    choose(from, to);
  });
  changed();
});
