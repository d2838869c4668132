"""The counter's story, at a bank that its operator has made: from the account to the expired order. The chapters run in this order."""

import time

from driver import Browser, Failure, until
from pages import PICTURES, Counter, Customer

OWN = "my own password 1"
PAYMENT = "counter2026"


class Story:
    def __init__(self, driver, bank, language):
        self.driver, self.bank, self.language = driver, bank, language
        self.browsers = [Browser(driver, language) for _ in range(3)]
        lin, zhao, customer = self.browsers
        self.browser = lin
        self.lin = Counter(lin, bank.counter, language, "lin")
        self.zhao = Counter(zhao, bank.counter, language, "zhao")
        self.site = Customer(customer, bank.public, language, "customer")

    def close(self):
        for browser in self.browsers:
            browser.close()

    def find(self, teller=None):
        (teller or self.lin).find(self.account, "110101197001011234")


def tellers_log_in(story):
    lin, zhao = story.lin, story.zhao
    lin.open("/")
    lin.is_at("/sign-in")
    lin.look("counter-sign-in", keyboard=True)
    lin.sign_in("lin", "not the password")
    lin.refuses("wrong-login")
    lin.look("counter-sign-in-refused")
    lin.sign_in("lin", story.bank.password)
    lin.is_at("/")
    lin.look("counter-desk", keyboard=True)
    zhao.sign_in("zhao", story.bank.password)
    zhao.is_at("/")


def account_and_contract(story):
    lin = story.lin
    story.payee = ("周八", lin.open_account("周八", "AB123456", "13911111111", ""))
    story.account = lin.open_account("孙七", "110101197001011234", "13922222222", "10000")
    lin.look("counter-account-opened")
    lin.send("/customer")
    lin.look("counter-customer-new")
    lin.says("refusal-no-contract")
    lin.act("contract")
    story.first = lin.outcome()
    lin.look("counter-first-password")
    lin.send("/customer")
    lin.says("contract-of", day="2006-08-15")
    lin.act("ecommerce")
    lin.says("action-done")
    lin.send("/customer")
    lin.says("is-ecommerce")
    lin.look("counter-customer", keyboard=True)
    lin.find(story.account, "110101190001010000")
    if not lin.browser.find_all("[role=alert]"):
        raise Failure("a wrong document opens a customer's page")
    lin.look("counter-refused")


def first_log_in(story):
    site = story.site
    site.sign_in(story.account, story.first)
    site.is_at("/password")
    site.refuses("change-password-first")
    site.look("password-first")
    site.open("/transfer")
    site.is_at("/password")
    site.fill(former=story.first, password=OWN, again=OWN)
    site.send("/password")
    site.is_at("/account")
    site.transfer(story.payee, "5")
    site.says("refusal-no-payment-password")
    site.open("/payment-password")
    site.fill(login=OWN, password=PAYMENT, again=PAYMENT)
    site.send("/payment-password")


def an_order_waits(story):
    """It lives for a minute here; the last chapter comes back to it."""
    story.expiring = story.site.transfer(story.payee, "9")
    story.site.choose("static")
    story.waits_since = time.monotonic()
    story.waiting_tab = story.site.browser.window()
    story.site.browser.new_tab()


def static_password_of_2006(story):
    site = story.site
    site.transfer(story.payee, "5")
    site.choose("static")
    site.answer(PAYMENT)
    site.is_in("posted")
    if site.balance() != 999_500:
        raise Failure(f"the balance is {site.balance()}")


def card_is_printed_once(story):
    lin, site = story.lin, story.site
    story.find()
    lin.act("card")
    lin.look("counter-card", keyboard=True)
    story.card, story.cells = lin.outcome(), lin.printed()
    if len(story.cells) != 80 or not all(len(cell) == 3 and cell.isdigit() for cell in story.cells.values()):
        raise Failure(f"the card has the cells {story.cells}")
    # On paper there is the card, and nothing to click.
    lin.browser.chrome("Emulation.setEmulatedMedia", media="print")
    lin.browser.picture(PICTURES / f"{story.language}-wide" / "counter-card-on-paper.png")
    shown = lin.browser.run(
        "return [...document.querySelectorAll('.bar, nav, a, button, .strip')].filter(e => e.getClientRects().length).length"
    )
    lin.browser.chrome("Emulation.setEmulatedMedia", media="")
    if shown:
        raise Failure(f"{shown} things to click are printed")
    site.open("/card")
    site.fill(number=story.card)
    site.send("/card/activate")
    site.transfer(story.payee, "11")
    # The card has ended the static password.
    site.says("refusal-static-ended")
    pay_by_card(story)


