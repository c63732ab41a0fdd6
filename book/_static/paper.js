// Paper is light, whatever the screen is: the theme is turned for the time of printing.
(() => {
  const root = document.documentElement;
  let before = null;
  const begin = () => {
    // Pictures that wait for the reader to come near are on paper, too.
    document.querySelectorAll("img[loading=lazy]").forEach(i => { i.loading = "eager"; });
    if (root.dataset.theme !== "dark") return;
    before = root.dataset.theme;
    root.dataset.theme = "light";
  };
  const end = () => {
    if (before) root.dataset.theme = before;
    before = null;
  };
  window.addEventListener("beforeprint", begin);
  window.addEventListener("afterprint", end);
  // Browsers that print without saying so, and tests that only look like paper.
  matchMedia("print").addEventListener("change", e => (e.matches ? begin() : end()));
})();
