// Counts a quote down and, when its time is over, puts "Get a new price" in the place of the button.
// The server alone decides whether the quote still holds.
(() => {
  "use strict";

  const quote = document.querySelector("[data-quote]");
  if (!quote) return;
  const total = Number(quote.dataset.seconds);
  if (!(total > 0)) return;

  const bar = quote.querySelector("[data-left]");
  const words = quote.querySelector("[data-words]");
  const news = quote.querySelector("[data-news]");
  const wall = Date.now();
  const start = performance.now();
  let timer = 0;

  // A sleeping phone stops one of the two clocks; the later one is right.
  function left() {
    const gone = Math.max(performance.now() - start, Date.now() - wall) / 1000;
    return Math.max(0, Math.ceil(total - gone));
  }

  function over() {
    clearInterval(timer);
    words.textContent = "This price is gone. Nothing was paid.";
    news.textContent = "The price is gone. You can get a new one.";
    for (const element of quote.querySelectorAll("[data-open]")) element.dataset.off = "";
    for (const element of quote.querySelectorAll("[data-over]")) delete element.dataset.off;
  }

  function tick() {
    const seconds = left();
    bar.value = seconds;
    if (seconds === 0) {
      over();
      return;
    }
    // Of a longer time the clock's time says more: it stands there already.
    if (seconds > 60) return;
    words.textContent = `This price is yours for ${seconds} more ${seconds === 1 ? "second" : "seconds"}.`;
    if (seconds === 15) news.textContent = "15 seconds left.";
  }

  timer = setInterval(tick, 250);
  addEventListener("pageshow", tick);
  document.addEventListener("visibilitychange", tick);
  tick();
})();
