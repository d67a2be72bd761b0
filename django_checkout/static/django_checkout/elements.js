// Builds a checkout from Stripe's Elements where {% checkout_elements %} stands, and follows its session.

import { ask, fetchClientSecret, loadStripe, runAll, show } from "./common.js";

const DARK = window.matchMedia("(prefers-color-scheme: dark)");

class Checkout {
  constructor(box) {
    this.box = box;
    this.skus = JSON.parse(box.dataset.skus || "[]");
  }

  find(name) {
    return this.box.querySelector(`[data-checkout-${name}]`);
  }

  async start() {
    const secret = await fetchClientSecret(this.box, "elements");
    const stripe = await loadStripe(this.box);
    const elementsOptions = { appearance: appearance(this.box) };
    this.checkout = stripe.initCheckoutElementsSdk({ clientSecret: secret, elementsOptions });
    DARK.addEventListener("change", () => this.checkout.changeAppearance(appearance(this.box)));
    this.checkout.on("change", (session) => this.render(session));
    const loaded = await this.checkout.loadActions();
    if (loaded.type === "error") throw new Error(loaded.error.message);
    this.actions = loaded.actions;
    show(this.find("form"));
    this.mount("contact", "createContactDetailsElement");
    this.mount("payment", "createPaymentElement");
    this.mount("billing", "createBillingAddressElement");
    const shipping = this.mount("shipping", "createShippingAddressElement");
    if (shipping && "serverShipping" in this.box.dataset) shipping.on("change", (event) => this.ship(event));
    this.find("pay").addEventListener("submit", (event) => this.pay(event));
    this.find("code")?.addEventListener("submit", (event) => this.applyCode(event));
    this.render(this.actions.getSession());
  }

  mount(name, create) {
    const place = this.find(name);
    if (!place) return null;
    const element = this.checkout[create]();
    element.mount(place);
    return element;
  }

  /** Run an action; show its error next to the field it belongs to. */
  async act(field, action) {
    this.say(field, "");
    this.setBusy(true);
    try {
      const result = await action();
      if (result.type === "error") this.say(field, result.error.message);
      return result;
    } catch (error) {
      this.say(field, error.message);
      return { type: "error", error };
    } finally {
      this.setBusy(false);
    }
  }

  say(field, message) {
    const place = this.box.querySelector(`[data-checkout-error-for=${field}]`) || this.find("error");
    place.textContent = message;
    show(place, Boolean(message));
  }

  setBusy(isBusy) {
    this.isBusy = isBusy;
    this.find("submit").disabled = isBusy || !this.session?.canConfirm;
    this.box.toggleAttribute("aria-busy", isBusy);
  }

  async pay(event) {
    event.preventDefault();
    if (this.isBusy) return;
    const result = await this.act("payment", () => this.actions.confirm());
    if (result.type === "success") this.leaveIfDone(result.session);
  }

  leaveIfDone(session) {
    if (session.status.type === "open") return;
    window.location.assign(`${this.box.dataset.returnUrl}?session_id=${encodeURIComponent(session.id)}`);
  }

  async ship(event) {
    if (!event.complete) return;
    const { name, address } = event.value;
    await this.act("shipping", () =>
      this.actions.runServerUpdate(() => ask(this.box, this.box.dataset.updateUrl, { shipping: { name, address } })),
    );
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
    const code = event.target.elements.code.value.trim();
    if (code) await this.act("code", () => this.actions.applyPromotionCode(code));
  }

  /** One change at a time: Stripe must see them in the order in which they were made. */
  setQuantity(item, index, quantity) {
    this.changes = (this.changes || Promise.resolve()).then(() => this.sendQuantity(item, index, quantity));
  }

  async sendQuantity(item, index, quantity) {
    const sku = this.skus[index];
    if (sku) {
      await this.act("items", () =>
        this.actions.runServerUpdate(() => ask(this.box, this.box.dataset.updateUrl, { quantity: { sku, quantity } })),
      );
    } else await this.act("items", () => this.actions.updateLineItemQuantity({ lineItem: item.id, quantity }));
    this.render(this.actions.getSession());
  }

