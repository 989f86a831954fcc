// Tests of channels and event types: one line for each target, with the service's own answer.

import { call } from "./api.js";
import { refresh } from "./parts.js";
import { toast } from "./toast.js";

export function startTests() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-test]");
    if (button) run(button);
  });
}

async function run(button) {
  const box = document.getElementById(button.dataset.results);
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  box.replaceChildren(line("wait", "…", "Sending the test now", ""));
  try {
    const { document: answer } = await call("POST", button.dataset.test);
    const results = answer.results ?? [answer];
    const lines = results.map((result) => outcome(result, button));
    if (answer.event_enabled === false) {
      lines.push(line("wait", "i", "This event is off: its switch decides about real events, not about tests.", ""));
    }
    box.replaceChildren(...lines);
    if (!answer.results) refresh(); // The channel's health may be another one now.
  } catch (error) {
    box.replaceChildren(line("fail", "✕", error.sentence ?? String(error), ""));
  } finally {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
}

function outcome(result, button) {
  const who = [result.channel_name, result.target && result.target !== "channel" ? result.target.replace(/^user:/, "user ") : ""];
  const name = who.filter(Boolean).join(" → ");
  const item = line(result.ok ? "ok" : "fail", result.ok ? "✓" : "✕", result.detail, `${result.latency_ms} ms`, name);
  if (result.blocked_network) offer(item, result.blocked_network, button);
  return item;
}

function line(name, mark, text, aside, title = "") {
  const item = document.createElement("li");
  item.className = name;
  const sign = element("span", "mark", mark);
  const what = element("span", "what", "");
  if (title) what.append(element("strong", "", title), " · ");
  what.append(text);
  item.append(sign, what, element("span", "quiet small nowrap", aside));
  return item;
}

function element(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  made.textContent = text;
  return made;
}

// The address is in a network that may not be reached yet.
async function offer(item, network, button) {
  let settings;
  try {
    settings = (await call("GET", "/api/v1/settings/outbound")).document;
  } catch {
    return;
  }
  const row = element("div", "row", "");
  if (settings.locked) {
    row.append(element("span", "small", `The operator decides which networks may be reached: add ${network} to FANFARE_ALLOW_NETWORKS.`));
  } else {
    const allow = element("button", "button slim", `Allow ${network} and test again`);
    allow.type = "button";
    allow.addEventListener("click", async () => {
      try {
        await call("PUT", "/api/v1/settings/outbound", { allow_networks: [...settings.allow_networks, network] });
        toast(`Channels may now reach ${network}.`);
        run(button);
      } catch (error) {
        toast(error.sentence ?? String(error), true);
      }
    });
    row.append(allow);
  }
  item.append(row);
}
