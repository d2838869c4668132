"""Two versions beside each other: the tables of a newer program come while the nodes of this one serve, and the nodes of a former program are
updated in turn."""

import subprocess, time

# What a newer program would add: a column with a default, a table, and the row that says so.
NEXT = """
SET lock_timeout = '2s'; BEGIN;
ALTER TABLE payment_order ADD COLUMN later TEXT NOT NULL DEFAULT 'later';
CREATE TABLE later (id TEXT PRIMARY KEY);
INSERT INTO migration (name, digest, at) VALUES ('9001_later', '', 0);
COMMIT
"""
# What the version after that would take away.
TAKEN = "INSERT INTO migration (name, digest, at, needs) VALUES ('9002_taken', '', 0, '9001_later')"


def in_time(world, statement):
    """As `bank migrate` does it: nobody waits long for a table, and so a table that is busy is asked for again."""
    for _ in range(60):
        try:
            return world.sql(statement)
        except subprocess.CalledProcessError as fault:
            if "lock timeout" not in fault.stderr and "deadlock" not in fault.stderr:
                raise SystemExit(fault.stderr)
            time.sleep(0.5)
    raise SystemExit("the tables were never free")


def come_next(world):
    in_time(world, NEXT)
    # A node that is killed beside the newer tables comes again.
    for node in world.nodes[:2]:
        node.kill()
        node.start()
        node.wait()
    with open(world.path("node1.log")) as log:
        world.must("a node says that it serves beside newer tables", "9001_later, which a newer program has added" in log.read())
    in_time(world, TAKEN)
    for words in [("bank", "serve", "--public", "127.0.0.1:0", "--counter", "127.0.0.1:0", "--metrics", "127.0.0.1:0"), ("bank", "audit", "verify")]:
        said = world.run(*words, "--folder", world.bank, refused=True)
        world.must(f"{words[1]} refuses tables from which something was taken", "since 9002_taken a program must know 9001_later" in said, said)
    world.sql("DELETE FROM migration WHERE name = '9002_taken'")


def update(world):
    """The tables first, and then the nodes in turn. Nobody is logged out, and no payment is lost."""
    sessions = "SELECT id FROM session WHERE kind = 'customer' ORDER BY id"
    before = world.sql(sessions)
    world.programs["bank"] = world.new
    said = world.as_owner("bank", "migrate", "--folder", world.bank)
    world.must("the tables were changed while nodes of the former version serve", "nothing to do" not in said, said)
    time.sleep(2)
    # One node of the new version beside two of the former one.
    for at, node in enumerate(world.nodes):
        if node.stop() != 0:
            raise SystemExit(f"node {node.number} of the former version did not stop in order")
        if at == 0:
            world.have_role()
        node.start()
        node.wait()
        time.sleep(1)
    after = world.sql(sessions)
    world.must(f"no session was lost by the update, of {len(before)}", before and before == after, (before, after))
