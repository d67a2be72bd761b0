// Watches a payment that is not settled yet and shows the page anew when it is.
"use strict";
(() => {
  const box = document.querySelector("[data-checkout-status]");
  if (!box) return;
  const started = Date.now();
  let wait = 1500;
  const look = async () => {
    try {
      const answer = await fetch(box.dataset.checkoutStatus, { headers: { Accept: "application/json" } });
      if (answer.ok && (await answer.json()).outcome !== box.dataset.checkoutOutcome) {
        window.location.reload();
        return;
      }
    } catch {
      // The network is away: ask again later.
    }
    wait = Math.min(wait * 1.3, 15000);
    if (Date.now() - started < 30 * 60 * 1000) window.setTimeout(look, wait);
  };
  window.setTimeout(look, wait);
})();
