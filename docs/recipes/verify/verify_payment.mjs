// Verifies a payment that a U-shield token signed: pkijs reads and verifies (npm install pkijs asn1js).
//
//   node verify_payment.mjs DOCUMENT CA CRLS ISSUED AT PAYER
//   node verify_payment.mjs < LINES    # the same fields and the name of a store, a tab between two
//
// CRLS: files with a comma between, or -. AT: 2026-06-01T08:05:00Z. PAYER: USER=ACCOUNT, who may pay from where.
// Exit code 0: pay. What the library does not check by itself is marked NOT BY ITSELF.
import { readFileSync } from "node:fs";
import * as asn1js from "asn1js";
import * as pkijs from "pkijs";

const SKEW = 5 * 60_000, LIFETIME = 24 * 3_600_000;
const ID_ORDER = "1.3.6.1.4.1.32473.20.1", ID_KP_PAYMENT = "1.3.6.1.4.1.32473.20.2";
const hex = (text) => Buffer.from(text, "hex");
const KEY_USAGE = hex("030206c0"); // digitalSignature and nonRepudiation
const PURPOSE = hex("300c060a2b0601040181fd591402"); // id-kp-payment and nothing else
const P256 = hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"); // of the key, up to the point
const [SHA256, ECDSA] = [hex("300b0609608648016503040201"), hex("300a06082a8648ce3d040302")];
const [DATA, SIGNED_DATA, ONE] = [hex("06092a864886f70d010701"), hex("06092a864886f70d010702"), hex("020101")];
const UNDERSTOOD = ["2.5.29.15", "2.5.29.19", "2.5.29.37"];

const check = (kept, why) => { if (!kept) throw new Error(why); };
const der = (structure) => Buffer.from(structure.toSchema(true).toBER());
const bytes = (block) => Buffer.from(block.valueBlock.valueHexView);

