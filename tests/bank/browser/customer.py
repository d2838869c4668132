"""The customer's story at the demo, from the home page to the last refusal. Each function is a chapter; they run in this order."""

import concurrent.futures
import http.server
import threading
import urllib.error
import urllib.parse
import urllib.request

import rules
from driver import Browser, Failure, until
from pages import Customer

WATER = "6222021234567890"
NEW_PASSWORD = "一个新的 password"


class Story:
    def __init__(self, driver, bank, language):
        self.driver, self.bank, self.language = driver, bank, language
        self.browser = Browser(driver, language)
        self.site = Customer(self.browser, bank.public, language, "customer")

    def close(self):
        self.browser.close()

    def person(self, kind):
        return self.bank.people[kind]

    def enter(self, kind):
        self.site.sign_in(self.person(kind)["account"], self.bank.password)
        self.site.is_at("/account")


def home_page(story):
    site = story.site
    site.open("/")
    site.look("home", keyboard=True)
    for key in ("personal-banking", "care", "care-card", "kind-web", "kind-card", "kind-shield", "install"):
        site.says(key)
    # The real address is that of the browser.
    site.says("care-address", address=site.origin)
    site.says("care-lost", number="95588")
    site.follow("/set-up")
    site.is_at("/set-up")
    site.look("set-up")
    site.says("package-none")


def the_rules_find_what_is_wrong(story):
    """Each rule of rules.py is broken in turn on a page that keeps them all: a rule that finds nothing here would find nothing anywhere."""
    site = story.site
    breaks = {
        "3.1.1": "document.documentElement.lang = 'fr'",
        "2.4.2": "document.title = 'bank'",
        "1.3.1": "document.querySelector('h1').remove()",
        "3.3.2": "document.querySelector('main label').replaceWith(document.querySelector('main label input'))",
        "1.3.5": "document.querySelector('[type=password]').removeAttribute('autocomplete')",
        "4.1.2": "document.querySelector('main button').textContent = ''",
        "ASVS 3.5.1": "document.querySelector('main [name=token]').remove()",
        "CSP": "document.body.append(document.createElement('script'))",
        "1.4.10": "document.querySelector('main form').style.cssText = 'max-width: none; width: 2000px'",
        "2.5.8": "document.querySelector('main button').style.cssText = 'min-height: 0; height: 9px; padding: 0'",
        "1.4.3": "document.querySelector('h1').style.color = '#bbb'",
        "1.4.11": "document.querySelector('main input:not([type=hidden])').style.borderColor = '#eee'",
        "text": "document.querySelector('h1').textContent = 'personal-banking'",
        "readable": "document.querySelector('main label').style.width = '20px'",
    }
    for clause, change in breaks.items():
        site.open("/sign-in")
        rules.check(site.browser, story.language, "the whole page")
        site.browser.run(change)
        try:
            rules.check(site.browser, story.language, "the broken page")
        except Failure as found:
            if f"\n  {clause} " in str(found):
                continue
            raise Failure(f"{clause} was broken, and the rules found {found}") from None
        raise Failure(f"{clause} was broken, and the rules found nothing")
    # Focus that is not seen, and a link that Tab does not reach.
    for change in ("e => e.style.outline = 'none'", "e => e.tabIndex = -1"):
        site.open("/sign-in")
        site.browser.run(f"document.querySelectorAll('main a').forEach({change})")
        try:
            rules.check_keyboard(site.browser, "the broken page")
        except Failure:
            continue
        raise Failure(f"the keyboard's rule did not find {change}")
    site.browser.log()


def the_other_language(story):
    site = story.site
    other = {"zh": "en", "en": "zh"}[story.language]
    site.open("/register/agreement")
    site.browser.find(f'.tools a[lang="{other}"]').go()
    site.is_at("/register/agreement")
    if site.browser.run("return document.documentElement.lang") != other:
        raise Failure("the link did not change the language")
    site.browser.find(f'.tools a[lang="{story.language}"]').go()
    site.says("agreement-1-text")


