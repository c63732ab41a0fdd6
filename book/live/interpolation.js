"use strict";
/* The way from one test digit to another: in r and v, in r alone, in v alone. */
EquivaeLive.paint.whenNear("interpolation", ["decoder"], (figure, model) => {
  const { sheet, onFrame, again, listener, speaker, parts, words, tellValue, onScreen } =
    EquivaeLive.paint;
  const { digits, steps, from, to } = model.start.interpolation;
  const part = parts(figure), say = speaker(figure), on = listener(figure);
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
  let playing = false, visible = true, asked = false, pace = 1, last = null;

  /* r and v at t on a way: r = (1-t) r_a + t r_b and v likewise, or one of them fixed. */
  function at(way, t) {
    const [a, b] = [digit(part.from), digit(part.to)], [r, v] = WAYS[way];
    return [mix(model.r(a.y), model.r(b.y), r * t), mix(a.v, b.v, v * t)];
  }

  const place = onFrame(() => {
    const t = Number(part.t.value);
    marks.forEach((mark) => { mark.style.left = `${100 * t * (steps - 1) / steps}%`; });
    tellValue(part.t, words(t));
  });

  const draw = again(figure, async () => {
    const t = Number(part.t.value), ways = Object.keys(WAYS);
    const pictures = await model.decode(ways.map((way) => at(way, t)));
    ways.forEach((way, k) => {
      now[way].put(pictures[k]);
      now[way].show();
    });
  });

  const drawWay = again(figure, async () => {
    const ways = Object.keys(WAYS).map((way) =>
      [way, Array.from({ length: steps }, (_, k) => at(way, k / (steps - 1)))]);
    const pictures = await model.decode([at("both", 0), at("both", 1)]);
    [ends.a, ends.b].forEach((end, k) => {
      end.put(pictures[k]);
      end.show();
    });
    for (const [way, pairs] of ways) {
      (await model.decode(pairs)).forEach((pixels, k) => strips[way].put(pixels, k));
      strips[way].show();
    }
  });

  function tell() {
    const [a, b] = [digit(part.from), digit(part.to)];
    say(`From the ${a.y} of test image ${a.index} to the ${b.y} of test image ${b.index}; ` +
        `t is ${words(Number(part.t.value))}.`);
  }

  function moved() { place(); draw(); tell(); }
  function changed() { drawWay(); moved(); }

  /* To and fro along the way, four seconds each; it rests out of sight. */
  async function step(time) {
    asked = false;
    if (!playing || !visible) { last = null; return; }
    let t = Number(part.t.value) + pace * Math.min(time - (last ?? time), 100) / 4000;
    last = time;
    if (t >= 1 || t <= 0) { pace = -pace; t = Math.min(1, Math.max(0, t)); }
    part.t.value = t;
    place();
    await draw();
    ask();
  }

  function ask() {
    if (asked || !playing || !visible) return;
    asked = true;
    requestAnimationFrame(step);
  }

  function play(wanted) {
    playing = wanted;
    part.play.textContent = playing ? "Pause" : "Play";
    if (playing) ask();
    else tell();
  }

  function choose(a, b) {
    part.from.value = a;
    part.to.value = b;
    changed();
  }

  part.t.step = "any"; // so that Play glides; the arrow keys still move it
  on(part.t, "input", moved);
  on(part.from, "change", changed);
  on(part.to, "change", changed);
  on(part.play, "click", () => play(!playing));
  on(part.swap, "click", () => choose(part.to.value, part.from.value));
  on(part.random, "click", () => {
    const a = Math.floor(digits.length * Math.random());
    const others = digits.map((_, k) => k).filter((k) => digits[k].y !== digits[a].y);
    choose(a, others[Math.floor(others.length * Math.random())]);
  });
  on(part.reset, "click", () => {
    play(false);
    part.t.value = 0.5;
    choose(from, to);
  });
  onScreen(figure, (seen) => { visible = seen; ask(); });
  changed();

  return {
    write: () => ({ from: part.from.value, to: part.to.value,
                    t: Number(part.t.value).toFixed(2) }),
    read(get) {
      const [a, b, t] = ["from", "to", "t"].map((name) =>
        EquivaeLive.keep.numbers(get(name), 1)[0]);
      if (!digits[a] || !digits[b] || !(t >= 0 && t <= 1)) throw RangeError("no such way");
      play(false);
      part.t.value = t;
      choose(a, b);
    },
  };
});
EquivaeLive.arrived("interpolation.js");
