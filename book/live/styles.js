"use strict";
/* Ten classes decoded from one v, in grey. */
EquivaeLive.paint.whenNear("styles", ["decoder"], (figure, { start, tensors }) => {
  const { parts, normal } = EquivaeLive.paint;
  const pad = EquivaeLive.pad(figure, start.styles, tensors);
  parts(figure).random.addEventListener("click", () =>
    pad.go(start.styles.v.map(() => pad.inside(normal()))));
});
