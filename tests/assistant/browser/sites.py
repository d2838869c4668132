"""Sites of the test's: each answers every path with one page, under whatever name a browser has for 127.0.0.1."""

import http.server
import socket
import ssl
import subprocess
import threading

PAGE = "<!doctype html><meta charset=utf-8><title>{name}</title><h1>{name}</h1><iframe name=frame></iframe>"

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


def keys(folder, *names):
    """Certificate and key of a site that nobody but a test trusts."""
    made = folder / "site.pem", folder / "site.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=site", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)]
    command += ["-out", made[0], "-keyout", made[1]]
    subprocess.run(command, check=True, capture_output=True)
    return made


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
    """`keys` are the files of certificate and key of a site that comes over TLS."""

    def __init__(self, name, port=0, keys=None):
        page = PAGE.format(name=name).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", port), Handler)
        self.scheme = "http"
        if keys:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*keys)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def origin(self, host):
        return f"{self.scheme}://{host}:{self.port}"

    def close(self):
        self.server.end()
