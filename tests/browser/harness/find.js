// Finds what a person would point at: by what it is, by its name, and by where it stands.
// Arguments: what is looked for, its name, and where: a selector, or "" for the whole page.

const [what, name, where] = arguments;

const plain = (text) => text.replace(/\s+/g, " ").trim();
const shown = (element) => element.checkVisibility({ visibilityProperty: true });

const KINDS = {
  action: "button, a[href], summary",
  field: "input:not([type=hidden]), select, textarea",
  group: "section, article, fieldset, dialog, nav, form, details, li, tr, [role=group]",
};

// What a label says besides what is chosen in the field that it may hold.
function labelText(label) {
  const copy = label.cloneNode(true);
  for (const field of copy.querySelectorAll("select, textarea")) field.remove();
  return copy.textContent;
}

function names(element) {
  const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
  const labels = [...(element.labels ?? [])].map(labelText);
  const legend = element.tagName === "FIELDSET" ? element.querySelector("legend")?.textContent : undefined;
  const said = [element.getAttribute("aria-label"), legend, by.map((id) => document.getElementById(id)?.textContent ?? "").join(" "), ...labels];
  const given = said.filter(Boolean);
  if (what === "group") {
    const heading = element.querySelector(":is(h2, h3, strong)")?.textContent;
    return heading ? [...given, heading] : given;
  }
  if (given.length || what === "field") return given;
  // A card that is one link is called by its name.
  return [element.textContent, element.querySelector("strong")?.textContent].filter(Boolean);
}

const fits = (text) => plain(text).replace(/ optional$/, "") === name;
const scopes = where === "" ? [document] : [...document.querySelectorAll(where)].filter(shown);
if (scopes.length !== 1) return { problem: `${scopes.length} places are ${where}` };
let found = [...scopes[0].querySelectorAll(KINDS[what])].filter((element) => shown(element) && names(element).some(fits));
// Of groups within one another, the innermost is meant.
if (what === "group") found = found.filter((element) => !found.some((other) => other !== element && element.contains(other)));
if (found.length === 1) return { found: found[0] };
const there = [...scopes[0].querySelectorAll(KINDS[what])].filter(shown).flatMap(names).map(plain);
return { problem: `${found.length} of kind ${what} are called ${JSON.stringify(name)}; there are ${JSON.stringify(there)}` };
