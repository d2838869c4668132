"""The customer's story with a shield, from registration to payments that go wrong in every way: each function is a chapter, in this order.

Bank, shield, assistant and browser are real. What the shield shows is read by the test, which presses the buttons."""

import http.server
import json
import re
import threading

from stage import PASSWORD, PIN, Stage

import states

from bank import ROOT
from driver import Browser, Failure, until
from pages import Customer

NAME, FRIEND = "张三", "李四"
DOCUMENT, PHONE = "110101198001011234", "13800000000"
# What a shield shows before it signs a certificate request, which it does twice; the holder's name is on the second page.
REQUEST = "U-shield Test Bank"
REQUESTS = [REQUEST] * 2
# Cuts a call of the page's script: `at` counts the calls whose address has `part`; the answer is lost, or the call never leaves.
CUT = """
const [part, at, after] = arguments, real = window.real ??= window.fetch;
let seen = 0;
window.fetch = async (place, init) => {
  if (!place.includes(part) || ++seen !== at) return real(place, init);
  if (after) await real(place, init);
  throw new TypeError('cut by the test');
};
"""


class Story:
    def __init__(self, driver, language):
        self.driver, self.language = driver, language
        # Each ID ends so soon that its holder may renew it.
        self.stage = Stage().start_bank(settings="certificate_days = 60\n")
        self.browser = Browser(driver, language, scripts=True)
        self.site = Customer(self.browser, self.stage.public, language, "customer")

    def close(self):
        self.browser.close()
        self.stage.stop()

    # What the page's section says

    def live(self):
        # WCAG 2.2, 4.1.3: what the page says is told to whoever does not see it.
        return self.browser.text("[data-live][role=status]")

    def hears(self, key, **values):
        """Waits until the live region has this text of the bank's."""
        return self.hears_text(self.site.word(key, **values))

    def hears_text(self, text):
        self.wait(lambda: text in self.live(), f"the page does not say {text!r}")

    def wait(self, condition, why):
        try:
            until(condition, why)
        except Failure as fault:
            raise Failure(f"{fault}, but {self.browser.text()!r}") from None

    def hears_words(self, code):
        """Waits for the assistant's own words for this code."""
        what, following = self.words(code)
        self.hears_text(what)
        self.hears_text(following)

    def words(self, code):
        return WORDS[self.language][code]

    def begin(self):
        self.browser.find("[data-do=begin]:not([hidden])").click()

    def stop(self):
        self.browser.find("[data-do=cancel]").click()

    def can_begin(self):
        until(lambda: self.browser.find_all("[data-do=begin]:not([hidden]), form[data-when]:not([hidden])"), "no button to begin again")

    def cut(self, part, at=1, after=False):
        self.browser.run(CUT, part, at, after)

    def fresh(self):
        """Another assistant: this one has asked for the PIN three times, and would not again within this minute."""
        self.stage.stop_assistant()
        self.stage.start_assistant(token=self.token)

    # Steps

    def write_order(self, amount="100", memo="房款"):
        """An order, for which the customer has chosen the shield."""
        order = self.site.transfer((FRIEND, self.friend), amount, memo)
        self.site.choose("shield")
        return order

    def is_paid(self):
        self.wait(lambda: self.site.state() == self.site.word("state-posted"), "the order is not paid")

    def renew(self, look=lambda: None):
        """Renews the ID, from the page that offers it. `look` looks at the page that has the code."""
        self.site.send("/shield/renew")
        look()
        self.browser.find("form[data-when] button").click()
        self.token.confirm(*REQUESTS)
        # The shield asks before the new key takes the place of the former one.
        self.token.confirm("更换")
        self.hears("download-done")

    def type_code(self, code):
        self.site.fill(reference=code["reference"], code=code["code"])
        self.browser.find("form[data-when] button").click()


