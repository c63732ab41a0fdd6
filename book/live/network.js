"use strict";
/* Layers on typed arrays, and the decoder of chapters 08 and 13: (r_y, v) -> pixel means.

   The same layers as equivae_lite/model/networks.py, one image at a time. Tensors come as
   { shape, values }, in PyTorch's order; images are kept with their channels last,
   (H, W, C), so that the innermost loops run along memory. */
EquivaeLive.compute("network", (EquivaeLive) => {
  const KERNEL = 5, PADDING = 2, SIZE = 28; // MNIST's pixels in a row
  const UNROLLED = 8; // output channels that are summed side by side; divides all widths

  /* y = W x + b, with ReLU or without: W (out, in), x (in) -> y (out) */
  function dense([weight, bias], x, y, rectify = true) {
    const [outputs, inputs] = weight.shape, w = weight.values;
    for (let o = 0, k = 0; o < outputs; o++) {
      let sum = bias.values[o];
      for (let i = 0; i < inputs; i++, k++) sum += w[k] * x[i];
      y[o] = rectify && sum < 0 ? 0 : sum;
    }
    return y;
  }

  /* Weights with strides, in any order -> (5, 5, in, out), output channels side by side. */
  function outputsLast(values, inputs, outputs, strideIn, strideOut) {
    const sorted = new Float32Array(values.length);
    for (let k = 0, to = 0; k < KERNEL * KERNEL; k++)
      for (let i = 0; i < inputs; i++)
        for (let o = 0; o < outputs; o++, to++)
          sorted[to] = values[i * strideIn + o * strideOut + k];
    return sorted;
  }

  /* What a layer from n x n to m x m pixels needs. `source(p, a)` is the row of x that
     row p of y reads through row a of the kernel; columns go the same way. */
  function prepare(n, m, inputs, outputs, values, bias, source) {
    const taps = []; // for each p: [a, row, a, row, …] of the rows that exist
    for (let p = 0; p < m; p++) {
      taps.push([]);
      for (let a = 0; a < KERNEL; a++) {
        const row = source(p, a);
        if (Number.isInteger(row) && row >= 0 && row < n) taps[p].push(a, row);
      }
    }
    return {
      n, m, inputs, outputs, values, bias: bias.values, taps,
      first: new Int32Array(n * n + 1), // where the inputs of a pixel begin in the lists
      offset: new Int32Array(n * n * inputs), // an input that is not zero: its weights
      value: new Float32Array(n * n * inputs), // and its value
      y: new Float32Array(m * m * outputs),
    };
  }

  /* Convolution 5x5, padding 2: weight (out, in, 5, 5), x (n, n, in) -> (n/s, n/s, out) */
  function convolution([weight, bias], n, stride) {
    const [outputs, inputs] = weight.shape, area = KERNEL * KERNEL;
    const values = outputsLast(weight.values, inputs, outputs, area, inputs * area);
    const source = (p, a) => stride * p + a - PADDING;
    return prepare(n, Math.ceil(n / stride), inputs, outputs, values, bias, source);
  }

  /* Transposed convolution 5x5, stride 2, padding 2, output padding 1:
     weight (in, out, 5, 5), x (n, n, in) -> (2n, 2n, out) */
  function transposed([weight, bias], n) {
    const [inputs, outputs] = weight.shape, area = KERNEL * KERNEL;
    const values = outputsLast(weight.values, inputs, outputs, outputs * area, area);
    const source = (p, a) => (p + PADDING - a) / 2; // a half pixel does not exist
    return prepare(n, 2 * n, inputs, outputs, values, bias, source);
  }

  /* Apply a prepared layer and ReLU. About two thirds of what comes in is zero, because
     a ReLU made it: these inputs are left out of the sums. */
  function apply(layer, x) {
    const { n, m, inputs, outputs, values, bias, taps, first, offset, value, y } = layer;
    let count = 0;
    for (let p = 0, k = 0; p < n * n; p++) {
      first[p] = count;
      for (let i = 0; i < inputs; i++, k++)
        if (x[k] !== 0) { offset[count] = i * outputs; value[count++] = x[k]; }
    }
    first[n * n] = count;
    for (let row = 0, to = 0; row < m; row++)
      for (let column = 0; column < m; column++)
        for (let o = 0; o < outputs; o += UNROLLED, to += UNROLLED) {
          let s0 = bias[o], s1 = bias[o + 1], s2 = bias[o + 2], s3 = bias[o + 3];
          let s4 = bias[o + 4], s5 = bias[o + 5], s6 = bias[o + 6], s7 = bias[o + 7];
          const rows = taps[row], columns = taps[column];
          for (let a = 0; a < rows.length; a += 2)
            for (let b = 0; b < columns.length; b += 2) {
              const pixel = rows[a + 1] * n + columns[b + 1], end = first[pixel + 1];
              const from = (rows[a] * KERNEL + columns[b]) * inputs * outputs + o;
              for (let j = first[pixel]; j < end; j++) {
                const c = value[j], w = from + offset[j];
                s0 += c * values[w]; s1 += c * values[w + 1];
                s2 += c * values[w + 2]; s3 += c * values[w + 3];
                s4 += c * values[w + 4]; s5 += c * values[w + 5];
                s6 += c * values[w + 6]; s7 += c * values[w + 7];
              }
            }
          y[to] = s0 > 0 ? s0 : 0; y[to + 1] = s1 > 0 ? s1 : 0;
          y[to + 2] = s2 > 0 ? s2 : 0; y[to + 3] = s3 > 0 ? s3 : 0;
          y[to + 4] = s4 > 0 ? s4 : 0; y[to + 5] = s5 > 0 ? s5 : 0;
          y[to + 6] = s6 > 0 ? s6 : 0; y[to + 7] = s7 > 0 ? s7 : 0;
        }
    return y;
  }

  /* What a decoder draws, (C, H, W). Standardised pixels come with their means, which
     say it, a model of a reader's own with an `image` of that shape; else it is MNIST. */
  function imageOf(tensors) {
    const told = tensors["pixels.mean"] ?? tensors.image;
    const [colours, size] = told?.shape ?? [1, SIZE];
    return { colours, size };
  }

  /* The last layer: convolution 5x5 from n x n to size x size pixels, padded as that asks
     for: weight (C, in, 5, 5), x (n, n, in) -> y (size, size, C), without ReLU */
  function toPixels([weight, bias], n, size) {
    const [colours, inputs] = weight.shape, area = KERNEL * KERNEL, each = inputs * area;
    const padding = Math.floor((size - n + KERNEL - 1) / 2); // below 0 it cuts off
    const values = new Float32Array(weight.values.length); // (C, 5, 5, in)
    for (let c = 0; c < colours; c++) {
      const one = weight.values.subarray(c * each, (c + 1) * each);
      values.set(outputsLast(one, inputs, 1, area, each), c * each);
    }
    return (x, y) => {
      for (let row = 0, to = 0; row < size; row++)
        for (let column = 0; column < size; column++) {
          const top = row - padding, left = column - padding; // the kernel's corner in x
          const from = Math.max(left, 0), until = Math.min(left + KERNEL, n);
          for (let c = 0; c < colours; c++, to++) {
            let s0 = bias.values[c], s1 = 0, s2 = 0, s3 = 0;
            for (let a = Math.max(0, -top); a < KERNEL && top + a < n; a++) {
              const end = ((top + a) * n + until) * inputs;
              let w = ((c * KERNEL + a) * KERNEL + from - left) * inputs;
              for (let k = ((top + a) * n + from) * inputs; k < end; k += 4, w += 4) {
                s0 += x[k] * values[w]; s1 += x[k + 1] * values[w + 1];
                s2 += x[k + 2] * values[w + 2]; s3 += x[k + 3] * values[w + 3];
              }
            }
            y[to] = s0 + s1 + s2 + s3;
          }
        }
      return y;
    };
  }

  /* (C, H, W) -> (H, W, C) */
  function channelsLast({ shape: [colours, height, width], values }) {
    const area = height * width;
    return values.map((_, k) => values[(k % colours) * area + Math.floor(k / colours)]);
  }

  /* What the last layer gives -> pixels in [0, 1], in place: standardised ones by their
     deviation and mean, else the logistic function, for the means of Bernoullis. */
  function bringBack(tensors) {
    const each = (y, f) => { for (let k = 0; k < y.length; k++) y[k] = f(y[k], k); };
    if (!tensors["pixels.mean"]) return (y) => each(y, (x) => 1 / (1 + Math.exp(-x)));
    const [mean, std] = ["mean", "std"].map((name) => channelsLast(tensors[`pixels.${name}`]));
    return (y) => each(y, (x, k) => Math.max(0, Math.min(1, std[k] * x + mean[k])));
  }

  /* The other way, for an encoder: pixels in [0, 1] -> what its first layer takes. */
  function standardise(tensors) {
    if (!tensors["pixels.mean"]) return (x) => x;
    const [mean, std] = ["mean", "std"].map((name) => channelsLast(tensors[`pixels.${name}`]));
    return (x) => x.map((value, k) => (value - mean[k]) / std[k]);
  }

  /* [weight, bias] of a layer by its name in the checkpoint */
  const layerOf = (tensors) => (name) =>
    [tensors[`${name}.weight`], tensors[`${name}.bias`]];

  /* The decoder made of the tensors that `weights.load` brings for "decoder" or "scene". */
  function decoder(tensors) {
    const of = layerOf(tensors);
    const [denseR, denseV, joint] = ["dense_r", "dense_v", "dense"].map((n) => of(`decoder.${n}`));
    const half = denseR[0].shape[0], width = joint[0].shape[0];
    const channels = of("decoder.convolutions.1")[0].shape[0], area = width / channels;
    const side = Math.sqrt(area); // of the corner: 2 pixels for 28 and 32
    const layers = [1, 3, 5, 7].map((k, j) =>
      transposed(of(`decoder.convolutions.${k}`), side * 2 ** j));
    const { colours, size } = imageOf(tensors), finish = bringBack(tensors);
    const end = tensors["decoder.convolutions.9.weight"] ? 9 : 10; // 9 may cut a border off
    const last = toPixels(of(`decoder.convolutions.${end}`), layers[3].m, size);
    const h = new Float32Array(2 * half), flat = new Float32Array(width);
    const corner = new Float32Array(width);

    /* r_y (16), v (16) -> pixels (size, size, colours), written into `pixels` */
    return function decode(r, v, pixels = new Float32Array(size * size * colours)) {
      dense(denseR, r, h.subarray(0, half));
      dense(denseV, v, h.subarray(half));
      dense(joint, h, flat);
      for (let c = 0; c < channels; c++) // (C, 2, 2) -> (2, 2, C)
        for (let p = 0; p < area; p++) corner[p * channels + c] = flat[c * area + p];
      const x = layers.reduce((input, layer) => apply(layer, input), corner);
      finish(last(x, pixels));
      return pixels;
    };
  }

  EquivaeLive.network = {
    SIZE, dense, convolution, apply, layerOf, imageOf, standardise, decoder,
  };
});
EquivaeLive.arrived("network.js");
