"""Programs that read another clock, by Debian's libfaketime (package libfaketime)."""

import glob


def ahead(seconds):
    """The variables of a program whose date is so far ahead. What it measures, such as its time-outs, goes on as ever."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        raise SystemExit("libfaketime is not installed: the suite's own run installs it")
    return {"LD_PRELOAD": found[0], "FAKETIME": f"+{seconds}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
