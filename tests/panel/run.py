"""Drives the page of `ushield up --panel web` in Chromium: `tests/panel/run`. Words name chapters: `tests/panel/run paying narrow`."""

import os
import pathlib
import sys
import time

import chapter
from desk import ROOT, Desk, ended
from driver import NARROW, WIDE, Browser, Driver, Failure, until

PICTURES = ROOT / "target" / "panel" / "pictures"


class Page:
    """The page in a browser."""

    def __init__(self, driver, desk, language):
        self.browser, self.desk, self.language = Browser(driver, language, scripts=True), desk, language[:2]
        self.open(desk.link())

    def open(self, link):
        self.browser.open(link)
        until(lambda: self.browser.find_all(".token"), "no token is drawn")

    def part(self, css, number=1):
        return self.browser.find(f'[data-token="1-{number}"] {css}')

    def state(self, number=1):
        return self.browser.run("return document.querySelector(`[data-token='${arguments[0]}']`).dataset.state", f"1-{number}")

    def screen(self, number=1):
        """The text of the screen, as the page draws it."""
        script = "return [...document.querySelectorAll(`[data-token='${arguments[0]}'] .row`)].map(row => row.textContent)"
        return [row for row in self.browser.run(script, f"1-{number}") if row]

    def shows(self, text, number=1):
        until(lambda: text in "\n".join(self.screen(number)), f"the page does not show {text}")

    def dark(self, number=1):
        until(lambda: not self.screen(number), "the screen does not go dark")

    def said(self):
        return self.browser.text("#story")

    def told(self, text):
        until(lambda: text in self.said(), f"nothing was told of {text}")

    def confirm(self, process, number=1):
        """Presses OK on each page until the program has ended."""
        while process.poll() is None:
            if self.state(number) == "asks":
                self.part(".ok", number).click()
            time.sleep(0.1)
        code, said = ended(process)
        check(code == 0, f"the program ended with {code}: {said}")

    def close(self):
        complaints = [entry for entry in self.browser.log() if entry["level"] == "SEVERE" and "403" not in entry["message"]]
        self.browser.close()
        check(not complaints, f"the browser complains: {complaints}")


def check(condition, why):
    if not condition:
        raise Failure(why)


def focus(page, number=1):
    page.browser.run("document.querySelector(`[data-token='${arguments[0]}']`).focus()", f"1-{number}")


ENTER, ESCAPE = "\ue007", "\ue00c"
WORDS = {
    "zh": {"confirmed": "已按 OK 确认", "cancelled": "已按取消", "tries": "密码还可输入 5 次", "unplugged": "已拔出", "next": "下一页", "last": "确认"},
    "en": {"confirmed": "OK: confirmed", "cancelled": "Cancelled", "tries": "PIN: 5 tries left", "unplugged": "Pulled out", "next": "Next page", "last": "Confirm"},
}


