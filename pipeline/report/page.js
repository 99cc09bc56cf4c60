"use strict";
// Search: turns without the words are hidden; dialogs with a hit open, the others go away. Clearing puts all back.
(() => {
  const search = document.getElementById("search");
  if (!search) return;
  const found = document.getElementById("found");
  const dialogs = [...document.querySelectorAll(".dialog")].map((element) => ({
    element,
    open: element.open,
    turns: [...element.querySelectorAll(".turn")].map((turn) => ({ turn, text: turn.textContent.toLowerCase() })),
  }));
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let hits = 0;
    for (const dialog of dialogs) {
      let here = 0;
      for (const { turn, text } of dialog.turns) {
        const hit = words.every((word) => text.includes(word));
        turn.hidden = !hit;
        here += hit;
      }
      dialog.element.hidden = here === 0;
      dialog.element.open = words.length ? here > 0 : dialog.open;
      hits += here;
    }
    found.textContent = words.length ? `${hits} turn${hits === 1 ? "" : "s"}` : "";
  });
})();
