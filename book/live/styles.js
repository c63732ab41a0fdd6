"use strict";
/* Ten classes decoded from one v, in grey. */
EquivaeLive.paint.whenNear("styles", ["decoder"], (figure, model) => {
  const { parts, normal, listener } = EquivaeLive.paint, { styles } = model.start;
  const pad = EquivaeLive.pad(figure, styles, model);
  listener(figure)(parts(figure).random, "click", () =>
    pad.go(styles.v.map(() => pad.inside(normal()))));
  return pad;
});
EquivaeLive.arrived("styles.js");
