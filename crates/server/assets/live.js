// Pages that follow what happens. An element with data-live names the stream; the parts of the page are asked for again
// when deliveries change: at most once a second, or in data-live-pause; with data-live-only, for one delivery alone.

import { refresh } from "./parts.js";

/** How far down somebody has to read so that nothing moves below their eyes. */
const READING_PX = 240;
/** How long until a lost connection is tried again. */
const AGAIN_MS = 3000;

export function startLive() {
  const place = document.querySelector("[data-live]");
  if (place) new Live(place);
}

class Live {
  #place;
  #pause;
  #source = null;
  #due = 0;
  #changed = new Set();

  constructor(place) {
    this.#place = place;
    this.#pause = Number(place.dataset.livePause ?? 1000);
    this.#part("[data-live-show]")?.addEventListener("click", () => {
      scrollTo({ top: 0 });
      this.#renew();
    });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open(true)));
    addEventListener("pagehide", () => this.#close());
    this.#open(false);
  }

  // A browser keeps only a few connections to one server, so a page that nobody sees gives its own back.
  #open(missed) {
    if (this.#source) return;
    this.#source = new EventSource(this.#place.dataset.live);
    this.#source.addEventListener("open", () => {
      this.#say("Live");
      if (missed) this.#soon();
      missed = true;
    });
    this.#source.addEventListener("delivery", (event) => this.#note(event.lastEventId));
    this.#source.addEventListener("many", () => this.#note(""));
    this.#source.addEventListener("error", () => {
      this.#say("Not connected");
      if (this.#source?.readyState !== EventSource.CLOSED) return;
      this.#close();
      setTimeout(() => document.hidden || this.#open(true), AGAIN_MS);
    });
  }

  #close() {
    this.#source?.close();
    this.#source = null;
    this.#say("Paused");
  }

  #note(id) {
    const only = this.#place.dataset.liveOnly;
    if (only && id && id !== only) return;
    this.#changed.add(id);
    this.#soon();
  }

  #soon() {
    this.#due ||= setTimeout(() => {
      this.#due = 0;
      const show = this.#part("[data-live-show]");
      if (!show || scrollY < READING_PX) return this.#renew();
      const count = this.#changed.size;
      show.textContent = this.#changed.has("") ? "Many changes: show them" : count === 1 ? "One change: show it" : `${count} changes: show them`;
      show.hidden = false;
    }, this.#pause);
  }

  async #renew() {
    this.#changed.clear();
    const show = this.#part("[data-live-show]");
    if (show) show.hidden = true;
    const known = new Set([...document.querySelectorAll("tr[id]")].map((row) => row.id));
    await refresh().catch(() => this.#say("Not connected"));
    for (const row of document.querySelectorAll("tr[id]")) if (!known.has(row.id)) row.classList.add("fresh");
  }

  #say(text) {
    const state = this.#part("[data-live-state]");
    if (state && state.textContent !== text) state.textContent = text;
    this.#place.classList.toggle("is-live", text === "Live");
  }

  #part(selector) {
    return this.#place.querySelector(selector);
  }
}
