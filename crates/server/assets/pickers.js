// Menus that open below their button: one at a time, closed by Escape or a click elsewhere.

export function startPickers() {
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details.picker[open], .phone-head details[open]")) {
      if (!open.contains(event.target)) open.removeAttribute("open");
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.picker[open], .phone-head details[open]");
    if (!open) return;
    open.removeAttribute("open");
    open.querySelector("summary").focus();
  });
  document.addEventListener("input", (event) => {
    const search = event.target.closest("input[data-filter]");
    if (!search) return;
    const wanted = search.value.trim().toLowerCase();
    for (const item of search.closest("[data-chooser]").querySelectorAll(".check")) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
    }
  });
}
