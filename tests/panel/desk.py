"""A holder's desk for tests of the panel: tokens of `ushield up --panel web`, and the programs that use them. Only the standard library."""

import json
import os
import pathlib
import subprocess
import tempfile

from driver import DEADLINE, Failure, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "target" / os.environ.get("PROFILE", "debug")
PIN = "246802"


class Desk:
    """Tokens in memory, in a home of their own."""

    def __init__(self, tokens=1, arguments=()):
        self.folder = tempfile.TemporaryDirectory(prefix="up", ignore_cleanup_errors=True)
        self.home = pathlib.Path(self.folder.name)
        (self.home / "run").mkdir(mode=0o700)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "CERT_TOOL_PASSPHRASE": "a passphrase of a test"}
        self.pin = self.secret("pin", PIN)
        ready = self.home / "ready.json"
        self.up = self.start(
            "ushield", "up", "--memory", "--panel", "web", "--tokens", tokens, "--pin-file", self.pin,
            "--listen", "127.0.0.1:0", "--ready-file", ready, *arguments,
        )
        try:
            self.ready = until(lambda: ready.exists() and json.loads(ready.read_text()), "up is not ready")
        except BaseException:
            self.stop()
            raise
        self.road = self.ready["unix"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def secret(self, name, text):
        path = self.home / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def start(self, program, *arguments):
        return subprocess.Popen(
            [PROGRAMS / program, *map(str, arguments)],
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def done(self, program, *arguments):
        """Runs a program that must succeed; what it said."""
        process = self.start(program, *arguments)
        said, _ = process.communicate(timeout=2 * DEADLINE)
        if process.returncode:
            raise Failure(f"{program} {arguments}: {process.returncode}: {said}")
        return said

    def link(self):
        return self.done("ushield", "panel").strip()

    def token(self, number=1):
        return f"{self.road}/1-{number}"

    def enrol(self, number=1, name="张三"):
        """Makes the CA once, and gets a token its ID. Somebody has to press OK."""
        if not (self.home / "CA").exists():
            self.done("cert-tool", "ca", "init", "--dir", self.home / "CA")
        return self.start(
            "cert-tool", "enrol", "--ca", self.home / "CA", "--name", name, "--user-id", f"622202020011223{number}",
            "--pin-file", self.pin, "--usbip", self.token(number),
        )

    def order(self, name, **terms):
        path = self.home / f"{name}.json"
        options = [word for key, value in terms.items() for word in (f"--{key.replace('_', '-')}", value)]
        self.done("ushield", "order", "--out", path, *options)
        return path

    def pay(self, order, number=1, pin=None):
        return self.start(
            "ushield", "pay", order, "--out", order.with_suffix(".cms"), "--pin-file", pin or self.pin,
            "--usbip", self.token(number),
        )

    def stop(self):
        self.up.terminate()
        self.up.wait(timeout=DEADLINE)
        self.folder.cleanup()


def ended(process):
    """How a program ended, and what it said."""
    said, _ = process.communicate(timeout=2 * DEADLINE)
    return process.returncode, said
