// Loaded before the first paint: a chosen theme must not flash the other one, and the first fade is
// before the modules.
"use strict";
try {
  const theme = localStorage.getItem("theme");
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; then the system decides.
}

// The browser fades from page to page. Where it has no time for that, it rejects promises that
// nobody waits for, and would call that an error.
for (const moment of ["pageswap", "pagereveal"]) {
  addEventListener(moment, ({ viewTransition }) => {
    viewTransition?.ready.catch(() => {});
    viewTransition?.finished.catch(() => {});
  });
}
