"""The ten troubles that customers of a bank have with their shields, each provoked with the real programs: token, assistant, pcscd, libccid. Each
function gives what the page is told: a code, and the words that page and assistant show."""

import base64
import concurrent.futures
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

from clock import ahead
from desk import NAME, PIN, PROGRAMS, USER, Desk
from driver import Failure, expect, until
from machine import DRIVERS, plug
from order import order
from page import Page

BANKS = ["https://bank.example", "https://second.example", "https://third.example"]
APPLICANT = {"organisation": "U-shield Test Bank", "name": NAME, "user_id": USER}
ROOT = pathlib.Path(__file__).resolve().parents[3]


class Counter:
    """A shield, an assistant and a page."""

    def __init__(self, *options, road=None, bus=False, **more):
        self.desk = Desk(*options, **more)
        if bus:
            road = f"{self.desk.road}/{self.desk.shield.ready['tokens'][0]['bus_id']}"
        self.assistant = self.desk.assistant(*BANKS, road=road)
        self.page = Page(self.assistant.port, BANKS[0])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.assistant.stop()
        self.desk.close()

    def pay(self, bank=BANKS[0]):
        page = Page(self.assistant.port, bank)
        status, told = page.pay()
        return page.end(told["operation"]) if status == 202 else told

    def in_days(self, days):
        """Another assistant, at a computer whose date is so far ahead."""
        self.assistant.stop()
        self.assistant = self.desk.assistant(*BANKS, clock=ahead(days * 24 * 3600))
        self.page = Page(self.assistant.port, BANKS[0])


def of_state(told):
    return told["state"], told["words"]


def of_error(told, code):
    expect((told.get("error") or {}).get("code"), code, f"the page is told {told}")
    return code, told["error"]["words"]


def finding(told, code, mendable):
    found = [each for each in told["findings"] if each["code"] == code]
    if [each["mendable"] for each in found] != [mendable]:
        raise Failure(f"{code} is not among {told['findings']}")
    return code, found[0]["words"]


def of_page(key):
    """What the bank's page says by itself, because nobody else can."""
    words = {}
    for language in ("zh", "en"):
        lines = (ROOT / f"bank/texts/{language}.ftl").read_text().splitlines()
        texts = dict(line.split(" = ", 1) for line in lines if " = " in line)
        words[language] = {"what": texts[key], "next": texts.get(f"{key}-next") or texts[f"{key}-chromium"]}
    return words


# 1


def not_recognised():
    with Counter(enrolled=False) as counter:
        counter.page.is_in("no_id")
        counter.desk.command("ushield", "unplug")
        told = counter.page.is_in("no_token")
        counter.desk.command("ushield", "plug")
        counter.page.is_in("no_id")
        return [of_state(told)]


def not_read():
    """Where the shield should be, somebody answers who is no shield: here one that hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def hang_up():
            server.settimeout(0.2)
            while not ended.is_set():
                try:
                    server.accept()[0].close()
                except TimeoutError:
                    pass

        hanging = threading.Thread(target=hang_up)
        hanging.start()
        try:
            with Counter(enrolled=False, road=f"127.0.0.1:{server.getsockname()[1]}") as counter:
                return [of_state(counter.page.is_in("token_unread"))]
        finally:
            ended.set()
            hanging.join()


def held():
    """A program of the holder's own waits for OK on the shield. The page is told so, until the program has ended. A server of USB/IP lists no shield
    that is in use, so the assistant is told which one to take."""
    with Counter(panel="none", enrolled=False, bus=True) as counter:
        desk = counter.desk
        whose = ["--kind", "payment", "--name", NAME, "--user-id", USER, "--out", desk.folder / "own.csr"]
        command = [PROGRAMS / "cert-tool", "request", *whose, "--usbip", desk.road, "--pin-file", desk.pin]
        program = subprocess.Popen(command, env=desk.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            desk.command("ushield", "screen", "--wait", ".")
            told = counter.page.call("/status")[1]
        finally:
            program.kill()
            program.wait()
        expect(told["state"], "token_held", f"the page is told {told}")
        counter.page.is_in("no_id")
        return [of_state(told)]


# 2


def another_brand():
    with Counter("--brand", "indigo", enrolled=False) as counter:
        told = counter.page.is_in("other_brand", wish={"brand": "U-shield"})
        return [of_state(told)]


def no_driver():
    """Indigo's shield is on USB, and pcscd has no driver for it. The page asks for the mending, the holder says yes, and the driver is there."""
    device = plug("1209:0001")
    try:
        with Counter(enrolled=False, road="127.0.0.1:1") as counter:
            told = counter.page.is_in("driver_missing")
            told_of = [of_state(told), finding(told, "brand_unknown", True)]
            counter.assistant.folder.joinpath("yes").touch()
            mended = counter.page.whole("/mend", {"code": "brand_unknown"})
            expect(mended["phase"], "done", f"the mending ended: {mended}")
            drivers = os.listdir(DRIVERS)
            expect(any("indigo" in name for name in drivers), True, f"the driver is among {drivers}")
            return told_of
    finally:
        shutil.rmtree(device)


