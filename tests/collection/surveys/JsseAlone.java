// A client of the JDK's own JSSE that tries each suite alone, at each version, against a server on loopback.
// Argument: the port. It prints "version suite" for each handshake that succeeded.

import java.io.IOException;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

public class JsseAlone {
    private static final class Anyone implements X509TrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    public static void main(String[] arguments) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new Anyone()}, new SecureRandom());
        SSLSocketFactory factory = context.getSocketFactory();
        for (String version : new String[] {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}) {
            for (String suite : factory.getSupportedCipherSuites()) {
                if (suite.contains("SCSV") || suite.contains("_ECDH_") && !suite.contains("anon")) {
                    continue;
                }
                try (SSLSocket socket = (SSLSocket) factory.createSocket(
                        InetAddress.getByName("127.0.0.1"), Integer.parseInt(arguments[0]))) {
                    socket.setTcpNoDelay(true);  // else each handshake waits for a delayed acknowledgement
                    socket.setSoTimeout(10000);
                    socket.setEnabledProtocols(new String[] {version});
                    socket.setEnabledCipherSuites(new String[] {suite});
                    socket.startHandshake();
                    System.out.println(version + " " + socket.getSession().getCipherSuite());
                } catch (IOException refused) {
                    // Which is what most are, and not printed.
                }
            }
        }
    }
}
