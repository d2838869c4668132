// Verifies a payment that a U-shield token signed. Go's standard library alone; Debian's Go has no CMS package that
// would check more (smallstep's and digitorus's pkcs7 look at no purpose, and Verify of the former at no chain).
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
	"errors"
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

// SignedData as encoding/asn1 reads it: DER only, but what follows, sets out of order and attributes pass. NOT BY ITSELF.
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

type document struct {
	order, signature []byte
	leaf             *x509.Certificate
	certificates     []*x509.Certificate
}

func readDocument(bytesOf []byte) (*document, error) {
	var info contentInfo
	if _, err := asn1.Unmarshal(bytesOf, &info); err != nil {
		return nil, err
	}
	content := info.Content
	all, err := x509.ParseCertificates(content.Certificates.Bytes)
	if err != nil || len(all) > 8 || len(bytesOf) > 16384 || len(content.Signers) != 1 {
		return nil, fmt.Errorf("bad or too many certificates, or not one signer: %v", err)
	}
	signer, one := content.Signers[0], []byte{2, 1, 1}
	var named []*x509.Certificate
	sorted := map[string]bool{}
	for _, certificate := range all {
		serial, _ := asn1.Marshal(certificate.SerialNumber)
		if bytes.Equal(tlv(0x30, certificate.RawIssuer, serial), signer.Name.FullBytes) {
			named = append(named, certificate)
		}
		sorted[string(certificate.Raw)] = true
	}
	if len(named) != 1 {
		return nil, errors.New("the signer's certificate is missing")
	}
	// NOT BY ITSELF: a payment has one form. Write that, and compare.
	var raw []string
	for certificate := range sorted {
		raw = append(raw, certificate)
	}
	sort.Strings(raw)
	certificates := tlv(0xA0, []byte(strings.Join(raw, "")))
	signers := tlv(0x31, tlv(0x30, one, signer.Name.FullBytes, hash, ecDSA, tlv(4, signer.Signature)))
	order := tlv(0x30, data, tlv(0xA0, tlv(4, content.Encapsulated.Content)))
	again := tlv(0x30, one, tlv(0x31, hash), order, certificates, signers)
	if !bytes.Equal(bytesOf, tlv(0x30, signedData, tlv(0xA0, again))) {
		return nil, errors.New("not the one form of a payment")
	}
	return &document{content.Encapsulated.Content, signer.Signature, named[0], all}, nil
}

// NOT BY ITSELF: that the certificate is for payments and for nothing else.
func checkLeaf(leaf *x509.Certificate) (user string, err error) {
	found := map[string][]byte{}
	for _, extension := range leaf.Extensions {
		if _, twice := found[extension.Id.String()]; twice {
			return "", errors.New("an extension stands there twice")
		}
		found[extension.Id.String()] = extension.Value
	}
	key := leaf.RawSubjectPublicKeyInfo
	switch {
	case leaf.Version != 3 || !bytes.Equal(found["2.5.29.37"], purpose):
		return "", errors.New("not for payments alone")
	case !bytes.Equal(found["2.5.29.15"], keyUsage):
		return "", errors.New("not of a payment's key usage")
	case leaf.IsCA:
		return "", errors.New("a CA's certificate")
	case len(key) != 91 || !bytes.HasPrefix(key, p256):
		return "", errors.New("not a key of P-256")
	}
	var users []string
	for _, attribute := range leaf.Subject.Names {
		if text, ok := attribute.Value.(string); ok && attribute.Type.String() == "2.5.4.5" {
			users = append(users, text)
		}
	}
	if len(users) != 1 || users[0] == "" {
		return "", errors.New("no single user ID")
	}
	return users[0], nil
}

// Basic constraints, path lengths and key usage are Verify's; NOT BY ITSELF: all anchors of a file, and purposes.
func mayIssue(ca *x509.Certificate) bool {
	forPayments := len(ca.ExtKeyUsage)+len(ca.UnknownExtKeyUsage) == 0
	for _, purpose := range ca.UnknownExtKeyUsage {
		forPayments = forPayments || purpose.Equal(idPayment)
	}
	return ca.BasicConstraintsValid && ca.IsCA && (ca.KeyUsage == 0 || ca.KeyUsage&x509.KeyUsageCertSign != 0) && forPayments
}

// NOT BY ITSELF: Verify knows no CRLs. The newest must be of this time; what any of them lists is revoked, unless on hold.
func checkRevocation(path []*x509.Certificate, crls []*x509.RevocationList, at time.Time) error {
	for i, certificate := range path[:len(path)-1] {
		var own []*x509.RevocationList
		var newest *x509.RevocationList
		for _, crl := range crls {
			if bytes.Equal(crl.RawIssuer, path[i+1].RawSubject) && crl.CheckSignatureFrom(path[i+1]) == nil {
				own = append(own, crl)
				if newest == nil || crl.ThisUpdate.After(newest.ThisUpdate) {
					newest = crl
				}
			}
		}
		if newest == nil || newest.ThisUpdate.After(at.Add(skew)) || newest.NextUpdate.Before(at) {
			return errors.New("no CRL of the issuer's of this time")
		}
		for _, crl := range own {
			for _, entry := range crl.RevokedCertificates {
				if entry.SerialNumber.Cmp(certificate.SerialNumber) == 0 && !(onHold(entry) && newest.ThisUpdate.After(crl.ThisUpdate)) {
					return errors.New("revoked")
				}
			}
		}
	}
	return nil
}

