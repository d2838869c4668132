"""What every page must keep: rules of WCAG 2.2 that a program can check, and the bank's own."""

import re

from driver import Failure

# Runs in the page; gives a list of complaints. The clauses are WCAG 2.2's.
RULES = r"""
const [language, hasCodes] = arguments, wrong = [];
const say = (clause, what, element) => wrong.push(clause + ' ' + what + (element ? ': ' + element.outerHTML.slice(0, 120) : ''));
const all = (css, root = document) => [...root.querySelectorAll(css)];
const visible = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;

if (document.documentElement.lang !== language) say('3.1.1', 'lang is ' + document.documentElement.lang + ', not ' + language);
if (!document.title.includes(' – ')) say('2.4.2', 'title is ' + document.title);
if (all('h1').length !== 1) say('1.3.1', all('h1').length + ' h1');
let level = 0;
for (const heading of all('h1, h2, h3, h4')) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) say('1.3.1', 'a heading skips a level', heading);
  level = next;
}
for (const mark of ['main', 'header', 'footer', 'nav[aria-label]']) if (all(mark).length !== 1) say('1.3.1', 'not one ' + mark);
for (const field of all('input:not([type=hidden]), select, textarea')) {
  const named = [...(field.labels || [])].some(label => label.textContent.trim());
  if (!named) say('3.3.2', 'no label', field);
  if (field.type === 'password' && !field.autocomplete) say('1.3.5', 'no autocomplete', field);
}
for (const name of all('a, button')) if (!(name.textContent.trim() || name.getAttribute('aria-label'))) say('4.1.2', 'no name', name);
for (const form of all('form')) {
  if (form.getAttribute('method') !== 'post' || !form.querySelector('input[name=token]')) say('ASVS 3.5.1', 'a form without its token', form);
}
const ids = all('[id]').map(e => e.id);
if (new Set(ids).size !== ids.length) say('4.1.2', 'an id twice: ' + ids);
for (const e of all('[aria-labelledby], [aria-describedby], label[for]'))
  for (const id of (e.getAttribute('aria-labelledby') || e.getAttribute('aria-describedby') || e.htmlFor).split(' '))
    if (!document.getElementById(id)) say('4.1.2', 'names nobody', e);
for (const table of all('table')) if (!table.querySelector('th')) say('1.3.1', 'a table without heads', table);
for (const e of all('script:not([src="/asset/shield.js"]), style, iframe, [style], [onclick], [onsubmit], [onload], [href^="javascript:"]')) say('CSP', 'not on a page of the bank', e);
for (const e of all('[src], link[href]')) if (new URL(e.src || e.href).origin !== location.origin) say('CSP', 'from another site', e);

if (document.scrollingElement.scrollWidth > innerWidth)
  say('1.4.10', 'scrolls sideways: ' + document.scrollingElement.scrollWidth + ' > ' + innerWidth,
    all('main *').find(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.scroll')));
for (const e of all('button, .button, input:not([type=hidden]), select, nav a, .tools a').filter(visible)) {
  const box = e.getBoundingClientRect();
  if (box.height < 24 || box.width < 24) say('2.5.8', 'too small: ' + box.width + ' × ' + box.height, e);
}

for (const cell of all('td, th, dd, p, label').filter(visible)) {
  if (cell.textContent.trim().length > 12 && cell.getBoundingClientRect().width < 48) say('readable', 'a column of single letters', cell);
}

const parts = colour => colour.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const behind = e => {
  for (; e; e = e.parentElement) {
    const colour = parts(getComputedStyle(e).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
    if (colour[3] > 0) say('1.4.3', 'half a colour', e);
  }
  return [255, 255, 255];
};
const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let read = 0;
while (texts.nextNode()) {
  const words = texts.currentNode.data.trim(), e = texts.currentNode.parentElement;
  if (!words || !visible(e)) continue;
  read++;
  const style = getComputedStyle(e), size = parseFloat(style.fontSize);
  const is_large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const found = ratio(parts(style.color), behind(e));
  if (found < (is_large ? 3 : 4.5)) say('1.4.3', 'contrast ' + found.toFixed(2), e);
  if (size < 13) say('readable', size + ' px', e);
  if (!hasCodes && /^[a-z]+(-[a-z]+)+$/.test(words)) say('text', 'a key without its text: ' + words, e);
}
if (read < 5) say('test', 'only ' + read + ' texts were read');
for (const e of all('input:not([type=hidden]), select').filter(visible)) {
  const found = ratio(parts(getComputedStyle(e).borderTopColor), behind(e.parentElement));
  if (found < 3) say('1.4.11', 'the edge of a field: ' + found.toFixed(2), e);
}
return wrong;
"""

FOCUSED = r"""
const e = document.activeElement, style = getComputedStyle(e);
if (e === document.body) return null;
if (!e.dataset.test) e.dataset.test = String(window.marks = (window.marks || 0) + 1);
const shows = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
const box = e.getBoundingClientRect();
return [e.dataset.test, shows && box.right > 0 && box.bottom > 0, e.outerHTML.slice(0, 100)];
"""
REACHABLE = """return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility({visibilityProperty: true})).length"""
TAB = "\ue004"


def check(browser, language, name):
    """Checks the page at its present width."""
    has_codes = "audit" in name
    wrong = browser.run(RULES, language, has_codes)
    if wrong:
        raise Failure(f"{name} at {browser.url()}:\n  " + "\n  ".join(wrong))


def check_keyboard(browser, name):
    """Tab reaches all that can be clicked or typed into, and shows where it is (WCAG 2.1.1, 2.4.7)."""
    wanted, seen, hidden = browser.run(REACHABLE), set(), []
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    for _ in range(3 * wanted + 10):
        browser.press(TAB)
        focused = browser.run(FOCUSED)
        if focused is None:
            if len(seen) >= wanted:
                break
            continue
        mark, shows, html = focused
        if mark not in seen and not shows:
            hidden.append(html)
        seen.add(mark)
        if len(seen) >= wanted:
            break
    if len(seen) < wanted or hidden:
        raise Failure(f"{name}: Tab reaches {len(seen)} of {wanted}; focus is not seen at {hidden}")


def check_log(browser, name):
    """The browser complained of nothing but the statuses that the pages of refusals have."""
    for entry in browser.log():
        is_status = entry["source"] == "network" and bool(re.search(r"status of 4\d\d", entry["message"]))
        # At a port where no assistant listens, and at one that shuts its door, a page's script learns nothing, and the browser notes it.
        is_status |= ":1732" in entry["message"] and entry["source"] in ("network", "javascript")
        # The browser's own first page is not the bank's.
        is_status |= entry["message"].startswith("chrome://")
        # A password manager would like a hidden name beside a password; a shared computer would not.
        if not is_status and entry["source"] != "recommendation":
            raise Failure(f"{name}: the browser complains: {entry['source']}: {entry['message']}")