  render(session) {
    this.session = session;
    this.setBusy(Boolean(this.isBusy));
    this.find("total").textContent = session.total.total.amount;
    this.renderItems(session);
    this.renderShipping(session);
    this.renderTotals(session);
  }

  renderItems(session) {
    const words = this.find("totals").dataset;
    const rows = session.lineItems.map((item, index) => {
      const row = make("li", "checkout-item");
      row.append(make("span", "checkout-item-name", item.name));
      if (this.skus[index] || item.adjustableQuantity) {
        const input = make("input", "checkout-item-quantity");
        Object.assign(input, { type: "number", min: 1, value: item.quantity, ariaLabel: `${words.quantity}: ${item.name}` });
        input.max = item.adjustableQuantity?.maximum || 999;
        input.addEventListener("change", () => this.setQuantity(item, index, Math.max(1, input.valueAsNumber || 1)));
        row.append(input);
      } else row.append(make("span", "checkout-quantity", `× ${item.quantity}`));
      row.append(make("span", "checkout-item-amount", item.subtotal.amount));
      return row;
    });
    replace(this.find("items"), rows);
  }

  renderShipping(session) {
    const place = this.find("shipping-options");
    const options = session.shippingOptions || [];
    show(place, options.length > 0);
    const rows = options.map((option, index) => {
      const label = make("label", "checkout-option");
      const input = Object.assign(document.createElement("input"), { type: "radio", name: "checkout-shipping" });
      input.checked = session.shipping?.shippingOption?.id === option.id;
      input.addEventListener("change", () => this.chooseShipping(option, index));
      label.append(input, make("span", "", option.displayName || ""), make("span", "checkout-item-amount", option.amount));
      return label;
    });
    replace(place, [place.firstElementChild, ...rows]);
  }

  renderTotals(session) {
    const place = this.find("totals");
    const words = place.dataset;
    const rows = [[words.subtotal, session.total.subtotal.amount]];
    for (const discount of session.discountAmounts || []) {
      rows.push([`${words.discount} ${discount.promotionCode || discount.displayName || ""}`, `−${discount.amount}`, true]);
    }
    if (session.shipping) rows.push([words.shipping, session.total.shippingRate.amount]);
    if (session.total.taxExclusive?.minorUnitsAmount) rows.push([words.tax, session.total.taxExclusive.amount]);
    rows.push([words.total, session.total.total.amount]);
    place.replaceChildren(...rows.flatMap(([name, amount, isCode]) => {
      const value = make("dd", "", amount);
      if (isCode) {
        const button = make("button", "checkout-remove", words.remove);
        button.type = "button";
        button.addEventListener("click", () => this.act("code", () => this.actions.removePromotionCode()));
        value.append(" ", button);
      }
      return [make("dt", "", name), value];
    }));
  }
}

/** The page's colours, for frames of Stripe's that cannot see them: https://docs.stripe.com/elements/appearance-api. */
function appearance(box) {
  const style = getComputedStyle(box);
  const property = (name) => style.getPropertyValue(`--checkout-${name}`).trim();
  return {
    theme: DARK.matches ? "night" : "stripe",
    variables: {
      colorPrimary: property("accent"),
      colorBackground: property("card"),
      colorText: property("ink"),
      colorTextSecondary: property("soft"),
      colorDanger: property("bad"),
      borderRadius: property("round"),
      fontFamily: style.fontFamily,
    },
  };
}

/** Replace what is in a place, and keep the focus where it was. */
function replace(place, children) {
  const at = [...place.querySelectorAll("input")].indexOf(document.activeElement);
  place.replaceChildren(...children);
  if (at >= 0) place.querySelectorAll("input")[at]?.focus();
}

function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

runAll("[data-checkout-elements]", (box) => new Checkout(box).start());
