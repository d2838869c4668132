"""Drives pages against the assistant: `tests/assistant/run attacks firefox`. `run.py attacks fetch form` runs those two alone."""

import sys

import attacks
import firefox
from desk import Desk
from chapter import attempt
from driver import Driver


def attack(stage, act):
    """One attack, on an assistant of its own."""

    def whole():
        getattr(act, "prepare", type(stage).serve)(stage)
        act(stage)

    try:
        return attempt(act.__name__, whole, lambda: stage.assistant.log.read_text() if stage.assistant else "")
    finally:
        if stage.assistant:
            stage.assistant.stop()
            stage.assistant = None


def in_chromium(desk, wanted):
    driver = Driver()
    stage = attacks.Stage(driver, desk)
    try:
        return [attack(stage, act) for act in attacks.ATTACKS if not wanted or act.__name__ in wanted]
    finally:
        stage.close()
        driver.stop()


def in_firefox(desk, wanted):
    said = (desk.folder / "assistant.log").read_text
    chapters = [act for act in firefox.CHAPTERS if not wanted or act.__name__ in wanted]
    return [attempt(act.__name__, lambda act=act: act(desk), said) for act in chapters]


def main(part, *wanted):
    desk = Desk()
    try:
        told = {"attacks": in_chromium, "firefox": in_firefox}[part](desk, wanted)
    finally:
        desk.close()
    assert told, f"{part} has no {wanted}"
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
