"""Drives the page of `ushield up --panel web` in Chromium: `tests/panel/run`. Words name chapters: `tests/panel/run paying narrow`."""

import sys

import chapter
from desk import ROOT, Desk, ended
from driver import NARROW, Browser, Driver, check, until
from panel import ENTER, ESCAPE, Panel

PICTURES = ROOT / "target" / "panel" / "pictures"


class Page(Panel):
    """The page of a desk's tokens, in a browser of its own."""

    def __init__(self, driver, desk, language):
        self.language = language[:2]
        super().__init__(Browser(driver, language, scripts=True), desk.link())

    def confirm_all(self, process, number=1):
        """Presses OK on each page until the program has ended."""
        self.confirm(lambda: process.poll() is not None, number)
        code, said = ended(process)
        check(code == 0, f"the program ended with {code}: {said}")

    def count_presses(self):
        """Counts the presses that the page sends from now on."""
        self.browser.run("window.presses = 0; const sends = call; call = (path, body) => { presses += path === '/press'; return sends(path, body); }")

    def presses(self):
        return self.browser.run("return presses")

    def close(self):
        complaints = [entry for entry in self.browser.log() if entry["level"] == "SEVERE" and "403" not in entry["message"]]
        self.browser.close()
        check(not complaints, f"the browser complains: {complaints}")


# Clicks OK, and once more in the moment when the next page is drawn: nobody has read the page that came between the two clicks.
TWICE = """
const token = document.querySelector("[data-token='1-1']"), [ok, glass] = [".ok", ".glass"].map(part => token.querySelector(part));
const before = glass.textContent;
return new Promise(done => {
  new MutationObserver((_, watch) => {
    if (glass.textContent === before) return;
    watch.disconnect();
    ok.click();
    done(true);
  }).observe(glass, { childList: true, subtree: true });
  ok.click();
});
"""
WORDS = {
    "zh": {"confirmed": "已按 OK 确认", "cancelled": "已按取消", "tries": "密码还可输入 5 次", "unplugged": "已拔出", "next": "下一页", "last": "确认"},
    "en": {"confirmed": "OK: confirmed", "cancelled": "Cancelled", "tries": "PIN: 5 tries left", "unplugged": "Pulled out", "next": "Next page", "last": "Confirm"},
}


def paying(driver, language):
    """Plugged in, enrolled, a payment read and confirmed, one cancelled, a wrong PIN."""
    with Desk() as desk:
        page = Page(driver, desk, language)
        page.part(".move").click()
        until(lambda: page.state() == "out", "the token is not out")
        page.told(WORDS[page.language]["unplugged"])
        page.part(".move").click()
        until(lambda: page.state() == "free", "the token is not in")
        page.confirm_all(desk.enrol())
        confirmed(page, desk)
        cancelled(page, desk)
        wrong_pin(page, desk)
        again(page)
        page.close()


def confirmed(page, desk):
    """A payment of two pages is read, and confirmed by the keyboard."""
    words = WORDS[page.language]
    paying = desk.pay(desk.order("first"))
    page.shows("上海水务")
    check(page.screen().splitlines()[3] == "¥100.00", f"the screen is {page.screen()!r}")
    check(words["next"] in page.part(".ok").text(), page.part(".ok").text())
    page.browser.picture(PICTURES / f"page-1-{page.language}.png")
    page.ready()
    page.count_presses()
    # Enter presses nothing while nothing is focused.
    page.browser.run("document.activeElement.blur()")
    page.browser.press(ENTER)
    check(page.presses() == 0, "Enter on no token pressed a button")
    page.key(ENTER)
    page.shows("6222020200112233")
    check(words["last"] in page.part(".ok").text(), page.part(".ok").text())
    page.browser.picture(PICTURES / f"page-2-{page.language}.png")
    page.key(ENTER)
    page.dark()
    check(ended(paying)[0] == 0, "the payment was not signed")
    page.told(words["confirmed"])
    until(lambda: "SIGN PAYMENT" in page.browser.text("#commands"), "the command is not told")


