"""The page that draws the tokens, by what a holder does there (docs/panel.md)."""

from driver import Failure, until

ENTER, ESCAPE = "\ue007", "\ue00c"

# What the token's screen shows, line by line.
ROWS = "[...document.querySelectorAll(`[data-token='${arguments[0]}'] .row`)].map(row => row.textContent).filter(row => row)"
# A press is judged and done in one script: between two calls of WebDriver the page could draw another screen. A pointer must reach the button.
PRESS = f"""
const [token, button, before] = arguments;
if ({ROWS}.join("\\n") !== before) return "changed";
const key = document.querySelector(`[data-token='${{token}}'] .${{button}}`);
if (key.getAttribute("aria-disabled") !== "false") return "not ready";
key.scrollIntoView({{block: "center"}});
const {{x, y, width, height}} = key.getBoundingClientRect();
if (!key.contains(document.elementFromPoint(x + width / 2, y + height / 2))) return "covered";
key.focus();
key.click();
return "pressed";
"""


class Panel:
    """The page of the tokens in a browser. Tokens are counted from 1."""

    def __init__(self, browser, link):
        self.browser = browser
        self.open(link)

    def open(self, link):
        self.browser.open(link)
        until(lambda: self.browser.find_all(".token"), "no token is drawn")

    # Reading

    def part(self, css, number=1):
        return self.browser.find(f'[data-token="1-{number}"] {css}')

    def state(self, number=1):
        return self.browser.run("return document.querySelector(`[data-token='${arguments[0]}']`).dataset.state", f"1-{number}")

    def screen(self, number=1):
        """The text of the screen, as the page draws it. A dark screen has none."""
        return "\n".join(self.browser.run(f"return {ROWS}", f"1-{number}"))

    def shows(self, text, number=1):
        until(lambda: text in self.screen(number), lambda: f"the shield does not show {text!r}, but {self.screen(number)!r}")

    def dark(self, number=1):
        until(lambda: not self.screen(number), lambda: f"the screen does not go dark, but shows {self.screen(number)!r}")

    def told(self, text):
        until(lambda: text in self.browser.text("#story"), lambda: f"nothing was told of {text!r}, but {self.browser.text('#story')!r}")

    def is_ready(self, number=1):
        """Whether the buttons take a press: the screen has stood for a moment, and no press is under way."""
        ready = "return document.querySelector(`[data-token='${arguments[0]}'] .ok`).getAttribute('aria-disabled')"
        return self.browser.run(ready, f"1-{number}") == "false"

    def ready(self, number=1):
        until(lambda: self.is_ready(number), lambda: f"the buttons are not ready; the screen shows {self.screen(number)!r}")

    # Doing

    def press(self, button="ok", number=1):
        """Presses a button once the button is ready, and again for as long as the screen stays as it is. What the screen showed."""
        before = self.lit(number)
        said = lambda: self.browser.run(PRESS, f"1-{number}", button, before)
        until(lambda: said() == "changed", lambda: f"{button} changed nothing: the button is {said()}, and the screen shows {before!r}")
        return before

    def key(self, key, number=1):
        """The same by the keyboard, with the token focused."""
        before = self.lit(number)

        def is_changed():
            if self.screen(number) != before:
                return True
            if self.is_ready(number):
                self.browser.run("document.querySelector(`[data-token='${arguments[0]}']`).focus()", f"1-{number}")
                self.browser.press(key)
            return False

        until(is_changed, lambda: f"a key changed nothing: the screen shows {before!r}")

    def lit(self, number):
        shown = self.screen(number)
        if not shown:
            raise Failure("the screen is dark: there is nothing to press for")
        return shown

    def confirm(self, is_done, number=1):
        """Presses OK on each page until this is so. What the screen showed on the way."""
        shown = []

        def done():
            if self.screen(number):
                shown.append(self.press("ok", number))
            return is_done()

        until(done, lambda: f"no end is reached; the screen shows {self.screen(number)!r}")
        return shown
