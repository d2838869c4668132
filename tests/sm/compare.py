"""Compares SM2, SM3 and SM4 of the token with three foreign implementations. tests/sm/run says how to start it."""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from gmssl import sm2, sm3, sm4

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
DEFAULT = b"1234567812345678".hex()


class Lines:
    """A program that answers each line with a line."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, operation, *words):
        self.process.stdin.write(" ".join([operation, *(word or "-" for word in words)]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer and operation != "sm3":
            sys.exit(f"no answer to {operation} {words}")
        return answer


# ---- DER of signatures and ciphertexts (GM/T 0009, clause 7), written down once more: the token's own is not asked.


def number(value):
    body = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes([2, len(body)]) + body


def wrapped(tag, body):
    length = bytes([len(body)]) if len(body) < 128 else len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (length if len(body) < 128 else bytes([0x80 | len(length)]) + length) + body


def signature_der(plain):
    return wrapped(0x30, number(int(plain[:64], 16)) + number(int(plain[64:], 16))).hex()


def items(der):
    """The values inside a SEQUENCE."""

    def one(data):
        length, rest = data[1], data[2:]
        if length & 0x80:
            count = length & 0x7F
            length, rest = int.from_bytes(rest[:count], "big"), rest[count:]
        return rest[:length], rest[length:]

    inside, tail = one(bytes.fromhex(der))
    assert not tail
    values = []
    while inside:
        value, inside = one(inside)
        values.append(value)
    return values


def signature_plain(der):
    r, s = (int.from_bytes(value, "big") for value in items(der))
    return f"{r:064x}{s:064x}"


def ciphertext_der(plain):
    plain = bytes.fromhex(plain)
    x, y = (int.from_bytes(part, "big") for part in (plain[:32], plain[32:64]))
    return wrapped(0x30, number(x) + number(y) + wrapped(4, plain[64:96]) + wrapped(4, plain[96:])).hex()


def ciphertext_plain(der):
    x, y, digest, text = items(der)
    return f"{int.from_bytes(x, 'big'):064x}{int.from_bytes(y, 'big'):064x}" + digest.hex() + text.hex()


# ---- The foreign programs. Each signs and decrypts with (d, point), verifies and encrypts with the point.


class Gmssl:
    name = "gmssl 3.2.2 (PyPI)"
    any_identifier = False  # the package knows the default one alone

    def key(self, secret, point):
        key = sm2.CryptSM2(private_key=secret, public_key=point[2:], mode=1)
        # The package takes a first byte 04 of the x coordinate for the form of the point, and cuts it off.
        key.public_key = point[2:]
        return key

    def sign(self, secret, point, identifier, message):
        nonce = f"{random.randrange(1, ORDER):064x}"
        return signature_der(self.key(secret, point).sign_with_sm3(bytes.fromhex(message), nonce))

    def verify(self, point, identifier, message, der):
        return self.key("", point).verify_with_sm3(signature_plain(der), bytes.fromhex(message))

    def encrypt(self, point, text):
        return ciphertext_der(self.key("", point).encrypt(bytes.fromhex(text)).hex())

    def decrypt(self, secret, point, der):
        return self.key(secret, point).decrypt(bytes.fromhex(ciphertext_plain(der))).hex()

    def sm3(self, message):
        return sm3.sm3_hash(list(bytes.fromhex(message)))

    def sm4(self, mode, key, iv, text):
        if mode not in ("ecb", "cbc"):
            return None
        cipher = sm4.CryptSM4()
        cipher.set_key(bytes.fromhex(key), sm4.SM4_ENCRYPT)
        plain = bytes.fromhex(text)
        encrypted = cipher.crypt_ecb(plain) if mode == "ecb" else cipher.crypt_cbc(bytes.fromhex(iv), plain)
        # The package pads: its last block is a block of padding.
        return encrypted[: len(plain)].hex()


class SmCrypto:
    name = "sm-crypto 0.5.8 (npm)"
    any_identifier = True

    def __init__(self, program):
        self.ask = Lines("node", program)

    def sign(self, secret, point, identifier, message):
        return self.ask("sign", secret, identifier, message)

    def verify(self, point, identifier, message, der):
        return self.ask("verify", point, identifier, message, der) == "yes"

    def encrypt(self, point, text):
        return ciphertext_der(self.ask("encrypt", point, text))

    def decrypt(self, secret, point, der):
        return self.ask("decrypt", secret, ciphertext_plain(der))

    def sm3(self, message):
        return self.ask("sm3", message)

    def sm4(self, mode, key, iv, text):
        return self.ask(f"encrypt-{mode}", key, iv, text) if mode in ("ecb", "cbc") else None


class Openssl:
    any_identifier = True

    def __init__(self, folder):
        self.folder = Path(folder)
        self.name = " ".join(self.run("version").decode().split()[:2])

    def run(self, *words, given=b"", may_fail=False):
        done = subprocess.run(["openssl", *words], input=given, capture_output=True)
        if done.returncode and not may_fail:
            sys.exit(f"openssl {' '.join(words)}: {done.stderr.decode()}")
        return None if done.returncode else done.stdout

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def private(self, secret, point):
        curve = bytes.fromhex("06082a811ccf5501822d")
        public = wrapped(0xA1, wrapped(3, b"\0" + bytes.fromhex(point)))
        body = number(1) + wrapped(4, bytes.fromhex(secret)) + wrapped(0xA0, curve) + public
        return self.file("key.der", wrapped(0x30, body))

    def public(self, point):
        algorithm = bytes.fromhex("301306072a8648ce3d020106082a811ccf5501822d")
        return self.file("public.der", wrapped(0x30, algorithm + wrapped(3, b"\0" + bytes.fromhex(point))))

    def options(self, identifier):
        return ["-rawin", "-digest", "sm3", "-pkeyopt", f"distid:{bytes.fromhex(identifier).decode()}"]

    def sign(self, secret, point, identifier, message):
        message = self.file("message", bytes.fromhex(message))
        key = ["-inkey", self.private(secret, point), "-keyform", "DER"]
        return self.run("pkeyutl", "-sign", *key, "-in", message, *self.options(identifier)).hex()

    def verify(self, point, identifier, message, der):
        message, der = self.file("message", bytes.fromhex(message)), self.file("signature", bytes.fromhex(der))
        key = ["-pubin", "-inkey", self.public(point), "-keyform", "DER"]
        words = ["pkeyutl", "-verify", *key, "-in", message, "-sigfile", der, *self.options(identifier)]
        return self.run(*words, may_fail=True) is not None

    def encrypt(self, point, text):
        key = ["-pubin", "-inkey", self.public(point), "-keyform", "DER"]
        return self.run("pkeyutl", "-encrypt", *key, given=bytes.fromhex(text)).hex()

    def decrypt(self, secret, point, der):
        key = ["-inkey", self.private(secret, point), "-keyform", "DER"]
        return self.run("pkeyutl", "-decrypt", *key, given=bytes.fromhex(der)).hex()

    def sm3(self, message):
        return self.run("dgst", "-sm3", "-binary", given=bytes.fromhex(message)).hex()

    def sm4(self, mode, key, iv, text):
        iv = [] if mode == "ecb" else ["-iv", iv]
        return self.run("enc", f"-sm4-{mode}", "-K", key, *iv, "-nopad", given=bytes.fromhex(text)).hex()


def judge(ours, foreign, cases, draw):
    """Both ways, and what must be refused. The answer is how many signatures and ciphertexts were judged."""

    def check(right, what, *facts):
        if not right:
            sys.exit(f"{foreign.name}: {what}: {facts}")

    for case in range(cases):
        secret = f"{draw.randrange(1, ORDER - 1):064x}"
        point = ours("point", secret)
        identifier = DEFAULT
        if foreign.any_identifier and case % 2:
            identifier = "".join(draw.choices("abcXYZ0189@.", k=draw.randrange(1, 40))).encode().hex()
        message = draw.randbytes(draw.randrange(1, 300)).hex()
        changed = (draw.randbytes(1) + bytes.fromhex(message)).hex()
        facts = (secret, identifier, message)

        signature = ours("sign", secret, identifier, message, draw.randbytes(32).hex())
        check(foreign.verify(point, identifier, message, signature), "our signature is refused", *facts, signature)
        if case % 20 == 0:
            check(not foreign.verify(point, identifier, changed, signature), "a wrong text is accepted", *facts)
        signature = foreign.sign(secret, point, identifier, message)
        answer = ours("verify", point, identifier, message, signature)
        check(answer == "yes", "their signature is refused", *facts, signature)
        check(ours("verify", point, identifier, changed, signature) == "no", "a wrong text is accepted here", *facts)
        if identifier == DEFAULT:
            # The keys of banks, which know the default identifier alone.
            check(ours("bank-verify", point, message, signature) == "yes", "their signature is refused by banks", *facts, signature)
            check(ours("bank-verify", point, changed, signature) == "no", "a wrong text is accepted by banks", *facts)
            signature = ours("bank-sign", secret, message)
            check(foreign.verify(point, identifier, message, signature), "a bank's signature is refused", *facts, signature)

        # A text of 4 bytes and more: the stream of a shorter one may be zeros, which the standard refuses and not all programs do.
        text = draw.randbytes(draw.randrange(4, 300)).hex()
        ciphertext = ours("encrypt", point, text, draw.randbytes(32).hex())
        check(foreign.decrypt(secret, point, ciphertext) == text, "our ciphertext is not understood", secret, text, ciphertext)
        ciphertext = foreign.encrypt(point, text)
        check(ours("decrypt", secret, ciphertext) == text, "their ciphertext is not understood", secret, text, ciphertext)
        other = ciphertext[:-2] + f"{int(ciphertext[-2:], 16) ^ 1:02x}"
        check(ours("decrypt", secret, other) == "no", "a changed ciphertext is taken", secret, other)

        check(ours("sm3", message) == foreign.sm3(message), "SM3 differs", message)
        key, iv = draw.randbytes(16).hex(), draw.randbytes(16).hex()
        for mode in ("ecb", "cbc", "cfb", "ofb"):
            blocks = draw.randbytes(16 * draw.randrange(1, 6) + (draw.randrange(16) if mode in ("cfb", "ofb") else 0)).hex()
            theirs = foreign.sm4(mode, key, iv, blocks)
            if theirs is None:
                continue
            check(ours(f"encrypt-{mode}", key, iv, blocks) == theirs, f"SM4 in {mode} differs", key, iv, blocks)
            check(ours(f"decrypt-{mode}", key, iv, theirs) == blocks, f"SM4 in {mode} does not come back", key, iv)
    return cases


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ours", required=True)
    parser.add_argument("--node", required=True)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    ours = Lines(given.ours)
    print(f"seed {given.seed}", flush=True)
    random.seed(given.seed)
    with tempfile.TemporaryDirectory() as folder:
        for foreign, cases in (
            (SmCrypto(given.node), given.cases),
            (Openssl(folder), given.cases // 10),
            (Gmssl(), given.cases),
        ):
            if given.only not in foreign.name:
                continue
            judged = judge(ours, foreign, cases, random.Random(given.seed))
            print(f"{foreign.name}: {judged} signatures and {judged} ciphertexts each way, SM3, SM4: the same", flush=True)


if __name__ == "__main__":
    main()
