// A JUnit 5 test with a token: `ushield run -- mvn test`.

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;
import java.util.Collections;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;

@EnabledIfEnvironmentVariable(named = "USHIELD_JAVA_CFG", matches = ".+")
class TokenTest {
    static Provider provider;
    static KeyStore store;

    @BeforeAll
    static void open() throws Exception {
        provider = Security.getProvider("SunPKCS11").configure(System.getenv("USHIELD_JAVA_CFG"));
        Security.addProvider(provider);
        store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, System.getenv("USHIELD_PIN").toCharArray());
    }

    @Test
    void theKeySigns() throws Exception {
        for (String alias : Collections.list(store.aliases())) {
            if (!store.isKeyEntry(alias)) continue;
            byte[] data = "data".getBytes();
            Signature signer = Signature.getInstance("SHA256withECDSA", provider);
            signer.initSign((PrivateKey) store.getKey(alias, null));
            signer.update(data);
            byte[] signature = signer.sign();
            Signature verifier = Signature.getInstance("SHA256withECDSA");
            verifier.initVerify(store.getCertificate(alias));
            verifier.update(data);
            assertTrue(verifier.verify(signature));
            return;
        }
        throw new AssertionError("no key on the token signs");
    }
}
