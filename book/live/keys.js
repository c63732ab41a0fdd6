"use strict";
/* The sheet under the keys: arrows move a pen over it, Space or Enter puts it down or up.

   Two arrows held together move it aslant; with Shift its steps are wider. A ring shows
   where it is, and the line below the sheet says it. `hand` has begin(from),
   extend(points) and lift(), and down() tells whether the keys are drawing. */
EquivaeLive.keys = (figure, hand) => {
  const { parts, listener, speaker } = EquivaeLive.paint;
  const part = parts(figure), on = listener(figure), size = part.paper.width;
  const { paper, cursor } = part, say = speaker(figure, part.hand);
  const GRID = EquivaeLive.network.SIZE, WIDE = 4; // steps across; a wide one, in steps
  const WAYS = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  const held = new Set(), rest = part.hand.textContent;
  const at = [GRID / 2, GRID / 2];
  const place = () => at.map((x) => x * size / GRID);

  function show() {
    cursor.hidden = false;
    [cursor.style.left, cursor.style.top] = at.map((x) => `${100 * x / GRID}%`);
    cursor.toggleAttribute("data-down", hand.down());
  }

  const tell = () => say(`Pen ${hand.down() ? "down" : "up"}, ${at[0]} across and ${at[1]} ` +
                         `down of ${GRID}.`);

  function turn() {
    if (hand.down()) hand.lift();
    else hand.begin(place());
  }

  function move(wide) {
    const before = at.join();
    for (const key of held)
      WAYS[key].forEach((way, k) => {
        at[k] = Math.max(0, Math.min(GRID, at[k] + way * (wide ? WIDE : 1)));
      });
    if (hand.down() && at.join() !== before) hand.extend([place()]);
  }

  on(paper, "keydown", (event) => {
    const pen = event.key === " " || event.key === "Enter", way = event.key in WAYS;
    if (!(pen || way) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (pen && !event.repeat) turn();
    if (way) {
      held.add(event.key);
      move(event.shiftKey);
    }
    show();
    tell();
  });
  on(paper, "keyup", (event) => held.delete(event.key));
  on(paper, "focus", () => {
    show();
    say("Arrows move the pen, Space puts it down or up.");
  });
  on(paper, "blur", () => {
    if (hand.down()) hand.lift();
    held.clear();
    cursor.hidden = true;
    say(rest);
  });
  // A mouse leaves the keys to the page, which they scroll.
  on(paper, "mousedown", (event) => event.preventDefault());

  paper.tabIndex = 0;
  paper.setAttribute("role", "application");
  paper.setAttribute("aria-roledescription", "sheet of paper");
};
EquivaeLive.arrived("keys.js");
