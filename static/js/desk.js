// Keys of the desk. "/" goes to the search, "j" and "k" walk the rows of the page's table, Enter opens the chosen one,
// "g" and then a letter goes to a place of the navigation, "?" tells all this. Everything works without them.
(() => {
  "use strict";

  const ownKeys = () => document.documentElement.classList.contains("has-keys");
  const search = document.getElementById("desk-find");
  let waiting = 0;

  // A letter in a tick box says nothing, so keys are heard there, too.
  function writing(target) {
    const field = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog";
    return target.closest(field) !== null;
  }

  function rows() {
    return [...document.querySelectorAll("#main table.lines tbody tr, #main .entries > li")].filter(
      (row) => row.querySelector("a[href]") && row.offsetParent !== null,
    );
  }

  function step(by) {
    const all = rows();
    if (!all.length) return;
    const now = all.findIndex((row) => row.classList.contains("is-chosen"));
    const next = now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1);
    all.forEach((row, position) => row.classList.toggle("is-chosen", position === next));
    const link = all[next].querySelector("a[href]");
    link.focus({ preventScroll: true });
    all[next].scrollIntoView({ block: "nearest" });
  }

  function go(letter) {
    for (const link of document.querySelectorAll(".desk-nav a[data-place]")) {
      if (link.dataset.place === letter) location.assign(link.href);
    }
  }

  const help = document.getElementById("desk-keys");
  help?.querySelector("[data-close]").addEventListener("click", () => help.close());

  function tell() {
    if (help && !help.open) help.showModal();
  }

  document.querySelector("[data-keys]")?.addEventListener("click", tell);

  // The list has turned its page: who came by keys goes on at its beginning.
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!event.detail.requestConfig?.elt?.closest?.(".pager")) return;
    const list = document.getElementById(event.detail.target.id);
    if (!list) return;
    list.tabIndex = -1;
    list.focus({ preventScroll: true });
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (writing(event.target)) {
      waiting = 0;
      if (event.key === "Escape" && event.target === search) search.blur();
      return;
    }
    // The letter after "g" is no other key, however late it comes: on a page where "a" approves, nobody means that.
    if (waiting && event.key !== "Shift") {
      const late = event.timeStamp - waiting > 1500;
      waiting = 0;
      if (/^[a-z]$/i.test(event.key)) {
        event.preventDefault();
        if (!late) go(event.key);
        return;
      }
    }
    const act = {
      "/": search && (() => search.focus()),
      // Where "j" and "k" lead from page to page (kyc_review.js) they do not walk rows.
      j: !ownKeys() && (() => step(1)),
      k: !ownKeys() && (() => step(-1)),
      g: () => { waiting = event.timeStamp; },
      "?": tell,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
})();
