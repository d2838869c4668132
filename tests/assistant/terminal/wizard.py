"""The wizard `ushield assistant setup`: at a terminal and without one, in both languages; what it writes, and that it takes it back."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from assistant import PROGRAMS
from attacks import expect
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
        expect("name your bank" in said, True, f"without a bank it says {said}")
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
        said = user.run("--remove")
        expect(said.count("Removed: "), 2, f"it says {said}")
        expect(list((user.home / ".config").iterdir()), [], "what is left")


def at_a_terminal(_desk):
    """It asks for the bank, says what it will do, and takes a no for a no."""
    with User() as user:
        for answer, written in (("no", [False, False]), ("是", [True, True])):
            job = Job([*user.command, "--language", "en"], user.environment)
            job.until("Your bank's address", quiet=False)
            job.type(BANK + "\n")
            seen = job.until("(yes/no)", quiet=False)
            for part in (str(user.unit), str(user.autostart), BANK, "Nothing is changed before you have said yes"):
                expect(part in seen, True, f"{part} is said before: {seen}")
            expect(user.files(), [False, False], "before the answer")
            job.type(answer + "\n")
            job.ended()
            expect(user.files(), written, f"after {answer}")
            job.close()


def through_sudo(_desk):
    """The files of a login are not root's."""
    with User() as user:
        said = user.run("--bank", BANK, "--yes", SUDO_UID="1000")
        expect(("run the command without sudo" in said, user.files()), (True, [False, False]), f"it says {said}")


CHAPTERS = [without_a_terminal, banks_add_up_and_go, at_a_terminal, through_sudo]