def registration(story):
    site, person = story.site, story.person("account")
    site.open("/")
    site.follow("/register")
    site.look("register-notice")
    site.follow("/register/agreement")
    site.look("register-agreement")
    site.says("agreement-version", version="2026-11-28")
    site.send("/register/data")
    site.look("register-data", keyboard=True)
    given = {"account": person["account"], "document": person["document"], "phone": "13900000000"}
    site.fill(**given, password=NEW_PASSWORD, again=NEW_PASSWORD)
    site.send("/register/done")
    site.refuses("no-match")
    site.look("register-refused")
    # What was typed is still there; passwords are not.
    if site.value("account") != person["account"] or site.value("password"):
        raise Failure("the form lost the number, or kept the password")
    site.fill(phone=person["phone"], password="short", again="short")
    site.send("/register/done")
    site.refuses("weak-password")
    site.fill(password=NEW_PASSWORD, again=NEW_PASSWORD + "x")
    site.send("/register/done")
    site.refuses("passwords-differ")
    site.fill(password=NEW_PASSWORD, again=NEW_PASSWORD)
    site.send("/register/done")
    site.is_at("/registered")
    site.look("registered")
    site.browser.reload()
    site.says("registered-text")
    # A second registration gets the same answer as a stranger's.
    site.open("/register/agreement")
    site.send("/register/data")
    site.fill(**given | {"phone": person["phone"]}, password=NEW_PASSWORD, again=NEW_PASSWORD)
    site.send("/register/done")
    site.refuses("no-match")


def log_in_and_see_the_balance(story):
    site, person = story.site, story.person("account")
    site.open("/")
    site.follow("/sign-in")
    site.look("sign-in", keyboard=True)
    site.fill(account=person["account"], password="not the password")
    site.send("/sign-in")
    site.refuses("wrong-login")
    site.look("sign-in-refused")
    # As it stands on the card, with spaces.
    number = person["account"]
    site.fill(account=" ".join(number[at : at + 4] for at in range(0, 16, 4)), password=NEW_PASSWORD)
    site.send("/sign-in")
    site.is_at("/account")
    site.look("accounts", keyboard=True)
    site.has("10,000.00")
    site.follow(f"/account/{number}")
    site.look("statement")
    site.says("memo-deposit")
    for name, cookie in site.browser.cookies().items():
        guarded = name.startswith("__Host-") and cookie["httpOnly"] and cookie["secure"] and cookie["path"] == "/"
        if not guarded or cookie["sameSite"] != ("Lax" if name == "__Host-language" else "Strict"):
            raise Failure(f"the cookie {cookie}")
    site.sign_out()
    # Nothing of the account is in the browser's memory (ASVS 14.3.2).
    site.browser.back()
    if "10,000.00" in site.browser.text("body"):
        raise Failure("the back button shows the balance after log-out")


def registered_on_the_web_pays_nothing(story):
    site = story.site
    story.enter("web")
    site.follow("/method")
    site.look("methods")
    site.says("refusal-not-enabled")
    site.says("refusal-not-enabled-next")
    site.open("/order")
    site.look("orders-none")
    site.says("no-orders")
    site.open("/card")
    site.look("card-none")
    site.says("refusal-no-card")
    payee = story.person("static")
    site.transfer((payee["name"], payee["account"]), "5")
    site.look("order-impossible")
    site.says("refusal-not-enabled")
    if site.browser.find_all('form[action$="/ask"]'):
        raise Failure("a way to pay is offered")
    site.browser.find('form[action$="/cancel"] button').go()
    site.is_in("cancelled")
    site.look("order-cancelled")
    site.sign_out()


