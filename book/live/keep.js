"use strict";
/* A figure's state, to be shared as an address and saved as a picture.

   `state` has `write()`, which gives its values as texts by name, and `read(get)`, which
   takes them from get(name) and throws where they are not such a state. */
EquivaeLive.keep = (figure, state) => {
  const { parts, listener } = EquivaeLive.paint;
  const kind = figure.dataset.live, part = parts(figure), on = listener(figure);
  const say = (text) => { part.kept.textContent = text; };
  const LONGEST = 8000; // characters that every browser and messenger lets through
  const SCALE = 2; // pixels of a saved picture for one on the screen

  function restore() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (wanted.get("live") !== kind) return;
    figure.scrollIntoView();
    try {
      state.read((name) => wanted.get(name) ?? "");
    } catch {
      say("The address holds no state that this figure knows; it begins anew.");
    }
  }

  async function link() {
    const hash = `#${new URLSearchParams({ live: kind, ...state.write() })}`;
    if (hash.length > LONGEST) {
      say("There is too much here for an address. A picture can be saved.");
      return;
    }
    try {
      history.replaceState(null, "", hash);
    } catch { // a page from a folder, in some browsers
      location.hash = hash;
    }
    let copied = true;
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      copied = false;
    }
    say(`The address of this page leads to what you see now${copied ? ", and is copied" : ""}.`);
  }

  /* What stands in the figure, where it stands: its pictures, and the words below them. */
  function picture() {
    const whole = document.createElement("canvas"), box = figure.getBoundingClientRect();
    whole.width = Math.round(SCALE * box.width);
    const pen = EquivaeLive.paint.penOf(whole), found = [];
    const at = (element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      return [left - box.left, top - box.top, width, height].map((x) => SCALE * x);
    };
    for (const canvas of figure.querySelectorAll(".live-panel canvas"))
      found.push([canvas, at(canvas)]);
    const words = figure.querySelectorAll(".live-axis, .live-classes span");
    for (const word of words) found.push([word, at(word)]);
    whole.height = Math.ceil(Math.max(...found.map(([, [, top, , high]]) => top + high)));
    pen.fillStyle = "#fff"; // and setting the height has emptied it
    pen.fillRect(0, 0, whole.width, whole.height);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const [one, [left, top, width, height]] of found) {
      if (one instanceof HTMLCanvasElement) {
        pen.drawImage(one, left, top, width, height);
        continue;
      }
      const { fontSize, fontFamily } = getComputedStyle(one);
      const near = one.matches(".live-nearest, :checked + span");
      pen.fillStyle = "#1f1f1f";
      pen.font = `${near ? "bold " : ""}${SCALE * parseFloat(fontSize)}px ${fontFamily}`;
      const from = one.matches(".live-axis") ? top : top + height - 1.5 * SCALE * parseFloat(fontSize);
      pen.fillText(one.innerText.trim(), left + width / 2, from, width);
    }
    return whole;
  }

  function save() {
    picture().toBlob((blob) => {
      if (!blob) {
        say("This browser lets no picture out of the page.");
        return;
      }
      const away = document.createElement("a");
      away.href = URL.createObjectURL(blob);
      away.download = `equivae-${kind}.png`;
      away.click();
      setTimeout(() => URL.revokeObjectURL(away.href), 10_000);
    });
  }

  on(part.link, "click", link);
  on(part.save, "click", save);
  on(window, "hashchange", restore);
  restore();
};

/* "1.5,-2" -> [1.5, -2]; throws where it is not `count` numbers from -most to most. */
EquivaeLive.keep.numbers = (text, count, most = Infinity) => {
  const found = text.split(",").map((one) => (one.trim() ? Number(one) : NaN));
  if (found.length !== count || !found.every((x) => Math.abs(x) <= most))
    throw RangeError("no such numbers");
  return found;
};
EquivaeLive.arrived("keep.js");
