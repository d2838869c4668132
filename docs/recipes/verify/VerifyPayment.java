// Verifies a payment that a U-shield token signed: BouncyCastle (bcpkix) reads the CMS, the JDK builds the path.
//
//   java -cp bcprov.jar:bcpkix.jar:bcutil.jar VerifyPayment.java DOCUMENT CA CRLS ISSUED AT PAYER
//   java -cp … VerifyPayment.java < LINES    # the same fields and the name of a store, a tab between two
//
// CRLS: files with a comma between, or -. AT: 2026-06-01T08:05:00Z. PAYER: USER=ACCOUNT, who may pay from where.
// Exit code 0: pay. What the libraries do not check by themselves is marked NOT BY ITSELF.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.*;
import java.time.Duration;
import java.time.Instant;
import java.util.*;
import org.bouncycastle.asn1.*;
import org.bouncycastle.asn1.x500.RDN;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.*;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;

public class VerifyPayment {
    static final Duration SKEW = Duration.ofMinutes(5), LIFETIME = Duration.ofHours(24);
    static final String ID_ORDER = "1.3.6.1.4.1.32473.20.1", ID_KP_PAYMENT = "1.3.6.1.4.1.32473.20.2";
    static final HexFormat HEX = HexFormat.of();
    static final byte[] KEY_USAGE = HEX.parseHex("030206c0"); // digitalSignature and nonRepudiation
    static final byte[] PURPOSE = HEX.parseHex("300c060a2b0601040181fd591402"); // id-kp-payment and nothing else
    static final String P256 = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"; // of the key, up to the point
    static final byte[] SHA256 = HEX.parseHex("300b0609608648016503040201"), ECDSA = HEX.parseHex("300a06082a8648ce3d040302");
    static final byte[] DATA = HEX.parseHex("06092a864886f70d010701"), SIGNED_DATA = HEX.parseHex("06092a864886f70d010702");
    static final byte[] ONE = {2, 1, 1};

    record Document(byte[] order, SignerInformation signer, X509Certificate leaf, List<X509Certificate> certificates) {}

    static void check(boolean kept, String why) {
        if (!kept) throw new IllegalArgumentException(why);
    }

    static byte[] tlv(int tag, byte[]... parts) {
        var body = new ByteArrayOutputStream();
        for (byte[] part : parts) body.writeBytes(part);
        int size = body.size();
        var all = new ByteArrayOutputStream();
        all.write(tag);
        if (size > 0xFF) all.writeBytes(new byte[] {(byte) 0x82, (byte) (size >> 8), (byte) size});
        else if (size > 0x7F) all.writeBytes(new byte[] {(byte) 0x81, (byte) size});
        else all.write(size);
        all.writeBytes(body.toByteArray());
        return all.toByteArray();
    }

    static Document readDocument(byte[] bytes) throws Exception {
        check(bytes.length <= 16384, "too large");
        var data = new CMSSignedData(bytes);
        var signers = data.getSignerInfos().getSigners();
        check(signers.size() == 1 && data.getSignedContent() != null, "not one signer, or the content is elsewhere");
        var signer = signers.iterator().next();
        byte[] order = (byte[]) data.getSignedContent().getContent();
        byte[] name = new org.bouncycastle.asn1.cms.IssuerAndSerialNumber(signer.getSID().getIssuer(), signer.getSID().getSerialNumber())
            .getEncoded("DER");
        var certificates = new ArrayList<X509Certificate>();
        var sorted = new TreeSet<byte[]>(Arrays::compareUnsigned);
        X509Certificate leaf = null;
        for (X509CertificateHolder holder : data.getCertificates().getMatches(null)) {
            var certificate = certificate(holder.getEncoded());
            sorted.add(holder.getEncoded());
            certificates.add(certificate);
            if (signer.getSID().match(holder)) {
                check(leaf == null, "two certificates of the signer's name");
                leaf = certificate;
            }
        }
        check(leaf != null && certificates.size() <= 8, "the signer's certificate is missing, or there are too many");
        // NOT BY ITSELF: BouncyCastle takes BER, what follows, attributes, several signers. Write the one form, and compare.
        byte[] info = tlv(0x30, ONE, name, SHA256, ECDSA, tlv(4, signer.getSignature()));
        byte[] content = tlv(0x30, DATA, tlv(0xA0, tlv(4, order)));
        byte[] again = tlv(0x30, ONE, tlv(0x31, SHA256), content, tlv(0xA0, sorted.toArray(new byte[0][])), tlv(0x31, info));
        check(Arrays.equals(bytes, tlv(0x30, SIGNED_DATA, tlv(0xA0, again))), "not the one form of a payment");
        return new Document(order, signer, leaf, certificates);
    }

