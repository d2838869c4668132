"""What a question for a secret leaves of the terminal: of each program that asks for one, whatever ends the question."""

import json
import os
import shutil
import signal
import subprocess

from desk import PIN, PROGRAMS
from driver import DEADLINE, expect, until
from job import Job
from page import Page

BANK = "https://bank.example"
NEW = "39571468"


def pay(page):
    """Starts a payment, and gives its number."""
    status, told = page.pay()
    expect(status, 202, f"the page is told {told}")
    return told["operation"]


def ended(page, operation):
    told = page.end(operation)
    return told["phase"], (told["error"] or {}).get("code")


class Asks:
    """A program that asks for a secret at a terminal."""

    def __init__(self, desk, *command, prompt="PIN"):
        self.desk, self.command, self.prompt = desk, command, prompt

    def start(self, background=False):
        program, *rest = self.command
        return Job([PROGRAMS / program, *rest], self.desk.environment | {"TERM": "xterm"}, background)


class Assists(Asks):
    """The assistant, which asks once a page wants something."""

    def __init__(self, desk, *options):
        self.ready = desk.folder / "ready.json"
        command = ["ushield", "assistant", "--bank", BANK, "--port", "0", "--usbip", desk.road, "--ready-file", self.ready]
        super().__init__(desk, *command, *options)

    def start(self, background=False):
        self.ready.unlink(missing_ok=True)
        job = super().start(background)
        until(self.ready.exists, "the assistant did not get ready")
        self.page = Page(port_of(self.ready), BANK)
        return job


def port_of(ready):
    """The port of the assistant that wrote this file."""
    return int(json.loads(ready.read_text())["address"].rpartition(":")[2])


def programs(desk):
    environment = {name: value for name, value in desk.environment.items() if name != "CERT_TOOL_PASSPHRASE"}
    asking = type("", (), {"environment": environment})
    order_file = desk.folder / "order.json"
    desk.command("ushield", "order", "--out", order_file, "--force")
    road = ["--usbip", desk.road]
    return {
        "ushield pin change": Asks(desk, "ushield", "pin", "change", *road),
        "ushield pay": Asks(desk, "ushield", "pay", order_file, "--out", desk.folder / "x.cms", *road),
        "cert-tool ca init": Asks(asking, "cert-tool", "ca", "init", "--dir", desk.folder / "other", prompt="passphrase"),
        "cert-tool request": Asks(
            desk, "cert-tool", "request", "--kind", "payment", "--name", "a", "--user-id", "1", "--out", desk.folder / "x.csr", *road
        ),
    }


def left(job, what):
    expect(job.modes(), job.before, f"{what}: the terminal's modes")


def signals(desk):
    """SIGINT and SIGQUIT by their keys, the others from outside. The program ends as by the signal, and the terminal is as it was."""
    for name, asks in programs(desk).items():
        for number, key in [(2, "\x03"), (3, "\x1c"), (1, None), (15, None), (2, None)]:
            job = asks.start()
            job.until(asks.prompt, quiet=True)
            job.type("12345")
            if key:
                job.type(key)
            else:
                job.send(number)
            expect(job.ended(), -number, f"{name}: signal {number} ended it")
            left(job, f"{name}, signal {number}")
            job.close()


def stop_and_go_on(desk):
    """Ctrl-Z gives the terminal back. The program asks again when it goes on, and hides the answer again; also when it was stopped by SIGSTOP."""
    asks = Asks(desk, "ushield", "pin", "change", "--usbip", desk.road)
    job = asks.start()
    job.until("PIN", quiet=True)
    job.type("\x1a")
    job.stopped()
    left(job, "stopped")
    job.go_on()
    job.until("PIN", quiet=True)
    job.send(signal.SIGSTOP)
    job.stopped()
    job.go_on()
    job.until("PIN", quiet=True)
    job.type(PIN + "\n")
    job.until("new PIN", quiet=True)
    job.type(NEW + "\n")
    job.until("again", quiet=True)
    job.type(NEW + "\n")
    expect(job.ended(), 0, f"the change ended, {job.seen}")
    expect(PIN in job.seen or NEW in job.seen, False, "the terminal showed a PIN")
    left(job, "changed")
    job.close()
    for name, secret in (("old", NEW), ("new", PIN)):
        (desk.folder / name).touch(0o600)
        (desk.folder / name).write_text(secret)
    files = ["--old-file", desk.folder / "old", "--new-file", desk.folder / "new", "--usbip", desk.road]
    desk.command("ushield", "pin", "change", *files)


def typed_before(desk):
    """What was typed before the question is no answer to it."""
    asks = Asks(desk, "ushield", "pay", desk.folder / "order.json", "--out", desk.folder / "y.cms", "--usbip", desk.road)
    desk.command("ushield", "order", "--out", desk.folder / "order.json", "--force")
    job = asks.start()
    job.type("000001\n")
    job.until("PIN", quiet=True)
    job.type(PIN + "\n")
    expect(job.ended(), 0, f"the payment ended, {job.seen}")
    job.close()


def hang_up(desk):
    job = Asks(desk, "ushield", "pin", "change", "--usbip", desk.road).start()
    job.until("PIN", quiet=True)
    job.hang_up()
    expect(job.ended() in (-1, 1), True, "the program ended by the hang-up")
    job.close()


