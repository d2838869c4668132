<?php
// Verifies a payment that a U-shield token signed. PHP's openssl extension verifies signatures; it reads no CRL and no extension,
// openssl_cms_verify has the purpose of e-mail built in, and openssl_x509_checkpurpose looks at the clock. So this reads the DER.
//
//   php verify_payment.php DOCUMENT CA CRLS ISSUED AT PAYER
//   php verify_payment.php < LINES    # the same fields and the name of a store, a tab between two
//
// CRLS: files with a comma between, or -. AT: 2026-06-01T08:05:00Z. PAYER: USER=ACCOUNT, who may pay from where.
// Exit code 0: pay. All but the arithmetic of signatures is NOT BY ITSELF: the library does not check it.
declare(strict_types=1);

const SKEW = 300, LIFETIME = 24 * 3600;
const ID_ORDER = "060a2b0601040181fd591401", ID_KP_PAYMENT = "060a2b0601040181fd591402";
const KEY_USAGE = "030206c0";                        // digitalSignature and nonRepudiation
const PURPOSE = "300c" . ID_KP_PAYMENT;              // id-kp-payment and nothing else
const P256 = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"; // of the key, up to the point
const SHA256 = "300b0609608648016503040201", ECDSA_SHA256 = "300a06082a8648ce3d040302";
const DATA = "06092a864886f70d010701", SIGNED_DATA = "06092a864886f70d010702";
const USAGE = "0603551d0f", CONSTRAINTS = "0603551d13", PURPOSES = "0603551d25", REASON = "0603551d15";
const ALGORITHMS = [ // of CAs
    ECDSA_SHA256 => OPENSSL_ALGO_SHA256, "300a06082a8648ce3d040303" => OPENSSL_ALGO_SHA384,
    "300d06092a864886f70d01010b0500" => OPENSSL_ALGO_SHA256, "300d06092a864886f70d01010c0500" => OPENSSL_ALGO_SHA384,
];

function check(bool $kept, string $why): void
{
    if (!$kept) {
        throw new RuntimeException($why);
    }
}

function tlv(int $tag, string ...$parts): string
{
    $body = implode("", $parts);
    $size = strlen($body);
    $length = $size > 0xFF ? chr(0x82) . pack("n", $size) : ($size > 0x7F ? chr(0x81) . chr($size) : chr($size));
    return chr($tag) . $length . $body;
}

/** The TLVs side by side in these bytes, DER: tag, body, and the whole. */
function parse(string $bytes): array
{
    for ($found = [], $at = 0; $at < strlen($bytes); $at += strlen($whole)) {
        $long = strlen($bytes) > $at + 1 ? ord($bytes[$at + 1]) : 0x80;
        $digits = $long < 0x80 ? 0 : $long - 0x80;
        check($long !== 0x80 && $digits <= 2 && strlen($bytes) >= $at + 2 + $digits, "not DER");
        $size = $digits === 0 ? $long : hexdec(bin2hex(substr($bytes, $at + 2, $digits)));
        $body = substr($bytes, $at + 2 + $digits, $size);
        $whole = tlv(ord($bytes[$at]), $body); // the one length
        check(strlen($body) === $size && substr($bytes, $at, strlen($whole)) === $whole, "not DER");
        $found[] = ["tag" => ord($bytes[$at]), "body" => $body, "whole" => $whole];
    }
    return $found;
}

/** The parts of the one SEQUENCE (or what the tag says) that these bytes are. */
function parts(string $bytes, int $tag = 0x30): array
{
    $all = parse($bytes);
    check(count($all) === 1 && $all[0]["tag"] === $tag, "not the structure that it should be");
    return parse($all[0]["body"]);
}

/** A certificate's or order's time, as the moment is written: 20260601080500Z. */
function moment(array $time): string
{
    $text = $time["tag"] === 0x17 ? ($time["body"] < "50" ? "20" : "19") . $time["body"] : $time["body"];
    check(preg_match('/^\d{14}Z$/D', $text) === 1, "not a time");
    return $text;
}

