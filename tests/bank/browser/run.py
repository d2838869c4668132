"""Drives the bank's pages in Chromium, in both languages and both widths: `tests/bank/run browser`.

The pictures of all pages are in target/bank/pictures. Of a chapter that fails, the page is kept there as failed-*.png."""

import concurrent.futures
import sys
import time
import traceback

import counter
import customer
from bank import Branch, Demo
from driver import Driver
from pages import PICTURES


def tell(driver, module, make_bank, language):
    """One story; whether all of its chapters hold. What follows a chapter that failed would fail too, and is not tried."""
    name = f"{module.__name__} {language}"
    bank = make_bank(language)
    story = module.Story(driver, bank, language)
    try:
        for chapter in module.CHAPTERS:
            begun = time.monotonic()
            try:
                chapter(story)
            except Exception:
                traceback.print_exc()
                picture = PICTURES / f"failed-{module.__name__}-{language}-{chapter.__name__}.png"
                story.browser.picture(picture)
                print(f"FAILED  {name}: {chapter.__name__}; its page is {picture}", flush=True)
                return False
            print(f"ok  {name}: {chapter.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
        return True
    finally:
        story.close()
        bank.stop()


def main(wanted):
    stories = [
        (module, bank, language)
        for language in ("zh", "en")
        for module, bank in ((counter, Branch), (customer, Demo))
    ]
    stories = [story for story in stories if not wanted or story[0].__name__ in wanted]
    assert stories, f"no story of {wanted}"
    driver = Driver()
    try:
        # Two at a time, because the counter's story waits for an order to expire.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            told = list(pool.map(lambda story: tell(driver, *story), stories))
    finally:
        driver.stop()
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
