"""A bank, its customers' sites and its tellers, tokens, and the programs of target/debug as processes in a folder of their own."""

import http.client, json, os, re, shutil, subprocess, tempfile, urllib.parse

PROGRAMS = os.path.abspath(os.environ.get("PROGRAMS", "target/debug"))
PASSWORD = "a long test of 2026"
FACTORY_PIN = "12345678"
PEOPLE = {"document": "110101198001011234", "phone": "13800000000"}


class Site:
    """One of the bank's sites, as a browser or a program sees it."""

    def __init__(self, address, language="en"):
        self.host = urllib.parse.urlparse(address).netloc
        # Where a node is met without the balancer before it.
        self.through = None
        self.language = language
        self.cookies = {}
        self.bearer = None

    def ask(self, method, place, body=None, kind=None):
        line = http.client.HTTPConnection(self.through or self.host, timeout=60)
        headers = {"Host": self.host, "Origin": f"http://{self.host}", "Accept-Language": self.language}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if self.bearer:
            headers["Authorization"] = f"Bearer {self.bearer}"
        if kind:
            headers["Content-Type"] = kind
        line.request(method, place, body, headers)
        answer = line.getresponse()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                name, value = value.split(";")[0].split("=", 1)
                self.cookies[name] = value
        return answer.status, answer.getheader("Location"), answer.read()

    def api(self, place, told):
        status, _, body = self.ask("POST", place, json.dumps(told), "application/json")
        return status, json.loads(body)

    def form(self, page, place, **fields):
        _, _, html = self.ask("GET", page)
        hidden = dict(re.findall(r'name="(token|form_key)" value="([^"]*)"', html.decode()))
        told = urllib.parse.urlencode({**{k: v for k, v in hidden.items() if k == "token" or place == page}, **fields})
        return self.ask("POST", place, told, "application/x-www-form-urlencoded")

    def upload(self, page, place, document):
        _, _, html = self.ask("GET", page)
        token = re.search(r'name="token" value="([^"]*)"', html.decode())[1]
        part = lambda field, more, value: b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (field, more, value)
        body = part(b"token", b"", token.encode()) + part(b"document", b'; filename="payment.cms"', document) + b"--x--\r\n"
        return self.ask("POST", place, body, "multipart/form-data; boundary=x")

    def send(self, document):
        """A signed document, by a program: the status, and what is said."""
        status, _, body = self.ask("POST", "/api/payment", document, "application/octet-stream")
        return status, json.loads(body)


