"""The pages that reach the shield in Firefox: a payment, and Firefox's own question, which keeps the page's call waiting until somebody answers.

It is driven by Marionette, with what a test types and clicks as scripts beside the page's own."""

import base64

from stage import PASSWORD

import permission
import story

from driver import until
from marionette import Firefox
from pages import PICTURES, texts

CLICK = "document.querySelector(arguments[0]).click()"
FILL = """
for (const [name, value] of Object.entries(arguments[0])) document.querySelector(`main [name="${name}"]`).value = value;
document.querySelector(arguments[1]).click();
"""
# Firefox's question is a window of its own in front of the page; its first button says yes, its second one no.
ANSWER = """
const window = Services.wm.getMostRecentWindow("navigator:browser");
const [asked] = [].concat(window.PopupNotifications._currentNotifications || []);
if (!asked) return false;
(arguments[0] ? asked.mainAction : asked.secondaryActions[0]).callback({checkboxChecked: true, source: "button"});
asked.remove();
return true;
"""


class Page:
    """A page in Firefox, with as much of the other browser's calls as a story needs."""

    def __init__(self, language, preferences=None):
        self.firefox, self.words = Firefox(preferences, language), texts(language)

    def says(self, key):
        text = self.words[key]

        def is_said():
            return text in (self.firefox.run("return document.querySelector('main')?.innerText") or "")

        until(is_said, lambda: f"Firefox's page does not say {text!r}, but {self.firefox.run('return document.body.innerText')!r}")

    def click(self, css):
        until(lambda: self.firefox.run("return !!document.querySelector(arguments[0])", css), f"there is no {css}")
        self.firefox.run(CLICK, css)

    def fill(self, button, **fields):
        until(lambda: self.firefox.run("return !!document.querySelector(arguments[0])", button), f"there is no {button}")
        self.firefox.run(FILL, fields, button)

    def picture(self, path):
        shot = self.firefox.ask("WebDriver:TakeScreenshot", full=True)["value"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot))

    def close(self):
        self.firefox.close()


class Story:
    """Two banks, one after the other: at this computer, and at a public address."""

    def __init__(self, _driver, language):
        self.language, self.stage, self.browser = language, None, None

    def open(self, stage, preferences=None):
        self.close()
        self.stage, self.browser = stage, Page(self.language, preferences)

    def close(self):
        if self.browser:
            self.browser.close()
            self.stage.stop()


def a_payment(told):
    stage = story.Stage().start_bank()
    told.open(stage)
    token, page = stage.plug("one", panel="accept"), told.browser
    opened = {"name": story.NAME, "document": story.DOCUMENT, "phone": story.PHONE, "deposit": "200000"}
    account = stage.act("open", **opened)["account"]
    papers = {"account": account, "document": story.DOCUMENT}
    friend = stage.act("open", **opened | {"name": story.FRIEND, "document": "110101198202022345", "deposit": ""})["account"]
    first = stage.act("contract", **papers)["password"]
    code = stage.hand_out(token.serial, **papers)
    stage.start_assistant(token=token)
    page.firefox.open(stage.public + "/sign-in")
    page.fill("main button", account=account, password=first)
    page.says("choose-password")
    page.fill("main button", former=first, password=PASSWORD, again=PASSWORD)
    page.says("statement")
    page.firefox.open(stage.public + "/shield/download")
    page.fill("form[data-when] button", reference=code["reference"], code=code["code"])
    page.says("download-done")
    page.firefox.open(stage.public + "/transfer")
    page.fill("main button", payee_name=story.FRIEND, payee=friend, amount="60000", memo="房款")
    page.click('input[value="shield"] ~ p button')
    page.says("paid")
    page.picture(PICTURES / f"{told.language}-wide" / "firefox-paid.png")


def the_question(told):
    """The call waits while Firefox asks; the page says so. A yes goes on, and a no is told with its mend."""
    for is_allowed in (True, False):
        stage, origin, port = permission.public_bank()
        told.open(stage, {"network.dns.localDomains": permission.NAME, "network.lna.address_space.public.override": f"127.0.0.1:{port}"})
        stage.start_assistant(token=stage.plug("one"), bank=origin)
        page = told.browser
        page.firefox.open(origin + "/set-up")
        page.says("browser-asks")
        page.click("[data-do=begin]")
        page.says("looking")
        page.picture(PICTURES / f"{told.language}-wide" / "firefox-asks.png")
        until(lambda: page.firefox.inside(ANSWER, is_allowed), "Firefox asks nothing")
        page.says("look-no-id" if is_allowed else "browser-blocks")


CHAPTERS = [a_payment, the_question]
