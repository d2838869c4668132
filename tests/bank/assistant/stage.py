"""What the stories of the pages and the shield are played with: a bank, tokens that are plugged in, and the assistant. All are real programs."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("browser", "bank/browser", "assistant")]

from bank import ANYWHERE
from desk import PINENTRY
from driver import Failure, until

PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", ROOT / "target/debug"))
FACTORY_PIN, PIN = "12345678", "135246"
PASSWORD = "a long test of 2026"


def ask_json(host, method, place, told=None, bearer=None, unix=None):
    """One request with JSON in it and behind it; at a Unix socket where one is named."""
    line = http.client.HTTPConnection(host, timeout=120)
    if unix:
        line.sock = socket.socket(socket.AF_UNIX)
        line.sock.settimeout(120)
        line.sock.connect(str(unix))
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
    line.request(method, place, None if told is None else json.dumps(told), headers)
    answer = line.getresponse()
    body = answer.read()
    return answer.status, json.loads(body) if body else None


class Stage:
    """A folder, and the programs that run in it."""

    def __init__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="shield-", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self.scratch.name)
        self.tokens, self.assistant, self.bank = [], None, None
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("USHIELD_", "BANK_", "PCSCLITE_", "DISPLAY", "WAYLAND_"))}
        self.environment = kept | {"HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder),
                                   "XDG_STATE_HOME": str(self.folder / "state"), "XDG_CONFIG_HOME": str(self.folder / "config")}

    def stop(self):
        self.stop_assistant()
        for token in self.tokens:
            token.stop()
        if self.bank:
            self.stop_bank()
        self.scratch.cleanup()

    def stop_bank(self):
        self.bank.send_signal(signal.SIGTERM)
        status = self.bank.wait(60)
        faults = [line for line in (self.folder / "bank.log").read_text().splitlines() if '"fault"' in line]
        if status or faults:
            raise Failure(f"the bank ended with {status}, and said {faults}")

    # Programs

    def write(self, name, text):
        path = self.folder / name
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return path

    def run(self, program, *words):
        done = subprocess.run([PROGRAMS / program, *words], env=self.environment, capture_output=True, text=True, timeout=300)
        if done.returncode:
            raise Failure(f"{program} {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, program, *words, log, at=()):
        """`at` is a command that starts the program elsewhere."""
        return subprocess.Popen([*at, PROGRAMS / program, *words], env=self.environment, stdout=subprocess.PIPE,
                                stderr=open(self.folder / f"{log}.log", "ab"), text=True, start_new_session=True)

    def start_bank(self, *words, settings="", tellers=True):
        bank = self.folder / "bank"
        self.run("bank", "init", "--folder", bank)
        (bank / "bank.toml").write_text(settings)
        brand = re.search(r'brand = "([^"]*)"', self.run("ushield", "brand", "show", "standard"))[1]
        self.run("cert-tool", "factory-ca", "--brand", brand, "--out", bank / "factory/brand.pem")
        secret = self.write("password", PASSWORD)
        for name in ("lin", "zhao"):
            self.run("bank", "teller", "add", name, "--password-file", secret, "--folder", bank)
        self.serve_bank(*words)
        self.bearers = [self.sign_in(name) for name in ("lin", "zhao")] if tellers else []
        return self

    def serve_bank(self, *words):
        self.bank = self.start("bank", "serve", "--folder", self.folder / "bank", *(words or ANYWHERE), log="bank")
        told = dict(self.bank.stdout.readline().split() for _ in range(3))
        self.public, self.counter = told["customers"], told["tellers"]

    def sign_in(self, name):
        return ask_json(self.counter_host(), "POST", "/api/sign-in", {"name": name, "password": PASSWORD})[1]["token"]

    def counter_host(self):
        return urllib.parse.urlparse(self.counter).netloc

    def act(self, action, teller=0, **fields):
        """What a teller does at the counter."""
        status, told = ask_json(self.counter_host(), "POST", f"/api/action/{action}", fields, self.bearers[teller])
        if status != 200:
            raise Failure(f"{action}: {told}")
        return told

    def hand_out(self, serial, **papers):
        """A shield is handed out: one teller asks, another approves, and there are reference and code."""
        asked = self.act("shield", serial=serial, **papers)["approval"]
        status, told = ask_json(self.counter_host(), "POST", f"/api/approval/{asked}", {"approve": True}, self.bearers[1])
        if status != 200:
            raise Failure(f"the shield was not handed out: {told}")
        return told

    # The assistant

    def start_assistant(self, pin=None, new_pin=None, token=None, bank=None, prompts=True, window=False, device=None, road=None):
        """Starts the assistant for the bank's pages. The file with the PIN may be written anew while the assistant runs. `window`: the holder is
        asked in a window of the test's, which says yes once there is a file of that name. `device`: the USB IDs of the one device at a machine of
        the test's own, to which no road leads. `road`: another one than the token's server."""
        self.write("pin", pin or PIN)
        self.write("new-pin", new_pin or PIN)
        roads = ["--usbip", road or (token.road if token else "127.0.0.1:1")] if road or token or device else []
        pins = ["--pin-file", self.folder / "pin", "--new-pin-file", self.folder / "new-pin"] if prompts else []
        if window:
            self.write("pinentry", PINENTRY).chmod(0o700)
            pins = ["--pinentry", self.folder / "pinentry"]
        machine = ["unshare", "--mount", sys.executable, "-B", ROOT / "tests/assistant/machine.py", device] if device else []
        self.assistant = self.start("ushield", "assistant", "--bank", bank or self.public, *pins, *roads, log="assistant", at=machine)
        said = self.assistant.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        if not found:
            raise Failure(f"the assistant did not start: {said}{(self.folder / 'assistant.log').read_text()}")
        return int(found[1])

    def stop_assistant(self, hard=False):
        if self.assistant:
            self.assistant.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
            self.assistant.wait(60)
            self.assistant = None

    def plug(self, name, **more):
        token = Token(self, name, **more)
        self.tokens.append(token)
        return token


class Token:
    """A virtual shield of a server of its own. Nobody presses its buttons but the test."""

    def __init__(self, stage, name, pin=PIN, brand="standard", panel="none", tokens=1):
        self.stage, self.control = stage, stage.folder / f"{name}.control"
        ready = stage.folder / f"{name}.json"
        known = ["--pin-file", stage.write(f"{name}.pin", pin)] if pin else []
        stage.run("ushield", "up", "-d", "--memory", "--brand", brand, *known, "--panel", panel, "--unix", "none", "--listen",
                  "127.0.0.1:0", "--tokens", str(tokens), "--control", self.control, "--ready-file", ready)
        told = json.loads(ready.read_text())
        self.road, self.serials = told["listen"], [token["serial"] for token in told["tokens"]]
        self.serial, self.buses = self.serials[0], [token["bus_id"] for token in told["tokens"]]

    def ask(self, method, path, told=None, at=0):
        status, answer = ask_json("ushield", method, f"/tokens/{self.buses[at]}{path}", told, unix=self.control)
        if status != 200:
            raise Failure(f"{path} at the token: {status} {answer}")
        return answer

    def shows(self, pattern, at=0):
        """Waits for a page on the token's screen, and gives the page."""
        return self.ask("GET", f"/screen?wait={urllib.parse.quote(pattern)}&timeout=60", at=at)

    def press(self, button, pattern=None, at=0):
        return self.ask("POST", "/press", {"button": button} | ({"if_shows": pattern} if pattern else {}), at=at)

    def confirm(self, *patterns, at=0):
        """Reads each of these questions, and presses OK on all of its pages."""
        for pattern in patterns:
            self.shows(pattern, at=at)
            # After the last page the next question may be there already, at its first page.
            while (screen := self.press("ok", at=at)["screen"]) and screen["page"] != 1:
                pass

    def has_id(self):
        """Whether a program finds the personal ID on the shield."""
        return "payment" in self.stage.run("cert-tool", "show", "--usbip", self.road, "--token", self.serial)

    def unplug(self, at=0):
        self.ask("POST", "/unplug", at=at)

    def plug(self, at=0):
        self.ask("POST", "/plug", at=at)

    def stop(self):
        subprocess.run([PROGRAMS / "ushield", "down", "--control", self.control], env=self.stage.environment, capture_output=True)
