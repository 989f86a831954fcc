// Brings parts of the page up to date: asks for the page again and takes those parts out of it.

import { freshenTimes } from "./times.js";

/** Renews every element with `data-part` and an id. What is open stays open, the focus stays where it is, and a form that
 * somebody is filling in (`data-dirty`) stays as it is. */
export async function refresh() {
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (response.redirected && new URL(response.url).pathname === "/sign-in") return location.assign(response.url);
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of document.querySelectorAll("[data-part]")) {
    const next = fresh.getElementById(old.id);
    if (old.hasAttribute("data-dirty")) continue;
    if (next) replace(old, next);
    else old.remove();
  }
  freshenTimes();
}

function replace(old, next) {
  if (old.outerHTML === next.outerHTML) return;
  const open = [...old.querySelectorAll("details[open][id]")].map((details) => details.id);
  const kept = [...old.querySelectorAll("[data-keep][id]")];
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(next);
  for (const element of kept) next.querySelector(`#${CSS.escape(element.id)}`)?.replaceWith(element);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}