function tlv(tag, ...parts) {
  const body = Buffer.concat(parts), size = body.length;
  const length = size > 0xff ? [0x82, size >> 8, size & 0xff] : size > 0x7f ? [0x81, size] : [size];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

/** One value in DER, and nothing behind it. */
function parse(der) {
  const { offset, result } = asn1js.fromBER(der);
  check(offset === der.length && !result.error, "not ASN.1");
  check(Buffer.from(result.toBER()).equals(der), "not DER");
  return result;
}

/** Of a file, every DER in PEM. */
function unarmor(path) {
  const sections = readFileSync(path, "latin1").split("-----BEGIN ").slice(1);
  check(sections.length > 0, `no PEM in ${path}`);
  return sections.map((section) => Buffer.from(section.split("-----")[1], "base64"));
}

function readCertificate(der) {
  const certificate = new pkijs.Certificate({ schema: parse(der) });
  const extensions = new Map((certificate.extensions ?? []).map((one) => [one.extnID, one]));
  check(certificate.version === 2 && extensions.size === certificate.extensions.length, "not of version 3, or an extension twice");
  // NOT BY ITSELF: what is critical must be understood.
  check([...extensions.values()].every((one) => !one.critical || UNDERSTOOD.includes(one.extnID)), "an unknown critical extension");
  return Object.assign(certificate, { der, value: (oid) => extensions.get(oid) && bytes(extensions.get(oid).extnValue), parsed: (oid) => extensions.get(oid)?.parsedValue });
}

async function readDocument(document) {
  check(document.length <= 16384, "too large");
  const outer = new pkijs.ContentInfo({ schema: asn1js.fromBER(document).result });
  const data = new pkijs.SignedData({ schema: outer.content });
  check(data.signerInfos.length === 1 && data.encapContentInfo.eContent, "not one signer, or the content is elsewhere");
  const [info] = data.signerInfos;
  const order = Buffer.from(data.encapContentInfo.eContent.getValue());
  const [name, signature] = [der(info.sid), bytes(info.signature)];
  const certificates = data.certificates.map((one) => Buffer.from(one.toSchema().toBER()));
  // NOT BY ITSELF: pkijs takes BER, what follows, attributes, several signers. A payment has one form: write that, compare.
  const sorted = certificates.filter((one, place) => certificates.findIndex((same) => same.equals(one)) === place).sort(Buffer.compare);
  const signer = tlv(0x30, ONE, name, SHA256, ECDSA, tlv(4, signature));
  const content = tlv(0x30, DATA, tlv(0xa0, tlv(4, order)));
  const again = tlv(0x30, ONE, tlv(0x31, SHA256), content, tlv(0xa0, ...sorted), tlv(0x31, signer));
  check(document.equals(tlv(0x30, SIGNED_DATA, tlv(0xa0, again))), "not the one form of a payment");
  check(certificates.length <= 8, "too many certificates");
  const all = certificates.map(readCertificate);
  const named = all.filter((one) => der(new pkijs.IssuerAndSerialNumber({ issuer: one.issuer, serialNumber: one.serialNumber })).equals(name));
  check(named.length === 1, "the signer's certificate is missing");
  const others = all.filter((one) => one !== named[0]);
  return { data, order, leaf: named[0], others };
}

/** NOT BY ITSELF: that the certificate is for payments and for nothing else. Returns the user's ID. */
function checkLeaf(leaf) {
  check(leaf.value("2.5.29.37")?.equals(PURPOSE), "not for payments alone");
  check(leaf.value("2.5.29.15")?.equals(KEY_USAGE), "not of a payment's key usage");
  check(leaf.parsed("2.5.29.19")?.cA !== true, "a CA's certificate");
  const key = der(leaf.subjectPublicKeyInfo);
  check(key.length === 91 && key.subarray(0, P256.length).equals(P256), "not a key of P-256");
  const users = leaf.subject.typesAndValues.filter((one) => one.type === "2.5.4.5").map((one) => one.value.valueBlock.value);
  check(users.length === 1 && users[0], "no single user ID");
  return users[0];
}

/** NOT BY ITSELF for anchors; nor, for any CA, its purposes. */
function mayIssue(ca) {
  const usage = ca.value("2.5.29.15"), purposes = ca.parsed("2.5.29.37");
  const signs = !usage || (parse(usage).valueBlock.valueHexView[0] & 0x04) !== 0;
  return ca.parsed("2.5.29.19")?.cA === true && signs && (!purposes || purposes.keyPurposes.includes(ID_KP_PAYMENT));
}

const hasIssued = (issuer, one) => der(issuer.subject).equals(der(one.issuer)) && one.verify(issuer).catch(() => false);

/** The certificates above this one. pkijs 4.0.0 has an engine for it, which never ends on two CAs that certify each other. */
async function findPath(one, anchors, others, at, below = 0) {
  check(one.notBefore.value <= at && at <= one.notAfter.value, "not valid at this time");
  let why = new Error("no path to the bank's CA");
  for (const issuer of below < 8 ? [...anchors, ...others] : []) {
    if (!(await hasIssued(issuer, one))) continue;
    try {
      const limit = issuer.parsed("2.5.29.19")?.pathLenConstraint ?? 8;
      check(mayIssue(issuer) && below <= limit, "the issuer is no CA, or the path is too long");
      // No name and key twice in a path: else seven certificates of one CA are 5,040 paths.
      const rest = others.filter((other) => !der(other.subject).equals(der(issuer.subject)) || !der(other.subjectPublicKeyInfo).equals(der(issuer.subjectPublicKeyInfo)));
      if (!anchors.includes(issuer)) return [one, ...(await findPath(issuer, anchors, rest, at, below + 1))];
      check(issuer.notBefore.value <= at && at <= issuer.notAfter.value, "not valid at this time");
      return [one, issuer];
    } catch (refused) {
      why = refused;
    }
  }
  throw why;
}

/** NOT BY ITSELF as it should be: the newest CRL must be of this time; what any of them lists is revoked, unless on hold. */
async function checkRevocation(path, crls, at) {
  for (const [place, issuer] of path.slice(1).entries()) {
    const usage = issuer.value("2.5.29.15"), own = [];
    for (const crl of crls) {
      const named = der(crl.issuer).equals(der(issuer.subject));
      if (named && (await crl.verify({ issuerCertificate: issuer }).catch(() => false))) own.push(crl);
    }
    check(own.length > 0 && (!usage || parse(usage).valueBlock.valueHexView[0] & 0x02), "no CRL of the issuer's");
    const newest = own.reduce((one, other) => (other.thisUpdate.value > one.thisUpdate.value ? other : one));
    for (const crl of own) {
      const serial = path[place].serialNumber;
      for (const entry of (crl.revokedCertificates ?? []).filter((one) => one.userCertificate.isEqual(serial))) {
        const reason = entry.crlEntryExtensions?.extensions.find((one) => one.extnID === "2.5.29.21");
        const onHold = reason && bytes(reason.extnValue).equals(hex("0a0106"));
        check(onHold && crl.thisUpdate.value < newest.thisUpdate.value, "revoked");
      }
    }
    check(newest.thisUpdate.value <= +at + SKEW && at <= newest.nextUpdate.value, "the CRL is not of this time");
  }
}

function readCrl(der) {
  const crl = new pkijs.CertificateRevocationList({ schema: parse(der) });
  check(crl.nextUpdate && !crl.crlExtensions?.extensions.some((one) => one.critical), "a CRL that cannot be used");
  return crl;
}

async function verify([documentPath, ca, crlPaths, issued, moment, payer], paid) {
  const at = new Date(moment);
  const anchors = unarmor(ca).map(readCertificate);
  check(anchors.every(mayIssue), "a certificate in the CA file is no CA's");
  const crls = crlPaths === "-" ? [] : crlPaths.split(",").flatMap(unarmor).map(readCrl);
  const document = await readDocument(readFileSync(documentPath));
  const user = checkLeaf(document.leaf);
  const path = await findPath(document.leaf, anchors, document.others, at);
  if (crls.length > 0) await checkRevocation(path, crls, at);
  // NOT BY ITSELF: that the signature is DER, and ends where it ends.
  const signature = bytes(document.data.signerInfos[0].signature);
  check(tlv(0x30, ...parse(signature).valueBlock.value.map((half) => tlv(2, bytes(half)))).equals(signature), "the signature is not DER");
  // With checkChain: false pkijs says that it verified the signer's certificate, too; it looked at the signature alone.
  check(await document.data.verify({ signer: 0, checkChain: false }), "the signature does not fit");
  // NOT BY ITSELF, in any library: what only the bank knows. Compare the bytes of the order, never fields.
  check(document.order.equals(readFileSync(issued)), "not the order that the bank issued");
  const fields = parse(document.order).valueBlock.value;
  const [kind, number, nonce, account] = fields.map((field) => field.valueBlock.value ?? bytes(field).toString("hex"));
  check(fields.length === 11 && fields[0].valueBlock.toString() === ID_ORDER, "not an order");
  const [since, until] = [fields[8].toDate(), fields[9].toDate()];
  check(+since <= +at + SKEW && at <= until && until - since <= LIFETIME, "the order is not of this time");
  check(payer === `${user}=${account}`, "not the payer's account");
  const key = JSON.stringify([account, number, bytes(fields[2]).toString("hex")]); // of the order; in earnest a UNIQUE column
  check(!paid.has(key), "paid before");
  paid.add(key);
}

const single = process.argv.slice(2), stores = new Map();
const lines = single.length ? [single] : readFileSync(0, "utf8").split("\n").filter(Boolean).map((line) => line.split("\t"));
for (const line of lines) {
  const store = line[6] ?? "-";
  if (store === "-" || !stores.has(store)) stores.set(store, new Set());
  try {
    await verify(line, stores.get(store));
    console.log("accepted");
  } catch (error) { // whatever goes wrong: nothing is paid
    process.exitCode = 1;
    console.log(`refused: ${JSON.stringify(error.message)}`);
  }
}
