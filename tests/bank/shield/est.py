"""The ID by EST, whose client nobody here wrote: strongSwan's pki, with its PKCS#11 plugin before a token. curl sends what no client knows."""

import os, subprocess

import puk, tls
from world import PROGRAMS, Customer, Token

KINDS = ["payment", "authentication"]


class Client:
    """strongSwan's `pki` before the token, with the PKCS#11 library of this project."""

    def __init__(self, world, token, url, trusted):
        self.world, self.token, self.url, self.trusted = world, token, url, trusted
        module = "ushield { path = %s }" % os.path.join(PROGRAMS, "libushield_pkcs11.so")
        self.conf = world.write("strongswan.conf", "libtls { version_max = 1.3 }\npki { plugins { pkcs11 { modules { %s } } } }\n" % module)

    def run(self, *words, pin=""):
        more = {"STRONGSWAN_CONF": self.conf, "USHIELD_USBIP": self.token.road}
        # Without a terminal the program asks for the PIN on standard input.
        ended = subprocess.run(["pki", *words], env=self.world.environment() | more, input=f"{pin}\n".encode(), capture_output=True,
                               timeout=300, start_new_session=True)
        return ended.returncode == 0, ended.stdout, ended.stderr.decode(errors="replace")

    def est(self, *words, **more):
        return self.run("--est", "--url", self.url, *[word for ca in self.trusted for word in ("--cacert", ca)], *words, **more)


def story(world, friend):
    """A customer who knows no program of this bank but EST: enrolled, paid, and renewed by the key on the token."""
    customer, token = Customer(world, "王五", "110101198303033456", "100000"), Token(world, "est")
    customer.choose()
    code = puk.hand_over(world, customer, token)
    puk.prepare(world, customer, token, code)
    authority, own, key = tls.authority(world, "node")
    node, *_ = world.start("--tls", own, "--key", key, "--est", "127.0.0.1:0")
    node.stdout.readline()
    url = node.stdout.readline().split()[1].removesuffix("/.well-known/est")
    issuer = world.keep("issuer.pem", customer.site.ask("GET", "/ca/authentication.pem")[2])
    client = Client(world, token, url, [authority, issuer])
    certificates(world, client, authority, issuer)
    ids = enrol(world, customer, client, authority, code)
    line = [word for kind in KINDS for word in (f"--{kind}", ids[kind])]
    world.run("cert-tool", "install", *line, "--usbip", token.road, "--pin-file", token.pin)
    order = customer.transfer(friend, "12.00")
    status, told = customer.site.send(token.pay(customer.challenge(order)))
    world.must("a token pays with an ID that came by EST", status == 200 and customer.has_paid(order), told)
    renew(world, customer, client, ids["authentication"], issuer)
    node.terminate()
    if node.wait(60) != 0:
        raise SystemExit("the node did not stop in order")
    token.down()


def certificates(world, client, authority, issuer):
    """The CA, as strongSwan and openssl read it. A bank of SM2 has one for payments, too, which strongSwan does not know."""
    if world.algorithm == "p256":
        done, _, said = client.run("--estca", "--url", client.url, "--cacert", authority, "--caout", world.path("got"), "--outform", "pem")
        world.must("strongSwan fetches the bank's CA", done and "Root CA cert" in said and os.path.exists(world.path("got.pem")), said)
    fetch = lambda label: bag(world, world.foreign("curl", "-sS", "--cacert", authority, f"{client.url}/.well-known/est/{label}cacerts").stdout)
    with open(issuer) as file:
        right = file.read().split("-----")[2] in fetch("authentication/")
    world.must("openssl finds the CA of a label in what curl fetches", right)
    both = fetch("").count("-----BEGIN")
    world.must("and without a label each CA", both == (1 if world.algorithm == "p256" else 2), both)


def bag(world, base64):
    """The certificates of an answer, by openssl."""
    world.foreign("openssl", "base64", "-d", "-A", "-out", world.path("bag"), input=base64)
    return world.foreign("openssl", "pkcs7", "-inform", "DER", "-in", world.path("bag"), "-print_certs").stdout


