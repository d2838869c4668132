"use strict";
// The page of the tokens. It draws what the event stream tells, and sends presses. docs/panel.md has the calls.

const MOST_TOKENS = 64;
const MOST_STORIES = 60;
const MOST_COMMANDS = 12;
// A new page takes no key for so long: whoever was typing has not read it.
const SETTLES = 400;

const $ = (id) => document.getElementById(id);
const make = (name, kind, text) => {
  const node = document.createElement(name);
  if (kind) node.className = kind;
  if (text !== undefined) node.textContent = text;
  return node;
};

// Language

const kept = (store, key, value) => {
  try {
    if (value !== undefined) store.setItem(key, value);
    return store.getItem(key);
  } catch {
    return null;
  }
};
let language = kept(localStorage, "language") === "en" || (kept(localStorage, "language") === null && !navigator.language.startsWith("zh")) ? 1 : 0;
const say = (word, ...parts) => parts.reduce((text, part) => text.replace("{}", () => part), WORDS[word][language]);

function translate() {
  document.documentElement.lang = language ? "en" : "zh";
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = say(node.dataset.word);
  $("language").textContent = say("language");
  $("line").textContent = say($("line").dataset.line);
  for (const token of tokens.values()) token.draw();
  drawLists();
}

function line(state) {
  $("line").dataset.line = state;
  $("line").textContent = say(state);
}

// Calls

let session = null;

async function call(path, body) {
  const headers = { "Content-Type": "application/json", "X-UShield": "1" };
  if (session) headers.Authorization = `Bearer ${session}`;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), cache: "no-store" });
  if (!answer.ok) {
    const why = await answer.json().then((told) => told.error, () => "call");
    throw Object.assign(new Error(why), { status: answer.status });
  }
  return answer;
}

/** The session of this tab: from the link, used once, or from before a reload. */
async function open() {
  const secret = location.hash.slice(1);
  // The secret leaves the address and the history, whatever comes of it.
  history.replaceState(null, "", location.pathname);
  if (secret) {
    try {
      session = (await (await call("/session", { secret })).json()).session;
      kept(sessionStorage, "session", session);
      return true;
    } catch (error) {
      if (!error.status) throw error;
    }
  }
  session = kept(sessionStorage, "session");
  return session !== null;
}

function shut() {
  session = null;
  line("shut");
  $("door").hidden = false;
  $("tokens").hidden = $("below").hidden = true;
}

// Tokens

const tokens = new Map();

class Token {
  constructor(told) {
    this.told = told;
    this.node = $("token").content.firstElementChild.cloneNode(true);
    this.node.dataset.token = told.bus_id;
    const part = (kind) => this.node.querySelector(kind);
    this.part = part;
    for (const node of this.node.querySelectorAll("[data-word]")) node.textContent = say(node.dataset.word);
    part(".ok").addEventListener("click", () => this.press("ok"));
    part(".cancel").addEventListener("click", () => this.press("cancel"));
    part(".move").addEventListener("click", () => this.move());
    this.node.addEventListener("keydown", (event) => this.key(event));
    this.pressing = false;
    /** The question that the holder sees, and since when. */
    this.drawn = null;
    this.since = 0;
    this.host = null;
  }

  /** Enter is OK while the token itself is focused: on a button Enter is that button. Escape is Cancel anywhere on the token. */
  key(event) {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const enter = event.key === "Enter" && event.target === this.node;
    if (!enter && event.key !== "Escape") return;
    event.preventDefault();
    this.press(enter ? "ok" : "cancel");
  }

  /** Whether a press is for what the holder has read. The second click of two quick ones is not: another page was drawn between them. */
  isReady() {
    return this.drawn !== null && !this.pressing && performance.now() - this.since >= SETTLES;
  }

  async press(button) {
    if (!this.isReady()) return;
    const screen = this.drawn;
    this.pressing = true;
    this.draw();
    try {
      const { lines, page, pages } = screen;
      await call("/press", { token: this.told.bus_id, button, screen: { lines, page, pages } });
      // The buttons come back with the next page. A press that changes nothing gives them back, too.
      setTimeout(() => this.release(screen), 2000);
    } catch (error) {
      this.release(screen);
      note(error.message === "other_page" ? "error_other_page" : "error_call");
      if (error.status === 401) shut();
    }
  }

  release(screen) {
    if (this.told.screen === screen) this.pressing = false;
    this.draw();
  }

