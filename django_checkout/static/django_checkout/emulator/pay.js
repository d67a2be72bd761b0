/* The payment page: updates the total when a choice changes, fills in test cards, and sends the form once.
   Without this script, buttons do the same. */
(() => {
  "use strict";

  const form = document.getElementById("payment-form");
  const updateButton = form.querySelector('[name="update"]');
  const announcement = document.querySelector("[data-announce]");
  const live = (root) => new Map([...root.querySelectorAll("[data-live]")].map((node) => [node.dataset.live, node]));
  let current = null;

  if (updateButton) updateButton.hidden = true;
  // Browsers ignore autofocus in the frame of another origin. A field that is being filled in keeps the focus.
  if (document.activeElement === document.body) document.querySelector(".alert")?.focus();

  const payButton = () => form.querySelector("button.pay");
  const dueText = () => document.querySelector(".totals .due")?.textContent.trim().replace(/\s+/g, " ") ?? "";

  // Updates

  async function update(submitter) {
    current?.abort();
    const own = (current = new AbortController());
    const body = new URLSearchParams(new FormData(form));
    body.set(submitter?.name ?? "update", submitter?.value ?? "1");
    payButton().disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body, signal: own.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (own !== current) return;
      // Another page, for example of a session that has expired.
      if (!page.getElementById("payment-form")) return void location.reload();
      show(page, submitter);
    } catch (error) {
      if (own !== current || error.name === "AbortError") return;
      payButton().disabled = false;
      if (updateButton) updateButton.hidden = false;
    }
  }

  function show(page, submitter) {
    const before = dueText();
    const lines = [document, page].map((root) => root.querySelector(".lines"));
    if (lines[0] && lines[1] && lines[0].dataset.lines !== lines[1].dataset.lines) lines[0].replaceWith(lines[1]);
    const renewed = live(page);
    for (const [name, node] of live(document)) {
      if (renewed.has(name) && !node.isEqualNode(renewed.get(name))) node.replaceWith(document.adoptNode(renewed.get(name)));
    }
    payButton().disabled = false;
    if (dueText() !== before) announcement.textContent = dueText();
    if (submitter?.name === "currency") form.querySelector(`[name="currency"][value="${submitter.value}"]`)?.focus();
    else if (submitter) document.querySelector('#id_promotion_code, [name="remove_code"]')?.focus();
    document.querySelector(".alert")?.focus();
  }

  document.addEventListener("change", (event) => {
    if (event.target.form === form && event.target.matches("[data-updates]")) update();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "id_promotion_code") return;
    event.preventDefault();
    document.querySelector('[name="apply_code"]').click();
  });

  // Submission

  form.addEventListener("submit", (event) => {
    if (["apply_code", "remove_code", "currency"].includes(event.submitter?.name)) {
      event.preventDefault();
      update(event.submitter);
    } else if (payButton().disabled || form.dataset.sent) {
      event.preventDefault();
    } else if (!event.submitter?.name) {
      form.dataset.sent = "1";
      payButton().textContent = payButton().dataset.busy;
      payButton().setAttribute("aria-busy", "true");
    }
  });
  // The browser may show this page again as it was left.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());

  // Cards

  const digits = (text) => text.replace(/\D/g, "");

  form.addEventListener("click", (event) => {
    const button = event.target.closest('[name="use_card"]');
    if (!button) return;
    event.preventDefault();
    const card = { method_card: null, id_card_number: button.value, id_card_expiry: "12 / 34", id_card_cvc: "123" };
    for (const [id, value] of Object.entries(card)) {
      const input = document.getElementById(id);
      if (value === null) input.checked = true;
      else input.value = value;
    }
    document.getElementById("id_card_number").focus();
  });

  // Test values of vouchers: the field that they belong to, and samples for the others, as their hints show.

  form.addEventListener("click", (event) => {
    const button = event.target.closest('[name="use_value"]');
    const field = button && document.getElementById(`id_${button.dataset.field}`);
    if (!field || field.readOnly) return;
    event.preventDefault();
    for (const input of button.closest(".panel").querySelectorAll("input")) {
      if (!input.value && input.getAttribute("aria-required")) input.value = input.placeholder || "Sam Shopper";
    }
    field.value = button.value;
    field.focus();
  });
  form.addEventListener("input", (event) => {
    const input = event.target;
    if (event.inputType?.startsWith("delete") || input.selectionStart !== input.value?.length) return;
    if (input.id === "id_card_number") input.value = digits(input.value).slice(0, 19).replace(/(\d{4})(?=\d)/g, "$1 ");
    if (input.id === "id_card_expiry" && /^\d{2}/.test(input.value)) {
      const [month, year] = [digits(input.value).slice(0, 2), digits(input.value).slice(2, 4)];
      input.value = `${month} / ${year}`;
    }
  });
})();
