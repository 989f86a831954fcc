// Export and import: the document as a file, and what an import would change before it does.

import { call } from "./api.js";
import { ask } from "./ask.js";
import { clear, collect, show } from "./forms.js";
import { element } from "./said.js";
import { toast } from "./toast.js";

export function startExport() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-export], form[data-import]");
    if (!form) return;
    event.preventDefault();
    working(form, () => (form.dataset.export ? download(form) : compare(form)));
  });
  document.addEventListener("click", (event) => {
    const apply = event.target.closest("button[data-apply-import]");
    if (apply) applyAll(apply);
  });
  // What was compared is no longer what would be applied.
  document.getElementById("import-form")?.addEventListener("input", forget);
}

async function working(form, work) {
  clear(form);
  const button = form.querySelector("button[type=submit]");
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    show(form, error);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

async function download(form) {
  const { document: answer } = await call("POST", form.dataset.export, collect(form));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(answer, null, 2)], { type: "application/json" }));
  link.download = `fanfare-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  form.reset();
  toast(`The export is in ${link.download}. Keep its passphrase somewhere else.`);
}

let compared; // The request that was tried, to be made in earnest.

function forget() {
  compared = undefined;
  document.getElementById("import-report").hidden = true;
}

async function compare(form) {
  forget();
  const body = { ...collect(form), document: await read(form.querySelector("input[type=file]").files[0]), dry_run: true };
  const { document: answer } = await call("POST", form.dataset.import, body);
  compared = { path: form.dataset.import, body: { ...body, dry_run: false } };
  tell(answer);
}

async function read(file) {
  const refused = (detail) => Object.assign(new Error(detail), { errors: [{ pointer: "/document", detail }] });
  if (!file) throw refused("choose the file that the export gave");
  try {
    return JSON.parse(await file.text());
  } catch {
    throw refused("this file is no JSON document");
  }
}

async function applyAll(button) {
  if (!compared) return;
  if (!(await ask(button.dataset.confirm, button.dataset.confirmDetail, button.textContent.trim()))) return;
  button.setAttribute("aria-busy", "true");
  try {
    const { document: answer } = await call("POST", compared.path, compared.body);
    compared = undefined;
    document.getElementById("import-form").reset();
    tell(answer);
    toast("The configuration is imported.");
  } catch (error) {
    toast(error.sentence ?? String(error), true);
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function tell({ applied, sections, warnings }) {
  const box = document.getElementById("import-report");
  const parts = sections.map(section).filter(Boolean);
  const count = sections.reduce((sum, { created, changed, removed }) => sum + created.length + changed.length + removed.length, 0);
  const title = box.querySelector("h2");
  title.textContent = applied ? "What was changed" : "What would change";
  box.querySelector("[data-verdict]").textContent = count === 0 ? "Nothing" : count === 1 ? "1 thing" : `${count} things`;
  if (warnings.length) parts.unshift(warned(warnings));
  if (count === 0) parts.push(element("p", "card-body quiet", "The configuration is what the document says already."));
  box.querySelector("[data-sections]").replaceChildren(...parts);
  box.querySelector("[data-apply]").hidden = applied || count === 0;
  box.hidden = false;
  title.focus();
}

const VERBS = [["created", "New", "success"], ["changed", "Changed", "warning"], ["removed", "Removed", "failure"]];

function section(changes) {
  const items = VERBS.flatMap(([member, word, tone]) => changes[member].map((item) => line(item, word, tone)));
  if (!items.length) return null;
  const part = element("div", "changes");
  part.dataset.section = changes.name;
  const stays = changes.unchanged ? `, ${changes.unchanged} unchanged` : "";
  const name = changes.name.replaceAll("_", " ");
  part.append(element("h3", "", name.charAt(0).toUpperCase() + name.slice(1)), element("span", "small quiet", `${items.length} here${stays}`));
  const list = element("ul", "lines");
  list.append(...items);
  part.append(list);
  return part;
}

function line(item, word, tone) {
  const made = element("li", "row");
  made.append(element("span", `badge ${tone}`, word), element("strong", "", item.name || item.id));
  if (item.pointers.length) made.append(element("span", "small quiet mono grow", item.pointers.join(" ")));
  return made;
}

function warned(warnings) {
  const note = element("div", "note warning");
  const text = element("div");
  for (const { pointer, detail } of warnings) text.append(element("p", "", `${pointer}: ${detail}`));
  note.append(text);
  return note;
}
