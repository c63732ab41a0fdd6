"use strict";
/* The weights: scripts of their own, `EquivaeLive.weights.receive(part, text)`, loaded
   once, when the first figure asks for them. A page in a folder can load a script, but
   fetch nothing. */
(() => {
  const waiting = {}; // part -> { promise, resolve, reject, received }

  function entry(part) {
    if (!waiting[part]) {
      const made = { received: false };
      made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
      waiting[part] = made;
    }
    return waiting[part];
  }

  /* Called by a weights file. */
  function receive(part, text) {
    entry(part).received = true;
    entry(part).resolve(text);
  }

  /* Promise of the packed text of a part, which the script at `address` brings. */
  function load(part, address) {
    const one = entry(part);
    if (!one.asked) {
      one.asked = true;
      const script = document.createElement("script");
      script.src = address;
      script.onerror = () => one.reject(Error("the model's weights could not be loaded"));
      // Half a script, or one with a wrong character, may load and hand over nothing.
      script.onload = () => {
        if (!one.received) one.reject(Error("the model's weights did not arrive whole"));
      };
      document.head.append(script);
    }
    return one.promise;
  }

  EquivaeLive.weights = { receive, load };
})();

/* A text of base64 is a zlib stream: a line of JSON, then float16, first all high bytes,
   then all low bytes. The stream carries a checksum, which covers all of it. */
EquivaeLive.compute("unpack", (EquivaeLive) => {
  async function inflate(text) {
    if (typeof DecompressionStream === "undefined")
      throw Error("this browser cannot unpack the model's weights (it has no " +
                  "DecompressionStream; browsers since 2023 have)");
    try {
      const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
      return new Uint8Array(await new Response(stream).arrayBuffer());
    } catch {
      throw Error("the model's weights are damaged");
    }
  }

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

  /* -> { start, tensors }: where figures begin, tensors by their names in the checkpoint */
  EquivaeLive.unpack = async (text) => {
    const bytes = await inflate(text), line = bytes.indexOf(10);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(0, line)));
    const flat = fromHalf(bytes.subarray(line + 1)), tensors = {};
    let from = 0;
    for (const [name, shape] of header.tensors) {
      const size = shape.reduce((a, b) => a * b, 1);
      tensors[name] = { shape, values: flat.subarray(from, from + size) };
      from += size;
    }
    return { start: header.start, tensors };
  };
});
EquivaeLive.arrived("weights.js");
