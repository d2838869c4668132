"""The wizard `ushield assistant setup`: at a terminal and without one, in both languages; what it writes, and that it takes it back."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from desk import PROGRAMS
from driver import expect
from job import Job

NOBODY = 65534
BANK, OTHER = "https://bank.example", "https://other.example"


class User:
    """A user without root, with a home of its own."""

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self.scratch.name)
        program = self.home / "ushield"
        shutil.copy(PROGRAMS / "ushield", program)
        (self.home / "run").mkdir(0o700)
        self.command, self.program = [program, "assistant", "setup"], program
        if os.geteuid() == 0:
            for path in (self.home, self.home / "run"):
                os.chown(path, NOBODY, NOBODY)
            self.command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *self.command]
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run")}
        self.unit = self.home / ".config/systemd/user/ushield-assistant.service"
        self.autostart = self.home / ".config/autostart/ushield-assistant.desktop"
        return self

    def __exit__(self, *_):
        self.scratch.cleanup()

    def run(self, *options, **variables):
        """What it says without a terminal, and whether it wrote."""
        command = [*self.command, *options]
        environment = self.environment | variables
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, start_new_session=True)
        return done.stdout + done.stderr

    def files(self):
        return [path.exists() for path in (self.unit, self.autostart)]


def without_a_terminal(_desk):
    with User() as user:
        said = user.run()
        expect(("name your bank" in said, "--yes" in said), (True, False), f"without a bank it says {said}")
        said = user.run("--bank", BANK)
        expect(("--yes says yes" in said, user.files()), (True, [False, False]), f"unasked it writes nothing, {said}")
        for step in ("1. System Upgrade", "2. Driver Installation", "3. Window for the PIN", "4. Start at login"):
            expect(step in said, True, f"{step} in {said}")
        said = user.run("--bank", BANK, "--yes", LANG="zh_CN.UTF-8")
        for step in ("1. 系统升级", "2. 安装驱动程序", "3. 密码输入窗口", "4. 登录时启动"):
            expect(step in said, True, f"{step} in {said}")
        expect(user.files(), [True, True], "it writes")


def banks_add_up_and_go(_desk):
    """The instructions of two banks, one after the other; the files are what systemd and desktops take; then nothing is left."""
    with User() as user:
        user.run("--bank", BANK, "--yes")
        user.run("--bank", OTHER, "--yes")
        line = f"={user.program} assistant --bank {BANK} --bank {OTHER}\n"
        for path in (user.unit, user.autostart):
            expect(line in path.read_text(), True, f"both banks are in {path.read_text()}")
            expect(path.stat().st_mode & 0o777, 0o600, f"the rights of {path}")
        environment = os.environ | {"XDG_RUNTIME_DIR": str(user.home / "run"), "HOME": str(user.home)}
        checked = subprocess.run(["systemd-analyze", "verify", "--user", user.unit], env=environment, capture_output=True, text=True)
        expect((checked.returncode, checked.stderr), (0, ""), "systemd says of the unit")
        checked = subprocess.run(["desktop-file-validate", user.autostart], capture_output=True, text=True)
        expect((checked.returncode, checked.stdout), (0, ""), "the desktop's judge says of the file")
        # Without systemd's socket the wizard asks systemctl for nothing, and the unit starts at the next login all the same.
        link = user.unit.parent / "graphical-session.target.wants" / user.unit.name
        expect(os.readlink(link), str(user.unit), "systemd's link leads to")
        said = user.run("--remove")
        expect(said.count("Removed: "), 3, f"it says {said}")
        expect(list((user.home / ".config").iterdir()), [], "what is left")


def at_a_terminal(_desk):
    """It asks for the bank, says what it will do, and takes a no for a no."""
    with User() as user:
        for answer, written in (("no", [False, False]), ("是", [True, True])):
            job = Job([*user.command, "--language", "en"], user.environment)
            seen = job.until("Your bank's address", quiet=False)
            expect("Nothing is changed before you have said yes" in seen, True, f"the first question comes after: {seen}")
            # What is no address is asked for again, and a whole address is as good as the bank's own.
            job.type("my bank\n")
            job.until("Your bank's address", quiet=False)
            job.type(f"{BANK}/sign-in?language=zh\n")
            seen = job.until("(yes/no)", quiet=False)
            for part in (str(user.unit), str(user.autostart), f"answered: {BANK}\x1b"):
                expect(part in seen, True, f"{part} is said before: {seen}")
            expect(user.files(), [False, False], "before the answer")
            job.type(answer + "\n")
            job.ended()
            expect(user.files(), written, f"after {answer}")
            job.close()


def in_the_background(_desk):
    """Of a terminal that stops who writes from the background (`stty tostop`): the question waits for `fg`."""
    with User() as user:
        job = Job([*user.command, "--language", "en"], user.environment, background=True, tostop=True)
        job.stopped()
        left = job.seen
        expect("bank" in left, False, f"the terminal of another program shows {left!r}")
        job.go_on()
        job.until("Your bank's address", quiet=False)
        job.type("\n")
        expect(job.ended(), 1, f"without a bank it says {job.seen}")
        job.close()


def somebody_elses_unit(_desk):
    """A unit of the same name that the user has written stays as it is, and is neither stopped nor disabled."""
    with User() as user:
        user.unit.parent.mkdir(parents=True)
        user.unit.write_text("[Service]\nExecStart=/bin/true\n")
        for path in (user.unit.parent, user.unit.parent.parent, user.home / ".config"):
            shutil.chown(path, NOBODY, NOBODY) if os.geteuid() == 0 else None
        # systemd as it seems to be there, and a systemctl that writes down what it is told.
        (user.home / "run/systemd").mkdir(0o755)
        (user.home / "run/systemd/private").touch()
        systemctl = user.home / "systemctl"
        systemctl.write_text('#!/bin/sh\necho "$@" >>"$HOME/run/told"\n')
        systemctl.chmod(0o755)
        path = f"{user.home}:{user.environment['PATH']}"
        said = user.run("--bank", BANK, "--yes", PATH=path)
        expect(f"{user.unit} is there already" in said, True, f"it says {said}")
        said += user.run("--remove", PATH=path)
        expect("Removed: " in said, False, f"it says {said}")
        expect(user.unit.read_text(), "[Service]\nExecStart=/bin/true\n", "the unit is")
        expect((user.home / "run/told").exists(), False, "systemctl was asked")
        user.unit.unlink()
        user.run("--bank", BANK, "--yes", PATH=path)
        told = (user.home / "run/told").read_text().splitlines()
        unit = f"--user --quiet restart {user.unit.name}"
        asked = f"--user --quiet is-active {user.unit.name}"
        expect(told, ["--user --quiet daemon-reload", unit, asked], "systemctl was asked")
        # An assistant that ends at once is not said to run.
        systemctl.write_text('#!/bin/sh\ncase "$*" in *is-active*) exit 3;; esac\n')
        said = user.run("--bank", BANK, "--yes", PATH=path)
        expect(("systemctl --user status" in said, "The assistant runs" in said), (True, False), f"it says {said}")


def through_sudo(_desk):
    """The files of a login are not root's."""
    with User() as user:
        said = user.run("--bank", BANK, "--yes", SUDO_UID="1000")
        expect(("run the command without sudo" in said, user.files()), (True, [False, False]), f"it says {said}")


CHAPTERS = [without_a_terminal, banks_add_up_and_go, at_a_terminal, in_the_background, somebody_elses_unit, through_sudo]
