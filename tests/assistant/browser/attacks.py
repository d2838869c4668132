"""Attacks on the assistant by pages in Chromium, one function each. What counts is what the assistant's own log says: which request came, why
it was refused, that no operation began and that nobody was asked for a PIN."""

import base64
import os
import subprocess
import tempfile

from desk import PIN
from driver import Browser, Driver, Skipped, expect, until
from order import order
from sites import Site, calls

RULES = "--host-resolver-rules=MAP *.test 127.0.0.1"
HEADERS = "{'Content-Type': 'application/json', 'X-UShield': '1'}"
BODY = "JSON.stringify({protocol: 1, page: 'page-0123456789abcdef'})"
NOBODY = 65534


class Stage:
    """One browser, a page of the bank's, a page of somebody else's, and a shield. Each attack has an assistant of its own."""

    def __init__(self, driver, desk):
        self.driver, self.desk = driver, desk
        self.bank, self.evil = Site("bank"), Site("evil")
        self.browser = Browser(driver, "en", scripts=True, arguments=[RULES])
        self.assistant = None

    def listed(self):
        return self.bank.origin("localhost")

    def serve(self, port=0):
        self.assistant = self.desk.assistant(self.listed(), port=port)

    def at_evil(self):
        self.browser.open(self.evil.origin("evil.test"))

    def at_bank(self):
        self.browser.open(self.listed())

    def script(self, script, *arguments):
        return self.browser.wait(script.replace("URL_", repr(self.assistant.url)), *arguments)

    def refused(self, *wanted):
        """These requests came, each was refused, and that was all."""
        until(lambda: len(self.assistant.refused()) >= len(wanted), f"the log has no {wanted}")
        expect(self.assistant.refused(), list(wanted), "the assistant refused")
        expect(self.assistant.began(), [], "operations")
        expect(self.assistant.shown(), [], "the holder was shown")

    def close(self):
        self.browser.close()
        self.bank.close()
        self.evil.close()


def fetch(stage):
    stage.at_evil()
    got = stage.script(f"await fetch(URL_ + '/pay', {{method: 'POST', headers: {HEADERS}, body: {BODY}}})")
    expect("fault" in got, True, "the page got an answer")
    stage.refused(("origin", "OPTIONS"))


def fetch_without_a_preflight(stage):
    """The Content-Type is one that a form may have, so the browser asks nobody beforehand."""
    stage.at_evil()
    got = stage.script(f"await fetch(URL_ + '/pay', {{method: 'POST', body: {BODY}}})")
    expect("fault" in got, True, "the page got an answer")
    stage.refused(("origin", "POST"))


def no_cors(stage):
    stage.at_evil()
    got = stage.script(
        f"const got = await fetch(URL_ + '/pay', {{method: 'POST', mode: 'no-cors', body: {BODY}}}); return got.type + got.status"
    )
    expect(got, "opaque0", "the page got")
    stage.refused(("origin", "POST"))


def beacon(stage):
    stage.at_evil()
    stage.script("navigator.sendBeacon(URL_ + '/pay', 'x')")
    stage.refused(("origin", "POST"))


FORM = """
const form = document.createElement("form");
form.method = "POST"; form.action = URL_ + "/pay"; form.enctype = "text/plain"; form.target = arguments[0];
form.innerHTML = `<input name='{"protocol":1,"page":"page-0123456789abcdef","x":"' value='"}'>`;
document.body.append(form);
form.submit();
"""


def form(stage):
    """A form whose text is JSON, in a frame."""
    stage.at_evil()
    stage.script(FORM, "frame")
    stage.refused(("origin", "POST"))


def form_that_leads_away(stage):
    stage.at_evil()
    stage.script(FORM, "_self")
    stage.refused(("origin", "POST"))


