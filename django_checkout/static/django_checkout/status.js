// Polls a payment that is not settled yet, and reloads the page when its outcome changes.

const box = document.querySelector("[data-checkout-status]");
const end = Date.now() + 30 * 60 * 1000;
let waitMs = 1500;

async function poll() {
  const { outcome } = await fetch(box.dataset.checkoutStatus).then((response) => response.json()).catch(() => ({}));
  if (outcome && outcome !== box.dataset.checkoutOutcome) return window.location.reload();
  waitMs = Math.min(waitMs * 1.3, 15000);
  if (Date.now() < end) window.setTimeout(poll, waitMs);
}

if (box) window.setTimeout(poll, waitMs);
