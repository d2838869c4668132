"""The keys of the bank's CA are changed while customers have tokens: what the former keys have certified pays until it ends or was stolen."""

import re

import puk
from world import Token


def story(world, friend, customer, token):
    """The friend has the token, and the customer gets another one: both have IDs of the first keys."""
    other = handed_over(world, customer)
    order = friend.transfer(customer, "11.00")
    status, told = friend.site.send(token.pay(friend.challenge(order)))
    world.must("a token with an ID of the first keys pays", status == 200 and friend.has_paid(order), told)
    first = signer(world, "first")
    change(world, friend, customer)

    order = friend.transfer(customer, "12.00")
    former = token.pay(friend.challenge(order))
    status, told = friend.site.send(former)
    world.must("and it pays when the bank has new keys", status == 200 and friend.has_paid(order), told)
    renew(world, friend, token)
    order = friend.transfer(customer, "13.00")
    status, told = friend.site.send(token.pay(friend.challenge(order)))
    world.must("the renewed ID pays", status == 200 and friend.has_paid(order), told)
    second = signer(world, "second")
    if world.algorithm == "p256":
        judge(world, friend, first, second)
    own(world, friend)
    stolen(world, friend, customer, token, other)


def handed_over(world, customer):
    """The restored books know the token that the customer has lost since. Another one takes its place."""
    other = Token(world, "other")
    _, asked = world.act("replace-shield", serial=other.serial, **customer.papers)
    status, code = world.approve(asked)
    world.must("the customer gets another token", status == 200, code)
    puk.prepare(world, customer, other, code)
    other.enrol(code)
    return other


def change(world, *customers):
    """One node: the new keys issue at once."""
    said = world.run("bank", "ca", "add", "--hours", "0", "--folder", world.bank)
    world.must("the CA has new keys", "generation 2 of the CA's keys issues from now on" in said, said)
    world.stop()
    world.serve()
    for customer in customers:
        customer.sign_in()


def signer(world, name):
    """The certificate in the document that was just made, and whom it names as its issuer."""
    world.keep(f"{name}.cms", world.read("payment.cms"))
    printed = world.foreign("openssl", "pkcs7", "-inform", "DER", "-print_certs", "-in", world.path(f"{name}.cms")).stdout
    issuer = re.search(r"issuer=.*CN ?= ?(.*)", printed)[1]
    expected = "U-shield Test Bank CA" if name == "first" else "U-shield Test Bank CA 2"
    world.must(f"the {name} ID is certified by {expected}", issuer == expected, printed)
    return world.keep(f"{name}.pem", printed.encode())


def renew(world, friend, token):
    """The program learns that the new keys are the same bank's from what the former ones say: no --replace is needed."""
    _, _, html = friend.site.form("/shield", "/shield/renew")
    words = world.write("code", " ".join(re.findall(r'class="secret">(\d+)<', html.decode())) + "\n")
    world.run("cert-tool", "renew", "--code-file", words, "--usbip", token.road, "--pin-file", token.pin, "--bank", world.url)
    world.must("the holder renews by the new keys as by the former ones", True)


def judge(world, friend, first, second):
    """openssl, with the files that the bank publishes for verifiers: all issuers, and all lists."""
    for name in ["ca/payment.pem", "crl/payment.pem"]:
        world.keep(name.replace("/", "-"), friend.site.ask("GET", f"/{name}")[2])
    files = ["-CAfile", world.path("ca-payment.pem"), "-CRLfile", world.path("crl-payment.pem"), "-crl_check"]
    new = world.foreign("openssl", "verify", "-purpose", "any", *files, second)
    world.must("openssl takes the new certificate by the list of its issuer", new.returncode == 0, new.stderr)
    old = world.foreign("openssl", "verify", "-purpose", "any", *files, first)
    world.must("and refuses the former one by the list of its own", "certificate revoked" in old.stderr, old.stderr)


def own(world, friend):
    verify = ["ushield", "verify", "--payer", friend.account]
    for name in ["ca/payment.pem", "crl/payment.pem"]:
        verify += [f"--{name.split('/')[0]}", world.keep(name.replace("/", "-"), friend.site.ask("GET", f"/{name}")[2])]
    world.run(*verify, world.path("second.cms"))
    said = world.run(*verify, world.path("first.cms"), refused=True)
    world.must("ushield verify takes both generations by the bank's two files", "certificate_revoked" in said, said)


def stolen(world, friend, customer, token, other):
    """The first keys were stolen: what they have certified ends at once, on a token that nobody has touched."""
    order = customer.transfer(friend, "14.00")
    document = other.pay(customer.challenge(order))
    said = world.run("bank", "ca", "stolen", "1", "--folder", world.bank)
    world.must("all that stolen keys have certified is revoked", "all that generation 1 has issued is revoked" in said, said)
    status, told = customer.site.send(document)
    world.must("a document of such an ID pays nothing", status == 403, told)
    world.must("and its page says that the ID is missing", b"/shield/download" in customer.site.ask("GET", "/shield")[2])
    status, asked = world.act("shield-code", **customer.papers)
    status, code = world.approve(asked)
    world.must("the counter gives another code for the same shield", status == 200, code)
    said = other.enrol(code, refused=True)
    world.must("the program asks before an ID of keys that nobody vouches for is replaced", "--replace" in said, said)
    other.enrol(code, words=["--replace"])
    status, told = customer.site.send(other.pay(customer.challenge(order)))
    world.must("the new ID pays", status == 200 and customer.has_paid(order), told)
    order = friend.transfer(customer, "15.00")
    status, told = friend.site.send(token.pay(friend.challenge(order)))
    world.must("who had renewed notices nothing", status == 200 and friend.has_paid(order), told)
    other.down()
