// Whatever names a moment moves the player there; a question of the true dialog goes into the field.
(() => {
  const moment = (target) => {
    const named = target.closest("[data-second]");
    if (named) return Number(named.dataset.second);
    const drawn = target.closest(".attention .strip, .attention .level svg, .attention .frames img");
    if (!drawn) return null;
    const seconds = Number(drawn.closest("[data-seconds]").dataset.seconds);
    const axis = (drawn.tagName === "IMG" ? drawn.parentElement : drawn).getBoundingClientRect();
    const hit = (drawn.tagName === "IMG" ? drawn : target).getBoundingClientRect();
    return ((hit.left + hit.width / 2 - axis.left) / axis.width) * seconds;
  };
  document.addEventListener("click", (event) => {
    const player = document.querySelector("#video video");
    const second = moment(event.target);
    if (second !== null && player) {
      player.pause();
      player.currentTime = second;
      player.scrollIntoView({ block: "nearest" });
    }
    const asked = event.target.closest("[data-question]");
    const field = document.querySelector("#question textarea, #question input");
    if (asked && field) {
      field.value = asked.dataset.question;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    }
  });
})();
