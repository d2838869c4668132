"""Banks for the tests: the demo, and a bank that is made as its operator makes one."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile

from driver import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = pathlib.Path(os.environ.get("BANK_PROGRAM", ROOT / "target/debug/bank"))
ANYWHERE = ["--public", "127.0.0.1:0", "--counter", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]


class Bank:
    """A program that serves, and where."""

    def start(self, arguments, environment=None):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            [PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=self.log, env=os.environ | (environment or {})
        )

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        self.log.close()
        faults = [line for line in (self.folder / "log").read_text().splitlines() if '"fault"' in line]
        self.scratch.cleanup()
        assert status == 0 and not faults, f"the bank ended with {status}, and said {faults}"


class Demo(Bank):
    """`bank demo`, with what it told in its ready file."""

    def __init__(self, _language, *more):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        ready = self.folder / "ready.json"
        self.start(["demo", *ANYWHERE, *more, "--ready-file", ready])
        until(ready.exists, "the demo did not get ready")
        made = json.loads(ready.read_text())
        self.public, self.counter = made["addresses"]["public"], made["addresses"]["counter"]
        self.password, self.payment_password = made["demo"]["password"], made["demo"]["payment_password"]
        self.tellers = made["demo"]["tellers"]
        self.merchant, self.shop = made["merchant"], made["shop"]
        self.people = {person["kind"]: person for person in made["demo"]["people"]}


class Branch(Bank):
    """`bank init`, two tellers, `bank serve`; on PostgreSQL where BANK_BROWSER_POSTGRES names one, with the language as
    the end of the database's name. Orders live for a minute, and the
    contracts of the counter are of August 2006."""

    tellers = ["lin", "zhao"]
    password = "a teller's own 2026"

    def __init__(self, language):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        postgres = os.environ.get("BANK_BROWSER_POSTGRES")
        self.environment = {"BANK_DATABASE": postgres + language} if postgres else {}
        self.where = ["--folder", self.folder / "bank"]
        self.command("init", *self.where)
        (self.folder / "bank/bank.toml").write_text("order_minutes = 1\n")
        secret = self.folder / "password"
        secret.touch(0o600)
        secret.write_text(self.password)
        for name in self.tellers:
            self.command("teller", "add", name, "--password-file", secret, *self.where)
        self.start(["serve", *self.where, *ANYWHERE, "--business-date", "2006-08-15"], self.environment)
        told = dict(self.process.stdout.readline().decode().split() for _ in range(3))
        self.public, self.counter = told["customers"], told["tellers"]

    def command(self, *words):
        done = subprocess.run([PROGRAM, *words], env=os.environ | self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"bank {words[0]}: {done.stdout}{done.stderr}"
        return done.stdout
