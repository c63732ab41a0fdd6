"use strict";
/* Draw a digit: it is encoded here, in the page, and drawn again as every class. */
EquivaeLive.paint.whenNear("draw", ["decoder", "encoder"], (figure, decoderPart, encoderPart) => {
  const { sheet, onFrame, speaker, parts, words } = EquivaeLive.paint;
  const { start, tensors } = decoderPart;
  const decode = EquivaeLive.network.decoder(tensors);
  const encode = EquivaeLive.encoder(encoderPart.tensors);
  const part = parts(figure), say = speaker(figure);
  const pen = part.paper.getContext("2d", { willReadFrequently: true });
  const size = part.paper.width, ink = new Float32Array(size * size);
  const seen = sheet(part.seen), again = sheet(part.again), row = sheet(part.row, 10);
  const labels = [...part.classes.children];
  const classR = (y) => tensors.class_r.values.subarray(16 * y, 16 * y + 16);
  const blank = new Float32Array(784);
  const HAZE = 0.15; // the soft rim of a digit that was taken shall not widen its box
  const { digits } = start.interpolation;
  let below = null; // a digit that was taken, as a canvas
  let strokes = []; // each { width, points: [[x, y], …] } in pixels of the paper

  function drawPaper() {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, size, size);
    pen.imageSmoothingQuality = "high";
    if (below) pen.drawImage(below, 0, 0, size, size);
    pen.strokeStyle = "#fff";
    pen.lineCap = pen.lineJoin = "round";
    for (const { width, points } of strokes) {
      pen.lineWidth = width;
      pen.beginPath();
      pen.moveTo(...points[0]);
      points.forEach((point) => pen.lineTo(...point));
      pen.stroke();
    }
  }

  /* The drawing as MNIST would have it, (784), or null while the paper is blank. */
  function image() {
    const { data } = pen.getImageData(0, 0, size, size);
    for (let k = 0; k < ink.length; k++) ink[k] = data[4 * k] / 255;
    return EquivaeLive.handwriting.normalise(ink, size, HAZE);
  }

  /* Euclidean distance of r to the r_y of every class */
  function distances(r) {
    return labels.map((_, y) => Math.hypot(...classR(y).map((x, k) => x - r[k])));
  }

  const draw = onFrame(() => {
    drawPaper();
    const x = image();
    seen.put(x ?? blank);
    seen.show();
    if (!x) { showNothing(); return; }
    const r = encode.invariant(x), { mu } = encode.posterior(r, x);
    again.put(decode(r, mu));
    again.show();
    for (let y = 0; y < 10; y++) row.put(decode(classR(y), mu), y);
    row.show();
    const apart = distances(r), order = [...apart.keys()].sort((a, b) => apart[a] - apart[b]);
    const [first, second] = order;
    labels.forEach((label, y) => label.classList.toggle("live-nearest", y === first));
    say(`Nearest class: ${first}, at distance ${words(apart[first])} from its r_y; ` +
        `next ${second}, at ${words(apart[second])}.`);
  });

  function showNothing() {
    again.put(blank);
    again.show();
    for (let y = 0; y < 10; y++) row.put(blank, y);
    row.show();
    labels.forEach((label) => label.classList.remove("live-nearest"));
    say("The sheet is blank.");
  }

  function take(digit) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 28;
    const picture = sheet(canvas);
    picture.put(decode(classR(digit.y), digit.v));
    picture.show();
    below = canvas;
    strokes = [];
    draw();
  }

  function point(event) {
    const box = part.paper.getBoundingClientRect();
    return [(event.clientX - box.left) * size / box.width,
            (event.clientY - box.top) * size / box.height];
  }

  let taken = true; // the digit that lies there at first gives way to the first stroke
  part.paper.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    part.paper.setPointerCapture(event.pointerId);
    if (taken) { below = null; taken = false; }
    strokes.push({ width: Number(part.pen.value), points: [point(event)] });
    draw();
  });
  part.paper.addEventListener("pointermove", (event) => {
    if (!part.paper.hasPointerCapture(event.pointerId)) return;
    // All places that the pen has been at since the last event, so that curves stay round.
    const events = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).points.push(...(events.length ? events : [event]).map(point));
    draw();
  });
  part.clear.addEventListener("click", () => { below = null; strokes = []; draw(); });
  part.undo.addEventListener("click", () => {
    if (!strokes.pop()) below = null;
    draw();
  });
  part.digit.addEventListener("click", () => {
    taken = true;
    take(digits[Math.floor(digits.length * Math.random())]);
  });
  take(digits[start.draw.digit]);
});
