// The search: sections of the book that have all words of a query, the best one first.
(() => {
  const { words, meets } = window.EquivaeFind;
  const MOST = 40; // results
  const AROUND = 90; // characters of an excerpt on either side

  // Of a section: its page's title, its own, its address, its text.
  const sections = window.EquivaeSections.map(([page, title, address, text]) => {
    const [head, body] = [words(title), words(text)];
    const places = new Map();
    body.forEach((word, i) => places.has(word)
      ? places.get(word).push(i) : places.set(word, [i]));
    return { page, title, address, text, head, body, places,
      whole: words(page).concat(head) };
  });

  const count = ({ places }, term) => {
    let sum = 0;
    for (const [word, at] of places) if (meets(word, term)) sum += at.length;
    return sum;
  };

  // How often the words of a query stand side by side.
  const together = ({ body, head }, terms) => {
    const run = list => list.filter((_, i) =>
      terms.every((term, k) => list[i + k] && meets(list[i + k], term))).length;
    return terms.length > 1 ? run(body) + 5 * run(head) : 0;
  };

  const score = (section, terms) => {
    let sum = 0, met = 0;
    for (const term of terms) {
      const inBody = count(section, term);
      const inHead = section.head.filter(w => meets(w, term)).length;
      const inPage = section.whole.filter(w => meets(w, term)).length;
      if (inBody || inHead) met++;
      sum += (6 * inBody) / (12 + inBody) + 5 * Math.min(inHead, 1) +
        Math.min(inPage, 1);
    }
    return { section, met, sum: sum + 3 * Math.min(together(section, terms), 4) };
  };

  const look = query => {
    const terms = words(query);
    if (!terms.length) return { terms, found: [], all: true };
    const scored = sections.map(s => score(s, terms)).filter(s => s.met);
    const most = Math.max(0, ...scored.map(s => s.met));
    const found = scored.filter(s => s.met === most).sort((a, b) => b.sum - a.sum);
    return { terms, found: found.map(f => f.section), all: most === terms.length };
  };

  const excerpt = (section, terms) => {
    const box = document.createElement("p");
    box.className = "context";
    const spots = [...section.text.matchAll(/[\p{L}\p{N}\p{M}]+/gu)].filter(m =>
      terms.some(t => meets(EquivaeFind.fold(m[0]), t)));
    // Where most of the words are near to one another.
    const near = spots.map(s => new Set(spots.filter(o =>
      Math.abs(o.index - s.index) < AROUND).map(o => EquivaeFind.fold(o[0]))).size);
    const middle = spots[near.indexOf(Math.max(...near))]?.index ?? 0;
    const from = Math.max(0, middle - AROUND), to = middle + AROUND;
    let at = from ? section.text.indexOf(" ", from) + 1 : 0;
    box.append(from ? "… " : "");
    for (const spot of spots.filter(s => s.index >= at && s.index < to)) {
      box.append(section.text.slice(at, spot.index));
      const word = document.createElement("mark");
      word.textContent = spot[0];
      box.append(word);
      at = spot.index + spot[0].length;
    }
    box.append(section.text.slice(at, Math.max(at, to)).replace(/\s\S*$/, ""), " …");
    return box;
  };

  const show = query => {
    const results = document.getElementById("search-results");
    const { terms, found, all } = look(query);
    const said = document.createElement("p");
    said.setAttribute("role", "status");
    const number = found.length === 1 ? "1 section" : `${found.length} sections`;
    said.textContent = !terms.length ? "" : !found.length
      ? `Nothing in the book has “${query}”.`
      : all ? `${number} of the book on “${query}”` +
          (found.length > MOST ? `, the first ${MOST} of them:` : ":")
      : `No section has all of these words; ${number} with most of them:`;
    const list = document.createElement("ul");
    list.className = "search";
    for (const section of found.slice(0, MOST)) {
      const [page, anchor] = section.address.split("#");
      const link = document.createElement("a");
      link.href = `${page}?find=${encodeURIComponent(terms.join(" "))}` +
        (anchor ? `#${anchor}` : "");
      link.textContent = section.title;
      const item = document.createElement("li");
      item.append(link);
      if (section.page !== section.title) item.append(` in ${section.page}`);
      item.append(excerpt(section, terms));
      list.append(item);
    }
    results.replaceChildren(said, ...(found.length ? [list] : []));
  };

  const query = new URLSearchParams(location.search).get("q") ?? "";
  const field = document.querySelector("article form.bd-search input, " +
    ".bd-search-container form.bd-search input");
  if (field) {
    field.value = query;
    field.form.addEventListener("submit", event => {
      event.preventDefault();
      history.replaceState(null, "", `?q=${encodeURIComponent(field.value)}`);
      show(field.value);
    });
  }
  show(query);
})();
