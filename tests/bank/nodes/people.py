"""Customers who can pay, and what the books must say of what they paid."""

from load import PAYMENT, Buyer
from world import PASSWORD, Customer, Token


def people(world, methods=("static", "static", "card", "card", "shield")):
    """A customer for each method."""
    return [become(world, f"客户{'甲乙丙丁戊'[number]}", f"11010119800101{number:04}", method) for number, method in enumerate(methods)]


def become(world, name, document, method):
    """A customer who pays so."""
    customer = Customer(world, name, document, "10000")
    world.act("enable", **customer.papers)
    if method == "card":
        card = world.act("card", **customer.papers)[1]["card"]
        columns = zip(card["columns"], zip(*card["rows"]))
        customer.cells = {letter: list(cells) for letter, cells in columns}
    customer.choose()
    if method == "card":
        customer.site.form("/card", "/card/activate", number=card["number"])
    if method == "shield":
        customer.token = Token(world, "one")
        _, asked = world.act("shield", serial=customer.token.serial, **customer.papers)
        _, code = world.approve(asked)
        customer.token.choose("135246")
        customer.token.enrol(code)
    else:
        told = {"login": PASSWORD, "password": PAYMENT, "again": PAYMENT}
        status, _, html = customer.site.form("/payment-password", "/payment-password", **told)
        world.must(f"{customer.name} has a payment password", status == 303, html)
    return Buyer(world, customer, method)


def check_posted(world, payments):
    """What was acknowledged against what was posted, by the database itself."""
    posted = world.sql("SELECT '/order/' || order_id FROM posting WHERE order_id IS NOT NULL")
    world.must("no order was posted twice", len(posted) == len(set(posted)))
    known = {payment.order for payment in payments if payment.state == "paid"}
    world.must(f"no acknowledged payment is lost, of {len(known)}", known <= set(posted), known - set(posted))
    world.must("nothing was posted that nobody was told of", set(posted) <= known, set(posted) - known)


def check_proof(world, folder):
    said = world.run("bank", "audit", "verify", "--folder", folder)
    world.must("sums are zero, and every chain verifies against the seals of this folder", "the books are right" in said, said)
