"""Verifies a payment that a U-shield token signed: asn1crypto reads, cryptography verifies (both from PyPI).

    python verify_payment.py DOCUMENT CA CRLS ISSUED AT PAYER
    python verify_payment.py < LINES    # the same fields and the name of a store, a tab between two

CRLS: files with a comma between, or -. AT: 2026-06-01T08:05:00Z. PAYER: USER=ACCOUNT, who may pay from where.
Exit code 0: pay. What the libraries do not check by themselves is marked NOT BY ITSELF.
"""
import sys
from datetime import datetime, timedelta, timezone

from asn1crypto import cms, core, pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID

SKEW, LIFETIME = timedelta(minutes=5), timedelta(hours=24)
ID_ORDER, ID_KP_PAYMENT = "1.3.6.1.4.1.32473.20.1", x509.ObjectIdentifier("1.3.6.1.4.1.32473.20.2")
KEY_USAGE = bytes.fromhex("030206c0")  # digitalSignature and nonRepudiation
PURPOSE = bytes.fromhex("300c060a2b0601040181fd591402")  # id-kp-payment and nothing else
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")  # of the key, up to the point
SHA256, ECDSA = bytes.fromhex("300b0609608648016503040201"), bytes.fromhex("300a06082a8648ce3d040302")
DATA, SIGNED_DATA = bytes.fromhex("06092a864886f70d010701"), bytes.fromhex("06092a864886f70d010702")
UNDERSTOOD = {ExtensionOID.BASIC_CONSTRAINTS, ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE}


class Refused(Exception):
    pass


def check(kept, why):
    if not kept:
        raise Refused(why)


def tlv(tag, *parts):
    body = b"".join(parts)
    digits = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag]) + (digits or b"\0" if len(body) < 128 else bytes([128 + len(digits)]) + digits) + body


def read_document(document):
    """Order, the signer's certificate, all certificates (DER), signature."""
    check(len(document) <= 16384, "too large")
    data = cms.ContentInfo.load(document, strict=True)["content"]
    certificates = [certificate.dump() for certificate in data["certificates"]]
    signer, order = data["signer_infos"][0], data["encap_content_info"]["content"].contents
    name, signature = signer["sid"].dump(), signer["signature"].contents
    # NOT BY ITSELF: asn1crypto takes BER, attributes, several signers, CRLs. A payment has one form: write that, compare.
    info = tlv(0x30, b"\x02\x01\x01", name, SHA256, ECDSA, tlv(4, signature))
    content = tlv(0x30, DATA, tlv(0xA0, tlv(4, order)))
    certificate_set = tlv(0xA0, *sorted(set(certificates)))
    again = tlv(0x30, b"\x02\x01\x01", tlv(0x31, SHA256), content, certificate_set, tlv(0x31, info))
    check(document == tlv(0x30, SIGNED_DATA, tlv(0xA0, again)), "not the one form of a payment")
    check(len(certificates) <= 8, "too many certificates")
    bodies = [asn1_x509.Certificate.load(der, strict=True)["tbs_certificate"] for der in certificates]
    names = [tlv(0x30, body["issuer"].dump(), body["serial_number"].dump()) for body in bodies]
    check(names.count(name) == 1, "the signer's certificate is missing")
    return order, certificates[names.index(name)], certificates, signature


def check_leaf(der):
    """NOT BY ITSELF: that the certificate is for payments and for nothing else. Returns the user's ID."""
    body = asn1_x509.Certificate.load(der, strict=True)["tbs_certificate"]
    check(body["version"].native == "v3", "not of version 3")
    extensions = [(e["extn_id"].dotted, e["extn_value"].contents) for e in body["extensions"]]
    check(len(dict(extensions)) == len(extensions), "an extension stands there twice")
    check(dict(extensions).get("2.5.29.37") == PURPOSE, "not for payments alone")
    check(dict(extensions).get("2.5.29.15") == KEY_USAGE, "not of a payment's key usage")
    check(dict(extensions).get("2.5.29.19", b"\x30\0") == b"\x30\0", "a CA's certificate")
    key = body["subject_public_key_info"].dump()
    check(key.startswith(P256) and len(key) == len(P256) + 64, "not a key of P-256")
    attributes = [attribute for part in body["subject"].chosen for attribute in part]
    users = [a["value"].native for a in attributes if a["type"].dotted == "2.5.4.5"]
    check(len(users) == 1 and users[0], "no single user ID")
    return users[0]


def extension(certificate, oid):
    return next((e.value for e in certificate.extensions if e.oid == oid), None)


def check_valid(certificate, at):
    check(certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc, "not valid at this time")
    check(all(e.oid in UNDERSTOOD for e in certificate.extensions if e.critical), "an unknown critical extension")


def is_ca(certificate):
    constraints = extension(certificate, ExtensionOID.BASIC_CONSTRAINTS)
    usage, purposes = (extension(certificate, oid) for oid in (ExtensionOID.KEY_USAGE, ExtensionOID.EXTENDED_KEY_USAGE))
    may_sign, for_payments = usage is None or usage.key_cert_sign, purposes is None or ID_KP_PAYMENT in purposes
    return constraints is not None and constraints.ca and may_sign and for_payments


