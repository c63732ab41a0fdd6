"use strict";
/* The scene of a test image, its v, drawn as all ten digits, in colour. */
EquivaeLive.paint.whenNear("scene", ["scene"], (figure, { start, tensors }) => {
  const { scenes } = start.scene, part = EquivaeLive.paint.parts(figure);
  const pad = EquivaeLive.pad(figure, start.scene, tensors);
  part.scenes.addEventListener("change", () => pad.goHome(scenes[Number(part.scenes.value)]));
});