def a_form_says_what_is_wrong(story):
    site = story.site
    story.enter("static")
    site.follow("/transfer")
    site.look("transfer", keyboard=True)
    own, other = story.person("static"), story.person("card")
    for payee, amount, code in (
        ((other["name"], other["account"]), "12.345", "bad-amount"),
        (("somebody", other["account"]), "12", "bad-payee"),
        ((own["name"], own["account"]), "12", "same-account"),
    ):
        site.fill(payee_name=payee[0], payee=payee[1], amount=amount, memo="<b>memo</b>")
        site.send("/transfer")
        site.refuses(code)
        if site.value("amount") != amount or site.value("memo") != "<b>memo</b>":
            raise Failure("the form lost what was typed")
    site.look("transfer-refused")
    site.open("/remittance")
    site.look("remittance")
    site.sign_out()


def static_password(story):
    site = story.site
    story.enter("static")
    begin = site.balance()
    site.follow("/payment")
    site.look("bill")
    order = site.bill(WATER, "7")
    site.look("order", keyboard=True)
    site.says("refusal-no-card")
    site.choose("static")
    site.look("order-static", keyboard=True)
    site.answer("wrong2026")
    site.refuses("wrong-answer")
    site.look("answer-refused")
    site.follow(f"/order/{order}")
    site.answer(story.bank.payment_password)
    site.is_in("posted")
    site.look("order-paid")
    # The back button and a reload pay nothing twice.
    site.browser.reload()
    site.is_in("posted")
    site.browser.back()
    site.open(f"/order/{order}")
    site.is_in("posted")
    if site.balance() != begin - 700:
        raise Failure(f"the balance is {site.balance()}, and was {begin}")
    # 300 yuan in total, for ever.
    site.bill(WATER, "293.01")
    site.says("refusal-static-used-up")
    site.browser.find('form[action$="/cancel"] button').go()
    site.open("/method")
    site.says("spent-of", spent="7.00", ceiling="300.00")
    site.open("/order")
    site.look("orders")


def sent_twice_is_one_order(story):
    """Two clicks at once on the same form, by requests that carry the browser's own cookies and token."""
    site, payee = story.site, story.person("card")
    site.open("/transfer")
    cookies = "; ".join(f"{name}={cookie['value']}" for name, cookie in site.browser.cookies().items())
    fields = {"payee": payee["account"], "payee_name": payee["name"], "amount": "3", "memo": "twice"}
    fields |= {name: site.browser.find(f'main [name="{name}"]').attribute("value") for name in ("token", "form_key", "payer")}

    def send(fields):
        data = urllib.parse.urlencode(fields).encode()
        headers = {"Cookie": cookies, "Origin": site.origin}
        try:
            with urllib.request.urlopen(urllib.request.Request(site.origin + "/transfer", data, headers)) as answer:
                return answer.url
        except urllib.error.HTTPError as error:
            return error.code

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        places = set(pool.map(send, [fields] * 8))
    if len(places) != 1 or "/order/" not in str(*places):
        raise Failure(f"one form became {places}")
    # The same page with another amount is another wish, and is refused.
    if send(fields | {"amount": "4"}) != 409:
        raise Failure("a form was taken twice")
    # The same by the browser's own back button.
    order = site.transfer((payee["name"], payee["account"]), "2")
    site.browser.back()
    site.fill(payee_name=payee["name"], payee=payee["account"], amount="2")
    site.send("/transfer")
    if site.browser.url().endswith(order):
        return
    # The browser has asked for the form again (no-store), so this is a new form, and a new order.
    site.is_in("created")


def another_tab_ends_the_session(story):
    site, first = story.site, story.browser.window()
    site.open("/transfer")
    second = story.browser.new_tab()
    site.open("/account")
    site.sign_out()
    story.browser.to_window(first)
    payee = story.person("card")
    site.fill(payee_name=payee["name"], payee=payee["account"], amount="1")
    site.send("/transfer")
    if not site.browser.find_all("[role=alert]"):
        raise Failure(site.browser.text())
    site.look("session-ended")
    # And a link: the log-in says why it is there.
    story.enter("static")
    story.browser.to_window(second)
    site.open("/account")
    site.sign_out()
    story.browser.to_window(first)
    site.open("/account")
    site.is_at("/sign-in")
    story.browser.to_window(second)
    story.browser.ask("DELETE", "/window")
    story.browser.to_window(first)


