// Watches a payment that is not settled yet and shows the page anew when it is.

const box = document.querySelector("[data-checkout-status]");
const end = Date.now() + 30 * 60 * 1000;
let wait = 1500;

async function look() {
  const { outcome } = await fetch(box.dataset.checkoutStatus).then((answer) => answer.json()).catch(() => ({}));
  if (outcome && outcome !== box.dataset.checkoutOutcome) return window.location.reload();
  wait = Math.min(wait * 1.3, 15000);
  if (Date.now() < end) window.setTimeout(look, wait);
}

if (box) window.setTimeout(look, wait);
