// A judge of XML signatures that shares no code with us: javax.xml.crypto.dsig of the JDK. One file, no dependency.
//
//   verify (secure|legacy) CERTIFICATES FILE...   one line a file: VALID | INVALID | ERROR, tab, file, tab, reason
//   shapes OUT KEY CERTIFICATE                     writes the eight .NET-shaped documents, signed
//   canonical LIST                                 LIST: one "method<TAB>id<TAB>file" a line; prints the canonical form in base64
//
// "secure" is org.jcp.xml.dsig.secureValidation=true. CERTIFICATES is a folder of more candidates (DER or PEM), or "-".

import com.sun.org.apache.xml.internal.security.Init;
import com.sun.org.apache.xml.internal.security.c14n.Canonicalizer;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import javax.xml.crypto.Data;
import javax.xml.crypto.OctetStreamData;
import javax.xml.crypto.URIDereferencer;
import javax.xml.crypto.URIReferenceException;
import javax.xml.crypto.XMLStructure;
import javax.xml.crypto.dsig.*;
import javax.xml.crypto.dsig.dom.DOMSignContext;
import javax.xml.crypto.dsig.dom.DOMValidateContext;
import javax.xml.crypto.dsig.keyinfo.*;
import javax.xml.crypto.dsig.spec.*;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.*;
import org.xml.sax.InputSource;

