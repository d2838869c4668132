// The shield on the bank's pages: finds the Online Banking Assistant of this computer, and leads the customer through one flow.
// docs/assistant.md has the calls. What the assistant says is shown as text, never as HTML. No PIN ever comes here.

const PORTS = [17320, 17321, 17322];
const PROTOCOL = 1;
/** Where the assistant lives. The pages' policy names the same three places. */
const place = (port) => `http://127.0.0.1:${port}`;
/** Milliseconds: between two looks, for an answer, for the browser's question to the customer, and for a long poll. */
const PAUSE = 1200, PATIENCE = 15000, QUESTION = 60000, LONG_POLL = 40000;
const LANGUAGE = document.documentElement.lang;

/** Why a flow stops. `key` names words of the page's own, and nobody else chooses it; `words` are the assistant's or the bank's. */
class Trouble extends Error {
  constructor(key, words = null, tries = null) {
    super(key);
    Object.assign(this, { key, words, tries });
  }
}

/** A day as the bank's pages write it: Beijing's. */
const day = (seconds) => (seconds ? new Date((seconds + 8 * 3600) * 1000).toISOString().slice(0, 10) : '');
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
  constructor({ serial, brand }, kept) {
    this.page = kept?.page ?? crypto.randomUUID();
    this.port = kept?.port ?? null;
    this.serial = serial || null;
    this.brand = brand || null;
  }

  /** One call. Answers other than 2xx are troubles; `null` is no answer at all. */
  async ask(port, path, more, time, signal) {
    const body = { protocol: PROTOCOL, page: this.page, language: LANGUAGE, serial: this.serial, brand: this.brand, ...more };
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
      if (error.name === 'TimeoutError' && time === QUESTION) throw new Trouble('unanswered');
      return null;
    }
    if (answer.ok) return told;
    throw new Trouble(told?.error?.code === 'version' ? 'too-old' : 'trouble', told?.error?.words);
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
    throw new Trouble('trouble', view.error?.words, view.error?.tries);
  }
}

// ---- The bank

