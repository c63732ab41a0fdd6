// Tables of results: a click sorts by a column, another takes the table away as CSV.
// Tables of words are not sorted, and nothing is where scripts are off. A table that is
// wider than the text scrolls in its box; the box is told here, and says so below.
(() => {
  const ROWS = 5; // fewer are read at a glance
  const SHARE = 0.6; // of the filled cells of a column: this many numbers make it one
  const UNITS = { s: 1, min: 60, h: 3600, kB: 1e3, MB: 1e6 };
  const NUMBER = new RegExp(
    String.raw`^([+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)` +
      String.raw`(?:\s*(s|min|h|kB|MB|%|±.*|of \d+|(?:, [+-]?[\d.]+)+))?$`
  );

  // A cell as one would type it: formulas as their TeX, before or after typesetting.
  const text = cell => {
    const tex = window.MathJax?.startup?.document?.getMathItemsWithin?.(cell) ?? [];
    const copy = cell.cloneNode(true);
    copy.querySelectorAll(".sort, .headerlink").forEach(e => e.remove());
    copy.querySelectorAll("mjx-container").forEach((e, i) =>
      e.replaceWith(`$${tex[i]?.math ?? ""}$`));
    return copy.textContent.replace(/\\\((.*?)\\\)/g, "$$$1$$").replace(/\s+/g, " ")
      .trim();
  };

  const value = words => {
    const found = words.replace(/[−–]/g, "-").match(NUMBER);
    return found && Number(found[1].replaceAll(",", "")) * (UNITS[found[2]] ?? 1);
  };

  const numeric = words => {
    const filled = words.filter(w => w && w !== "–");
    return filled.length > 1 &&
      filled.filter(w => value(w) !== null).length >= SHARE * filled.length;
  };

  // Numbers before words before nothing, whichever way the numbers run.
  const order = (a, b, way) => {
    const [x, y] = [value(a), value(b)];
    if (x !== null && y !== null) return way * (x - y);
    if (x !== null || y !== null) return x !== null ? -1 : 1;
    if (!a || !b) return a ? -1 : b ? 1 : 0;
    return way * a.localeCompare(b);
  };

  const sortable = (table, heads, rows) => {
    const body = table.tBodies[0];
    const buttons = heads.map((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.setAttribute("aria-label", `Sort by ${text(head) || "this column"}`);
      button.addEventListener("click", () => {
        const next = { none: "ascending", ascending: "descending", descending: "none" };
        const state = next[head.getAttribute("aria-sort") ?? "none"];
        heads.forEach(h => h.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", state);
        const way = state === "descending" ? -1 : 1;
        const words = new Map(rows.map(r => [r, text(r.cells[column])]));
        body.append(...(state === "none" ? rows : [...rows].sort((a, b) =>
          order(words.get(a), words.get(b), way))));
      });
      return button;
    });
    heads.forEach((head, i) => {
      head.setAttribute("aria-sort", "none");
      (head.querySelector("p") ?? head).append(" ", buttons[i]);
    });
  };

  const csv = rows => rows.map(row => [...row.cells].map(text).map(words =>
    /[",\n]/.test(words) ? `"${words.replaceAll('"', '""')}"` : words).join(",")
  ).join("\r\n") + "\r\n";

  const page = location.pathname.split("/").pop().replace(/\.html$/, "");
  let count = 0;
  for (const table of document.querySelectorAll("article table")) {
    const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
    const rows = [...(table.tBodies[0]?.rows ?? [])];
    const whole = rows.every(r => r.cells.length === heads.length);
    if (rows.length < ROWS || !whole) continue;
    const columns = heads.map((_, i) => rows.map(r => text(r.cells[i])));
    if (!columns.slice(1).some(numeric)) continue;
    sortable(table, heads, rows);
    const name = `${page}-table-${++count}.csv`;
    const take = document.createElement("button");
    take.type = "button";
    take.className = "take-csv";
    take.textContent = "Table as CSV";
    take.addEventListener("click", () => {
      const link = document.createElement("a");
      // The mark in front tells spreadsheets that it is UTF-8.
      link.href = URL.createObjectURL(new Blob(
        ["\ufeff", csv([table.tHead.rows[0], ...table.tBodies[0].rows])],
        { type: "text/csv" }
      ));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
    (table.closest(".pst-scrollable-table-container") ?? table).after(take);
  }

  const wide = (box, table) => {
    const said = document.createElement("p");
    said.className = "table-goes-on";
    box.after(said);
    const look = () => {
      const beyond = box.scrollWidth - box.clientWidth;
      const more = beyond > 1 && box.scrollLeft < beyond - 1;
      const before = beyond > 1 && box.scrollLeft > 1;
      box.toggleAttribute("data-wide", beyond > 1);
      box.toggleAttribute("data-more", more);
      box.tabIndex = beyond > 1 ? 0 : -1;
      said.textContent = beyond <= 1 ? "" : `${before ? "← " : ""}The table goes on to the
        ${more ? "right" : "left"}.${more ? " →" : ""}`.replace(/\s+/g, " ");
    };
    const sizes = new ResizeObserver(look);
    [box, table].forEach(e => sizes.observe(e));
    box.addEventListener("scroll", look, { passive: true });
    // A name for those who come by keys; a landmark for each would be too many.
    box.setAttribute("role", "group");
    box.setAttribute("aria-label",
      table.caption?.textContent.replace(/\s*#$/, "") || "A table");
  };
  for (const box of document.querySelectorAll(".pst-scrollable-table-container")) {
    const table = box.querySelector("table");
    if (table) wide(box, table);
  }
})();