def enrol(world, customer, client, authority, code):
    """Both certificates: the files of `cert-tool install`."""
    token, made = client.token, {}
    paper = world.write("curl.conf", f'user = "{code["reference"]}:{code["code"]}"\n')
    words = ["--userpass", f"{code['reference']}:{code['code']}", "--outform", "pem"]
    curl = ["curl", "-sS", "--fail-with-body", "--cacert", authority, "--config", paper, "--header", "Accept-Language: en"]
    for kind in KINDS:
        request, attestation = world.path(f"{kind}.csr"), world.path(f"{kind}.att")
        world.run("cert-tool", "request", "--kind", kind, "--name", customer.name, "--user-id", customer.account, "--out", request,
                  "--attestation", attestation, "--usbip", token.road, "--pin-file", token.pin)
        foreign = kind == "authentication" or world.algorithm == "p256"
        if foreign:
            done, _, said = client.est("--in", request, *words)
            world.must(f"before the {kind} key is attested there is no certificate", not done and "HTTP 400" in said, said)
        sent = world.foreign(*curl, "--data-binary", f"@{attestation}", f"{client.url}/attestation")
        world.must(f"curl brings what the token says of its {kind} key", sent.returncode == 0, sent.stdout + sent.stderr)
        if foreign:
            done, certificate, said = client.est("--in", request, *words)
            world.must(f"strongSwan enrols the {kind} key", done and certificate.startswith(b"-----BEGIN"), said)
        else:
            certificate = by_hand(world, curl, request, f"{client.url}/.well-known/est/{kind}/simpleenroll")
        made[kind] = world.keep(f"{kind}.pem", certificate)
    return made


def by_hand(world, curl, request, url):
    """strongSwan knows no SM2: openssl and curl are the client."""
    world.foreign("openssl", "req", "-in", request, "-outform", "DER", "-out", world.path("der"))
    world.foreign("openssl", "base64", "-in", world.path("der"), "-out", world.path("body"))
    sent = world.foreign(*curl, "--header", "Content-Type: application/pkcs10", "--data-binary", f"@{world.path('body')}", url)
    read = bag(world, sent.stdout)
    world.must("curl and openssl enrol a key of SM2", "-----BEGIN" in read, sent.stdout + sent.stderr)
    return read[read.index("-----BEGIN"):].strip().encode() + b"\n"


def renew(world, customer, client, former, issuer):
    """Request and connection are signed by the key on the token, at which strongSwan arrives by PKCS#11."""
    with open(client.token.pin) as file:
        pin = file.read()
    name = f"O=U-shield Test Bank, OU=U-shield test token, CN={customer.name}, serialNumber={customer.account}"
    done, request, said = client.run("--req", "--type", "ecdsa", "--keyid", "01", "--dn", name, pin=pin)
    world.must("strongSwan has the token sign a request", done, said)
    request = world.keep("renewal.der", request)
    line = ["--in", request, "--cert", former, "--keyid", "01", "--outform", "pem"]
    done, renewed, said = client.est(*line, pin=pin)
    renewed = world.keep("renewed.pem", renewed)
    judged = world.foreign("openssl", "verify", "-CAfile", issuer, "-purpose", "sslclient", renewed)
    world.must("strongSwan renews by the certificate and the key on the token", done and judged.returncode == 0, said + judged.stderr)
    done, again, said = client.est(*line, pin=pin)
    world.must("whoever lost the answer gets it again", done and again == world.read("renewed.pem"), said)
    asked = ["openssl", "ocsp", "-issuer", issuer, "-CAfile", issuer, "-cert", former, "-cert", renewed,
             "-url", f"{world.public}/api/ocsp/authentication".replace("localhost", "127.0.0.1"), "-header", f"Host={world.public.split('//')[1]}"]
    said = world.foreign(*asked)
    right = f"{former}: revoked" in said.stdout and f"{renewed}: good" in said.stdout
    world.must("the former certificate is revoked, and the renewed one is good", right, said.stdout + said.stderr)
