/* The emulator's own Stripe.js: embedded Checkout and Checkout with Elements.
 *
 * It has the names, results and error codes of Stripe's script and none of its code. Card numbers are typed into frames
 * of the emulator, which send them; this script never sees one. It uses no inline script or style: script-src, frame-src
 * and connect-src of the page must allow the emulator's origin.
 */
(() => {
  "use strict";

  const RELEASES = "acacia|basil|clover|dahlia|endive|v3";
  const [, BASE, RELEASE = "dahlia"] = document.currentScript.src.match(
    new RegExp(`^([^?#]*?)/(?:(${RELEASES})/)?stripe\\.js(?:[?#].*)?$`),
  );
  const ORIGIN = new URL(BASE, document.baseURI).origin;
  const SERVER_UPDATE_SECONDS = 20;
  const MARK = "checkout-emulator";

  class IntegrationError extends Error {
    constructor(message) {
      super(message);
      this.name = "IntegrationError";
    }
  }

  // Requests to the emulator

  const sessionId = (secret) => secret.split("_secret_")[0];

  async function ask({ key, secret }, action, payload = {}) {
    const body = new URLSearchParams({ key, client_secret: secret, payload: JSON.stringify(payload) });
    try {
      const answer = await fetch(`${BASE}/payment_pages/${encodeURIComponent(sessionId(secret))}/${action}`, {
        method: "POST",
        body,
        credentials: "omit",
      });
      return await answer.json();
    } catch {
      return { error: { message: "The emulator could not be reached.", code: null } };
    }
  }

  async function resolvedSecret(given) {
    const secret = await (typeof given === "function" ? given() : given);
    if (typeof secret !== "string" || !/^cs_\w+_secret_\w+$/.test(secret)) {
      throw new IntegrationError("Invalid client secret: it should be a string of the form ${id}_secret_${secret}.");
    }
    return secret;
  }

  // Frames

  function found(target) {
    const node = typeof target === "string" ? document.querySelector(target) : target;
    if (!(node instanceof HTMLElement)) {
      throw new IntegrationError(`The selector you specified (${target}) applies to no DOM elements on the page.`);
    }
    return node;
  }

  /** A frame of the emulator. `onMessage` receives its messages; `post` sends one once the frame is ready. */
  class Frame {
    constructor(url, title, onMessage) {
      this.node = document.createElement("iframe");
      Object.assign(this.node, { src: url, title, allow: "payment" });
      Object.assign(this.node.style, { border: "0", display: "block", width: "100%", height: "0" });
      this.onMessage = onMessage;
      this.waiting = [];
      this.isReady = false;
      this.listener = (event) => this.receive(event);
      window.addEventListener("message", this.listener);
    }

    receive(event) {
      const isOurs = event.origin === ORIGIN && event.source === this.node.contentWindow && event.data?.mark === MARK;
      if (!isOurs) return;
      if (event.data.type === "height") this.node.style.height = `${event.data.height}px`;
      if (event.data.type === "ready") {
        this.isReady = true;
        this.waiting.splice(0).forEach((message) => this.post(message));
      }
      this.onMessage(event.data);
    }

    post(message) {
      if (this.isReady) this.node.contentWindow.postMessage({ mark: MARK, ...message }, ORIGIN);
      else this.waiting.push(message);
    }

    remove() {
      window.removeEventListener("message", this.listener);
      this.node.remove();
    }
  }

  // The embedded page

  let embedded = null;

  async function createEmbeddedCheckoutPage(key, options = {}) {
    const { fetchClientSecret, clientSecret, onComplete, onAnalyticsEvent } = options;
    if (!fetchClientSecret && !clientSecret) {
      throw new IntegrationError("createEmbeddedCheckoutPage needs fetchClientSecret or clientSecret.");
    }
    if (embedded) throw new IntegrationError("You cannot have multiple Embedded Checkout objects.");
    const token = (embedded = {});
    try {
      const secret = await resolvedSecret(fetchClientSecret ?? clientSecret);
      const answer = await ask({ key, secret }, "retrieve");
      if (answer.error) throw new IntegrationError(answer.error.message);
      if (answer.page.ui_mode !== "embedded_page") {
        throw new IntegrationError("This Checkout Session was not created with `ui_mode: embedded_page`.");
      }
      return new EmbeddedPage(answer, { onComplete, onAnalyticsEvent }).face;
    } catch (error) {
      if (embedded === token) embedded = null;
      throw error;
    }
  }

  class EmbeddedPage {
    constructor({ page, session }, callbacks) {
      Object.assign(this, { page, session, callbacks, frame: null, isDestroyed: false });
      this.face = {
        mount: (target) => this.mount(target),
        unmount: () => this.unmount(),
        destroy: () => this.destroy(),
      };
    }

    mount(target) {
      if (this.isDestroyed) throw new IntegrationError("This Embedded Checkout object has been destroyed.");
      if (this.frame) throw new IntegrationError("Embedded Checkout is already mounted.");
      const place = found(target);
      this.frame = new Frame(this.page.url, "Checkout", (message) => this.receive(message));
      place.replaceChildren(this.frame.node);
    }

    receive({ type }) {
      // Show another page, such as the form with its errors, from its top.
      if (type === "opened" && this.isRendered) this.frame.node.scrollIntoView({ block: "start" });
      if (type === "ready" && !this.isRendered) {
        this.isRendered = true;
        this.report("checkoutRendered");
      }
      if (type !== "complete") return;
      this.report("checkoutSubmitted");
      if (this.page.redirect_on_completion === "always") window.location.assign(this.page.return_url);
      else this.callbacks.onComplete?.();
    }

    report(eventType) {
      const { total, currency, id } = this.session;
      this.callbacks.onAnalyticsEvent?.({
        checkoutSession: id,
        eventType,
        details: { currency, amount: total.total.minorUnitsAmount },
        clientMetadata: {},
        timestamp: Math.floor(Date.now() / 1000),
      });
    }

    unmount() {
      this.frame?.remove();
      Object.assign(this, { frame: null, isRendered: false });
    }

    destroy() {
      this.unmount();
      this.isDestroyed = true;
      embedded = null;
    }
  }

  // Elements

  const KINDS = {
    payment: ["PaymentElement", "Payment details"],
    contactDetails: ["ContactDetailsElement", "Contact details"],
    billingAddress: ["BillingAddressElement", "Billing address"],
    shippingAddress: ["ShippingAddressElement", "Shipping address"],
    currencySelector: ["CurrencySelectorElement", "Currency"],
    expressCheckout: ["ExpressCheckoutElement", "Express checkout"],
    taxId: ["TaxIdElement", "Tax ID"],
  };
  const ADDRESS_KINDS = { billingAddress: "billing", shippingAddress: "shipping" };
  /** Fields of the session that are updated as soon as their Element is complete. */
  const SESSION_FIELDS = {
    contactDetails: ({ email }) => ({ email }),
    billingAddress: (billing) => ({ billing }),
    shippingAddress: (shipping) => ({ shipping }),
    currencySelector: ({ currency }) => ({ currency }),
    taxId: ({ taxId, businessName }) => ({ tax_id: taxId && { ...taxId, business_name: businessName } }),
  };

  class Listeners {
    constructor() {
      this.byName = new Map();
    }

    add(name, handler, isOnce = false) {
      if (typeof handler !== "function") throw new IntegrationError(`The handler of \`${name}\` must be a function.`);
      this.byName.set(name, [...(this.byName.get(name) ?? []), { handler, isOnce }]);
    }

    remove(name, handler) {
      this.byName.set(name, (this.byName.get(name) ?? []).filter((entry) => handler && entry.handler !== handler));
    }

    call(name, event) {
      const entries = this.byName.get(name) ?? [];
      this.byName.set(name, entries.filter((entry) => !entry.isOnce));
      for (const { handler } of entries) handler(event);
    }
  }

  class Element {
    constructor(checkout, kind, options) {
      Object.assign(this, { checkout, kind, options, frame: null, complete: false, empty: true, value: {} });
      this.listeners = new Listeners();
      this.answers = new Map();
      this.isDestroyed = false;
    }

    /** The object that the page receives. */
    get face() {
      const face = {
        mount: (target) => this.mount(target),
        unmount: () => this.unmount(),
        destroy: () => this.destroy(),
        on: (name, handler) => (this.listeners.add(name, handler), face),
        once: (name, handler) => (this.listeners.add(name, handler, true), face),
        off: (name, handler) => (this.listeners.remove(name, handler), face),
        update: (options) => void Object.assign(this.options, options),
        focus: () => this.frame?.post({ type: "focus" }),
        blur: () => this.frame?.post({ type: "blur" }),
        clear: () => this.frame?.post({ type: "clear" }),
        collapse: () => {},
      };
      if (this.kind in ADDRESS_KINDS) {
        face.getValue = async () => ({ complete: this.complete, isNewAddress: true, value: this.value });
      }
      Object.defineProperty(this, "face", { value: face });
      return face;
    }

    mount(target) {
      if (this.isDestroyed) throw new IntegrationError("This Element has already been destroyed. Please create a new one.");
      if (this.frame) throw new IntegrationError("This Element has already been mounted.");
      const place = found(target);
      place.classList.add("StripeElement");
      this.place = place;
      const mounting = (this.mounting = {});
      this.checkout.loading.then(() => {
        if (this.mounting === mounting && this.checkout.page) this.show();
        else if (this.mounting === mounting) this.fail();
      });
    }

    show() {
      const { page, session } = this.checkout;
      const url = `${BASE}/elements/${this.kind}/${session.id}?frame=${page.token}`;
      this.frame = new Frame(url, KINDS[this.kind][1], (message) => this.receive(message));
      // The frame has room for the focus rings of its fields, and the fields stay aligned with the page.
      Object.assign(this.frame.node.style, { margin: "-4px", width: "calc(100% + 8px)" });
      this.place.replaceChildren(this.frame.node);
      this.frame.post({ type: "appearance", appearance: this.checkout.appearance });
      this.sendSession();
    }

    fail() {
      this.listeners.call("loaderror", { elementType: this.type, error: this.checkout.failure });
    }

    get type() {
      return this.kind in ADDRESS_KINDS ? "address" : this.kind;
    }

    /** Send the current session to the frame. */
    sendSession() {
      const { session, elements } = this.checkout;
      this.frame?.post({ type: "session", session, hasBilling: Boolean(elements.billingAddress?.frame) });
    }

    receive(message) {
      const { type } = message;
      if (type === "ready") this.listeners.call("ready", this.readyEvent());
      if (type === "answer") this.answers.get(message.number)?.(message.answer);
      if (type === "change") this.change(message);
      if (["focus", "blur", "escape", "cancel"].includes(type)) this.listeners.call(type, { elementType: this.type });
      if (type === "confirm") this.listeners.call("confirm", this.confirmEvent());
    }

    readyEvent() {
      const event = { elementType: this.type };
      return this.kind === "expressCheckout" ? { ...event, availablePaymentMethods: { link: true } } : event;
    }

    confirmEvent() {
      const { session } = this.checkout;
      return {
        elementType: this.kind,
        expressPaymentType: "link",
        billingDetails: { email: session.email ?? undefined, name: "Sam Shopper" },
        paymentFailed: () => {},
      };
    }

    change({ complete, empty, value, wasTyped }) {
      Object.assign(this, { complete, empty, value });
      const event = { elementType: this.type, complete, empty, value };
      if (this.kind in ADDRESS_KINDS) event.elementMode = ADDRESS_KINDS[this.kind];
      if (this.kind === "payment") event.collapsed = false;
      this.listeners.call("change", event);
      if (complete && wasTyped && SESSION_FIELDS[this.kind]) this.checkout.update(SESSION_FIELDS[this.kind](value));
      else this.checkout.notify();
    }

    /** Send a question to the frame and wait for its answer. */
    question(type, content = {}) {
      if (!this.frame) return Promise.resolve({});
      const number = this.answers.size + 1;
      return new Promise((resolve) => {
        this.answers.set(number, resolve);
        this.frame.post({ type, number, ...content });
      });
    }

    unmount() {
      this.mounting = null;
      this.frame?.remove();
      this.frame = null;
      this.place?.classList.remove("StripeElement");
      Object.assign(this, { complete: false, empty: true });
    }

    destroy() {
      this.unmount();
      this.isDestroyed = true;
      delete this.checkout.elements[this.kind];
    }
  }

  // Checkout with Elements

  const failed = (message, code = null, more = {}) => ({ type: "error", error: { message, code, ...more } });

  class Checkout {
    constructor(key, options) {
      this.options = options;
      this.appearance = options.elementsOptions?.appearance ?? {};
      this.elements = {};
      this.listeners = new Listeners();
      this.pending = 0;
      this.tail = Promise.resolve();
      this.credentials = { key, secret: "" };
      this.loading = this.load(options.clientSecret);
    }

    async load(given) {
      try {
        this.credentials.secret = await resolvedSecret(given);
        const answer = await ask(this.credentials, "retrieve");
        if (answer.error) throw new IntegrationError(answer.error.message);
        if (answer.page.ui_mode !== "elements") {
          throw new IntegrationError("This Checkout Session was not created with `ui_mode: elements`.");
        }
        this.apply(answer);
        const wanted = this.defaults();
        if (Object.keys(wanted).length && this.session.status.type === "open") {
          this.apply(await ask(this.credentials, "update", wanted));
        }
      } catch (error) {
        this.failure = { message: error.message, code: null };
      }
    }

    defaults() {
      const { email, phoneNumber, billingAddress, shippingAddress } = this.options.defaultValues ?? {};
      const wanted = { email, phone: phoneNumber, billing: billingAddress, shipping: shippingAddress };
      if (this.session.email) delete wanted.email;
      return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
    }

    apply(answer) {
      if (answer.error) return;
      this.page = answer.page;
      this.missing = answer.missing;
      this.raw = answer.session;
      if (this.options.adaptivePricing?.allowed === false) this.raw.currencyOptions = null;
    }

    /** A copy of the session for the page. */
    get session() {
      return { ...structuredClone(this.raw), canConfirm: this.canConfirm() };
    }

    canConfirm() {
      const filled = {
        email: this.elements.contactDetails?.complete,
        billingAddress: this.elements.billingAddress?.complete,
        shippingAddress: this.elements.shippingAddress?.complete,
      };
      // Since endive a session cannot be confirmed while an update is in progress.
      const isWaiting = this.isConfirming || (RELEASE === "endive" && this.pending > 0);
      const payment = this.elements.payment;
      const { total, recurring, lineItems } = this.raw;
      const isFree = total.total.minorUnitsAmount === 0 && !recurring && lineItems.length > 0;
      const isPaid = !payment || payment.complete || isFree;
      const isComplete = this.missing.every((name) => filled[name]);
      return this.raw.status.type === "open" && !isWaiting && isPaid && isComplete;
    }

    notify() {
      if (!this.raw) return;
      for (const element of Object.values(this.elements)) element.sendSession();
      this.listeners.call("change", this.session);
    }

    /** Run updates one after another; `work` returns an answer for `apply`. */
    queued(work) {
      this.pending += 1;
      if (RELEASE === "endive") this.notify();
      const run = async () => {
        try {
          const answer = await work();
          this.apply(answer);
          return answer.error ? failed(answer.error.message, answer.error.code ?? null) : null;
        } catch (error) {
          return failed(error?.message ?? String(error));
        } finally {
          this.pending -= 1;
        }
      };
      const result = this.tail.then(run).then((failure) => {
        this.notify();
        return failure ?? { type: "success", session: this.session };
      });
      this.tail = result.catch(() => {});
      return result;
    }

    update(entered) {
      return this.queued(() => ask(this.credentials, "update", entered));
    }

    runServerUpdate(work) {
      return this.queued(async () => {
        let timer;
        const tooLate = new Promise((_, reject) => {
          const message = `The server update took longer than ${SERVER_UPDATE_SECONDS} seconds.`;
          timer = setTimeout(() => reject(new Error(message)), SERVER_UPDATE_SECONDS * 1000);
        });
        try {
          await Promise.race([Promise.resolve().then(work), tooLate]);
        } finally {
          clearTimeout(timer);
        }
        return ask(this.credentials, "retrieve");
      });
    }

    async validateElements() {
      const filled = Object.values(this.elements).filter((element) => element.frame && element.kind !== "expressCheckout");
      if (!filled.length) return failed("No Elements are mounted.", "no_elements", { validation_errors: [] });
      const answers = await Promise.all(filled.map((element) => element.question("validate")));
      answers.forEach(({ value }, at) => Object.assign(filled[at], { value }));
      const wrong = answers.flatMap((answer, at) =>
        (answer.errors ?? []).map((message) => ({ message, element: filled[at].kind })),
      );
      if (!wrong.length) return { type: "success", session: this.session };
      filled.find((element) => element.kind === wrong[0].element).frame.post({ type: "focus-error" });
      return failed(wrong[0].message, "validation_error", { validation_errors: wrong });
    }

    async confirm(options = {}) {
      if (this.isConfirming) return failed("This Checkout Session is already being confirmed.");
      const { redirect = "always", returnUrl } = options;
      const target = returnUrl?.replace("{CHECKOUT_SESSION_ID}", this.raw.id) || this.page.return_url;
      if (redirect === "always" && !target) {
        return failed("A `returnUrl` is needed: the Checkout Session has no `return_url`.");
      }
      this.isConfirming = true;
      this.notify();
      let result;
      try {
        await this.tail;
        result = await this.attempt(options);
      } finally {
        this.isConfirming = false;
        this.notify();
      }
      if (result) return result;
      if (redirect !== "always") return { type: "success", session: this.session };
      window.location.assign(target);
      return new Promise(() => {});
    }

    /** Attempt the payment. Return the error, or null. */
    async attempt(options) {
      const { paymentMethod, expressCheckoutConfirmEvent, savePaymentMethod } = options;
      const entered = {
        email: options.email,
        phone: options.phoneNumber,
        billing: options.billingAddress,
        shipping: options.shippingAddress,
        save: savePaymentMethod,
      };
      if (expressCheckoutConfirmEvent) {
        entered.email ??= this.raw.email ?? "shopper@example.com";
        return this.resultOf(await ask(this.credentials, "confirm", { ...entered, method: { type: "wallet" } }));
      }
      if (Object.values(this.elements).some((element) => element.frame && element.kind !== "expressCheckout")) {
        const checked = await this.validateElements();
        if (checked.type === "error") return failed(checked.error.message);
        await this.tail;
        this.addTyped(entered);
      }
      if (paymentMethod) return this.resultOf(await ask(this.credentials, "confirm", { ...entered, saved: paymentMethod }));
      const payment = this.elements.payment;
      if (payment?.frame) return this.resultOf(await payment.question("pay", { credentials: this.credentials, entered }));
      if (this.raw.total.total.minorUnitsAmount) return failed("There is no Payment Element to pay with.");
      return this.resultOf(await ask(this.credentials, "confirm", entered));
    }

    /** Add the values of Elements that the session may not have yet. */
    addTyped(entered) {
      const { contactDetails, billingAddress, shippingAddress } = this.elements;
      if (contactDetails?.frame) entered.email ??= contactDetails.value.email;
      if (billingAddress?.frame) entered.billing ??= billingAddress.value;
      if (shippingAddress?.frame) entered.shipping ??= shippingAddress.value;
    }

    async resultOf(answer) {
      this.apply(answer);
      if (answer.error) return failed(answer.error.message, answer.error.code ?? null);
      if (answer.challenge) {
        await authenticate(answer.challenge);
        this.apply(await ask(this.credentials, "retrieve"));
        if (this.raw.status.type === "complete") return null;
        const message = this.raw.lastPaymentError?.message ?? "The payment was not authenticated.";
        return failed(message, "paymentFailed", { paymentFailed: { declineCode: null } });
      }
      if (!answer.declined) return null;
      const { message, decline_code: declineCode } = answer.declined;
      return failed(message, "paymentFailed", { paymentFailed: { declineCode } });
    }

    async loadActions() {
      await this.loading;
      if (this.failure) return { type: "error", error: this.failure };
      return { type: "success", actions: this.actions() };
    }

    actions() {
      const contact = (value) => value && { name: value.name ?? null, address: value.address };
      return {
        getSession: () => this.session,
        confirm: (options) => this.confirm(options),
        updateEmail: (email) => this.update({ email: email ?? "" }),
        updatePhoneNumber: (phone) => this.update({ phone: phone ?? "" }),
        updateBillingAddress: (value) => this.update({ billing: contact(value) }),
        updateShippingAddress: (value) => this.update({ shipping: contact(value) }),
        updateShippingOption: (option) => this.update({ shipping_rate: option }),
        updateLineItemQuantity: ({ lineItem, quantity }) => this.update({ line_item: lineItem, quantity }),
        applyPromotionCode: (code) => this.update({ promotion_code: code }),
        removePromotionCode: () => this.update({ promotion_code: null }),
        updateTaxIdInfo: (info) =>
          this.update({ tax_id: info && { ...info.taxId, business_name: info.businessName } }),
        validateElements: () => this.validateElements(),
        runServerUpdate: (work) => this.runServerUpdate(work),
        addOptionalLineItem: async () => failed("This Checkout Session has no optional items."),
        removeOptionalLineItem: async () => failed("This Checkout Session has no optional items."),
      };
    }

    /** The object that the page receives. */
    get face() {
      const face = {
        on: (name, handler) => {
          if (name !== "change") throw new IntegrationError(`Checkout has no event \`${name}\`.`);
          this.listeners.add(name, handler);
        },
        loadActions: () => this.loadActions(),
        changeAppearance: (appearance) => {
          this.appearance = appearance;
          for (const element of Object.values(this.elements)) element.frame?.post({ type: "appearance", appearance });
        },
        loadFonts: () => {},
      };
      for (const [kind, [name]] of Object.entries(KINDS)) {
        face[`create${name}`] = (options = {}) => {
          if (this.elements[kind]) throw new IntegrationError(`Can only create one Element of type ${kind}.`);
          this.elements[kind] = new Element(this, kind, options);
          return this.elements[kind].face;
        };
        face[`get${name}`] = () => this.elements[kind]?.face ?? null;
      }
      return face;
    }
  }

  // 3-D Secure, QR codes and instructions

  const DIALOG_STYLE = `
    dialog { box-sizing: border-box; width: min(28rem, calc(100vw - 2rem)); padding: 0; border: 0; border-radius: 12px;
             overflow: hidden; background: #fff; box-shadow: 0 24px 64px rgb(16 24 40 / 0.35); }
    dialog::backdrop { background: rgb(16 24 40 / 0.55); }
  `;

  /** Show the 3-D Secure page, or a code to pay with, in a dialog until the shopper has answered. */
  function authenticate(url) {
    const title = url.includes("/authenticate") ? "3-D Secure" : "Payment";
    const host = document.createElement("div");
    const root = host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(DIALOG_STYLE);
    root.adoptedStyleSheets = [sheet];
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    return new Promise((resolve) => {
      const frame = new Frame(url, title, ({ type }) => {
        if (type !== "complete" && type !== "answered") return;
        frame.remove();
        host.remove();
        resolve();
      });
      dialog.append(frame.node);
      root.append(dialog);
      document.body.append(host);
      dialog.showModal();
    });
  }

  // The Stripe object

  const RENAMED = {
    initEmbeddedCheckout: "createEmbeddedCheckoutPage",
    initCheckout: "initCheckoutElementsSdk",
    redirectToCheckout: "the `url` of a Checkout Session with `ui_mode: hosted_page`",
  };
  const UNSUPPORTED = [
    ..."elements confirmPayment confirmSetup confirmCardPayment confirmCardSetup createToken createSource".split(" "),
    ..."createPaymentMethod createConfirmationToken handleNextAction paymentRequest initCheckoutFormSdk".split(" "),
  ];

  function Stripe(key, options = {}) {
    if (typeof key !== "string" || !key) {
      throw new IntegrationError("Please call Stripe() with your publishable key. You used an empty string.");
    }
    if (/^[sr]k_/.test(key)) {
      throw new IntegrationError("You should not use your secret key with Stripe.js. Please pass a publishable key.");
    }
    if (key.startsWith("pk_live_")) {
      throw new IntegrationError("This is the emulator's Stripe.js and it refuses live keys. Use pk_test_...");
    }
    const stripe = {
      createEmbeddedCheckoutPage: (given) => createEmbeddedCheckoutPage(key, given),
      initCheckoutElementsSdk: (given = {}) => {
        if (!given.clientSecret) throw new IntegrationError("initCheckoutElementsSdk needs a clientSecret.");
        return new Checkout(key, given).face;
      },
      registerAppInfo: () => {},
    };
    for (const [name, successor] of Object.entries(RENAMED)) {
      stripe[name] = () => {
        throw new IntegrationError(`stripe.${name} has been removed. Use ${successor} instead.`);
      };
    }
    for (const name of UNSUPPORTED) {
      stripe[name] = () => {
        throw new IntegrationError(`The emulator does not support stripe.${name}.`);
      };
    }
    return stripe;
  }
  Stripe.version = RELEASE;
  Object.defineProperty(window, "Stripe", { value: Stripe, writable: true, configurable: true });
})();
