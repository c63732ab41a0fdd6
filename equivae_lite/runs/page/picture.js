"use strict";
/* A picture file of a reader's as the model takes it, in the steps of data/pictures.py:
   upright, on paper, grey or in colour, filled up to a square with the colour of its
   border, and brought to size. Nothing leaves the page. */
EquivaeLive.compute("picture", (EquivaeLive) => {
  const MOST = 1024; // pixels a side that are averaged; a larger one is first drawn so

  /* file -> { width, height, data }, RGB on white paper, or on black where nothing would
     be seen on white */
  async function pixelsOf(file) {
    const picture = await createImageBitmap(file).catch(() => null);
    if (!picture) throw Error("this is no picture that a browser can read");
    const scale = Math.min(1, MOST / Math.max(picture.width, picture.height));
    const width = Math.max(1, Math.round(picture.width * scale));
    const height = Math.max(1, Math.round(picture.height * scale));
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    for (const paper of ["white", "black"]) {
      context.fillStyle = paper;
      context.fillRect(0, 0, width, height);
      context.drawImage(picture, 0, 0, width, height);
      const { data } = context.getImageData(0, 0, width, height);
      let low = 255, high = 0;
      for (let k = 0; k < data.length; k++)
        if (k % 4 < 3) { low = Math.min(low, data[k]); high = Math.max(high, data[k]); }
      if (high - low > 8 || paper === "black") return { width, height, data };
    }
  }

  /* One colour of it as numbers in [0, 1]; grey as Pillow weighs it. */
  function plane({ data }, colour) {
    const plane = new Float32Array(data.length / 4);
    for (let p = 0, k = 0; p < plane.length; p++, k += 4)
      plane[p] = colour === undefined
        ? Math.round(0.299 * data[k] + 0.587 * data[k + 1] + 0.114 * data[k + 2]) / 255
        : data[k + colour] / 255;
    return plane;
  }

  function middle(values) {
    const sorted = Float32Array.from(values).sort(), half = sorted.length / 2;
    return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
  }

  /* Width x height -> a square of the longer side, filled up with the border's median. */
  function squared(values, width, height) {
    if (width === height) return { values, side: width };
    const edge = [];
    for (let x = 0; x < width; x++) edge.push(values[x], values[(height - 1) * width + x]);
    for (let y = 0; y < height; y++) edge.push(values[y * width], values[(y + 1) * width - 1]);
    const side = Math.max(width, height);
    const left = Math.floor((side - width) / 2), top = Math.floor((side - height) / 2);
    const wide = new Float32Array(side * side).fill(middle(edge));
    for (let y = 0; y < height; y++)
      wide.set(values.subarray(y * width, (y + 1) * width), (top + y) * side + left);
    return { values: wide, side };
  }

  /* side x side -> size x size: each new pixel the mean of what it covers */
  function brought(values, side, size) {
    if (side === size) return values;
    const step = side / size, out = new Float32Array(size * size);
    const cover = (k, pixel) =>
      Math.min(pixel + 1, (k + 1) * step) - Math.max(pixel, k * step);
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++) {
        let sum = 0;
        for (let j = Math.floor(y * step); j < (y + 1) * step && j < side; j++)
          for (let i = Math.floor(x * step); i < (x + 1) * step && i < side; i++)
            sum += cover(y, j) * cover(x, i) * values[j * side + i];
        out[y * size + x] = sum / step ** 2;
      }
    return out;
  }

  /* -> x (size * size * colours) in [0, 1], channels last */
  EquivaeLive.picture = async (file, { size, colours }, exchanged = false) => {
    const read = await pixelsOf(file), x = new Float32Array(size * size * colours);
    for (let c = 0; c < colours; c++) {
      const one = plane(read, colours === 1 ? undefined : c);
      const { values, side } = squared(one, read.width, read.height);
      brought(values, side, size).forEach((value, p) => {
        x[colours * p + c] = exchanged ? 1 - value : value;
      });
    }
    return x;
  };
});
EquivaeLive.arrived("picture.js");
