// Recovery codes: print them, copy them. Without this file they are written down, or kept as a file.
(() => {
  "use strict";

  const codes = [...document.querySelectorAll("[data-recovery-codes] code")].map((element) => element.textContent);
  const print = document.querySelector("[data-print]");
  const copy = document.querySelector("[data-copy]");

  print.hidden = false;
  print.addEventListener("click", () => window.print());

  if (!navigator.clipboard) return;
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(codes.join("\n"));
      copy.textContent = "Copied";
    } catch {
      copy.textContent = "Not copied: write them down";
    }
  });
})();
