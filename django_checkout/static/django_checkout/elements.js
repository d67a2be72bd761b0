// Builds a checkout from Stripe's Elements where {% checkout_elements %} stands, and follows its session.

const { ask, fetchSession, leave, loadStripe, offerAnew, runAll, show, watch } = window.djangoCheckout;

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
    this.words = this.find("totals").dataset;
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
    if (shipping && "serverShipping" in this.box.dataset) shipping.on("change", (event) => this.ship(event));
    this.find("pay").addEventListener("submit", (event) => this.pay(event));
    this.find("code")?.addEventListener("submit", (event) => this.applyCode(event));
    this.look = watch(this.box, session.session_id);
    this.render(this.actions.getSession());
  }

  mount(name, kind) {
    const place = this.find(name);
    const element = place && this.checkout[`create${kind}Element`]();
    element?.mount(place);
    return element;
  }

  /** Run an action; show its error next to the field it belongs to. */
  async act(field, action) {
    this.say(field, "");
    this.setBusy(true);
    const result = await action().catch((error) => ({ type: "error", error }));
    this.setBusy(false);
    if (result.type === "error") {
      this.say(field, result.error.message);
      // An error with a code is about what was typed; any other may mean that the session is over.
      if (!result.error.code) this.look();
    }
    return result;
  }

  /** Let our server change the session; an answer that Stripe.js does not wait for is shown when it comes. */
  change(field, wish) {
    const body = new Blob([JSON.stringify(wish)], { type: "application/json" });
    return this.follow(field, () => ask(this.box, this.box.dataset.updateUrl, body));
  }

  async follow(field, work) {
    let answer, isLate, isOpen = true;
    const result = await this.act(field, async () => {
      const run = () => (answer = work().finally(() => (isOpen = false)));
      const result = await this.actions.runServerUpdate(run).catch((error) => ({ error }));
      if (result.type === "success") return result;
      // Stripe.js waits 20 seconds, and says so to developers.
      isLate = isOpen;
      throw isLate ? new Error(this.box.dataset.slow) : await answer.then(() => result.error, (error) => error);
    });
    const show = () => this.follow(field, () => answer);
    if (isLate) answer.then(show, show);
    if (field === "shipping") this.forbid(result.type === "error");
    return result;
  }

  /** Let nobody pay while the address shown is not the session's: it could not be shipped to. */
  forbid(isForbidden) {
    this.isForbidden = isForbidden;
    this.setBusy(Boolean(this.isBusy));
  }

  say(field, message) {
    const place = this.box.querySelector(`[data-checkout-error-for=${field}]`) || this.find("error");
    place.textContent = message;
    show(place, Boolean(message));
  }

  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.find("submit").disabled = isBusy || this.isForbidden || !this.session?.canConfirm;
    this.box.ariaBusy = isBusy;
  }

  async pay(event) {
    event.preventDefault();
    if (this.isBusy || this.isForbidden) return;
    const { type, session } = await this.act("payment", () => this.actions.confirm());
    if (type === "success" && session.status.type !== "open") leave(this.box, session.id);
    // The button lost the focus while it was busy.
    if (document.activeElement === document.body) this.find("submit").focus();
  }

  async ship(event) {
    if (!event.complete || !this.box.isConnected) return;
    window.clearTimeout(this.retry);
    this.shipped = event;
    const { name, address } = event.value;
    const { type, error } = await this.change("shipping", { shipping: { name, address } });
    const isDue = error?.isTemporary && this.shipped === event;
    if (isDue) this.retry = window.setTimeout(() => this.ship(event), RETRY_MS);
    if (type === "error") return;
    // The new options come with the first one chosen: choose what the shopper had, by its place.
    const { shippingOptions, shipping } = this.actions.getSession();
    const option = shippingOptions?.[this.shippingPlace];
    if (option && option.id !== shipping?.shippingOption?.id) await this.chooseShipping(option, this.shippingPlace);
  }

  chooseShipping(option, place) {
    this.shippingPlace = place;
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
    // One at a time: Stripe must see changes in the order in which they were made.
    await (this.changes = Promise.resolve(this.changes).then(() =>
      sku
        ? this.change("items", { quantity: { sku, quantity } })
        : this.act("items", () => this.actions.updateLineItemQuantity({ lineItem: id, quantity })),
    ));
    this.render(this.actions.getSession());
  }

  render(session) {
    this.session = session;
    if (session.status.type === "expired") offerAnew(this.box);
    this.setBusy(Boolean(this.isBusy));
    this.renderPrice(session);
    replace(this.find("items"), session.lineItems.map((item, index) => this.item(item, index)));
    const options = session.shippingOptions || [];
    const place = this.find("shipping-options");
    show(place, options.length > 0);
    replace(place, [place.firstElementChild, ...options.map((option, index) => this.option(option, index))]);
    this.renderTotals(session);
  }

  /** Say what is charged now and later, beside the button and on it, with the amounts of the session. */
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
      const ariaLabel = `${this.words.quantity}: ${item.name}`;
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
    return minorUnitsAmount ? amount : this.words.free;
  }

  renderTotals({ total, discountAmounts, shipping }) {
    const { words } = this;
    const rows = [[words.subtotal, total.subtotal.amount]];
    for (const { promotionCode, displayName, amount } of discountAmounts || []) {
      const remove = make("button", "checkout-remove", words.remove);
      remove.type = "button";
      remove.addEventListener("click", () => this.act("code", () => this.actions.removePromotionCode()));
      rows.push([`${words.discount} ${promotionCode || displayName || ""} `, `−${amount}`, promotionCode ? remove : ""]);
    }
    if (shipping) rows.push([words.shipping, this.price(total.shippingRate)]);
    if (total.taxExclusive?.minorUnitsAmount) rows.push([words.tax, total.taxExclusive.amount]);
    rows.push([words.total, total.total.amount]);
    const made = rows.flatMap(([name, amount, button = ""]) => [make("dt", "", [name, button]), make("dd", "", amount)]);
    this.find("totals").replaceChildren(...made);
  }
}

/** The page's colours, for frames that cannot see them: https://docs.stripe.com/elements/appearance-api. */
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

/** Replace what is in a place, and keep the focus where it was. */
function replace(place, children) {
  const at = [...place.querySelectorAll("input")].indexOf(document.activeElement);
  place.replaceChildren(...children);
  if (at >= 0) place.querySelectorAll("input")[at]?.focus();
}

function make(tag, className, content = []) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...[content].flat());
  return element;
}

runAll("[data-checkout-elements]", (box) => new Checkout(box).start());
