// A TLS server of the JDK's own JSSE with everything enabled that it supports, but fixed ECDH.
// It prints "PORT n", "SUITE name" for each suite enabled, then serves handshakes until it is killed.
// Arguments: PKCS #12 files (password "changeit").

import java.io.FileInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.security.KeyStore;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

public class Jsse {
    public static void main(String[] files) throws Exception {
        char[] password = "changeit".toCharArray();
        KeyStore keys = KeyStore.getInstance("PKCS12");
        keys.load(null, password);
        for (String file : files) {
            KeyStore one = KeyStore.getInstance("PKCS12");
            try (FileInputStream stream = new FileInputStream(file)) {
                one.load(stream, password);
            }
            for (String alias : Collections.list(one.aliases())) {
                keys.setKeyEntry(file, one.getKey(alias, password), password, one.getCertificateChain(alias));
            }
        }
        KeyManagerFactory managers = KeyManagerFactory.getInstance("SunX509");
        managers.init(keys, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(managers.getKeyManagers(), null, null);
        SSLServerSocket listening = (SSLServerSocket) context.getServerSocketFactory()
            .createServerSocket(0, 200, InetAddress.getByName("127.0.0.1"));
        String[] suites = Arrays.stream(listening.getSupportedCipherSuites())
            .filter(name -> !name.contains("SCSV") && !name.contains("KRB5"))
            .filter(name -> !name.contains("_ECDH_") || name.contains("anon"))
            .toArray(String[]::new);
        listening.setEnabledCipherSuites(suites);
        listening.setEnabledProtocols(new String[] {"SSLv2Hello", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"});
        for (String suite : suites) {
            System.out.println("SUITE " + suite);
        }
        System.out.println("PORT " + listening.getLocalPort());
        System.out.flush();
        ExecutorService workers = Executors.newFixedThreadPool(8);
        while (true) {
            SSLSocket accepted = (SSLSocket) listening.accept();
            workers.submit(() -> serve(accepted));
        }
    }

    private static void serve(SSLSocket socket) {
        try (socket) {
            socket.setSoTimeout(5000);
            socket.setTcpNoDelay(true);
            socket.startHandshake();
        } catch (IOException error) {
            // The client ends each handshake: that is what it is here for.
        }
    }
}
