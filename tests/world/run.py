"""The whole world, played in Chromium: `tests/world/run`. Words name chapters: `tests/world/run shield`. Only the standard library, and what the
tests of the bank's pages have."""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
import urllib.request

import chapter
from driver import DEADLINE, Browser, Driver, Failure, check, until
from pages import Customer
from stage import LINKS, PICTURES, RECORD, Stage, World


def shield(driver, language):
    """孙七 downloads the ID and pays; what the shield shows is the order, and Cancel ends a thief's."""
    with Stage(driver, language) as stage:
        site = stage.site
        check(stage.download(), "nothing was shown")
        stage.pay(picture=True)
        stage.picture("paid")
        # An order of a thief's, written in the customer's own session: the shield shows whom the money would reach.
        site.transfer(("王五", stage.world.accounts["王五"]), "9999", "房租")
        site.choose("shield")
        stage.give_pin()
        stage.panel.shows("王五")
        check("9999.00" in stage.panel.screen().replace(",", ""), f"the shield shows {stage.panel.screen()}")
        stage.picture("thief")
        stage.panel.press("cancel")
        until(lambda: site.word("pay-still-open") in stage.bank.text(), lambda: f"the bank's page says {stage.bank.text()!r}")
        check(site.state() != site.word("state-posted"), "a cancelled order is paid")


@contextlib.contextmanager
def customer(driver, language):
    """A world, and the bank's pages in a browser that runs no script."""
    with World() as world:
        world.ready()
        browser = Browser(driver, language)
        try:
            yield world, browser, Customer(browser, world.links["bank"], language[:2], "customer")
        finally:
            browser.close()


def static(driver, language):
    """张三 pays by static password until 300 yuan are reached."""
    with customer(driver, language) as (world, browser, site):
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


def card(driver, language):
    """李四 registers the card that is printed, and pays by two of its cells; other cells pay nothing."""
    with customer(driver, language) as (world, browser, site):
        number, cells = world.card()
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


def shop(driver, language):
    """张三 buys a book in the shop, pays it at the bank, and the shop knows."""
    with customer(driver, language) as (world, browser, site):
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


def kept(driver, language):
    """With --state a killed world is found again: the books, and the shield with its ID. No second world takes the folder meanwhile."""
    with tempfile.TemporaryDirectory(prefix="wk") as parent:
        folder = pathlib.Path(parent) / "state"
        with Stage(driver, language, "--state", folder) as stage:
            first = stage.world.accounts, stage.world.pin, stage.world.links["shop"]
            stage.download()
            stage.pay()
            with World("--state", folder) as second:
                check(second.process.wait(timeout=DEADLINE) != 0, "a second world took the folder")
                check("another world holds it" in second.said.read_text(), f"the second world says {second.said.read_text()}")
            stage.world.end(signal.SIGKILL)
        with Stage(driver, language, "--state", folder) as stage:
            again = stage.world.accounts, stage.world.pin, stage.world.links["shop"]
            check(again == first, f"the world was {first}, and now is {again}")
            stage.sign_in("孙七")
            check(stage.site.balance() == 19_990_000, f"the books have {stage.site.balance()}")
            stage.pay()
            check(stage.site.balance() == 19_980_000, f"the books have {stage.site.balance()}")


# What the script says on its way. At a pace to watch, each of these is less than a minute behind the one before.
STEPS = ["一、张三：静态密码", "II. 李四: a password card", "三、孙七：U盾", "The shield has its ID", "IV. A thief", "Nothing was signed", "剧终", "The end."]


@contextlib.contextmanager
def recorded(pace):
    """A world whose story has played itself at this pace, and was recorded."""
    shutil.rmtree(RECORD, ignore_errors=True)
    with World("--script", "--pace", pace, "--record", RECORD, LANG="zh_CN.UTF-8") as world:
        world.ready()
        for part in STEPS:
            world.says(part)
        yield world


def record():
    """The story at a pace to watch, for tests/world/pictures."""
    with recorded("1"):
        pass


def start():
    """How long a world takes until the first page of its bank is there: `PROFILE=release tests/world/run start`."""
    times = []
    for _ in range(9):
        with World() as world:
            world.ready()
            urllib.request.urlopen(world.links["bank"], timeout=DEADLINE).close()
            times.append(time.monotonic() - world.begun)
    print(f"start to first page, of {len(times)}: fastest {min(times):.2f} s, median {statistics.median(times):.2f} s")


