// The code of a shop. Tests call `window.shop`.
const secret = new URLSearchParams(location.search).get("client_secret");
const node = (id) => document.getElementById(id);
const stripe = window.Stripe && Stripe("pk_test_tests");

window.shop = {
  stripe,
  secret,
  completed: 0,
  events: [],
  changes: [],

  async embed(clientSecret = secret) {
    shop.embedded = await stripe.createEmbeddedCheckoutPage({
      fetchClientSecret: async () => clientSecret,
      onComplete: () => { shop.completed += 1; },
      onAnalyticsEvent: ({ eventType }) => shop.events.push(eventType),
    });
    shop.embedded.mount("#embedded");
  },

  async compose(parts = ["contact", "payment"], options = {}) {
    node("elements").hidden = false;
    const checkout = stripe.initCheckoutElementsSdk({ clientSecret: Promise.resolve(secret), ...options });
    shop.checkout = checkout;
    checkout.on("change", (session) => { shop.changes.push(session); shop.show(session); });
    const factories = {
      contact: () => checkout.createContactDetailsElement(),
      shipping: () => checkout.createShippingAddressElement(),
      billing: () => checkout.createBillingAddressElement(),
      payment: () => checkout.createPaymentElement({ layout: "accordion" }),
      currency: () => checkout.createCurrencySelectorElement(),
      express: () => checkout.createExpressCheckoutElement(),
    };
    shop.elements = {};
    for (const part of parts) {
      shop.elements[part] = factories[part]();
      shop.elements[part].on("ready", () => shop.events.push(`${part} ready`));
      shop.elements[part].on("change", ({ complete }) => shop.events.push(`${part} ${complete}`));
      shop.elements[part].mount(`#${part}`);
    }
    const loaded = await checkout.loadActions();
    shop.actions = loaded.actions;
    if (loaded.type === "error") return loaded.error;
    shop.show(shop.actions.getSession());
    return null;
  },

  show(session) {
    node("pay").disabled = !session.canConfirm;
    node("pay").textContent = `Pay ${session.total.total.amount}`;
    const rows = session.lineItems.map((line) => [`${line.quantity} ${line.name}`, line.total.amount]);
    rows.push(["Discount", session.total.discount.amount], ["Shipping", session.total.shippingRate.amount]);
    rows.push(["Tax", session.total.taxExclusive.amount], ["Total", session.total.total.amount]);
    node("totals").replaceChildren(...rows.map(([name, amount]) => {
      const row = document.createElement("div");
      row.append(Object.assign(document.createElement("dt"), { textContent: name }));
      row.append(Object.assign(document.createElement("dd"), { textContent: amount }));
      return row;
    }));
  },
};

node("pay").addEventListener("click", async () => {
  const result = await shop.actions.confirm({ redirect: "if_required" });
  shop.result = result;
  node("error").textContent = result.type === "error" ? result.error.message : "";
  node("done").hidden = result.type === "error";
});
