"use strict";
/* What the figures share: pixels onto a canvas, the start when a figure comes near,
   and the reader's wish for little motion. */
(() => {
  const SIZE = 28;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  /* A canvas that holds `columns` images side by side. */
  function sheet(canvas, columns) {
    const small = document.createElement("canvas");
    small.width = columns * SIZE;
    small.height = SIZE;
    const inner = small.getContext("2d"), outer = canvas.getContext("2d");
    const image = inner.createImageData(small.width, SIZE);
    image.data.fill(255);

    /* pixels (784) in [0, 1] into a column */
    function put(column, pixels) {
      for (let row = 0, k = 0; row < SIZE; row++) {
        let to = 4 * (row * small.width + column * SIZE);
        for (let x = 0; x < SIZE; x++, k++, to += 4) {
          const grey = Math.round(255 * pixels[k]);
          image.data[to] = image.data[to + 1] = image.data[to + 2] = grey;
        }
      }
    }

    /* Enlarged smoothly: 28 pixels as blocks are hard to read as handwriting. */
    function show() {
      inner.putImageData(image, 0, 0);
      outer.imageSmoothingQuality = "high";
      outer.drawImage(small, 0, 0, canvas.width, canvas.height);
    }
    return { put, show };
  }

  /* Call `start(figure, decoder part, …)` for every figure of a kind, when it comes
     near the screen; the page is read, and painted, without it. */
  function whenNear(kind, parts, start) {
    for (const figure of document.querySelectorAll(`.live[data-live="${kind}"]`)) {
      const watcher = new IntersectionObserver((seen) => {
        if (!seen.some((s) => s.isIntersecting)) return;
        watcher.disconnect();
        const asked = parts.map((p) => EquivaeLive.weights.load(p, figure.dataset[p]));
        Promise.all(asked)
          .then((loaded) => start(figure, ...loaded))
          .then(() => { figure.dataset.state = "live"; })
          .catch((error) => {
            figure.dataset.state = "failed";
            figure.querySelector(".live-said").textContent =
              `This figure stays a picture: ${error.message}.`;
            throw error;
          });
      }, { rootMargin: "300px" });
      watcher.observe(figure);
    }
  }

  EquivaeLive.paint = { sheet, whenNear, calm, SIZE };
})();
