"use strict";
/* What every live figure is, from the first paint on: loading, then live or failed.

   This script stands in the page itself, so it is there where the others are not. Each
   of them reports at its end that it has run; which ones a figure needs is written in
   its data-scripts. */
window.EquivaeLive = (() => {
  const run = new Set();
  const computed = new Map(); // name -> function: what a worker needs, too

  /* Say why a figure stands still. Its pictures lie there, and live.css shows them. */
  function fail(figure, error) {
    if (figure.dataset.state === "failed") return;
    figure.dataset.state = "failed";
    console.warn("live figure", figure.dataset.live, error);
    const line = document.createElement("p"), again = document.createElement("button");
    line.className = "live-failed";
    line.setAttribute("role", "alert");
    line.textContent = `This figure stands still: ${error.message}. ` +
      "What you see is the picture that it begins with. ";
    again.type = "button";
    again.textContent = "Load the page again";
    again.addEventListener("click", () => location.reload());
    line.append(again);
    figure.append(line);
  }

  function live(figure) {
    if (figure.dataset.state === "failed") return;
    figure.dataset.state = "live";
    for (const part of figure.querySelectorAll("[inert]")) part.inert = false;
  }

  // Deferred scripts have run by then, or never will.
  document.addEventListener("DOMContentLoaded", () => {
    for (const figure of document.querySelectorAll(".live")) {
      const missing = figure.dataset.scripts.split(" ").find((name) => !run.has(name));
      if (missing)
        fail(figure, Error(`its script ${missing} did not arrive whole, or this browser ` +
                           "cannot run it"));
    }
  });

  return {
    fail, live, computed,
    arrived: (name) => run.add(name),
    compute(name, module) {
      computed.set(name, module);
      module(window.EquivaeLive);
    },
  };
})();
