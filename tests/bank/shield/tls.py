"""The ID over TLS: another node of the bank, whose certificate an authority of this test has signed."""


def authority(world, name):
    """An authority, and a certificate of its for localhost."""
    at = lambda what: world.path(f"{name}-{what}.pem")
    world.write("leaf.cnf", "subjectAltName = DNS:localhost\n")
    for words in [
        ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("ca-key"), "-out", at("ca"), "-subj", f"/CN={name}"],
        ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("key"), "-out", at("request"), "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", at("request"), "-CA", at("ca"), "-CAkey", at("ca-key"), "-CAcreateserial", "-out", at("own"), "-extfile", world.path("leaf.cnf")],
    ]:
        made = world.foreign("openssl", *words)
        if made.returncode:
            raise SystemExit(made.stderr)
    return at("ca"), at("own"), at("key")


def enrol(world, token, code):
    (ca, own, key), (other, _, _) = authority(world, "one"), authority(world, "other")
    node, https, _ = world.start("--tls", own, "--key", key)
    world.must("another node serves by TLS", https.startswith("https://localhost:"), https)
    said = token.enrol(code, https, ["--bank-ca", other], refused=True)
    world.must("a bank of another authority is not shown the code", "certificate" in said and "UnknownIssuer" in said, said)
    said = token.enrol(code, https.replace("localhost", "127.0.0.1"), ["--bank-ca", ca], refused=True)
    world.must("nor is one of another name", "certificate" in said, said)
    said = token.enrol(code, https.replace("https", "http"), refused=True)
    world.must("nor one that speaks TLS where none is said", "gave no answer" in said or "not understood" in said, said)
    token.enrol(code, https, ["--bank-ca", ca])
    world.must("the ID is downloaded over TLS", True)
    node.terminate()
    if node.wait(60) != 0:
        raise SystemExit("the node did not stop in order")
