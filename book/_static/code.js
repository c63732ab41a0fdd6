// All code of a page, opened or closed by one choice in its head, which is remembered
// for all pages; and the fold of a cell opens when a link leads to it. A script in the
// head of the page (tools/pages/folds.py) has done the same while the page was read.
(() => {
  const KEY = "equivae-code";
  const root = document.documentElement;
  const folds = [...document.querySelectorAll(".above-input")];
  const written = new Map(folds.map(f => [f, f.classList.contains("open-code")]));
  const choices = [...document.querySelectorAll("button[data-code]")];
  const HEAD = 60; // pixels that the head of the page covers

  const say = state => choices.forEach(button =>
    button.setAttribute("aria-pressed", String(button.dataset.code === state)));

  // What the reader looks at stays where it is while code above it comes or goes.
  const inSight = () => [...document.querySelectorAll(
    "article :is(h1, h2, h3, h4, p, li, figure, .cell_output)")].find(e =>
    e.getBoundingClientRect().bottom > HEAD && e.offsetParent && !e.closest("details"));

  const choose = state => {
    const still = inSight();
    const before = still?.getBoundingClientRect().top;
    if (state) root.dataset.code = state;
    else delete root.dataset.code;
    for (const fold of folds) fold.open = state ? state === "open" : written.get(fold);
    say(state);
    if (still) scrollBy({ top: still.getBoundingClientRect().top - before,
      behavior: "instant" });
    try {
      if (state) localStorage.setItem(KEY, state);
      else localStorage.removeItem(KEY);
    } catch { /* nothing is kept here: the choice holds for this page */ }
  };
  for (const button of choices)
    button.addEventListener("click", () => choose(button.dataset.code));
  say(root.dataset.code ?? "");

  // A link to a cell, or to something in a fold or in a solution, opens what hides it.
  const reach = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    const target = name && document.getElementById(name);
    if (!target) return;
    const fold = target.querySelector(":scope > .above-input");
    let hidden = fold && !fold.open;
    if (hidden) fold.open = true;
    for (let box = target; box; box = box.parentElement) {
      if (box.matches("details:not([open])")) box.open = hidden = true;
      if (box.matches(".toggle-hidden")) {
        box.querySelector(".toggle-button").click();
        hidden = true;
      }
    }
    if (hidden) target.scrollIntoView();
  };
  addEventListener("load", reach);
  addEventListener("hashchange", reach);
  // The address does not change when a link is followed for the second time.
  document.addEventListener("click", event => {
    const link = event.target.closest?.("a[href*='#']");
    if (link && link.href === location.href) setTimeout(reach);
  });
})();
