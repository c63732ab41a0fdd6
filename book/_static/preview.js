// What a link of the text points to, beside the link: while the pointer rests on it, or
// while the keyboard is on it. Escape closes it. A finger gets the link and nothing else.
// Things of this page are found in it, those of others in a <template> at its end, which
// tools/pages/previews.py has written.
(() => {
  const article = document.querySelector("article");
  if (!article) return;
  const far = new Map([...document.getElementById("previews")?.content.children ?? []]
    .map(entry => [entry.dataset.of, entry]));
  const box = Object.assign(document.createElement("div"), { id: "preview",
    className: "preview", role: "tooltip", hidden: true });
  document.body.append(box);
  const REST = 250; // milliseconds that a pointer rests before anything is shown
  const HEAD = 56; // pixels that the head of the page covers
  const OUT = "a.headerlink, a.to-check, a.claim, .live a";

  const copies = nodes => nodes.filter(Boolean).map(node => node.cloneNode(true));
  // The parts of a thing of this page that are shown of it.
  const parts = thing => {
    if (thing.matches(".math, .citation, .admonition")) return [thing];
    if (thing.matches("figure"))
      return [thing.querySelector("img"), thing.querySelector("figcaption")];
    if (thing.matches("dt")) return [thing, thing.nextElementSibling];
    const section = thing.closest("section");
    const heading = section?.querySelector(":scope > :is(h1, h2, h3, h4)");
    const first = thing === section || thing === heading ||
      thing.nextElementSibling === heading;
    return first ? [heading, section.querySelector(":scope > p")] : [];
  };
  const find = link => {
    const href = link.getAttribute("href");
    if (!href.startsWith("#")) return copies([...far.get(href)?.childNodes ?? []]);
    const thing = document.getElementById(decodeURIComponent(href.slice(1)));
    return thing ? copies(parts(thing)) : [];
  };
  const clean = () => {
    box.querySelectorAll(".headerlink, .to-check, button").forEach(e => e.remove());
    box.querySelectorAll("a").forEach(a => a.replaceWith(...a.childNodes));
    box.querySelectorAll("[id]").forEach(e => e.removeAttribute("id"));
    box.querySelectorAll("img").forEach(img => { img.loading = "eager"; });
    box.querySelectorAll("h1, h2, h3, h4").forEach(h => {
      const line = document.createElement("p");
      line.append(document.createElement("strong"));
      line.firstChild.append(...h.childNodes);
      h.replaceWith(line);
    });
  };

  // Formulas that are TeX still are typeset; a page without formulas has no MathJax yet.
  const loaded = new Promise(done =>
    document.readyState === "complete" ? done() : addEventListener("load", done));
  const mathjax = async () => {
    await loaded;
    if (!window.MathJax) {
      window.MathJax = { startup: { typeset: false },
        options: { menuOptions: { settings: { inTabOrder: false } } } };
      const script = document.createElement("script");
      script.src = `${document.documentElement.dataset.content_root ?? "../"}` +
        "_static/mathjax/tex-chtml.js";
      await new Promise(done => {
        script.onload = script.onerror = done;
        document.head.append(script);
      });
    }
    return window.MathJax.startup?.promise;
  };
  const bare = () => [...box.querySelectorAll("*"), box].some(e =>
    [...e.childNodes].some(n => n.nodeType === 3 && /\\[([]/.test(n.data)));

  let at = null; // the link whose preview is shown
  let spot = null; // where on it the pointer is
  const place = () => {
    const rects = [...at.getClientRects()];
    const on = rects.find(r => spot && spot.y >= r.top && spot.y <= r.bottom) ?? rects[0];
    if (!on) return;
    // Below the link, or above it if there is more room.
    const [over, under] = [on.top - HEAD - 12, innerHeight - on.bottom - 12];
    box.style.maxHeight = "";
    const above = box.offsetHeight > under && over > under;
    box.style.maxHeight = `${Math.min(Math.max(over, under), innerHeight * 0.6)}px`;
    const ground = document.body.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = box;
    const right = document.documentElement.clientWidth - width - 8;
    const left = Math.max(8, Math.min(on.left, right));
    box.style.left = `${left - ground.left}px`;
    box.style.top = `${(above ? on.top - height - 6 : on.bottom + 6) - ground.top}px`;
  };
  const hide = () => {
    if (!at) return;
    at.removeAttribute("aria-describedby");
    at = null;
    box.hidden = true;
    window.MathJax?.typesetClear?.([box]);
    box.replaceChildren();
  };
  const show = async (link, where) => {
    if (at === link) return;
    hide();
    const found = find(link);
    if (!found.length) return;
    [at, spot] = [link, where];
    box.replaceChildren(...found);
    clean();
    link.removeAttribute("title"); // it would say less, over this
    link.setAttribute("aria-describedby", box.id);
    box.hidden = false;
    place();
    box.querySelectorAll("img").forEach(img =>
      img.addEventListener("load", () => at === link && place()));
    if (!bare()) return;
    await mathjax();
    if (at !== link || !MathJax.typesetPromise) return;
    await MathJax.typesetPromise([box]);
    if (at === link) place();
  };

  const of = event => {
    const link = event.target.closest?.("a[href]");
    return link && article.contains(link) && !link.matches(OUT) ? link : null;
  };
  let timer = 0;
  let closed = null; // the link whose preview Escape has closed: not again at once
  const soon = (action, wait = REST) => {
    clearTimeout(timer);
    timer = setTimeout(action, wait);
  };
  addEventListener("pointerover", event => {
    if (event.pointerType === "touch") return;
    const link = of(event);
    if (link === null && !box.contains(event.target)) {
      closed = null;
      clearTimeout(timer);
      if (at !== document.activeElement) soon(hide);
    } else if (!link || link === at) clearTimeout(timer);
    else if (link !== closed) soon(() => show(link, { y: event.clientY }));
  });
  addEventListener("focusin", event => {
    const link = of(event);
    if (link?.matches(":focus-visible")) soon(() => show(link), 0);
  });
  addEventListener("focusout", () => { closed = null; soon(hide, 0); });
  addEventListener("keydown", event => {
    if (event.key !== "Escape" || !at) return;
    closed = at;
    hide();
  });
  addEventListener("click", () => { clearTimeout(timer); hide(); });
  addEventListener("pagehide", hide);
})();