def has_issued(issuer, certificate):
    try:  # name and signature; NOT BY ITSELF: whether the issuer is a CA, and when
        certificate.verify_directly_issued_by(issuer)
        return certificate.signature_hash_algorithm.name in ("sha256", "sha384", "sha512")
    except Exception:
        return False


def find_path(certificate, anchors, others, at, below=0):
    """The certificates above this one. cryptography's own verifier is for TLS and knows no CRL (version 50)."""
    check_valid(certificate, at)
    why = Refused("no path to the bank's CA")
    for issuer in anchors + others if below < 8 else []:
        try:
            if not has_issued(issuer, certificate):
                continue
            check(is_ca(issuer), "the issuer is no CA")
            limit = extension(issuer, ExtensionOID.BASIC_CONSTRAINTS).path_length
            check(limit is None or below <= limit, "the path is too long")
            if issuer in anchors:
                check_valid(issuer, at)
                return [issuer]
            # No name and key twice in a path: else seven certificates of one CA are 5,040 paths.
            rest = [c for c in others if (c.subject, c.public_key()) != (issuer.subject, issuer.public_key())]
            return [issuer] + find_path(issuer, anchors, rest, at, below + 1)
        except Refused as refused:
            why = refused
    raise why


def check_revocation(path, crls, at):
    """NOT BY ITSELF: all of it. The newest CRL must be of this time; what any of them lists is revoked, unless on hold."""
    for crl in crls:
        check(crl.next_update_utc and not any(e.critical for e in crl.extensions), "a CRL that cannot be used")
    for certificate, issuer in zip(path, path[1:]):
        usage = extension(issuer, ExtensionOID.KEY_USAGE)
        own = [crl for crl in crls if crl.issuer == issuer.subject and crl.is_signature_valid(issuer.public_key())]
        check(own and (usage is None or usage.crl_sign), "no CRL of the issuer's")
        newest = max(crl.last_update_utc for crl in own)
        for crl in own:
            entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
            reason = extension(entry, x509.CRLReason.oid) if entry else None
            on_hold = reason is not None and reason.reason == x509.ReasonFlags.certificate_hold
            check(entry is None or on_hold and crl.last_update_utc < newest, "revoked")
        until = max(crl.next_update_utc for crl in own if crl.last_update_utc == newest)
        check(newest <= at + SKEW and at <= until, "the CRL is not of this time")


def verify(document, ca, crls, issued, at, payer, paid):
    anchors = [x509.load_der_x509_certificate(der) for _, _, der in pem.unarmor(ca, multiple=True)]
    check(anchors and all(map(is_ca, anchors)), "a certificate in the CA file is no CA's")  # NOT BY ITSELF
    crls = [x509.load_der_x509_crl(der) for file in crls for _, _, der in pem.unarmor(file, multiple=True)]
    order, leaf, certificates, signature = read_document(document)
    user = check_leaf(leaf)
    others = [x509.load_der_x509_certificate(der) for der in certificates]
    leaf = x509.load_der_x509_certificate(leaf)
    path = [leaf] + find_path(leaf, anchors, [c for c in others if c != leaf], at)
    if crls:
        check_revocation(path, crls, at)
    leaf.public_key().verify(signature, order, ec.ECDSA(hashes.SHA256()))
    # NOT BY ITSELF, in any library: what only the bank knows. Compare the bytes of the order, never fields.
    check(order == issued, "not the order that the bank issued")
    fields = core.SequenceOf.load(order, spec=core.Any, strict=True)
    kind, number, nonce, account = (fields[place].native for place in range(4))
    since, until = (fields[place].native for place in (8, 9))
    check(kind == ID_ORDER and len(fields) == 11, "not an order")
    check(since <= at + SKEW and at <= until and until - since <= LIFETIME, "the order is not of this time")
    check(payer == f"{user}={account}", "not the payer's account")
    key = (account, number, nonce)  # of the order, never of the file or signature; in earnest a column that is UNIQUE
    check(key not in paid, "paid before")
    paid.add(key)


def run(line, stores):
    document, ca, crls, issued, at, payer, store = (line + ["-"])[:7]
    read = lambda path: open(path, "rb").read()
    try:
        crls = [read(path) for path in crls.split(",") if path != "-"]
        moment = datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
        paid = set() if store == "-" else stores.setdefault(store, set())
        verify(read(document), read(ca), crls, read(issued), moment, payer, paid)
        return "accepted"
    except Exception as error:  # whatever goes wrong: nothing is paid
        return f"refused: {ascii(str(error) or type(error).__name__)}"


if __name__ == "__main__":
    lines, stores = [sys.argv[1:]] if sys.argv[1:] else [line.rstrip("\n").split("\t") for line in sys.stdin], {}
    answers = [run(line, stores) for line in lines]
    print("\n".join(answers))
    sys.exit(0 if all(answer == "accepted" for answer in answers) else 1)
