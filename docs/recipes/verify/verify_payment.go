// Verifies a payment that a U-shield token signed, by Go's standard library. (Of the CMS packages, smallstep's and digitorus's
// pkcs7 look at no purpose, fullsailor's knows no path; none would spare a check below.)
//
//	go run verify_payment.go DOCUMENT CA CRLS ISSUED AT PAYER
//	go run verify_payment.go < LINES    # the same fields and the name of a store, a tab between two
//
// CRLS: files with a comma between, or -. AT: 2026-06-01T08:05:00Z. PAYER: USER=ACCOUNT, who may pay from where.
// Exit code 0: pay. What the library does not check by itself is marked NOT BY ITSELF.
package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"sort"
	"strings"
	"time"
)

const skew, lifetime = 5 * time.Minute, 24 * time.Hour

var (
	idOrder     = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 20, 1}
	idPayment   = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 20, 2}
	keyUsage    = unhex("030206c0")                                               // digitalSignature and nonRepudiation
	purpose     = unhex("300c060a2b0601040181fd591402")                           // id-kp-payment and nothing else
	p256        = unhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004") // of the key, up to the point
	hash, ecDSA = unhex("300b0609608648016503040201"), unhex("300a06082a8648ce3d040302")
	data        = unhex("06092a864886f70d010701")
	signedData  = unhex("06092a864886f70d010702")
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content struct {
		Version      int
		Digests      asn1.RawValue `asn1:"set"`
		Encapsulated struct {
			Type    asn1.ObjectIdentifier
			Content []byte `asn1:"explicit,tag:0"`
		}
		Certificates asn1.RawValue `asn1:"tag:0"`
		Signers      []struct {
			Version                 int
			Name, Digest, Algorithm asn1.RawValue
			Signature               []byte
		} `asn1:"set"`
	} `asn1:"explicit,tag:0"`
}

type paymentOrder struct {
	Kind                                  asn1.ObjectIdentifier
	Number                                string `asn1:"utf8"`
	Nonce                                 []byte
	PayerAccount, PayeeName, PayeeAccount string `asn1:"utf8"`
	Amount                                *big.Int
	Currency                              string    `asn1:"printable"`
	Issued, Expires                       time.Time `asn1:"generalized"`
	Memo                                  string    `asn1:"utf8"`
}

func unhex(text string) []byte { decoded, _ := hex.DecodeString(text); return decoded }

// Both end the verification; run turns them into a refusal.
func check(kept bool, why string) {
	if !kept {
		panic(why)
	}
}

func must[T any](value T, err error) T {
	check(err == nil, fmt.Sprint(err))
	return value
}

func tlv(tag byte, parts ...[]byte) []byte {
	body := bytes.Join(parts, nil)
	head, n := []byte{tag, byte(len(body))}, len(body)
	if n > 0xFF {
		head = []byte{tag, 0x82, byte(n >> 8), byte(n)}
	} else if n > 0x7F {
		head = []byte{tag, 0x81, byte(n)}
	}
	return append(head, body...)
}

func readDocument(document []byte) (order, signature []byte, leaf *x509.Certificate, all []*x509.Certificate) {
	check(len(document) <= 16384, "too large")
	var info contentInfo
	must(asn1.Unmarshal(document, &info))
	content := info.Content
	check(len(content.Signers) == 1, "not one signer")
	signer, one := content.Signers[0], []byte{2, 1, 1}
	all = must(x509.ParseCertificates(content.Certificates.Bytes))
	check(len(all) <= 8, "too many certificates")
	distinct := map[string]bool{}
	for _, certificate := range all {
		if bytes.Equal(tlv(0x30, certificate.RawIssuer, must(asn1.Marshal(certificate.SerialNumber))), signer.Name.FullBytes) {
			check(leaf == nil, "two certificates of the signer's name")
			leaf = certificate
		}
		distinct[string(certificate.Raw)] = true
	}
	check(leaf != nil, "the signer's certificate is missing")
	// NOT BY ITSELF: encoding/asn1 is strict with lengths, but passes over what follows, over attributes, and over the order of
	// sets. A payment has one form: write that, and compare.
	var sorted []string
	for certificate := range distinct {
		sorted = append(sorted, certificate)
	}
	sort.Strings(sorted)
	order, signature = content.Encapsulated.Content, signer.Signature
	signers := tlv(0x31, tlv(0x30, one, signer.Name.FullBytes, hash, ecDSA, tlv(4, signature)))
	certificates := tlv(0xA0, []byte(strings.Join(sorted, "")))
	again := tlv(0x30, one, tlv(0x31, hash), tlv(0x30, data, tlv(0xA0, tlv(4, order))), certificates, signers)
	check(bytes.Equal(document, tlv(0x30, signedData, tlv(0xA0, again))), "not the one form of a payment")
	return
}