public class XmlJudge {
    static final String DS = XMLSignature.XMLNS;
    static final XMLSignatureFactory FACTORY = XMLSignatureFactory.getInstance("DOM");

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "verify" -> {
                List<Key> others = others(args[2]);
                for (int i = 3; i < args.length; i++) System.out.println(verify(args[1].equals("secure"), others, args[i]));
            }
            case "shapes" -> shapes(Path.of(args[1]), Path.of(args[2]), Path.of(args[3]));
            case "canonical" -> canonical(Path.of(args[1]));
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    static Document parse(InputSource source) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setExpandEntityReferences(true);
        DocumentBuilder builder = factory.newDocumentBuilder();
        builder.setErrorHandler(null);
        builder.setEntityResolver((name, system) -> new InputSource(new java.io.StringReader("")));
        return builder.parse(source);
    }

    static Document parse(File file) throws Exception {
        try (InputStream in = new FileInputStream(file)) {
            return parse(new InputSource(in));
        }
    }

    static void markIds(Node node) {
        if (node instanceof Element element) {
            for (String name : new String[] {"Id", "ID", "id"})
                if (element.hasAttribute(name)) element.setIdAttribute(name, true);
            String xml = "http://www.w3.org/XML/1998/namespace";
            if (element.hasAttributeNS(xml, "id")) element.setIdAttributeNS(xml, "id", true);
        }
        for (Node child = node.getFirstChild(); child != null; child = child.getNextSibling()) markIds(child);
    }

    static List<Key> others(String folder) throws Exception {
        List<Key> keys = new ArrayList<>();
        if (folder.equals("-")) return keys;
        File[] files = new File(folder).listFiles();
        java.util.Arrays.sort(files);
        for (File file : files)
            try (InputStream in = new FileInputStream(file)) {
                keys.add(CertificateFactory.getInstance("X.509").generateCertificate(in).getPublicKey());
            } catch (Exception notOne) {
                // another file of the folder
            }
        return keys;
    }

    static String verify(boolean secure, List<Key> others, String name) {
        try {
            Document document = parse(new File(name));
            markIds(document.getDocumentElement());
            NodeList found = document.getElementsByTagNameNS(DS, "Signature");
            if (found.getLength() == 0) return "ERROR\t" + name + "\tno signature";
            String reason = "no key";
            for (Key key : keys((Element) found.item(0), others)) {
                DOMValidateContext context = new DOMValidateContext(key, found.item(0));
                context.setProperty("org.jcp.xml.dsig.secureValidation", secure);
                context.setURIDereferencer(local());
                try {
                    XMLSignature signature = FACTORY.unmarshalXMLSignature(context);
                    boolean value = signature.getSignatureValue().validate(context);
                    boolean references = true;
                    try {
                        for (Object one : signature.getSignedInfo().getReferences())
                            references &= ((Reference) one).validate(context);
                    } catch (Exception fault) {
                        if (!value) throw fault;
                        return "ERROR\t" + name + "\t" + String.valueOf(fault.getMessage()).replaceAll("\\s+", " ");
                    }
                    if (value && references) return "VALID\t" + name + "\t";
                    reason = "value " + value + ", references " + references;
                } catch (Exception fault) {
                    if (!reason.startsWith("value")) reason = String.valueOf(fault.getMessage());
                }
            }
            return (reason.startsWith("value") ? "INVALID\t" : "ERROR\t") + name + "\t" + reason.replaceAll("\\s+", " ");
        } catch (Exception fault) {
            return "ERROR\t" + name + "\t" + String.valueOf(fault.getMessage()).replaceAll("\\s+", " ");
        }
    }

    static URIDereferencer local() {
        URIDereferencer usual = FACTORY.getURIDereferencer();
        return (reference, context) -> {
            String uri = reference.getURI();
            if (uri != null && !uri.isEmpty() && !uri.startsWith("#")) throw new URIReferenceException("external " + uri);
            return usual.dereference(reference, context);
        };
    }

    static List<Key> keys(Element signature, List<Key> others) throws Exception {
        List<Key> keys = new ArrayList<>();
        NodeList certificates = signature.getElementsByTagNameNS(DS, "X509Certificate");
        for (int i = 0; i < certificates.getLength(); i++) {
            byte[] der = Base64.getMimeDecoder().decode(certificates.item(i).getTextContent());
            keys.add(CertificateFactory.getInstance("X.509").generateCertificate(new java.io.ByteArrayInputStream(der)).getPublicKey());
        }
        NodeList values = signature.getElementsByTagNameNS(DS, "KeyInfo");
        if (values.getLength() > 0) {
            KeyInfo info = KeyInfoFactory.getInstance("DOM").unmarshalKeyInfo(new javax.xml.crypto.dom.DOMStructure(values.item(0)));
            for (XMLStructure one : info.getContent()) if (one instanceof KeyValue value) keys.add(value.getPublicKey());
        }
        keys.addAll(others);
        return keys;
    }

    // .NET writes <Signature xmlns=...> and inclusive C14N; the other seven combinations stand beside it.
    static void shapes(Path out, Path keyFile, Path certificateFile) throws Exception {
        String pem = Files.readString(keyFile).replaceAll("-----[^-]+-----|\\s", "");
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
        X509Certificate certificate;
        try (InputStream in = Files.newInputStream(certificateFile)) {
            certificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        for (String prefix : new String[] {"ds", ""})
            for (String method : new String[] {CanonicalizationMethod.INCLUSIVE, CanonicalizationMethod.EXCLUSIVE})
                for (boolean spaced : new boolean[] {true, false}) {
                    String body = "<KetQua" + (spaced ? " xmlns=\"urn:vn:ket-qua\"" : "") + " Ma=\"H26.15-251122-0001-KQ1\">\r\n"
                        + "  <NguoiKy>Nguyễn Thị Ánh</NguoiKy>\r\n  <NoiDung><Dong so=\"1\">value</Dong></NoiDung>\r\n</KetQua>";
                    Document document = parse(new InputSource(new java.io.StringReader(body)));
                    sign(document, prefix, method, key, certificate);
                    String name = (prefix.isEmpty() ? "default" : "prefixed") + "-"
                        + (method.equals(CanonicalizationMethod.INCLUSIVE) ? "inclusive" : "exclusive") + "-"
                        + (spaced ? "namespace" : "bare") + ".xml";
                    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                    TransformerFactory.newInstance().newTransformer().transform(new DOMSource(document), new StreamResult(bytes));
                    Files.write(out.resolve(name), bytes.toByteArray());
                }
    }

    static void sign(Document document, String prefix, String method, PrivateKey key, X509Certificate certificate) throws Exception {
        List<Transform> transforms = new ArrayList<>();
        transforms.add(FACTORY.newTransform(Transform.ENVELOPED, (TransformParameterSpec) null));
        if (method.equals(CanonicalizationMethod.EXCLUSIVE)) transforms.add(FACTORY.newTransform(method, (TransformParameterSpec) null));
        Reference reference = FACTORY.newReference("", FACTORY.newDigestMethod(DigestMethod.SHA256, null), transforms, null, null);
        SignedInfo info = FACTORY.newSignedInfo(
            FACTORY.newCanonicalizationMethod(method, (C14NMethodParameterSpec) null),
            FACTORY.newSignatureMethod("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", null),
            Collections.singletonList(reference));
        KeyInfoFactory keys = FACTORY.getKeyInfoFactory();
        KeyInfo keyInfo = keys.newKeyInfo(Collections.singletonList(keys.newX509Data(Collections.singletonList(certificate))));
        DOMSignContext context = new DOMSignContext(key, document.getDocumentElement());
        context.setDefaultNamespacePrefix(prefix);
        FACTORY.newXMLSignature(info, keyInfo).sign(context);
    }

    static void canonical(Path list) throws Exception {
        Init.init();
        for (String line : Files.readAllLines(list)) {
            String[] parts = line.split("\t", -1);
            Document document = parse(new File(parts[2]));
            markIds(document.getDocumentElement());
            Node node = parts[1].isEmpty() ? document : document.getElementById(parts[1]);
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            String[] method = parts[0].split(" ", 2);
            if (method.length > 1) Canonicalizer.getInstance(method[0]).canonicalizeSubtree(node, method[1], out);
            else Canonicalizer.getInstance(method[0]).canonicalizeSubtree(node, out);
            System.out.println(Base64.getEncoder().encodeToString(out.toByteArray()));
        }
    }
}
