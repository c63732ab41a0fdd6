"use strict";
/* The decoder of chapter 08 on typed arrays: (r_y, v) -> 28 x 28 pixel means.

   The same layers as equivae_lite/networks.py, one image at a time. Tensors come as
   { shape, values }, row by row as PyTorch stores them; images are kept with their
   channels last, (H, W, C), so that the innermost loop runs along memory. */
(() => {
  const KERNEL = 5;

  /* y = W x + b, with ReLU or without: W (out, in), x (in) -> y (out) */
  function dense(weight, bias, x, y, rectify = true) {
    const [outputs, inputs] = weight.shape, w = weight.values;
    for (let o = 0, k = 0; o < outputs; o++) {
      let sum = bias.values[o];
      for (let i = 0; i < inputs; i++, k++) sum += w[k] * x[i];
      y[o] = rectify && sum < 0 ? 0 : sum;
    }
    return y;
  }

  /* (in, out, 5, 5) -> (in, 5, 5, out): the output channels side by side in memory. */
  function outputsLast(weight) {
    const [inputs, outputs] = weight.shape, area = KERNEL * KERNEL;
    const values = new Float32Array(weight.values.length);
    for (let i = 0; i < inputs; i++)
      for (let o = 0; o < outputs; o++)
        for (let k = 0; k < area; k++)
          values[(i * area + k) * outputs + o] = weight.values[(i * outputs + o) * area + k];
    return { inputs, outputs, values };
  }

  /* Transposed convolution, 5x5, stride 2, padding 2, output padding 1, then ReLU:
     x (n, n, in) -> y (2n, 2n, out). Every pixel of x is scattered to the up to 25
     pixels of y that it feeds; a pixel that ReLU has set to zero feeds none. */
  function upsample(weight, bias, n, x, y) {
    const { inputs, outputs, values } = weight, m = 2 * n;
    for (let p = 0; p < m * m; p++) y.set(bias.values, p * outputs);
    for (let row = 0; row < n; row++)
      for (let column = 0; column < n; column++)
        for (let i = 0; i < inputs; i++) {
          const value = x[(row * n + column) * inputs + i];
          if (value === 0) continue;
          for (let a = 0; a < KERNEL; a++) {
            const top = 2 * row + a - 2;
            if (top < 0 || top >= m) continue;
            for (let b = 0; b < KERNEL; b++) {
              const left = 2 * column + b - 2;
              if (left < 0 || left >= m) continue;
              const from = ((i * KERNEL + a) * KERNEL + b) * outputs;
              const to = (top * m + left) * outputs;
              for (let o = 0; o < outputs; o++) y[to + o] += value * values[from + o];
            }
          }
        }
    for (let k = 0; k < y.length; k++) if (y[k] < 0) y[k] = 0;
    return y;
  }

  /* Convolution 5x5 without padding and with one output, then the logistic function:
     x (32, 32, in) -> y (28, 28), the Bernoulli means. */
  function toPixels(weight, bias, x, y) {
    const inputs = weight.shape[1], n = 32, m = n - KERNEL + 1, w = weight.values;
    for (let row = 0; row < m; row++)
      for (let column = 0; column < m; column++) {
        let sum = bias.values[0];
        for (let a = 0; a < KERNEL; a++)
          for (let b = 0; b < KERNEL; b++) {
            const from = ((row + a) * n + column + b) * inputs;
            for (let i = 0; i < inputs; i++)
              sum += x[from + i] * w[(i * KERNEL + a) * KERNEL + b];
          }
        y[row * m + column] = 1 / (1 + Math.exp(-sum));
      }
    return y;
  }

  /* The decoder of the tensors of `weights.load("decoder", …)`. */
  function decoder(tensors) {
    const of = (name) => ["weight", "bias"].map((end) => tensors[`decoder.${name}.${end}`]);
    const [rw, rb] = of("dense_r"), [vw, vb] = of("dense_v"), [dw, db] = of("dense");
    const layers = [1, 3, 5, 7].map((k) => {
      const [weight, bias] = of(`convolutions.${k}`);
      return { weight: outputsLast(weight), bias };
    });
    const [lw, lb] = of("convolutions.9");
    const half = rw.shape[0];
    const h = new Float32Array(2 * half), corner = new Float32Array(dw.shape[0]);
    const steps = [new Float32Array(corner.length)];
    layers.forEach(({ weight }, k) => steps.push(new Float32Array(4 ** (k + 2) * weight.outputs)));

    /* r_y (16), v (16) -> pixels (784), written into `pixels` */
    return function decode(r, v, pixels = new Float32Array(784)) {
      dense(rw, rb, r, h.subarray(0, half));
      dense(vw, vb, v, h.subarray(half));
      dense(dw, db, h, corner);
      const channels = corner.length / 4; // (C, 2, 2) -> (2, 2, C)
      for (let c = 0; c < channels; c++)
        for (let p = 0; p < 4; p++) steps[0][p * channels + c] = corner[c * 4 + p];
      layers.forEach(({ weight, bias }, k) => upsample(weight, bias, 2 ** (k + 1), steps[k], steps[k + 1]));
      return toPixels(lw, lb, steps[4], pixels);
    };
  }

  EquivaeLive.network = { decoder, dense };
})();
