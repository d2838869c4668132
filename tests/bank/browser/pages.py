"""The bank's pages, by what a user does there. Texts are looked up in the bank's own files, so both languages are one test."""

import pathlib
import re

import rules
from bank import ROOT
from driver import NARROW, WIDE, Failure

PICTURES = ROOT / "target/bank/pictures"


def texts(language):
    lines = (ROOT / f"bank/texts/{language}.ftl").read_text().splitlines()
    return dict(line.split(" = ", 1) for line in lines if re.match(r"[a-z]", line))


class Site:
    """One browser at one of the bank's two sites."""

    def __init__(self, browser, origin, language, name):
        self.browser, self.origin, self.language, self.name = browser, origin, language, name
        self.words = texts(language)
        self.seen = 0

    # Reading

    def look(self, name, keyboard=False):
        """Checks the page in both widths, and keeps its picture."""
        for width, size in (("wide", WIDE), ("narrow", NARROW)):
            self.browser.resize(size)
            rules.check(self.browser, self.language, f"{name} ({self.language}, {width})")
            self.browser.picture(PICTURES / f"{self.language}-{width}" / f"{name}.png")
        self.browser.resize(WIDE)
        if keyboard:
            rules.check_keyboard(self.browser, name)
        rules.check_log(self.browser, name)
        self.seen += 1

    def word(self, key, **values):
        text = self.words[key]
        for name, value in values.items():
            text = text.replace("{ $%s }" % name, str(value))
        return text

    def says(self, key, **values):
        """The page has this text."""
        self.has(self.word(key, **values))

    def has(self, text):
        found = self.browser.text()
        if text not in found:
            raise Failure(f"{self.browser.url()} does not say {text!r}, but:\n{found}")

    def is_at(self, path):
        if self.browser.url().removeprefix(self.origin).split("?")[0] != path:
            raise Failure(f"the browser is at {self.browser.url()}, not at {path}: {self.browser.text()}")

    def refuses(self, code):
        """The page refuses, with why and what to do, and its title says so, too."""
        self.says(f"refusal-{code}")
        self.says(f"refusal-{code}-next")
        if not self.browser.find_all("[role=alert]"):
            raise Failure(f"the refusal {code} is no alert")

    # Doing

    def open(self, path):
        self.browser.open(self.origin + path)

    def follow(self, path):
        """Clicks the link to this path."""
        self.browser.find(f'a[href="{path}"]').go()

    def fill(self, **fields):
        for name, value in fields.items():
            self.browser.find(f'main [name="{name}"]').type(value)

    def send(self, action):
        """Clicks the button of the form that goes there."""
        self.browser.find(f'form[action="{action}"] button').go()

    def value(self, name):
        return self.browser.find(f'main [name="{name}"]').attribute("value")

    def sign_out(self):
        self.send("/sign-out")


class Customer(Site):
    """The customers' site."""

    def sign_in(self, account, password):
        self.open("/sign-in")
        self.fill(account=account, password=password)
        self.send("/sign-in")

    def balance(self):
        """In fen, from the page of the accounts."""
        self.open("/account")
        return int(re.sub(r"\D", "", self.browser.text(".balance")))

    def transfer(self, payee, amount, memo=""):
        self.open("/transfer")
        self.fill(payee_name=payee[0], payee=payee[1], amount=amount, memo=memo)
        self.send("/transfer")
        return self.order()

    def remit(self, payee, bank, amount):
        self.open("/remittance")
        self.fill(payee_name=payee[0], payee=payee[1], payee_bank=bank, amount=amount)
        self.send("/remittance")
        return self.order()

    def bill(self, payee, amount):
        self.open("/payment")
        self.browser.find('main [name="payee"]').choose(payee)
        self.fill(amount=amount)
        self.send("/payment")
        return self.order()

    def order(self):
        """The number of the order whose page is open."""
        found = re.fullmatch(re.escape(self.origin) + r"/order/([0-9a-f]{32})", self.browser.url())
        if not found:
            raise Failure(f"no order at {self.browser.url()}: {self.browser.text()}")
        return found[1]

    def state(self):
        return self.browser.text("#state")

    def is_in(self, state):
        if self.state() != self.word(f"state-{state}"):
            raise Failure(f"the order is {self.state()}, not {state}")

    def choose(self, method):
        self.browser.find(f'input[value="{method}"] ~ p button').go()

    def cells(self):
        return [cell.text() for cell in self.browser.find_all(".cell")]

    def answer(self, password, code=None):
        self.fill(password=password)
        if code is not None:
            self.fill(code=code)
        self.browser.find('form[action$="/answer"] button').go()


class Counter(Site):
    """The tellers' site."""

    def sign_in(self, name, password):
        self.open("/sign-in")
        self.fill(name=name, password=password)
        self.send("/sign-in")

    def find(self, account, document):
        self.open("/")
        form = 'form[action="/customer"] '
        self.browser.find(form + "[name=account]").type(account)
        self.browser.find(form + "[name=document]").type(document)
        self.send("/customer")

    def open_account(self, name, document, phone, deposit):
        self.open("/")
        form = 'form[action="/action/open"] '
        for field, value in (("name", name), ("document", document), ("phone", phone), ("deposit", deposit)):
            self.browser.find(f"{form}[name={field}]").type(value)
        self.send("/action/open")
        return self.outcome().replace(" ", "")

    def act(self, action):
        self.send(f"/action/{action}")

    def outcome(self):
        return self.browser.text("#outcome")

    def printed(self):
        """The cells of the card on the page, by their coordinates."""
        rows = [
            [cell.strip() for cell in row.split()]
            for row in self.browser.text(".grid").splitlines()
        ]
        columns, *rest = rows
        return {f"{column}{row[0]}": cell for row in rest for column, cell in zip(columns, row[1:])}
