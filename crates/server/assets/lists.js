// Lists of equal entries in forms: data-list is the pointer to which the list is sent, each data-item one entry, data-key
// its members. A list that is hidden is sent as null. data-opens names what a box shows while it is ticked.

export function startLists() {
  document.addEventListener("click", (event) => {
    const add = event.target.closest("button[data-add-item]");
    if (add) addTo(add.closest("[data-list]"));
    const remove = event.target.closest("button[data-remove-item]");
    if (remove) removeItem(remove.closest("[data-item]"));
  });
  document.addEventListener("change", (event) => {
    const box = event.target.closest("input[data-opens]");
    if (box) document.getElementById(box.dataset.opens).hidden = !box.checked;
  });
}

/** The entries of a list as they are sent, or null. Their inputs get the pointers as names. */
export function readList(list) {
  if (list.hidden) return null;
  return [...list.querySelectorAll("[data-item]")].map((item, i) => {
    const entry = {};
    for (const field of item.querySelectorAll("[data-key]")) {
      field.name = `${list.dataset.list}/${i}/${field.dataset.key}`;
      const value = field.type === "checkbox" ? field.checked : field.value;
      // A choice is a text, nothing, or a document.
      if (field.tagName === "SELECT") {
        if (value !== "") entry[field.dataset.key] = value.startsWith("{") ? JSON.parse(value) : value;
      } else entry[field.dataset.key] = value;
    }
    return entry;
  });
}

function addTo(list) {
  const item = list.querySelector("template").content.firstElementChild.cloneNode(true);
  list.querySelector("[data-items]").append(item);
  item.querySelector("input").focus();
}

function removeItem(item) {
  const form = item.closest("form");
  const next = item.nextElementSibling ?? item.previousElementSibling;
  const list = item.closest("[data-list]");
  item.remove();
  (next?.querySelector("input") ?? list.querySelector("[data-add-item]")).focus();
  form.dispatchEvent(new Event("input", { bubbles: true }));
}