// NOT BY ITSELF: that the certificate is for payments and for nothing else. Returns the user's ID.
func checkLeaf(leaf *x509.Certificate) (user string) {
	found := map[string][]byte{}
	for _, extension := range leaf.Extensions {
		check(found[extension.Id.String()] == nil, "an extension stands there twice")
		found[extension.Id.String()] = extension.Value
	}
	check(leaf.Version == 3 && bytes.Equal(found["2.5.29.37"], purpose), "not for payments alone")
	check(bytes.Equal(found["2.5.29.15"], keyUsage), "not of a payment's key usage")
	check(!leaf.IsCA, "a CA's certificate")
	key := leaf.RawSubjectPublicKeyInfo
	check(len(key) == len(p256)+64 && bytes.HasPrefix(key, p256), "not a key of P-256")
	for _, attribute := range leaf.Subject.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.String() == "2.5.4.5" {
			check(user == "" && text != "", "no single user ID")
			user = text
		}
	}
	check(user != "", "no single user ID")
	return
}

// Verify looks at basic constraints, path lengths and key usage. NOT BY ITSELF: purposes it does not know, and anchors that no
// path uses yet.
func mayIssue(ca *x509.Certificate) bool {
	forPayments := len(ca.ExtKeyUsage)+len(ca.UnknownExtKeyUsage) == 0
	for _, purpose := range ca.UnknownExtKeyUsage {
		forPayments = forPayments || purpose.Equal(idPayment)
	}
	signs := ca.KeyUsage == 0 || ca.KeyUsage&x509.KeyUsageCertSign != 0
	return ca.BasicConstraintsValid && ca.IsCA && signs && forPayments
}

func findPath(leaf *x509.Certificate, anchors, others []*x509.Certificate, at time.Time) []*x509.Certificate {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, anchor := range anchors {
		check(mayIssue(anchor), "a certificate in the CA file is no CA's")
		roots.AddCert(anchor)
	}
	for _, other := range others {
		if other != leaf && mayIssue(other) {
			between.AddCert(other)
		}
	}
	// Any, because Verify does not know the purpose; checkLeaf and mayIssue do.
	usages := []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	options := x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: usages}
	return must(leaf.Verify(options))[0]
}

// NOT BY ITSELF: Verify knows no CRLs. The newest must be of this time; what any of them lists is revoked, unless on hold.
func checkRevocation(path []*x509.Certificate, crls []*x509.RevocationList, at time.Time) {
	for place, certificate := range path[:len(path)-1] {
		var own []*x509.RevocationList
		for _, crl := range crls {
			if bytes.Equal(crl.RawIssuer, path[place+1].RawSubject) && crl.CheckSignatureFrom(path[place+1]) == nil {
				own = append(own, crl)
			}
		}
		check(len(own) > 0, "no CRL of the issuer's")
		sort.Slice(own, func(i, j int) bool { return own[i].ThisUpdate.After(own[j].ThisUpdate) })
		newest := own[0]
		for _, crl := range own {
			for _, entry := range crl.RevokedCertificates {
				lifted := onHold(entry) && newest.ThisUpdate.After(crl.ThisUpdate)
				check(entry.SerialNumber.Cmp(certificate.SerialNumber) != 0 || lifted, "revoked")
			}
		}
		check(!newest.ThisUpdate.After(at.Add(skew)) && !newest.NextUpdate.Before(at), "the CRL is not of this time")
	}
}

