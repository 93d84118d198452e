// While a person types an amount, say what it comes to. Only a hint: the server computes the quote.
// Whole-number arithmetic (BigInt), so that the hint never differs from the book by a rounding of floats.
(() => {
  "use strict";

  const form = document.querySelector("form[data-amounts]");
  if (!form) return;

  const PLAIN = /^(?:0|[1-9][0-9]{0,11})(?:\.([0-9]{1,6}))?$/;
  const MICRO = 1000000n;

  // The value of a plain number in millionths; null when it is not one.
  function millionths(text) {
    const found = PLAIN.exec(text.trim());
    if (!found) return null;
    const [whole] = text.trim().split(".");
    return BigInt(whole) * MICRO + BigInt((found[1] ?? "").padEnd(6, "0"));
  }

  function grouped(number) {
    return number.toString().replace(/\B(?=(\d{3})+$)/g, ",");
  }

  function sayGrams(micro) {
    return `${grouped(micro / MICRO)}.${(micro % MICRO).toString().padStart(6, "0")} g`;
  }

  const price = millionths(form.dataset.price);
  const buying = form.dataset.side === "buy";
  const kes = form.elements.namedItem("amount_kes");
  const grams = form.elements.namedItem("grams");
  const kesHint = document.getElementById("hint-kes");
  const gramsHint = document.getElementById("hint-grams");
  if (!price || !grams) return;

  function hints() {
    const shillings = kes ? millionths(kes.value) : null;
    const micro = millionths(grams.value);
    if (kesHint) kesHint.textContent = shillings ? `That buys about ${sayGrams((shillings * MICRO) / price)}.` : "";
    if (gramsHint) {
      const exact = micro ? micro * price : 0n;
      const unit = MICRO * MICRO;
      const whole = buying ? (exact + unit - 1n) / unit : exact / unit;
      gramsHint.textContent = micro ? `That is about KES ${grouped(whole)}.` : "";
    }
  }

  // One of the two counts: what is typed last.
  if (kes) {
    kes.addEventListener("input", () => {
      if (kes.value) grams.value = "";
      hints();
    });
  }
  grams.addEventListener("input", () => {
    if (kes && grams.value) kes.value = "";
    hints();
  });
  addEventListener("pageshow", hints);
  hints();
})();