  async move() {
    try {
      await call(this.told.plugged ? "/unplug" : "/plug", { token: this.told.bus_id });
    } catch (error) {
      note("error_call");
      if (error.status === 401) shut();
    }
  }

  show(screen) {
    this.told.screen = screen;
    this.pressing = false;
    if (screen) $("spoken").textContent = screen.lines.join(" ");
  }

  draw() {
    const { told, part, node } = this;
    const state = !told.plugged ? "out" : told.screen ? "asks" : told.attached ? "held" : "free";
    node.dataset.state = state;
    node.setAttribute("aria-label", say("label", told.serial));
    part(".product").textContent = told.product;
    part(".serial").textContent = tokens.size > 1 ? `${told.bus_id} · ${told.serial}` : told.serial;
    part(".state").textContent = say(`state_${state}`);
    part(".move").textContent = say(told.plugged ? "unplug" : "plug");
    part(".host").textContent = told.attached && this.host ? say("held_by", hostName(this.host)) : "";
    part(".cancel span").textContent = say("cancel");
    this.drawScreen();
    this.drawTries();
  }

  drawScreen() {
    const { told, part } = this;
    const { screen, display } = told;
    if (screen !== this.drawn) {
      this.drawn = screen ?? null;
      this.since = performance.now();
      setTimeout(() => this.draw(), SETTLES);
    }
    part(".display").hidden = part(".buttons").hidden = !display;
    part(".hint").textContent = display ? "" : say("no_screen");
    if (!display) return;
    const glass = part(".glass");
    glass.style.setProperty("--columns", display.columns);
    glass.style.setProperty("--rows", display.rows);
    const rows = Array.from({ length: display.rows }, (_, at) => cells(screen, at));
    glass.replaceChildren(...rows);
    const last = screen && screen.page >= screen.pages;
    if (screen) {
      const guard = say(last ? "hint_last" : "hint_next");
      part(".hint").textContent = `${say("page", screen.page, screen.pages)} · ${guard}`;
    }
    part(".deed").textContent = say(!screen ? "ok" : last ? "confirm" : "next");
    for (const button of [part(".ok"), part(".cancel")]) {
      // A button that is not ready stays focusable: focus must not jump away between two pages.
      button.setAttribute("aria-disabled", String(!this.isReady()));
    }
  }

  drawTries() {
    const { tries } = this.told;
    for (const kind of ["pin", "puk"]) {
      const place = this.part(`.${kind}`);
      if (!tries) {
        place.textContent = say("fault");
        continue;
      }
      const [left, most] = [tries[kind], tries[`${kind}_most`]];
      const pips = Array.from({ length: most }, (_, at) => make("i", at < left ? "left" : "spent"));
      place.dataset.left = left;
      place.title = say("tries", left, most);
      place.replaceChildren(...pips, make("span", "", left ? `${left}/${most}` : say("locked")));
    }
  }
}

/** One line of the screen, each character in its cells. */
function cells(screen, at) {
  const row = make("div", "row");
  const text = screen?.lines[at] ?? "";
  const widths = screen?.cells?.[at] ?? "";
  [...text].forEach((character, place) => row.append(make("span", widths[place] === "2" ? "wide" : "narrow", character)));
  return row;
}

const hostName = (host) => (host.startsWith("process ") ? say("process", host.slice(8)) : host);

// What happened

const stories = [];
const commands = [];

const note = (word) => tell({ at: Date.now(), kind: "error", text: () => say(word) });

function tell(story) {
  stories.unshift(story);
  stories.length = Math.min(stories.length, MOST_STORIES);
  wanted = true;
}

function drawLists() {
  const clock = (at) => new Date(at).toTimeString().slice(0, 8);
  const of = (entry) => (tokens.size > 1 && entry.token ? [make("em", "", entry.token)] : []);
  const story = (entry) => {
    const node = make("li", entry.kind);
    node.append(make("time", "", clock(entry.at)), ...of(entry), make("span", "", entry.text()));
    return node;
  };
  const command = (entry) => {
    const node = make("li", /^(9000|61..)$/.test(entry.status ?? "") ? "good" : "bad");
    const head = make("p", "head");
    head.append(make("time", "", clock(entry.at)), ...of(entry), make("b", "", entry.name ?? say("unknown")));
    head.append(make("span", "took", say("took", entry.took)));
    const sent = hex("→", entry.command, entry.command_length);
    const came = hex("←", entry.answer, entry.answer_length);
    came.append(make("strong", "", entry.status ?? "—"));
    node.append(head, sent, came);
    return node;
  };
  const empty = () => make("li", "quiet", say("none"));
  $("story").replaceChildren(...(stories.length ? stories.map(story) : [empty()]));
  $("commands").replaceChildren(...(commands.length ? commands.map(command) : [empty()]));
}

