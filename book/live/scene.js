"use strict";
/* The scene of a test image, its v, drawn as all ten digits, in colour. */
EquivaeLive.paint.whenNear("scene", ["scene"], (figure, model) => {
  const { parts, listener } = EquivaeLive.paint, part = parts(figure);
  const { scenes } = model.start.scene;
  const pad = EquivaeLive.pad(figure, model.start.scene, model);
  listener(figure)(part.scenes, "change", () =>
    pad.goHome(scenes[Number(part.scenes.value)]));
  return {
    write: () => ({ scene: part.scenes.value, ...pad.write() }),
    read(get) {
      const [scene] = EquivaeLive.keep.numbers(get("scene"), 1);
      if (!scenes[scene]) throw RangeError("no such scene");
      pad.read(get);
      part.scenes.value = scene;
      pad.homeIs(scenes[scene]);
    },
  };
});
EquivaeLive.arrived("scene.js");
