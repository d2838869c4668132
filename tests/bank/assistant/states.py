"""States of a shield and of a computer that the customer's story does not pass by itself, in the order of the story's chapters."""

import os

from stage import PASSWORD

from clock import ahead
from driver import Failure, Skipped, until

DAY = 24 * 3600
MEND = "[data-do=mend][data-code=brand_unknown]"
# Clicks while the page looks at the shield, which takes a while.
CLICK_AT_A_LOOK = """
const [css] = arguments, real = window.fetch;
window.fetch = (place, init) => {
  if (place.endsWith('/status')) {
    window.fetch = real;
    document.querySelector(css).click();
  }
  return real(place, init);
};
"""


def no_id_yet(story):
    site = story.site
    site.open("/set-up")
    story.begin()
    story.hears("look-no-id")
    site.look("no-id", keyboard=True)
    story.stop()


def another_banks_shield(story):
    """The bank trusts shields of one brand, and the page says so to the assistant. It goes on when the bank's own shield is plugged in."""
    site, stage = story.site, story.stage
    stage.stop_assistant()
    stage.start_assistant(token=stage.plug("other", brand="indigo"))
    site.open("/set-up")
    story.begin()
    story.hears_words("other_brand")
    site.look("other-brand")
    story.fresh()
    story.hears("look-ready")


def a_missing_driver(story):
    """The kernel has a shield of a brand that no driver serves. The page asks for the mending by its code; the holder says no, then yes."""
    if os.geteuid() != 0:
        raise Skipped("only root has a machine of its own")
    site, stage = story.site, story.stage
    stage.stop_assistant()
    stage.start_assistant(window=True, device="1209:0001")
    site.open("/set-up")
    story.begin()
    story.hears_words("driver_missing")
    story.hears_words("brand_unknown")
    site.look("driver-missing", keyboard=True)

    story.browser.run(CLICK_AT_A_LOOK, MEND)
    story.hears_words("prompt_cancelled")
    (stage.folder / "yes").touch()
    story.browser.find(MEND).click()
    shown = stage.folder / "shown"
    until(lambda: shown.read_text().count("CONFIRM") == 2, "the holder was asked once")
    if stage.public not in shown.read_text() or "sudo ushield driver install --brand indigo" not in shown.read_text():
        raise Failure(f"the holder was shown {shown.read_text()}")
    # The driver is there, and no road leads to the shield all the same.
    story.wait(lambda: not story.browser.find_all(MEND) and story.words("no_token")[0] in story.live(), "the driver is still missing")
    story.fresh()
    story.hears("look-ready")


def a_program_holds_the_shield(story):
    """A program of the customer's own waits for OK on the shield. The page goes on when that program has ended. A server of USB/IP lists no
    shield that is in use, so the assistant is told which one to take."""
    stage, token = story.stage, story.token
    stage.stop_assistant()
    stage.start_assistant(road=f"{token.road}/{token.buses[0]}")
    order = stage.folder / "other.json"
    stage.run("ushield", "order", "--out", order, "--force")
    words = ["pay", order, "--out", stage.folder / "other.cms", "--usbip", token.road, "--pin-file", stage.folder / "pin"]
    program = stage.start("ushield", *words, log="program")
    token.shows("上海水务")
    story.write_order("1.12")
    story.hears_words("token_held")
    story.hears("goes-on-then")
    story.site.look("pay-token-held")
    token.press("cancel")
    program.wait(60)
    token.confirm(r"¥1\.12")
    story.is_paid()


def the_id_has_expired(story):
    """Seventy days later at the bank and at the customer's computer: the ID ended ten days ago, and is renewed all the same."""
    site, stage = story.site, story.stage
    stage.stop_assistant()
    stage.stop_bank()
    stage.environment |= ahead(70 * DAY)
    stage.serve_bank()
    stage.start_assistant(token=story.token)
    site.origin = stage.public
    site.sign_in(story.account, PASSWORD)
    story.write_order("1.13")
    story.hears_words("expired")
    site.look("pay-expired", keyboard=True)
    site.follow("/shield")
    site.has(site.word("renew-ended").split("{")[0])
    site.look("shield-expired")
    story.renew()
    story.write_order("1.14")
    story.token.confirm(r"¥1\.14")
    story.is_paid()
