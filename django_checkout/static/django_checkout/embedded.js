// Mounts Stripe's embedded checkout page where {% checkout_embedded %} stands.

const { fetchSession, loadStripe, runAll, watch } = window.djangoCheckout;

let last;

runAll("[data-checkout-embedded]", async (box) => {
  const session = await fetchSession(box, "embedded_page");
  const stripe = await loadStripe(box);
  // Stripe.js has one at a time, also after the page's content was exchanged.
  if (last && !last.box.isConnected) last.page.destroy();
  const page = await stripe.createEmbeddedCheckoutPage({ fetchClientSecret: async () => session.client_secret });
  last = { box, page };
  page.mount(box.querySelector("[data-checkout-mount]"));
  watch(box, session.session_id);
});