def images_scripts_and_styles(stage):
    stage.at_evil()
    stage.script(
        """for (const [kind, name] of [["img", "src"], ["script", "src"], ["link", "href"]]) {
             const made = document.createElement(kind);
             if (kind === "link") made.rel = "stylesheet";
             made[name] = URL_ + "/status";
             document.body.append(made);
           }"""
    )
    stage.refused(*[("origin", "GET")] * 3)


def navigation(stage):
    stage.at_evil()
    stage.script("location = URL_ + '/status'")
    stage.refused(("origin", "GET"))


def new_window(stage):
    stage.at_evil()
    stage.script("open(URL_ + '/status')")
    stage.refused(("origin", "GET"))
    close_others(stage.browser)


def close_others(browser):
    kept = browser.window()
    for handle in browser.ask("GET", "/window/handles"):
        if handle != kept:
            browser.to_window(handle)
            browser.ask("DELETE", "/window")
    browser.to_window(kept)


def frame(stage):
    stage.at_evil()
    stage.script("document.querySelector('iframe').src = URL_ + '/status'")
    stage.refused(("origin", "GET"))


def sandboxed_frame(stage):
    """Its origin is `null`, whatever page made it: here one of the bank's own does."""
    stage.at_bank()
    stage.script(
        f"""const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts";
            frame.srcdoc = `<script>fetch("${{URL_}}/pay", {{method: "POST", headers: {HEADERS}, body: "{{}}"}})
              .catch(() => fetch("${{URL_}}/pay", {{method: "POST", mode: "no-cors", body: "{{}}"}}))</` + "script>";
            document.body.append(frame);"""
    )
    stage.refused(("origin", "OPTIONS"), ("origin", "POST"))


def websocket(stage):
    """Of somebody else's page, then of the bank's own: there is no websocket for anybody."""
    script = """return new Promise(done => {
        const socket = new WebSocket(URL_.replace("http", "ws") + "/status");
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
    })"""
    stage.at_evil()
    expect(stage.script(script), "refused", "the websocket is")
    stage.refused(("origin", "GET"))
    stage.at_bank()
    expect(stage.script(script), "refused", "the websocket is")
    # To the bank's page the assistant says that it has no such call: Chromium sends no Sec-Fetch-Mode from a page that came over http.
    until(lambda: "status=404" in stage.assistant.log.read_text(), "the log has no 404")


def what_only_forms_and_images_of_the_bank_do(stage):
    """Somebody who can write markup into the bank's page, and no script."""
    stage.at_bank()
    stage.script("new Image().src = URL_ + '/status'")
    stage.refused(("origin", "GET"))
    stage.script(FORM, "frame")
    stage.refused(("origin", "GET"), ("fetch", "POST"))


def look_alike_origins(stage):
    """The bank's host at another port, its port at another host, and a host that begins as the bank's does."""
    other = Site("other")
    try:
        for origin in (
            other.origin("localhost"),
            stage.bank.origin("127.0.0.1"),
            stage.bank.origin("localhost.evil.test"),
        ):
            stage.browser.open(origin)
            stage.script(f"await fetch(URL_ + '/status', {{method: 'POST', headers: {HEADERS}, body: {BODY}}})")
    finally:
        other.close()
    stage.refused(*[("origin", "OPTIONS")] * 3)


def unserved(stage):
    """The attack begins before the assistant listens."""


def rebinding(stage):
    """The page comes from its own server at the assistant's port. Then the name leads to the assistant: the browser takes both for one
    origin, and asks nobody."""
    trap = Site("trap")
    port = trap.port
    stage.browser.open(trap.origin("rebind.test"))
    trap.close()
    stage.serve(port)
    got = stage.browser.wait(
        f"""const told = [];
            for (const method of ["GET", "POST"])
              told.push((await fetch("/status", {{method, headers: {HEADERS}, body: method === "POST" ? {BODY} : undefined}})).status);
            return told"""
    )
    expect(got, [403, 403], "the page is answered")
    stage.refused(("host", "GET"), ("host", "POST"))


rebinding.prepare = unserved


