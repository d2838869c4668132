"""Drives the bank's pages with a shield in Chromium, and once in Firefox: `tests/bank/run shield-browser`.

The pictures of each state are in target/bank/pictures, beside those of the other pages. Of a chapter that fails, the page is kept there as
failed-*.png. The assistant's three ports are fixed, so that the run wants a network of its own; tests/bank/run makes one."""

import sys
import time
import traceback

import stage  # puts the browser's folders into the path
import firefox
import permission
import story

from driver import Driver
from pages import PICTURES


def tell(driver, module, language):
    """One story; whether all of its chapters hold. What follows a chapter that failed would fail too, and is not tried."""
    name = f"{module.__name__} {language}"
    told = module.Story(driver, language)
    try:
        for chapter in module.CHAPTERS:
            begun = time.monotonic()
            try:
                chapter(told)
            except Exception:
                traceback.print_exc()
                picture = PICTURES / f"failed-{module.__name__}-{language}-{chapter.__name__}.png"
                told.browser.picture(picture)
                for log in told.stage.folder.glob("*.log"):
                    print(f"--- {log.name}\n{log.read_text()[-2000:]}")
                print(f"FAILED  {name}: {chapter.__name__}; its page is {picture}", flush=True)
                return False
            print(f"ok  {name}: {chapter.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        return True
    finally:
        told.close()


def main(wanted):
    driver = Driver()
    try:
        # One at a time: the ports are the assistant's own, and each story has an assistant.
        stories = [(module, language) for module in (permission, firefox, story) for language in ("zh", "en")]
        told = [tell(driver, module, language) for module, language in stories if not wanted or {module.__name__, language} & wanted]
    finally:
        driver.stop()
    return 0 if told and all(told) else 1


if __name__ == "__main__":
    sys.exit(main(set(sys.argv[1:])))
