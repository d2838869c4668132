"""A bank of several nodes on one PostgreSQL, behind haproxy, and what happens to them."""

import json, os, random, re, shutil, signal, socket, subprocess, sys, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "shield"), os.path.join(HERE, "..", "..", "browser")]

from clock import Settable
from server import Server
from world import Site, World

# The contract of a static password is older than September 2006.
BUSINESS_DATE = "2006-08-15"
HAPROXY = """
global
    stats socket {folder}/haproxy.sock
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option forwardfor
    # A request that has reached a node is never sent to another one by itself: whether it was carried out, the customer asks.
    retries 5
    option redispatch 1
    retry-on conn-failure
frontend customers
    bind 127.0.0.1:{customers}
    default_backend customers
frontend tellers
    bind 127.0.0.1:{tellers}
    default_backend tellers
backend customers
    balance roundrobin
    option httpchk GET /healthz
{customer_nodes}
backend tellers
    balance roundrobin
{teller_nodes}
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Node:
    def __init__(self, cluster, number, folder=None):
        self.cluster, self.number = cluster, number
        self.customers, self.tellers = free_port(), free_port()
        self.folder = folder or cluster.path(f"folder{number}")
        self.clock = Settable(cluster.path(f"clock{number}"))

    def lines(self, all=False):
        """The lines of the node's log since it was started last, or all."""
        with open(self.cluster.path(f"node{self.number}.log")) as file:
            lines = file.read().splitlines()
        return [json.loads(line) for line in lines[0 if all else self.begun:] if line.startswith("{") and line.endswith("}")]

    def moments(self):
        """The times of the node's log, in milliseconds."""
        return [line["at"] for line in self.lines(all=True)]

    def places(self):
        return ["--public", f"127.0.0.1:{self.customers}", "--counter", f"127.0.0.1:{self.tellers}", "--metrics", "127.0.0.1:0",
                "--public-origin", self.cluster.public, "--counter-origin", self.cluster.counter]

    def start(self):
        cluster = self.cluster
        if not os.path.exists(self.folder):
            shutil.copytree(cluster.bank, self.folder)
        words = ["serve", "--folder", self.folder, *self.places(), "--trusted-proxy", "127.0.0.1/32", "--business-date", BUSINESS_DATE]
        log = open(cluster.path(f"node{self.number}.log"), "a+")
        log.seek(0)
        self.begun = len(log.read().splitlines())
        # The last node's clock jumps. The others go by the machine's.
        is_last = cluster.has_clocks and self is cluster.nodes[-1]
        environment = cluster.environment() | (self.clock.environment() if is_last else {})
        self.process = subprocess.Popen([cluster.programs["bank"], *words], env=environment, stdout=subprocess.DEVNULL, stderr=log)
        cluster.processes.append(self.process)

    def answers(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.customers}/healthz", timeout=2).status == 200
        except OSError:
            return False

    def wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                raise SystemExit(f"node {self.number} ended by itself: see its log")
            if self.answers():
                return
            time.sleep(0.1)
        raise SystemExit(f"node {self.number} does not answer")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(90)


class Cluster(World):
    def __init__(self, nodes, clocks=True):
        super().__init__("p256")
        # The database's machine has a clock of its own, by which the bank goes. What is measured goes by the machine's clocks.
        self.has_clocks, self.clock_of_server = clocks, Settable(self.path("clock"))
        os.makedirs(self.path("books"))
        environment = self.clock_of_server.environment() if clocks else {}
        self.server = Server(self, "server", self.path("books"), settings=["max_connections=300"], environment=environment)
        self.server.make().start()
        # The owner of the tables, and the role that serves.
        self.owner = self.database = self.server.url
        self.former, self.new = os.environ.get("NODES_FORMER"), self.programs["bank"]
        self.public, self.counter = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
        self.nodes = [Node(self, number) for number in range(1, nodes + 1)]
        self.url = self.public

    def found(self):
        if self.former:
            self.programs["bank"] = self.former
        super().found()
        if not self.former:
            self.have_role()

    def have_role(self):
        """From now on everything but migrations is done by a role that can change neither the ledger nor the audit."""
        role = f"serving_{os.getpid()}"
        self.sql(f"CREATE ROLE {role} LOGIN")
        self.as_owner("bank", "grant", role, "--folder", self.bank)
        self.database = self.owner.replace("//bank@", f"//{role}@")
        self.must("the nodes' role is another one than the owner's", self.database != self.owner)

    def as_owner(self, *words, **more):
        return self.run(*words, more={"BANK_DATABASE": self.owner}, **more)

    def serve(self):
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            node.wait()
        line = lambda node, port, more: f"    server n{node.number} 127.0.0.1:{port} check inter 200ms fall 1 rise 1{more}"
        ports = {name: address.rsplit(":", 1)[1] for name, address in [("customers", self.public), ("tellers", self.counter)]}
        told = HAPROXY.format(
            folder=self.folder,
            **ports,
            customer_nodes="\n".join(line(node, node.customers, "") for node in self.nodes),
            teller_nodes="\n".join(line(node, node.tellers, "") for node in self.nodes),
        )
        balancer = ["haproxy", "-db", "-f", self.write("haproxy.cfg", told)]
        self.processes.append(subprocess.Popen(balancer, stdout=subprocess.DEVNULL, stderr=open(self.path("haproxy.log"), "a")))
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", int(ports["tellers"])), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        self.lin, self.zhao = self.teller("lin"), self.teller("zhao")

    def kill_one(self):
        node = random.choice(self.nodes)
        node.kill()
        time.sleep(random.uniform(0, 0.4))
        node.start()
        node.wait()

    def restart_in_turn(self):
        """A rolling restart: each node is stopped in order, and answers again before the next one goes."""
        for node in self.nodes:
            status = node.stop()
            if status != 0:
                raise SystemExit(f"node {node.number} ended with {status}")
            node.start()
            node.wait()

    def restart_database(self):
        self.server.stop()
        self.server.start()

    def sql(self, statement):
        psql = [f"{self.server.bin}/psql", "-X", "-At", "-c", statement, self.owner]
        return subprocess.run(psql, check=True, capture_output=True, text=True).stdout.split()

    def faults(self):
        """What the nodes have logged as faults. A database that is away brings some."""
        found = []
        for node in self.nodes:
            with open(self.path(f"node{node.number}.log")) as file:
                found += [line for line in file if '"fault"' in line]
        return found

    def end(self):
        for node in self.nodes:
            if getattr(node, "process", None) and node.process.poll() is None:
                node.process.kill()
        self.server.stop()
        super().end()
