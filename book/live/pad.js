"use strict";
/* Ten classes decoded from one v. A pad holds two units of v, sliders all of them.

   `begin` says where: y, v, the two units, how far they go, and what each unit is worth.
   That is also where Reset leads back to. */
EquivaeLive.pad = (figure, begin, model) => {
  const { sheet, onFrame, again, listener, speaker, parts, words, tellValue, hold, calm,
    DIGITS } =
    EquivaeLive.paint;
  const { kl, units, range, map: cells } = begin, { image } = model;
  const [across, up] = units;
  const part = parts(figure), say = speaker(figure), on = listener(figure);
  const row = sheet(part.row, 10, 1, image), one = sheet(part.one, 1, 1, image);
  const map = sheet(part.map, cells, cells, image);
  const radios = [...figure.querySelectorAll("input[type=radio]")];
  const dot = figure.querySelector(".live-dot");
  const v = Float32Array.from(begin.v);
  let home = begin; // y and v
  const chosen = () => Number(radios.find((radio) => radio.checked).value);
  const inside = (x) => Math.max(-range, Math.min(range, x));

  const sliders = []; // by unit; in the page those stand first that say most of an image
  for (const unit of [...kl.keys()].sort((a, b) => kl[b] - kl[a])) {
    const label = document.createElement("label"), slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: -range, max: range, step: 0.05 });
    slider.autocomplete = "off";
    slider.dataset.unit = unit;
    const name = document.createElement("span"), note = document.createElement("small");
    name.textContent = `unit ${unit} `;
    note.textContent = `${kl[unit].toFixed(1)} nats`;
    name.append(note);
    label.append(name, document.createElement("output"), slider);
    on(slider, "input", () => {
      arrived = ++walk; // a hand stops a walk
      v[unit] = Number(slider.value);
      changed(!units.includes(unit), [unit]);
    });
    part.sliders.append(label);
    sliders[unit] = slider;
  }

  /* What needs no model is there in the next frame. */
  const place = onFrame(() => {
    dot.style.left = `${50 + 50 * v[across] / range}%`;
    dot.style.top = `${50 - 50 * v[up] / range}%`;
    sliders.forEach((slider, unit) => {
      slider.value = v[unit];
      tellValue(slider, words(v[unit]));
    });
  });

  const draw = again(figure, async () => {
    const at = v.slice();
    const pictures = await model.decode(DIGITS.map((y) => [model.r(y), at]));
    pictures.forEach((pixels, y) => row.put(pixels, y));
    one.put(pictures[chosen()]);
    row.show();
    one.show();
  });

  /* The pad's background: the chosen class over the two units, a row of it at a time. */
  const drawMap = again(figure, async () => {
    const r = model.r(chosen()), from = v.slice();
    for (let line = 0; line < cells; line++) {
      const pairs = Array.from({ length: cells }, (_, column) => {
        const at = from.slice();
        at[across] = range * ((2 * column + 1) / cells - 1);
        at[up] = -range * ((2 * line + 1) / cells - 1);
        return [r, at];
      });
      (await model.decode(pairs)).forEach((pixels, column) => map.put(pixels, column, line));
      map.show();
    }
  });

  /* After a change of v or of the class; `background` where the pad's map changes too,
     `moved` the units that a hand has moved. */
  function changed(background, moved = units) {
    place();
    draw();
    if (background) drawMap();
    const told = moved.map((unit) => `unit ${unit} is ${words(v[unit])}`);
    say(`Class ${chosen()}; ${told.join(", ")}.`);
  }

  /* Walk to another v in half a second; with little motion wanted, at once. */
  let walk = 0, arrived = 0;
  function go(target) {
    const from = Float32Array.from(v), number = ++walk, begun = performance.now();
    function step(now) {
      if (number !== walk) return; // a later walk has taken over
      const t = calm.matches ? 1 : Math.min(1, Math.max(0, now - begun) / 500);
      const eased = t * t * (3 - 2 * t);
      v.forEach((_, k) => { v[k] = from[k] + eased * (target[k] - from[k]); });
      if (t === 1) arrived = number;
      changed(t === 1);
      if (t < 1) requestAnimationFrame(step);
    }
    requestAnimationFrame(step);
  }

  function move(x, y) {
    const midway = walk !== arrived; // the other units have moved: the map is another
    arrived = ++walk;
    v[across] = inside(x);
    v[up] = inside(y);
    changed(midway);
  }

  let finger = null; // the pointer that holds the dot; others are ignored
  function drag(event) {
    const box = part.pad.getBoundingClientRect();
    move(range * (2 * (event.clientX - box.left) / box.width - 1),
         -range * (2 * (event.clientY - box.top) / box.height - 1));
  }

  on(part.pad, "pointerdown", (event) => {
    if (finger !== null || event.button !== 0) return;
    finger = event.pointerId;
    hold(part.pad, event);
    drag(event);
  });
  on(part.pad, "pointermove", (event) => { if (event.pointerId === finger) drag(event); });
  on(part.pad, "pointerup pointercancel lostpointercapture", (event) => {
    if (event.pointerId === finger) finger = null;
  });
  // As in any slider: Home and End are its ends, Page Up and Page Down large steps.
  on(part.pad, "keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const size = event.shiftKey ? 0.5 : 0.1, x = v[across], y = v[up];
    const places = {
      ArrowLeft: [x - size, y], ArrowRight: [x + size, y],
      ArrowDown: [x, y - size], ArrowUp: [x, y + size],
      PageDown: [x, y - 0.5], PageUp: [x, y + 0.5], Home: [-range, y], End: [range, y],
    };
    if (!places[event.key]) return;
    move(...places[event.key]);
    event.preventDefault();
  });
  for (const radio of radios) on(radio, "change", () => changed(true));
  on(part.reset, "click", () => goHome());
  changed(true);

  /* Back to the home, or to another one: its class at once, then its v. */
  const homeIs = (to) => { home = to; };
  function goHome(to = home) {
    homeIs(to);
    radios[home.y].checked = true;
    go(home.v);
  }

  function write() {
    const values = Array.from(v, (x) => Number(x.toFixed(2)));
    return { y: String(chosen()), v: values.join(",") };
  }

  function read(get) {
    const [y] = EquivaeLive.keep.numbers(get("y"), 1, 9);
    const values = EquivaeLive.keep.numbers(get("v"), v.length, range);
    radios[y].checked = true; // throws where there is no such class
    arrived = ++walk;
    v.set(values);
    changed(true);
  }

  return { go, goHome, inside, homeIs, write, read };
};
EquivaeLive.arrived("pad.js");
