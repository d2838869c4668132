"""What a page says to the assistant, without a browser."""

import http.client
import json
import time

from driver import DEADLINE, Failure, until

PAGE = "page-0123456789abcdef"
OVER = ("done", "failed", "cancelled")


class Page:
    """A page of one of the banks that the assistant answers."""

    def __init__(self, assistant, bank):
        self.port, self.bank = assistant.port, bank

    def call(self, path, body=None, protocol=1):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * DEADLINE)
        headers = {"Origin": self.bank, "Content-Type": "application/json", "X-UShield": "1"}
        connection.request("POST", path, json.dumps({"protocol": protocol, "page": PAGE, **(body or {})}), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")

    def whole(self, path, body=None):
        """An operation from its start to its end."""
        status, told = self.call(path, body)
        if status != 202:
            return told
        operation, after, end = told["operation"], 0, time.monotonic() + 3 * DEADLINE
        while time.monotonic() < end:
            _, told = self.call("/wait", {"operation": operation, "after": after})
            if told["phase"] in OVER:
                return told
            after = told["revision"]
        raise Failure(f"{path} did not end: {told}")

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
