/* In the frame of a whole page: tells the shop's page how high it is and what has become of it. */
(() => {
  "use strict";

  const MARK = "checkout-emulator";
  const say = (message) => window.parent.postMessage({ mark: MARK, ...message }, "*");
  const measure = () => say({ type: "height", height: Math.ceil(document.documentElement.getBoundingClientRect().height) });

  new ResizeObserver(measure).observe(document.documentElement);
  measure();
  say({ type: document.body.dataset.told || "ready" });
})();