class World:
    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.brand = {"p256": "standard", "sm2": "jade"}[algorithm]
        self.folder = tempfile.mkdtemp(prefix="bank-shield-")
        self.processes, self.done, self.said = [], 0, []
        self.database = os.environ.get("SHIELD_DATABASE")
        self.clock = {}
        self.bank = self.path("bank")
        self.programs = {name: os.path.join(PROGRAMS, name) for name in ["bank", "cert-tool", "ushield"]}

    # Files.

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
            file.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def keep(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)
        return self.path(name)

    # Programs.

    def environment(self):
        other = ("USHIELD_", "BANK_", "PCSCLITE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(other)}
        own = {"BANK_DATABASE": self.database} if self.database else {}
        homes = {"HOME": self.folder, "XDG_RUNTIME_DIR": self.folder, "XDG_STATE_HOME": self.path("state"), "XDG_CONFIG_HOME": self.path("config")}
        # What the programs say to tokens is written down, and looked at in the end.
        return kept | own | homes | {"USHIELD_DEBUG": self.path("ushield.trace")} | self.clock

    def run(self, *words, refused=False, more={}):
        command = [self.programs[words[0]], *words[1:]]
        ended = subprocess.run(command, env=self.environment() | more, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
        self.said.append(ended.stdout + ended.stderr)
        if (ended.returncode != 0) != refused:
            raise SystemExit(f"{' '.join(words)}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
        # Failures are wrapped for the terminal.
        return " ".join((ended.stdout + ended.stderr).split())

    def foreign(self, *words, **more):
        """A program that nobody here wrote."""
        return subprocess.run(words, capture_output=True, text=True, timeout=300, env=self.environment(), **more)

    def must(self, what, holds, more=""):
        if not holds:
            raise SystemExit(f"not so: {what} {more}")
        self.done += 1
        print(f"ok {self.done} {what}", flush=True)

    # The bank.

    def found(self):
        self.run("bank", "init", "--folder", self.bank, "--algorithm", self.algorithm)
        # An ID that may be renewed from its first day on.
        self.write("bank/bank.toml", "certificate_days = 60\npuk_first = true\n")
        brand = re.search(r'brand = "([^"]*)"', self.run("ushield", "brand", "show", self.brand))[1]
        self.run("cert-tool", "factory-ca", "--brand", brand, "--out", f"{self.bank}/factory/brand.pem")
        self.secret = self.write("password", PASSWORD)
        for name in ["lin", "zhao"]:
            self.run("bank", "teller", "add", name, "--password-file", self.secret, "--folder", self.bank)

    def start(self, *more):
        places = [word for where in ["public", "counter", "metrics"] for word in [f"--{where}", "127.0.0.1:0"]]
        words = [self.programs["bank"], "serve", "--folder", self.bank, *places, *more]
        log = open(self.path("bank.log"), "a")
        served = subprocess.Popen(words, env=self.environment(), stdout=subprocess.PIPE, stderr=log, text=True)
        self.processes.append(served)
        ready = [re.search(pattern, served.stdout.readline()) for pattern in [r"customers\s+(\S+)", r"tellers\s+(\S+)"]]
        return served, *[line[1] for line in ready]

    def serve(self, *more):
        self.served, self.public, self.counter = self.start(*more)
        self.url = self.public
        self.place = urllib.parse.urlparse(self.public).netloc.replace("localhost", "127.0.0.1")
        self.lin, self.zhao = self.teller("lin"), self.teller("zhao")

    def stop(self):
        self.served.terminate()
        if self.served.wait(60) != 0:
            raise SystemExit("the bank did not stop in order")

    def teller(self, name):
        site = Site(self.counter)
        site.bearer = site.api("/api/sign-in", {"name": name, "password": PASSWORD})[1]["token"]
        return site

    def act(self, action, **fields):
        return self.lin.api(f"/api/action/{action}", fields)

    def approve(self, asked):
        """The first teller may not, and the second one may."""
        place = f"/api/approval/{asked['approval']}"
        if self.lin.api(place, {"approve": True})[0] != 403:
            raise SystemExit("a teller has approved alone")
        return self.zhao.api(place, {"approve": True})

    def desk(self, teller, *words, at=None, refused=False, more={}):
        """A command of the counter."""
        line = ["--at", at or self.counter, "--teller", teller, "--password-file", self.secret]
        return self.run("bank", "counter", *line, *words, refused=refused, more=more)

    def end(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for control in [name for name in os.listdir(self.folder) if name.endswith(".control")]:
            down = [os.path.join(PROGRAMS, "ushield"), "down", "--control", self.path(control)]
            subprocess.run(down, env=self.environment(), capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


class Token:
    """A token as it leaves the factory."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.control, ready = world.path(f"{name}.control"), world.path(f"{name}.json")
        state = ["--state", world.path(f"{name}.state"), "--secret", world.path(f"{name}.secret")]
        world.run("ushield", "up", "-d", "--factory", *state, "--brand", world.brand, "--panel", "accept", "--unix", "none",
                  "--listen", "127.0.0.1:0", "--control", self.control, "--ready-file", ready)
        told = json.loads(world.read(f"{name}.json"))
        self.road, self.serial = told["listen"], told["tokens"][0]["serial"]
        self.pin = world.write(f"{name}.pin", FACTORY_PIN)

    def choose(self, pin):
        """The holder changes the PIN."""
        new = self.world.write(f"{self.name}.new", pin)
        self.world.run("ushield", "pin", "change", "--old-file", self.pin, "--new-file", new, "--usbip", self.road)
        os.replace(new, self.pin)

    def enrol(self, code, url=None, words=(), **more):
        paper = self.world.write("code", f"{code['reference']} {code['code']}\n")
        return self.world.run("cert-tool", "enrol", "--bank", url or self.world.url, "--code-file", paper, "--usbip", self.road,
                              "--pin-file", self.pin, *words, **more)

    def pay(self, order, **more):
        out = self.world.path("payment.cms")
        self.world.run("ushield", "pay", self.world.path(order), "--out", out, "--force", "--usbip", self.road, "--pin-file", self.pin, **more)
        return self.world.read("payment.cms")

    def down(self):
        self.world.run("ushield", "down", "--control", self.control)


class Customer:
    """Somebody with an account, a contract and a log-in."""

    def __init__(self, world, name, document, deposit):
        self.world, self.name = world, name
        opened = {"name": name, "document": document, "phone": "13800000000", "deposit": deposit}
        self.account = world.act("open", **opened)[1]["account"]
        self.papers = {"account": self.account, "document": document}
        self.words = ["--account", self.account, "--document", document]
        self.first = world.act("contract", **self.papers)[1]["password"]

    def choose(self):
        """The first password is changed at the first log-in."""
        site = Site(self.world.public)
        site.form("/sign-in", "/sign-in", account=self.account, password=self.first)
        site.form("/password", "/password", former=self.first, password=PASSWORD, again=PASSWORD)
        self.sign_in()

    def sign_in(self):
        self.site = Site(self.world.public)
        status, where, _ = self.site.form("/sign-in", "/sign-in", account=self.account, password=PASSWORD)
        self.world.must(f"{self.name} has logged in", status == 303 and where == "/account", (status, where))

    def transfer(self, friend, amount):
        status, where, body = self.site.form("/transfer", "/transfer", payer=self.account, payee=friend.account, payee_name=friend.name,
                                             amount=amount, memo="房款")
        self.world.must(f"an order of {amount} is written", status == 303 and where.startswith("/order/"), body)
        return where

    def challenge(self, order):
        """Chooses the shield, and fetches what it is to sign."""
        self.site.form(order, f"{order}/ask", method="shield")
        status, _, body = self.site.ask("GET", f"{order}/order.json")
        if status != 200:
            raise SystemExit(f"there is no order for the shield: {body}")
        self.world.keep("order.json", body)
        return "order.json"

    def has_paid(self, order):
        return b'<dd id="state"><strong>paid</strong></dd>' in self.site.ask("GET", order)[2]
