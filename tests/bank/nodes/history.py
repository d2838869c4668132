"""Whether what customers saw can be told of one account that does one thing after another, in the order of the clock on the wall
(linearizability; Herlihy and Wing, 1990). Each account is looked at by itself: a payment is an addition to each of two accounts.

The search keeps every state that the account can be in, as calls and answers come in the order of their times (Lowe, 2017,
"Testing for linearizability", just-in-time linearization). `python3 history.py` tries the search on histories whose answer is known."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Change:
    """A payment that was posted between these moments, and what it did to the account's balance, in fen."""

    start: float
    end: float
    fen: int


@dataclass(frozen=True)
class Read:
    """A balance that was shown between these moments."""

    start: float
    end: float
    fen: int


def fault(operations, balance):
    """The first answer that no order of the operations explains, or None. `balance` is the one before all of them."""
    events = []
    for number, operation in enumerate(operations):
        # A call that begins at the moment of another's answer is taken as beside it: the clock has grains.
        events += [(operation.start, 0, number), (operation.end, 1, number)]
    states, begun = {(balance, frozenset())}, set()
    for _, answers, number in sorted(events):
        if not answers:
            begun.add(number)
            continue
        states = {(now, done - {number}) for now, done in reached(states, operations, begun) if number in done}
        begun.discard(number)
        if not states:
            return operations[number]
    return None


def reached(states, operations, begun):
    """Every state after any number of the operations that have begun and were not taken into account yet."""
    found, todo = set(states), list(states)
    while todo:
        now, done = todo.pop()
        for number in begun - done:
            operation = operations[number]
            if isinstance(operation, Read):
                if operation.fen != now:
                    continue
                state = (now, done | {number})
            else:
                state = (now + operation.fen, done | {number})
            if state not in found:
                found.add(state)
                todo.append(state)
    return found


def spoiled(operations):
    """The same history from a bank with a fault, once for each read that can show it: the read shows the balance as it was before the last
    payment that was acknowledged to somebody before the read was asked for."""
    for number, operation in enumerate(operations):
        if isinstance(operation, Read):
            before = [other for other in operations if isinstance(other, Change) and other.end < operation.start]
            if before:
                last = max(before, key=lambda other: other.end)
                wrong = Read(operation.start, operation.end, operation.fen - last.fen)
                yield operations[:number] + [wrong] + operations[number + 1 :]


def try_the_search():
    change, read = Change, Read
    good = [
        ([], 5),
        ([read(0, 1, 5)], 5),
        ([change(0, 2, 3), read(1, 3, 5)], 5),
        ([change(0, 2, 3), read(1, 3, 8)], 5),
        ([change(0, 9, 3), change(0, 9, 4), read(1, 2, 4), read(3, 4, 7)], 0),
        ([change(0, 9, 3), change(0, 9, -3), read(1, 2, 3), read(3, 4, 0)], 0),
    ]
    bad = [
        ([read(0, 1, 6)], 5),  # money from nowhere
        ([change(0, 1, 3), read(2, 3, 5)], 5),  # an acknowledged payment that is not seen
        ([change(2, 3, 3), read(0, 1, 8)], 5),  # seen before it was asked for
        ([change(0, 9, 3), read(1, 2, 8), read(3, 4, 5)], 5),  # seen, and gone again
        ([change(0, 1, 3), read(2, 3, 6)], 0),  # posted twice
        ([change(0, 9, 3), change(0, 9, 4), read(1, 2, 3), read(3, 4, 4)], 0),  # two readers, two orders
    ]
    for operations, balance in good:
        assert fault(operations, balance) is None, operations
    for operations, balance in bad:
        assert fault(operations, balance) is not None, operations
    assert all(fault(each, 0) is not None for each in spoiled([change(0, 1, 3), read(2, 3, 3)]))


if __name__ == "__main__":
    try_the_search()
    print("the search knows six good histories and seven bad ones")
