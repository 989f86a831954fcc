// Runs before the first paint: the chosen colours, and that there is a script at all.
{
  const root = document.documentElement;
  root.classList.add("js");
  const theme = localStorage.getItem("fanfare-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
}
