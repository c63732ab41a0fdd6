"use strict";
/* One namespace for all live figures, and the loader of the weights.

   The weights are scripts of their own: `EquivaeLive.weights.receive(part, content)`.
   They are loaded once, when the first figure asks for them. */
window.EquivaeLive = {};

(() => {
  const waiting = {}; // part -> { promise, resolve, reject }

  /* base64 of a zlib stream -> its bytes */
  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /* float16, first all high bytes, then all low bytes -> Float32Array */
  function fromHalf(bytes) {
    const values = new Float32Array(bytes.length / 2);
    for (let i = 0; i < values.length; i++) {
      const h = (bytes[i] << 8) | bytes[values.length + i];
      const exponent = (h >> 10) & 31, fraction = h & 1023;
      const size = exponent === 0
        ? fraction * 2 ** -24
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
      values[i] = h & 0x8000 ? -size : size;
    }
    return values;
  }

  function entry(part) {
    if (!waiting[part]) {
      const made = {};
      made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
      waiting[part] = made;
    }
    return waiting[part];
  }

  /* Called by a weights file: keep its tensors under their names in the checkpoint. */
  async function receive(part, content) {
    const flat = fromHalf(await unpack(content.data)), tensors = {};
    let start = 0;
    for (const [name, shape] of content.tensors) {
      const size = shape.reduce((a, b) => a * b, 1);
      tensors[name] = { shape, values: flat.subarray(start, start + size) };
      start += size;
    }
    entry(part).resolve({ start: content.start, tensors });
  }

  /* Promise of { start, tensors } of a part; the script at `address` brings it. */
  function load(part, address) {
    const one = entry(part);
    if (!one.asked) {
      one.asked = true;
      const script = document.createElement("script");
      script.src = address;
      script.onerror = () => one.reject(new Error(`${address} could not be loaded`));
      document.head.append(script);
    }
    return one.promise;
  }

  EquivaeLive.weights = { receive, load };
})();
