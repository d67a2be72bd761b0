/* In the frame of an Element: its fields, their errors, and the messages to the shop's page. */
(() => {
  "use strict";

  const MARK = "checkout-emulator";
  const form = document.querySelector("form");
  const { kind, base, ...texts } = form.dataset;
  let state = { session: null, hasBilling: false };

  const post = (message) => window.parent.postMessage({ mark: MARK, ...message }, "*");
  const field = (name) => form.elements[name];
  const text = (name) => field(name)?.value.trim() ?? "";
  const group = (name) => form.querySelector(`[data-group="${name}"]`);
  const isShown = (node) => node && !node.closest("[hidden]");

  // Errors

  function setError(input, message) {
    const place = document.getElementById(`error_${input.name}`);
    place.textContent = message;
    place.hidden = !message;
    input.closest(".field").classList.toggle("has-error", Boolean(message));
    if (message) {
      input.setAttribute("aria-invalid", "true");
      input.setAttribute("aria-describedby", place.id);
    } else {
      input.removeAttribute("aria-invalid");
      input.removeAttribute("aria-describedby");
    }
  }

  const digits = (value) => value.replace(/\D/g, "");

  function isLuhn(number) {
    const sum = [...number].reverse().reduce((total, digit, place) => {
      const doubled = Number(digit) * (1 + (place % 2));
      return total + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
    return sum % 10 === 0;
  }

  function expiryError(value) {
    const match = value.match(/^(\d{1,2})\s*\/?\s*(\d{2})$/);
    if (!match || Number(match[1]) < 1 || Number(match[1]) > 12) return texts.expiryIncomplete;
    const end = new Date(2000 + Number(match[2]), Number(match[1]), 1);
    return end <= new Date(Number(texts.now) * 1000) ? texts.expiryPast : "";
  }

  const CHECKS = {
    number(value) {
      if (digits(value).length < 13) return texts.numberIncomplete;
      return isLuhn(digits(value)) ? "" : texts.numberInvalid;
    },
    expiry: expiryError,
    cvc: (value) => (/^\d{3,4}$/.test(value) ? "" : texts.cvcIncomplete),
    email(value) {
      if (!/^[^@\s]+@[^@\s]+$/.test(value)) return texts.emailIncomplete;
      return /@[^@\s]+\.[^@\s.]{2,}$/.test(value) ? "" : texts.emailInvalid;
    },
  };

  const errorOf = (input) => {
    const value = input.value.trim();
    if (!isShown(input)) return "";
    if (CHECKS[input.name]) return CHECKS[input.name](value);
    return input.required && !value ? texts.required : "";
  };
  const inputs = () => [...form.elements].filter((input) => input.name && "value" in input && isShown(input));
  const checked = () => inputs().filter((input) => input.closest(".field") && input.type !== "radio");
  const isComplete = () => checked().every((input) => !errorOf(input));
  const isEmpty = () => checked().every((input) => input.tagName === "SELECT" || !input.value.trim());

  function validate() {
    const wrong = checked().filter(errorOf);
    for (const input of checked()) setError(input, errorOf(input));
    return wrong.map(errorOf);
  }

  // Values, by kind of Element

  const VALUES = {
    payment: () => ({ type: method() }),
    contactDetails: () => ({ email: text("email") }),
    currencySelector: () => ({ currency: form.elements.currency?.value ?? "" }),
    expressCheckout: () => ({}),
    taxId: () => ({
      taxId: text("value") ? { type: text("type"), value: text("value") } : null,
      businessName: text("business_name"),
    }),
  };
  const address = () => ({
    name: text("name"),
    address: Object.fromEntries(
      ["line1", "line2", "city", "state", "postal_code", "country"].map((name) => [name, text(name) || null]),
    ),
  });
  VALUES.billingAddress = VALUES.shippingAddress = address;

  let timer;
  function changed(wasTyped) {
    const report = () => post({ type: "change", complete: isComplete(), empty: isEmpty(), value: VALUES[kind](), wasTyped });
    clearTimeout(timer);
    if (wasTyped && kind !== "payment" && kind !== "currencySelector") timer = setTimeout(report, 350);
    else report();
  }

  // Paying

  const method = () => form.elements.method?.value ?? "card";

  function paymentMethod() {
    const chosen = method();
    if (chosen.startsWith("pm_")) return { saved: chosen };
    if (chosen === "bank") return { method: { type: "bank", iban: form.elements.iban.value } };
    const panel = form.querySelector(`[data-panel="${chosen}"][data-own]`);
    if (panel) {
      const own = [...panel.querySelectorAll("input")].map((input) => [input.name.slice(chosen.length + 1), input.value]);
      return { method: { ...Object.fromEntries(own), type: chosen } };
    }
    const [number, cvc, country, postal] = ["number", "cvc", "country", "postal_code"].map(text);
    const own = state.hasBilling ? {} : { country, postal_code: postal };
    return { method: { type: "card", number: digits(number), cvc, ...own }, save: field("save")?.checked };
  }

  async function pay({ credentials, entered }) {
    const { key, secret } = credentials;
    const payload = { ...entered, ...paymentMethod() };
    payload.save ||= entered.save;
    const body = new URLSearchParams({ key, client_secret: secret, payload: JSON.stringify(payload) });
    try {
      const id = secret.split("_secret_")[0];
      const answer = await fetch(`${base}/payment_pages/${id}/confirm`, { method: "POST", body, credentials: "omit" });
      return await answer.json();
    } catch {
      return { error: { message: texts.unreachable, code: null } };
    }
  }

  function showMethod() {
    for (const panel of form.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== method();
  }

  function showSaved(cards) {
    const list = group("saved");
    const known = [...list.querySelectorAll("input")].map((input) => input.value);
    if (known.join() === cards.map((card) => card.id).join()) return;
    list.replaceChildren(
      ...cards.map(({ id, card }, at) => {
        const choice = document.getElementById("saved-choice").content.firstElementChild.cloneNode(true);
        const input = choice.querySelector("input");
        Object.assign(input, { value: id, checked: at === 0 });
        choice.querySelector(".choice-name").textContent = `${card.brand.toUpperCase()} •••• ${card.last4}`;
        choice.querySelector(".choice-note").textContent = `${card.expMonth} / ${String(card.expYear).slice(-2)}`;
        return choice;
      }),
    );
    group("methods").hidden = false;
    showMethod();
    changed(false);
  }

  let shownCurrencies = "";
  function showCurrencies({ currencyOptions, currency }) {
    const known = JSON.stringify(currencyOptions);
    form.hidden = !currencyOptions;
    if (known === shownCurrencies) {
      for (const input of group("currencies").querySelectorAll("input")) input.checked = input.value === currency;
      return;
    }
    shownCurrencies = known;
    group("currencies").replaceChildren(
      ...(currencyOptions ?? []).map((option) => {
        const choice = document.getElementById("currency-choice").content.firstElementChild.cloneNode(true);
        Object.assign(choice.querySelector("input"), { value: option.currency, checked: option.currency === currency });
        choice.querySelector(".choice-name").textContent = option.currency.toUpperCase();
        choice.querySelector(".choice-note").textContent = option.amount;
        return choice;
      }),
    );
    const conversion = currencyOptions?.find((option) => option.currencyConversion);
    if (conversion) {
      const { fxRate, sourceCurrency } = conversion.currencyConversion;
      const shown = `1 ${sourceCurrency.toUpperCase()} = ${fxRate} ${conversion.currency.toUpperCase()}`;
      group("rate").textContent = shown;
    }
  }

  function prefill({ email, billingAddress, shippingAddress }) {
    if (kind === "contactDetails" && email && !text("email")) field("email").value = email;
    const known = { billingAddress, shippingAddress }[kind];
    if (!known || text("line1") || text("name")) return;
    for (const [name, value] of Object.entries({ name: known.name, ...known.address })) {
      if (field(name) && value) field(name).value = value;
    }
    showState();
  }

  function applySession(message) {
    const isFirst = !state.session;
    state = message;
    const { session } = message;
    if (kind === "payment") {
      // A session in setup mode has no lines; it saves payment details for later.
      const isFree = session.total.total.minorUnitsAmount === 0 && !session.recurring && session.lineItems.length > 0;
      group("free").hidden = !isFree;
      group("all").hidden = isFree;
      group("place").hidden = message.hasBilling;
      showSaved(session.savedPaymentMethods ?? []);
    }
    if (kind === "currencySelector") showCurrencies(session);
    if (isFirst) {
      prefill(session);
      changed(false);
    }
  }

  // Appearance

  const VARIABLES = {
    colorPrimary: "--action",
    colorBackground: "--paper",
    colorText: "--text",
    colorTextSecondary: "--muted",
    colorDanger: "--bad",
    borderRadius: "--radius",
    fontFamily: "--font",
    fontSizeBase: "--size",
  };
  const NIGHT = {
    colorPrimary: "#85d996",
    colorBackground: "#2b3040",
    colorText: "#f3f4f8",
    colorTextSecondary: "#b9c0d0",
    colorDanger: "#ff9a94",
  };

  function applyAppearance({ theme, variables = {} } = {}) {
    document.documentElement.classList.toggle("night", theme === "night");
    const wanted = { ...(theme === "night" ? NIGHT : {}), ...variables };
    for (const [name, property] of Object.entries(VARIABLES)) {
      if (wanted[name]) document.documentElement.style.setProperty(property, wanted[name]);
      else document.documentElement.style.removeProperty(property);
    }
  }

  // Messages and events

  const ACTIONS = {
    appearance: ({ appearance }) => applyAppearance(appearance),
    session: applySession,
    focus: () => inputs()[0]?.focus(),
    "focus-error": () => form.querySelector('[aria-invalid="true"]')?.focus(),
    blur: () => document.activeElement?.blur(),
    clear: () => (form.reset(), changed(false)),
    validate: ({ number }) => post({ type: "answer", number, answer: { errors: validate(), value: VALUES[kind]() } }),
    pay: async (message) => post({ type: "answer", number: message.number, answer: await pay(message) }),
  };

  window.addEventListener("message", (event) => {
    if (event.source === window.parent && event.data?.mark === MARK) ACTIONS[event.data.type]?.(event.data);
  });

  function groupDigits(input) {
    const isAtEnd = input.selectionStart === input.value.length;
    if (!isAtEnd) return;
    input.value = digits(input.value).slice(0, 19).replace(/(\d{4})(?=\d)/g, "$1 ");
  }

  function formatExpiry(input, event) {
    if (event.inputType?.startsWith("delete")) return;
    const match = input.value.match(/^(\d{2})\s*\/?\s*(\d{0,2})/);
    if (match) input.value = `${match[1]} / ${match[2]}`;
  }

  form.addEventListener("input", (event) => {
    if (event.target.name === "number") groupDigits(event.target);
    if (event.target.name === "expiry") formatExpiry(event.target, event);
    if (event.target.getAttribute("aria-invalid") && !errorOf(event.target)) setError(event.target, "");
    if (event.target.name === "method") showMethod();
    if (event.target.name === "country") showState();
    changed(true);
  });
  form.addEventListener("focusin", () => post({ type: "focus" }));
  form.addEventListener("focusout", (event) => {
    post({ type: "blur" });
    if (event.target.closest(".field") && event.target.value?.trim()) setError(event.target, errorOf(event.target));
  });
  form.addEventListener("keydown", (event) => event.key === "Escape" && post({ type: "escape" }));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.wallet) post({ type: "confirm" });
    if (button.dataset.card) {
      for (const [name, value] of Object.entries({ number: button.dataset.card, expiry: "12 / 34", cvc: "123" })) {
        field(name).value = value;
        setError(field(name), "");
      }
      changed(true);
    }
  });

  function showState() {
    if (group("state")) group("state").hidden = !texts.withState.split(" ").includes(text("country"));
  }

  const measure = () => post({ type: "height", height: Math.ceil(document.body.getBoundingClientRect().height) });
  new ResizeObserver(measure).observe(document.body);
  if (kind === "payment") showMethod();
  showState();
  post({ type: "ready" });
})();
