// Copies codes to the clipboard and prints the page; the buttons are hidden where that is not possible.

for (const button of document.querySelectorAll("[data-checkout-copy]")) {
  const source = document.getElementById(button.dataset.checkoutCopy);
  const label = button.textContent;
  if (!source || !navigator.clipboard) continue;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = button.dataset.checkoutCopied;
    window.setTimeout(() => { button.textContent = label; }, 2000);
  });
}

for (const button of document.querySelectorAll("[data-checkout-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
