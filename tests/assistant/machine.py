"""A machine of the test's own: the same programs, and folders of the system's that are copies. pcscd, its drivers and the kernel's list of devices are
the test's to change there. It wants root and a mount namespace: `unshare --mount python3 machine.py 1209:0001 COMMAND...` runs a command at a
machine into which this device is plugged."""

import os
import pathlib
import subprocess
import sys

DEVICES = pathlib.Path("/sys/bus/usb/devices")
DRIVERS = pathlib.Path("/usr/lib/pcsc/drivers")


def own():
    """Makes the machine of this mount namespace the test's."""
    for place in ("/run", "/sys/bus"):
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    DEVICES.mkdir(parents=True)
    copy = pathlib.Path("/run/drivers")
    subprocess.run(["cp", "-a", DRIVERS, copy], check=True)
    subprocess.run(["mount", "--bind", copy, DRIVERS], check=True)


def plug(usb):
    """A reader's device as Linux shows one. Gives its folder."""
    device = DEVICES / "1-1"
    (device / "1-1:1.0").mkdir(parents=True)
    vendor, product = usb.split(":")
    files = {"idVendor": vendor, "idProduct": product, "busnum": 1, "devnum": 2, "bConfigurationValue": 1, "product": "shield"}
    for name, text in files.items():
        (device / name).write_text(f"{text}\n")
    (device / "1-1:1.0/bInterfaceClass").write_text("0b\n")
    return device


if __name__ == "__main__":
    own()
    plug(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
