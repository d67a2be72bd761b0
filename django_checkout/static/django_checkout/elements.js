// Builds the checkout of {% checkout_elements %} from Stripe's Elements, and shows its session.

const { complete, fetchSession, leave, loadStripe, offerRestart, post, runAll, show, watch } = window.djangoCheckout;

const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const VARIABLES = {
  colorPrimary: "accent",
  colorBackground: "card",
  colorText: "ink",
  colorTextSecondary: "soft",
  colorDanger: "bad",
  borderRadius: "round",
};

const RETRY_MS = 10000;

class Checkout {
  constructor(box) {
    this.box = box;
    this.skus = JSON.parse(box.dataset.skus || "[]");
    this.labels = this.find("totals").dataset;
  }

  find(name) {
    return this.box.querySelector(`[data-checkout-${name}]`);
  }

  async start() {
    const session = await fetchSession(this.box, "elements");
    const stripe = await loadStripe(this.box);
    const elementsOptions = { appearance: appearance(this.box) };
    this.checkout = stripe.initCheckoutElementsSdk({ clientSecret: session.client_secret, elementsOptions });
    DARK.addEventListener("change", () => this.checkout.changeAppearance(appearance(this.box)));
    this.checkout.on("change", (session) => this.render(session));
    const loaded = await this.checkout.loadActions();
    if (loaded.type === "error") throw new Error(loaded.error.message);
    this.actions = loaded.actions;
    show(this.find("form"));
    this.mount("contact", "ContactDetails");
    this.mount("payment", "Payment");
    this.mount("billing", "BillingAddress");
    const shipping = this.mount("shipping", "ShippingAddress");
    if (shipping && "serverShipping" in this.box.dataset) shipping.on("change", (event) => this.updateShipping(event));
    this.find("pay").addEventListener("submit", (event) => this.pay(event));
    this.find("code")?.addEventListener("submit", (event) => this.applyCode(event));
    this.check = watch(this.box, session.session_id);
    this.render(this.actions.getSession());
  }

  mount(name, kind) {
    const place = this.find(name);
    const element = place && this.checkout[`create${kind}Element`]();
    element?.mount(place);
    return element;
  }

  /** Run an action and show its error next to the field. */
  async act(field, action) {
    this.showError(field, "");
    this.setBusy(true);
    const result = await action().catch((error) => ({ type: "error", error }));
    this.setBusy(false);
    if (result.type === "error") {
      this.showError(field, result.error.message);
      // An error without a code may mean that the session has ended.
      if (!result.error.code) this.check();
    }
    return result;
  }

  /** Let our server update the session; a late response is shown when it arrives. */
  update(field, change) {
    return this.runUpdate(field, () => this.send(change));
  }

  send(change) {
    const body = new Blob([JSON.stringify(change)], { type: "application/json" });
    return post(this.box, this.box.dataset.updateUrl, body);
  }

  /** Store what the shopper agrees to, before they pay; false if they have to agree first. */
  async consent() {
    const boxes = [...this.box.querySelectorAll("[data-checkout-consent]")];
    const missing = boxes.find((box) => box.required && !box.checked);
    if (missing) {
      this.showError("consent", missing.dataset.message);
      missing.focus();
    }
    if (missing || !boxes.length) return !missing;
    const consent = Object.fromEntries(boxes.map((box) => [box.dataset.checkoutConsent, box.checked]));
    const { type } = await this.act("consent", () => this.send({ consent }));
    return type !== "error";
  }

  async runUpdate(field, send) {
    let response, isLate, isPending = true;
    const result = await this.act(field, async () => {
      const run = () => (response = send().finally(() => (isPending = false)));
      const result = await this.actions.runServerUpdate(run).catch((error) => ({ error }));
      if (result.type === "success") return result;
      // Stripe.js waits 20 seconds; its message is for developers.
      isLate = isPending;
      throw isLate ? new Error(this.box.dataset.slow) : await response.then(() => result.error, (error) => error);
    });
    const showLate = () => this.runUpdate(field, () => response);
    if (isLate) response.then(showLate, showLate);
    if (field === "shipping") this.setBlocked(result.type === "error");
    return result;
  }

  /** Block payment while the address on the page is not the session's. */
  setBlocked(isBlocked) {
    this.isBlocked = isBlocked;
    this.setBusy(Boolean(this.isBusy));
  }

