// The overview asks for its figures again every 15 seconds: not while nobody can see it, and at once when it is seen again.
(() => {
  "use strict";

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target.id === "live" && document.hidden) event.preventDefault();
  });

  document.addEventListener("visibilitychange", () => {
    const live = document.getElementById("live");
    if (live && !document.hidden) live.dispatchEvent(new Event("shown"));
  });
})();