/** A call to the bank: of JSON, or of a signed document. What the bank refuses, it says in the page's language. */
async function bank(path, told_or_document) {
  const is_document = told_or_document instanceof Uint8Array;
  const headers = { 'Content-Type': is_document ? 'application/octet-stream' : 'application/json' };
  const body = is_document ? told_or_document : JSON.stringify(told_or_document);
  let answer, told;
  try {
    answer = await fetch(path, { method: 'POST', headers, body, signal: AbortSignal.timeout(LONG_POLL) });
    told = await answer.json();
  } catch {
    throw new Trouble('bank-silent');
  }
  if (answer.ok) return told;
  throw new Trouble('trouble', { [LANGUAGE]: { what: told.error, next: told.next } });
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
    this.assistant = new Assistant(section.dataset, this.kept);
    this.form = section.querySelector('form');
    section.addEventListener('click', (event) => this.clicked(event.target.closest('[data-do]')));
    this.form?.addEventListener('submit', (event) => {
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
    const list = part.querySelector('[data-findings]');
    if (list) this.list(list, fill.findings ?? []);
    if (!add) {
      const held = this.section.contains(document.activeElement);
      this.live.replaceChildren();
      // Whoever works by keyboard stays here when the button under the focus goes.
      if (held && document.activeElement === document.body) this.live.focus({ preventScroll: true });
    }
    this.live.append(part);
  }

  /** What the doctor finds wrong with this computer. A mend is asked for by its code, and the assistant asks the holder first. */
  list(list, findings) {
    list.parentElement.hidden = findings.length === 0;
    list.parentElement.open = !!this.flow.looks;
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

  /** A trouble, in the page's own words or in those that came with it. */
  complain(trouble, add = false) {
    this.say(trouble.key, own(trouble.words), add);
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

  /** Shows the buttons and fields that suit a flow that is `running`, `waiting` for a click, `stale` until a reload, or `over`. */
  be(state) {
    const former = document.activeElement;
    for (const part of this.section.querySelectorAll('[data-when]')) part.hidden = part.dataset.when !== state;
    if (former !== document.body && !former.checkVisibility() && this.section.contains(former)) this.live.focus({ preventScroll: true });
  }

  // ---- How a flow runs

  clicked(button) {
    if (!button) return;
    if (button.dataset.do === 'begin') this.begin();
    if (button.dataset.do === 'cancel') this.cancel();
    if (button.dataset.do === 'replace') this.begin(() => this.flow.run(this, true));
    if (button.dataset.do === 'change-pin') this.want('/change_pin', {});
    if (button.dataset.do === 'mend') this.want('/mend', { code: button.dataset.code });
  }

  /** Has the look-out run this call next: at once where it pauses, and else after its look. */
  want(...errand) {
    this.errand = errand;
    this.wake?.();
  }

  /** Comes to life: goes on where a reload has interrupted, begins where the customer has just asked for it, or waits. */
  async open() {
    const has_asked = location.hash === '#shield';
    if (has_asked) history.replaceState(null, '', location.pathname);
    this.be('waiting');
    const may = await permission(), operation = this.kept?.operation ?? null;
    if (may === 'denied') this.say('blocked');
    else if (may === 'granted' && operation !== null) this.begin(() => this.resume(operation));
    else if (may === 'granted' && has_asked) this.begin();
    else if (may !== 'granted') this.say('ask');
  }

  /** After a reload: where a flow can go on with its operation, it does; else the operation is given up, and the page says so. */
  async resume(operation) {
    if (operation) {
      const call = this.flow.resume ? ['/wait', { operation, after: 0 }] : ['/cancel', { operation }];
      const view = await this.assistant.call(...call).catch(() => null);
      if (view && this.flow.resume) return this.flow.resume(this, view);
    } else {
      // Nobody can ask for an operation without its name. Under another number of the page the assistant gives it up.
      this.assistant.page = crypto.randomUUID();
    }
    this.forget();
    throw new Trouble('interrupted');
  }

  async begin(work = () => this.flow.run(this)) {
    if (this.stop) return;
    if (this.is_stale) return location.reload();
    this.stop = new AbortController();
    this.be('running');
    try {
      await work();
    } catch (trouble) {
      this.complain(trouble instanceof Trouble ? trouble : new Trouble('lost'));
      if (!(trouble instanceof Trouble)) console.error(trouble);
      // What was sent to the bank, and got no answer, may have happened.
      if (this.has('after') && !this.document && !this.is_stale) this.say('after', {}, true);
    } finally {
      this.stop = this.errand = null;
      this.be(this.is_over ? 'over' : this.is_stale ? 'stale' : 'waiting');
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
      if (wanted.includes(told.state)) return told;
      if (this.stop.signal.aborted) throw new Trouble('stopped');
      const now = JSON.stringify([told.state, told.findings, trouble?.words]);
      if (now !== shown) this.tell(told, trouble);
      shown = now;
      if (!this.errand) await Promise.race([pause(PAUSE), new Promise((done) => (this.wake = done))]);
      if (this.errand) trouble = await this.run(...this.errand).then(() => null, (caught) => caught);
      // A second click while the call ran meant the same.
      this.errand = null;
    }
  }

  /** A browser that asks the customer may keep the call waiting: the page says so. */
  hint() {
    return setTimeout(() => this.say('looking'), 600);
  }

  tell(told, trouble) {
    const { what, next } = own(told.words);
    const key = this.has(`state-${told.state}`) ? `state-${told.state}` : 'state';
    const { brand, serial } = told.shield ?? {};
    this.say(key, { what, next, brand, serial, version: told.version, until: day(told.id?.not_after), findings: told.findings });
    if (trouble) this.complain(trouble, true);
  }

  /** One operation at the assistant, until its end. That there is one is kept before the assistant has named it, so that a reload finds it. */
  async run(path, more, steps = {}) {
    this.keep('');
    try {
      return await this.follow(await this.assistant.call(path, more, PATIENCE, this.stop.signal), steps);
    } finally {
      this.forget();
    }
  }

  async follow(view, steps) {
    this.keep(view.operation);
    try {
      return await this.assistant.follow(view, (phase) => {
        if (steps[phase]) this.step(steps[phase]);
        if (this.has(`phase-${phase}`)) this.say(`phase-${phase}`);
      });
    } finally {
      this.forget();
    }
  }

  /** A reload finds the page's number and its operation again, in this tab only. An operation that has no name yet is an empty text. */
  keep(operation) {
    this.operation = operation;
    const { page, port } = this.assistant;
    sessionStorage.setItem('shield', JSON.stringify({ path: location.pathname, page, port, operation }));
  }

  forget() {
    this.keep(null);
  }

  over(key, fill) {
    this.is_over = true;
    this.say(key, fill);
  }
}

// ---- The flows

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));

/** The order is signed, and the bank posts it. Nothing here makes an order: the bank's own bytes are signed, or nothing is. */
const PAYING = { prompt: 'pin', shield: 'screen' };
const pay = {
  async run(panel) {
    if (!panel.document) {
      await panel.ready('ready');
      const order = await this.order(panel);
      panel.document = (await panel.run('/pay', { order }, PAYING)).payment;
    }
    await this.post(panel);
  },

  /** After a reload: what the operation has signed goes to the bank. */
  async resume(panel, view) {
    panel.document = (await panel.follow(view, PAYING)).payment;
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
      await bank('/api/payment', bytes(panel.document));
    } catch (trouble) {
      if (trouble.key !== 'bank-silent') [panel.document, panel.is_stale] = [null, true];
      throw trouble;
    }
    location.replace(location.pathname);
  },
};

