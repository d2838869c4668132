"""Drives the bank's pages with a shield in Chromium, and once in Firefox: `tests/bank/run shield-browser`.

The pictures of each state are in target/bank/pictures, beside those of the other pages. Of a chapter that fails, the page is kept there as
failed-*.png. The assistant's three ports are fixed, so that the run wants a network of its own; tests/bank/run makes one."""

import sys

import stage  # puts the browser's folders into the path
import firefox
import permission
import story

from chapter import attempt
from driver import Driver
from pages import PICTURES


def tell(driver, module, language):
    """One story; whether all of its chapters hold. What follows a chapter that failed would fail too, and is not tried."""
    name = f"{module.__name__} {language}"
    told = module.Story(driver, language)
    try:
        return all(
            attempt(f"{name}: {chapter.__name__}", lambda: chapter(told), lambda: seen(told, f"{name}-{chapter.__name__}"))
            for chapter in module.CHAPTERS
        )
    finally:
        told.close()


def seen(told, name):
    """What shows why a chapter has failed: the page, and the ends of all logs."""
    picture = PICTURES / f"failed-{name.replace(' ', '-')}.png"
    told.browser.picture(picture)
    logs = [f"--- {log.name}\n{log.read_text()[-2000:]}" for log in told.stage.folder.glob("*.log")]
    return "\n".join([*logs, f"its page is {picture}"])


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