def words_of(language):
    """The assistant's words, read from its source: code, what, what next."""
    found, at = {}, 0 if language == "zh" else 1
    string = r'"((?:[^"\\]|\\.)*)"'
    pair = rf"\[\s*{string},\s*{string},?\s*\]"
    for name in ("shield", "operation", "machine"):
        text = (ROOT / f"assistant/src/words/{name}.rs").read_text()
        for code, *said in re.findall(rf'"([a-z_-]+)",\s*{pair},\s*{pair}', text):
            found[code] = tuple(said[2 * at:][:2])
        # What the doctor finds: many findings have one mend, which has a name.
        mends = {mend: said for mend, *said in re.findall(rf"const ([A-Z]+): [^=]*= {pair}", text)}
        for code, zh, en, mend, *own in re.findall(rf'row\(\s*"([a-z_0-9]+)",\s*{string},\s*{string},\s*(?:([A-Z]+)|{pair}),?\s*\)', text):
            found[code] = ((zh, en)[at], (mends.get(mend) or own)[at])
    return found


WORDS = {language: words_of(language) for language in ("zh", "en")}


def registration(story):
    """The counter opens an account; the customer registers on the web, and gets a shield at the counter."""
    site, stage = story.site, story.stage
    opened = {"name": NAME, "document": DOCUMENT, "phone": PHONE, "deposit": "200000"}
    story.account = stage.act("open", **opened)["account"]
    story.friend = stage.act("open", **opened | {"name": FRIEND, "document": "110101198202022345", "deposit": ""})["account"]
    story.papers = {"account": story.account, "document": DOCUMENT}
    site.open("/register/agreement")
    site.send("/register/data")
    site.fill(account=story.account, document=DOCUMENT, phone=PHONE, password=PASSWORD, again=PASSWORD)
    site.send("/register/done")
    site.is_at("/registered")
    story.token = stage.plug("one", pin=None, tokens=2)
    story.token.unplug(at=1)
    stage.act("enable", **story.papers)
    story.code = stage.hand_out(story.token.serial, **story.papers)
    site.sign_in(story.account, PASSWORD)
    site.follow("/shield")
    site.look("shield-bound")
    site.says("shield-bound")


def set_up_names_what_is_missing(story):
    """The set-up page goes on by itself: the assistant is started late, the shield is plugged in late, and has the factory PIN."""
    site, stage, token = story.site, story.stage, story.token
    site.follow("/set-up")
    site.look("set-up", keyboard=True)
    site.says("package-none")
    token.unplug()
    story.begin()
    story.hears("no-assistant")
    site.look("no-assistant", keyboard=True)
    stage.start_assistant(token=token)
    story.hears_words("no_token")
    site.look("no-token")
    token.plug()
    story.hears_words("factory_pin")
    site.look("factory-pin", keyboard=True)
    story.stop()
    story.hears("look-over")


def the_pin_is_changed(story):
    site, stage = story.site, story.stage
    site.open("/shield")
    site.follow("/shield/pin")
    site.look("pin", keyboard=True)
    stage.write("pin", "111222")
    story.begin()
    story.hears_words("pin-wrong")
    story.hears("tries-left")
    site.look("pin-wrong")
    stage.write("pin", "12345678")
    stage.write("new-pin", "111111")
    story.begin()
    story.hears_words("pin_weak")
    stage.write("new-pin", PIN)
    story.begin()
    story.hears("pin-changed")
    site.look("pin-changed")
    stage.write("pin", PIN)


def wrong_codes_are_told(story):
    site = story.site
    site.open("/shield")
    site.follow("/shield/download")
    site.look("download", keyboard=True)
    story.type_code(story.code | {"code": "0000000000"})
    story.hears("refusal-code-wrong")
    story.hears("refusal-code-wrong-next")
    site.look("download-code-wrong", keyboard=True)
    # What was typed is still there.
    if site.value("reference") != story.code["reference"]:
        raise Failure("the page lost the reference")


