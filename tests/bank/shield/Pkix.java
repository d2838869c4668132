import java.io.FileInputStream;
import java.security.Security;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Judges certificates by PKIX with OCSP alone: the responder is the one that the certificate names, and no CRL stands in for it. */
class Pkix {
    public static void main(String[] args) throws Exception {
        Security.setProperty("ocsp.enable", "true");
        Security.addProvider(new org.bouncycastle.jce.provider.BouncyCastleProvider());
        for (int at = 2; at < args.length; at++) {
            System.out.println(judge(args[0], read(args[1]), read(args[at])));
        }
    }

    static X509Certificate read(String path) throws Exception {
        try (FileInputStream in = new FileInputStream(path)) {
            String text = new String(in.readAllBytes());
            // openssl prints the names above the certificate.
            byte[] pem = text.substring(text.indexOf("-----BEGIN")).getBytes();
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new java.io.ByteArrayInputStream(pem));
        }
    }

    static String judge(String provider, X509Certificate ca, X509Certificate own) throws Exception {
        CertPathValidator validator = CertPathValidator.getInstance("PKIX", provider);
        CertPath path = CertificateFactory.getInstance("X.509", provider).generateCertPath(List.of(own));
        PKIXParameters trust = new PKIXParameters(Set.of(new TrustAnchor(ca, null)));
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        checker.setOptions(EnumSet.of(PKIXRevocationChecker.Option.NO_FALLBACK));
        trust.addCertPathChecker(checker);
        if (provider.equals("SUN")) {
            trust.setRevocationEnabled(true);
        }
        try {
            validator.validate(path, trust);
            return "good";
        } catch (CertPathValidatorException refusal) {
            for (Throwable why = refusal; why != null; why = why.getCause()) {
                boolean says = String.valueOf(why.getMessage()).toLowerCase().contains("revoked");
                if (why instanceof CertificateRevokedException || says) {
                    return "revoked";
                }
            }
            throw refusal;
        }
    }
}
