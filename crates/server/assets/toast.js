// Says in a corner what happened. A screen reader reads it too.

const box = document.getElementById("toasts");

/** Shows a sentence; what went wrong stays until it is closed. */
export function toast(text, failed = false) {
  if (!box) return;
  const item = document.createElement("div");
  item.className = failed ? "toast failure" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "✕";
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => item.remove());
  item.append(words, close);
  box.append(item);
  while (box.children.length > 4) box.firstElementChild.remove();
  if (!failed) setTimeout(() => item.remove(), 5000);
}
