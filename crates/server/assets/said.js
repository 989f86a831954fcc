// A notification as people see it: the same parts as the server makes.

const SVG = "http://www.w3.org/2000/svg";

/** The element that shows a notification as the API tells it. */
export function said(notification) {
  const box = element("div", "said");
  const mark = document.createElementNS(SVG, "svg");
  mark.setAttribute("preserveAspectRatio", "none");
  mark.setAttribute("viewBox", "0 0 4 4");
  mark.setAttribute("aria-hidden", "true");
  const colour = document.createElementNS(SVG, "rect");
  for (const [name, value] of [["width", 4], ["height", 4], ["fill", notification.color]]) colour.setAttribute(name, value);
  mark.append(colour);
  const text = element("div");
  const title = element("h3", "", notification.title);
  if (notification.badge) title.append(" ", element("span", `badge ${notification.status}`, notification.badge));
  text.append(title);
  if (notification.message) text.append(element("p", "message", notification.message));
  if (notification.fields.length) text.append(facts(notification.fields));
  if (notification.link) {
    const link = element("a", "", notification.link);
    link.href = notification.link;
    link.rel = "noreferrer noopener";
    const line = element("p", "small");
    line.append(link);
    text.append(line);
  }
  box.append(mark, text);
  return box;
}

function facts(fields) {
  const list = element("dl", "said-fields");
  for (const field of fields) {
    const fact = element("div", field.inline ? "" : "wide");
    fact.append(element("dt", "", field.name), value(field.value));
    list.append(fact);
  }
  return list;
}

// A moment is told in the reader's own zone.
function value(text) {
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text)) return element("dd", "", text);
  const at = element("time", "", text);
  at.dateTime = text;
  at.dataset.exact = "";
  const place = element("dd");
  place.append(at);
  return place;
}

/** An element with a class and a text. */
export function element(tag, name = "", text = "") {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}
