"use strict";
/* The sheet to draw on: ink at once, whether the model is there or not.

   A stroke belongs to the pointer, or to the keys, that began it. What was there before a stroke, a
   Clear or a digit that was taken is kept, and Undo brings it back. */
(() => {
  let versions = 0; // a number for every state that has lost lines of the one before

  EquivaeLive.paper = (figure, changed) => {
    const { penOf, parts, listener, tellValue, hold } = EquivaeLive.paint;
    const part = parts(figure), on = listener(figure), size = part.paper.width;
    const pen = penOf(part.paper);
    const ORIGIN = 360, BASE = 36; // in an address: from -360 to 935, two characters each
    let now = { digit: "first", strokes: [] }; // the digit that lies there, or what is drawn
    let past = [], going = null; // what Undo brings back; { id, type, stroke } of a pen
    let version = ++versions, lines = []; // of all strokes: from, to, width

    /* One line of a stroke, onto the canvas and into the list. */
    function line(a, b, width) {
      lines.push(...a, ...b, width);
      pen.fillStyle = pen.strokeStyle = "#fff";
      pen.lineWidth = width;
      pen.lineCap = "round";
      pen.beginPath();
      if (a[0] === b[0] && a[1] === b[1]) {
        pen.arc(...a, width / 2, 0, 2 * Math.PI);
        pen.fill();
      } else {
        pen.moveTo(...a);
        pen.lineTo(...b);
        pen.stroke();
      }
    }

    const link = (stroke, from) => {
      for (let k = from; k < stroke.points.length; k++)
        line(stroke.points[Math.max(0, k - 1)], stroke.points[k], stroke.width);
    };

    /* The whole sheet anew. */
    function paint() {
      version = ++versions;
      lines = [];
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, size, size);
      if (now.digit === "first") pen.clearRect(0, 0, size, size); // its picture lies there
      else if (now.digit) {
        const small = document.createElement("canvas");
        small.width = small.height = EquivaeLive.network.SIZE;
        const picture = EquivaeLive.paint.sheet(small);
        picture.put(now.digit);
        picture.show();
        pen.imageSmoothingQuality = "high";
        pen.drawImage(small, 0, 0, size, size);
      }
      now.strokes.forEach((stroke) => link(stroke, 0));
    }

    function tell() {
      part.undo.setAttribute("aria-disabled", String(!past.length));
      changed();
    }

    function set(next) {
      going = null;
      past.push(now);
      now = next;
      paint();
      tell();
    }

    /* A stroke more. Lines that are there stay: to paint all of them takes its time. */
    function begin(id, type, from) {
      const stroke = { width: Number(part.pen.value), points: [from] };
      const bare = !now.digit;
      past.push(now);
      now = { digit: null, strokes: [...now.strokes, stroke] };
      if (bare && lines.length) link(stroke, 0);
      else paint();
      tell();
      going = { id, type, stroke };
    }

    function extend(points) {
      const { stroke } = going, from = stroke.points.length;
      stroke.points.push(...points);
      link(stroke, from);
      changed();
    }

    const lift = () => { going = null; };
    const keyed = () => going?.id === "keys";

    function undo() {
      going = null;
      if (!past.length) return;
      now = past.pop();
      paint();
      tell();
    }

    function point(event) {
      const box = part.paper.getBoundingClientRect();
      return [(event.clientX - box.left) * size / box.width,
              (event.clientY - box.top) * size / box.height];
    }

    on(part.paper, "pointerdown", (event) => {
      if (event.button !== 0) return;
      if (keyed()) lift();
      if (going) { // a palm may rest on the glass before the pen comes
        if (event.pointerType !== "pen" || going.type === "pen") return;
        undo();
      }
      begin(event.pointerId, event.pointerType, point(event));
      hold(part.paper, event);
    });
    on(part.paper, "pointermove", (event) => {
      if (event.pointerId !== going?.id) return;
      // All places that the pen has been at since the last event: curves stay round.
      const events = event.getCoalescedEvents?.() ?? [];
      extend((events.length ? events : [event]).map(point));
    });
    on(part.paper, "pointerup pointercancel lostpointercapture", (event) => {
      if (event.pointerId === going?.id) lift();
    });
    EquivaeLive.keys(figure, {
      begin(from) { if (!going) begin("keys", "keys", from); },
      extend, lift, down: keyed,
    });
    on(part.clear, "click", () => {
      if (now.digit || now.strokes.length) set({ digit: null, strokes: [] });
    });
    on(part.undo, "click", undo);
    const tellPen = () =>
      tellValue(part.pen, `${Math.round(100 * part.pen.value / size)} % of the sheet`);
    on(part.pen, "input", tellPen);
    tellPen();

    /* Strokes as text, for an address: width.points_width.points… and few points each. */
    function write() {
      const two = (x) => Math.max(0, Math.min(BASE ** 2 - 1, Math.round(x) + ORIGIN))
        .toString(BASE).padStart(2, "0");
      return now.strokes.map(({ width, points }) => {
        let last = points[0];
        const kept = points.filter((p, k) => {
          const far = k === 0 || k === points.length - 1 ||
            Math.hypot(p[0] - last[0], p[1] - last[1]) > 4;
          if (far) last = p;
          return far;
        });
        return `${width}.${kept.map(([x, y]) => two(x) + two(y)).join("")}`;
      }).join("_") || "blank";
    }

    function read(text) {
      if (text === "blank") { set({ digit: null, strokes: [] }); return; }
      const strokes = text.split("_").map((one) => {
        const [, width, points] = /^(\d{1,2})\.((?:[0-9a-z]{4})+)$/.exec(one);
        const of = (two) => parseInt(two, BASE) - ORIGIN;
        return {
          width: Number(width),
          points: points.match(/.{4}/g).map((p) => [of(p.slice(0, 2)), of(p.slice(2))]),
        };
      });
      set({ digit: null, strokes });
    }

    return {
      /* What lies on the sheet: an image (784) that was taken, or lines. */
      now: () => now.digit
        ? { x: now.digit }
        : { sheet: { lines: Float32Array.from(lines), version, size } },
      take: (digit) => set({ digit, strokes: [] }),
      /* The first digit has become known: it is the same state as before. */
      first(digit) {
        past = past.map((one) => (one.digit === "first" ? { digit, strokes: [] } : one));
        if (now.digit === "first") {
          now = { digit, strokes: [] };
          paint();
        }
      },
      write, read,
    };
  };
})();
EquivaeLive.arrived("paper.js");
