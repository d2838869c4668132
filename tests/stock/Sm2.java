// BouncyCastle judges what a token of SM2 and its CA wrote. It knows nothing of U-shield, and takes the identifier of who signs by itself.
//
//   java -cp bcprov.jar:bcpkix.jar:bcutil.jar Sm2.java certificate CERTIFICATE CA
//   java -cp … Sm2.java path CERTIFICATE CA CRL
//   java -cp … Sm2.java crl CRL CA
//   java -cp … Sm2.java cms DOCUMENT CA CONTENT    # writes what was signed to CONTENT
//
// Prints `good` with the algorithm and exits with 0, or `refused` with the reason and exits with 1.

import java.io.FileInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Security;
import java.security.cert.*;
import java.util.*;
import org.bouncycastle.asn1.ASN1InputStream;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

class Sm2 {
    static final String SM2_WITH_SM3 = "1.2.156.10197.1.501", SM3 = "1.2.156.10197.1.401";

    public static void main(String[] given) {
        Security.addProvider(new BouncyCastleProvider());
        try {
            System.out.println("good: " + judge(given));
        } catch (Exception fault) {
            System.out.println("refused: " + fault);
            System.exit(1);
        }
    }

    static String judge(String[] given) throws Exception {
        var ca = certificate(given[2]);
        switch (given[0]) {
            case "certificate": {
                var certificate = certificate(given[1]);
                certificate.verify(ca.getPublicKey(), "BC");
                return certificate.getSigAlgOID();
            }
            case "path":
                return path(certificate(given[1]), ca, crl(given[3]));
            case "crl": {
                var crl = crl(given[1]);
                crl.verify(ca.getPublicKey(), "BC");
                return crl.getSigAlgOID() + ", " + (crl.getRevokedCertificates() == null ? 0 : crl.getRevokedCertificates().size()) + " revoked";
            }
            case "cms":
                return cms(Files.readAllBytes(Path.of(given[1])), ca, Path.of(given[3]));
            default:
                throw new IllegalArgumentException(given[0]);
        }
    }

    /// The path of RFC 5280, 6, with revocation.
    static String path(X509Certificate leaf, X509Certificate ca, X509CRL crl) throws Exception {
        var parameters = new PKIXParameters(Set.of(new TrustAnchor(ca, null)));
        parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(List.of(crl)), "BC"));
        parameters.setRevocationEnabled(true);
        var path = CertificateFactory.getInstance("X.509", "BC").generateCertPath(List.of(leaf));
        var result = (PKIXCertPathValidatorResult) CertPathValidator.getInstance("PKIX", "BC").validate(path, parameters);
        return result.getPublicKey().getAlgorithm() + " key, up to " + result.getTrustAnchor().getTrustedCert().getSubjectX500Principal();
    }

    /// The one signer's signature, by the certificate in the document, which this CA signed.
    static String cms(byte[] bytes, X509Certificate ca, Path content) throws Exception {
        try (var input = new ASN1InputStream(bytes)) {
            if (input.readObject() == null || input.read() >= 0) throw new IllegalArgumentException("something follows the document");
        }
        var document = new CMSSignedData(bytes);
        var signers = document.getSignerInfos().getSigners();
        if (signers.size() != 1) throw new IllegalArgumentException(signers.size() + " signers");
        SignerInformation signer = signers.iterator().next();
        var holder = (X509CertificateHolder) document.getCertificates().getMatches(signer.getSID()).iterator().next();
        var certificate = new JcaX509CertificateConverter().setProvider("BC").getCertificate(holder);
        certificate.verify(ca.getPublicKey(), "BC");
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate)))
            throw new IllegalArgumentException("the signature is not the signer's");
        if (!signer.getEncryptionAlgOID().equals(SM2_WITH_SM3) || !signer.getDigestAlgOID().equals(SM3))
            throw new IllegalArgumentException("signed by " + signer.getEncryptionAlgOID() + " with " + signer.getDigestAlgOID());
        Files.write(content, (byte[]) document.getSignedContent().getContent());
        return signer.getEncryptionAlgOID() + " with " + signer.getDigestAlgOID();
    }

    static X509Certificate certificate(String file) throws Exception {
        try (var input = new FileInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509", "BC").generateCertificate(input);
        }
    }

    static X509CRL crl(String file) throws Exception {
        try (var input = new FileInputStream(file)) {
            return (X509CRL) CertificateFactory.getInstance("X.509", "BC").generateCRL(input);
        }
    }
}
