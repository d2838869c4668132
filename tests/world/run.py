"""The whole world, played in Chromium: `tests/world/run`. Words name chapters: `tests/world/run shield`. Only the standard library, and what the
tests of the bank's pages have."""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import chapter
from driver import DEADLINE, NARROW, WIDE, Browser, Driver, Failure, until
from pages import ROOT, Customer

PROGRAMS = ROOT / "target" / os.environ.get("PROFILE", "debug")
PICTURES = ROOT / "target" / "world" / "pictures"
LINKS = {"bank": "银行 The bank", "shop": "书店 The shop", "panel": "U盾 The shield", "prompter": "密码窗口 PIN window"}


class World:
    """One world, in a home of its own."""

    def __init__(self, *options):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="wo"))
        (self.home / "run").mkdir(mode=0o700)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "TMPDIR": str(self.home)}
        self.said = self.home / "said"
        self.begun = time.monotonic()
        with self.said.open("w") as said:
            self.process = subprocess.Popen([PROGRAMS / "world", *options], env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def ready(self):
        until(lambda: "Ctrl-C" in self.said.read_text(), f"no world: {self.said.read_text()}")
        self.took = time.monotonic() - self.begun
        text = self.said.read_text()
        self.links = {name: re.search(re.escape(label) + r"\s+(\S+)", text)[1] for name, label in LINKS.items()}
        self.pin = re.search(r"the shield's PIN: (\S+)", text)[1]
        self.code = re.search(r"reference (\d+)\s+授权码 code (\d+)", text).groups()
        self.accounts = dict(re.findall(r"^  (\S\S)  (\d{16,19})  ", text, re.M))
        return self

    def card(self):
        """The password card as it is printed: its number, and its cells by their coordinates."""
        found = re.search(r"card number (\S+)\n\s+(.*)\n((?:\s+\d+(?:\s+\d{3})+\n)+)", self.said.read_text())
        columns = found[2].split()
        rows = [line.split() for line in found[3].splitlines()]
        return found[1], {f"{column}{row[0]}": cell for row in rows for column, cell in zip(columns, row[1:], strict=True)}

    def processes(self):
        """The processes that have this world's home in their environment."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if f"HOME={self.home}\0".encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def left(self):
        """Sockets and folders that are left."""
        return [path for path in self.home.rglob("*") if path.name not in ("run", "ushield", "said")]

    def is_gone(self):
        until(lambda: not self.processes(), f"processes are left: {self.processes()}")
        until(lambda: not self.left(), f"files are left: {self.left()}")

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.process.wait(timeout=DEADLINE)
        self.is_gone()
        shutil.rmtree(self.home)


def check(condition, why):
    if not condition:
        raise Failure(why)


class Stage:
    """A world with three windows: the bank, the shield, and where the PIN is asked for."""

    def __init__(self, driver, language, *options):
        self.world = World(*options).ready()
        self.bank, self.panel, self.prompter = (Browser(driver, language, scripts=True) for _ in range(3))
        self.site = Customer(self.bank, self.world.links["bank"], language[:2], "customer")
        self.panel.open(self.world.links["panel"])
        self.prompter.open(self.world.links["prompter"])
        until(lambda: self.panel.find_all(".token"), "no token is drawn")

    def close(self, number=signal.SIGINT):
        for browser in (self.bank, self.panel, self.prompter):
            browser.close()
        self.world.end(number)

    def sign_in(self, name):
        self.site.sign_in(self.world.accounts[name], "demo only 2026")

    def give_pin(self):
        until(lambda: self.prompter.run("return !document.querySelector('#form').hidden"), "nobody asks for the PIN")
        self.prompter.find("#secret").type(self.world.pin)
        asked = self.prompter.text("#text")
        self.prompter.find("#yes").click()
        return asked

    def screen(self):
        return "\n".join(row for row in self.panel.run("return [...document.querySelectorAll('.row')].map(row => row.textContent)") if row)

    def press(self, button="ok"):
        """Presses a button for the page that is shown, once it has stood for a moment, and waits for another."""
        before = self.screen()
        ready = f"return document.querySelector('.{button}').getAttribute('aria-disabled') === 'false'"
        until(lambda: self.panel.run(ready), "the button is not ready")
        self.panel.find(f".{button}").click()
        until(lambda: self.screen() != before, "the screen stays as it is")

    def shows(self, text):
        until(lambda: text in self.screen(), f"the shield does not show {text}, but {self.screen()!r}")

    def download(self):
        """孙七 logs in and downloads the ID. What the shield asked on the way."""
        self.sign_in("孙七")
        self.site.open("/shield/download")
        self.site.fill(reference=self.world.code[0], code=self.world.code[1])
        self.bank.find("form[data-when] button").click()
        self.give_pin()
        confirmed = []

        def downloaded():
            if self.screen():
                confirmed.append(self.screen())
                self.press()
            return self.site.word("download-done") in self.bank.text()

        until(downloaded, "the ID is not downloaded")
        return confirmed

    def pay(self, picture=False):
        """孙七 pays 100 yuan to 李四 by shield."""
        self.site.transfer(("李四", self.world.accounts["李四"]), "100", "房租")
        self.site.choose("shield")
        asked = self.give_pin()
        check("李四" in asked and "100" in asked, f"the assistant asks: {asked}")
        self.shows("李四\n¥100.00")
        if picture:
            self.picture("pay")
        while self.screen():
            self.press()
        until(lambda: self.site.state() == self.site.word("state-posted"), "the order is not paid")

    def picture(self, name):
        for part in ("bank", "panel", "prompter"):
            getattr(self, part).picture(PICTURES / f"{name}-{part}-{self.site.language}.png")


def shield(driver, language):
    """孙七 downloads the ID and pays; what the shield shows is the order, and Cancel ends a thief's."""
    stage = Stage(driver, language)
    try:
        site = stage.site
        check(stage.download(), "nothing was shown")
        stage.pay(picture=True)
        stage.picture("paid")
        # An order of a thief's, written in the customer's own session: the shield shows whom the money would reach.
        site.transfer(("王五", stage.world.accounts["王五"]), "9999", "房租")
        site.choose("shield")
        stage.give_pin()
        stage.shows("王五")
        check("9999.00" in stage.screen().replace(",", ""), f"the shield shows {stage.screen()}")
        stage.picture("thief")
        stage.press("cancel")
        check(site.state() != site.word("state-posted"), "a cancelled order is paid")
    finally:
        stage.close()


def static(driver, language):
    """张三 pays by static password until 300 yuan are reached."""
    world = World().ready()
    browser = Browser(driver, language)
    try:
        site = Customer(browser, world.links["bank"], language[:2], "customer")
        site.sign_in(world.accounts["张三"], "demo only 2026")
        states = []
        for _ in range(4):
            site.bill("6222021234567890", "99")
            if not browser.find_all('input[value="static"] ~ p button'):
                states.append("refused")
                break
            site.choose("static")
            site.fill(password="demo2026") if browser.find_all('main [name="password"]') else site.fill(answer="demo2026")
            browser.find("main form button").go()
            states.append(site.state())
        posted = site.word("state-posted")
        check(states[:3] == [posted] * 3 and len(states) == 4 and states[3] != posted, f"the payments came to {states}")
        browser.picture(PICTURES / f"static-{language[:2]}.png")
    finally:
        browser.close()
        world.end()


def card(driver, language):
    """李四 registers the card that is printed, and pays by two of its cells; other cells pay nothing."""
    world = World().ready()
    browser = Browser(driver, language)
    try:
        number, cells = world.card()
        site = Customer(browser, world.links["bank"], language[:2], "customer")
        site.sign_in(world.accounts["李四"], "demo only 2026")
        site.open("/card")
        site.fill(number=number)
        site.send("/card/activate")
        site.says("card-active")
        order = site.transfer(("张三", world.accounts["张三"]), "100", "房租")
        site.choose("card")
        asked = site.cells()
        check(len(asked) == 2, f"the page asks for the cells {asked}")
        browser.picture(PICTURES / f"card-{language[:2]}.png")
        right = "".join(cells[cell] for cell in asked)
        site.answer("demo2026", "".join(str(9 - int(digit)) for digit in right))
        site.refuses("wrong-answer")
        site.follow(f"/order/{order}")
        check(site.state() != site.word("state-posted"), "wrong cells have paid")
        site.answer("demo2026", right)
        site.is_in("posted")
    finally:
        browser.close()
        world.end()


def shop(driver, language):
    """张三 buys a book in the shop, pays it at the bank, and the shop knows."""
    world = World().ready()
    browser = Browser(driver, language)
    try:
        site = Customer(browser, world.links["bank"], language[:2], "customer")
        browser.open(world.links["shop"])
        browser.find('[name="amount"]').type("29.00")
        browser.find('form[action="/buy"] button').go()
        # The shop is another site: the bank shows its own address first, and asks who pays.
        site.says("care-address", address=site.origin)
        browser.find('main a[href^="/checkout/"]').go()
        site.fill(account=world.accounts["张三"], password="demo only 2026")
        site.send("/sign-in")
        site.has("试用书店")
        site.has("29.00")
        browser.find('form[action^="/checkout/"] button').go()
        site.order()
        site.choose("static")
        site.answer("demo2026")
        site.is_in("posted")
        browser.picture(PICTURES / f"shop-{language[:2]}.png")
        browser.find(f'a[href^="{world.links["shop"]}/order/"]').go()
        check("your order is paid" in browser.text(), f"the shop says {browser.text()}")
        check(browser.text("#asked") == "paid", "the bank tells the shop something else")

        def told():
            browser.reload()
            return browser.text("#told") == "paid"

        until(told, "the shop is not told by a webhook")
    finally:
        browser.close()
        world.end()


def kept(driver, language):
    """With --state a killed world is found again: the books, and the shield with its ID. No second world takes the folder meanwhile."""
    parent = pathlib.Path(tempfile.mkdtemp(prefix="wk"))
    folder = parent / "state"
    try:
        stage = Stage(driver, language, "--state", folder)
        try:
            first = stage.world.accounts, stage.world.pin, stage.world.links["shop"]
            stage.download()
            stage.pay()
            second = World("--state", folder)
            check(second.process.wait(timeout=DEADLINE) != 0, "a second world took the folder")
            check("another world holds it" in second.said.read_text(), f"the second world says {second.said.read_text()}")
            second.end()
        finally:
            stage.close(signal.SIGKILL)
        stage = Stage(driver, language, "--state", folder)
        try:
            again = stage.world.accounts, stage.world.pin, stage.world.links["shop"]
            check(again == first, f"the world was {first}, and now is {again}")
            stage.sign_in("孙七")
            check(stage.site.balance() == 19_990_000, f"the books have {stage.site.balance()}")
            stage.pay()
            check(stage.site.balance() == 19_980_000, f"the books have {stage.site.balance()}")
        finally:
            stage.close()
    finally:
        shutil.rmtree(parent)


def killed(_driver, _language):
    """Killed at random moments, the world leaves no process and no socket; and a kept one that was killed while it began is there at the next start."""
    for _ in range(8):
        world = World()
        time.sleep(random.uniform(0, 3))
        world.end(random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]))
    parent = pathlib.Path(tempfile.mkdtemp(prefix="wk"))
    try:
        for _ in range(6):
            world = World("--state", parent / "state")
            time.sleep(random.uniform(0, 1.5))
            world.end(signal.SIGKILL)
        World("--state", parent / "state").ready().end()
    finally:
        shutil.rmtree(parent)


def ten(_driver, _language):
    """Ten worlds side by side, each with ports of its own."""
    worlds = [World() for _ in range(10)]
    try:
        ports = [re.search(r":(\d+)", link)[1] for world in worlds for link in world.ready().links.values()]
        check(len(set(ports)) == 10 * len(LINKS), f"worlds share ports: {ports}")
        print(f"    the first of ten was there after {min(world.took for world in worlds):.1f} s, the last after {max(world.took for world in worlds):.1f} s")
    finally:
        for world in worlds:
            world.end()


CHAPTERS = {"zh-CN": [shield, static, card, shop, kept, killed, ten], "en-GB": [shield, static, card, shop]}


def main(*wanted):
    driver = Driver()
    try:
        failed = chapter.tell(CHAPTERS, wanted, driver)
    finally:
        driver.stop()
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


main(*sys.argv[1:])
