"""An order as a bank issues it, written by hand from docs/payment-order.asn1: a page of the tests' hands it to the assistant."""

import datetime
import secrets

KIND = bytes.fromhex("060a2b0601040181fd591401")


def field(tag, content):
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    return bytes([tag, 0x81, len(content)]) + content


def text(content):
    return field(0x0C, content.encode())


def time(moment):
    return field(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def order(payee, yuan=100):
    """DER, from a minute ago, for ten minutes from now on."""
    now = datetime.datetime.now(datetime.timezone.utc)
    amount = yuan * 100
    content = (
        KIND
        + text(f"{secrets.randbelow(10**12):012}")
        + field(0x04, secrets.token_bytes(16))
        + text("6222020200112233")
        + text(payee)
        + text("1001244300000000123")
        + field(0x02, amount.to_bytes(amount.bit_length() // 8 + 1, "big"))
        + field(0x13, b"CNY")
        + time(now - datetime.timedelta(minutes=1))
        + time(now + datetime.timedelta(minutes=10))
        + text("")
    )
    return field(0x30, content)