# 3


def no_assistant():
    """Nobody listens at the three ports, or the browser blocks it: the page alone can tell, and does (tests/bank/assistant/story.py)."""
    return [("no-assistant", of_page("no-assistant")), ("browser-blocks", of_page("browser-blocks"))]


def too_old():
    with Counter(enrolled=False) as counter:
        told = []
        for protocol in (0, 2):
            status, answer = counter.page.call("/status", protocol=protocol)
            expect((status, answer["protocol"], "version" in answer), (409, 1, True), f"the page is told {answer}")
            told.append(of_error(answer, "version"))
        return told[:1]


# 4


def pcscd_off():
    """A no of the holder's starts nothing; a yes starts pcscd, and the finding goes."""
    with Counter(enrolled=False, road="127.0.0.1:1") as counter:
        told = [finding(counter.page.is_in("no_token", "token_unread"), "pcscd_stopped", True)]
        refused = counter.page.whole("/mend", {"code": "pcscd_stopped"})
        of_error(refused, "prompt_cancelled")
        expect(subprocess.run(["pgrep", "-x", "pcscd"], capture_output=True).stdout, b"", "after a no pcscd runs as")
        counter.assistant.folder.joinpath("yes").touch()
        mended = counter.page.whole("/mend", {"code": "pcscd_stopped"})
        expect(mended["phase"], "done", f"the mending ended: {mended}")
        until(lambda: "pcscd_stopped" not in str(counter.page.call("/status")[1]["findings"]), "pcscd is still off")
        shown = "\n".join(counter.assistant.shown())
        expect("sudo pcscd" in shown and BANKS[0] in shown, True, f"the holder saw {shown}")
        end_pcscd()
        wizard = [PROGRAMS / "ushield", "assistant", "setup", "--fix", "--language", "en"]
        said = subprocess.run(wizard, env=counter.desk.environment, capture_output=True, text=True).stdout
        expect("sudo pcscd: Mended." in said, True, f"the wizard says {said}")
        end_pcscd()
        return told


def end_pcscd():
    """The first process of these namespaces is this one, and it buries the others."""
    process = int(subprocess.run(["pgrep", "-x", "pcscd"], capture_output=True).stdout)
    os.kill(process, signal.SIGTERM)
    until(lambda: os.waitpid(process, os.WNOHANG)[0], "pcscd stays")


def hidden(path, by):
    """What another file or folder hides, until it is uncovered."""
    subprocess.run(["mount", "--bind", by, path], check=True)
    return lambda: subprocess.run(["umount", path], check=True)


def pcscd_and_driver_not_installed():
    told = []
    with Counter(enrolled=False, road="127.0.0.1:1") as counter:
        empty = counter.desk.folder / "empty"
        empty.mkdir()
        nothing = counter.desk.folder / "nothing"
        nothing.touch(0o600)
        for path, by, code in (
            (shutil.which("pcscd", path=os.environ["PATH"] + ":/usr/sbin"), nothing, "pcscd_missing"),
            (DRIVERS, empty, "ccid_missing"),
        ):
            uncover = hidden(path, by)
            try:
                told.append(finding(counter.page.is_in("no_token", "token_unread"), code, False))
            finally:
                uncover()
    return told


# 5


def several_shields():
    with Counter("--tokens", "2", enrolled=False) as counter:
        several = counter.page.is_in("several_tokens")
        other = counter.page.is_in("other_token", wish={"serial": "00000000"})
        serial = counter.desk.shield.ready["tokens"][0]["serial"]
        mine = counter.page.is_in("no_id", wish={"serial": serial})
        expect(mine["shield"]["serial"], serial, "the bound shield is taken")
        return [of_state(several), of_state(other)]


# 6


def enrolled(counter, *more):
    made = counter.page.whole("/enrol", APPLICANT)
    expect(made["phase"], "done", f"the keys: {made}")
    return {kind: counter.desk.issue(made["result"], kind, *more) for kind in ("payment", "authentication")}


def download_failed():
    """The bank's certificates are for the keys of a former try. A new try with the same code at the bank installs (tests/bank/assistant/story.py)."""
    with Counter(enrolled=False) as counter:
        counter.page.is_in("no_id")
        former, now = enrolled(counter), enrolled(counter)
        told = [of_error(counter.page.whole("/install", former), "wrong-key")]
        counter.page.is_in("no_id")
        expect(counter.page.whole("/install", now)["phase"], "done", "the installation")
        counter.page.is_in("ready")
        return told


# 7


