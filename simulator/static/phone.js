// Keeps the phone page fresh: asks for it once a second and swaps the parts that changed.
// A part that did not change stays in place, so a PIN being typed is never lost.
"use strict";

const PAUSE = 1000;
const shown = new Map();

function parts(page) {
  return page.querySelectorAll("[data-part]");
}

function swap(fresh) {
  for (const part of parts(fresh)) {
    const name = part.dataset.part;
    const html = part.outerHTML;
    if (shown.get(name) === html) continue;
    shown.set(name, html);
    const old = document.querySelector(`[data-part="${name}"]`);
    const opened = new Set(Array.from(old.querySelectorAll("details[open]"), (mail) => mail.dataset.mail));
    const known = new Set(Array.from(old.querySelectorAll("details"), (mail) => mail.dataset.mail));
    const next = document.importNode(part, true);
    for (const mail of next.querySelectorAll("details")) {
      if (known.has(mail.dataset.mail)) mail.open = opened.has(mail.dataset.mail);
    }
    old.replaceWith(next);
  }
  document.title = fresh.title;
}

async function refresh() {
  if (!document.hidden) {
    try {
      const answer = await fetch(location.pathname, { cache: "no-store" });
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // the simulator is away: try again
    }
  }
  setTimeout(refresh, PAUSE);
}

// What the server sent first is what is on the screen.
for (const part of parts(document)) shown.set(part.dataset.part, part.outerHTML);
if (location.search) history.replaceState(null, "", location.pathname);
setTimeout(refresh, PAUSE);
