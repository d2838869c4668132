"""Chapters of a story, one after the other, and how each went."""

import time
import traceback

from driver import Skipped


def attempt(name, act, failed=lambda: None):
    """Does one chapter, and tells how it went. `failed` keeps what shows why a chapter has failed, and returns what is to be told of that.
    Whether the chapter holds, or cannot be tried here."""
    begun = time.monotonic()
    try:
        act()
    except Skipped as why:
        print(f"--  {name}: {why}", flush=True)
        return True
    except Exception:
        traceback.print_exc()
        print(f"FAILED  {name}", *filter(None, [failed()]), sep="\n", flush=True)
        return False
    print(f"ok  {name} ({time.monotonic() - begun:.1f} s)", flush=True)
    return True


def tell(chapters, wanted, *arguments):
    """Does those chapters that are wanted, and all where none is named. Gives the names of those that failed. `chapters` has a list for each language."""
    told = [(chapter, language) for language, listed in chapters.items() for chapter in listed]
    told = [(chapter, language) for chapter, language in told if not wanted or chapter.__name__ in wanted]
    assert told, f"no chapter of {wanted}"
    name = lambda chapter, language: f"{chapter.__name__} {language}"
    return [name(*each) for each in told if not attempt(name(*each), lambda each=each: each[0](*arguments, each[1]))]
