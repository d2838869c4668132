"""Asks for PINs at terminals and in windows, and runs the wizard: `tests/assistant/run prompter wizard`. `run.py prompter signals` runs that
chapter alone."""

import concurrent.futures
import signal
import sys

import chapter
import prompts
import wizard
from desk import Desk
from job import Job


def attempt(act):
    """One chapter, with a shield of its own; whether it holds."""
    desk = Desk() if act in prompts.CHAPTERS else None
    try:
        return chapter.attempt(act.__name__, lambda: act(desk))
    finally:
        if desk:
            desk.close()


def main(part, *wanted):
    # Who is started in a script's background ignores these, and so would the programs that are tried.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
    chapters = {"prompter": prompts.CHAPTERS, "wizard": wizard.CHAPTERS}[part]
    chapters = [act for act in chapters if not wanted or act.__name__ in wanted]
    assert chapters, f"no chapter of {wanted}"
    # One of the chapters waits for two minutes, and the others run meanwhile.
    slow = [act for act in chapters if act is prompts.the_time_is_over]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        later = pool.map(attempt, slow)
        told = [attempt(act) for act in chapters if act not in slow]
        told += later
    for job in list(Job.left):
        job.close()
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
