"""A line to the bank that breaks: before the bank has read a request, or after it has answered."""

import re, socket, threading


class Cut:
    """Breaks at request number `at` of those whose path begins with `path`."""

    def __init__(self, to, at, after, path="/"):
        self.to, self.at, self.after, self.path, self.seen = to, at, after, path, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=[stream], daemon=True).start()

    def carry(self, stream):
        with stream:
            rest = b""
            while (found := request(stream, rest)) and self.answer(stream, *found[:2]):
                rest = found[2]

    def answer(self, stream, head, body):
        path = head.split(b" ")[1].decode()
        is_last = False
        if path.startswith(self.path):
            self.seen += 1
            is_last = self.seen == self.at
        if is_last and not self.after:
            return False
        is_single = re.search(rb"(?i)\r\nConnection: close", head)
        head = re.sub(rb"(?i)\r\nHost: [^\r]*", b"\r\nHost: " + self.to.encode(), head)
        head = re.sub(rb"(?i)\r\nConnection: [^\r]*", b"", head) + b"\r\nConnection: close"
        answer = b""
        with socket.create_connection(tuple(self.to.split(":"))) as bank:
            bank.sendall(head + b"\r\n\r\n" + body)
            while more := bank.recv(65536):
                answer += more
        if is_last:
            return False
        # Whoever sends one request a connection waits for its end, and others go on.
        stream.sendall(answer if is_single else re.sub(rb"(?i)\r\nConnection: close", b"", answer, count=1))
        return not is_single


def request(stream, rest):
    """One request, and what came behind it; None at the end of the line."""
    while b"\r\n\r\n" not in rest:
        more = stream.recv(65536)
        if not more:
            return None
        rest += more
    head, body = rest.split(b"\r\n\r\n", 1)
    length = int((re.search(rb"(?i)content-length: (\d+)", head) or [0, 0])[1])
    while len(body) < length:
        body += stream.recv(65536)
    return head, body[:length], body[length:]