  showError(field, message) {
    const place = this.box.querySelector(`[data-checkout-error-for=${field}]`) || this.find("error");
    place.textContent = message;
    show(place, Boolean(message));
  }

  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.find("submit").disabled = isBusy || this.isBlocked || !this.session?.canConfirm;
    this.box.ariaBusy = isBusy;
  }

  async pay(event) {
    event.preventDefault();
    if (this.isBusy || this.isBlocked) return;
    if (!(await this.consent())) return;
    const stays = "stays" in this.box.dataset;
    const options = { redirect: stays ? "if_required" : "always" };
    const { type, session } = await this.act("payment", () => this.actions.confirm(options));
    if (type === "success" && session.status.type !== "open") (stays ? complete : leave)(this.box, session.id);
    // The button lost the focus while it was disabled.
    if (document.activeElement === document.body) this.find("submit").focus();
  }

  async updateShipping(event) {
    if (!event.complete || !this.box.isConnected) return;
    window.clearTimeout(this.retry);
    this.lastShipping = event;
    const { name, address } = event.value;
    const { type, error } = await this.update("shipping", { shipping: { name, address } });
    const shouldRetry = error?.isTemporary && this.lastShipping === event;
    if (shouldRetry) this.retry = window.setTimeout(() => this.updateShipping(event), RETRY_MS);
    if (type === "error") return;
    // Stripe selects the first new option: select the one that the shopper chose.
    const { shippingOptions, shipping } = this.actions.getSession();
    const option = shippingOptions?.[this.shippingIndex];
    if (option && option.id !== shipping?.shippingOption?.id) await this.chooseShipping(option, this.shippingIndex);
  }

  chooseShipping(option, index) {
    this.shippingIndex = index;
    return this.act("shipping", () => this.actions.updateShippingOption(option.id));
  }

  async applyCode(event) {
    event.preventDefault();
    const { code } = event.target.elements;
    if (!code.value.trim()) return;
    const { type } = await this.act("code", () => this.actions.applyPromotionCode(code.value.trim()));
    if (type === "success") code.value = "";
  }

  async setQuantity({ id }, sku, quantity) {
    // One at a time, so that Stripe gets the changes in order.
    await (this.changes = Promise.resolve(this.changes).then(() =>
      sku
        ? this.update("items", { quantity: { sku, quantity } })
        : this.act("items", () => this.actions.updateLineItemQuantity({ lineItem: id, quantity })),
    ));
    this.render(this.actions.getSession());
  }

  render(session) {
    this.session = session;
    if (session.status.type === "expired") offerRestart(this.box);
    this.setBusy(Boolean(this.isBusy));
    this.renderPrice(session);
    replace(this.find("items"), session.lineItems.map((item, index) => this.item(item, index)));
    const options = session.shippingOptions || [];
    const place = this.find("shipping-options");
    show(place, options.length > 0);
    replace(place, [place.firstElementChild, ...options.map((option, index) => this.option(option, index))]);
    this.renderTotals(session);
  }

  /** Show what is charged now and later, on the button and next to it, with the amounts of the session. */
  renderPrice({ total: { total }, recurring }) {
    const submit = this.find("submit");
    const { pay, free, plain, today } = submit.dataset;
    submit.textContent = fill(total.minorUnitsAmount || !free ? pay : free, { amount: total.amount });
    const next = recurring?.dueNext?.total;
    if (!next || !plain) return;
    const isPlain = total.minorUnitsAmount === (recurring.trial ? 0 : next.minorUnitsAmount);
    const text = fill(isPlain ? plain : today, { today: total.amount, next: next.amount });
    for (const place of this.box.querySelectorAll("[data-checkout-terms]")) place.textContent = text;
  }

  item(item, index) {
    const sku = this.skus[index];
    let quantity;
    if (sku || item.adjustableQuantity) {
      quantity = make("input", "checkout-item-quantity");
      const ariaLabel = `${this.labels.quantity}: ${item.name}`;
      const max = item.adjustableQuantity?.maximum || 999;
      Object.assign(quantity, { type: "number", min: 1, max, value: item.quantity, ariaLabel });
      quantity.addEventListener("change", () => this.setQuantity(item, sku, Math.max(1, quantity.valueAsNumber || 1)));
    } else quantity = make("span", "checkout-quantity", `× ${item.quantity}`);
    return make("li", "checkout-item", [
      make("span", "checkout-item-name", item.name),
      quantity,
      make("span", "checkout-item-amount", item.subtotal.amount),
    ]);
  }

  option(option, index) {
    const input = Object.assign(make("input", ""), { type: "radio", name: "checkout-shipping" });
    input.checked = this.session.shipping?.shippingOption?.id === option.id;
    input.addEventListener("change", () => this.chooseShipping(option, index));
    return make("label", "checkout-option", [
      input,
      make("span", "", option.displayName || ""),
      make("span", "checkout-item-amount", this.price(option)),
    ]);
  }

  price({ minorUnitsAmount, amount }) {
    return minorUnitsAmount ? amount : this.labels.free;
  }

  renderTotals({ total, discountAmounts, shipping }) {
    const { labels } = this;
    const rows = [[labels.subtotal, total.subtotal.amount]];
    for (const { promotionCode, displayName, amount } of discountAmounts || []) {
      const remove = make("button", "checkout-remove", labels.remove);
      remove.type = "button";
      remove.addEventListener("click", () => this.act("code", () => this.actions.removePromotionCode()));
      rows.push([`${labels.discount} ${promotionCode || displayName || ""} `, `−${amount}`, promotionCode ? remove : ""]);
    }
    if (shipping) rows.push([labels.shipping, this.price(total.shippingRate)]);
    if (total.taxExclusive?.minorUnitsAmount) rows.push([labels.tax, total.taxExclusive.amount]);
    rows.push([labels.total, total.total.amount]);
    const made = rows.flatMap(([name, amount, button = ""]) => [make("dt", "", [name, button]), make("dd", "", amount)]);
    this.find("totals").replaceChildren(...made);
  }
}

/** The page's colours, which Stripe's frames do not inherit: https://docs.stripe.com/elements/appearance-api. */
function appearance(box) {
  const style = getComputedStyle(box);
  const variables = { fontFamily: style.fontFamily };
  for (const [name, property] of Object.entries(VARIABLES)) {
    variables[name] = style.getPropertyValue(`--checkout-${property}`).trim();
  }
  return { theme: DARK.matches ? "night" : "stripe", variables };
}

function fill(text, amounts) {
  return text.replace(/\{(\w+)\}/g, (_, name) => amounts[name]);
}

/** Replace the children of a place and restore the focus. */
function replace(place, children) {
  const focused = [...place.querySelectorAll("input")].indexOf(document.activeElement);
  place.replaceChildren(...children);
  if (focused >= 0) place.querySelectorAll("input")[focused]?.focus();
}

function make(tag, className, content = []) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...[content].flat());
  return element;
}

runAll("[data-checkout-elements]", (box) => new Checkout(box).start());
