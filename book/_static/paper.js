// Paper is light, whatever the screen is: the theme is turned for the time of printing.
// Pictures that wait for the reader to come near are left alone: the browser loads them
// before it prints and waits for them, but not for those that a script has told to load.
(() => {
  const root = document.documentElement;
  let before = null;
  const begin = () => {
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