def another_browser_is_shown_and_ended(story):
    site = story.site
    story.enter("static")
    other = Browser(story.driver, story.language)
    try:
        there = Customer(other, story.bank.public, story.language, "other")
        there.sign_in(story.person("static")["account"], story.bank.password)
        there.is_at("/account")
        site.follow("/session")
        site.look("sessions", keyboard=True)
        site.send("/session/end")
        site.is_at("/session")
        there.open("/account")
        there.is_at("/sign-in")
        there.refuses("sign-in")
        there.look("sign-in-ended")
    finally:
        other.close()


def another_password(story):
    site, old = story.site, story.bank.password
    for former, new, again, code in (
        (old, NEW_PASSWORD, NEW_PASSWORD + "x", "passwords-differ"),
        ("not the password", NEW_PASSWORD, NEW_PASSWORD, "wrong-password"),
        (old, old, old, "same-password"),
        (old, "12345678", "12345678", "weak-password"),
    ):
        site.open("/password")
        site.fill(former=former, password=new, again=again)
        site.send("/password")
        site.refuses(code)
    site.look("password-refused")
    site.open("/password")
    site.look("password")
    site.fill(former=old, password=NEW_PASSWORD, again=NEW_PASSWORD)
    site.send("/password")
    site.is_at("/account")
    site.sign_out()
    site.sign_in(story.person("static")["account"], old)
    site.refuses("wrong-login")
    site.sign_in(story.person("static")["account"], NEW_PASSWORD)
    site.is_at("/account")
    site.open("/payment-password")
    site.look("payment-password")
    site.fill(login=NEW_PASSWORD, password="onlyletters", again="onlyletters")
    site.send("/payment-password")
    site.refuses("payment-password-form")
    site.fill(login=NEW_PASSWORD, password="another2026", again="another2026")
    site.send("/payment-password")
    site.is_at("/method")
    site.sign_out()


def password_card(story):
    site, person = story.site, story.person("card")
    card, payee = person["card"], story.person("static")
    story.enter("card")
    begin = site.balance()
    order = site.transfer((payee["name"], payee["account"]), "100", "rent")
    site.says("refusal-card-not-active")
    site.follow("/card")
    site.look("card", keyboard=True)
    site.fill(number="000000000000")
    site.send("/card/activate")
    site.refuses("not-that-card")
    site.fill(number=card["id"])
    site.send("/card/activate")
    site.look("card-active")
    site.open(f"/order/{order}")
    site.choose("card")
    site.look("order-card", keyboard=True)
    cells = site.cells()
    code = "".join(dict(card["rows"])[int(cell[1:])][card["columns"].index(cell[0])] for cell in cells)
    site.browser.reload()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    site.answer(story.bank.payment_password, wrong)
    site.refuses("wrong-answer")
    site.follow(f"/order/{order}")
    # After a reload and a wrong answer it is the same pair, or a thief waits for the cells that he has.
    if site.cells() != cells:
        raise Failure(f"the cells were {cells}, and now are {site.cells()}")
    site.answer(story.bank.payment_password, code)
    site.is_in("posted")
    site.look("order-paid-by-card")
    if site.balance() != begin - 10_000:
        raise Failure(f"the balance is {site.balance()}")
    site.open("/card")
    site.says("uses-of", uses="1", most="1000")
    # Above the limit of a payment, and a sum that only a shield pays.
    site.transfer((payee["name"], payee["account"]), "500.01")
    site.says("refusal-over-payment")
    site.transfer((payee["name"], payee["account"]), "50000")
    site.says("refusal-large-by-shield")
    site.look("order-large")


