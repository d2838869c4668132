"""Drives the bank's pages in Chromium, in both languages and both widths: `tests/bank/run browser`.

The pictures of all pages are in target/bank/pictures. Of a chapter that fails, the page is kept there as failed-*.png."""

import concurrent.futures
import sys

import counter
import customer
from bank import Branch, Demo
from chapter import attempt
from driver import Driver
from pages import PICTURES


def tell(driver, module, make_bank, language):
    """One story; whether all of its chapters hold. What follows a chapter that failed would fail too, and is not tried."""
    name = f"{module.__name__} {language}"
    bank = make_bank(language)
    story = module.Story(driver, bank, language)
    try:
        return all(
            attempt(f"{name}: {chapter.__name__}", lambda: chapter(story), lambda: seen(story, f"{name}-{chapter.__name__}"))
            for chapter in module.CHAPTERS
        )
    finally:
        story.close()
        bank.stop()


def seen(story, name):
    """The page on which a chapter has failed."""
    picture = PICTURES / f"failed-{name.replace(' ', '-')}.png"
    story.browser.picture(picture)
    return f"its page is {picture}"


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
