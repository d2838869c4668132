"""A foreign program of SM2 judges what the token signed, and the token decrypts what the program encrypted.

    sm2.py gmssl | sm-crypto

The payment of sm2-common is in this folder. A key of SM2 is made on the token for the rest, by commands of the shield applet through a
stock PC/SC client: no PKCS#11 library of 2.40 has a word for SM2 (docs/shield-applet.md).
"""

import os
import random
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(os.environ["STOCK"]).parent / "sm"))
from compare import DEFAULT, Gmssl, SmCrypto, signature_plain
from smartcard.System import readers

CASES = 25
SM2, ONCE, SIGN, DECRYPT = 0x54, 0x02, 0x01, 0x04


class Token:
    def __init__(self, pin):
        (reader, *_) = readers()
        self.connection = reader.createConnection()
        self.connection.connect()
        self.send(0x00, 0xA4, 4, 0, bytes.fromhex("F05553484945"))
        self.send(0x00, 0x20, 0, 0x80, pin.encode())

    def send(self, cla, ins, p1, p2, data):
        # Extended length: a ciphertext may be longer than 255 bytes.
        apdu = bytes([cla, ins, p1, p2, 0]) + len(data).to_bytes(2, "big") + data + b"\0\0"
        answer, sw1, sw2 = self.connection.transmit(list(apdu))
        if (sw1, sw2) != (0x90, 0):
            raise PermissionError(f"{ins:02X}: {sw1:02X}{sw2:02X}")
        return bytes(answer)

    def create(self):
        wish = bytes([0x80, 1, SM2, 0x81, 1, ONCE, 0x82, 1, SIGN | DECRYPT])
        answer = self.send(0x80, 0x48, 0, 0, wish)
        assert answer[:2] == b"\x80\x01" and answer[3:8] == bytes.fromhex("7F49438641"), answer.hex()
        return answer[2], answer[8:].hex()

    def use(self, container, use, data):
        return self.send(0x80, 0x2D, use, container, data)


def point_of(file):
    """The point in a public key, PEM: the last 65 bytes of its DER."""
    command = ["openssl", "pkey", "-pubin", "-in", file, "-outform", "DER"]
    return subprocess.run(command, check=True, capture_output=True).stdout[-65:].hex()


def judge_payment(foreign):
    order, signature = Path("order.der").read_bytes().hex(), Path("signature.der").read_bytes().hex()
    point = point_of("payer.pem")
    assert len(signature_plain(signature)) == 128
    assert foreign.verify(point, DEFAULT, order, signature), "the payment's signature is refused"
    assert not foreign.verify(point, DEFAULT, order[:-2] + "00", signature), "a changed order is accepted"
    other = signature[:-2] + f"{int(signature[-2:], 16) ^ 1:02x}"
    assert not foreign.verify(point, DEFAULT, order, other), "a changed signature is accepted"


def judge_key(foreign, token):
    """A host makes e of Z and the text for a key that is not the payment key."""
    container, point = token.create()
    for _ in range(CASES):
        message = random.randbytes(random.randrange(1, 200))
        e = bytes.fromhex(foreign.sm3((z(foreign, point) + message).hex()))
        signature = token.use(container, SIGN, e).hex()
        assert foreign.verify(point, DEFAULT, message.hex(), signature), (point, message.hex(), signature)
        text = random.randbytes(random.randrange(4, 500))
        ciphertext = bytes.fromhex(foreign.encrypt(point, text.hex()))
        assert token.use(container, DECRYPT, ciphertext) == text, (point, text.hex(), ciphertext.hex())
        try:
            token.use(container, DECRYPT, ciphertext[:-1] + bytes([ciphertext[-1] ^ 1]))
        except PermissionError as refused:
            assert "6A80" in str(refused), refused
        else:
            sys.exit("a changed ciphertext is taken")


def z(foreign, point):
    """Z (GB/T 32918.2, 5.5), by the foreign program's SM3."""
    curve = (
        "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
        "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
    )
    return bytes.fromhex(foreign.sm3("0080" + DEFAULT + curve.lower() + point[2:]))


def main():
    name = sys.argv[1]
    foreign = Gmssl() if name == "gmssl" else SmCrypto(os.environ["NODE_MODULES"] + "/../sm-crypto.cjs")
    random.seed(seed := random.randrange(1 << 32))
    print("seed", seed)
    judge_payment(foreign)
    judge_key(foreign, Token(os.environ["USHIELD_PIN"]))
    print(f"{foreign.name}: the payment, {CASES} signatures and {CASES} ciphertexts")


main()
