"""A PostgreSQL of Debian's in folders of a test's own, as an operator runs one. POSTGRES_BIN is the folder of its programs."""

import os, subprocess, time

# Settings of a server on small disks.
SMALL = ("--wal-segsize=1",)


class Server:
    """`data` and `log` are folders that are there, on whatever disk; without `log` the log is among the data. `environment` is what the
    server has beside this program's own."""

    def __init__(self, world, name, data, log=None, settings=(), environment={}):
        self.bin, self.name, self.settings = os.environ["POSTGRES_BIN"], name, list(settings)
        self.environment = os.environ | environment
        self.data, self.log, self.socket = f"{data}/data", log and f"{log}/wal", world.path(f"{name}.socket")
        os.makedirs(self.socket)
        # PostgreSQL refuses to run as root.
        if os.getuid() == 0:
            subprocess.run(["chown", "postgres", *filter(None, [data, log]), self.socket], check=True)
            os.chmod(world.folder, 0o711)
        self.host = self.socket.replace("/", "%2F")
        self.url = f"postgres://bank@{self.host}/postgres"

    def make(self, *words):
        where = ["-X", self.log] if self.log else []
        self.tool("initdb", "-D", self.data, "-U", "bank", "-A", "trust", "--no-sync", *words, *where)
        return self

    def command(self, name, *words):
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        return [*user, f"{self.bin}/{name}", *words]

    def tool(self, name, *words, check=True):
        ended = subprocess.run(self.command(name, *words), check=check, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return ended.returncode

    def start(self):
        settings = ["listen_addresses=''", f"unix_socket_directories='{self.socket}'", *self.settings]
        # The server's own log is shown where it does not start.
        told = f"{self.socket}/log"
        options = " ".join(f"-c {setting}" for setting in settings)
        if self.tool("pg_ctl", "-D", self.data, "-l", told, "-w", "-t", "120", "-o", options, "start", check=False) != 0:
            with open(told) as file:
                raise SystemExit(f"PostgreSQL does not start:\n{file.read()[-3000:]}")
        return self

    def is_up(self):
        return self.tool("pg_isready", "-h", self.socket, "-U", "bank", check=False) == 0

    def wake(self):
        """What an operator's service does: a server that has ended is started again. One that recovers by itself is waited for."""
        for _ in range(300):
            if self.is_up():
                return
            if self.tool("pg_ctl", "-D", self.data, "status", check=False) != 0:
                self.start()
            time.sleep(0.2)
        raise SystemExit("PostgreSQL does not come again")

    def stop(self, mode="immediate"):
        self.tool("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop", check=False)

    def sql(self, statement):
        asked = [f"{self.bin}/psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement, self.url]
        done = subprocess.run(asked, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{statement}: {done.stderr}")
        return done.stdout.split("\n")[:-1]
