"""Clocks that jump: one node's, which nothing of the bank goes by, and the database's, which the bank follows when it stays so for five
minutes (docs/decisions/0067-one-clock-two-roles.md)."""

import re, time

HOUR, DAY = 3600, 86400
# What the bank writes down with its moment.
MOMENTS = [("audit", "at"), ("posting", "posted_at"), ("session", "seen_at"), ("payment_order", "created_at"), ("audit_seal", "at"),
           ("challenge", "made_at"), ("attempt", "at"), ("node", "seen_at")]
DOUBTS = r"database's clock shows (-?\d+) s more than it should"


def until(what, holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"in {seconds} seconds: not {what}")
        time.sleep(0.1)


def jump_of_node(world, crowd, pause):
    """The clock of one machine jumps. That node's log has the clock's time, and nothing else of the bank has it."""
    for seconds in [40, -40, 7 * HOUR, -7 * HOUR, 3 * DAY, -400 * DAY, 400 * DAY, 0]:
        world.nodes[-1].clock.set(seconds)
        crowd.stopping.wait(pause)


def doubts(node, seconds):
    """Whether the node has been shown a jump of so much since it was started last, and has not followed."""
    shown = [re.search(DOUBTS, line.get("what", "")) for line in node.lines()]
    return any(found and abs(int(found[1]) - seconds) <= 1 for found in shown)


def jump_of_database(world, crowd, jumps):
    """The clock of the database's machine jumps, and is set right before anybody believes it. A node that is killed and started again meanwhile
    goes by the time of those that serve."""
    sessions = "SELECT id FROM session ORDER BY id"
    before = world.sql(sessions)
    for seconds, kills in jumps:
        world.clock_of_server.set(seconds)
        for node in world.nodes:
            until(f"that node {node.number} doubts a jump of {seconds} s", lambda: doubts(node, seconds) or crowd.stopping.is_set())
        for _ in range(kills):
            world.kill_one()
    world.clock_of_server.set(0)
    world.must(f"no session of {len(before)} was ended by a clock that was wrong for a moment", world.sql(sessions) == before)


def check_moments(world, begun):
    """Each moment that the bank has written down lies between the beginning and now, by the clock of the database's machine."""
    logged = world.nodes[-1].moments()
    world.must("the log of the node has the times of a clock that jumped", max(logged) - min(logged) > 700 * DAY * 1000)
    now = int(time.time() * 1000)
    for table, column in MOMENTS:
        strange = world.sql(f"SELECT {column} FROM {table} WHERE {column} NOT BETWEEN {begun - 2000} AND {now + 2000}")
        world.must(f"{table}.{column} has the time of the database's clock", not strange, strange)
    late = world.sql("SELECT id FROM payment_order WHERE state = 'expired'")
    world.must("no order was too old", not late, late)