def cancelled(page, desk):
    """A double click turns one page. The holder cancels on the next."""
    paying = desk.pay(desk.order("second"))
    page.shows("上海水务")
    page.ready()
    before = page.presses()
    page.browser.wait(TWICE)
    check(page.presses() == before + 1, "the second click of two was sent, for a page that nobody has read")
    page.shows("6222020200112233")
    page.key(ESCAPE)
    check(ended(paying)[0] == 1, "the payment was not cancelled")
    page.told(WORDS[page.language]["cancelled"])


def wrong_pin(page, desk):
    """A wrong PIN costs a try, and stands nowhere on the page."""
    check(ended(desk.pay(desk.order("third"), pin=desk.secret("wrong", "135246")))[0] == 1, "a wrong PIN paid")
    page.told(WORDS[page.language]["tries"])
    until(lambda: "5/6" in page.part(".pin").text(), lambda: f"of tries the page says {page.part('.pin').text()}")
    body = page.browser.text("body")
    check("31 33 35" not in body and "135246" not in body, "the page has the wrong PIN")


def again(page):
    """A reload keeps the session, and tells what was told, in the other language too."""
    page.browser.reload()
    until(lambda: page.browser.find_all(".token"), "no token after a reload")
    page.told(WORDS[page.language]["tries"])
    check("#" not in page.browser.url(), "the secret stays in the address")
    until(lambda: page.browser.find_all("#commands li.good"), "no command after a reload")
    page.browser.find("#language").click()
    other = "en" if page.language == "zh" else "zh"
    page.told(WORDS[other]["confirmed"])
    page.browser.chrome("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.browser.picture(PICTURES / f"dark-{other}.png")


def links(driver, language):
    """A link that was used opens nothing; another browser needs another link; a call that is refused is told, and the end is."""
    with Desk() as desk:
        link = desk.link()
        first = Page(driver, desk, language)
        first.open(link)
        second = Browser(driver, language, scripts=True)
        second.open(link)
        until(lambda: not second.find("#door").attribute("hidden"), "the used link opens the page")
        check(not second.find_all(".token"), "a token is drawn without a session")
        second.close()
        # A call that the server refuses is told at once, though nothing happens to the token.
        first.browser.run("const sends = call; call = (path, body) => sends(path === '/unplug' ? '/nowhere' : path, body)")
        first.part(".move").click()
        first.told(first.browser.run("return say('error_call')"))
        desk.done("ushield", "down")
        until(lambda: first.browser.run("return document.querySelector('#line').dataset.line") == "over", "the end is not told")
        first.browser.close()


def several(driver, language):
    """Three tokens: each has its own screen and its own buttons."""
    with Desk(tokens=3) as desk:
        page = Page(driver, desk, language)
        check(len(page.browser.find_all(".token")) == 3, "not three tokens")
        for number in (1, 2):
            page.confirm_all(desk.enrol(number), number)
        orders = [desk.order(f"of{number}", amount=f"{number}00.00", payer=f"622202020011223{number}") for number in (1, 2)]
        both = [desk.pay(order, number) for number, order in enumerate(orders, 1)]
        page.shows("¥100.00", 1)
        page.shows("¥200.00", 2)
        check(not page.screen(3), "the third token's screen is not dark")
        page.browser.picture(PICTURES / f"three-{page.language}.png")
        page.press("cancel", 1)
        page.dark(1)
        check(page.screen(2), "Cancel on one token has ended another token's question")
        page.confirm_all(both[1], 2)
        check(ended(both[0])[0] == 1, "the first payment was not cancelled")
        page.close()


def narrow(driver, language):
    """A telephone's width: nothing sticks out, and a thumb finds the buttons."""
    with Desk() as desk:
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
        page.confirm_all(enrolling)
        page.close()


def words(driver, language):
    """Each sentence is there in both languages, with as many places to fill."""
    with Desk() as desk:
        page = Page(driver, desk, language)
        odd = page.browser.run(
            "return Object.entries(WORDS).filter(([, both]) => both.length !== 2 || both.some(text => !text.trim())"
            " || both[0].split('{}').length !== both[1].split('{}').length).map(([word]) => word)"
        )
        check(not odd, f"words without a twin: {odd}")
        missing = page.browser.run("return [...document.querySelectorAll('[data-word]')].filter(node => !(node.dataset.word in WORDS)).length")
        check(missing == 0, f"{missing} places have no words")
        page.close()


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
