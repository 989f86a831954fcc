// One attribute makes a control act: data-call="METHOD /path". Beside it, data-body is the document to send, in which
// "$checked", "$value", "$number" and "$chosen" stand for what the control says; data-done is the sentence afterwards,
// data-confirm the question before what cannot be undone, data-goto the page to go to.

import { call } from "./api.js";
import { ask } from "./ask.js";
import { refresh } from "./parts.js";
import { toast } from "./toast.js";

export function startActions() {
  document.addEventListener("click", (event) => {
    const control = event.target.closest("button[data-call], a[data-call]");
    if (control) {
      event.preventDefault();
      act(control);
    }
    const copy = event.target.closest("button[data-copy]");
    if (copy) copyText(copy);
  });
  document.addEventListener("change", (event) => {
    const control = event.target.closest("input[data-call], select[data-call]");
    if (control) act(control);
  });
}

// One after the other, so that two quick clicks arrive in the order in which they were made.
let last = Promise.resolve();

function act(control) {
  const body = control.dataset.body === undefined ? undefined : fill(JSON.parse(control.dataset.body), control);
  last = last.then(() => perform(control, body)).catch((error) => toast(error.sentence ?? String(error), true));
}

async function perform(control, body) {
  const { call: what, confirm, done, goto: next } = control.dataset;
  if (confirm && !(await ask(confirm, control.dataset.confirmDetail, control.textContent.trim()))) return;
  const [method, path] = split(what);
  control.setAttribute("aria-busy", "true");
  try {
    const { document: answer } = await call(method, path, body);
    if (next) {
      remember(done);
      return location.assign(next.replace("{id}", answer?.id ?? ""));
    }
    if (done) toast(done.replace("{retried}", answer?.retried ?? ""));
    control.closest("form[data-part]")?.removeAttribute("data-dirty");
  } catch (error) {
    toast(error.sentence ?? String(error), true);
  } finally {
    control.removeAttribute("aria-busy");
  }
  await refresh();
}

function split(what) {
  const space = what.indexOf(" ");
  return [what.slice(0, space), what.slice(space + 1)];
}

function fill(value, control) {
  if (Array.isArray(value)) return value.map((item) => fill(item, control));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, fill(inner, control)]));
  }
  switch (value) {
    case "$checked":
      return control.checked;
    case "$value":
      return control.value;
    case "$number":
      return control.value === "" ? null : Number(control.value);
    case "$chosen":
      return chosen(control.closest("[data-chooser]"));
    default:
      return value;
  }
}

function chosen(chooser) {
  return [...chooser.querySelectorAll("input[type=checkbox][value]:checked")].map((box) => box.value);
}

async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    toast("Copied.");
  } catch {
    getSelection().selectAllChildren(source);
    toast("Press Ctrl+C to copy the marked text.");
  }
}

/** Keeps a sentence for the page that comes next. */
export function remember(sentence) {
  if (sentence) sessionStorage.setItem("fanfare-toast", sentence);
}

const kept = sessionStorage.getItem("fanfare-toast");
if (kept) {
  sessionStorage.removeItem("fanfare-toast");
  toast(kept);
}
