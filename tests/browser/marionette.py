"""Firefox, driven by Marionette: JSON on TCP, each message with its length before it. Only the standard library."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile

from driver import DEADLINE, Failure, until

# A profile that asks nobody and calls nobody.
PREFERENCES = {
    "marionette.port": 0,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "extensions.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.region.update.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "security.remote_settings.intermediates.enabled": False,
    "dom.security.https_first": False,
    "dom.security.https_first_schemeless": False,
}


class Firefox:
    """One Firefox with a profile of its own."""

    def __init__(self, preferences=None, language="en"):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        folder = pathlib.Path(self.profile.name)
        wanted = PREFERENCES | {"intl.accept_languages": language} | (preferences or {})
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in wanted.items()]
        (folder / "user.js").write_text("\n".join(lines))
        command = ["firefox-esr", "--headless", "--no-remote", "--marionette", "--remote-allow-system-access", "--profile", folder]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment())
        port = folder / "MarionetteActivePort"
        until(lambda: port.exists() and port.read_text().strip(), "Firefox did not start")
        self.socket = socket.create_connection(("127.0.0.1", int(port.read_text())), 2 * DEADLINE)
        self.stream = self.socket.makefile("rb")
        self.number = 0
        self.read()
        session = self.ask("WebDriver:NewSession", acceptInsecureCerts=True)
        self.version = session["capabilities"]["browserVersion"]
        self.ask("WebDriver:SetTimeouts", script=DEADLINE * 1000, pageLoad=DEADLINE * 1000)

    def environment(self):
        # Under sudo or as root, Firefox refuses a home that is another user's.
        return os.environ | {"HOME": self.profile.name, "MOZ_HEADLESS": "1"}

    def read(self):
        length = b""
        while (byte := self.stream.read(1)) != b":":
            if not byte:
                raise Failure("Firefox has ended")
            length += byte
        return json.loads(self.stream.read(int(length)))

    def ask(self, command, **parameters):
        self.number += 1
        message = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self.read()
        if error:
            raise Failure(f"{command}: {error['error']}: {error['message'].partition(chr(10))[0]}")
        return result

    def open(self, url):
        self.ask("WebDriver:Navigate", url=url)

    def run(self, script, *arguments):
        """Runs a script of the test's, beside the page."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(arguments))["value"]

    def wait(self, script, *arguments):
        """Runs a script of the test's that gives a promise, and waits for what the promise gives."""
        body = "const tell = arguments[arguments.length - 1]; (async function () {" + script + "})"
        body += ".apply(null, arguments).then(tell, fault => tell({fault: String(fault)}));"
        return self.ask("WebDriver:ExecuteAsyncScript", script=body, args=list(arguments))["value"]

    def inside(self, script, *arguments):
        """Runs a script in the browser itself, not in its page."""
        self.ask("Marionette:SetContext", value="chrome")
        try:
            return self.run(script, *arguments)
        finally:
            self.ask("Marionette:SetContext", value="content")

    def close(self):
        try:
            self.ask("Marionette:Quit", flags=["eForceQuit"])
        except (Failure, OSError):
            self.process.terminate()
        self.process.wait(DEADLINE)
        self.socket.close()
        self.profile.cleanup()
