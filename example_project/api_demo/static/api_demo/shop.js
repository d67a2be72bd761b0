// Pays with Stripe's Elements or on Stripe's page, through the API only.

import { Api } from "./api.js";

const POLL_MS = 700;
const app = document.querySelector("[data-app]");
const find = (name) => app.querySelector(`[data-${name}]`);
const api = new Api(app.dataset.api);

function say(message) {
  const place = find("problem");
  place.textContent = message || "";
  place.hidden = !message;
}

function load(url) {
  return new Promise((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: url, onload: resolve });
    script.onerror = () => reject(new Error("Stripe.js could not be loaded."));
    document.head.append(script);
  });
}

async function act(action) {
  say("");
  try {
    const result = await action();
    if (result?.type === "error") say(result.error.message);
    return result;
  } catch (error) {
    say(error.message);
    return { type: "error", error };
  }
}

find("order").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { sku, quantity, email } = event.target.elements;
  await act(async () => {
    const lines = [{ sku: sku.value, quantity: quantity.valueAsNumber }];
    const placed = await api.place({ currency: "eur", email: email.value, lines });
    const order = api.of(placed.reference);
    const session = await order.start(event.submitter.value, window.location.pathname);
    sessionStorage.setItem(placed.reference, placed.token);
    if (session.url) window.location.assign(session.url);
    else await pay(placed, order, await order.secret(session.id));
  });
});

async function pay(placed, order, keys) {
  await load(keys.stripe_js_url);
  const checkout = window.Stripe(keys.publishable_key).initCheckoutElementsSdk({ clientSecret: keys.client_secret });
  const loaded = await checkout.loadActions();
  if (loaded.type === "error") throw new Error(loaded.error.message);
  const { actions } = loaded;
  find("order").hidden = true;
  find("pay").hidden = false;
  find("reference").textContent = placed.reference;
  checkout.createContactDetailsElement().mount(find("contact"));
  checkout.createPaymentElement().mount(find("payment"));
  const shipping = checkout.createShippingAddressElement();
  shipping.mount(find("shipping"));
  shipping.on("change", ({ complete, value }) => complete && act(() => actions.runServerUpdate(() => ship(order, value))));
  checkout.on("change", (session) => render(session, actions));
  find("apply").addEventListener("click", () => act(() => actions.applyPromotionCode(document.getElementById("code").value)));
  find("pay").addEventListener("submit", async (event) => {
    event.preventDefault();
    const result = await act(() => actions.confirm({ redirect: "if_required" }));
    if (result.type === "success") await follow(order);
  });
  render(actions.getSession(), actions);
}

function ship(order, { name, address }) {
  const known = Object.fromEntries(Object.entries(address).filter(([, value]) => value));
  return order.ship(name, known);
}

function render(session, actions) {
  find("total").textContent = session.total.total.amount;
  find("submit").disabled = !session.canConfirm;
  const place = find("options");
  place.hidden = !session.shippingOptions?.length;
  const rows = (session.shippingOptions || []).map((option) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "shipping" });
    input.checked = session.shipping?.shippingOption?.id === option.id;
    input.addEventListener("change", () => act(() => actions.updateShippingOption(option.id)));
    label.append(input, ` ${option.displayName} ${option.amount}`);
    return label;
  });
  place.replaceChildren(place.firstElementChild, ...rows);
}

// Stripe's page leads back here, with the outcome in the query. Anyone can type it, so the server is asked.
async function comeBack() {
  const back = new URLSearchParams(window.location.search);
  api.token = sessionStorage.getItem(back.get("reference")) || "";
  if (!api.token) return;
  find("order").hidden = true;
  if (back.get("outcome") === "open") {
    say("You have not paid.");
    find("order").hidden = false;
  } else await act(() => follow(api.of(back.get("reference"))));
}

async function follow(order) {
  for (;;) {
    const status = await order.status();
    if (status.outcome !== "open") {
      find("pay").hidden = true;
      find("done").hidden = false;
      find("outcome").textContent = status.outcome === "paid" ? "Thank you, your order is paid." : `Payment: ${status.outcome}`;
      find("paid").textContent = status.paid.formatted;
      return;
    }
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
  }
}

comeBack();