def pay_by_card(story):
    story.site.choose("card")
    story.site.answer(PAYMENT, "".join(story.cells[cell] for cell in story.site.cells()))
    story.site.is_in("posted")


def second_teller(story):
    lin, zhao, site = story.lin, story.zhao, story.site
    story.find()
    lin.fill(per_payment="700", per_day="2000")
    lin.act("limits")
    lin.says("asked")
    lin.look("counter-asked")
    story.find()
    lin.act("replace-card")
    lin.says("asked")
    lin.open("/approval")
    # Who asked cannot approve.
    if lin.browser.find_all('input[name=approve][value=yes]'):
        raise Failure("a teller may approve the own request")
    zhao.open("/approval")
    zhao.look("counter-approvals", keyboard=True)
    zhao.has("孙七")
    zhao.has("¥700.00 / ¥2,000.00")
    zhao.browser.find("form:has(input[value=yes]) button").go()
    zhao.is_at("/approval")
    zhao.browser.find("form:has(input[value=yes]) button").go()
    story.card, story.cells = zhao.outcome(), zhao.printed()
    site.open("/method")
    site.says("card-limits", payment="700.00", day="2,000.00")
    site.open("/card")
    site.fill(number=story.card)
    site.send("/card/activate")
    site.transfer(story.payee, "600")
    pay_by_card(story)
    zhao.open("/approval")
    zhao.look("counter-approvals-none")


def block_and_reset(story):
    lin, site = story.lin, story.site
    story.find()
    lin.act("block-card")
    lin.says("action-done")
    site.open("/card")
    site.look("card-blocked")
    site.transfer(story.payee, "1")
    site.says("refusal-card-closed")
    story.find()
    lin.act("reset-login")
    story.first = lin.outcome()
    # The reset has ended the customer's session.
    site.open("/account")
    site.is_at("/sign-in")
    site.sign_in(story.account, OWN)
    site.refuses("wrong-login")
    site.sign_in(story.account, story.first)
    site.is_at("/password")
    site.fill(former=story.first, password=OWN + "x", again=OWN + "x")
    site.send("/password")
    site.is_at("/account")
    lin.open("/audit")
    lin.look("counter-audit")
    for action in ("card-blocked", "login-reset", "approved", "contract-made"):
        lin.has(action)


def the_order_has_expired(story):
    site = story.site
    # Orders of this bank live for a minute.
    time.sleep(max(0, story.waits_since + 61 - time.monotonic()))
    site.browser.to_window(story.waiting_tab)
    site.is_in("challenged")
    site.answer(PAYMENT)
    site.refuses("order-expired")
    site.look("order-expired-refused")
    site.follow(f"/order/{story.expiring}")
    site.is_in("expired")
    site.look("order-expired")
    if site.browser.find_all('form[action$="/ask"], form[action$="/answer"]'):
        raise Failure("an expired order can be paid")
    if site.balance() != 1_000_000 - 500 - 1100 - 60_000:
        raise Failure(f"the balance is {site.balance()}")


def the_books_are_right(story):
    said = story.bank.command("audit", "verify", *story.bank.where)
    if "the books are right" not in said:
        raise Failure(said)
    story.lin.sign_out()
    story.lin.is_at("/sign-in")


CHAPTERS = [
    tellers_log_in,
    account_and_contract,
    first_log_in,
    an_order_waits,
    static_password_of_2006,
    card_is_printed_once,
    second_teller,
    the_order_has_expired,
    block_and_reset,
    the_books_are_right,
]
