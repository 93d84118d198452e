// Keys for reviewers, and dragging a large photo. Without this file the page's links, boxes and buttons do the same.
// The desk's own keys come first (desk.js): what it has heard, the letter after "g" too, is no key of this page.
(() => {
  "use strict";

  document.documentElement.classList.add("has-keys");

  const exhibits = [...document.querySelectorAll("[data-exhibit]")];
  const decide = document.querySelector("[data-decide]");
  let current = exhibits[0];

  function centre(exhibit) {
    const frame = exhibit.querySelector("[data-frame]");
    frame.scrollTo((frame.scrollWidth - frame.clientWidth) / 2, (frame.scrollHeight - frame.clientHeight) / 2);
  }

  function zoom(exhibit, on) {
    current = exhibit;
    for (const other of exhibits) {
      const box = other.querySelector("[data-zoom]");
      box.checked = other === exhibit && (on ?? !box.checked);
    }
    if (exhibit.querySelector("[data-zoom]").checked) {
      centre(exhibit);
      exhibit.scrollIntoView({ block: "nearest" });
    }
  }

  function turn(exhibit) {
    const turns = [...exhibit.querySelectorAll("[data-turn]")];
    const at = turns.findIndex((radio) => radio.checked);
    turns[(at + 1) % turns.length].checked = true;
    centre(exhibit);
  }

  for (const exhibit of exhibits) {
    const frame = exhibit.querySelector("[data-frame]");
    let held = null;
    exhibit.querySelector("[data-zoom]").addEventListener("change", (event) => zoom(exhibit, event.target.checked));
    frame.addEventListener("pointerdown", (event) => {
      held = { x: event.clientX, y: event.clientY, left: frame.scrollLeft, top: frame.scrollTop, moved: false };
    });
    frame.addEventListener("pointermove", (event) => {
      if (!held || event.pointerType !== "mouse") return;
      const x = event.clientX - held.x;
      const y = event.clientY - held.y;
      held.moved = held.moved || Math.abs(x) + Math.abs(y) > 4;
      frame.classList.add("is-held");
      frame.scrollTo(held.left - x, held.top - y);
    });
    const release = () => {
      held = null;
      frame.classList.remove("is-held");
    };
    frame.addEventListener("pointerup", () => {
      const clicked = held && !held.moved;
      release();
      if (clicked) zoom(exhibit);
    });
    frame.addEventListener("pointerleave", release);
    frame.addEventListener("pointercancel", release);
  }

  // A reason that is written is sent; without one the first field waits for it.
  function sendBack(button) {
    const fields = [...decide.querySelectorAll("[data-reason]")];
    if (fields.some((field) => field.value.trim())) button.click();
    else fields[0].focus();
  }

  const keys = {
    r: () => current && turn(current),
    o: () => document.querySelector("[data-open] button")?.click(),
    t: () => decide?.querySelector("[name=check]:not(:checked)")?.click(),
    a: () => decide?.querySelector("[data-approve]").click(),
    x: () => decide && sendBack(decide.querySelector("[data-reject]")),
    m: () => decide && sendBack(decide.querySelector("[data-more]")),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
    const field = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog");
    if (event.key === "Escape") field?.blur();
    if (field) return;
    const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
    const exhibit = /^[1-9]$/.test(event.key) && exhibits[Number(event.key) - 1];
    if (exhibit) zoom(exhibit);
    else if (link) link.click();
    else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
  });
})();
