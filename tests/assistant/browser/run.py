"""Drives pages against the assistant: `tests/assistant/run attacks`. `run.py attacks fetch form` runs those attacks alone."""

import sys
import time
import traceback

import attacks
from assistant import Desk
from driver import Driver


def tell(stage, attack):
    begun = time.monotonic()
    try:
        getattr(attack, "prepare", type(stage).serve)(stage)
        attack(stage)
    except Exception:
        traceback.print_exc()
        said = stage.assistant.log.read_text() if stage.assistant else ""
        print(f"FAILED  {attack.__name__}\n{said}", flush=True)
        return False
    finally:
        if stage.assistant:
            stage.assistant.stop()
            stage.assistant = None
    print(f"ok  {attack.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    return True


def main(wanted):
    chosen = [attack for attack in attacks.ATTACKS if not wanted or attack.__name__ in wanted]
    assert chosen, f"no attack of {wanted}"
    driver, desk = Driver(), Desk()
    stage = attacks.Stage(driver, desk)
    try:
        told = [tell(stage, attack) for attack in chosen]
    finally:
        stage.close()
        desk.close()
        driver.stop()
    return 0 if all(told) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