function extensions(array $wrapped): array
{
    $found = [];
    foreach (parts(parts($wrapped["whole"], $wrapped["tag"])[0]["whole"]) as $extension) {
        $parts = parts($extension["whole"]);
        check(!isset($found[bin2hex($parts[0]["whole"])]), "an extension stands there twice");
        $found[bin2hex($parts[0]["whole"])] = ["critical" => count($parts) === 3, "value" => end($parts)["body"]];
    }
    return $found;
}

function pem(string $label, string $der): string
{
    return "-----BEGIN $label-----\n" . chunk_split(base64_encode($der), 64, "\n") . "-----END $label-----\n";
}

function readCertificate(string $der): array
{
    [$body, $algorithm, $signature] = parts($der);
    $parts = parts($body["whole"]);
    check(count($parts) >= 8 && $parts[0]["whole"] === hex2bin("a003020102") && end($parts)["tag"] === 0xA3, "not a certificate of version 3");
    check($parts[2]["whole"] === $algorithm["whole"], "two algorithms");
    check(@openssl_x509_read(pem("CERTIFICATE", $der)) !== false, "not a certificate");
    [$from, $until] = parts($parts[4]["whole"]);
    return [
        "der" => $der, "body" => $body["whole"], "algorithm" => $algorithm["whole"], "signature" => substr($signature["body"], 1),
        "serial" => $parts[1]["whole"], "issuer" => $parts[3]["whole"], "from" => moment($from), "until" => moment($until),
        "subject" => $parts[5]["whole"], "key" => $parts[6]["whole"], "extensions" => extensions(end($parts)),
    ];
}

function value(array $certificate, string $oid): ?string
{
    return $certificate["extensions"][$oid]["value"] ?? null;
}

/** Whether the key (SubjectPublicKeyInfo) signed it. */
function signed(string $key, string $message, string $algorithm, string $signature): bool
{
    $hash = ALGORITHMS[bin2hex($algorithm)] ?? null;
    return $hash !== null && @openssl_verify($message, $signature, pem("PUBLIC KEY", $key), $hash) === 1;
}

function readDocument(string $document): array
{
    check(strlen($document) <= 16384, "too large");
    $data = parts(parts(parts($document)[1]["whole"], 0xA0)[0]["whole"]);
    check(count($data) === 5 && $data[3]["tag"] === 0xA0, "not the one form of a payment");
    $order = parts(parts($data[2]["whole"])[1]["whole"], 0xA0)[0]["body"];
    $signer = parts(parts($data[4]["whole"], 0x31)[0]["whole"]);
    $certificates = array_column(parse($data[3]["body"]), "whole");
    [$name, $signature] = [$signer[1]["whole"], $signer[4]["body"]];
    // A payment has one form: write that, and compare.
    $sorted = array_unique($certificates);
    usort($sorted, "strcmp");
    $one = hex2bin("020101");
    $info = tlv(0x30, $one, $name, hex2bin(SHA256), hex2bin(ECDSA_SHA256), tlv(4, $signature));
    $content = tlv(0x30, hex2bin(DATA), tlv(0xA0, tlv(4, $order)));
    $again = tlv(0x30, $one, tlv(0x31, hex2bin(SHA256)), $content, tlv(0xA0, ...$sorted), tlv(0x31, $info));
    check($document === tlv(0x30, hex2bin(SIGNED_DATA), tlv(0xA0, $again)), "not the one form of a payment");
    check(count($certificates) <= 8, "too many certificates");
    $all = array_map("readCertificate", $certificates);
    $named = array_filter($all, fn($one) => tlv(0x30, $one["issuer"], $one["serial"]) === $name);
    check(count($named) === 1, "the signer's certificate is missing");
    return [$order, reset($named), array_diff_key($all, $named), $signature];
}

