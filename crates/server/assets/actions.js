// One attribute makes a control act: data-call="METHOD /path". Beside it, data-body is the document to send, in which
// "$checked", "$value", "$number" and "$chosen" stand for what the control says, "$assigned" for the conditions of all
// channels of a job, "$others" for those besides the control's own; data-late makes the document when its turn comes;
// data-done is the sentence afterwards, data-confirm the question before what cannot be undone, data-goto the page to
// go to.

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

// How many of those that wait say already what they will send. Until they have, the page shows what people chose and
// not yet what the server knows.
let decided = 0;

function act(control) {
  const isLate = "late" in control.dataset;
  const body = isLate ? undefined : documentOf(control);
  if (!isLate) decided += 1;
  const turn = () => {
    if (!isLate) decided -= 1;
    return perform(control, isLate ? documentOf(control) : body);
  };
  last = last.then(turn).catch((error) => toast(error.sentence ?? String(error), true));
}

function documentOf(control) {
  return control.dataset.body === undefined ? undefined : fill(JSON.parse(control.dataset.body), control);
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
  if (decided === 0) await refresh();
}

function split(what) {
  const space = what.indexOf(" ");
  return [what.slice(0, space), what.slice(space + 1)];
}

function fill(value, control) {
  if (Array.isArray(value)) return value.flatMap((item) => fill(item, control));
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
    case "$assigned":
      return assigned();
    case "$others":
      // At once, so that what is chosen next does not bring it back.
      control.closest("[data-assigned]").remove();
      return assigned();
    default:
      return value;
  }
}

function chosen(chooser) {
  return [...chooser.querySelectorAll("input[type=checkbox][value]:checked")].map((box) => box.value);
}

function assigned() {
  const item = ({ dataset, children }) => ({ channel_id: dataset.assigned, condition: children[0].querySelector("input:checked").value });
  return [...document.querySelectorAll("[data-assigned]")].map(item);
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
