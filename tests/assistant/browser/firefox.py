"""The assistant and a page of the bank's in Firefox: the day of a customer, and what Firefox does otherwise than Chromium. What counts is what
the assistant's own log says."""

import base64

from desk import NAME, USER, Desk
from driver import expect, until
from marionette import Firefox
from order import order
from sites import Site, calls, keys

BANK = "bank.test"
# What the browser asks its user, and the user's answer. The window that asks is Firefox's own, in front of the page.
ASKED = """
const window = Services.wm.getMostRecentWindow("navigator:browser");
const found = [].concat(window.PopupNotifications._currentNotifications || []);
"""
ANSWER = ASKED + """
const [asked] = found;
(arguments[0] ? asked.mainAction : asked.secondaryActions[0]).callback({checkboxChecked: true, source: "button"});
asked.remove();
"""
STATE = "return (await navigator.permissions.query({name: 'loopback-network'})).state"
# A page has a time-out of its own: the fetch may hang as long as the browser's question is open.
WITH_TIMEOUT = """
return await Promise.race([call("/status", {}).then(told => told.state), new Promise(done => setTimeout(() => done("hangs"), 2000))])
"""
WEBSOCKET = """
return await new Promise(done => {
  const socket = new WebSocket(arguments[0]);
  socket.onopen = () => done("open");
  socket.onerror = () => done("refused");
  setTimeout(() => done("hangs"), 2000);
})
"""


class Public:
    """A bank's page at a public address over TLS, as Firefox sees it, and the assistant."""

    def __init__(self, desk, preferences=None):
        self.site = Site("bank", keys=keys(desk.folder, BANK))
        where = {
            "network.dns.localDomains": BANK,
            "network.lna.address_space.public.override": f"127.0.0.1:{self.site.port}",
        }
        self.assistant = desk.assistant(self.site.origin(BANK))
        self.firefox = Firefox(where | (preferences or {}))
        self.firefox.open(self.site.origin(BANK))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.firefox.close()
        self.assistant.stop()
        self.site.close()

    def status(self):
        return self.firefox.wait(calls(self.assistant) + WITH_TIMEOUT)

    def websocket(self):
        return self.firefox.wait(WEBSOCKET, self.assistant.url.replace("http", "ws") + "/status")

    def is_asking(self):
        return self.firefox.inside(ASKED + "return found.length") > 0

    def answer(self, yes):
        until(self.is_asking, "Firefox asks nothing")
        self.firefox.inside(ANSWER, yes)

    def answered(self):
        return "a call was answered" in self.assistant.log.read_text()


def a_customers_day(_desk):
    """Download and payment, at http://localhost: no question of the browser's."""
    desk, site = Desk(enrolled=False), Site("bank")
    assistant = desk.assistant(site.origin("localhost"))
    firefox = Firefox()
    try:
        firefox.open(site.origin("localhost"))

        def whole(path, body):
            script = """const begun = await call(arguments[0], arguments[1]);
                return begun.status === 202 ? await until(begun.operation, OVER) : begun"""
            told = firefox.wait(calls(assistant) + script, path, body)
            expect(told.get("phase"), "done", f"{path} ended: {told}")
            return told["result"]

        state = calls(assistant) + "return (await call('/status', {})).state"
        until(lambda: firefox.wait(state) == "no_id", "the new shield has no ID")
        made = whole("/enrol", {"organisation": "U-shield Test Bank", "name": NAME, "user_id": USER})
        kinds = {kind: desk.issue(made, kind) for kind in ("payment", "authentication")}
        whole("/install", kinds)
        until(lambda: firefox.wait(state) == "ready", "the shield is ready")
        issued = order("上海水务")
        paid = whole("/pay", {"order": base64.b64encode(issued).decode()})
        expect(desk.judge(base64.b64decode(paid["payment"]), issued), True, "the bank takes the payment")
        expect(assistant.began(), ["enrol", "install", "pay"], "operations")
        expect(assistant.prompts(), 2, "the PIN was asked for")
    finally:
        firefox.close()
        assistant.stop()
        site.close()
        desk.close()


def a_fetch_hangs_until_the_question_is_answered(desk):
    with Public(desk) as public:
        expect(public.firefox.wait(STATE), "prompt", "the permission is")
        expect(public.status(), "hangs", "before the answer the fetch")
        expect(public.answered(), False, "the assistant has answered")
        # The page gives up by itself, and the question stays.
        ended = public.firefox.wait(f"await fetch('{public.assistant.url}/status', {{signal: AbortSignal.timeout(500)}})")
        expect("TimeoutError" in ended["fault"], True, f"the page's own time-out gives {ended}")
        public.answer(True)
        until(lambda: public.status() == "ready", "after a yes the page is told the state")
        expect(public.firefox.wait(STATE), "granted", "the permission is")
    with Public(desk) as public:
        expect(public.status(), "hangs", "before the answer the fetch")
        public.answer(False)
        ended = public.firefox.wait(calls(public.assistant) + "return await call('/status', {})")
        expect("fault" in ended, True, f"after a no the fetch fails: {ended}")
        expect(public.firefox.wait(STATE), "denied", "the permission is")
        expect(public.answered(), False, "the assistant has answered")


def websockets_need_no_permission(desk):
    """They come unasked, and the assistant has none. A preference puts them under the permission, too."""
    with Public(desk) as public:
        expect(public.websocket(), "refused", "the websocket is")
        expect(public.is_asking(), False, "Firefox asks")
        until(lambda: public.assistant.refused() == [("fetch", "GET")], "the assistant has refused the websocket")
    with Public(desk, {"network.lna.websocket.enabled": True}) as public:
        expect(public.websocket(), "hangs", "the websocket")
        expect(public.assistant.refused(), [], "the assistant has refused")


def preferences_of_its_own(desk):
    """What a user or an administrator may have set: no permission is wanted, and a question that ends by itself."""
    with Public(desk, {"network.lna.blocking": False}) as public:
        expect(public.status(), "ready", "without the permission the page is told")
    with Public(desk, {"network.lna.prompt.timeout": 1000}) as public:
        ended = public.firefox.wait(calls(public.assistant) + "return await call('/status', {})")
        expect("fault" in ended, True, f"once the question's time is over the fetch fails: {ended}")
        expect(public.answered(), False, "the assistant has answered")


CHAPTERS = [
    a_customers_day,
    a_fetch_hangs_until_the_question_is_answered,
    websockets_need_no_permission,
    preferences_of_its_own,
]