/** The ID is downloaded, or renewed: code, keys and requests, certificates, installation, and the word to the bank that it arrived. */
const download = {
  async run(panel, replace = false) {
    const { reference, code } = panel.form.elements, words = { reference: reference.value, code: code.value };
    panel.arrived ??= await this.fetch(panel, words, replace);
    if (!panel.arrived) return;
    const { serials, until } = panel.arrived;
    panel.step('done');
    panel.say('delivering');
    await bank('/api/id/deliver', { ...words, serials }).catch((trouble) => {
      // What the bank refuses was not what arrived: the next attempt looks anew.
      if (trouble.key !== 'bank-silent') panel.arrived = null;
      throw trouble;
    });
    panel.over('downloaded', { serial: serials[0], until: day(until) });
  },

  /** Brings the ID to the shield; gives its serial numbers, or nothing where the shield has an ID that stays. */
  async fetch(panel, words, replace) {
    const renews = panel.section.dataset.call === 'renew';
    const { state, id } = await panel.ready('no_id', 'expired', 'ready');
    panel.step('code');
    panel.say('presenting');
    const holder = await bank('/api/id/present', words);
    const is_known = holder.standing.includes(id?.serial);
    // The word that the ID arrived was lost: it is given now.
    if (is_known && panel.section.dataset.state === 'bound') return { serials: [id.serial, id.authentication], until: id.not_after };
    if (state === 'ready' && !renews && !replace) {
      const known = { serial: id.serial, until: day(id.not_after) };
      return void (is_known ? panel.over('already', known) : panel.say('foreign-id', known));
    }
    const { organisation, name, user_id } = holder, steps = { prompt: 'keys', shield: 'keys' };
    const made = renews
      ? await panel.run('/renew', {}, steps)
      : await panel.run('/enrol', { organisation, name, user_id, replace }, steps);
    panel.step('bank');
    panel.say('certifying');
    const [payment, authentication] = await this.certify(words, made);
    const held = await panel.run('/install', { payment, authentication }, { starting: 'install' });
    return { serials: [held.payment.serial, held.authentication.serial], until: held.payment.not_after };
  },

  /** Both certificates. Where the second is refused, the first is given back. */
  async certify(words, made) {
    const issued = [];
    try {
      for (const kind of ['payment', 'authentication']) issued.push(await bank('/api/id/certify', { ...words, kind, ...made[kind] }));
    } catch (trouble) {
      const serials = issued.map(({ serial }) => serial);
      if (serials.length) await bank('/api/id/withdraw', { ...words, serials }).catch(() => null);
      throw trouble;
    }
    return issued.map(({ certificate }) => certificate);
  },
};

/** The PIN is changed in the assistant's own windows. */
const pin = {
  async run(panel) {
    await panel.ready('ready', 'no_id', 'expired', 'factory_pin');
    await panel.run('/change_pin', {});
    panel.over('pin-changed');
  },
};

/** The look-out of the set-up page: it tells each state, until the customer stops it. */
const look = { looks: true, run: (panel) => panel.ready() };

const FLOWS = { pay, download, pin, look };

// A page that comes back from the browser's memory may be of an order that has moved on.
addEventListener('pageshow', (event) => event.persisted && location.reload());
for (const section of document.querySelectorAll('[data-flow]')) new Panel(section).open();
