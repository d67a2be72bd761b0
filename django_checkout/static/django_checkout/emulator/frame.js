/* In the frame of a page: reports its height and the outcome to the shop's page.
   Runs before the page is shown, because the shop's page moves it: a button must not move once it can be pressed. */
(() => {
  "use strict";

  const MARK = "checkout-emulator";
  const post = (message) => window.parent.postMessage({ mark: MARK, ...message }, "*");
  const measure = () => post({ type: "height", height: Math.ceil(document.documentElement.getBoundingClientRect().height) });

  post({ type: "opened" });
  new ResizeObserver(measure).observe(document.documentElement);
  document.addEventListener("DOMContentLoaded", () => {
    measure();
    post({ type: document.body.dataset.outcome || "ready" });
  });
})();
