// The shield on the bank's pages: finds the Online Banking Assistant of this computer, and leads the customer through one flow.
// docs/assistant.md has the calls. What the assistant says is shown as text, never as HTML. No PIN ever comes here.

const PORTS = [17320, 17321, 17322];
const PROTOCOL = 1;
/** Where the assistant lives. The pages' policy names the same three places. */
const place = (port) => `http://127.0.0.1:${port}`;
/** Milliseconds: between two looks, for an answer, for the browser's question to the customer, and for a long poll. */
const PAUSE = 1200, PATIENCE = 8000, QUESTION = 60000, LONG_POLL = 40000;
const LANGUAGE = document.documentElement.lang;

/** Why a flow stops. `key` names the page's own words; `words` are the assistant's or the bank's. */
class Trouble extends Error {
  constructor(key, words = null, tries = null) {
    super(key);
    Object.assign(this, { key, words, tries });
  }
}

const pause = (time) => new Promise((done) => setTimeout(done, time));
const text = (value) => (value === null || value === undefined ? '' : String(value).slice(0, 400));

/** Words in the page's language, as the assistant sends them. */
function own(words) {
  const said = words?.[LANGUAGE] ?? words?.en ?? {};
  return { what: text(said.what), next: text(said.next) };
}

// ---- The browser's permission

/**
 * Whether the browser lets this page reach 127.0.0.1: `granted`, `prompt` (it will ask), `denied`, or `unknown` where the browser
 * cannot be asked. A page of this computer's own needs no permission (Local Network Access, "address spaces").
 */