def another_user(stage):
    """Another user of this machine, whose browser has the bank's page."""
    if os.geteuid() != 0:
        raise Skipped("only root can play another user")
    with tempfile.TemporaryDirectory() as home:
        subprocess.run(["chown", str(NOBODY), home], check=True)
        user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env", f"HOME={home}", f"TMPDIR={home}"]
        theirs = Driver(user)
        try:
            browser = Browser(theirs, "en", scripts=True, arguments=[f"--user-data-dir={home}/profile", RULES])
            browser.open(stage.listed())
            script = calls(stage.assistant) + "return await call('/status', {})"
            expect("fault" in browser.wait(script), True, "the other user's page got an answer")
            browser.close()
        finally:
            theirs.stop()
    said = stage.assistant.log.read_text()
    expect("a connection was refused" in said, True, f"the log says so: {said}")
    expect("a call was answered" in said, False, "the log has an answer")
    stage.at_bank()
    expect(stage.browser.wait(script)["state"], "ready", "the own user's page is told")


def public_page(stage):
    """A page of a public address. The browser keeps its fetch from this machine, and lets form and window through unasked."""
    evil = Site("public")
    public = f"--ip-address-space-overrides=127.0.0.1:{evil.port}=public"
    browser = Browser(stage.driver, "en", scripts=True, arguments=[RULES, public])
    try:
        browser.open(evil.origin("evil.test"))
        url = repr(stage.assistant.url)
        got = browser.wait(f"await fetch({url} + '/pay', {{method: 'POST', mode: 'no-cors', body: 'x'}})")
        expect("fault" in got, True, "the fetch was let through")
        stage.refused()
        browser.wait(f"open({url} + '/status')")
        stage.refused(("origin", "GET"))
        browser.wait(FORM.replace("URL_", url), "_self")
        stage.refused(("origin", "GET"), ("origin", "POST"))
    finally:
        browser.close()
        evil.close()


def a_flood_of_prompts(stage):
    """A script on the bank's page asks again and again, as two pages. The holder cancels each time, and is asked three times."""
    stage.at_bank()
    (stage.desk.folder / "pin").rename(stage.desk.folder / "kept")
    try:
        orders = [base64.b64encode(order("上海水务")).decode() for _ in range(8)]
        script = calls(stage.assistant) + """
            const told = [];
            for (const [at, order] of arguments[0].entries()) {
              const number = at % 2 ? page : "another-page-of-this-origin";
              const begun = await call("/pay", {order}, number);
              const ended = begun.status === 202 ? await until(begun.operation, OVER, number) : begun;
              told.push(ended.error.code);
            }
            return told"""
        told = stage.browser.wait(script, orders)
    finally:
        (stage.desk.folder / "kept").rename(stage.desk.folder / "pin")
    expect(told, ["prompt_cancelled"] * 3 + ["too_many_prompts"] * 5, "the page is told")
    expect(stage.assistant.prompts(), 3, "the holder's window opened")
    expect(stage.assistant.began(), ["pay"] * 3, "operations")


def an_order_swapped_after_the_click(stage):
    """The holder's window is open for the order of the click. The page sends another order, also as another page; then it cancels and sends
    the other order, which opens a window of its own with the other payee."""
    clicked, swapped = order("上海水务"), order("恶意商户", 9999)
    stage.at_bank()
    (stage.desk.folder / "wait").touch()
    script = calls(stage.assistant) + """
        const [clicked, swapped] = arguments;
        const begun = await call("/pay", {order: clicked});
        await until(begun.operation, ["prompt"]);
        const told = [begun.operation];
        for (const number of [page, "another-page-of-this-origin"])
          told.push((await call("/pay", {order: swapped}, number)).error.code);
        return told"""
    operation, *told = stage.browser.wait(script, *[base64.b64encode(each).decode() for each in (clicked, swapped)])
    expect(told, ["busy", "busy"], "the page is told")
    until(lambda: stage.assistant.prompts() == 1, "no window")
    (stage.desk.folder / "wait").unlink()
    script = calls(stage.assistant) + "return await until(arguments[0], OVER)"
    ended = stage.browser.wait(script, operation)
    payment = base64.b64decode(ended["result"]["payment"])
    expect(stage.desk.judge(payment, clicked), True, "the bank takes the order of the click")
    expect(stage.desk.judge(payment, swapped), False, "the bank takes the other order")
    shown = "\n".join(stage.assistant.shown())
    expect(("上海水务" in shown, "恶意商户" in shown, stage.listed() in shown), (True, False, True), f"the window showed {shown}")
    expect(stage.assistant.began(), ["pay"], "operations")


