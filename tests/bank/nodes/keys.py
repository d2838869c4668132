"""Every key of the bank is changed while three nodes serve and all pay (docs/decisions/0068-keys-are-changed.md)."""

import os, re, shutil, time, urllib.parse

from cluster import Node
from clocks import DAY, HOUR
from load import Buyer
from people import become
from world import Site

KINDS = ["card", "puk", "audit", "form"]


def command(world, *words, ahead=0, refused=False, of="secrets"):
    """A command of `bank secrets`, or of `bank ca`, on a machine where the database's clock shows so much more for the moment of the command: no key can be added
    for in a minute, and none forgotten on the day of its change."""
    world.clock_of_server.set(ahead)
    try:
        return world.run("bank", of, *words, "--folder", world.bank, refused=refused)
    finally:
        world.clock_of_server.set(0)


def copy_of(site, through):
    """The same browser, without the balancer."""
    other = Site(f"http://{site.host}")
    other.through, other.cookies = through, dict(site.cookies)
    return other


def copy(world, folder):
    """What an operator copies to a node."""
    shutil.copy(os.path.join(world.bank, "secrets.json"), folder)
    shutil.copytree(os.path.join(world.bank, "ca"), os.path.join(folder, "ca"), dirs_exist_ok=True)


def add_all(world, seconds):
    """A version of each key, which makes what is new in so many seconds."""
    said = command(world, "add", "card", "--hours", "0", refused=True)
    world.must("with several nodes no key is changed at once", "nodes have served within the last minute" in said and "say --hours 1 or more" in said, said)
    for kind in KINDS:
        said = command(world, "add", kind, "--hours", "1", ahead=seconds - HOUR)
        world.must(f"{kind} has another version", f"{kind} 2 makes what is new from" in said, said)
    world.must("the keys of the CA have another passphrase", "authority 2 makes what is new from now on" in command(world, "add", "authority"))
    return time.monotonic() + seconds


def change(world, crowd, seconds):
    former = world.path("former")
    shutil.copytree(world.nodes[0].folder, former)
    buyer, friend = crowd.buyers[0], crowd.buyers[1].customer
    form = buyer.hidden(buyer.page("/transfer")) | {"payer": buyer.customer.account, "payee": friend.account, "payee_name": friend.name, "amount": "1", "memo": ""}
    come = add_all(world, seconds)
    for node in world.nodes:
        copy(world, node.folder)
    world.restart_in_turn()
    world.must(f"all nodes have the file in time, {come - time.monotonic():.0f} s before the keys make what is new", time.monotonic() < come)
    while time.monotonic() < come + 1 and not crowd.stopping.is_set():
        crowd.stopping.wait(0.1)
    status, _, html = buyer.ask("POST", "/transfer", form)
    world.must("a form that was open before the change is good after it", status == 303, html)
    crowd.payments.append(use(world, crowd))
    never(world, crowd, former)
    listed(world)


def use(world, crowd):
    """What is made now is made by the new keys, and pays."""
    buyer = world.stranger = become(world, "客户己", "110101198001019999", "card")
    payment = buyer.pay(crowd.buyers[0].customer, 7)
    world.must("a card of the new key pays", payment.state == "paid")
    shield = next(buyer for buyer in crowd.buyers if buyer.method == "shield").customer
    # The program signs by the same token meanwhile.
    with Buyer.signing:
        world.desk("lin", "set-puk", *shield.words, "--usbip", shield.token.road, "--ushield", world.programs["ushield"])
    world.run("bank", "audit", "verify", "--folder", world.nodes[0].folder)
    made = {table: max(map(int, world.sql(f"SELECT key_version FROM {table}"))) for table in ["card", "puk", "audit_seal"]}
    world.must(f"card, PUK and seal name the new keys", set(made.values()) == {2}, made)
    return payment


def never(world, crowd, former):
    """A node that never got the file says so where it meets a new key, and seals nothing."""
    node = Node(world, 4, former)
    node.start()
    node.wait()
    faults = lambda: [line["what"] for line in node.lines() if line["event"] == "fault"]
    payment = world.stranger.order(crowd.buyers[0].customer, 7)
    late = Buyer(world, world.stranger.customer, "card")
    late.site = copy_of(world.stranger.site, f"127.0.0.1:{node.customers}")
    late.choose(payment)
    told = urllib.parse.urlencode(late.told(payment))
    status = late.site.ask("POST", f"{payment.order}/answer", told, "application/x-www-form-urlencoded")[0]
    world.must("a node without the key of a card takes no payment by it", status == 500 and late.state(payment) != "paid", status)
    wanted = "secrets.json lacks card 2, which the books name: copy the file"
    world.must("and its log says which key is missing, and what to do", any(wanted in what for what in faults()), faults())
    crowd.payments.append(world.stranger.settle(payment))
    node.stop()
    world.must("it makes no seal by the former key", any("secrets.json lacks audit 2" in what for what in faults()), faults())
    # Only one of the two was copied.
    shutil.copytree(os.path.join(world.bank, "ca"), os.path.join(former, "ca"), dirs_exist_ok=True)
    said = world.run("bank", "serve", "--folder", former, *node.places(), refused=True)
    world.must("a node with the new CA and without its passphrase says so", "passphrase" in said, said)


def listed(world):
    said = command(world, "list")
    for kind in [*KINDS, "authority"]:
        world.must(f"{kind} 2 is listed as the one in use", re.search(f"{kind} 2: from [-0-9]+ [0-9:]+ on, makes what is new", said), said)
    world.must("the cards of either key are counted", "card 1: from its first day on, 2 cards" in said and re.search("card 2: .*, 1 cards", said), said)
    world.must("the last key is not forgotten at once", "or did until yesterday" in command(world, "forget", "form", "1", refused=True))
    for kind, what in [("card", "2 cards name card 1"), ("audit", "seals name audit 1")]:
        said = command(world, "forget", kind, "1", ahead=2 * DAY, refused=True)
        world.must(f"a key that something names is not forgotten: {what}", what in said, said)
    for kind in ["form", "authority"]:
        command(world, "forget", kind, "1", ahead=20 * DAY)
    said = command(world, "list")
    world.must("the form's and the CA's former keys are forgotten", "form 1" not in said and "authority 1" not in said, said)
    for node in world.nodes:
        copy(world, node.folder)
    world.restart_in_turn()
