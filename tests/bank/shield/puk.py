"""The PUK: set at the hand-over, used to unblock, with the line and the token cut at each step; and where it must not be seen."""

import os

from line import Cut
from world import PROGRAMS, Token, FACTORY_PIN

# Stands between `bank counter` and `ushield`: keeps what comes through the pipe, and what other programs could have seen.
SPY = """#!/usr/bin/env python3
import os, subprocess, sys
told = sys.stdin.buffer.read()
with open({kept!r}, "ab") as file:
    file.write(told)
with open({open!r}, "ab") as file:
    for name in ["cmdline", "environ"]:
        file.write(open("/proc/%d/%s" % (os.getppid(), name), "rb").read() + open("/proc/self/" + name, "rb").read())
if "{when}" == "before":
    sys.exit(1)
ended = subprocess.run([{program!r}, *sys.argv[1:]], input=told).returncode
sys.exit(1 if "{when}" == "after" else ended)
"""


def spy(world, when=""):
    text = SPY.format(kept=world.path("piped"), open=world.path("seen-by-others"), program=os.path.join(PROGRAMS, "ushield"), when=when)
    return world.write(f"spy{when}", text, 0o700)


def at(world, token, when=""):
    return ["--usbip", token.road, "--ushield", spy(world, when)]


def hand_over(world, customer, token):
    """Shield and code, by two tellers; and then the PUK."""
    status, asked = world.act("shield", serial=token.serial, **customer.papers)
    world.must("a shield is asked for", status == 200 and "approval" in asked, asked)
    status, code = world.approve(asked)
    world.must("no teller alone hands out a shield, and two do", status == 200 and code["shield"] == token.serial, code)
    world.must("no PUK lies beside the token", not os.path.exists(world.path(f"{token.name}.state/1/puk")))
    return code


def set_puk(world, customer, token, stranger):
    to = world.counter.removeprefix("http://").replace("localhost", "127.0.0.1")
    command = ["set-puk", *customer.words]
    said = world.desk("lin", *command, *at(world, stranger), refused=True)
    world.must("another token is not touched, and both serial numbers are told", token.serial in said, said)
    for path, after in [("/api/puk", False), ("/api/puk", True)]:
        world.desk("lin", *command, *at(world, token), at=Cut(to, 1, after, path).url(), refused=True)
    for when in ["before", "after"]:
        said = world.desk("lin", *command, *at(world, token, when), refused=True)
        world.must(f"the token fails {when} it took the PUK: the same command again", "run the same command again" in said, said)
    for after in [False, True]:
        said = world.desk("lin", *command, *at(world, token), at=Cut(to, 1, after, "/api/puk/").url(), refused=True)
        world.must(f"the word that the token took it is lost {'after' if after else 'before'} the bank has it", "same command" in said, said)
    said = world.desk("lin", *command, *at(world, token), refused=True)
    world.must("then the bank has it, and shows it to no teller alone", "has the PUK of this U-shield already" in said, said)
    factory = world.write("factory", FACTORY_PIN)
    said = world.run("ushield", "pin", "unblock", "--puk-file", factory, "--new-file", world.write("new", "135246"), "--usbip", token.road, refused=True)
    world.must("the factory's PUK opens the token no more", "5 tries left" in said, said)


def prepare(world, customer, token, code):
    """The bank's settings want the PUK first. Then the PUK in one go, and the holder's own PIN."""
    said = token.enrol(code, refused=True)
    world.must("without a PUK of the bank's a shield gets no ID", "has not prepared this U-shield" in said and "same code" in said, said)
    world.desk("lin", "set-puk", *customer.words, *at(world, token))
    token.choose("864297")


def unblock(world, customer, token, order):
    """Six wrong PINs, and the way back."""
    wrong, new = world.write("wrong", "864209"), world.write("new", "531097")
    for _ in range(6):
        world.run("ushield", "pin", "change", "--old-file", wrong, "--new-file", new, "--usbip", token.road, refused=True)
    said = world.run("ushield", "pay", world.path(order), "--out", world.path("none.cms"), "--usbip", token.road, "--pin-file", token.pin, refused=True)
    world.must("the shield is locked", "locked" in said, said)
    said = world.desk("lin", "unblock-shield", *customer.words)
    consent = said.split("waits for a second teller: ")[1].split()[0]
    new = world.write(f"{token.name}.pin", "246802")
    command = ["unblock", consent, "--new-file", new]
    said = world.desk("lin", *command, *at(world, token), refused=True)
    world.must("nobody has consented yet", "No second teller has approved" in said, said)
    world.desk("lin", "approve", consent, refused=True)
    world.desk("zhao", "approve", consent)
    said = world.desk("zhao", *command, *at(world, token), refused=True)
    world.must("the consent is the first teller's", "No second teller has approved" in said, said)
    to = world.counter.removeprefix("http://").replace("localhost", "127.0.0.1")
    for after in [False, True]:
        world.desk("lin", *command, *at(world, token), at=Cut(to, 1, after, "/api/unblocking/").url(), refused=True)
    for when in ["before", "after"]:
        world.desk("lin", *command, *at(world, token, when), refused=True)
    world.desk("lin", *command, *at(world, token), at=Cut(to, 1, False, "/api/puk/").url(), refused=True)
    world.desk("lin", *command, *at(world, token))
    world.must("cut at each step and run again, the shield is unblocked", True)
    said = world.desk("lin", *command, *at(world, token), refused=True)
    world.must("a consent is used once", "approval was used" in said, said)


def is_never_seen(world):
    """No PUK of this story in what was said, logged or written, nor where other programs look."""
    piped = set(world.read("piped").decode().split()) - {FACTORY_PIN}
    puks = [word.encode() for word in piped if len(word) == 8 and word.islower()]
    world.must("several PUKs went through the pipe", len(puks) >= 2, len(puks))
    trace = world.read("ushield.trace")
    world.must("the trace has what was said to the tokens", trace.count(b"> 80240081") > 5)
    seen = "".join(world.said).encode() + world.read("bank.log") + world.read("seen-by-others") + world.read("copy") + trace
    for name in ["bank.sqlite", "bank.sqlite-wal"]:
        if os.path.exists(world.path(os.path.join("bank", name))):
            seen += world.read(os.path.join("bank", name))
    digits = seen.lower().replace(b" ", b"")
    leaked = [puk for puk in puks if puk in seen or puk.hex().encode() in digits]
    world.must("no output, log, argument, variable, trace, copy or database has one of them", not leaked)
