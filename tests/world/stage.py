"""A world, and the windows that a person has open before it. Only the standard library, and what the tests of the bank's pages have."""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import termios
import time

from driver import DEADLINE, Browser, check, until
from pages import ROOT, Customer
from panel import Panel

PROGRAMS = ROOT / "target" / os.environ.get("PROFILE", "debug")
PICTURES = ROOT / "target" / "world" / "pictures"
# What the script has recorded, for tests/world/pictures.
RECORD = ROOT / "target" / "world" / "record"
LINKS = {"bank": "银行 The bank", "shop": "书店 The shop", "panel": "U盾 The shield", "prompter": "密码窗口 PIN window"}


def program(process):
    """The program that a process runs; empty where the process has just ended."""
    try:
        return os.readlink(f"/proc/{process}/exe")
    except OSError:
        return ""


class World:
    """One world, in a home of its own. It ends with the block that it stands in, and must leave nothing."""

    def __init__(self, *options, terminal=None, **variables):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="wo"))
        (self.home / "run").mkdir(mode=0o700)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "TMPDIR": str(self.home)}
        environment |= variables
        self.said = self.home / "said"
        self.begun = time.monotonic()
        # At a terminal of its own the world is what the interrupt key reaches.
        place = {"stdin": subprocess.DEVNULL}
        if terminal is not None:
            place = {"stdin": terminal, "start_new_session": True, "preexec_fn": lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)}
        with self.said.open("w") as said:
            self.process = subprocess.Popen([PROGRAMS / "world", *options], env=environment, stdout=said, stderr=said, **place)

    def ready(self):
        self.says("Ctrl-C")
        self.took = time.monotonic() - self.begun
        text = self.said.read_text()
        self.links = {name: re.search(re.escape(label) + r"\s+(\S+)", text)[1] for name, label in LINKS.items()}
        check(text.count(self.links["panel"]) == 1, f"the shield's link is told twice: {text}")
        self.pin = re.search(r"the shield's PIN: (\S+)", text)[1]
        self.code = re.search(r"reference (\d+)\s+授权码 code (\d+)", text).groups()
        self.accounts = dict(re.findall(r"^  (\S\S)  (\d{16,19})  ", text, re.M))
        return self

    def __enter__(self):
        return self

    def __exit__(self, failed, *_):
        if failed and self.process.poll() is None:
            # The failure is what is told. Whether something is left after it is not.
            print(f"the world said:\n{self.said.read_text()}", flush=True)
            self.process.kill()
            self.process.wait(timeout=DEADLINE)
            shutil.rmtree(self.home, ignore_errors=True)
        elif self.home.exists():
            self.end()

    def says(self, text):
        """Waits until the world says this."""
        until(lambda: text in self.said.read_text() or self.process.poll() is not None, lambda: f"the world says {self.said.read_text()}")
        check(text in self.said.read_text(), f"the world has ended: {self.said.read_text()}")

    def card(self):
        """The password card as it is printed: its number, and its cells by their coordinates."""
        found = re.search(r"card number (\S+)\n\s+(.*)\n((?:\s+\d+(?:\s+\d{3})+\n)+)", self.said.read_text())
        columns = found[2].split()
        rows = [line.split() for line in found[3].splitlines()]
        return found[1], {f"{column}{row[0]}": cell for row in rows for column, cell in zip(columns, row[1:], strict=True)}

    def processes(self):
        """The processes that have this world's home in their environment."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if f"HOME={self.home}\0".encode() in (entry / "environ").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def stage(self):
        """The process that the run of this world has as its command."""
        [found] = [process for process in self.processes() if program(process).endswith("/world")]
        return found

    def process_of(self, word):
        """The process of this world that has this argument."""
        has = lambda process: word.encode() in pathlib.Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        [found] = filter(has, self.processes())
        return found

    def left(self):
        """Sockets and folders that are left."""
        return [path for path in self.home.rglob("*") if path.name not in ("run", "ushield", "said")]

    def is_gone(self):
        until(lambda: not self.processes(), lambda: f"processes are left: {self.processes()}")
        until(lambda: not self.left(), lambda: f"files are left: {self.left()}")

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGINT):
        """Ends the world, and looks at what is left."""
        self.send(number)
        self.process.wait(timeout=DEADLINE)
        self.is_gone()
        shutil.rmtree(self.home)


class Stage:
    """A world with three windows: the bank, the shield, and where the PIN is asked for."""

    def __init__(self, driver, language, *options):
        with contextlib.ExitStack() as stack:
            self.world = stack.enter_context(World(*options)).ready()

            def window():
                browser = Browser(driver, language, scripts=True)
                stack.callback(browser.close)
                return browser

            self.bank, self.prompter = window(), window()
            self.site = Customer(self.bank, self.world.links["bank"], language[:2], "customer")
            self.panel = Panel(window(), self.world.links["panel"])
            self.prompter.open(self.world.links["prompter"])
            self.stack = stack.pop_all()

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        return self.stack.__exit__(*fault)

    def sign_in(self, name):
        self.site.sign_in(self.world.accounts[name], "demo only 2026")

    def give_pin(self):
        """Answers the assistant's page. What it asked."""
        until(lambda: self.prompter.run("return !document.querySelector('#form').hidden"), "nobody asks for the PIN")
        self.prompter.find("#secret").type(self.world.pin)
        asked = self.prompter.text("#text")
        self.prompter.find("#yes").click()
        return asked

    def download(self):
        """孙七 logs in and downloads the ID. What the shield asked on the way."""
        self.sign_in("孙七")
        self.site.open("/shield/download")
        self.site.fill(reference=self.world.code[0], code=self.world.code[1])
        self.bank.find("form[data-when] button").click()
        self.give_pin()
        return self.panel.confirm(lambda: self.site.word("download-done") in self.bank.text())

    def pay(self, picture=False):
        """孙七 pays 100 yuan to 李四 by shield."""
        self.site.transfer(("李四", self.world.accounts["李四"]), "100", "房租")
        self.site.choose("shield")
        asked = self.give_pin()
        check("李四" in asked and "100" in asked, f"the assistant asks: {asked}")
        self.panel.shows("李四\n¥100.00")
        if picture:
            self.picture("pay")
        self.panel.confirm(lambda: self.site.state() == self.site.word("state-posted"))

    def picture(self, name):
        for part, browser in (("bank", self.bank), ("panel", self.panel.browser), ("prompter", self.prompter)):
            browser.picture(PICTURES / f"{name}-{part}-{self.site.language}.png")