def already_downloaded():
    with Counter() as counter:
        state = counter.page.is_in("ready")
        expect((len(state["id"]["serial"]) > 8, state["id"]["not_after"] > time.time()), (True, True), f"serial and date: {state}")
        return [of_error(counter.page.whole("/enrol", APPLICANT), "has_id")]


# 8


def expired():
    """The ID was a good one for ten days, and eleven have gone by."""
    with Counter(enrolled=False) as counter:
        counter.page.is_in("no_id")
        expect(counter.page.whole("/install", enrolled(counter, "--days", "10"))["phase"], "done", "the installation")
        counter.page.is_in("ready")
        counter.in_days(11)
        return [of_state(counter.page.is_in("expired"))]


# 9


def wrong_pins():
    with Counter() as counter:
        counter.page.is_in("ready")
        counter.desk.pin.write_text("１２３４５６")
        told = [of_error(counter.pay(), "pin_form")]
        expect(counter.page.is_in("ready")["shield"]["tries"], 6, "tries after full-width digits")
        counter.desk.pin.write_text("000001")
        for left, bank in zip((5, 4, 3, 2, 1), [BANKS[1]] * 3 + [BANKS[2]] * 2):
            answer = counter.pay(bank)
            wrong = of_error(answer, "pin-wrong")
            expect(answer["error"]["tries"], left, "tries left")
        of_error(counter.pay(BANKS[2]), "pin-blocked")
        locked = counter.page.is_in("pin_locked")
        counter.desk.pin.write_text(PIN)
        of_error(counter.pay(), "pin-blocked")
        return [*told, wrong, of_state(locked)]


# 10


def ok_not_pressed():
    """The shield waits for a minute. Nothing was signed, and the same order is signed afterwards, once OK is pressed."""
    with Counter(panel="none", enrolled=False) as counter:
        pressing(counter.desk, counter.desk.enrol)
        counter.page.is_in("ready")
        call = {"order": base64.b64encode(order("上海水务")).decode()}
        told = [of_error(counter.page.whole("/pay", call), "timed-out")]
        again = pressing(counter.desk, lambda: counter.page.whole("/pay", call))
        expect(again["phase"], "done", f"the same order: {again}")
        return told


def pressing(desk, work):
    """Does the work while somebody presses OK again and again."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        done = pool.submit(work)
        command = [PROGRAMS / "ushield", "press", "ok"]
        while not done.done():
            subprocess.run(command, env=desk.environment, stdin=subprocess.DEVNULL, capture_output=True)
            time.sleep(0.2)
        return done.result()


# The states that no row above has: how a new shield goes from one to the next.


def factory_pin():
    """The PIN of the factory, then a PIN of the holder's own."""
    with Counter("--factory", enrolled=False) as counter:
        told = [of_state(counter.page.is_in("factory_pin"))]
        of_error(counter.page.whole("/enrol", APPLICANT), "factory-pin")
        counter.desk.pin.write_text("12345678")
        (counter.desk.folder / "new").write_text(PIN)
        expect(counter.page.whole("/change_pin")["phase"], "done", "the change of the PIN")
        counter.page.is_in("no_id")
        return told


def no_id_and_no_screen():
    """A shield of the first generation has no screen: the page is never told to look at one, and the payment is signed."""
    with Counter("--generation", "1", enrolled=False) as counter:
        told = counter.page.is_in("no_id")
        expect(told["shield"]["generation"], 1, "the generation")
        expect(counter.page.whole("/install", enrolled(counter))["phase"], "done", "the installation")
        counter.page.is_in("ready")
        paid = counter.pay()
        expect(paid["phase"], "done", f"the payment: {paid}")
        return [of_state(told)]


# Of the reference's table: what happens, and the functions that make it happen.
TABLE = [
    ("U盾灯不亮，未检测到", "the shield is not recognised", [not_recognised, not_read]),
    ("U盾被占用", "another program has the shield", [held]),
    ("未知设备，驱动不符", "the brand's driver is missing, or another bank's shield", [another_brand, no_driver]),
    ("缺少控件", "no assistant, blocked by the browser, or too old", [no_assistant, too_old]),
    ("智能卡服务未启动", "the smart card service is off or not installed", [pcscd_off, pcscd_and_driver_not_installed]),
    ("多个U盾、证书不符", "several shields, or the wrong one", [several_shields]),
    ("下载证书失败", "the download failed", [download_failed]),
    ("证书状态正常，不能下载", "the ID was downloaded already", [already_downloaded]),
    ("证书过期", "the ID has expired", [expired]),
    ("密码错误、锁定、全角输入", "the PIN is wrong, locked or full-width", [wrong_pins]),
    ("未按确认键", "OK was not pressed", [ok_not_pressed]),
    ("新U盾", "a new shield", [factory_pin, no_id_and_no_screen]),
]
