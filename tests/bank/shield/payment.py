"""Payments, and refusals: each is a sentence in the customer's language."""

from world import Site


def pay(world, customer, token, order):
    document = token.pay(customer.challenge(order))
    status, where, body = customer.site.upload(order, f"{order}/document", document)
    world.must("a large sum is paid by the page's form", status == 303 and where == order and customer.has_paid(order), body)
    status, told = customer.site.send(document)
    world.must("the same document again changes nothing", status == 200, told)
    return document


def refusals(world, customer, token, friend, other):
    """Documents that pay nothing, as programs and as pages are told."""
    order = customer.transfer(friend, "3.00")
    former = token.pay(customer.challenge(order))
    live = token.pay(customer.challenge(order))
    flipped = live[:-1] + bytes([live[-1] ^ 1])
    foreign = other.pay("order.json")
    dear = customer.transfer(friend, "390000")
    too_dear = token.pay(customer.challenge(dear))
    for what, document, code in [
        ("nothing", b"", "document-malformed"),
        ("a byte more", live + b"\0", "document-malformed"),
        ("a changed signature", flipped, "signature-invalid"),
        ("the former challenge", former, "document-replaced"),
        ("another customer's shield", foreign, "payer-mismatch"),
        ("more than there is", too_dear, "no-money"),
    ]:
        for language in ["en", "zh"]:
            status, told = Site(world.public, language).send(document)
            # The order that was too dear has ended by then.
            right = told["code"] == code or (code == "no-money" and language == "zh" and told["code"] == "order-ended")
            words = told["error"] + told["next"]
            is_sentence = words.isascii() and told["error"].endswith(".") if language == "en" else told["error"].endswith("。")
            world.must(f"{what} ({language}): {told['code']}, {told['error']}", status >= 400 and right and is_sentence, told)
    status, _, page = customer.site.upload(order, f"{order}/document", flipped)
    world.must("the page says it, too", status == 422 and b"The signature does not fit the order" in page, page)
    status, told = customer.site.send(live)
    world.must("and the live one pays", status == 200 and customer.has_paid(order), told)


def lose(world, customer, token, other, friend):
    """Lost, replaced, and what the two shields have signed."""
    order = customer.transfer(friend, "1.00")
    document = token.pay(customer.challenge(order))
    world.must("the shield is lost", world.act("lose-shield", **customer.papers)[0] == 200)
    status, told = customer.site.send(document)
    world.must("a document that was signed before the loss pays nothing after it", status == 403 and told["code"] == "no-shield", told)
    _, asked = world.act("replace-shield", serial=other.serial, **customer.papers)
    status, code = world.approve(asked)
    world.must("another shield wants a second teller", status == 200, code)
    return order, document, code


def replaced(world, customer, other, order, former):
    status, told = customer.site.send(former)
    world.must("the former shield's document is refused by name", told["code"] == "certificate-revoked", told)
    document = other.pay(customer.challenge(order))
    status, told = customer.site.send(document)
    world.must("the new shield pays the order", status == 200 and customer.has_paid(order), told)
    return document
