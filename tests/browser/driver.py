"""A browser, driven by WebDriver (W3C) spoken as plain JSON. Only the standard library."""

import base64
import json
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
# Generous: a machine under load takes long, and a suite that hangs says nothing.
DEADLINE = 60
WIDE, NARROW = (1280, 900), (360, 740)


class Failure(Exception):
    """What a test found wrong."""


class Skipped(Exception):
    """Why a chapter cannot be tried here."""


def expect(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: {found!r}, and not {wanted!r}")


class Driver:
    """chromedriver: one process, from which browsers come. `wrapper` is a command that starts it, such as setpriv."""

    def __init__(self, wrapper=()):
        self.said = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([*wrapper, "chromedriver", "--port=0"], stdout=self.said, stderr=subprocess.DEVNULL)
        port = until(self.port, "chromedriver did not start")
        self.url = f"http://127.0.0.1:{port}"
        until(lambda: self.ask("GET", "/status")["ready"], "chromedriver is not ready")

    def port(self):
        """The port that the system has chosen, once chromedriver has said it."""
        self.said.seek(0)
        found = re.search(r"successfully on port (\d+)", self.said.read())
        return found and found[1]

    def ask(self, method, path, body=None):
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * DEADLINE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failure(f"{method} {path}: {value['error']}: {value['message'].splitlines()[0]}") from None

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.said.close()


def until(condition, why):
    """Waits for a condition; what it gives. `why` is a sentence, or a function that gives one when the time is over."""
    end, fault = time.monotonic() + DEADLINE, None
    while time.monotonic() < end:
        try:
            if given := condition():
                return given
            fault = None
        except (Failure, OSError) as met:
            fault = met
        time.sleep(0.05)
    raise Failure(" ".join([sentence(why), *([f"({fault})"] if fault else [])]))


def check(condition, why):
    """Fails where this is not so."""
    if not condition:
        raise Failure(why)


def sentence(why):
    """What `why` says. A page that has gone says nothing, and must not hide what the test waited for."""
    try:
        return why() if callable(why) else why
    except (Failure, OSError) as fault:
        return f"a condition was not met, and looking for the reason failed: {fault}"


class Browser:
    """One browser with a profile of its own. Without `scripts` pages may run none: most of the bank's pages must do without."""

    def __init__(self, driver, language, scripts=False, arguments=()):
        self.driver, self.profile = driver, tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        options = {
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--hide-scrollbars",
                f"--user-data-dir={self.profile.name}",
                f"--lang={language}",
                *arguments,
            ],
            "prefs": {
                "intl.accept_languages": language,
                "profile.managed_default_content_settings.javascript": 1 if scripts else 2,
            },
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = driver.ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.path = f"/session/{session['sessionId']}"
        self.version = session["capabilities"]["browserVersion"]
        self.ask("POST", "/timeouts", {"script": DEADLINE * 1000})
        self.resize(WIDE)

    def ask(self, method, path, body=None):
        return self.driver.ask(method, self.path + path, body)

    def close(self):
        self.ask("DELETE", "")
        self.profile.cleanup()

    # Pages

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def url(self):
        return self.ask("GET", "/url")

    def back(self):
        self.ask("POST", "/back")

    def reload(self):
        self.ask("POST", "/refresh")

    def find(self, css):
        return Element(self, css, self.ask("POST", "/element", {"using": "css selector", "value": css})[ELEMENT])

    def find_all(self, css):
        found = self.ask("POST", "/elements", {"using": "css selector", "value": css})
        return [Element(self, css, each[ELEMENT]) for each in found]

    def text(self, css="main"):
        return self.find(css).text()

    def run(self, script, *arguments):
        """Runs a script of the test's, beside the page."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, script, *arguments):
        """Runs a script of the test's that gives a promise, and waits for what the promise gives."""
        body = "const tell = arguments[arguments.length - 1]; (async function () {" + script + "})"
        body += ".apply(null, arguments).then(tell, fault => tell({fault: String(fault)}));"
        return self.ask("POST", "/execute/async", {"script": body, "args": list(arguments)})

    def cookies(self):
        return {cookie["name"]: cookie for cookie in self.ask("GET", "/cookie")}

    def log(self):
        """What the browser complained of since the last call."""
        return self.ask("POST", "/se/log", {"type": "browser"})

    # Windows and sizes

    def chrome(self, command, **parameters):
        return self.ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, size):
        # A window is never as narrow as a telephone, so the page is told another size.
        width, height = size
        self.chrome(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def picture(self, path):
        shot = self.chrome("Page.captureScreenshot", format="png", captureBeyondViewport=True, optimizeForSpeed=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def window(self):
        return self.ask("GET", "/window")

    def new_tab(self):
        handle = self.ask("POST", "/window/new", {"type": "tab"})["handle"]
        self.to_window(handle)
        self.resize(WIDE)
        return handle

    def to_window(self, handle):
        self.ask("POST", "/window", {"handle": handle})

    def press(self, key):
        down, up = {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [down, up]}]})


class Element:
    def __init__(self, browser, css, name):
        self.browser, self.css, self.path = browser, css, f"/element/{name}"

    def click(self):
        self.browser.ask("POST", self.path + "/click")

    def go(self):
        """Clicks, and waits until the page that the click asks for is there: the answer may take long."""
        self.browser.run("document.documentElement.dataset.left = 'yes'")
        self.click()
        arrived = "return !document.documentElement.dataset.left && document.readyState === 'complete'"
        until(lambda: self.browser.run(arrived), f"the click on {self.css} led nowhere")

    def type(self, text):
        self.browser.ask("POST", self.path + "/clear")
        self.browser.ask("POST", self.path + "/value", {"text": text})

    def text(self):
        return self.browser.ask("GET", self.path + "/text")

    def attribute(self, name):
        return self.browser.ask("GET", f"{self.path}/property/{name}")

    def choose(self, value):
        self.browser.ask("POST", "/element", {"using": "css selector", "value": f"{self.css} option[value='{value}']"})
        option = self.browser.find(f"{self.css} option[value='{value}']")
        option.click()
