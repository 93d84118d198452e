// Small comforts of every page. Without this file all pages work; times just stop growing older.
(() => {
  "use strict";

  // "5 minutes ago" counts on. The age comes from the server, so a phone with a wrong clock still says it right.
  const born = new WeakMap();

  function said(seconds) {
    if (seconds < 60) return "just now";
    const minutes = Math.floor(seconds / 60);
    return minutes === 1 ? "1 minute ago" : `${minutes} minutes ago`;
  }

  function countTimes() {
    for (const element of document.querySelectorAll("time[data-age]")) {
      if (!born.has(element)) born.set(element, performance.now() - Number(element.dataset.age) * 1000);
      const seconds = Math.floor((performance.now() - born.get(element)) / 1000);
      if (seconds >= 3600) continue;
      const text = said(seconds);
      if (element.textContent !== text) element.textContent = text;
    }
  }

  countTimes();
  setInterval(countTimes, 15000);

  // The desk's navigation scrolls sideways on a phone: show where one is.
  document.querySelector(".desk-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // What is wrong in a form may stand far down: go there, and open what it is folded into.
  const wrong = document.querySelector("main .field:has(.errorlist) :is(input, select, textarea):not([type=hidden])");
  for (let fold = wrong?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  wrong?.focus();

  // One press sends a form once. The server is safe against a second press; this spares the person the doubt.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.classList.contains("is-sending")) {
      event.preventDefault();
      return;
    }
    form.classList.add("is-sending");
    setTimeout(() => form.classList.remove("is-sending"), 8000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form.is-sending")) form.classList.remove("is-sending");
  });

  // A part that asks again and again: leave the page alone when nothing is new, say aloud what is new, and when the
  // session has ended load the whole page, so that the sign-in page does not appear inside this one.
  const last = new WeakMap();

  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target, pathInfo } = event.detail;
    const asked = new URL(pathInfo.finalRequestPath ?? pathInfo.requestPath, location.href).pathname;
    if (xhr.responseURL && new URL(xhr.responseURL).pathname !== asked) {
      event.detail.shouldSwap = false;
      location.reload();
      return;
    }
    const before = last.get(target);
    if (xhr.responseText === before) event.detail.shouldSwap = false;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    const fresh = document.getElementById(event.detail.target.id);
    if (!fresh) return;
    last.set(fresh, event.detail.xhr.responseText);
    const news = document.getElementById("news");
    if (news && fresh.dataset.news && news.textContent !== fresh.dataset.news) news.textContent = fresh.dataset.news;
    countTimes();
  });

  function reach(reached) {
    const notice = document.getElementById("unreached");
    if (notice) notice.hidden = reached;
  }

  document.addEventListener("htmx:sendError", () => reach(false));
  document.addEventListener("htmx:responseError", () => reach(false));
  document.addEventListener("htmx:afterOnLoad", () => reach(true));
})();