/** That the certificate is for payments and for nothing else. Returns the user's ID. */
function checkLeaf(array $leaf): string
{
    check(value($leaf, PURPOSES) === hex2bin(PURPOSE), "not for payments alone");
    check(value($leaf, USAGE) === hex2bin(KEY_USAGE), "not of a payment's key usage");
    check((value($leaf, CONSTRAINTS) ?? hex2bin("3000")) === hex2bin("3000"), "a CA's certificate");
    check(str_starts_with($leaf["key"], hex2bin(P256)) && strlen($leaf["key"]) === 91, "not a key of P-256");
    $users = [];
    foreach (parts($leaf["subject"]) as $part) {
        foreach (parse($part["body"]) as $attribute) {
            [$kind, $text] = parts($attribute["whole"]);
            $kind["whole"] !== hex2bin("0603550405") || $users[] = $text["body"];
        }
    }
    check(count($users) === 1 && $users[0] !== "", "no single user ID");
    return $users[0];
}

/** Whether it is a CA's that may sign certificates for payments; how many CAs may be below it. */
function pathLength(array $ca): int
{
    $constraints = parts(value($ca, CONSTRAINTS) ?? hex2bin("3000"));
    check(($constraints[0]["whole"] ?? "") === hex2bin("0101ff"), "no CA");
    $usage = value($ca, USAGE);
    check($usage === null || ord(parse($usage)[0]["body"][1]) & 0x04, "a CA that may not sign certificates");
    $purposes = value($ca, PURPOSES);
    check($purposes === null || in_array(hex2bin(ID_KP_PAYMENT), array_column(parts($purposes), "whole"), true), "a CA for other purposes");
    return isset($constraints[1]) ? ord($constraints[1]["body"]) : 8;
}

function checkValid(array $certificate, string $at): void
{
    check($certificate["from"] <= $at && $at <= $certificate["until"], "not valid at this time");
    $critical = array_filter($certificate["extensions"], fn($extension) => $extension["critical"]);
    $unknown = array_diff_key($critical, [USAGE => 1, CONSTRAINTS => 1, PURPOSES => 1]);
    check($unknown === [], "an unknown critical extension");
}

/** The certificates from this one up to an anchor. */
function findPath(array $one, array $anchors, array $others, string $at, int $below = 0): array
{
    checkValid($one, $at);
    $why = new RuntimeException("no path to the bank's CA");
    foreach ($below < 8 ? array_merge($anchors, $others) : [] as $issuer) {
        try {
            if ($issuer["subject"] !== $one["issuer"] || !signed($issuer["key"], $one["body"], $one["algorithm"], $one["signature"])) {
                continue;
            }
            check($below <= pathLength($issuer), "the path is too long");
            if (in_array($issuer, $anchors, true)) {
                checkValid($issuer, $at);
                return [$one, $issuer];
            }
            // No name and key twice in a path: else seven certificates of one CA are 5,040 paths.
            $rest = array_filter($others, fn($other) => [$other["subject"], $other["key"]] !== [$issuer["subject"], $issuer["key"]]);
            return [$one, ...findPath($issuer, $anchors, $rest, $at, $below + 1)];
        } catch (RuntimeException $refused) {
            $why = $refused;
        }
    }
    throw $why;
}

function readCrl(string $der): array
{
    [$body, $algorithm, $signature] = parts($der);
    $parts = parts($body["whole"]);
    check($parts[0]["whole"] === hex2bin("020101") && in_array($parts[4]["tag"] ?? 0, [0x17, 0x18], true), "a CRL that cannot be used");
    $last = end($parts);
    $extensions = $last["tag"] === 0xA0 ? extensions($last) : [];
    check(!in_array(true, array_column($extensions, "critical"), true), "a CRL that cannot be used");
    $listed = [];
    foreach (($parts[5]["tag"] ?? 0) === 0x30 ? parse($parts[5]["body"]) : [] as $entry) {
        $entry = parts($entry["whole"]);
        $more = isset($entry[2]) ? extensions(["whole" => tlv(0xA0, $entry[2]["whole"]), "tag" => 0xA0]) : [];
        $listed[] = ["serial" => $entry[0]["whole"], "hold" => ($more[REASON]["value"] ?? "") === hex2bin("0a0106")];
    }
    return [
        "body" => $body["whole"], "algorithm" => $algorithm["whole"], "signature" => substr($signature["body"], 1), "listed" => $listed,
        "issuer" => $parts[2]["whole"], "this" => moment($parts[3]), "next" => moment($parts[4]),
    ];
}

