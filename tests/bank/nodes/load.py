"""Customers who pay in their three ways at once, who are not sure of every answer, and who look at their accounts meanwhile."""

import http.client, random, re, threading, time, urllib.parse

from history import Change, Read

PAYMENT = "payment2026"
# How long somebody asks again before the bank counts as gone.
PATIENCE = 120
# A static password pays 300 yuan and a card a thousand times. A customer who has paid this often, by 40 fen at most, only looks at the account.
MOST = 700
EXPECTED = ("paid",)
LOST = (OSError, http.client.HTTPException)


class Payment:
    """One order. `state` is as the page says it."""

    def __init__(self, payer, payee, fen, method):
        self.payer, self.payee, self.fen, self.method = payer, payee, fen, method
        self.order = self.start = self.end = self.state = None


class Buyer:
    """A customer with one way to pay, whose browser asks again when an answer is lost."""

    # A program signs one document at a time, into one file.
    signing = threading.Lock()

    def __init__(self, world, customer, method):
        self.world, self.customer, self.method = world, customer, method
        self.site = customer.site
        self.orders = 0

    def ask(self, method, place, fields=None, body=None, kind=None):
        """The answer of the bank; a lost one, and one of a balancer without a node, is asked for again."""
        deadline = time.monotonic() + PATIENCE
        told = urllib.parse.urlencode(fields) if fields is not None else body
        kind = "application/x-www-form-urlencoded" if fields is not None else kind
        while True:
            try:
                answer = self.site.ask(method, place, told, kind)
                if answer[0] not in (502, 503, 504) and answer[0] != 500:
                    return answer
            except LOST:
                pass
            if time.monotonic() > deadline:
                raise SystemExit(f"the bank does not answer {method} {place}")
            time.sleep(random.uniform(0.02, 0.2))

    def hidden(self, html):
        return dict(re.findall(r'name="(token|form_key|challenge)" value="([^"]*)"', html))

    def page(self, place):
        status, _, html = self.ask("GET", place)
        if status != 200:
            raise SystemExit(f"{place}: {status} {html[:300]!r}")
        return html.decode()

    def balance(self):
        start = time.monotonic()
        html = self.page("/account")
        found = re.search(r'class="balance money">¥([\d,]+)\.(\d\d)<', html)
        return Read(start, time.monotonic(), int(found[1].replace(",", "")) * 100 + int(found[2]))

    def order(self, payee, fen):
        payment = Payment(self.customer.account, payee.account, fen, self.method)
        fields = self.hidden(self.page("/transfer"))
        yuan = f"{fen // 100}.{fen % 100:02}"
        status, where, html = self.ask("POST", "/transfer", {**fields, "payer": self.customer.account, "payee": payee.account,
                                                            "payee_name": payee.name, "amount": yuan, "memo": ""})
        if status != 303:
            raise SystemExit(f"no order: {status} {html[:2000]!r}")
        payment.order = where
        return payment

    def pay(self, payee, fen):
        return self.settle(self.order(payee, fen))

    def settle(self, payment):
        # The whole time in which the money may move.
        payment.start = time.monotonic()
        for _ in range(100):
            self.answer(payment)
            payment.state = self.state(payment)
            if payment.state not in ("not paid yet", "waits for your answer"):
                break
        payment.end = time.monotonic()
        if payment.state not in EXPECTED:
            said = re.sub(r"(<[^>]*>|\s)+", " ", self.page(payment.order))
            raise SystemExit(f"{self.method} pays {payment.order} not: {said[-1500:]}")
        return payment

    def state(self, payment):
        """As the page says it: `paid`, `not paid yet`, or what has ended the order."""
        return re.search(r'id="state"><strong>([^<]*)<', self.page(payment.order))[1]

    def answer(self, payment):
        self.choose(payment)
        if self.method == "shield":
            return self.sign(payment)
        told = self.told(payment)
        if told:
            self.ask("POST", f"{payment.order}/answer", told)

    def choose(self, payment):
        token = self.hidden(self.page(payment.order))["token"]
        self.ask("POST", f"{payment.order}/ask", {"token": token, "method": self.method})

    def told(self, payment):
        """What the customer types, where the bank asks for something."""
        html = self.page(payment.order)
        fields = self.hidden(html)
        if "challenge" not in fields:
            return None
        told = {**fields, "password": PAYMENT}
        if self.method == "card":
            cells = re.findall(r'class="cell">([A-Z])(\d+)<', html)
            told["code"] = "".join(self.customer.cells[column][int(row) - 1] for column, row in cells)
        return told

    def sign(self, payment):
        status, _, order = self.ask("GET", f"{payment.order}/order.json")
        if status != 200:
            return
        with self.signing:
            self.world.keep(f"{self.customer.account}.json", order)
            document = self.customer.token.pay(f"{self.customer.account}.json")
        # The same document is sent twice: it pays once.
        for _ in range(2):
            self.ask("POST", "/api/payment", body=document, kind="application/octet-stream")


class Crowd:
    """All buyers at work, until they are told to stop. A buyer has several threads, so that payments of one account meet."""

    def __init__(self, buyers, friends, threads=2):
        self.buyers, self.friends = buyers, friends
        self.payments, self.reads, self.failed = [], [], []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(buyer,)) for buyer in buyers for _ in range(threads)]

    def work(self, buyer):
        try:
            while not self.stopping.is_set():
                buyer.orders += 1
                friend = random.choice([friend for friend in self.friends if friend is not buyer.customer])
                if buyer.orders <= MOST:
                    self.payments.append(buyer.pay(friend, random.randint(1, 40)))
                for _ in range(2):
                    self.reads.append((buyer.customer.account, buyer.balance()))
        except BaseException as fault:
            self.failed.append(f"{buyer.method}: {fault!r}")
            self.stopping.set()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def history(self, account):
        """What happened to one account, as its customers saw it."""
        changes = [payment for payment in self.payments if payment.state == "paid" and account in (payment.payer, payment.payee)]
        changes = [Change(each.start, each.end, -each.fen if each.payer == account else each.fen) for each in changes]
        return changes + [read for of, read in self.reads if of == account]
