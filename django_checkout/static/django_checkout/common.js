// Shared by both checkouts. Not imported, because a storage may serve files under hashed names only.

const STRIPE_JS_WAIT_MS = 10000;
const POLL_MS = 60000;

/** Post to our server; returns its JSON, throws a message for the shopper. */
async function post(box, url, body) {
  const headers = { [box.dataset.csrfHeader]: box.querySelector("input[name=csrfmiddlewaretoken]").value };
  const response = await fetch(url, { method: "POST", headers, body }).catch(() => new Response("", { status: 503 }));
  const data = await response.json().catch(() => ({}));
  if (response.ok) return data;
  if (data.code === "order_not_payable") window.location.assign(data.status_url);
  const error = new Error(data.message || box.dataset.unreachable);
  throw Object.assign(error, { isTemporary: response.status === 429 || response.status >= 500 });
}

/** Fetch the id and the client secret of a session in this UI mode. */
function fetchSession(box, uiMode) {
  return post(box, box.dataset.secretUrl, new URLSearchParams({ ui_mode: uiMode }));
}

/** Wait for Stripe.js; rejects if it was blocked or does not load. */
async function loadStripe(box) {
  const end = Date.now() + STRIPE_JS_WAIT_MS;
  while (!window.Stripe && Date.now() < end) await new Promise((resume) => window.setTimeout(resume, 50));
  if (!window.Stripe) throw new Error("");
  return window.Stripe(box.dataset.publishableKey);
}

function show(element, isShown = true) {
  if (element) element.hidden = !isShown;
}

/** Show an error in place of the form, and offer the hosted page. */
function fail(box, error) {
  const alert = box.querySelector("[data-checkout-error]");
  alert.textContent = error.message;
  show(alert, Boolean(error.message));
  show(box.querySelector("[data-checkout-form]"), false);
  show(box.querySelector("[data-checkout-fallback]"));
}

/** Show that the session has expired, and offer to start a new one. */
function offerRestart(box) {
  const focused = document.activeElement;
  fail(box, new Error(box.dataset.expired));
  show(box.querySelector("[data-checkout-fallback]"), false);
  const button = box.querySelector("[data-checkout-restart]");
  button.onclick = () => window.location.replace(window.location.href.split("#")[0]);
  show(button);
  if (focused === document.body || box.contains(focused)) button.focus();
}

function leave(box, sessionId) {
  window.location.assign(`${box.dataset.returnUrl}?session_id=${encodeURIComponent(sessionId)}`);
}

/** Tell the shop's page that the checkout is complete, and go on to the return page unless it keeps the shopper. */
async function complete(box, sessionId) {
  if ("isComplete" in box.dataset) return;
  box.dataset.isComplete = "";
  const url = `${box.dataset.statusUrl}?session_id=${encodeURIComponent(sessionId)}`;
  const { outcome = "unknown" } = await fetch(url).then((response) => response.json()).catch(() => ({}));
  const detail = { reference: box.dataset.reference, outcome };
  const event = new CustomEvent("checkout:complete", { bubbles: true, cancelable: true, detail });
  if (box.dispatchEvent(event)) return leave(box, sessionId);
  const texts = { paid: box.dataset.paid, authorized: box.dataset.submitted, action_needed: box.dataset.actionNeeded };
  show(box.querySelector("[data-checkout-form]"), false);
  box.querySelector("[data-checkout-complete]").textContent = texts[outcome] || box.dataset.processing;
  show(box.querySelector("[data-checkout-instructions]"), outcome === "action_needed");
}

/** Check our database each minute for the end of the session; returns a check that asks Stripe. */
function watch(box, sessionId) {
  const url = `${box.dataset.statusUrl}?session_id=${encodeURIComponent(sessionId)}`;
  const stop = () => {
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", poll);
  };
  const check = async (query = "") => {
    if (!box.isConnected || "isComplete" in box.dataset) return stop();
    if (document.hidden) return;
    // The checkout may work even if our server cannot be reached.
    const { outcome = "open", status } = await fetch(url + query).then((response) => response.json()).catch(() => ({}));
    // A QR code is paid on the open page.
    if (/open|unknown/.test(outcome) || (outcome === "action_needed" && status === "unpaid")) return;
    stop();
    if (outcome === "expired") offerRestart(box);
    else if ("stays" in box.dataset) complete(box, sessionId);
    else leave(box, sessionId);
  };
  const poll = () => check("&read=0");
  const timer = window.setInterval(poll, POLL_MS);
  document.addEventListener("visibilitychange", poll);
  return check;
}

/** Start each checkout once, also one that Turbo or htmx adds later without loading the script again. */
function runAll(selector, run) {
  const started = new WeakSet();
  const start = (box) => {
    started.add(box);
    const { innerHTML } = box;
    document.addEventListener("turbo:before-cache", () => box.isConnected && (box.innerHTML = innerHTML), { once: true });
    const loading = box.querySelector("[data-checkout-loading]");
    show(box.querySelector("[data-checkout-fallback]"), false);
    show(loading);
    run(box)
      .catch((error) => fail(box, error))
      .finally(() => show(loading, false));
  };
  const startAll = () => {
    if (document.documentElement.hasAttribute("data-turbo-preview")) return;
    for (const box of document.querySelectorAll(selector)) if (!started.has(box)) start(box);
  };
  startAll();
  new MutationObserver(startAll).observe(document, { childList: true, subtree: true });
}

window.djangoCheckout = { complete, fetchSession, leave, loadStripe, offerRestart, post, runAll, show, watch };
