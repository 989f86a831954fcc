// The preview of an own wording follows what is typed: the API is asked what the example would say in these words, and
// what it refuses stands at its text. data-explain is the question, data-explained names where the answer is shown.

import { call } from "./api.js";
import { clear, collect, show } from "./forms.js";
import { said } from "./said.js";
import { freshenTimes } from "./times.js";

/** How long nothing is typed before the API is asked. */
const PAUSE_MS = 250;

let last; // The text that the cursor was in.

export function startWording() {
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-explain]");
    if (form) soon(form);
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-template]")) last = event.target;
  });
  document.addEventListener("click", (event) => {
    const chip = event.target.closest("button[data-insert]");
    if (chip) insert(chip.dataset.insert);
  });
}

let due = 0;
let asked = 0;

function soon(form) {
  clearTimeout(due);
  due = setTimeout(() => preview(form), PAUSE_MS);
}

async function preview(form) {
  const question = (asked += 1);
  const box = document.getElementById(form.dataset.explained);
  const wording = collect(form).wording ?? {};
  box.setAttribute("aria-busy", "true");
  try {
    const body = { ...JSON.parse(form.dataset.explain), wording };
    const { document: answer } = await call("POST", "/api/v1/events/explain", body);
    if (question !== asked) return;
    clear(form);
    tell(box, "notification", answer.notification);
    tell(box, "user", answer.user?.notification);
  } catch (error) {
    if (question !== asked) return;
    clear(form);
    show(form, error, { focus: false });
  } finally {
    if (question === asked) box.removeAttribute("aria-busy");
  }
}

function tell(box, name, notification) {
  const place = box.querySelector(`[data-said="${name}"]`);
  if (!place || !notification) return;
  place.replaceChildren(said(notification));
  freshenTimes();
}

function insert(text) {
  const field = last?.isConnected && !last.disabled ? last : document.getElementById("own-message");
  if (!field || field.disabled) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
