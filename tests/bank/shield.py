#!/usr/bin/env python3
"""A customer's shield at a real bank: three programs, and real bytes between them.

Open an account, hand out a token, download its ID (with the line cut at every step), pay, transfer a large sum, lose, replace, pay again.
Programs: bank, cert-tool and ushield of target/debug. Argument: the algorithm, p256 or sm2."""

import base64, http.client, json, os, re, socket, subprocess, sys, tempfile, threading, time, urllib.parse

PROGRAMS = os.environ.get("PROGRAMS", "target/debug")
ALGORITHM = sys.argv[1] if len(sys.argv) > 1 else "p256"
BRAND = {"p256": "standard", "sm2": "jade"}[ALGORITHM]
PASSWORD = "a long test of 2026"
folder = tempfile.mkdtemp(prefix="bank-shield-")
processes = []
done = 0
# The database of the bank, where it is not SQLite.
own = {"BANK_DATABASE": os.environ["SHIELD_DATABASE"]} if "SHIELD_DATABASE" in os.environ else {}


def path(name):
    return os.path.join(folder, name)


def write(name, text):
    with open(os.open(path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path(name)


def environment():
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("USHIELD_", "BANK_", "PCSCLITE_"))}
    return kept | own | {"HOME": folder, "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": path("state"), "XDG_CONFIG_HOME": path("config")}


