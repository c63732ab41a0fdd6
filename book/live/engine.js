"use strict";
/* Where the model runs: beside the page, in a worker, so that a hand is never waited
   for; where a browser starts none, in the page, one image at a time, with a pause for
   the hand after each. */

/* What is asked of it, on either side. */
EquivaeLive.compute("desk", (EquivaeLive) => {
  const RASTER = 210; // pixels in a row of what is read of a sheet
  const kept = {}; // part -> what was made of its tensors
  const ink = new Float32Array(RASTER * RASTER);
  let known = { version: null, count: 0 }; // the lines that are in `ink`

  async function open({ part, text }) {
    const { start, tensors } = await EquivaeLive.unpack(text), { class_r: r } = tensors;
    if (!r) {
      kept[part] = { encode: EquivaeLive.encoder(tensors) };
      return { start };
    }
    const image = EquivaeLive.network.imageOf(tensors);
    kept[part] = { decode: EquivaeLive.network.decoder(tensors), r: r.values };
    return { start, image, r: r.values };
  }

  /* pairs of r (16) and v (16) -> their pictures */
  const decode = ({ part, pairs }) => pairs.map(([r, v]) => kept[part].decode(r, v));

  /* A line of the pen into `ink`: how much of a pixel it covers, by the distance of the
     pixel's middle. Where both ends are one it is a dot. */
  function rule(ax, ay, bx, by, width) {
    const radius = width / 2;
    const dx = bx - ax, dy = by - ay, square = dx * dx + dy * dy;
    const inside = (x) => Math.max(0, Math.min(RASTER - 1, x));
    const left = inside(Math.floor(Math.min(ax, bx) - radius - 1));
    const right = inside(Math.ceil(Math.max(ax, bx) + radius));
    const top = inside(Math.floor(Math.min(ay, by) - radius - 1));
    const bottom = inside(Math.ceil(Math.max(ay, by) + radius));
    for (let y = top; y <= bottom; y++)
      for (let x = left, k = y * RASTER + left; x <= right; x++, k++) {
        const px = x + 0.5 - ax, py = y + 0.5 - ay;
        const t = square ? Math.max(0, Math.min(1, (px * dx + py * dy) / square)) : 0;
        const covered = radius + 0.5 - Math.hypot(px - t * dx, py - t * dy);
        if (covered > ink[k]) ink[k] = Math.min(1, covered);
      }
  }

  /* The lines of a sheet of `size` pixels, five numbers each (from, to, width), as MNIST
     would have them; null if it is blank. */
  function drawing({ lines, version, size }) {
    if (version !== known.version) {
      ink.fill(0);
      known = { version, count: 0 };
    }
    for (; known.count < lines.length; known.count += 5)
      rule(...lines.subarray(known.count, known.count + 5).map((x) => x * RASTER / size));
    return EquivaeLive.handwriting.normalise(ink, RASTER, EquivaeLive.handwriting.HAZE);
  }

  /* A drawing, or an image x (784) -> { x, r, v, apart }: its r and v, and how far its r
     is from the r of every class; null for a blank sheet. */
  function read({ x, sheet }) {
    x ??= drawing(sheet);
    if (!x) return null;
    const { encode } = kept.encoder, r = encode.invariant(x);
    const apart = Array.from({ length: 10 }, (_, y) =>
      Math.hypot(...r.map((value, k) => value - kept.decoder.r[16 * y + k])));
    return { x, r, v: encode.posterior(r, x).mu, apart };
  }

  const jobs = { open, decode, read };
  EquivaeLive.desk = async (job) => jobs[job.kind](job);
});

(() => {
  const opened = []; // the jobs that brought weights, for another desk
  const asked = new Map(); // number -> { job, resolve, reject }
  let number = 0, worker; // undefined: not tried yet; null: there is none
  let last = Promise.resolve(); // what is done in the page is done one after the other

  const source = () => [
    '"use strict"; const EquivaeLive = {};',
    ...[...EquivaeLive.computed.values()].map((module) => `(${module})(EquivaeLive);`),
    `onmessage = ({ data: { number, job } }) => EquivaeLive.desk(job).then(
      (result) => postMessage({ number, result }),
      (error) => postMessage({ number, error: error.message }));`,
  ].join("\n");

  function answer({ data }) {
    const one = asked.get(data.number);
    asked.delete(data.number);
    if (data.error === undefined) one?.resolve(data.result);
    else one?.reject(Error(data.error));
  }

  /* Without a worker, or without it any more: all that is asked is done in the page. */
  function here() {
    worker?.terminate();
    worker = null;
    for (const job of opened) last = last.then(() => EquivaeLive.desk(job));
    for (const one of asked.keys()) locally(one);
  }

  function start() {
    try {
      const address = URL.createObjectURL(new Blob([source()], { type: "text/javascript" }));
      worker = new Worker(address);
      worker.onmessage = answer;
      worker.onerror = (event) => { event.preventDefault(); here(); };
    } catch {
      worker = null;
    }
  }

  const pause = () => new Promise((done) => setTimeout(done));

  function locally(one) {
    const { job } = asked.get(one);
    last = last.then(async () => {
      await pause();
      try {
        answer({ data: { number: one, result: await EquivaeLive.desk(job) } });
      } catch (error) {
        answer({ data: { number: one, error: error.message } });
      }
    });
  }

  function ask(job) {
    if (worker === undefined) start();
    return new Promise((resolve, reject) => {
      asked.set(++number, { job, resolve, reject });
      if (worker) worker.postMessage({ number, job });
      else locally(number);
    });
  }

  /* The model in a file of weights: { start, image, r, decode }; where its figures begin,
     the size of its pictures, r of a class, and pairs of r and v -> Promise of pictures. */
  async function open(part, address) {
    const job = { kind: "open", part, text: await EquivaeLive.weights.load(part, address) };
    const { start: begin, image, r } = await ask(job);
    opened.push(job);
    return {
      start: begin, image,
      r: (y) => r.subarray(16 * y, 16 * y + 16),
      async decode(pairs) {
        if (worker) return ask({ kind: "decode", part, pairs });
        const one = (pair) => ask({ kind: "decode", part, pairs: [pair] });
        return (await Promise.all(pairs.map(one))).flat();
      },
    };
  }

  EquivaeLive.engine = {
    open,
    read: (what) => ask({ kind: "read", ...what }),
    beside: () => Boolean(worker),
  };
})();
EquivaeLive.arrived("engine.js");
