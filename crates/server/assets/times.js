// Times as the reader counts them: how long ago, and on hover the exact moment in the reader's own zone.

const inFull = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });

// In the chart, by the same clock for everybody: two digits, a day of 24 hours.
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

export function startTimes() {
  freshenTimes();
  setInterval(freshenTimes, 20000);
}

/** Brings all times on the page up to date. */
export function freshenTimes() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    element.title = exact.format(at);
    const text = element.hasAttribute("data-exact") ? inFull.format(at) : distance(at.getTime() - now);
    if (element.textContent !== text) element.textContent = text;
  }
  for (const element of document.querySelectorAll("[data-hour]")) {
    const at = new Date(element.dataset.hour);
    element.textContent = (element.hasAttribute("data-day") ? day : hour).format(at);
  }
  for (const bar of document.querySelectorAll("[data-hour-title]")) {
    const title = bar.querySelector("title");
    title.textContent = `${hour.format(new Date(bar.dataset.hourTitle))}:${title.textContent.slice(title.textContent.indexOf(": ") + 1)}`;
  }
  for (const zone of document.querySelectorAll("[data-zone]")) zone.textContent = "";
}

// The same words as on the server, so that nothing moves when the page comes alive.
function distance(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 5) return "just now";
  const [count, unit] =
    seconds < 60 ? [seconds, "s"]
    : seconds < 3600 ? [Math.floor(seconds / 60), "min"]
    : seconds < 86400 ? [Math.floor(seconds / 3600), "h"]
    : [Math.floor(seconds / 86400), "d"];
  return ms < 0 ? `${count} ${unit} ago` : `in ${count} ${unit}`;
}