def an_operation_of_another_page(stage):
    """Two pages of one origin: the second one learns the number of the first one's operation, and neither sees nor ends it."""
    stage.at_bank()
    (stage.desk.folder / "wait").touch()
    script = calls(stage.assistant) + """
        const begun = await call("/pay", {order: arguments[0]});
        await until(begun.operation, ["prompt"]);
        const told = [];
        for (const path of ["/wait", "/cancel"])
          told.push((await call(path, {operation: begun.operation}, "another-page-of-this-origin")).error.code);
        told.push((await call("/cancel", {operation: begun.operation})).status, (await until(begun.operation, OVER)).phase);
        return told"""
    told = stage.browser.wait(script, base64.b64encode(order("上海水务")).decode())
    (stage.desk.folder / "wait").unlink()
    expect(told, ["unknown_operation", "unknown_operation", 200, "cancelled"], "the pages are told")


def a_hundred_requests_that_wait(stage):
    """A browser has six connections to the assistant, for all tabs. A tab that waits with a hundred requests keeps no other from cancelling:
    without the assistant's limit the other tab's request would wait for minutes."""
    stage.at_bank()
    (stage.desk.folder / "wait").touch()
    script = calls(stage.assistant) + """
        const begun = await call("/pay", {order: arguments[0]});
        await until(begun.operation, ["prompt"]);
        for (let at = 0; at < 100; at++) call("/wait", {operation: begun.operation, after: 1000}).catch(() => 0);
        return begun.operation"""
    operation = stage.browser.wait(script, base64.b64encode(order("上海水务")).decode())
    kept = stage.browser.window()
    stage.browser.new_tab()
    stage.at_bank()
    script = calls(stage.assistant) + "return await call('/cancel', {operation: arguments[0]})"
    expect(stage.browser.wait(script, operation)["status"], 200, "the other tab is told")
    stage.browser.ask("DELETE", "/window")
    stage.browser.to_window(kept)
    (stage.desk.folder / "wait").unlink()


def no_pin_in_memory_and_log(stage):
    """The holder types the PIN into the window, and a payment is signed. Then nothing in the assistant has the PIN."""
    stage.at_bank()
    script = calls(stage.assistant) + """
        const begun = await call("/pay", {order: arguments[0]});
        return await until(begun.operation, OVER)"""
    ended = stage.browser.wait(script, base64.b64encode(order("上海水务")).decode())
    expect(ended["phase"], "done", "the payment is")
    expect(PIN in str(ended), False, "the page has the PIN")
    expect(stage.assistant.holds(stage.listed().encode()) > 0, True, "what is kept in memory is found")
    until(lambda: stage.assistant.holds(PIN.encode()) == 0, "the PIN stays in memory")
    expect(PIN in stage.assistant.log.read_text(), False, "the log has the PIN")


ATTACKS = [
    fetch,
    fetch_without_a_preflight,
    no_cors,
    beacon,
    form,
    form_that_leads_away,
    images_scripts_and_styles,
    navigation,
    new_window,
    frame,
    sandboxed_frame,
    websocket,
    what_only_forms_and_images_of_the_bank_do,
    look_alike_origins,
    rebinding,
    another_user,
    public_page,
    a_flood_of_prompts,
    an_order_swapped_after_the_click,
    an_operation_of_another_page,
    a_hundred_requests_that_wait,
    no_pin_in_memory_and_log,
]
