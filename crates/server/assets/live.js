// Pages that follow what happens: asked for again when a delivery changes, at most once a second.

import { refresh } from "./parts.js";

export function startLive() {
  const place = document.querySelector("[data-live]");
  if (!place) return;
  let due = 0;
  const source = new EventSource(place.dataset.live);
  const changed = () => {
    if (due) return;
    due = setTimeout(async () => {
      await refresh();
      due = 0;
    }, 1000);
  };
  source.addEventListener("delivery", changed);
  source.addEventListener("message", changed);
  addEventListener("pagehide", () => source.close());
}