    static X509Certificate certificate(byte[] der) throws Exception {
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
    }

    /** The contents of an extension; null where there is none. */
    static byte[] extension(X509Extension owner, String oid) {
        byte[] wrapped = owner.getExtensionValue(oid);
        return wrapped == null ? null : ASN1OctetString.getInstance(wrapped).getOctets();
    }

    /** NOT BY ITSELF: that the certificate is for payments and for nothing else. Returns the user's ID. */
    static String checkLeaf(X509Certificate leaf) throws Exception {
        check(leaf.getVersion() == 3 && Arrays.equals(extension(leaf, "2.5.29.37"), PURPOSE), "not for payments alone");
        check(Arrays.equals(extension(leaf, "2.5.29.15"), KEY_USAGE), "not of a payment's key usage");
        check(leaf.getBasicConstraints() < 0, "a CA's certificate");
        var holder = new X509CertificateHolder(leaf.getEncoded());
        String key = HEX.formatHex(holder.getSubjectPublicKeyInfo().getEncoded());
        check(key.startsWith(P256) && key.length() == 182, "not a key of P-256");
        var users = new ArrayList<String>();
        for (RDN part : holder.getSubject().getRDNs())
            for (var attribute : part.getTypesAndValues())
                if (attribute.getType().equals(BCStyle.SERIALNUMBER)) users.add(((ASN1String) attribute.getValue()).getString());
        check(users.size() == 1 && !users.get(0).isEmpty(), "no single user ID");
        return users.get(0);
    }

    /** NOT BY ITSELF for anchors, of which the JDK looks at name and key alone; nor, for any CA, its purposes. */
    static boolean mayIssue(X509Certificate ca) throws Exception {
        boolean signs = ca.getKeyUsage() == null || ca.getKeyUsage()[5];
        boolean forPayments = ca.getExtendedKeyUsage() == null || ca.getExtendedKeyUsage().contains(ID_KP_PAYMENT);
        return ca.getBasicConstraints() >= 0 && signs && forPayments;
    }

