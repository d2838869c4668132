"""A program at a terminal of its own, under a small shell: it is in the foreground, can be stopped, and goes on. The shell sets no modes of the
terminal, so that what the program leaves is seen."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

from driver import DEADLINE, Failure

# The shell. It says on descriptor 3 how its job is, and takes one letter on descriptor 4 to let the job go on.
SHELL = r"""
import os, signal, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
go = os.pipe()
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.read(go[0], 1)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for descriptor in (3, 4, *go):
        os.close(descriptor)
    os.execvp(sys.argv[1], sys.argv[1:])
try:
    os.setpgid(job, job)
except OSError:
    pass
def foreground(group):
    try:
        os.tcsetpgrp(0, group)
    except OSError:
        # The terminal was hung up.
        pass
if not os.environ.get("JOB_IN_BACKGROUND"):
    foreground(job)
os.write(3, b"pid %d\n" % job)
os.read(4, 1)
os.write(go[1], b"g")
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        foreground(os.getpgrp())
        os.write(3, b"ended %d\n" % os.waitstatus_to_exitcode(status))
        os.read(4, 1)
        break
    foreground(os.getpgrp())
    os.write(3, b"stopped\n")
    if not os.read(4, 1):
        break
    foreground(job)
    os.kill(job, signal.SIGCONT)
"""


class Job:
    # Those that were not closed, because something failed.
    left = []

    def __init__(self, command, environment, background=False, tostop=False):
        """With `tostop` the terminal stops who writes from the background."""
        told, tell = os.pipe()
        heard, say = os.pipe()
        if background:
            environment = environment | {"JOB_IN_BACKGROUND": "1"}
        self.shell, self.master = pty.fork()
        if self.shell == 0:
            for source, target in ((tell, 63), (heard, 64)):
                os.dup2(source, target)
            os.dup2(63, 3)
            os.dup2(64, 4)
            os.closerange(5, 1024)
            os.execve(sys.executable, [sys.executable, "-c", SHELL, *map(str, command)], environment)
        os.close(tell)
        os.close(heard)
        self.told, self.say = os.fdopen(told, "rb"), say
        self.seen = ""
        self.process = int(self.hear().split()[1])
        # The program has not begun yet.
        self.left.append(self)
        if tostop:
            modes = self.modes()
            modes[3] |= termios.TOSTOP
            termios.tcsetattr(self.master, termios.TCSANOW, modes)
        self.before = self.modes()
        self.go_on()

    def hear(self):
        """What the shell says of its job, while the terminal is read."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            ready, _, _ = select.select([self.told], [], [], 0.05)
            if ready:
                return self.told.readline().decode().strip()
            self.read()
        raise Failure(f"the job neither ended nor stopped: {self.seen!r}")

    def read(self):
        while self.master is not None and select.select([self.master], [], [], 0)[0]:
            try:
                self.seen += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                return

    def until(self, text, quiet):
        """Waits until the job shows this text, and the terminal shows what is typed or does not. What was shown is forgotten."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            self.read()
            if text in self.seen and self.is_quiet() == quiet:
                seen, self.seen = self.seen, ""
                return seen
            time.sleep(0.02)
        raise Failure(f"no {text!r} with quiet={quiet}, but {self.is_quiet()}: {self.seen!r}")

    def modes(self):
        return termios.tcgetattr(self.master)

    def is_quiet(self):
        return not self.modes()[3] & termios.ECHO

    def type(self, text):
        os.write(self.master, text.encode())

    def send(self, number):
        os.kill(self.process, number)

    def go_on(self):
        os.write(self.say, b"g")

    def ended(self):
        """The exit code; that of a signal is negative."""
        told = self.hear()
        if not told.startswith("ended "):
            raise Failure(f"the job {told}: {self.seen!r}")
        self.read()
        return int(told.split()[1])

    def stopped(self):
        told = self.hear()
        if told != "stopped":
            raise Failure(f"the job {told}: {self.seen!r}")

    def hang_up(self):
        os.close(self.master)
        self.master = None

    def close(self):
        self.left.remove(self)
        for process in (self.process, self.shell):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        os.close(self.say)
        os.waitpid(self.shell, 0)
        self.told.close()
        if self.master is not None:
            os.close(self.master)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
