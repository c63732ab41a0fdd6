"use strict";
/* The encoders of chapters 06 and 07: f, g and q_cov, for one image at a time, of any size
   and, with its pixels standardised, in colour. */
EquivaeLive.compute("encoder", (EquivaeLive) => {
  const { dense, convolution, apply, layerOf, imageOf, standardise } = EquivaeLive.network;
  const STRIDES = [1, 2, 2, 2, 2];

  /* Five convolutions and a dense layer: x (size, size, C) -> (128). `name` is their
     place in the checkpoint. */
  function embedding(of, name, size) {
    let n = size;
    const layers = STRIDES.map((stride, k) => {
      const layer = convolution(of(`${name}.${2 * k}`), n, stride);
      n = layer.m;
      return layer;
    });
    const last = of(`${name}.11`), channels = layers[4].outputs;
    const flat = new Float32Array(n * n * channels);
    const out = new Float32Array(last[0].shape[0]);
    return (x) => {
      const y = layers.reduce((input, layer) => apply(layer, input), x);
      for (let p = 0; p < n * n; p++) // (n, n, C) -> (C, n, n), as nn.Flatten has it
        for (let c = 0; c < channels; c++) flat[c * n * n + p] = y[p * channels + c];
      return dense(last, flat, out);
    };
  }

  /* The encoders made of the tensors that `weights.load("encoder", …)` brings. */
  function encoder(tensors) {
    const of = layerOf(tensors), { size } = imageOf(tensors), seen = standardise(tensors);
    const f = embedding(of, "encoder.f", size), embed = embedding(of, "posterior.embed", size);
    const [g0, g1] = [of("encoder.g.0"), of("encoder.g.2")];
    const denseR = of("posterior.dense_r");
    const heads = ["mu", "log_var"].map((h) => [of(`posterior.${h}.0`), of(`posterior.${h}.2`)]);
    const narrow = g0[0].shape[0];
    const hidden = new Float32Array(narrow);

    /* r = g(f(x)) of one image x, (size * size * C) in [0, 1]: (2) with m = 1 -> (16) */
    function invariant(x) {
      const r = new Float32Array(g1[0].shape[0]);
      return dense(g1, dense(g0, f(seen(x)), hidden), r, false);
    }

    /* q_cov(v | r, x), equation (3): x, r (16) -> { mu, logVar }, (16) each */
    function posterior(r, x) {
      const e = embed(seen(x));
      const joint = new Float32Array(e.length + narrow);
      joint.set(e);
      dense(denseR, r, joint.subarray(e.length));
      const [mu, logVar] = heads.map(([first, last]) =>
        dense(last, dense(first, joint, hidden), new Float32Array(last[0].shape[0]), false));
      return { mu, logVar };
    }

    return { invariant, posterior };
  }

  EquivaeLive.encoder = encoder;
});
EquivaeLive.arrived("encoder.js");