def the_assistant(desk, *options, enter="\n"):
    """It shows origin and order, hides the PIN, and goes on; a page that cancels and a Ctrl-C leave the terminal as it was."""
    asks = Assists(desk, *options)
    job = asks.start()
    job.resize(40, 100)
    operation = pay(asks.page)
    seen = job.until("PIN:", quiet=True)
    for part in (BANK, "上海水务", "100.00 CNY"):
        expect(part in seen, True, f"{part} is shown: {seen}")
    job.type(PIN + enter)
    expect(ended(asks.page, operation), ("done", None), "the payment ended")
    left(job, "after an answer")
    expect(PIN in job.seen, False, "the terminal showed the PIN")

    operation = pay(asks.page)
    job.until("PIN", quiet=True)
    asks.page.call("/cancel", {"operation": operation})
    expect(ended(asks.page, operation)[0], "cancelled", "the payment ended")
    left(job, "after the page cancelled")

    pay(asks.page)
    job.until("PIN", quiet=True)
    job.send(signal.SIGINT)
    expect(job.ended(), 0, "Ctrl-C ended the assistant")
    left(job, "after Ctrl-C")
    job.close()


def the_assistant_in_the_background(desk):
    """`ushield assistant &`: another program's terminal is left alone, also by a pinentry, and the page is told that nobody could be asked."""
    for options in ([], *(["--pinentry", shutil.which(program)] for program in ("pinentry-tty", "pinentry-curses"))):
        asks = Assists(desk, *options)
        job = asks.start(background=True)
        expect(ended(asks.page, pay(asks.page)), ("failed", "prompt_failed"), f"the payment ended, {options}")
        expect("PIN" in job.seen, False, f"the terminal shows {job.seen!r}, {options}")
        left(job, f"in the background, {options}")
        job.send(signal.SIGTERM)
        expect(job.ended(), 0, "the assistant ended")
        expect("PIN:" in job.seen, False, f"the terminal shows {job.seen!r}, {options}")
        job.close()


def the_time_is_over(desk):
    """Nobody answers for two minutes."""
    asks = Assists(desk)
    job = asks.start()
    operation = pay(asks.page)
    job.until("PIN", quiet=True)
    expect(ended(asks.page, operation), ("failed", "prompt_timed_out"), "the payment ended")
    left(job, "after the time")
    job.send(signal.SIGTERM)
    job.ended()
    job.close()


def pinentries_in_the_terminal(desk):
    """Debian's own. They are killed where nobody wants the answer, and the terminal is as it was all the same."""
    for program, enter in (("pinentry-tty", "\n"), ("pinentry-curses", "\r")):
        the_assistant(desk, "--pinentry", shutil.which(program), enter=enter)


def xdotool(display, *command):
    done = subprocess.run(["xdotool", *command], env=os.environ | {"DISPLAY": display}, capture_output=True, text=True, timeout=DEADLINE)
    return done.stdout.strip()


def a_pinentry_in_a_window(desk):
    """Debian's pinentry-gtk-2, and a server of windows without a screen."""
    heard, tell = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(tell), "-nolisten", "tcp", "-noreset"], pass_fds=[tell], stderr=subprocess.DEVNULL)
    os.close(tell)
    try:
        display = ":" + os.fdopen(heard).readline().strip()
        program = shutil.which("pinentry-gtk-2")
        environment = desk.environment | {"DISPLAY": display}
        asking = type("", (), {"environment": environment, "folder": desk.folder, "road": desk.road})
        asks = Assists(asking, "--pinentry", program)
        job = asks.start()
        search = ["search", "--onlyvisible", "--name", "Online Banking Assistant|PIN|pinentry"]
        operation = pay(asks.page)
        window = until(lambda: xdotool(display, *search), "no window").split()[0]

        def takes_keys():
            xdotool(display, "windowfocus", window)
            return xdotool(display, "getwindowfocus", "-f") == window

        # A key that comes before the window takes keys is lost.
        until(takes_keys, "the window takes no keys")
        xdotool(display, "type", PIN)
        xdotool(display, "key", "Return")
        expect(ended(asks.page, operation), ("done", None), "the payment ended")
        operation = pay(asks.page)
        until(lambda: xdotool(display, *search), "no window")
        asks.page.call("/cancel", {"operation": operation})
        expect(ended(asks.page, operation)[0], "cancelled", "the payment ended")
        until(lambda: not xdotool(display, *search), "the window stays")
        operation = pay(asks.page)
        until(lambda: xdotool(display, *search), "no window")
        job.send(signal.SIGTERM)
        expect(job.ended(), 0, "the assistant ended")
        until(lambda: not xdotool(display, *search), "the window stays after the assistant")
        job.close()
    finally:
        server.terminate()
        server.wait()


def nobody_can_be_asked(desk):
    """Neither window nor terminal: the state says so, and names the package."""
    ready = desk.folder / "ready.json"
    ready.unlink(missing_ok=True)
    command = [PROGRAMS / "ushield", "assistant", "--bank", BANK, "--port", "0", "--usbip", desk.road, "--ready-file", ready]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=desk.environment, start_new_session=True, text=True, **streams)
    until(ready.exists, "the assistant did not get ready")
    page = Page(port_of(ready), BANK)
    told = page.is_in("no_prompt")
    for language in ("zh", "en"):
        expect("sudo apt install pinentry-gnome3" in told["words"][language]["next"], True, f"the words {told['words']}")
    status, told = page.pay()
    expect((status, told["error"]["code"]), (409, "no_prompt"), "a payment")
    process.terminate()
    _, complained = process.communicate()
    expect("pinentry" in complained, True, f"the program says {complained}")


CHAPTERS = [
    signals,
    stop_and_go_on,
    typed_before,
    hang_up,
    the_assistant,
    the_assistant_in_the_background,
    pinentries_in_the_terminal,
    a_pinentry_in_a_window,
    nobody_can_be_asked,
    the_time_is_over,
]