def script(driver, language):
    """The story plays itself, tells its steps in both languages, and the books have what it told. Without a browser it says so."""
    with World("--script", PATH="/nowhere") as world:
        check(world.process.wait(timeout=DEADLINE) != 0, "a story was played without a browser")
        check("install chromium" in world.said.read_text(), f"the world says {world.said.read_text()}")
    with recorded("0.1") as world:
        browser = Browser(driver, language)
        try:
            site = Customer(browser, world.links["bank"], language[:2], "customer")
            site.sign_in(world.accounts["孙七"], "demo only 2026")
            check(site.balance() == 19_990_000, f"the books have {site.balance()}")
        finally:
            browser.close()
    check(any(RECORD.glob("*-0.png")), "no picture was taken")


def kill(longest, signals, *options):
    """Ends a world at a random moment by a random signal. Whoever reads of a failure learns both."""
    delay, number = random.uniform(0, longest), random.choice(signals)
    try:
        with World(*options) as world:
            time.sleep(delay)
            world.end(number)
    except Exception as fault:
        raise Failure(f"a world that got {number.name} after {delay:.3f} s: {fault}") from fault


def killed(_driver, _language):
    """Killed at random moments, the world leaves no process and no socket; and a kept one that was killed while it began is there at the next start."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: kill(3, [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]), range(8)))
    with tempfile.TemporaryDirectory(prefix="wk") as parent:
        state = ("--state", pathlib.Path(parent) / "state")
        for _ in range(6):
            kill(1.5, [signal.SIGKILL], *state)
        with World(*state) as world:
            world.ready()


def a_part_is_killed(_driver, _language):
    """Where the bank or the assistant is killed, the world ends, says so, and leaves nothing: no orphan keeps the books or a port."""
    with tempfile.TemporaryDirectory(prefix="wk") as parent:
        state = ("--state", pathlib.Path(parent) / "state")
        for part, words in (("bank", "demo"), ("assistant", "assistant")):
            with World(*state) as world:
                world.ready()
                os.kill(world.process_of(words), signal.SIGKILL)
                check(world.process.wait(timeout=DEADLINE) != 0, f"the world ends well without its {part}")
                check(f"the {part} has ended" in world.said.read_text(), f"the world says {world.said.read_text()}")
                world.is_gone()


def the_stage_is_killed(_driver, _language):
    """Whoever kills by the name of the program hits the stage alone: bank, assistant and browser end with the stage."""
    for number, options in ((signal.SIGKILL, ()), (signal.SIGTERM, ("--script",))):
        with World(*options) as world:
            world.ready()
            if options:
                # The first step is told once the browser has its pages.
                world.says(STEPS[0])
            os.kill(world.stage(), number)
            check(world.process.wait(timeout=DEADLINE) != 0, "the world ends well without its stage")
            world.is_gone()


def the_interrupt_key(_driver, _language):
    """Ctrl-C at a terminal goes to all processes of the world at once, and leaves nothing."""
    keyboard, terminal = os.openpty()
    try:
        with World("--script", "--pace", "0.1", terminal=terminal) as world:
            world.ready()
            world.says(STEPS[0])
            os.write(keyboard, b"\x03")
            world.process.wait(timeout=DEADLINE)
            world.is_gone()
    finally:
        os.close(keyboard)
        os.close(terminal)


def ten(_driver, _language):
    """Ten worlds side by side, each with ports of its own."""
    with contextlib.ExitStack() as stack:
        worlds = [stack.enter_context(World()) for _ in range(10)]
        ports = [re.search(r":(\d+)", link)[1] for world in worlds for link in world.ready().links.values()]
        check(len(set(ports)) == 10 * len(LINKS), f"worlds share ports: {ports}")
        print(f"    the first of ten was there after {min(world.took for world in worlds):.1f} s, the last after {max(world.took for world in worlds):.1f} s")
        # All are asked before the first is waited for: ending takes each a moment.
        for world in worlds:
            world.send(signal.SIGINT)


# What a language does not change is told beside one of them.
CHAPTERS = {
    "zh-CN": [shield, static, card, shop, script],
    "en-GB": [shield, static, card, shop, kept, killed, a_part_is_killed, the_stage_is_killed, the_interrupt_key, ten],
}


def play(language, wanted):
    """Does the chapters of one language, with browsers of their own. Those that failed."""
    driver = Driver()
    try:
        return chapter.tell({language: CHAPTERS[language]}, wanted, driver)
    finally:
        driver.stop()


def main(*wanted):
    if wanted in (("record",), ("start",)):
        return {"record": record, "start": start}[wanted[0]]()
    named = {language for language, chapters in CHAPTERS.items() if not wanted or any(act.__name__ in wanted for act in chapters)}
    assert named, f"no chapter of {wanted}"
    # Both languages at once: most of the time is waited for pages.
    with concurrent.futures.ThreadPoolExecutor() as pool:
        failed = sum(pool.map(lambda language: play(language, wanted), sorted(named)), [])
    if failed:
        sys.exit(f"FAILED: {', '.join(failed)}")


main(*sys.argv[1:])