func onHold(entry pkix.RevokedCertificate) bool {
	for _, extension := range entry.Extensions {
		if extension.Id.String() == "2.5.29.21" {
			return bytes.Equal(extension.Value, []byte{10, 1, 6})
		}
	}
	return false
}

func readCRL(der []byte) (*x509.RevocationList, error) {
	crl, err := x509.ParseRevocationList(der)
	check(err == nil && !crl.NextUpdate.IsZero(), "a CRL that cannot be used")
	for _, extension := range crl.Extensions {
		check(!extension.Critical, "a CRL that cannot be used")
	}
	return crl, nil
}

// Of a file, every DER in PEM.
func unarmor[T any](path string, read func([]byte) (T, error)) (all []T) {
	file := must(os.ReadFile(path))
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, must(read(block.Bytes)))
	}
	check(len(all) > 0, "no PEM in "+path)
	return
}

func verify(document, ca, crlPaths, issued, moment, payer string, paid map[string]bool) {
	at := must(time.Parse(time.RFC3339, moment))
	anchors := unarmor(ca, x509.ParseCertificate)
	var crls []*x509.RevocationList
	for _, path := range strings.Split(crlPaths, ",") {
		if path != "-" {
			crls = append(crls, unarmor(path, readCRL)...)
		}
	}
	signed, signature, leaf, others := readDocument(must(os.ReadFile(document)))
	user := checkLeaf(leaf)
	path := findPath(leaf, anchors, others, at)
	if len(crls) > 0 {
		checkRevocation(path, crls, at)
	}
	digest := sha256.Sum256(signed)
	check(ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), digest[:], signature), "the signature does not fit")
	// NOT BY ITSELF, in any library: what only the bank knows. Compare the bytes of the order, never fields.
	check(bytes.Equal(signed, must(os.ReadFile(issued))), "not the order that the bank issued")
	var order paymentOrder
	check(len(must(asn1.Unmarshal(signed, &order))) == 0 && order.Kind.Equal(idOrder), "not an order")
	check(!order.Issued.After(at.Add(skew)) && !order.Expires.Before(at), "the order is not of this time")
	check(order.Expires.Sub(order.Issued) <= lifetime, "the order lives too long")
	check(payer == user+"="+order.PayerAccount, "not the payer's account")
	// Of the order, never of the file or the signature; in earnest a column that is UNIQUE.
	key := fmt.Sprintf("%q %q %x", order.PayerAccount, order.Number, order.Nonce)
	check(!paid[key], "paid before")
	paid[key] = true
}

func run(line []string, stores map[string]map[string]bool) (answer string) {
	defer func() { // whatever goes wrong: nothing is paid
		if why := recover(); why != nil {
			answer = fmt.Sprintf("refused: %q", fmt.Sprint(why))
		}
	}()
	store := append(line, "-")[6]
	if stores[store] == nil || store == "-" {
		stores[store] = map[string]bool{}
	}
	verify(line[0], line[1], line[2], line[3], line[4], line[5], stores[store])
	return "accepted"
}

func main() {
	lines, stores, status := [][]string{os.Args[1:]}, map[string]map[string]bool{}, 0
	if len(os.Args) == 1 {
		lines = nil
		for scanner := bufio.NewScanner(os.Stdin); scanner.Scan(); {
			lines = append(lines, strings.Split(scanner.Text(), "\t"))
		}
	}
	for _, line := range lines {
		answer := run(line, stores)
		fmt.Println(answer)
		if answer != "accepted" {
			status = 1
		}
	}
	os.Exit(status)
}
