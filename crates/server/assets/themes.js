// Light, dark, or as the system says.

export function startThemes() {
  show();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-theme-choice]");
    if (!button) return;
    const choice = button.dataset.themeChoice;
    if (choice === "system") {
      localStorage.removeItem("fanfare-theme");
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem("fanfare-theme", choice);
      document.documentElement.dataset.theme = choice;
    }
    show();
  });
}

function show() {
  const present = localStorage.getItem("fanfare-theme") ?? "system";
  for (const button of document.querySelectorAll("button[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === present));
  }
}
