"""Programs that read another clock, by Debian's libfaketime (package libfaketime)."""

import glob, os


def library():
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        raise SystemExit("libfaketime is not installed: the suite's own run installs it")
    # What a program measures, such as its time-outs, goes on as ever.
    return {"LD_PRELOAD": found[0], "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def ahead(seconds):
    """The variables of a program whose date is so far ahead."""
    return library() | {"FAKETIME": f"+{seconds}"}


class Settable:
    """The clock of a machine, which somebody sets while its programs run. The clock that counts from the machine's start goes on."""

    def __init__(self, file):
        self.file = file
        self.set(0)

    def set(self, seconds):
        """From now on it shows so much more."""
        with open(f"{self.file}.new", "w") as file:
            file.write(f"{seconds:+}")
        # Others than whoever sets it read it.
        os.chmod(f"{self.file}.new", 0o644)
        os.replace(f"{self.file}.new", self.file)

    def environment(self):
        """The variables of a program that goes by it."""
        return library() | {"FAKETIME_TIMESTAMP_FILE": self.file, "FAKETIME_NO_CACHE": "1"}
