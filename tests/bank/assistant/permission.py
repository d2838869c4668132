"""The browser's permission to reach this computer (Local Network Access), which a page of another machine's needs: asked for after a click, denied, and granted.

The bank has TLS and a name of its own, and Chromium is told that its address is a public one. Headless, Chromium answers its own question with no."""

import hashlib
import socket
import subprocess

from stage import Stage

import story
from driver import Browser, Failure
from pages import Customer

NAME, PACKAGE = "bank.test", "ushield-0.1.0-x86_64-linux.tar.gz"
# Sockets that hold ports, as long as this program runs.
HELD = []
REACHED = "return performance.getEntriesByType('resource').filter(entry => entry.name.includes(':1732')).length"


def reserved_port():
    """A port that the system gives to nobody else: a socket of this program's holds it, and listens to nobody. A server that allows the address
    of a former socket, as they do, may listen there (socket(7), SO_REUSEADDR)."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    HELD.append(held)
    return held.getsockname()[1]


def public_bank():
    """A bank with TLS and a name, its origin and its port."""
    stage, port = Stage(), reserved_port()
    origin = f"https://{NAME}:{port}"
    certificate, key, package = stage.folder / "bank.pem", stage.write("bank.key", ""), stage.write(PACKAGE, "a package\n")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={NAME}",
            "-addext", f"subjectAltName=DNS:{NAME}", "-keyout", key, "-out", certificate]
    subprocess.run(made, check=True, capture_output=True)
    stage.start_bank("--public", f"127.0.0.1:{port}", "--public-origin", origin, "--counter", "127.0.0.1:0", "--metrics", "127.0.0.1:0",
                     "--tls", certificate, "--key", key, "--package", package, tellers=False)
    return stage, origin, port


class Story(story.Story):
    def __init__(self, driver, language):
        self.driver, self.language = driver, language
        self.stage, origin, port = public_bank()
        self.token = self.stage.plug("one")
        self.stage.start_assistant(token=self.token, bank=origin)
        arguments = [f"--host-resolver-rules=MAP {NAME} 127.0.0.1", f"--ip-address-space-overrides=127.0.0.1:{port}=public",
                     "--ignore-certificate-errors"]
        self.browser = Browser(driver, language, scripts=True, arguments=arguments)
        self.site = Customer(self.browser, origin, language, "customer")


def the_click_comes_before_the_question(told):
    told.site.open("/set-up")
    told.hears("browser-asks")
    told.hears("browser-asks-next")
    told.site.look("permission-asked", keyboard=True)
    if told.browser.run(REACHED):
        raise Failure("the page has tried to reach the assistant before the click")


def a_no_is_told_with_its_mend(told):
    told.begin()
    told.hears("browser-blocks")
    told.hears("browser-blocks-chromium")
    told.hears("browser-blocks-firefox")
    told.can_begin()
    told.site.look("permission-denied", keyboard=True)
    told.browser.reload()
    told.hears("browser-blocks")
    if told.browser.run(REACHED):
        raise Failure("the page has tried again, though the browser has said no")


def a_yes_goes_on(told):
    told.browser.ask("POST", "/permissions", {"descriptor": {"name": "loopback-network"}, "state": "granted"})
    told.browser.reload()
    told.can_begin()
    told.begin()
    told.hears("look-no-id")
    told.site.look("permission-granted")


def the_package_is_what_its_hash_says(told):
    site = told.site
    site.open("/set-up")
    link = told.browser.find(f'a[download][href="/set-up/{PACKAGE}"]').attribute("href")
    told.browser.ask("POST", "/timeouts", {"script": 60000})
    got = told.browser.ask("POST", "/execute/async", {"args": [link], "script": """
const [link, tell] = arguments;
fetch(link).then(async answer => tell([await answer.text(), answer.headers.get('Content-Disposition')]));"""})
    if got != ["a package\n", "attachment"]:
        raise Failure(f"the package is {got}")
    site.has(hashlib.sha256(b"a package\n").hexdigest())
    site.has("0.1.0")
    site.look("package", keyboard=True)


CHAPTERS = [
    the_package_is_what_its_hash_says,
    the_click_comes_before_the_question,
    a_no_is_told_with_its_mend,
    a_yes_goes_on,
]