def each_interruption_leaves_nothing_half_written(story):
    """The download is cut at each step, and begun again with the same code."""
    site, stage, token = story.site, story.stage, story.token
    story.fresh()

    def again(what):
        """The page says that nothing is half written, and what to do."""
        story.hears("download-again")
        site.look(f"download-{what}")
        story.fresh()

    # The shield's holder presses Cancel, on the first request and on the second.
    for before in (0, 1):
        story.type_code(story.code)
        token.confirm(*REQUESTS[:before])
        token.shows(REQUEST)
        story.hears("download-look")
        if not before:
            site.look("download-screen", keyboard=True)
        token.press("cancel", REQUEST)
        story.hears_words("cancelled")
        again("cancelled")
    # The shield is unplugged while it asks.
    story.type_code(story.code)
    token.shows(REQUEST)
    token.unplug()
    story.hears_words("token-gone")
    again("unplugged")
    token.plug()
    # The customer stops.
    story.type_code(story.code)
    token.shows(REQUEST)
    story.stop()
    story.hears_words("given_up")
    again("stopped")
    # The assistant dies.
    story.type_code(story.code)
    token.shows(REQUEST)
    stage.stop_assistant(hard=True)
    story.hears("assistant-lost")
    again("lost")
    # The page is loaded anew.
    story.type_code(story.code)
    token.shows(REQUEST)
    site.browser.reload()
    story.hears("download-interrupted")
    again("reloaded")
    # The bank is not reached: each of its calls, before and after it was answered; and so the assistant's installation.
    for part, at in (("/api/id/present", 1), ("/api/id/certify", 1), ("/api/id/certify", 2)):
        for after in (False, True):
            story.cut(part, at, after)
            story.type_code(story.code)
            if part != "/api/id/present":
                token.confirm(*REQUESTS)
            story.hears("bank-silent")
            again("bank-silent")
    story.cut("/install")
    story.type_code(story.code)
    token.confirm(*REQUESTS)
    story.hears("assistant-lost")
    again("not-installed")
    # It was installed, and the page never heard so: the next attempt finds the ID, and tells the bank.
    story.cut("/install", after=True)
    story.type_code(story.code)
    token.confirm(*REQUESTS)
    story.hears("assistant-lost")
    until(token.has_id, "the ID does not arrive on the shield")
    site.open("/shield")
    site.says("shield-bound")


def the_id_is_found_and_told(story):
    site = story.site
    story.fresh()
    site.open("/shield/download")
    story.cut("/api/id/deliver")
    story.type_code(story.code)
    story.hears("bank-silent")
    site.look("download-not-told")
    story.type_code(story.code)
    story.hears("download-done")
    site.look("download-done", keyboard=True)
    site.follow("/shield")
    site.says("shield-delivered")
    site.look("shield-delivered")
    site.follow("/shield/download")
    story.type_code(story.code)
    story.hears("download-already")
    story.hears("delivered-at")
    site.look("download-already", keyboard=True)


def the_shield_pays(story):
    site, token = story.site, story.token
    story.fresh()
    begin = site.balance()
    order = story.write_order()
    # The customer has just chosen the shield, so the page begins by itself.
    story.hears("pay-look")
    site.look("pay-screen", keyboard=True)
    shown = token.shows(r"¥100\.00")
    if FRIEND not in str(shown):
        raise Failure(f"the shield shows {shown}")
    token.confirm(r"¥100\.00")
    story.is_paid()
    site.is_at(f"/order/{order}")
    site.look("pay-paid")
    # Reload and back make no second order, and pay nothing twice.
    site.browser.reload()
    site.is_in("posted")
    site.browser.back()
    site.open("/order")
    if len(site.browser.find_all("tbody tr")) != 1:
        raise Failure("there is more than one order")
    if site.balance() != begin - 10_000:
        raise Failure(f"the balance is {site.balance()}, and was {begin}")
    # A large sum, which only a shield pays, and a bill.
    story.write_order("60000", "大额")
    token.confirm(r"¥60,?000\.00")
    story.is_paid()


def the_shield_is_plugged_in_late(story):
    token = story.token
    story.fresh()
    token.unplug()
    story.write_order("1.01")
    story.hears_words("no_token")
    story.hears("goes-on")
    story.site.look("pay-no-token", keyboard=True)
    token.plug()
    token.confirm(r"¥1\.01")
    story.is_paid()


