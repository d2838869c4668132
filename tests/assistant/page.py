"""What a page says to the assistant, without a browser."""

import base64
import http.client
import json
import time

from driver import DEADLINE, Failure, until
from order import order

PAGE = "page-0123456789abcdef"
OVER = ("done", "failed", "cancelled")


class Page:
    """A page of one of the banks that the assistant answers."""

    def __init__(self, port, bank):
        self.port, self.bank = port, bank

    def call(self, path, body=None, protocol=1):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * DEADLINE)
        headers = {"Origin": self.bank, "Content-Type": "application/json", "X-UShield": "1"}
        connection.request("POST", path, json.dumps({"protocol": protocol, "page": PAGE, **(body or {})}), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")

    def whole(self, path, body=None):
        """An operation from its start to its end, or the refusal to start it."""
        status, told = self.call(path, body)
        return self.end(told["operation"]) if status == 202 else told

    def end(self, operation):
        """Waits for the end of an operation."""
        told, after, end = None, 0, time.monotonic() + 3 * DEADLINE
        while time.monotonic() < end:
            _, told = self.call("/wait", {"operation": operation, "after": after})
            if told["phase"] in OVER:
                return told
            after = told["revision"]
        raise Failure(f"the operation did not end: {told}")

    def pay(self, payee="上海水务"):
        """Asks for a payment, and gives what the assistant says at once."""
        return self.call("/pay", {"order": base64.b64encode(order(payee)).decode()})

    def is_in(self, *states, wish=None):
        """The state, once it is one of these: a shield that was just let go is back in a moment."""
        told = {}

        def looks():
            told.update(self.call("/status", wish)[1])
            return told.get("state") in states

        try:
            until(looks, "another state")
        except Failure:
            raise Failure(f"the state is {told.get('state')}, and none of {states}: {told}") from None
        return told
