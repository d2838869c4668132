"""Sites of the test's: each answers every path with one page, under whatever name a browser has for 127.0.0.1."""

import http.server
import socket
import threading

PAGE = "<!doctype html><meta charset=utf-8><title>{name}</title><h1>{name}</h1><iframe name=frame></iframe>{more}"

# What a page of a bank's does with the assistant. A test runs it beside the page, in the page's origin.
CALLS = """
const page = "page-" + "0123456789abcdef";
function call(path, body, number) {
  return fetch(URL_ + path, {
    method: "POST",
    headers: {"Content-Type": "application/json", "X-UShield": "1"},
    body: JSON.stringify({protocol: 1, page: number || page, ...body}),
  }).then(async answer => ({status: answer.status, ...await answer.json()}));
}
async function until(operation, phases, number) {
  let after = 0;
  for (;;) {
    const told = await call("/wait", {operation, after}, number);
    if (phases.includes(told.phase) || told.status !== 200) return told;
    after = told.revision;
  }
}
const OVER = ["done", "failed", "cancelled"];
"""


def calls(assistant):
    return CALLS.replace("URL_", repr(assistant.url))


class Server(http.server.ThreadingHTTPServer):
    """Ends its connections with itself: a browser holds some in reserve."""

    def __init__(self, *arguments):
        self.connections = []
        super().__init__(*arguments)

    def get_request(self):
        connection, peer = super().get_request()
        self.connections.append(connection)
        return connection, peer

    def end(self):
        self.shutdown()
        self.server_close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It has ended before.
                pass


class Site:
    def __init__(self, name, more="", port=0, host="127.0.0.1"):
        page = PAGE.format(name=name, more=more).encode()
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        self.server = Server((host, port), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def origin(self, host):
        return f"http://{host}:{self.port}"

    def close(self):
        self.server.end()