def a_cancelled_payment_leaves_the_order_open(story):
    site, stage, token = story.site, story.stage, story.token
    story.fresh()
    order = story.write_order("1.02")
    token.shows(r"¥1\.02")
    token.press("cancel")
    story.hears_words("cancelled")
    story.hears("pay-still-open")
    site.look("pay-cancelled", keyboard=True)
    story.begin()
    token.shows(r"¥1\.02")
    story.stop()
    story.hears_words("given_up")
    story.hears("pay-still-open")
    site.look("pay-stopped")
    stage.write("pin", "999999")
    story.begin()
    story.hears_words("pin-wrong")
    story.hears("tries-left")
    site.look("pay-pin-wrong")
    # A fourth question within a minute is not asked.
    story.begin()
    story.hears_words("too_many_prompts")
    stage.write("pin", PIN)
    story.fresh()
    story.can_begin()
    story.begin()
    token.confirm(r"¥1\.02")
    story.is_paid()
    site.is_at(f"/order/{order}")


def an_interrupted_payment_goes_on(story):
    site, stage, token = story.site, story.stage, story.token
    story.fresh()
    story.write_order("1.03")
    token.shows(r"¥1\.03")
    token.unplug()
    story.hears_words("token-gone")
    site.look("pay-unplugged")
    token.plug()
    story.begin()
    token.shows(r"¥1\.03")
    stage.stop_assistant(hard=True)
    story.hears("assistant-lost")
    site.look("pay-lost")
    stage.start_assistant(token=token)
    # The document is signed, and the bank's answer is lost: the same document again pays once.
    story.cut("/api/payment", after=True)
    story.begin()
    token.confirm(r"¥1\.03")
    story.hears("bank-silent")
    site.look("pay-bank-silent")
    story.begin()
    story.is_paid()


def the_page_is_loaded_anew(story):
    """In the middle, while the shield asks: the page finds its operation, and pays what was signed meanwhile."""
    site, token = story.site, story.token
    story.fresh()
    begin = site.balance()
    story.write_order("1.04")
    token.shows(r"¥1\.04")
    # The shield may ask before the page has heard of its operation: a page that is loaded anew then only knows that there was one.
    story.hears("pay-look")
    site.browser.reload()
    story.hears("pay-look")
    token.confirm(r"¥1\.04")
    story.is_paid()
    # The operation is over when the page comes back: it says so, and one click signs anew.
    order = story.write_order("1.05")
    token.shows(r"¥1\.05")
    site.open("/account")
    story.fresh()
    site.open(f"/order/{order}")
    story.hears("pay-interrupted")
    site.look("pay-interrupted")
    story.begin()
    token.confirm(r"¥1\.05")
    story.is_paid()
    if site.balance() != begin - 209:
        raise Failure(f"the balance is {site.balance()}, and was {begin}")


def two_tabs(story):
    site, token, first = story.site, story.token, story.browser.window()
    story.fresh()
    order = story.write_order("1.06")
    token.shows(r"¥1\.06")
    second = story.browser.new_tab()
    site.open(f"/order/{order}")
    story.can_begin()
    story.begin()
    story.hears_words("busy")
    site.look("pay-busy", keyboard=True)
    story.browser.to_window(first)
    token.confirm(r"¥1\.06")
    story.is_paid()
    # The second tab goes on, and sees that the order does not wait any more.
    story.browser.to_window(second)
    story.hears("pay-moved")
    site.look("pay-moved")
    story.begin()
    story.is_paid()
    story.browser.ask("DELETE", "/window")
    story.browser.to_window(first)


def two_shields(story):
    """The page takes the shield that the bank knows; another one alone is not it; and where no serial number is known, two are too many."""
    site, token = story.site, story.token
    story.fresh()
    token.plug(at=1)
    story.write_order("1.07")
    token.confirm(r"¥1\.07")
    story.is_paid()
    site.open("/set-up")
    story.begin()
    story.hears_words("several_tokens")
    site.look("several-tokens")
    token.unplug()
    story.write_order("1.08")
    story.hears_words("other_token")
    site.look("pay-other-token")
    token.plug()
    token.unplug(at=1)
    token.confirm(r"¥1\.08")
    story.is_paid()


