// Mounts Stripe's embedded checkout page where {% checkout_embedded %} stands.

const { fetchSession, loadStripe, runAll, watch } = window.djangoCheckout;

runAll("[data-checkout-embedded]", async (box) => {
  const session = await fetchSession(box, "embedded_page");
  const stripe = await loadStripe(box);
  const page = await stripe.createEmbeddedCheckoutPage({ fetchClientSecret: async () => session.client_secret });
  page.mount(box.querySelector("[data-checkout-mount]"));
  watch(box, session.session_id);
});