async function permission() {
  if (['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)) return 'granted';
  for (const name of ['loopback-network', 'local-network-access']) {
    try {
      return (await navigator.permissions.query({ name })).state;
    } catch {
      // This browser has another name for it, or none.
    }
  }
  return 'unknown';
}

// ---- The assistant

class Assistant {
  /** The page's number: it stays the page's through a reload, so that the page finds its operation again. */
  constructor(serial, kept) {
    this.page = kept?.page ?? crypto.randomUUID();
    this.port = kept?.port ?? null;
    this.serial = serial || null;
  }

  /** One call. Answers other than 2xx are troubles; `null` is no answer at all. */
  async ask(port, path, more, time, signal) {
    const body = { protocol: PROTOCOL, page: this.page, language: LANGUAGE, serial: this.serial, ...more };
    const signals = [AbortSignal.timeout(time), ...(signal ? [signal] : [])];
    let answer, told;
    try {
      answer = await fetch(place(port) + path, {
        method: 'POST', mode: 'cors', credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
        headers: { 'Content-Type': 'application/json', 'X-UShield': '1' },
        body: JSON.stringify(body), signal: AbortSignal.any(signals),
      });
      told = await answer.json();
    } catch (error) {
      if (signal?.aborted) throw new Trouble('stopped');
      return null;
    }
    if (answer.ok) return told;
    if (told?.error?.code === 'version') throw new Trouble('too-old', told.error.words);
    throw new Trouble(text(told?.error?.code) || 'lost', told?.error?.words);
  }

  /** How the assistant and the shield are. Looks for the assistant where it is not known. */
  async status(signal, time = PATIENCE) {
    if (this.port) {
      const told = await this.ask(this.port, '/status', {}, time, signal);
      if (told) return told;
      this.port = null;
    }
    for (const port of PORTS) {
      const told = await this.ask(port, '/status', {}, time, signal);
      if (told) {
        this.port = port;
        return told;
      }
      const state = await permission();
      if (state === 'denied') throw new Trouble('blocked');
      // The question was closed without an answer. Another port would bring it again, and three in a row count as a no.
      if (state === 'prompt') throw new Trouble('unanswered');
    }
    throw new Trouble('no-assistant');
  }

  /** A call to the assistant that was found. */
  async call(path, more, time = PATIENCE, signal) {
    const told = await this.ask(this.port, path, more, time, signal);
    if (!told) throw new Trouble('lost');
    return told;
  }

  /** Tells each change of an operation, until the operation ends; then gives its result. */
  async follow(view, tell) {
    while (!['done', 'failed', 'cancelled'].includes(view.phase)) {
      tell(view.phase);
      view = await this.call('/wait', { operation: view.operation, after: view.revision }, LONG_POLL);
    }
    if (view.phase === 'done') return view.result;
    throw new Trouble(text(view.error?.code), view.error?.words, view.error?.tries);
  }
}

// ---- The bank

/** A call to the bank. What the bank refuses, it says in the page's language. */
async function bank(path, body, type = 'application/json') {
  let answer, told;
  try {
    const init = { method: 'POST', headers: { 'Content-Type': type }, body, signal: AbortSignal.timeout(LONG_POLL) };
    answer = await fetch(path, init);
    told = await answer.json();
  } catch {
    throw new Trouble('bank-silent');
  }
  if (answer.ok) return told;
  throw new Trouble('bank', { [LANGUAGE]: { what: told.error, next: told.next } });
}

// ---- What a page shows

/** A section of a page, in which one flow runs. Its templates have the page's words. */
class Panel {
  constructor(section) {
    this.section = section;
    this.live = section.querySelector('[data-live]');
    this.flow = FLOWS[section.dataset.flow];
    const kept = JSON.parse(sessionStorage.getItem('shield') ?? 'null');
    this.kept = kept?.path === location.pathname ? kept : null;
    this.assistant = new Assistant(section.dataset.serial, this.kept);
    section.addEventListener('click', (event) => this.clicked(event.target.closest('[data-do]')));
    section.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      this.begin();
    });
    section.hidden = false;
  }

  /** Puts words of the page into the live region: the template of this key, with these texts in it. */
  say(key, fill = {}, add = false) {
    const template = this.section.querySelector(`template[data-say="${CSS.escape(key)}"]`);
    const part = template.content.cloneNode(true);
    for (const place of part.querySelectorAll('[data-fill]')) place.textContent = text(fill[place.dataset.fill]);
    for (const list of part.querySelectorAll('[data-findings]')) this.list(list, fill.findings ?? []);
    if (!add) {
      const held = this.section.contains(document.activeElement);
      this.live.replaceChildren();
      // Whoever works by keyboard stays here when the button under the focus goes.
      if (held && document.activeElement === document.body) this.live.focus({ preventScroll: true });
    }
    this.live.append(part);
  }

  list(list, findings) {
    for (const { words, code, mendable } of findings.slice(0, 20)) {
      const item = document.createElement('li');
      const said = own(words);
      item.append(`${said.what} ${said.next} `);
      if (mendable) {
        const button = document.createElement('button');
        Object.assign(button, { type: 'button', className: 'second', textContent: list.dataset.mend });
        Object.assign(button.dataset, { do: 'mend', code: text(code) });
        item.append(button);
      }
      list.append(item);
    }
  }

  has(key) {
    return this.section.querySelector(`template[data-say="${CSS.escape(key)}"]`) !== null;
  }

  /** A trouble, in the page's own words where the page has some, else in those that came with it. */
  complain(trouble, add = false) {
    const key = this.has(trouble.key) ? trouble.key : 'trouble';
    this.say(key, own(trouble.words), add);
    if (trouble.tries) this.say('tries', { tries: trouble.tries }, true);
  }

  /** Marks how far the flow is. */
  step(name) {
    let is_past = true;
    for (const step of this.section.querySelectorAll('[data-step]')) {
      if (step.dataset.step === name) is_past = false;
      step.toggleAttribute('data-done', is_past);
      if (step.dataset.step === name) step.setAttribute('aria-current', 'step');
      else step.removeAttribute('aria-current');
    }
  }

  /** Shows the buttons and fields that suit a flow that runs, or one that waits for a click. */
  running(is_running) {
    const former = document.activeElement;
    for (const part of this.section.querySelectorAll('[data-when]')) {
      part.hidden = (part.dataset.when === 'running') !== is_running;
    }
    if (former !== document.body && !former.checkVisibility() && this.section.contains(former)) this.live.focus({ preventScroll: true });
  }

  // ---- How a flow runs

  clicked(button) {
    if (!button) return;
    if (button.dataset.do === 'begin') this.begin();
    if (button.dataset.do === 'cancel') this.cancel();
    if (button.dataset.do === 'change-pin') this.errand?.(['/change_pin', {}]);
    if (button.dataset.do === 'mend') this.errand?.(['/mend', { code: button.dataset.code }]);
  }

  /** Comes to life: goes on where a reload has interrupted, begins where the customer has just asked for it, or waits. */
  async open() {
    const has_asked = location.hash === '#shield';
    if (has_asked) history.replaceState(null, '', location.pathname);
    this.running(false);
    const may = await permission();
    if (may === 'denied') return this.say('blocked');
    if (may === 'granted' && this.kept?.operation) return this.begin(() => this.flow.resume(this, this.kept));
    this.forget();
    if (may === 'granted' && has_asked) return this.begin();
    if (may !== 'granted') this.say('ask');
  }

  async begin(work = () => this.flow.run(this)) {
    if (this.stop) return;
    if (this.is_stale) return location.reload();
    this.stop = new AbortController();
    this.running(true);
    try {
      await work();
    } catch (trouble) {
      this.complain(trouble instanceof Trouble ? trouble : new Trouble('lost'));
      if (!(trouble instanceof Trouble)) console.error(trouble);
      if (this.has('after')) this.say('after', {}, true);
    } finally {
      this.stop = null;
      this.errand = null;
      this.running(false);
    }
  }

  /** Gives up: the look-out at once, and an operation at the assistant, which tells when it has ended. */
  async cancel() {
    if (this.operation) await this.assistant.call('/cancel', { operation: this.operation }).catch(() => this.stop?.abort());
    else this.stop?.abort();
  }

  /**
   * Waits until assistant and shield are in one of these states, and says meanwhile what is missing. It goes on by itself when the
   * assistant was started or the shield was plugged in.
   */
  async ready(...wanted) {
    this.step('shield');
    let shown = null, trouble = null;
    for (let hint = this.hint(); ; ) {
      let told;
      const is_asking = shown === null && (await permission()) !== 'granted';
      try {
        told = await this.assistant.status(this.stop.signal, is_asking ? QUESTION : PATIENCE);
      } catch (caught) {
        if (!(caught instanceof Trouble) || caught.key !== 'no-assistant') throw caught;
        told = { state: caught.key };
      }
      clearTimeout(hint);
      if (wanted.includes(told.state) && !trouble) return told;
      if (this.stop.signal.aborted) throw new Trouble('stopped');
      const now = JSON.stringify([told.state, told.findings, trouble?.key]);
      if (now !== shown) this.tell(told, trouble);
      shown = now;
      const errand = await Promise.race([pause(PAUSE), new Promise((done) => (this.errand = done))]);
      if (errand) trouble = await this.run(...errand).then(() => null, (caught) => caught);
    }
  }

  /** A browser that asks the customer may keep the call waiting: the page says so. */
  hint() {
    return setTimeout(() => this.say('looking'), 600);
  }

  tell(told, trouble) {
    const { what, next } = own(told.words);
    const key = this.has(`state-${told.state}`) ? `state-${told.state}` : this.has(told.state) ? told.state : 'trouble';
    const shield = told.shield ?? {};
    this.say(key, { what, next, version: told.version, brand: shield.brand, serial: shield.serial, findings: told.findings });
    if (trouble) this.complain(trouble, true);
  }

  /** One operation at the assistant, until its end. It is kept, so that a reload finds it. */
  async run(path, more) {
    return this.follow(await this.assistant.call(path, more, PATIENCE, this.stop.signal));
  }

  async follow(view) {
    this.operation = view.operation;
    const { page, port } = this.assistant;
    sessionStorage.setItem('shield', JSON.stringify({ path: location.pathname, page, port, operation: view.operation }));
    try {
      return await this.assistant.follow(view, (phase) => {
        if (this.flow.steps?.[phase]) this.step(this.flow.steps[phase]);
        this.say(`phase-${phase}`);
      });
    } finally {
      this.forget();
    }
  }

  forget() {
    this.operation = null;
    sessionStorage.removeItem('shield');
  }
}

