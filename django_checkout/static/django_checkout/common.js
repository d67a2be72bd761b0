// What both checkouts within a page share. Not imported by its name: a storage may keep files under hashed names only.

const STRIPE_JS_WAIT_MS = 10000;
const LOOK_MS = 60000;

/** Ask our server; resolves to its JSON, rejects with a message for the shopper. */
async function ask(box, url, body) {
  const headers = { [box.dataset.csrfHeader]: box.querySelector("input[name=csrfmiddlewaretoken]").value };
  const answer = await fetch(url, { method: "POST", headers, body }).catch(() => new Response("", { status: 503 }));
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  if (data.code === "order_not_payable") window.location.assign(data.status_url);
  const error = new Error(data.message || box.dataset.unreachable);
  throw Object.assign(error, { isTemporary: answer.status === 429 || answer.status >= 500 });
}

/** The order's session in this UI mode: its client secret, fetched for this page and kept nowhere, and its id. */
function fetchSession(box, uiMode) {
  return ask(box, box.dataset.secretUrl, new URLSearchParams({ ui_mode: uiMode }));
}

/** Stripe.js, once it is there; rejects when it was blocked or does not load. */
async function loadStripe(box) {
  const end = Date.now() + STRIPE_JS_WAIT_MS;
  while (!window.Stripe && Date.now() < end) await new Promise((resume) => window.setTimeout(resume, 50));
  if (!window.Stripe) throw new Error("");
  return window.Stripe(box.dataset.publishableKey);
}

function show(element, isShown = true) {
  if (element) element.hidden = !isShown;
}

/** Say what went wrong, and leave the hosted page as the way out. */
function fail(box, error) {
  const alert = box.querySelector("[data-checkout-error]");
  alert.textContent = error.message;
  show(alert, Boolean(error.message));
  show(box.querySelector("[data-checkout-form]"), false);
  show(box.querySelector("[data-checkout-way-out]"));
}

/** Say that the session has expired, and offer to start again with a new one. */
function offerAnew(box) {
  const at = document.activeElement;
  fail(box, new Error(box.dataset.expired));
  show(box.querySelector("[data-checkout-way-out]"), false);
  const button = box.querySelector("[data-checkout-restart]");
  button.onclick = () => window.location.replace(window.location.href.split("#")[0]);
  show(button);
  if (at === document.body || box.contains(at)) button.focus();
}

function leave(box, sessionId) {
  window.location.assign(`${box.dataset.returnUrl}?session_id=${encodeURIComponent(sessionId)}`);
}

/** Ask our rows each minute, while the page is seen, if the session is over, and lead on; returns how to ask Stripe. */
function watch(box, sessionId) {
  const url = `${box.dataset.statusUrl}?session_id=${encodeURIComponent(sessionId)}`;
  const stop = () => {
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", glance);
  };
  const look = async (how = "") => {
    if (!box.isConnected) stop();
    if (document.hidden || !box.isConnected) return;
    // Where our server cannot be reached, the checkout may still work.
    const { outcome = "open" } = await fetch(url + how).then((answer) => answer.json()).catch(() => ({}));
    if (outcome === "open") return;
    stop();
    if (outcome === "expired") offerAnew(box);
    else leave(box, sessionId);
  };
  const glance = () => look("&read=0");
  const timer = window.setInterval(glance, LOOK_MS);
  document.addEventListener("visibilitychange", glance);
  return look;
}

/** Run each checkout on the page once, and those that Turbo or htmx brings later: they load no script twice. */
function runAll(selector, run) {
  const begun = new WeakSet();
  const begin = (box) => {
    begun.add(box);
    const { innerHTML } = box;
    document.addEventListener("turbo:before-cache", () => box.isConnected && (box.innerHTML = innerHTML), { once: true });
    const loading = box.querySelector("[data-checkout-loading]");
    show(box.querySelector("[data-checkout-way-out]"), false);
    show(loading);
    run(box)
      .catch((error) => fail(box, error))
      .finally(() => show(loading, false));
  };
  const look = () => {
    if (document.documentElement.hasAttribute("data-turbo-preview")) return;
    for (const box of document.querySelectorAll(selector)) if (!begun.has(box)) begin(box);
  };
  look();
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
}

window.djangoCheckout = { ask, fetchSession, leave, loadStripe, offerAnew, runAll, show, watch };
