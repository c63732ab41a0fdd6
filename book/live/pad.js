"use strict";
/* Ten classes decoded from one v. A pad holds two units of v, sliders all of them.

   `begin` says where: y, v, the two units, how far they go, and what each unit is worth.
   That is also where Reset, and in the pad Home, lead back to. */
EquivaeLive.pad = (figure, begin, tensors) => {
  const { sheet, onFrame, speaker, parts, words, calm } = EquivaeLive.paint;
  const { kl, units, range, map: cells } = begin;
  const [across, up] = units;
  const image = EquivaeLive.network.imageOf(tensors);
  const decode = EquivaeLive.network.decoder(tensors);
  const part = parts(figure), say = speaker(figure);
  const row = sheet(part.row, 10, 1, image), one = sheet(part.one, 1, 1, image);
  const map = sheet(part.map, cells, cells, image);
  const radios = [...figure.querySelectorAll("input[type=radio]")];
  const dot = figure.querySelector(".live-dot");
  const classR = (y) => tensors.class_r.values.subarray(16 * y, 16 * y + 16);
  const v = Float32Array.from(begin.v);
  let home = begin; // y and v
  const chosen = () => Number(radios.find((radio) => radio.checked).value);
  const inside = (x) => Math.max(-range, Math.min(range, x));
  let todo = []; // cells of the map that are out of date

  const sliders = kl.map((nats, unit) => {
    const label = document.createElement("label"), slider = document.createElement("input");
    Object.assign(slider, { type: "range", min: -range, max: range, step: 0.05, value: v[unit] });
    label.textContent = `unit ${unit} `;
    const note = document.createElement("small");
    note.textContent = `${nats.toFixed(1)} nats`;
    label.append(note, slider);
    slider.addEventListener("input", () => {
      v[unit] = Number(slider.value);
      changed(!units.includes(unit));
    });
    part.sliders.append(label);
    return slider;
  });

  const draw = onFrame(() => {
    for (let y = 0; y < 10; y++) {
      const pixels = decode(classR(y), v);
      row.put(pixels, y);
      if (y === chosen()) one.put(pixels);
    }
    row.show();
    one.show();
    dot.style.left = `${50 + 50 * v[across] / range}%`;
    dot.style.top = `${50 - 50 * v[up] / range}%`;
    sliders.forEach((slider, unit) => { slider.value = v[unit]; });
  });

  /* The pad's background: the chosen class over the two units, a row of it a frame. */
  const drawMap = onFrame(() => {
    const at = Float32Array.from(v);
    for (const k of todo.splice(0, cells)) {
      const column = k % cells, line = Math.floor(k / cells);
      at[across] = range * ((2 * column + 1) / cells - 1);
      at[up] = -range * ((2 * line + 1) / cells - 1);
      map.put(decode(classR(chosen()), at), column, line);
    }
    map.show();
    if (todo.length) drawMap();
  });

  /* After a change of v or of the class; `background` where the pad's map changes too. */
  function changed(background) {
    draw();
    if (background) {
      todo = Array.from({ length: cells * cells }, (_, k) => k);
      drawMap();
    }
    say(`Class ${chosen()}; unit ${across} is ${words(v[across])}, unit ${up} is ${words(v[up])}.`);
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

  function place(x, y) {
    const midway = walk !== arrived; // the other units have moved: the map is another
    arrived = ++walk;
    v[across] = inside(x);
    v[up] = inside(y);
    changed(midway);
  }

  function drag(event) {
    const box = part.pad.getBoundingClientRect();
    place(range * (2 * (event.clientX - box.left) / box.width - 1),
          -range * (2 * (event.clientY - box.top) / box.height - 1));
  }

  part.pad.addEventListener("pointerdown", (event) => {
    part.pad.setPointerCapture(event.pointerId);
    drag(event);
  });
  part.pad.addEventListener("pointermove", (event) => {
    if (part.pad.hasPointerCapture(event.pointerId)) drag(event);
  });
  part.pad.addEventListener("keydown", (event) => {
    const size = event.shiftKey ? 0.5 : 0.1;
    const move = {
      ArrowLeft: [-size, 0], ArrowRight: [size, 0], ArrowDown: [0, -size], ArrowUp: [0, size],
    }[event.key];
    if (move) place(v[across] + move[0], v[up] + move[1]);
    else if (event.key === "Home") place(home.v[across], home.v[up]);
    else return;
    event.preventDefault();
  });
  radios.forEach((radio) => radio.addEventListener("change", () => changed(true)));
  part.reset.addEventListener("click", () => goHome());
  changed(true);

  /* Back to the home, or to another one: its class at once, then its v. */
  function goHome(to = home) {
    home = to;
    radios[home.y].checked = true;
    go(home.v);
  }

  return { go, goHome, inside };
};
