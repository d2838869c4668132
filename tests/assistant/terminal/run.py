"""Asks for PINs at terminals and in windows, and runs the wizard: `tests/assistant/run prompter wizard`. `run.py prompter signals` runs that
chapter alone."""

import concurrent.futures
import signal
import sys
import time
import traceback

import prompts
import wizard
from assistant import Desk
from job import Job


def attempt(chapter):
    """One chapter, with a shield of its own; whether it holds."""
    begun = time.monotonic()
    desk = Desk() if chapter in prompts.CHAPTERS else None
    try:
        chapter(desk)
        print(f"ok  {chapter.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        return True
    except Exception:
        traceback.print_exc()
        print(f"FAILED  {chapter.__name__}", flush=True)
        return False
    finally:
        if desk:
            desk.close()


def main(part, *wanted):
    # Who is started in a script's background ignores these, and so would the programs that are tried.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM, signal.SIGTSTP):
        signal.signal(number, signal.SIG_DFL)
    chapters = {"prompter": prompts.CHAPTERS, "wizard": wizard.CHAPTERS}[part]
    chapters = [chapter for chapter in chapters if not wanted or chapter.__name__ in wanted]
    assert chapters, f"no chapter of {wanted}"
    # One of the chapters waits for two minutes, and the others run meanwhile.
    slow = [chapter for chapter in chapters if chapter is prompts.the_time_is_over]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        later = pool.map(attempt, slow)
        told = [attempt(chapter) for chapter in chapters if chapter not in slow]
        told += later
    for job in list(Job.left):
        job.close()
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
