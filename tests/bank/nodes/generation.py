"""The keys of the CA are changed while three nodes serve and all pay (docs/decisions/0069-the-keys-of-the-ca-are-changed.md)."""

import re, shutil, time

import keys
from cluster import Node
from load import Buyer


def change(world, crowd, seconds):
    former = world.path("former-ca")
    shutil.copytree(world.nodes[0].folder, former)
    said = keys.command(world, "add", "--hours", "0", of="ca", refused=True)
    world.must("with several nodes no new keys of the CA issue at once", "nodes have served within the last minute" in said, said)
    said = keys.command(world, "add", "--hours", "1", of="ca")
    # The command writes into the audit, so the clock stays as it is, and the moment comes nearer.
    world.sql(f"UPDATE ca_generation SET from_at = made_at + {seconds * 1000} WHERE number = 2")
    come = time.monotonic() + seconds
    world.must("the CA has other keys", "generation 2 of the CA's keys issues from" in said, said)
    for node in world.nodes:
        keys.copy(world, node.folder)
    said = keys.command(world, "list", of="ca")
    world.must("the nodes that lack it are counted", re.search("[3-9] nodes were started before generation 2 was made", said), said)
    world.restart_in_turn()
    world.must(f"all nodes have the folder in time, {come - time.monotonic():.0f} s before the keys issue", time.monotonic() < come)
    buyer = next(buyer for buyer in crowd.buyers if buyer.method == "shield")
    renew(world, buyer)
    world.must("before their time the former keys issue", issued(world) == 1, issued(world))
    while time.monotonic() < come + 1 and not crowd.stopping.is_set():
        crowd.stopping.wait(0.1)
    crowd.payments.append(pay(world, crowd, buyer, "a shield pays by a certificate of the former keys"))
    renew(world, buyer)
    world.must("after it the new ones do", issued(world) == 2, issued(world))
    said = keys.command(world, "stolen", "1", of="ca")
    world.must("the former ones are given up", "generation 2 issues" in said, said)
    crowd.payments.append(pay(world, crowd, buyer, "and the shield pays by a certificate of the new ones"))
    said = late(world)
    world.must("no node is late, when each was started anew", said is None, said)
    node = Node(world, 4, former)
    said = world.run("bank", "serve", "--folder", former, *node.places(), refused=True)
    world.must("a node with an older copy of the folder does not start, and says why", "lacks generation 2 of the CA's keys" in said, said)


def late(world):
    """A node that was killed counts for a minute."""
    for _ in range(90):
        said = keys.command(world, "list", of="ca")
        if "were started before" not in said:
            return None
        time.sleep(1)
    return said


def renew(world, buyer):
    """Another ID on the same shield, by a code of the counter."""
    customer = buyer.customer
    asked = world.desk("lin", "shield-code", *customer.words)
    told = world.desk("zhao", "approve", re.search(r"second teller: (\S+)", asked)[1])
    digits = re.findall(r"customer only: (\d+)", told)
    paper = world.write("code", " ".join(digits) + "\n")
    # The program signs by the same token meanwhile.
    with Buyer.signing:
        world.run("cert-tool", "renew", "--code-file", paper, "--usbip", customer.token.road, "--pin-file", customer.token.pin, "--bank", world.url)


def issued(world):
    """The generation that has issued last."""
    return int(world.sql("SELECT generation FROM certificate ORDER BY issued_at DESC LIMIT 1")[0])


def pay(world, crowd, buyer, what):
    payment = buyer.pay(crowd.buyers[0].customer, 7)
    world.must(what, payment.state == "paid")
    return payment
