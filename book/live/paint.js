"use strict";
/* What the figures share: pixels onto a canvas, one drawing a frame, the start of a
   figure when it comes near, and the reader's wish for little motion. */
(() => {
  const { SIZE } = EquivaeLive.network;
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  /* A canvas that holds images side by side, `columns` in a row. */
  function sheet(canvas, columns = 1, rows = 1, { colours, size } = { colours: 1, size: SIZE }) {
    const small = document.createElement("canvas");
    small.width = columns * size;
    small.height = rows * size;
    const inner = small.getContext("2d"), outer = canvas.getContext("2d");
    const image = inner.createImageData(small.width, small.height);
    image.data.fill(255);

    /* pixels (size, size, colours) in [0, 1] into a cell; one colour is grey */
    function put(pixels, column = 0, row = 0) {
      for (let y = 0, k = 0; y < size; y++) {
        let to = 4 * ((row * size + y) * small.width + column * size);
        for (let x = 0; x < size; x++, k += colours, to += 4)
          for (let c = 0; c < 3; c++)
            image.data[to + c] = Math.round(255 * pixels[k + c % colours]);
      }
    }

    /* Enlarged smoothly: a few pixels as blocks are hard to read as a digit. */
    function show() {
      inner.putImageData(image, 0, 0);
      outer.imageSmoothingQuality = "high";
      outer.drawImage(small, 0, 0, canvas.width, canvas.height);
    }
    return { put, show };
  }

  /* Ask for a drawing as often as you like: it is done once, in the next frame. */
  function onFrame(draw) {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame((now) => {
        asked = false;
        draw(now);
      });
    };
  }

  /* The line under a figure. A screen reader reads it out when it changes, so it waits
     until the reader's hand rests. */
  function speaker(figure) {
    const line = figure.querySelector(".live-said");
    let timer = 0;
    return (text) => {
      clearTimeout(timer);
      timer = setTimeout(() => { line.textContent = text; }, 250);
    };
  }

  /* Elements of a figure by their data-part and data-do. */
  function parts(figure) {
    const found = {};
    for (const element of figure.querySelectorAll("[data-part], [data-do]"))
      found[element.dataset.part ?? element.dataset.do] = element;
    return found;
  }

  /* A number as it is written: two decimals and a true minus sign. */
  const words = (x) => x.toFixed(2).replace("-", "\u2212");

  /* A draw from N(0, 1) (Box and Muller). */
  function normal() {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  /* Start every figure of a kind when it comes near the screen: the page is read, and
     painted, without its weights. `needs` are the parts of the weights. */
  function whenNear(kind, needs, start) {
    for (const figure of document.querySelectorAll(`.live[data-live="${kind}"]`)) {
      const watcher = new IntersectionObserver((seen) => {
        if (!seen.some((s) => s.isIntersecting)) return;
        watcher.disconnect();
        const asked = needs.map((p) => EquivaeLive.weights.load(p, figure.dataset[p]));
        Promise.all(asked)
          .then((loaded) => {
            start(figure, ...loaded);
            figure.dataset.state = "live";
          })
          .catch((error) => {
            figure.dataset.state = "failed"; // live.css takes the controls away
            console.error(error);
          });
      }, { rootMargin: "300px" });
      watcher.observe(figure);
    }
  }

  EquivaeLive.paint = { sheet, onFrame, speaker, parts, words, normal, whenNear, calm };
})();
