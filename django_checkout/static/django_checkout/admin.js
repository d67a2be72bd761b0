// Copy buttons: shown only where this script runs, so that the page is whole without it.

document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("[data-checkout-copy]")) {
    const source = document.getElementById(button.dataset.checkoutCopy);
    const label = button.textContent;
    if (!source || !navigator.clipboard) continue;
    button.hidden = false;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(source.value);
      button.textContent = button.dataset.checkoutCopied;
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
});