def run(*words, refused=False):
    command = [os.path.join(PROGRAMS, words[0]), *words[1:]]
    ended = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)
    if (ended.returncode != 0) != refused:
        raise SystemExit(f"{' '.join(words)}: {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout + ended.stderr


def shown(what):
    global done
    done += 1
    print(f"ok {done} {what}", flush=True)


def must(what, holds, more=""):
    if not holds:
        raise SystemExit(f"not so: {what} {more}")
    shown(what)


class Site:
    """One of the bank's sites, as a browser or a program sees it."""

    def __init__(self, address):
        self.host = urllib.parse.urlparse(address).netloc
        self.cookies = {}
        self.bearer = None

    def ask(self, method, place, body=None, kind=None):
        line = http.client.HTTPConnection(self.host, timeout=60)
        headers = {"Origin": f"http://{self.host}", "Accept-Language": "en"}
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

    def upload(self, page, place, name):
        _, _, html = self.ask("GET", page)
        token = re.search(r'name="token" value="([^"]*)"', html.decode())[1]
        with open(path(name), "rb") as file:
            document = file.read()
        part = lambda field, more, value: b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (field, more, value)
        body = part(b"token", b"", token.encode()) + part(b"document", b'; filename="payment.cms"', document) + b"--x--\r\n"
        return self.ask("POST", place, body, "multipart/form-data; boundary=x")


class Cut:
    """A line to the bank that breaks: before the bank has read request number `at`, or after it has answered."""

    def __init__(self, to, at, after):
        self.to, self.at, self.after, self.seen = to, at, after, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            with stream:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += stream.recv(65536)
                head, body = request.split(b"\r\n\r\n", 1)
                length = int(re.search(rb"Content-Length: (\d+)", head)[1])
                while len(body) < length:
                    body += stream.recv(65536)
                self.seen += 1
                if self.seen == self.at and not self.after:
                    continue
                head = re.sub(rb"Host: [^\r]*", b"Host: " + self.to.encode(), head)
                with socket.create_connection(tuple(self.to.split(":"))) as bank:
                    bank.sendall(head + b"\r\n\r\n" + body)
                    answer = b""
                    while more := bank.recv(65536):
                        answer += more
                if self.seen != self.at:
                    stream.sendall(answer)


def start(words, ready, environ=None):
    process = subprocess.Popen([os.path.join(PROGRAMS, words[0]), *words[1:]], env=environment() | (environ or {}),
                               stdout=subprocess.PIPE, stderr=open(path(words[0] + ".log"), "a"), text=True)
    processes.append(process)
    return [re.search(pattern, process.stdout.readline())[1] for pattern in ready]


class Token:
    def __init__(self, name, pin):
        self.pin = write(f"{name}.pin", pin)
        control, ready = path(f"{name}.control"), path(f"{name}.json")
        run("ushield", "up", "-d", "--memory", "--brand", BRAND, "--pin-file", self.pin, "--panel", "accept", "--unix", "none",
            "--listen", "127.0.0.1:0", "--control", control, "--ready-file", ready)
        self.control = control
        with open(ready) as file:
            told = json.load(file)
        self.road, self.serial = told["listen"], told["tokens"][0]["serial"]

    def enrol(self, url, code, **more):
        words = write("code", f"{code['reference']} {code['code']}\n")
        return run("cert-tool", "enrol", "--bank", url, "--code-file", words, "--usbip", self.road, "--pin-file", self.pin, **more)

    def pay(self, order, out):
        return run("ushield", "pay", path(order), "--out", path(out), "--force", "--usbip", self.road, "--pin-file", self.pin)


def main():
    bank = path("bank")
    run("bank", "init", "--folder", bank, "--algorithm", ALGORITHM)
    brand = re.search(r'brand = "([^"]*)"', run("ushield", "brand", "show", BRAND))[1]
    run("cert-tool", "factory-ca", "--brand", brand, "--out", f"{bank}/factory/brand.pem")
    secret = write("password", PASSWORD)
    for name in ["lin", "zhao"]:
        run("bank", "teller", "add", name, "--password-file", secret, "--folder", bank)
    places = [word for where in ["public", "counter", "metrics"] for word in [f"--{where}", "127.0.0.1:0"]]
    public, counter = start(["bank", "serve", "--folder", bank, *places], [r"customers\s+(\S+)", r"tellers\s+(\S+)"])
    site = Site(public)
    tellers = []
    for name in ["lin", "zhao"]:
        teller = Site(counter)
        teller.bearer = teller.api("/api/sign-in", {"name": name, "password": PASSWORD})[1]["token"]
        tellers.append(teller)
    lin, zhao = tellers
    act = lambda action, **fields: lin.api(f"/api/action/{action}", fields)
    opened = {"name": "张三", "document": "110101198001011234", "phone": "13800000000", "deposit": "200000"}
    account = act("open", **opened)[1]["account"]
    friend = act("open", **(opened | {"name": "李四", "document": "110101198202022345", "deposit": ""}))[1]["account"]
    papers = {"account": account, "document": opened["document"]}
    first = act("contract", **papers)[1]["password"]
    shown("an account and a contract")

    token, other = Token("one", "135246"), Token("two", "246135")
    status, asked = act("shield", serial=token.serial, **papers)
    status, alone = lin.api(f"/api/approval/{asked['approval']}", {"approve": True})
    must("no teller alone hands out a shield", status == 403, alone)
    status, code = zhao.api(f"/api/approval/{asked['approval']}", {"approve": True})
    must("a shield is handed out", status == 200 and code["shield"] == token.serial, code)
    url = f"http://{site.host}"
    said = other.enrol(url, code, refused=True)
    must("another token is not enrolled, and is told which one is", token.serial in said and "counter" in said, said)
    wrong = {"reference": code["reference"], "code": "0000000000"}
    said = token.enrol(url, wrong, refused=True)
    must("a wrong code says: the same code again, or the counter", "again with the same code" in said and "counter" in said, said)

    to = site.host.replace("localhost", "127.0.0.1")
    for at in [1, 2, 3]:
        for after in [False, True]:
            said = token.enrol(Cut(to, at, after).url(), code, refused=True)
            must(f"request {at} cut {'after' if after else 'before'} the bank's answer: nothing is half written, and what to do is said",
                 "same code" in said and "has none now" in said or at == 1 and "same code" in said, said)
    said = token.enrol(Cut(to, 4, False).url(), code)
    must("the word that it arrived was lost: the ID is good, and that is said", "could not record" in said, said)
    site_login(site, account, first)
    blocked = transfer(site, account, friend, "70000")
    must("before the bank knows, the shield does not pay", b"was not delivered" in site.ask("GET", blocked)[2])
    said = token.enrol(url, code)
    must("the same command with the same code tells the bank, and makes no new ID", "has this personal ID already" in said, said)
    must("the page has the shield", b"in use" in site.ask("GET", "/shield")[2])

    order = blocked
    site.form(order, f"{order}/ask", method="shield")
    fetch(site, order)
    token.pay("order.json", "payment.cms")
    status, where, body = site.upload(order, f"{order}/document", "payment.cms")
    must("a large sum is paid by the page's form", status == 303 and where == order and is_paid(site, order), body)
    with open(path("payment.cms"), "rb") as file:
        document = file.read()
    status, _, body = site.ask("POST", "/api/payment", document, "application/octet-stream")
    must("the same document again changes nothing", status == 200, body)

    order = transfer(site, account, friend, "1.00")
    site.form(order, f"{order}/ask", method="shield")
    fetch(site, order)
    token.pay("order.json", "small.cms")
    must("the shield is lost", act("lose-shield", **papers)[0] == 200)
    with open(path("small.cms"), "rb") as file:
        document = file.read()
    status, _, body = Site(public).ask("POST", "/api/payment", document, "application/octet-stream")
    must("a document that was signed before the loss pays nothing after it", status == 403 and b"no-shield" in body, body)
    status, asked = act("replace-shield", serial=other.serial, **papers)
    status, alone = lin.api(f"/api/approval/{asked['approval']}", {"approve": True})
    must("another shield wants a second teller", status == 403, alone)
    status, code = zhao.api(f"/api/approval/{asked['approval']}", {"approve": True})
    other.enrol(url, code)
    status, _, body = Site(public).ask("POST", "/api/payment", document, "application/octet-stream")
    must("the former shield's document is refused by name", b"certificate-revoked" in body, body)
    site.form(order, f"{order}/ask", method="shield")
    fetch(site, order)
    other.pay("order.json", "new.cms")
    with open(path("new.cms"), "rb") as file:
        document = file.read()
    status, _, body = Site(public).ask("POST", "/api/payment", document, "application/octet-stream")
    must("the new shield pays the order", status == 200 and is_paid(site, order), body)

    for name in ["ca/payment.pem", "crl/payment.crl"]:
        with open(path(os.path.basename(name)), "wb") as file:
            file.write(site.ask("GET", f"/{name}")[2])
    verify = ["ushield", "verify", "--ca", path("payment.pem"), "--crl", path("payment.crl"), "--payer", account]
    said = run(*verify, path("new.cms"))
    must("ushield verify takes the bank's CA and CRL, and the new document", "70000" not in said)
    said = run(*verify, path("payment.cms"), refused=True)
    must("and refuses the lost shield's document", "certificate_revoked" in said, said)
    if ALGORITHM == "p256":
        crl = subprocess.run(["openssl", "crl", "-inform", "DER", "-in", path("payment.crl"), "-CAfile", path("payment.pem"), "-noout",
                              "-text"], capture_output=True, text=True)
        must("openssl verifies the bank's CRL", "verify OK" in crl.stderr and "Key Compromise" in crl.stdout, crl.stderr)
        printed = ["openssl", "pkcs7", "-inform", "DER", "-print_certs"]
        for name in ["payment.cms", "new.cms"]:
            out = subprocess.run([*printed, "-in", path(name)], capture_output=True, text=True, check=True).stdout
            write(name + ".pem", out)
        for hash in ["-sha1", "-sha256"]:
            asked = ["openssl", "ocsp", "-issuer", path("payment.pem"), "-CAfile", path("payment.pem"), hash, "-cert",
                     path("payment.cms.pem"), "-cert", path("new.cms.pem"), "-url", f"http://{to}/api/ocsp/payment", "-header", f"Host={to}"]
            ocsp = subprocess.run(asked, capture_output=True, text=True)
            right = "Response verify OK" in ocsp.stderr and "revoked" in ocsp.stdout and "good" in ocsp.stdout
            must(f"openssl ocsp takes the bank's answers ({hash})", right and "WARNING" not in ocsp.stderr, ocsp.stdout + ocsp.stderr)
        subprocess.run([*asked[:-4], "-reqout", path("request")], check=True, capture_output=True)
        with open(path("request"), "rb") as file:
            encoded = urllib.parse.quote(base64.b64encode(file.read()).decode(), safe="")
        status, _, body = site.ask("GET", f"/api/ocsp/payment/{encoded}")
        with open(path("answer"), "wb") as file:
            file.write(body)
        taken = subprocess.run(["openssl", "ocsp", "-respin", path("answer"), "-reqin", path("request"), "-issuer", path("payment.pem"),
                                "-CAfile", path("payment.pem")], capture_output=True, text=True)
        must("and the answer to GET", status == 200 and "Response verify OK" in taken.stderr, taken.stderr)
    processes[0].terminate()
    must("the bank stops in order", processes[0].wait(60) == 0)
    said = run("bank", "audit", "verify", "--folder", bank)
    must("the books are right", "right" in said, said)
    for each in [token, other]:
        run("ushield", "down", "--control", each.control)
    print(f"1..{done}")


def site_login(site, account, first):
    status, _, _ = site.form("/sign-in", "/sign-in", account=account, password=first)
    status, _, _ = site.form("/password", "/password", former=first, password=PASSWORD, again=PASSWORD)
    status, where, _ = site.form("/sign-in", "/sign-in", account=account, password=PASSWORD)
    must("the customer has logged in", status == 303 and where == "/account", (status, where))


def transfer(site, account, friend, amount):
    status, where, body = site.form("/transfer", "/transfer", payer=account, payee=friend, payee_name="李四", amount=amount, memo="房款")
    must(f"an order of {amount} is written", status == 303 and where.startswith("/order/"), body)
    return where


def fetch(site, order):
    status, _, body = site.ask("GET", f"{order}/order.json")
    must("the order for the shield is there", status == 200, body)
    with open(path("order.json"), "wb") as file:
        file.write(body)


def is_paid(site, order):
    return b'<dd id="state"><strong>paid</strong></dd>' in site.ask("GET", order)[2]


try:
    main()
finally:
    for process in processes:
        if process.poll() is None:
            process.kill()
    for control in [name for name in os.listdir(folder) if name.endswith(".control")]:
        subprocess.run([os.path.join(PROGRAMS, "ushield"), "down", "--control", path(control)], env=environment(), capture_output=True)
    subprocess.run(["rm", "-rf", folder])
