"""The bank's clock at three in the morning: nothing closes at night, and a large sum is transferred."""

import os, subprocess
from datetime import datetime, timedelta, timezone

from clock import ahead

BEIJING = timezone(timedelta(hours=8))


def fall(world):
    """From now on all programs read a clock that shows three in the morning, by Debian's libfaketime."""
    now = datetime.now(BEIJING)
    night = now.replace(hour=3, minute=2, second=0, microsecond=0)
    # The next one: certificates are valid then, and sessions of the day have ended.
    night += timedelta(days=1) if night <= now else timedelta(0)
    seconds = int((night - now).total_seconds())
    world.clock = ahead(seconds)
    if world.database:
        # The bank goes by PostgreSQL's clock.
        subprocess.run(os.environ["SHIELD_RESTART"], shell=True, check=True, env=os.environ | world.clock, stdout=subprocess.DEVNULL)


def transfer(world, customer, friend, token):
    customer.sign_in()
    order = customer.transfer(friend, "60000")
    status, told = customer.site.send(token.pay(customer.challenge(order)))
    world.must("a large sum is transferred at three in the morning", status == 200 and customer.has_paid(order), told)
    page = customer.site.ask("GET", f"/account/{customer.account}")[2].decode()
    world.must("the statement has that time", " 03:0" in page, page)
