// Words as the search compares them, and the marks on a page that it has led to.
window.EquivaeFind = (() => {
  // British and American spellings become one; so do accents and capitals. What comes
  // out is for comparing only: "advise" may well become "advize" on both sides.
  const RULES = [
    [/parameteri/, "parametri"],
    [/yse(d|s|r|rs)?$/, "yze$1"],
    [/is(e|ed|es|er|ers|ing|ation|ations)$/, "iz$1"],
    [/(col|fav|behavi|neighb|hon|lab)our/, "$1or"],
    [/(cent|met|lit|fib)re(s?)$/, "$1er$2"],
    [/(label|model|travel|cancel|level)l(ed|ing|er)$/, "$1$2"],
    [/^grey/, "gray"],
    [/logue(s?)$/, "log$1"],
    [/^artefact/, "artifact"],
    [/^centr(ed|ing)$/, "center$1"],
    [/^(learn|spell|burn|dream)t$/, "$1ed"],
    [/^(towards|afterwards|upwards|downwards|backwards)$/, w => w.slice(0, -1)],
    [/^licence/, "license"],
    [/^judgement/, "judgment"],
    [/^mould/, "mold"],
  ];
  const kept = new Map();
  const fold = word => {
    if (!kept.has(word)) {
      const plain = word.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
      kept.set(word, RULES.reduce((w, [from, to]) => w.replace(from, to), plain));
    }
    return kept.get(word);
  };
  const WORD = /[\p{L}\p{N}\p{M}]+/gu;
  const words = text => (text.match(WORD) ?? []).map(fold);

  // A word of two letters, as in "He initialisation", means itself and nothing longer.
  const meets = (word, term) =>
    word === term || (term.length > 2 && word.startsWith(term));

  const APART = "script, style, svg, mjx-container, .headerlink, .live, button, mark";
  const mark = (root, terms) => {
    const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walk.nextNode())
      if (!walk.currentNode.parentElement.closest(APART)) texts.push(walk.currentNode);
    for (const text of texts) {
      const found = [...text.data.matchAll(WORD)].filter(m =>
        terms.some(term => meets(fold(m[0]), term)));
      for (const { index, 0: word } of found.reverse()) {
        const range = document.createRange();
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        const box = document.createElement("mark");
        box.className = "found";
        range.surroundContents(box);
      }
    }
  };
  const unmark = () => document.querySelectorAll("mark.found").forEach(box => {
    const parent = box.parentNode;
    box.replaceWith(...box.childNodes);
    parent.normalize();
  });

  // To the first mark of the section that the address names, if it is not in sight.
  const land = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    const section = (name && document.getElementById(name)) || document;
    const first = [...section.querySelectorAll("mark.found")].find(m => m.offsetHeight);
    const box = first?.getBoundingClientRect();
    if (box && (box.top < 64 || box.bottom > innerHeight))
      first.scrollIntoView({ block: "center" });
  };

  const arrive = () => {
    const address = new URL(location.href);
    const terms = words(address.searchParams.get("find") ?? "");
    const article = document.querySelector("article");
    if (!terms.length || !article) return;
    address.searchParams.delete("find"); // a link that is passed on has no marks
    history.replaceState(history.state, "", address);
    mark(article, terms);
    const typeset = window.MathJax?.startup?.promise;
    if (typeset) typeset.then(land);
    else land();
    document.addEventListener("keydown", event => {
      if (event.key === "Escape") unmark();
    });
  };
  addEventListener("load", arrive);
  return { fold, words, meets };
})();
