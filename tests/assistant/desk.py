"""A shield, the assistant and the holder's window: real programs in a folder of their own, at ports that the system chooses."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile

from driver import Failure, until

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("USHIELD_PROGRAMS", ROOT / "target/debug"))
# Digits that nothing else in a process looks like.
PIN = "86419753"
NAME, USER = "张三", "6222020200112233"

# A pinentry that writes down what it shows. It answers once `wait` is gone, with the PIN if there is one, and else it is cancelled. A new PIN is
# in `new`.
PINENTRY = r"""#!/bin/sh
cd "${0%/*}"
echo OK
while read -r line; do
  case "$line" in
  SETDESC*) echo "$line" >>shown; echo OK ;;
  SETPROMPT\ New*) from=new; echo OK ;;
  SETPROMPT*) from=pin; echo OK ;;
  GETPIN)
    echo GETPIN >>shown
    while [ -e wait ]; do sleep 0.05; done
    if [ -e $from ]; then printf 'D %s\nOK\n' "$(cat $from)"; else echo 'ERR 83886179 cancelled'; fi ;;
  CONFIRM) echo CONFIRM >>shown; if [ -e yes ]; then echo OK; else echo 'ERR 83886194 no'; fi ;;
  *) echo OK ;;
  esac
done
"""


class Program:
    """A program that serves until it is stopped."""

    def __init__(self, folder, name, arguments, environment):
        self.log = folder / f"{name}.log"
        ready = folder / f"{name}.json"
        ready.unlink(missing_ok=True)
        with open(self.log, "wb") as log:
            command = [PROGRAMS / "ushield", *arguments, "--ready-file", ready]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=environment, start_new_session=True
            )
        until(ready.exists, lambda: f"{name} did not get ready: {self.log.read_text()}")
        self.ready = json.loads(ready.read_text())

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise Failure(f"{self.log} ended badly: {self.log.read_text()}")


class Desk:
    """A shield with a personal ID, its bank's CA, and the folder in which the assistant's holder is. `options` are those of `ushield up`: a
    factory's shield has the PIN that everybody knows."""

    def __init__(self, *options, panel="accept", enrolled=True):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(self.folder),
            "CERT_TOOL_PASSPHRASE": "of no worth 2026",
        }
        self.pin = self.folder / "pin"
        self.pin.touch(0o600)
        self.pin.write_text(PIN)
        pinentry = self.folder / "pinentry"
        pinentry.write_text(PINENTRY)
        pinentry.chmod(0o700)
        arguments = ["up", "--listen", "127.0.0.1:0", "--unix", "none", "--memory", "--panel", panel, *options]
        arguments += [] if "--factory" in options else ["--pin-file", self.pin]
        self.shield = Program(self.folder, "shield", arguments, self.environment)
        self.road = self.shield.ready["listen"]
        self.command("cert-tool", "ca", "init", "--dir", self.folder / "CA")
        if enrolled:
            self.enrol()

    def enrol(self):
        whose = ["--name", NAME, "--user-id", USER, "--usbip", self.road, "--pin-file", self.pin]
        self.command("cert-tool", "enrol", "--ca", self.folder / "CA", *whose)

    def issue(self, made, kind, *more):
        """The bank certifies the key whose request has come through a page. `made` is what the enrolment told the page."""
        request, certificate = self.folder / f"{kind}.csr", self.folder / f"{kind}.pem"
        request.write_text(made[kind]["request"])
        whose = ["--name", NAME, "--user-id", USER, "--kind", kind]
        self.command("cert-tool", "ca", "issue", "--ca", self.folder / "CA", "--request", request, *whose, "--out", certificate, "--force", *more)
        return certificate.read_text()

    def command(self, program, *arguments):
        command = [PROGRAMS / program, *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise Failure(f"{program} {arguments[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def judge(self, payment, order):
        """Whether the bank takes this document for this order."""
        (self.folder / "payment.cms").write_bytes(payment)
        (self.folder / "order.der").write_bytes(order)
        ca = self.folder / "CA"
        command = [PROGRAMS / "ushield", "verify", self.folder / "payment.cms", "--ca", ca / "ca.pem", "--crl", ca / "crl.pem"]
        command += ["--order", self.folder / "order.der", "--payer", USER]
        return subprocess.run(command, env=self.environment, capture_output=True).returncode == 0

    def assistant(self, *banks, port=0, road=None, clock=None):
        """`clock` has the variables of another date."""
        return Assistant(self, banks, port, road or self.road, clock or {})

    def close(self):
        self.shield.stop()
        self.scratch.cleanup()


class Assistant(Program):
    """An assistant with a window of the test's. Its log tells what it refused, and what it began."""

    def __init__(self, desk, banks, port, road, clock):
        self.folder = desk.folder
        (self.folder / "shown").unlink(missing_ok=True)
        (self.folder / "wait").unlink(missing_ok=True)
        arguments = ["assistant", "--port", str(port), "--usbip", road, "--pinentry", self.folder / "pinentry"]
        for bank in banks:
            arguments += ["--bank", bank]
        environment = desk.environment | {"USHIELD_LOG": "assistant=debug,loopback=debug", "USHIELD_DEBUGGABLE": "1"} | clock
        super().__init__(self.folder, "assistant", arguments, environment)
        self.address = self.ready["address"]
        self.port = int(self.address.rpartition(":")[2])
        self.url = f"http://{self.address}"

    def refused(self):
        """What the door refused so far: the reason and the method of each."""
        found = re.findall(r'a request was refused why="(\w+)" method="(\w+)"', self.log.read_text())
        return [tuple(each) for each in found]

    def began(self):
        """What was begun: the kind of each operation."""
        return re.findall(r'an operation began origin=\S+ job="(\w+)"', self.log.read_text())

    def shown(self):
        """What the holder's window has shown, a line each."""
        path = self.folder / "shown"
        return path.read_text().splitlines() if path.exists() else []

    def prompts(self):
        return self.shown().count("GETPIN")

    def holds(self, secret):
        """How often these bytes stand in the process's memory that can be written."""
        found, process = 0, self.process.pid
        with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb") as memory:
            for line in maps:
                span, rights, *_ = line.split()
                if not rights.startswith("rw"):
                    continue
                start, end = (int(text, 16) for text in span.split("-"))
                try:
                    memory.seek(start)
                    found += memory.read(end - start).count(secret)
                except (OSError, ValueError, OverflowError):
                    # Some regions are the kernel's.
                    pass
        return found