/** The newest CRL must be of this time; what any of them lists is revoked, unless on hold. */
function checkRevocation(array $path, array $crls, string $at, string $soon): void
{
    for ($place = 0; $place + 1 < count($path); $place++) {
        $issuer = $path[$place + 1];
        $usage = value($issuer, USAGE);
        $own = array_filter($crls, fn($crl) => $crl["issuer"] === $issuer["subject"] && signed($issuer["key"], $crl["body"], $crl["algorithm"], $crl["signature"]));
        check($own !== [] && ($usage === null || ord(parse($usage)[0]["body"][1]) & 0x02), "no CRL of the issuer's");
        usort($own, fn($one, $other) => strcmp($other["this"], $one["this"]));
        foreach ($own as $crl) {
            foreach ($crl["listed"] as $entry) {
                $lifted = $entry["hold"] && $crl["this"] < $own[0]["this"];
                check($entry["serial"] !== $path[$place]["serial"] || $lifted, "revoked");
            }
        }
        check($own[0]["this"] <= $soon && $at <= $own[0]["next"], "the CRL is not of this time");
    }
}

/** Of a file, every DER in PEM. */
function unarmor(string $path): array
{
    preg_match_all('/-----BEGIN [^-]+-----([^-]+)-----END/', file_get_contents($path), $found);
    check($found[1] !== [], "no PEM in $path");
    return array_map("base64_decode", $found[1]);
}

function verify(string $document, string $ca, string $crls, string $issued, string $time, string $payer, array &$paid): void
{
    $seconds = strtotime($time);
    [$at, $soon] = [gmdate('YmdHis\Z', $seconds), gmdate('YmdHis\Z', $seconds + SKEW)];
    $anchors = array_map("readCertificate", unarmor($ca));
    array_map("pathLength", $anchors);
    $crls = $crls === "-" ? [] : array_map("readCrl", array_merge(...array_map("unarmor", explode(",", $crls))));
    [$order, $leaf, $others, $signature] = readDocument(file_get_contents($document));
    $user = checkLeaf($leaf);
    $path = findPath($leaf, $anchors, $others, $at);
    $crls === [] || checkRevocation($path, $crls, $at, $soon);
    check(signed($leaf["key"], $order, hex2bin(ECDSA_SHA256), $signature), "the signature does not fit");
    // What only the bank knows. Compare the bytes of the order, never fields.
    check($order === file_get_contents($issued), "not the order that the bank issued");
    $fields = parts($order);
    [$kind, $number, $nonce, $account] = $fields;
    [$since, $until] = [moment($fields[8]), moment($fields[9])];
    check(count($fields) === 11 && $kind["whole"] === hex2bin(ID_ORDER), "not an order");
    $stamp = fn($text) => DateTimeImmutable::createFromFormat('YmdHis\Z', $text, new DateTimeZone("UTC"))->getTimestamp();
    check($since <= $soon && $at <= $until && $stamp($until) - $stamp($since) <= LIFETIME, "the order is not of this time");
    check($payer === "$user={$account['body']}", "not the payer's account");
    $key = $account["whole"] . $number["whole"] . $nonce["whole"]; // of the order, never of the file; in earnest a UNIQUE column
    check(!isset($paid[$key]), "paid before");
    $paid[$key] = true;
}

// What PHP only warns of is an error here, unless an @ stands before it.
set_error_handler(fn(int $level, string $text) => error_reporting() & $level ? throw new ErrorException($text) : true);
[$stores, $status] = [[], 0];
$lines = $argc > 1 ? [array_slice($argv, 1)] : array_map(fn($line) => explode("\t", $line), file("php://stdin", FILE_IGNORE_NEW_LINES));
foreach ($lines as $line) {
    $store = $line[6] ?? "-";
    $store === "-" && ($stores["-"] = []);
    $stores[$store] ??= [];
    try {
        verify($line[0], $line[1], $line[2], $line[3], $line[4], $line[5], $stores[$store]);
        echo "accepted\n";
    } catch (Throwable $error) { // whatever goes wrong: nothing is paid
        $status = 1;
        echo "refused: ", json_encode($error->getMessage(), JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    }
}
exit($status);
