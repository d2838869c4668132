"""The ID: cut at each step, repeated, and what is told."""

from line import Cut


def download(world, customer, friend, token, stranger, code):
    said = stranger.enrol(code, refused=True)
    world.must("another token is not enrolled, and is told which one is", token.serial in said and "counter" in said, said)
    wrong = {"reference": code["reference"], "code": "0000000000"}
    said = token.enrol(wrong, refused=True)
    world.must("a wrong code says: the same code again, or the counter", "again with the same code" in said and "counter" in said, said)
    for at in [1, 2, 3]:
        for after in [False, True]:
            said = token.enrol(code, Cut(world.place, at, after).url(), refused=True)
            told = "same code" in said and (at == 1 or "has none now" in said)
            world.must(f"request {at} cut {'after' if after else 'before'} the bank's answer: nothing is half written, and what to do is said", told, said)
    said = token.enrol(code, Cut(world.place, 4, False).url())
    world.must("the word that it arrived was lost: the ID is good, and that is said", "could not record" in said, said)
    order = customer.transfer(friend, "70000")
    world.must("before the bank knows, the shield does not pay", b"was not delivered" in customer.site.ask("GET", order)[2])
    said = token.enrol(code)
    world.must("the same command with the same code tells the bank, and makes no new ID", "has this personal ID already" in said, said)
    world.must("the page has the shield", b"in use" in customer.site.ask("GET", "/shield")[2])
    return order


def renew(world, customer, friend, token):
    """The holder renews alone, on the same shield, and the former ID ends when the new one is on it."""
    before = customer.site.ask("GET", "/shield")[2]
    world.must("the page offers the renewal", b"/shield/renew" in before)
    _, _, html = customer.site.form("/shield", "/shield/renew")
    digits = __import__("re").findall(r'class="secret">(\d+)<', html.decode())
    words = world.write("code", " ".join(digits) + "\n")
    line = ["cert-tool", "renew", "--code-file", words, "--usbip", token.road, "--pin-file", token.pin]
    order = customer.transfer(friend, "2.00")
    former = token.pay(customer.challenge(order))
    for at in [1, 2, 3]:
        said = world.run(*line, "--bank", Cut(world.place, at, True).url(), refused=True)
        world.must(f"a renewal that is cut at request {at} leaves the former ID", at == 1 or "untouched and works as before" in said, said)
    world.run(*line, "--bank", world.url)
    status, told = customer.site.send(former)
    world.must("what the former ID has signed pays nothing any more", status == 403 and told["code"] == "certificate-revoked", told)
    status, told = customer.site.send(token.pay(customer.challenge(order)))
    world.must("the renewed ID pays", status == 200 and customer.has_paid(order), told)
