"""What the bank publishes, before judges that nobody here wrote: openssl, Java's PKIX and BouncyCastle's, and the recipes of five languages."""

import base64, os, re, shutil, subprocess, urllib.parse
from datetime import datetime, timezone

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "../../.."))
JARS = ":".join(f"/usr/share/java/{name}.jar" for name in ["bcprov", "bcpkix", "bcutil"])


def now():
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def fetch(world, customer):
    for name in ["ca/payment.pem", "crl/payment.crl"]:
        world.keep(os.path.basename(name), customer.site.ask("GET", f"/{name}")[2])


def own(world, customer, good, revoked):
    fetch(world, customer)
    world.keep("good.cms", good)
    world.keep("revoked.cms", revoked)
    verify = ["ushield", "verify", "--ca", world.path("payment.pem"), "--crl", world.path("payment.crl"), "--payer", customer.account]
    world.run(*verify, world.path("good.cms"))
    said = world.run(*verify, world.path("revoked.cms"), refused=True)
    world.must("ushield verify takes the bank's CA, its CRL and the new document, and refuses the lost shield's", "certificate_revoked" in said, said)


def certificates(world):
    """The signers' certificates, from the documents. The names that they have for CRL and responder."""
    for name in ["good", "revoked"]:
        printed = world.foreign("openssl", "pkcs7", "-inform", "DER", "-print_certs", "-in", world.path(f"{name}.cms"))
        world.keep(f"{name}.pem", printed.stdout.encode())
    text = world.foreign("openssl", "x509", "-in", world.path("good.pem"), "-noout", "-text", "-ocsp_uri").stdout
    right = f"URI:{world.public}/crl/payment.crl" in text and f"{world.public}/api/ocsp/payment" in text
    world.must("a certificate names the bank's CRL and its responder, as customers type the bank", right, text)
    return f"{world.public}/api/ocsp/payment"


def openssl(world, customer):
    url = certificates(world)
    pem, ca = world.path("crl.pem"), world.path("payment.pem")
    crl = world.foreign("openssl", "crl", "-inform", "DER", "-in", world.path("payment.crl"), "-CAfile", ca, "-text", "-out", pem)
    world.must("openssl verifies the bank's CRL", "verify OK" in crl.stderr and b"Key Compromise" in world.read("crl.pem"), crl.stderr)
    checked = ["openssl", "verify", "-CAfile", ca, "-CRLfile", pem, "-crl_check"]
    good, revoked = [world.foreign(*checked, world.path(f"{name}.pem")) for name in ["good", "revoked"]]
    right = good.returncode == 0 and revoked.returncode != 0 and "certificate revoked" in revoked.stderr
    world.must("openssl verify -crl_check takes the one certificate and refuses the other", right, good.stderr + revoked.stderr)
    host = urllib.parse.urlparse(url).netloc
    for hash in ["-sha1", "-sha256"]:
        asked = ["openssl", "ocsp", "-issuer", ca, "-CAfile", ca, hash, "-cert", world.path("revoked.pem"), "-cert", world.path("good.pem"),
                 "-url", url.replace("localhost", "127.0.0.1"), "-header", f"Host={host}"]
        ocsp = world.foreign(*asked)
        right = "Response verify OK" in ocsp.stderr and "revoked" in ocsp.stdout and "good" in ocsp.stdout
        world.must(f"openssl ocsp takes the bank's answers ({hash})", right and "WARNING" not in ocsp.stderr, ocsp.stdout + ocsp.stderr)
    world.foreign(*asked[:-4], "-reqout", world.path("request"))
    encoded = urllib.parse.quote(base64.b64encode(world.read("request")).decode(), safe="")
    status, _, body = customer.site.ask("GET", f"/api/ocsp/payment/{encoded}")
    world.keep("answer", body)
    taken = world.foreign("openssl", "ocsp", "-respin", world.path("answer"), "-reqin", world.path("request"), "-issuer", ca, "-CAfile", ca)
    world.must("and the answer to GET", status == 200 and "Response verify OK" in taken.stderr, taken.stderr)


def java(world):
    """PKIX with OCSP alone, by the URL in the certificate: the JDK's provider and BouncyCastle's."""
    for provider in ["SUN", "BC"]:
        line = ["java", "-cp", JARS, os.path.join(HERE, "Pkix.java"), provider, world.path("payment.pem")]
        judged = world.foreign(*line, world.path("good.pem"), world.path("revoked.pem"))
        right = judged.stdout.split() == ["good", "revoked"]
        world.must(f"Java's PKIX with OCSP and no fallback ({provider})", right, judged.stdout + judged.stderr)


def recipes(world, customer, at):
    """The five recipes over a corpus of this bank's documents, by the judge of tests/vectors."""
    corpus = world.path("corpus")
    shutil.rmtree(corpus, ignore_errors=True)
    os.mkdir(corpus)
    for name in ["good", "revoked"]:
        order = world.foreign("openssl", "cms", "-verify", "-inform", "DER", "-in", world.path(f"{name}.cms"), "-noverify", "-purpose", "any",
                              "-out", os.path.join(corpus, f"{name}.der"))
        world.must(f"openssl cms gives the order of the {name} document", order.returncode == 0, order.stderr)
        shutil.copy(world.path(f"{name}.cms"), corpus)
    for name in ["payment.pem", "crl.pem"]:
        shutil.copy(world.path(name), corpus)
    good = world.read("good.cms")
    world.keep("corpus/changed.cms", good[:-1] + bytes([good[-1] ^ 1]))
    payer, stranger = f"{customer.account}={customer.account}", f"{customer.account}=6222020000000000"
    rows = [("good", "good.cms", "good.der", at["good"], payer, "accepted"), ("revoked", "revoked.cms", "revoked.der", at["revoked"], payer, "refused"),
            ("changed", "changed.cms", "good.der", at["good"], payer, "refused"), ("another order", "good.cms", "revoked.der", at["good"], payer, "refused"),
            ("another account", "good.cms", "good.der", at["good"], stranger, "refused")]
    with open(os.path.join(corpus, "index.tsv"), "w") as index:
        index.write("name\tdocument\tca\tcrls\tissued\tat\tpayer\tstore\tlevel\texpected\topenssl\twrong\n")
        for name, document, issued, when, who, expected in rows:
            row = [name, document, "payment.pem", "crl.pem", issued, when, who, "-", "core", expected, "-", "of a bank that serves"]
            index.write("\t".join(row) + "\n")
    judged = subprocess.run([os.path.join(ROOT, "tests/vectors/run"), "--corpus", corpus], capture_output=True, text=True)
    right = judged.returncode == 0 and len(re.findall(r"5 documents, 1 accepted, 4 refused, 0 wrong", judged.stdout)) == 5
    world.must("the recipes of five languages judge the bank's documents", right, judged.stdout + judged.stderr)