def nobody_can_be_asked(story):
    """The assistant has neither pinentry nor a terminal. The customer starts another one, and the page goes on."""
    story.stage.stop_assistant()
    story.stage.start_assistant(token=story.token, prompts=False)
    story.write_order("1.11")
    story.hears_words("no_prompt")
    story.site.look("pay-no-prompt", keyboard=True)
    story.fresh()
    story.token.confirm(r"¥1\.11")
    story.is_paid()


class Squatter:
    """What listens at a port of the assistant's, and is none, or one of another version."""

    def __init__(self, port, status, body):
        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(204 if self.command == "OPTIONS" else status)
                self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", ""))
                self.send_header("Access-Control-Allow-Headers", "content-type, x-ushield")
                self.end_headers()
                if self.command != "OPTIONS":
                    self.wfile.write(body)

            do_POST = do_OPTIONS = do_GET = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def another_program_at_the_port(story):
    site, stage, token = story.site, story.stage, story.token
    stage.stop_assistant()
    what, following = WORDS[story.language]["version"]
    words = {story.language: {"what": what, "next": f"<img src=x onerror=alert(1)> {following}"}}
    old = Squatter(17320, 409, json.dumps({"error": {"code": "version", "words": words}, "version": "0.0.1"}).encode())
    site.open("/set-up")
    story.begin()
    story.hears_text(what)
    # What came is text, whatever it is.
    story.hears_text("<img src=x onerror=alert(1)>")
    site.look("too-old", keyboard=True)
    old.stop()
    stranger = Squatter(17320, 200, b"<html>hello</html>")
    if stage.start_assistant(token=token) != 17321:
        raise Failure("the assistant is not at its second port")
    site.open("/set-up")
    story.begin()
    story.hears("look-ready")
    site.look("ready")
    stranger.stop()


def the_id_is_renewed(story):
    site, token = story.site, story.token
    story.fresh()
    site.open("/account")
    site.says("renew-soon")
    site.look("accounts-renew")
    site.open("/shield")
    site.look("shield-renew", keyboard=True)
    story.renew(lambda: site.look("renew", keyboard=True))
    site.look("renew-done")
    story.write_order("1.09")
    token.confirm(r"¥1\.09")
    story.is_paid()


def the_pin_is_locked(story):
    site, stage = story.site, story.stage
    for turn in range(6):
        # An assistant asks three times a minute at most, so each try has one of its own.
        stage.write("pin", "999999")
        stage.stop_assistant()
        stage.start_assistant(token=story.token, pin="999999")
        if turn == 0:
            # The page begins by itself, because the customer has just chosen the shield.
            story.write_order("1.10")
        else:
            story.can_begin()
            story.begin()
        story.hears_words("pin-wrong" if turn < 5 else "pin-blocked")
        if turn == 4:
            story.hears_text("1")
        site.look("pay-pin-locked" if turn == 5 else "pay-pin-wrong")
    story.begin()
    story.hears_words("pin_locked")


CHAPTERS = [
    registration,
    set_up_names_what_is_missing,
    the_pin_is_changed,
    states.no_id_yet,
    wrong_codes_are_told,
    each_interruption_leaves_nothing_half_written,
    the_id_is_found_and_told,
    the_shield_pays,
    the_shield_is_plugged_in_late,
    a_cancelled_payment_leaves_the_order_open,
    an_interrupted_payment_goes_on,
    the_page_is_loaded_anew,
    two_tabs,
    two_shields,
    states.another_banks_shield,
    states.a_missing_driver,
    states.a_program_holds_the_shield,
    nobody_can_be_asked,
    another_program_at_the_port,
    the_id_is_renewed,
    states.the_id_has_expired,
    the_pin_is_locked,
]
