"use strict";
/* What the figures share: pixels onto a canvas, work that is done as often as there is
   time for it, the start of a figure when it comes near, and the reader's wish for
   little motion. */
(() => {
  const { SIZE } = EquivaeLive.network;
  const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");

  /* What draws on a canvas. Some browsers let no script do it. */
  function penOf(canvas) {
    const pen = canvas.getContext("2d");
    if (!pen) throw Error("this browser lets no script draw a picture");
    return pen;
  }

  /* A canvas that holds images side by side, `columns` in a row. Nothing is ever read
     back from it: browsers that guard against tracking answer with noise. */
  function sheet(canvas, columns = 1, rows = 1, { colours, size } = { colours: 1, size: SIZE }) {
    const small = document.createElement("canvas");
    small.width = columns * size;
    small.height = rows * size;
    const inner = penOf(small), outer = penOf(canvas);
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

  /* Work for a figure; it counts as working meanwhile, and as failed if that fails. */
  async function during(figure, work) {
    figure.working = (figure.working ?? 0) + 1;
    try {
      await work();
    } catch (error) {
      EquivaeLive.fail(figure, error);
    }
    figure.working -= 1;
  }

  /* Ask for some work with the model as often as you like: it runs to its end, and once
     more if it was asked for meanwhile. So what is shown may be a moment old, never
     half of one state and half of another. */
  function again(figure, work) {
    let running = false, asked = false;
    return async () => {
      asked = true;
      if (running) return;
      running = true;
      await during(figure, async () => {
        while (asked) {
          asked = false;
          await work();
        }
      });
      running = false;
    };
  }

  /* A moment in which the page has nothing else to do, or soon: ink comes first. */
  const spare = () => new Promise((done) => {
    if (window.requestIdleCallback) requestIdleCallback(done, { timeout: 200 });
    else setTimeout(done);
  });

  /* Listen; a handler that goes wrong leaves a figure that says so. */
  const listener = (figure) => (element, types, handle) => {
    for (const type of types.split(" "))
      element.addEventListener(type, (event) => {
        try {
          handle(event);
        } catch (error) {
          EquivaeLive.fail(figure, error);
        }
      });
  };

  /* The line under a figure, or another one. A screen reader reads it out when it changes, so it waits
     until the reader's hand rests. */
  function speaker(figure, line = figure.querySelector(".live-said")) {
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

  /* What a slider says of its value, beside it and to a screen reader. */
  function tellValue(slider, text) {
    slider.setAttribute("aria-valuetext", text);
    const shown = slider.parentElement.querySelector("output");
    if (shown) shown.textContent = text;
  }

  /* Let an element hear of a pointer until it is lifted, wherever it goes. */
  function hold(element, { pointerId }) {
    try {
      element.setPointerCapture(pointerId);
    } catch { /* it is gone already */ }
  }

  /* Tell whenever a figure leaves the screen or comes back: out of sight nothing moves. A
     battery is not ours to spend. */
  function onScreen(figure, tell) {
    new IntersectionObserver((seen) => tell(seen[seen.length - 1].isIntersecting))
      .observe(figure);
  }

  /* Start every figure of a kind when it comes near the screen: the page is read, and
     painted, without its weights. `needs` are the parts of the weights; `start` gets the
     figure and its models, and gives what EquivaeLive.keep asks for, if anything. What
     works before the weights are there is `early`, whose answer `start` gets, too. */
  function whenNear(kind, needs, start, early = () => undefined) {
    for (const figure of document.querySelectorAll(`.live[data-live="${kind}"]`)) {
      const begin = async () => {
        try {
          const first = early(figure);
          const models = needs.map((p) => EquivaeLive.engine.open(p, figure.dataset[p]));
          const state = start(figure, ...await Promise.all(models), first);
          EquivaeLive.live(figure);
          if (state) EquivaeLive.keep(figure, state);
        } catch (error) {
          EquivaeLive.fail(figure, error);
        }
      };
      if (new URLSearchParams(location.hash.slice(1)).get("live") === kind) {
        figure.scrollIntoView(); // the address holds a state of this figure
        begin();
        continue;
      }
      const watcher = new IntersectionObserver((seen) => {
        if (!seen.some((s) => s.isIntersecting)) return;
        watcher.disconnect();
        begin();
      }, { rootMargin: "300px" });
      watcher.observe(figure);
    }
  }

  EquivaeLive.paint = {
    penOf, sheet, onFrame, during, again, spare, listener, speaker, parts, words, normal, tellValue,
    hold, onScreen, whenNear, calm, DIGITS,
  };
})();
EquivaeLive.arrived("paint.js");
