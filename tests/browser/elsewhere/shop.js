// A shop in another origin: pays with the client secret in its URL, and says what it hears of the payment.

const query = new URLSearchParams(window.location.search);
const stripe = window.Stripe(query.get("key"));
const clientSecret = query.get("secret");
const done = document.querySelector("output");

if (query.get("ui") === "embedded") {
  const onComplete = query.has("stays") ? { onComplete: () => { done.textContent = "complete"; } } : {};
  const page = await stripe.createEmbeddedCheckoutPage({ fetchClientSecret: async () => clientSecret, ...onComplete });
  page.mount("[data-checkout-mount]");
} else {
  const checkout = stripe.initCheckoutElementsSdk({ clientSecret });
  const { actions } = await checkout.loadActions();
  const button = document.querySelector("[data-checkout-submit]");
  const render = (session) => {
    button.disabled = !session.canConfirm;
    button.textContent = `Pay ${session.total.total.amount}`;
  };
  checkout.on("change", render);
  checkout.createContactDetailsElement().mount("[data-checkout-contact]");
  checkout.createPaymentElement().mount("[data-checkout-payment]");
  button.addEventListener("click", async () => {
    const result = await actions.confirm({ redirect: query.has("stays") ? "if_required" : "always" });
    done.textContent = result.type === "success" ? result.session.status.type : result.error.message;
  });
  render(actions.getSession());
}