// ---- The flows

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

/** The order is signed, and the bank posts it. Nothing here makes an order: the bank's own bytes are signed, or nothing is. */
const pay = {
  steps: { prompt: 'pin', shield: 'screen' },

  async run(panel) {
    if (!panel.document) {
      await panel.ready('ready');
      const order = await this.order(panel);
      panel.document = (await panel.run('/pay', { order })).payment;
    }
    await this.post(panel);
  },

  /** After a reload: the operation is asked for its end, and what it has signed goes to the bank. */
  async resume(panel, kept) {
    const view = await panel.assistant.call('/wait', { operation: kept.operation, after: 0 }).catch(() => null);
    if (!view) {
      panel.forget();
      throw new Trouble('interrupted');
    }
    panel.document = (await panel.follow(view)).payment;
    await this.post(panel);
  },

  /** The bytes that the bank waits for at this moment. Where the bank waits for none, the order has moved on. */
  async order(panel) {
    let answer;
    try {
      answer = await fetch(`${location.pathname}/order.der`, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
    } catch {
      throw new Trouble('bank-silent');
    }
    if (answer.ok && answer.headers.get('Content-Type') === 'application/octet-stream') return base64(await answer.arrayBuffer());
    panel.is_stale = true;
    throw new Trouble('moved');
  },

  /** The same document may be sent again: the bank posts an order once. */
  async post(panel) {
    panel.step('bank');
    panel.say('sending');
    try {
      await bank('/api/payment', bytes(panel.document), 'application/octet-stream');
    } catch (trouble) {
      if (trouble.key !== 'bank-silent') [panel.document, panel.is_stale] = [null, true];
      throw trouble;
    }
    location.replace(location.pathname);
  },
};

const FLOWS = { pay };

for (const section of document.querySelectorAll('[data-flow]')) new Panel(section).open();
