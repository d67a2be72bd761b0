// Mounts Stripe's embedded checkout page in {% checkout_embedded %}.

const { complete, fetchSession, loadStripe, runAll, watch } = window.djangoCheckout;

let last;

runAll("[data-checkout-embedded]", async (box) => {
  const session = await fetchSession(box, "embedded_page");
  const stripe = await loadStripe(box);
  // Stripe.js allows one at a time, even after Turbo or htmx replace the page's content.
  if (last && !last.box.isConnected) last.page.destroy();
  const options = { fetchClientSecret: async () => session.client_secret };
  // Stripe.js calls it only for a session that does not always redirect.
  if ("stays" in box.dataset) options.onComplete = () => complete(box, session.session_id);
  const page = await stripe.createEmbeddedCheckoutPage(options);
  last = { box, page };
  page.mount(box.querySelector("[data-checkout-mount]"));
  watch(box, session.session_id);
});