/** Bytes, of which the blanked ones are dots, and a long run is cut. */
function hex(arrow, text, length) {
  const node = make("code", "hex");
  node.append(make("i", "", arrow));
  for (const part of text.split(/((?:\*\* ?)+)/)) {
    if (part.startsWith("**")) node.append(make("span", "secret", "•• ".repeat(part.match(/\*\*/g).length).trim() + " "));
    else if (part) node.append(part + " ");
  }
  const told = text ? text.split(" ").length : 0;
  if (length > told) node.append(make("small", "", `… ${say("bytes", length)} `));
  return node;
}

const EVENTS = {
  tokens(event) {
    tokens.clear();
    const drawn = event.tokens.slice(0, MOST_TOKENS);
    for (const told of drawn) tokens.set(told.bus_id, new Token(told));
    $("tokens").replaceChildren(...[...tokens.values()].map((token) => token.node));
    $("tokens").dataset.count = Math.min(tokens.size, 4);
    const more = event.tokens.length - drawn.length;
    if (more > 0) $("tokens").append(make("p", "quiet", say("more", more)));
    $("below").hidden = false;
  },
  plugged: (event, token) => token && Object.assign(token.told, { plugged: true }),
  unplugged(event, token) {
    if (token) Object.assign(token.told, { plugged: false, attached: false });
    token?.show(null);
  },
  attached(event, token) {
    if (token) Object.assign(token, { host: event.host }).told.attached = true;
  },
  released: (event, token) => token && Object.assign(token.told, { attached: false }),
  screen: (event, token) => token?.show(event.screen),
  tries: (event, token) => token && Object.assign(token.told, { tries: event.tries }),
  apdu(event) {
    commands.unshift(event);
    commands.length = Math.min(commands.length, MOST_COMMANDS);
  },
};

/** The sentence about an event, in the language of the moment. */
function sentence(event) {
  const { screen } = event;
  switch (event.event) {
    case "attached":
      return () => say("event_attached", hostName(event.host));
    case "screen":
      return screen
        ? () => say("event_screen", screen.page, screen.pages, screen.lines.filter((text) => text.trim()).join(" / "))
        : () => say("event_dark");
    case "tries":
      return () => say("event_tries", event.tries.pin);
    default:
      return () => say(`event_${event.event}`);
  }
}

function take(event) {
  EVENTS[event.event]?.(event, tokens.get(event.token));
  if (`event_${event.event}` in WORDS) {
    tell({ at: event.at, token: event.token, kind: event.event, text: sentence(event) });
  }
  wanted = true;
}

// Draws at most once for each picture of the display, however much happens.
let wanted = false;
function draw() {
  if (wanted) {
    wanted = false;
    for (const token of tokens.values()) token.draw();
    drawLists();
    const asks = [...tokens.values()].some((token) => token.told.screen);
    document.title = asks ? `${say("asks_title")} · U盾` : "U盾 · U-shield";
  }
  schedule();
}
// A tab that is hidden draws no pictures, and tells in its title that a token waits.
const schedule = () => (document.hidden ? setTimeout(draw, 500) : requestAnimationFrame(draw));

// The stream

async function follow() {
  const answer = await call("/events", {});
  // What is remembered comes again with each stream.
  stories.length = commands.length = 0;
  line("live");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return null;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const text of lines) {
      const event = JSON.parse(text);
      if (event.event === "end") return event.reason;
      take(event);
    }
  }
}

const pause = (time) => new Promise((done) => setTimeout(done, time));

async function main() {
  $("language").addEventListener("click", () => {
    language = 1 - language;
    kept(localStorage, "language", language ? "en" : "zh");
    translate();
  });
  // Another link in the same tab changes what stands behind # alone, and loads nothing.
  addEventListener("hashchange", () => location.hash && location.reload());
  translate();
  schedule();
  if (!(await open().catch(() => false))) return shut();
  for (let failures = 0; failures < 4; failures++) {
    try {
      const reason = await follow();
      if (reason === "stopped") break;
      failures = 0;
    } catch (error) {
      if (error.status === 401) return shut();
    }
    line("again");
    await pause(500);
  }
  line("over");
  for (const token of tokens.values()) token.show(null);
  wanted = true;
}

main();
