"""A restore: killed at any moment it leaves the old state or the new one, and afterwards shields wait to be confirmed."""

import os, sqlite3, subprocess, time

from world import PROGRAMS

TOOLS = os.environ.get("SHIELD_POSTGRES_BIN", "")


def psql(url, *words):
    done = subprocess.run([os.path.join(TOOLS, "psql"), "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words, url], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"psql {words}: {done.stderr}")
    return done.stdout.strip()


def copy(world):
    """While the bank serves."""
    if not world.database:
        world.run("bank", "backup", world.path("copy"), "--folder", world.bank)
        return
    dump = [os.path.join(TOOLS, "pg_dump"), "--no-owner", "--file", world.path("copy"), world.database]
    subprocess.run(dump, check=True)


def count(world, sql):
    if world.database:
        return int(psql(world.database, "-c", sql))
    with sqlite3.connect(f"file:{world.path('bank/bank.sqlite')}?mode=ro", uri=True) as books:
        return books.execute(sql).fetchone()[0]


def state(world):
    """old: nothing was restored; new: everything. Whatever is between is told apart by what a restore ends and suspends."""
    open_ = count(world, "SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM authorisation WHERE state <> 'dead') "
                         "+ (SELECT count(*) FROM challenge WHERE state = 'live')")
    held = "FROM shield WHERE state IN ('bound', 'delivered')"
    standing = count(world, f"SELECT count(*) {held} AND suspended_at IS NULL")
    suspended = count(world, f"SELECT count(*) {held} AND suspended_at IS NOT NULL")
    if open_ == 0 and standing == 0 and suspended > 0:
        return "new"
    return "old" if open_ > 0 and standing > 0 and suspended == 0 else f"half: {open_} open, {standing} standing, {suspended} suspended"


def forget(world):
    for end in ["", "-wal", "-shm", "-journal"]:
        if os.path.exists(world.path(f"bank/bank.sqlite{end}")):
            os.remove(world.path(f"bank/bank.sqlite{end}"))


def fresh(world, number):
    """Where the next restore begins."""
    if not world.database:
        forget(world)
        return
    base, _ = world.first_database.rsplit("/", 1)
    name = f"restored{number}_{os.getpid()}"
    psql(f"{base}/postgres", "-c", f"CREATE DATABASE {name}")
    world.database = f"{base}/{name}"
    psql(world.database, "-f", world.path("copy"))


def begin(world):
    files = [] if world.database else [world.path("copy")]
    words = [os.path.join(PROGRAMS, "bank"), "restore", *files, "--folder", world.bank]
    return subprocess.Popen(words, env=world.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def is_there(world):
    return world.database or os.path.exists(world.path("bank/bank.sqlite"))


def kill(world):
    """Kills a restore at growing moments, from its first one to its last one."""
    world.first_database = world.database
    fresh(world, 0)
    begun = time.monotonic()
    if begin(world).wait() != 0:
        raise SystemExit("a restore that nobody kills fails")
    whole = time.monotonic() - begun
    if state(world) != "new":
        raise SystemExit(state(world))
    seen, moments = {"nothing": 0, "old": 0, "new": 0}, 12 if world.database else 30
    fresh(world, 1)
    for moment in range(moments):
        process = begin(world)
        if moment < moments - 1:
            time.sleep(whole * 1.2 * moment / moments)
            process.kill()
        # The last one is given its time.
        process.wait()
        found = state(world) if is_there(world) else "nothing"
        if found not in seen:
            raise SystemExit(f"killed after {moment} of {moments} parts: {found}")
        seen[found] += 1
        if found == "new":
            world.run("bank", "audit", "verify", "--folder", world.bank)
            fresh(world, moment + 2)
    before = seen["nothing"] + seen["old"]
    world.must(f"a restore that is killed at {moments - 1} moments has done nothing or everything: {seen}", before > 0 and seen["new"] > 0)
    # What was left of the killed ones is in nobody's way.
    fresh(world, 1000)
    if begin(world).wait() != 0 or state(world) != "new":
        raise SystemExit("the restore after the killed ones fails")
    world.must("and the next one finishes", True)


def suspended(world, customer, neighbour, token, lost_one, lost_serial):
    """The copy is older than the loss: the lost shield stands in the books, and pays nothing all the same."""
    customer.sign_in()
    order = customer.transfer(neighbour, "4.00")
    status, _, page = customer.site.form(order, f"{order}/ask", method="shield")
    world.must("a shield of restored books pays nothing", status == 403 and b"waits to be confirmed" in page, page)
    world.must("and its page says why", b"waits to be confirmed" in customer.site.ask("GET", "/shield")[2])
    status, asked = world.act("confirm-shield", **neighbour.papers)
    status, _ = world.approve(asked)
    world.must("the counter confirms a shield by two tellers", status == 200)
    two = ["--teller", "lin", "--password-file", world.secret, "--second-password-file", world.secret, "--folder", world.bank]
    said = world.run("bank", "confirm-shields", *two, "--second", "lin", refused=True)
    world.must("nobody is two tellers", "second-teller" in said, said)
    said = world.run("bank", "confirm-shields", *two, "--second", "zhao", "--except", lost_serial)
    # The one that was enrolled by EST.
    world.must("all are confirmed but the lost one", "1 shields stand again" in said, said)
    status, _, _ = customer.site.form(order, f"{order}/ask", method="shield")
    world.must("the lost one still pays nothing", status == 403)
    neighbour.sign_in()
    order = neighbour.transfer(customer, "5.00")
    status, told = neighbour.site.send(token.pay(neighbour.challenge(order)))
    world.must("the confirmed one pays", status == 200, told)
