// Forms that send a document. The name of a field is its JSON pointer, and what the API says of a pointer is shown at
// its field. data-type says what a field's value is: string (default), integer, number, boolean, lines, many, when,
// secret, yes-no (null where nothing is chosen). data-prune is the pointer of a member that becomes null where nothing in
// it says anything. data-reveal names where members of the answer are shown that are shown only once (data-shows).

import { remember } from "./actions.js";
import { call } from "./api.js";
import { readList } from "./lists.js";
import { refresh } from "./parts.js";
import { toast } from "./toast.js";

export function startForms() {
  takeKeyFromAddress();
  document.addEventListener("input", (event) => event.target.closest("form[data-part]")?.setAttribute("data-dirty", ""));
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-call]");
    if (!form) return;
    event.preventDefault();
    send(form);
  });
  document.addEventListener("click", (event) => {
    const replace = event.target.closest("button[data-replace]");
    if (replace) openSecret(replace);
    const add = event.target.closest("button[data-add-pair]");
    if (add) addPair(add);
    const remove = event.target.closest("button[data-remove-pair]");
    if (remove) remove.closest(".pair").remove();
  });
}

async function send(form) {
  clear(form);
  const [method, path] = form.dataset.call.split(" ");
  const button = form.querySelector("button[type=submit]");
  button?.setAttribute("aria-busy", "true");
  try {
    const { document: answer } = await call(method, path, collect(form));
    if (form.dataset.reveal) reveal(form.dataset.reveal, answer);
    const next = form.dataset.goto;
    if (next) {
      remember(form.dataset.done);
      return location.assign(next.replace("{id}", answer?.id ?? ""));
    }
    if (form.dataset.done) toast(form.dataset.done);
    form.removeAttribute("data-dirty");
    if (!form.hasAttribute("data-part")) form.reset();
    await refresh();
  } catch (error) {
    show(form, error);
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

/** The document that a form describes. */
export function collect(form) {
  const document_ = form.dataset.base ? JSON.parse(form.dataset.base) : {};
  for (const field of form.elements) {
    if (!field.name || field.disabled || !field.name.startsWith("/") || field.closest("[data-list]")) continue;
    const value = valueOf(field);
    // Null resets what is there. In something new, what is empty is left out.
    if (value === undefined || (value === null && form.dataset.base)) continue;
    put(document_, field.name, value);
  }
  for (const pairs of form.querySelectorAll("[data-pairs]")) put(document_, pairs.dataset.pairs, readPairs(pairs));
  for (const list of form.querySelectorAll("[data-list]")) put(document_, list.dataset.list, readList(list));
  if (form.dataset.prune) put(document_, form.dataset.prune, pruned(at(document_, form.dataset.prune)));
  return document_;
}

// What says nothing is null as a whole, so that nothing empty is stored.
function pruned(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const members = Object.entries(value).map(([name, inner]) => [name, pruned(inner)]);
  return members.every(([, inner]) => inner === null) ? null : Object.fromEntries(members);
}

function valueOf(field) {
  const text = field.value;
  switch (field.dataset.type) {
    case "boolean":
      return field.checked;
    case "integer":
    case "number":
      return text.trim() === "" ? null : Number(text);
    case "lines":
      return text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "secret":
      return secret(text, field.hasAttribute("data-optional"));
    case "when":
      return text === "" ? undefined : new Date(text).toISOString();
    case "yes-no":
      return text === "" ? null : text === "true";
    case "many": {
      const values = [...field.selectedOptions].map((option) => option.value);
      return values.length ? values : undefined;
    }
    default:
      if (field.type === "radio" && !field.checked) return undefined;
      return text === "" && field.hasAttribute("data-optional") ? null : text;
  }
}

function reveal(id, answer) {
  const box = document.getElementById(id);
  for (const shown of box.querySelectorAll("[data-shows]")) {
    const text = answer[shown.dataset.shows];
    shown.textContent = text ?? "";
    shown.parentElement.parentElement.hidden = text === undefined;
  }
  box.hidden = false;
  box.scrollIntoView({ block: "center" });
}

// The key of the set-up link stands behind a #, which browsers keep to themselves.
function takeKeyFromAddress() {
  const field = document.querySelector("input[data-from-address]");
  if (!field || location.hash.length < 2) return;
  field.value = decodeURIComponent(location.hash.slice(1));
  field.closest(".field").hidden = true;
  history.replaceState(null, "", location.pathname);
}

// A reference to a variable is written as $NAME.
function secret(text, optional) {
  const variable = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(text.trim());
  if (variable) return { env: variable[1] };
  return text === "" && optional ? null : text;
}

function readPairs(box) {
  const read = {};
  for (const name of (box.dataset.known ?? "").split("\n").filter(Boolean)) read[name] = null;
  for (const pair of box.querySelectorAll(".pair")) {
    const [name, value] = [...pair.querySelectorAll("input")].map((input) => input.value.trim());
    if (name) read[name] = secret(value, false);
  }
  return read;
}

function namesIn(pointer) {
  return pointer.slice(1).split("/").map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function at(target, pointer) {
  return namesIn(pointer).reduce((inner, name) => inner?.[name], target);
}

function put(target, pointer, value) {
  const names = namesIn(pointer);
  const lastName = names.pop();
  for (const name of names) target = target[name] ??= {};
  target[lastName] = value;
}

/** Says at each field what the API refused about it, and the rest at the end of the form. */
export function show(form, error, { focus = true } = {}) {
  const rest = [];
  for (const { pointer, detail } of error.errors ?? []) {
    const field = fieldAt(form, pointer);
    if (!field) {
      rest.push(detail);
      continue;
    }
    const place = document.getElementById(`${field.id}-error`) ?? field.closest("[data-item]")?.querySelector(".error");
    const text = sentence(field.type === "file" ? `${pointer.slice(field.name.length)}: ${detail}` : detail);
    if (place) place.textContent = [place.textContent, text].filter(Boolean).join(" ");
    field.setAttribute("aria-invalid", "true");
    field.dataset.fault = detail;
  }
  const first = form.querySelector("[aria-invalid=true]");
  const shut = focus && first?.closest(".field[hidden], details:not([open])");
  if (shut) [shut.hidden, shut.open] = [false, true];
  const general = form.querySelector("[data-general-error]");
  const text = error.errors?.length ? rest.map(sentence).join(" ") : (error.sentence ?? String(error));
  if (general) general.textContent = text;
  else if (text) toast(text, true);
  if (!focus) return;
  first?.focus();
  if (first?.hasAttribute("data-template")) putCursor(first);
}

// Where a template cannot be read, the refusal says line and column.
function putCursor(field) {
  const [, line, column] = /line (\d+), column (\d+)/.exec(field.dataset.fault ?? "") ?? [];
  if (!line) return;
  const before = field.value.split("\n").slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  const at = Math.min(before + Number(column) - 1, field.value.length);
  field.setSelectionRange(at, at);
}

// The field of a pointer, or of what it is inside of.
function fieldAt(form, pointer) {
  for (let place = pointer; place; place = place.slice(0, place.lastIndexOf("/"))) {
    const field = [...form.elements].find((element) => element.name === place && !element.disabled && element.type !== "hidden");
    const hidden = form.querySelector(`[data-pairs="${CSS.escape(place)}"]`);
    if (field || hidden) return field ?? hidden;
    const closed = form.querySelector(`[data-secret="${CSS.escape(place)}"]`);
    if (closed) {
      openSecret(closed);
      return document.getElementById(closed.dataset.replace);
    }
  }
  return null;
}

/** Takes away what was said of an earlier attempt. */
export function clear(form) {
  for (const place of form.querySelectorAll(".error")) place.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function openSecret(button) {
  const field = document.getElementById(button.dataset.replace);
  field.hidden = false;
  field.disabled = false;
  button.closest(".secret").hidden = true;
  field.focus();
}

function addPair(button) {
  const box = button.closest(".field").querySelector("[data-pairs]");
  const pair = box.nextElementSibling.content.firstElementChild.cloneNode(true);
  box.append(pair);
  pair.querySelector("input").focus();
}

/** A refusal's words as a sentence. */
export function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}
