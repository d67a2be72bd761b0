// Polls a payment that is not settled yet, and reloads the page when its outcome changes. The new page then has the
// focus on its title, so that screen readers say what happened.

const CHANGED = "checkout-outcome-changed";
const box = document.querySelector("[data-checkout-status]");
const end = Date.now() + 30 * 60 * 1000;
let waitMs = 1500;

/** Mark this tab, or take the mark away; returns whether it was marked. The storage may be blocked. */
function mark(isMarked) {
  try {
    const wasMarked = window.sessionStorage.getItem(CHANGED) !== null;
    if (isMarked) window.sessionStorage.setItem(CHANGED, "");
    else window.sessionStorage.removeItem(CHANGED);
    return wasMarked;
  } catch {
    return false;
  }
}

async function poll() {
  const { outcome } = await fetch(box.dataset.checkoutStatus).then((response) => response.json()).catch(() => ({}));
  if (outcome && outcome !== box.dataset.checkoutOutcome) {
    mark(true);
    return window.location.reload();
  }
  waitMs = Math.min(waitMs * 1.3, 15000);
  if (Date.now() < end) window.setTimeout(poll, waitMs);
}

if (mark(false)) document.querySelector(".checkout-outcome h1")?.focus();
if (box) window.setTimeout(poll, waitMs);
