"use strict";
/* A drawing made like an MNIST image: the digit scaled, its sides kept in proportion,
   until it fills 20 x 20 pixels, then placed in 28 x 28 with its centre of mass on pixel
   (14, 14). */
EquivaeLive.compute("handwriting", (EquivaeLive) => {
  const { SIZE } = EquivaeLive.network;
  const BOX = 20, CENTRE = 14;

  /* The box around what is more than `blank` of an n x n drawing, null if nothing is. */
  function bounds(ink, n, blank) {
    let top = n, bottom = -1, left = n, right = -1;
    for (let y = 0, k = 0; y < n; y++)
      for (let x = 0; x < n; x++, k++)
        if (ink[k] > blank) {
          top = Math.min(top, y); bottom = Math.max(bottom, y);
          left = Math.min(left, x); right = Math.max(right, x);
        }
    if (bottom < 0) return null;
    return { top, left, height: bottom - top + 1, width: right - left + 1 };
  }

  /* How much of each source pixel lies in each of `count` equal parts of
     [from, from + size): a list of [pixel, share], shares of one part summing to 1. */
  function shares(from, size, count) {
    const step = size / count;
    return Array.from({ length: count }, (_, k) => {
      const begin = from + k * step, end = begin + step, list = [];
      for (let pixel = Math.floor(begin); pixel < end; pixel++) {
        const part = Math.min(end, pixel + 1) - Math.max(begin, pixel);
        if (part > 1e-9) list.push([pixel, part / step]);
      }
      return list;
    });
  }

  /* ink (n x n) in [0, 1] -> (784) in [0, 1]; null for a blank sheet. */
  function normalise(ink, n, blank = 0) {
    const box = bounds(ink, n, blank);
    if (!box) return null;
    const scale = BOX / Math.max(box.width, box.height);
    const width = Math.max(1, Math.round(box.width * scale));
    const height = Math.max(1, Math.round(box.height * scale));
    const columns = shares(box.left, box.width, width);
    const rows = shares(box.top, box.height, height);
    const small = new Float32Array(width * height); // mean ink of each small pixel
    let mass = 0, massX = 0, massY = 0;
    for (let y = 0, k = 0; y < height; y++)
      for (let x = 0; x < width; x++, k++) {
        for (const [py, partY] of rows[y])
          for (const [px, partX] of columns[x]) small[k] += ink[py * n + px] * partY * partX;
        mass += small[k]; massX += x * small[k]; massY += y * small[k];
      }
    const shiftX = Math.round(CENTRE - massX / mass), shiftY = Math.round(CENTRE - massY / mass);
    const image = new Float32Array(SIZE * SIZE);
    for (let y = 0, k = 0; y < height; y++)
      for (let x = 0; x < width; x++, k++) {
        const toX = x + shiftX, toY = y + shiftY;
        if (toX >= 0 && toX < SIZE && toY >= 0 && toY < SIZE) image[toY * SIZE + toX] = small[k];
      }
    return image;
  }

  // The soft rim of a line shall not widen its box.
  const HAZE = 0.15;
  EquivaeLive.handwriting = { normalise, HAZE };
});
EquivaeLive.arrived("handwriting.js");