def remittance(story):
    site, card = story.site, story.person("card")["card"]
    for account, state in (("6217001234567890", "accepted"), ("6217001234560000", "returned")):
        begin = site.balance()
        site.remit(("钱七", account), "上海银行", "20")
        site.choose("card")
        code = "".join(dict(card["rows"])[int(cell[1:])][card["columns"].index(cell[0])] for cell in site.cells())
        site.answer(story.bank.payment_password, code)
        site.is_in("posted")

        def answered():
            site.browser.reload()
            return site.word(f"remittance-{state}") in site.browser.text()

        until(answered, f"the other bank did not answer with {state}")
        site.look(f"remittance-{state}")
        left = begin - (2000 if state == "accepted" else 0)
        if site.balance() != left:
            raise Failure(f"the balance is {site.balance()}, not {left}")
    site.open(f"/account/{story.person('card')['account']}")
    site.says("memo-returned")
    site.look("statement-long")


def failures_are_pages(story):
    site = story.site
    for path, code in (("/nowhere", "not-found"), ("/order/0", "not-yours"), ("/card/activate", "wrong-method")):
        site.open(path)
        site.refuses(code)
        site.look(f"failure-{code}")
    site.open("/transfer")
    site.browser.run("document.querySelector('[name=memo]').maxLength = 99999; document.querySelector('[name=memo]').value = 'x'.repeat(20000)")
    site.fill(payee_name="x", payee="6222021234567890", amount="1")
    site.send("/transfer")
    site.refuses("too-large")
    site.look("failure-too-large")
    site.open("/transfer")
    site.browser.run("document.querySelector('main [name=token]').value = '0'")
    site.fill(payee_name="x", payee="6222021234567890", amount="1")
    site.send("/transfer")
    site.refuses("foreign-form")


def arrival_from_another_site(story):
    """Another site's link brings no cookie that is SameSite=Strict: the arrival page is public, and its own link brings the cookie."""
    site, payee = story.site, story.person("static")
    order = site.transfer((payee["name"], payee["account"]), "1")
    page = f'<!doctype html><a href="{site.origin}/pay/{order}">pay</a><a href="{site.origin}/account">account</a>'

    class Shop(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    # The bank is at localhost, and the shop is at 127.0.0.1: to a browser these are two sites.
    shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    try:
        site.browser.open(f"http://127.0.0.1:{shop.server_port}/")
        site.browser.log()
        site.browser.find(f'a[href$="/account"]').go()
        site.is_at("/sign-in")
        site.browser.open(f"http://127.0.0.1:{shop.server_port}/")
        site.browser.log()
        site.browser.find(f'a[href$="/pay/{order}"]').go()
        site.is_at(f"/pay/{order}")
        if site.browser.find_all('form[action="/sign-out"]'):
            raise Failure("another site's link brought the session's cookie")
        site.look("arrival")
        site.follow(f"/order/{order}")
        site.is_at(f"/order/{order}")
        site.is_in("created")
    finally:
        shop.shutdown()
    site.sign_out()


def log_in_is_throttled(story):
    site, account = story.site, story.person("card")["account"]
    for _ in range(6):
        site.sign_in(account, "not the password")
    site.refuses("too-many-tries")
    site.look("sign-in-throttled")


CHAPTERS = [
    home_page,
    the_rules_find_what_is_wrong,
    the_other_language,
    registration,
    log_in_and_see_the_balance,
    registered_on_the_web_pays_nothing,
    a_form_says_what_is_wrong,
    static_password,
    sent_twice_is_one_order,
    another_tab_ends_the_session,
    another_browser_is_shown_and_ended,
    another_password,
    password_card,
    remittance,
    failures_are_pages,
    arrival_from_another_site,
    log_in_is_throttled,
]