    /** The certificates from the leaf to an anchor. */
    static List<X509Certificate> findPath(Document document, List<X509Certificate> anchors, Instant at) throws Exception {
        var trusted = new HashSet<TrustAnchor>();
        for (var anchor : anchors) trusted.add(new TrustAnchor(anchor, null));
        var target = new X509CertSelector();
        target.setCertificate(document.leaf);
        var parameters = new PKIXBuilderParameters(trusted, target);
        parameters.setDate(Date.from(at));
        parameters.setRevocationEnabled(false); // checkRevocation does it
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(document.certificates)));
        var result = (PKIXCertPathBuilderResult) CertPathBuilder.getInstance("PKIX").build(parameters);
        var path = new ArrayList<X509Certificate>();
        for (var certificate : result.getCertPath().getCertificates()) path.add((X509Certificate) certificate);
        var anchor = result.getTrustAnchor().getTrustedCert();
        // NOT BY ITSELF: the anchor's dates and path length; purposes of those between.
        anchor.checkValidity(Date.from(at));
        check(anchor.getBasicConstraints() >= path.size() - 1, "the path is too long");
        for (var between : path.subList(1, path.size())) check(mayIssue(between), "the issuer is no CA");
        path.add(anchor);
        return path;
    }

    /**
     * The newest CRL must be of this time; what any of them lists is revoked, unless on hold. NOT BY ITSELF: with
     * setRevocationEnabled(true) JDK 17 takes what only an older or expired CRL revokes, what is on hold again, a date of tomorrow,
     * and the CRL of a CA that may sign none.
     */
    static void checkRevocation(List<X509Certificate> path, List<X509CRL> crls, Instant at) throws Exception {
        for (int place = 0; place + 1 < path.size(); place++) {
            var issuer = path.get(place + 1);
            var own = new ArrayList<X509CRL>();
            for (var crl : crls) {
                check(crl.getNextUpdate() != null && !crl.hasUnsupportedCriticalExtension() && critical(crl).isEmpty(), "a CRL that cannot be used");
                if (crl.getIssuerX500Principal().equals(issuer.getSubjectX500Principal()) && signed(crl, issuer)) own.add(crl);
            }
            check(!own.isEmpty() && (issuer.getKeyUsage() == null || issuer.getKeyUsage()[6]), "no CRL of the issuer's");
            var newest = Collections.max(own, Comparator.comparing(X509CRL::getThisUpdate));
            for (var crl : own) {
                var entry = crl.getRevokedCertificate(path.get(place).getSerialNumber());
                boolean lifted = entry != null && entry.getRevocationReason() == CRLReason.CERTIFICATE_HOLD
                    && crl.getThisUpdate().before(newest.getThisUpdate());
                check(entry == null || lifted, "revoked");
            }
            check(!newest.getThisUpdate().toInstant().isAfter(at.plus(SKEW)), "the CRL is of the future");
            check(!newest.getNextUpdate().toInstant().isBefore(at), "the CRL is too old");
        }
    }

    static Set<String> critical(X509CRL crl) {
        return crl.getCriticalExtensionOIDs() == null ? Set.of() : crl.getCriticalExtensionOIDs();
    }

    static boolean signed(X509CRL crl, X509Certificate issuer) {
        try {
            crl.verify(issuer.getPublicKey());
            return true;
        } catch (Exception other) {
            return false;
        }
    }

    static void verify(String[] line, Set<String> paid) throws Exception {
        var at = Instant.parse(line[4]);
        var factory = CertificateFactory.getInstance("X.509");
        var anchors = new ArrayList<X509Certificate>();
        for (var anchor : factory.generateCertificates(new ByteArrayInputStream(read(line[1])))) anchors.add((X509Certificate) anchor);
        check(!anchors.isEmpty(), "no CA");
        for (var anchor : anchors) check(mayIssue(anchor), "a certificate in the CA file is no CA's");
        var crls = new ArrayList<X509CRL>();
        for (String path : line[2].equals("-") ? new String[0] : line[2].split(",")) {
            var found = factory.generateCRLs(new ByteArrayInputStream(read(path)));
            check(!found.isEmpty(), "no CRL");
            for (var crl : found) crls.add((X509CRL) crl);
        }
        var document = readDocument(read(line[0]));
        String user = checkLeaf(document.leaf);
        var path = findPath(document, anchors, at);
        if (!crls.isEmpty()) checkRevocation(path, crls, at);
        var verifier = new JcaSimpleSignerInfoVerifierBuilder().build(document.leaf.getPublicKey());
        check(document.signer.verify(verifier), "the signature does not fit");
        // NOT BY ITSELF, in any library: what only the bank knows. Compare the bytes of the order, never fields.
        check(Arrays.equals(document.order, read(line[3])), "not the order that the bank issued");
        var fields = ASN1Sequence.getInstance(document.order);
        var since = ((ASN1GeneralizedTime) fields.getObjectAt(8)).getDate().toInstant();
        var until = ((ASN1GeneralizedTime) fields.getObjectAt(9)).getDate().toInstant();
        check(fields.size() == 11 && fields.getObjectAt(0).equals(new ASN1ObjectIdentifier(ID_ORDER)), "not an order");
        check(!since.isAfter(at.plus(SKEW)) && !until.isBefore(at), "the order is not of this time");
        check(Duration.between(since, until).compareTo(LIFETIME) <= 0, "the order lives too long");
        String number = ((ASN1String) fields.getObjectAt(1)).getString(), account = ((ASN1String) fields.getObjectAt(3)).getString();
        check(line[5].equals(user + "=" + account), "not the payer's account");
        // Of the order, never of the file or the signature; in earnest a column that is UNIQUE.
        String nonce = HEX.formatHex(((ASN1OctetString) fields.getObjectAt(2)).getOctets());
        check(paid.add(account.length() + account + number + " " + nonce), "paid before");
    }

    static byte[] read(String path) throws Exception {
        return Files.readAllBytes(Path.of(path));
    }

    public static void main(String[] arguments) throws Exception {
        var lines = new ArrayList<String[]>();
        if (arguments.length > 0) lines.add(arguments);
        else for (String line : new String(System.in.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) lines.add(line.split("\t"));
        var stores = new HashMap<String, Set<String>>();
        int status = 0;
        for (String[] line : lines) {
            String store = line.length > 6 ? line[6] : "-";
            try {
                verify(line, store.equals("-") ? new HashSet<>() : stores.computeIfAbsent(store, name -> new HashSet<>()));
                System.out.println("accepted");
            } catch (Throwable error) { // whatever goes wrong: nothing is paid
                System.out.println("refused: " + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
                status = 1;
            }
        }
        System.exit(status);
    }
}
