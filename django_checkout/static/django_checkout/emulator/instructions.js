/* The page of a voucher, a QR code or a bank transfer: copies codes, prints, and waits for the payment. */
(() => {
  "use strict";

  const announcement = document.querySelector("[data-announce]");

  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    const name = button.innerHTML;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = announcement.textContent = button.dataset.done;
      setTimeout(() => (button.innerHTML = name), 2000);
    });
  }

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  // The page is another one once the shopper has paid, or the code has expired.
  const waits = document.querySelector("[data-waits]")?.dataset.waits;
  async function look() {
    try {
      const answer = await fetch(`${waits}${waits.includes("?") ? "&" : "?"}poll=1`);
      if (answer.status === 204) return void setTimeout(look, 1500);
    } catch {
      return void setTimeout(look, 3000);
    }
    window.location.assign(waits);
  }
  if (waits) setTimeout(look, 1500);
})();
