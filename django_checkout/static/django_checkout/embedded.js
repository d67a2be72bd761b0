// Mounts Stripe's embedded checkout page where {% checkout_embedded %} stands.

import { fetchClientSecret, loadStripe, runAll } from "./common.js";

runAll("[data-checkout-embedded]", async (box) => {
  const clientSecret = await fetchClientSecret(box, "embedded_page");
  const stripe = await loadStripe(box);
  const page = await stripe.createEmbeddedCheckoutPage({ fetchClientSecret: async () => clientSecret });
  page.mount(box.querySelector("[data-checkout-mount]"));
});
