"use strict";
/* Draw a digit: it is encoded here, in the page, and drawn again as every class. */
EquivaeLive.paint.whenNear("draw", ["decoder", "encoder"], (figure, model, _, early) => {
  const { sheet, during, again, spare, listener, speaker, parts, words, DIGITS } = EquivaeLive.paint;
  const { paper } = early, { start } = model, { far } = start.draw;
  const part = parts(figure), say = speaker(figure), on = listener(figure);
  const seen = sheet(part.seen), own = sheet(part.again), row = sheet(part.row, 10);
  const labels = [...part.classes.children];
  const blank = new Float32Array(784);
  const { digits } = start.interpolation;

  /* Which class is framed, and with a broken line where no digit is like it. */
  function frame(nearest, strange) {
    labels.forEach((label, y) => {
      label.classList.toggle("live-nearest", y === nearest);
      label.classList.toggle("live-strange", y === nearest && strange);
    });
  }

  function showNothing() {
    [seen, own].forEach((one) => one.put(blank));
    DIGITS.forEach((y) => row.put(blank, y));
    [seen, own, row].forEach((one) => one.show());
    frame(null);
    say("The sheet is blank.");
  }

  /* What the distances are worth: those of the test digits are known (`far`). */
  function judge(apart, missed) {
    const [first, second] = [...DIGITS].sort((a, b) => apart[a] - apart[b]);
    const distant = apart[first] > far.distance, odd = missed > far.missed;
    let text = `Nearest class: ${first}, at distance ${words(apart[first])} from its r; ` +
      `next ${second}, at ${words(apart[second])}.`;
    if (distant) text += ` That is farther than ${far.share} % of the test digits are.`;
    if (odd) text += ` Drawn again it comes out less like itself than ${far.share} % of ` +
      "the test digits do.";
    if (distant || odd) text += " Perhaps it is no digit.";
    frame(first, distant || odd);
    say(text);
  }

  const show = again(figure, async () => {
    const found = await EquivaeLive.engine.read(paper.now());
    if (!found) { showNothing(); return; }
    const { x, r, v, apart } = found;
    await spare();
    seen.put(x);
    seen.show();
    const pairs = [[r, v], ...DIGITS.map((y) => [model.r(y), v])];
    const [self, ...ten] = await model.decode(pairs);
    await spare();
    own.put(self);
    own.show();
    await spare();
    ten.forEach((pixels, y) => row.put(pixels, y));
    row.show();
    judge(apart, x.reduce((sum, pixel, k) => sum + (pixel - self[k]) ** 2, 0));
  });

  /* Decode a test digit and lay it on the sheet. */
  const places = new Map(); // of the pictures of test digits: which of the digits
  const lay = (k, onto) => during(figure, async () => {
    const [picture] = await model.decode([[model.r(digits[k].y), digits[k].v]]);
    places.set(picture, k);
    onto(picture);
    show();
  });

  early.changed = show;
  on(part.digit, "click", () =>
    lay(Math.floor(digits.length * Math.random()), paper.take));
  lay(start.draw.digit, paper.first);

  return {
    write() {
      const { x } = paper.now();
      return x ? { digit: String(places.get(x)) } : { ink: paper.write() };
    },
    read(get) {
      if (!get("digit")) { paper.read(get("ink")); return; }
      const [k] = EquivaeLive.keep.numbers(get("digit"), 1);
      if (!digits[k]) throw RangeError("no such digit");
      lay(k, paper.take);
    },
  };
}, (figure) => {
  // The sheet takes ink while the model is on its way.
  const early = { changed() {} };
  early.paper = EquivaeLive.paper(figure, () => early.changed());
  for (const part of figure.querySelectorAll(".live-tools")) part.inert = false;
  return early;
});
EquivaeLive.arrived("draw.js");
