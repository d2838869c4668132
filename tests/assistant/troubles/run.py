"""Provokes the troubles that customers have with their shields, and prints a table of what they are told: `tests/assistant/run troubles`. Fails where
docs/assistant.md has another table. `run.py expired` provokes that one alone.

As root it runs in namespaces of its own, in which pcscd, its drivers and the kernel's list of devices are the test's to change."""

import concurrent.futures
import os
import subprocess
import sys
import traceback

import machine
import troubles

# These change the machine.
OF_MACHINE = [troubles.no_driver, troubles.pcscd_off, troubles.pcscd_and_driver_not_installed]


def enter():
    """A machine of the test's own (machine.py), and no process of the other one's."""
    if os.environ.get("TROUBLES_INSIDE"):
        return machine.own()
    unshare = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    command = [*unshare, sys.executable, "-B", *sys.argv]
    sys.exit(subprocess.run(command, env=os.environ | {"TROUBLES_INSIDE": "1"}).returncode)


def rows(wanted):
    """The rows of the table. Those that change nothing of the machine run side by side."""
    chosen = [act for _, _, acts in troubles.TABLE for act in acts if not wanted or act.__name__ in wanted]
    assert chosen, f"no trouble of {wanted}"
    told = {}

    def provoke(act):
        try:
            told[act] = act()
            print(f"ok  {act.__name__}", file=sys.stderr, flush=True)
        except Exception:
            traceback.print_exc()
            print(f"FAILED  {act.__name__}", file=sys.stderr, flush=True)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(provoke, [act for act in chosen if act not in OF_MACHINE]))
    for act in [act for act in chosen if act in OF_MACHINE]:
        if os.geteuid() == 0:
            provoke(act)
        else:
            print(f"--  {act.__name__}: only root has a machine of its own", file=sys.stderr)
            chosen.remove(act)
    lines = []
    for zh, en, acts in troubles.TABLE:
        for act in acts:
            for code, words in told.get(act, []):
                said = [words[language]["what"] + " " * (language == "en") + words[language]["next"] for language in ("zh", "en")]
                lines.append(f"| {zh}; {en} | `{code}` | {said[0]} | {said[1]} | `{act.__name__}` |")
    return lines, len(told) == len(chosen)


def main(wanted):
    if os.geteuid() == 0:
        enter()
    lines, good = rows(wanted)
    print("\n".join(lines))
    page = (troubles.ROOT / "docs/assistant.md").read_text()
    for line in lines:
        if line not in page:
            print(f"FAILED  docs/assistant.md has no such row: {line}", file=sys.stderr)
            good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