def paying(driver, language):
    """Plugged in, enrolled, a payment read and confirmed, one cancelled, a wrong PIN."""
    desk = Desk()
    try:
        page = Page(driver, desk, language)
        words = WORDS[page.language]
        page.part(".move").click()
        until(lambda: page.state() == "out", "the token is not out")
        page.told(words["unplugged"])
        page.part(".move").click()
        until(lambda: page.state() == "free", "the token is not in")
        page.confirm(desk.enrol())

        paying = desk.pay(desk.order("first"))
        page.shows("上海水务")
        check(page.screen()[3] == "¥100.00", f"the screen is {page.screen()}")
        check(words["next"] in page.part(".ok").text(), page.part(".ok").text())
        page.browser.picture(PICTURES / f"page-1-{page.language}.png")
        # Enter presses nothing while nothing is focused. The last click has left OK focused.
        page.browser.run("document.activeElement.blur()")
        page.browser.press(ENTER)
        time.sleep(0.6)
        check("上海水务" in "\n".join(page.screen()), "Enter on no token turned the page")
        focus(page)
        # Whoever was typing has not read a page that has just come.
        time.sleep(0.6)
        page.browser.press(ENTER)
        page.shows("6222020200112233")
        check(words["last"] in page.part(".ok").text(), page.part(".ok").text())
        page.browser.picture(PICTURES / f"page-2-{page.language}.png")
        time.sleep(0.6)
        page.browser.press(ENTER)
        page.dark()
        check(ended(paying)[0] == 0, "the payment was not signed")
        page.told(words["confirmed"])
        check("SIGN PAYMENT" in page.browser.text("#commands"), "the command is not told")

        paying = desk.pay(desk.order("second"))
        page.shows("上海水务")
        time.sleep(0.6)
        # A double click turns one page: nobody has read the page that came between the two clicks.
        twice = "const ok = document.querySelector(`[data-token='1-1'] .ok`); ok.click(); setTimeout(() => ok.click(), 150)"
        page.browser.run(twice)
        page.shows("6222020200112233")
        time.sleep(0.6)
        check(paying.poll() is None and page.screen(), "the second click of two signed a page that nobody has read")
        focus(page)
        time.sleep(0.6)
        page.browser.press(ESCAPE)
        check(ended(paying)[0] == 1, "the payment was not cancelled")
        page.told(words["cancelled"])

        check(ended(desk.pay(desk.order("third"), pin=desk.secret("wrong", "135246")))[0] == 1, "a wrong PIN paid")
        page.told(words["tries"])
        check("5/6" in page.part(".pin").text(), page.part(".pin").text())
        body = page.browser.text("body")
        check("31 33 35" not in body and "135246" not in body, "the page has the wrong PIN")

        # A reload keeps the session, and tells what was told.
        page.browser.reload()
        until(lambda: page.browser.find_all(".token"), "no token after a reload")
        page.told(words["tries"])
        check("#" not in page.browser.url(), "the secret stays in the address")
        until(lambda: page.browser.find_all("#commands li.good"), "no command after a reload")
        page.browser.find("#language").click()
        other = "en" if page.language == "zh" else "zh"
        page.told(WORDS[other]["confirmed"])
        page.browser.chrome("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        page.browser.picture(PICTURES / f"dark-{other}.png")
        page.close()
    finally:
        desk.stop()


def links(driver, language):
    """A link that was used opens nothing; another browser needs another link; the end is told."""
    desk = Desk()
    try:
        link = desk.link()
        first = Page(driver, desk, language)
        first.open(link)
        second = Browser(driver, language, scripts=True)
        second.open(link)
        until(lambda: not second.find("#door").attribute("hidden"), "the used link opens the page")
        check(not second.find_all(".token"), "a token is drawn without a session")
        second.close()
        desk.done("ushield", "down")
        until(lambda: first.browser.run("return document.querySelector('#line').dataset.line") == "over", "the end is not told")
        first.browser.close()
    finally:
        desk.stop()


def several(driver, language):
    """Three tokens: each has its own screen and its own buttons."""
    desk = Desk(tokens=3)
    try:
        page = Page(driver, desk, language)
        check(len(page.browser.find_all(".token")) == 3, "not three tokens")
        for number in (1, 2):
            page.confirm(desk.enrol(number), number)
        both = [desk.pay(desk.order(f"of{number}", amount=f"{number}00.00", payer=f"622202020011223{number}"), number) for number in (1, 2)]
        page.shows("¥100.00", 1)
        page.shows("¥200.00", 2)
        check(not page.screen(3), "the third token's screen is not dark")
        page.browser.picture(PICTURES / f"three-{page.language}.png")
        page.part(".cancel", 1).click()
        page.dark(1)
        page.confirm(both[1], 2)
        check(ended(both[0])[0] == 1, "the first payment was not cancelled")
        page.close()
    finally:
        desk.stop()


def narrow(driver, language):
    """A telephone's width: nothing sticks out, and a thumb finds the buttons."""
    desk = Desk()
    try:
        page = Page(driver, desk, language)
        page.browser.resize(NARROW)
        enrolling = desk.enrol()
        until(lambda: page.state() == "asks", "nothing is asked")
        page.browser.picture(PICTURES / f"narrow-{page.language}.png")
        wide = page.browser.run("return document.documentElement.scrollWidth")
        check(wide <= NARROW[0], f"the page is {wide} wide")
        for button in (".ok", ".cancel"):
            high = page.browser.run("return document.querySelector(arguments[0]).getBoundingClientRect().height", button)
            check(high >= 44, f"{button} is {high} high")
        page.confirm(enrolling)
        page.close()
    finally:
        desk.stop()


def words(driver, language):
    """Each sentence is there in both languages, with as many places to fill."""
    desk = Desk()
    try:
        page = Page(driver, desk, language)
        odd = page.browser.run(
            "return Object.entries(WORDS).filter(([, both]) => both.length !== 2 || both.some(text => !text.trim())"
            " || both[0].split('{}').length !== both[1].split('{}').length).map(([word]) => word)"
        )
        check(not odd, f"words without a twin: {odd}")
        missing = page.browser.run("return [...document.querySelectorAll('[data-word]')].filter(node => !(node.dataset.word in WORDS)).length")
        check(missing == 0, f"{missing} places have no words")
        page.close()
    finally:
        desk.stop()


CHAPTERS = [paying, links, several, narrow, words]


def main(*wanted):
    driver = Driver()
    try:
        failed = chapter.tell({language: CHAPTERS for language in ("zh-CN", "en-GB")}, wanted, driver)
    finally:
        driver.stop()
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


main(*sys.argv[1:])
