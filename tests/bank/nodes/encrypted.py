"""The line to a PostgreSQL on another machine: by TLS, to the server whose certificate the authority of the URL has signed, and to no other."""

import os, shutil, subprocess

from server import Server
from tls import authority


def check(world, port):
    """A server of its own, on TCP, and a bank that is made there."""
    (ca, own, key), (other, _, _) = authority(world, "database"), authority(world, "stranger")
    room = world.path("encrypted")
    os.makedirs(room)
    for file in (own, key):
        shutil.copy(file, room)
        os.chmod(os.path.join(room, os.path.basename(file)), 0o600)
    at = lambda file: os.path.join(room, os.path.basename(file))
    settings = ["listen_addresses=localhost", f"port={port}", "ssl=on", f"ssl_cert_file={at(own)}", f"ssl_key_file={at(key)}", "log_connections=on"]
    server = Server(world, "encrypted-server", room, settings=settings)
    if os.getuid() == 0:
        subprocess.run(["chown", "postgres", at(own), at(key)], check=True)
    server.make().start()
    try:
        use(world, server, port, ca, other)
    finally:
        server.stop()


def use(world, server, port, ca, other):
    url = lambda host, words: {"BANK_DATABASE": f"postgres://bank@{host}:{port}/postgres?{words}"}
    folder = world.path("encrypted-bank")
    told = lambda: open(f"{server.socket}/log").read()
    good = url("localhost", f"sslmode=verify-full&sslrootcert={ca}")
    world.run("bank", "init", "--folder", folder, more=good)
    lines = [line for line in told().splitlines() if "connection authorized" in line]
    world.must("a bank is made over TLS 1.3", lines and all("SSL enabled (protocol=TLSv1.3" in line for line in lines), lines)
    prove = ["bank", "audit", "verify", "--folder", folder]
    world.must("and proves itself over it", "the books are right" in world.run(*prove, more=good))
    for what, host, words in [
        ("whose certificate another authority has signed", "localhost", f"sslmode=verify-full&sslrootcert={other}"),
        ("whose certificate no public authority has signed", "localhost", "sslmode=verify-full"),
        ("of another name", "127.0.0.1", f"sslmode=verify-full&sslrootcert={ca}"),
    ]:
        said = world.run(*prove, more=url(host, words), refused=True)
        world.must(f"a server {what} is not used", "certificate" in said, said)
    server.stop("fast")
    server.settings[2] = "ssl=off"
    server.start()
    said = world.run(*prove, more=good, refused=True)
    world.must("nor one that speaks in clear", "TLS" in said, said)