func onHold(entry pkix.RevokedCertificate) bool {
	for _, extension := range entry.Extensions {
		if extension.Id.String() == "2.5.29.21" {
			return bytes.Equal(extension.Value, []byte{10, 1, 6})
		}
	}
	return false
}

func blocks(path string) (ders [][]byte, err error) {
	file, err := os.ReadFile(path)
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		ders = append(ders, block.Bytes)
	}
	if err == nil && len(ders) == 0 {
		err = errors.New("no PEM in " + path)
	}
	return
}

// What there is to read: the files of one line, and the moment.
func verify(files [4]string, moment, payer string, paid map[string]bool) error {
	at, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		return err
	}
	roots, between, anchors := x509.NewCertPool(), x509.NewCertPool(), []*x509.Certificate{}
	ders, err := blocks(files[1])
	for _, der := range ders {
		anchor, bad := x509.ParseCertificate(der)
		if bad != nil || !mayIssue(anchor) {
			return errors.New("a certificate in the CA file is no CA's")
		}
		roots.AddCert(anchor)
		anchors = append(anchors, anchor)
	}
	if err != nil {
		return err
	}
	var crls []*x509.RevocationList
	for _, path := range strings.Split(files[2], ",") {
		if path == "-" {
			continue
		}
		ders, err := blocks(path)
		if err != nil {
			return err
		}
		for _, der := range ders {
			crl, err := x509.ParseRevocationList(der)
			if err != nil || crl.NextUpdate.IsZero() || critical(crl.Extensions) {
				return errors.New("a CRL that cannot be used")
			}
			crls = append(crls, crl)
		}
	}
	raw, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	document, err := readDocument(raw)
	if err != nil {
		return err
	}
	user, err := checkLeaf(document.leaf)
	if err != nil {
		return err
	}
	for _, certificate := range document.certificates {
		if certificate != document.leaf && mayIssue(certificate) {
			between.AddCert(certificate)
		}
	}
	// ExtKeyUsageAny, because Verify does not know the purpose; checkLeaf and mayIssue do.
	options := x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	chains, err := document.leaf.Verify(options)
	if err != nil {
		return err
	}
	if len(crls) > 0 {
		if err := checkRevocation(chains[0], crls, at); err != nil {
			return err
		}
	}
	digest := sha256.Sum256(document.order)
	if !ecdsa.VerifyASN1(document.leaf.PublicKey.(*ecdsa.PublicKey), digest[:], document.signature) {
		return errors.New("the signature does not fit")
	}
	return checkOrder(document.order, files[3], at, user, payer, paid)
}

func critical(extensions []pkix.Extension) bool {
	for _, extension := range extensions {
		if extension.Critical {
			return true
		}
	}
	return false
}

// NOT BY ITSELF, in any library: what only the bank knows. Compare the bytes of the order, never fields.
func checkOrder(bytesOf []byte, issuedPath string, at time.Time, user, payer string, paid map[string]bool) error {
	var order paymentOrder
	issued, err := os.ReadFile(issuedPath)
	if err != nil || !bytes.Equal(bytesOf, issued) {
		return errors.New("not the order that the bank issued")
	}
	if rest, err := asn1.Unmarshal(bytesOf, &order); err != nil || len(rest) > 0 || !order.Kind.Equal(idOrder) {
		return errors.New("not an order")
	}
	if order.Issued.After(at.Add(skew)) || order.Expires.Before(at) || order.Expires.Sub(order.Issued) > lifetime {
		return errors.New("the order is not of this time")
	}
	if payer != user+"="+order.PayerAccount {
		return errors.New("not the payer's account")
	}
	// Of the order, never of the file or the signature; in earnest a column that is UNIQUE.
	key := fmt.Sprintf("%q %q %x", order.PayerAccount, order.Number, order.Nonce)
	if paid[key] {
		return errors.New("paid before")
	}
	paid[key] = true
	return nil
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
		line = append(line, "-")
		store := line[6]
		if stores[store] == nil || store == "-" {
			stores[store] = map[string]bool{}
		}
		if err := verify([4]string{line[0], line[1], line[2], line[3]}, line[4], line[5], stores[store]); err != nil {
			fmt.Printf("refused: %q\n", err.Error())
			status = 1
		} else {
			fmt.Println("accepted")
		}
	}
	os.Exit(status)
}
