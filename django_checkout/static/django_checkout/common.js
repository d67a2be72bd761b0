// What both checkouts within a page need: the secret, Stripe.js, and a way out when something is missing.

const STRIPE_JS_WAIT_MS = 10000;

/** Ask our server; resolves to its JSON, rejects with a message for the shopper. */
export async function ask(box, url, body) {
  const token = box.querySelector("input[name=csrfmiddlewaretoken]").value;
  const isForm = body instanceof URLSearchParams;
  const headers = { "X-CSRFToken": token, Accept: "application/json" };
  if (!isForm) headers["Content-Type"] = "application/json";
  const answer = await fetch(url, { method: "POST", headers, body: isForm ? body : JSON.stringify(body) });
  const data = await answer.json().catch(() => ({}));
  if (answer.ok) return data;
  if (data.code === "order_not_payable") window.location.assign(data.status_url);
  throw new Error(data.message || "");
}

/** The client secret of the order's session in this UI mode; fetched for this page, kept nowhere. */
export async function fetchClientSecret(box, uiMode) {
  return (await ask(box, box.dataset.secretUrl, new URLSearchParams({ ui_mode: uiMode }))).client_secret;
}

/** Stripe.js, once it is there; rejects when it was blocked or does not load. */
export function loadStripe(box) {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const look = () => {
      if (window.Stripe) resolve(window.Stripe(box.dataset.publishableKey));
      else if (Date.now() - started > STRIPE_JS_WAIT_MS) reject(new Error(""));
      else window.setTimeout(look, 50);
    };
    look();
  });
}

export function show(element, isShown = true) {
  if (element) element.hidden = !isShown;
}

/** Say what went wrong, and leave the hosted page as the way out. */
export function fail(box, error) {
  const alert = box.querySelector("[data-checkout-error]");
  alert.textContent = error.message;
  show(alert, Boolean(error.message));
  show(box.querySelector("[data-checkout-loading]"), false);
  show(box.querySelector("[data-checkout-form]"), false);
  show(box.querySelector("[data-checkout-way-out]"));
}

/** Run a checkout in every box that asks for it. */
export function runAll(selector, run) {
  for (const box of document.querySelectorAll(selector)) {
    show(box.querySelector("[data-checkout-way-out]"), false);
    show(box.querySelector("[data-checkout-loading]"));
    run(box)
      .then(() => show(box.querySelector("[data-checkout-loading]"), false))
      .catch((error) => fail(box, error));
  }
}
