import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.PSSParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Ký một yêu cầu bằng chữ ký thông điệp HTTP (RFC 9421), gửi đi và in câu trả lời.
 *
 * <pre>
 * java Signer.java --key khoa.pem --keyid SEC-DEMO-1 POST http://127.0.0.1:8080/v1/events event.json
 * java Signer.java --key khoa.pem --keyid SEC-DEMO-1 GET  http://127.0.0.1:8080/v1/events/019a0f5e-...
 * </pre>
 *
 * Cần JDK 17 trở lên, không cần thư viện nào khác. Khóa riêng dạng PEM PKCS#8 (như openssl genpkey tạo ra): Ed25519,
 * EC P-256 hoặc RSA. Kết thúc bằng 0 khi được nhận, 2 khi bị từ chối, 3 khi không kết nối được. Với JDK 17, nếu cửa sổ lệnh
 * không dùng UTF-8 (LANG=C), chạy bằng java -Dfile.encoding=UTF-8 Signer.java … để đọc được các câu tiếng Việt.
 */
public final class Signer {
  private final PrivateKey key;
  private final String algorithm;
  private final String keyId;

  private Signer(PrivateKey key, String algorithm, String keyId) {
    this.key = key;
    this.algorithm = algorithm;
    this.keyId = keyId;
  }

  /** Đọc khóa; loại khóa quyết định thuật toán. */
  static Signer load(Path file, String keyId) throws Exception {
    String pem = Files.readString(file, StandardCharsets.US_ASCII);
    if (!pem.contains("-----BEGIN PRIVATE KEY-----")) {
      throw new IllegalArgumentException("Khóa phải là PEM PKCS#8 không mật khẩu (BEGIN PRIVATE KEY).");
    }
    byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
    Map<String, String> kinds = new LinkedHashMap<>();
    kinds.put("Ed25519", "ed25519");
    kinds.put("EC", "ecdsa-p256-sha256");
    kinds.put("RSA", "rsa-pss-sha512");
    for (Map.Entry<String, String> kind : kinds.entrySet()) {
      try {
        PrivateKey key = KeyFactory.getInstance(kind.getKey()).generatePrivate(new PKCS8EncodedKeySpec(der));
        return new Signer(key, kind.getValue(), keyId);
      } catch (InvalidKeySpecException another) {
        continue;
      }
    }
    throw new IllegalArgumentException("Khóa phải là Ed25519, EC P-256 hoặc RSA.");
  }

  /** Chữ ký theo RFC 9421 mục 3.3. ECDSA phải ở dạng IEEE P1363 (r và s nối liền), không phải DER. */
  byte[] sign(byte[] base) throws Exception {
    Signature signature;
    switch (algorithm) {
      case "ed25519" -> signature = Signature.getInstance("Ed25519");
      case "ecdsa-p256-sha256" -> signature = Signature.getInstance("SHA256withECDSAinP1363Format");
      default -> {
        signature = Signature.getInstance("RSASSA-PSS");
        signature.setParameter(new PSSParameterSpec("SHA-512", "MGF1", MGF1ParameterSpec.SHA512, 64, 1));
      }
    }
    signature.initSign(key);
    signature.update(base);
    return signature.sign();
  }

  /** Các tiêu đề phải gửi kèm yêu cầu; body là null khi yêu cầu không có nội dung. */
  Map<String, String> headers(String method, URI url, byte[] body, String contentType) throws Exception {
    Map<String, String> components = new LinkedHashMap<>();
    components.put("@method", method);
    components.put("@path", url.getRawPath());
    if (url.getRawQuery() != null) {
      components.put("@query", "?" + url.getRawQuery());
    }
    Map<String, String> headers = new LinkedHashMap<>();
    if (body != null) {
      byte[] digest = MessageDigest.getInstance("SHA-256").digest(body);
      headers.put("Content-Type", contentType);
      headers.put("Content-Digest", "sha-256=:" + Base64.getEncoder().encodeToString(digest) + ":");
      components.put("content-digest", headers.get("Content-Digest"));
      components.put("content-type", contentType);
    }
    String names = "\"" + String.join("\" \"", components.keySet()) + "\"";
    String params = "(" + names + ");created=" + Instant.now().getEpochSecond() + ";keyid=\"" + keyId
        + "\";alg=\"" + algorithm + "\"";
    List<String> lines = new ArrayList<>();
    components.forEach((name, value) -> lines.add("\"" + name + "\": " + value));
    lines.add("\"@signature-params\": " + params);
    byte[] base = String.join("\n", lines).getBytes(StandardCharsets.US_ASCII);
    headers.put("Signature-Input", "sig1=" + params);
    headers.put("Signature", "sig1=:" + Base64.getEncoder().encodeToString(sign(base)) + ":");
    return headers;
  }

  /** Một trường chuỗi của lời từ chối; đủ cho ví dụ, chương trình thật nên dùng thư viện JSON. */
  static String field(String json, String name) {
    Matcher found = Pattern.compile("\"" + name + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
    return found.find() ? found.group(1) : "";
  }

  public static void main(String[] arguments) throws Exception {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
    Map<String, String> options = new LinkedHashMap<>(Map.of("--content-type", "application/json"));
    List<String> words = new ArrayList<>();
    for (int n = 0; n < arguments.length; n++) {
      if (arguments[n].startsWith("--") && n + 1 < arguments.length) {
        options.put(arguments[n], arguments[++n]);
      } else {
        words.add(arguments[n]);
      }
    }
    if (words.size() < 2 || !options.containsKey("--key") || !options.containsKey("--keyid")) {
      err.println("Cách dùng: java Signer.java --key KHÓA.pem --keyid TÊN_KHÓA PHƯƠNG_THỨC ĐỊA_CHỈ [TỆP]");
      System.exit(64);
    }
    for (String needed : words.size() > 2 ? List.of(options.get("--key"), words.get(2)) : List.of(options.get("--key"))) {
      if (!Files.isReadable(Path.of(needed))) {
        err.println("Không đọc được tệp " + needed + ".");
        System.exit(64);
      }
    }
    Signer signer = load(Path.of(options.get("--key")), options.get("--keyid"));
    String method = words.get(0);
    URI url = URI.create(words.get(1));
    byte[] body = words.size() > 2 ? Files.readAllBytes(Path.of(words.get(2))) : null;
    HttpRequest.Builder request = HttpRequest.newBuilder(url).timeout(Duration.ofSeconds(60)).method(method,
        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofByteArray(body));
    signer.headers(method, url, body, options.get("--content-type")).forEach(request::header);
    HttpResponse<byte[]> answer;
    try {
      answer = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build()
          .send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
    } catch (java.io.IOException error) {
      err.println("Không kết nối được tới " + url + ". Hãy gửi lại đúng yêu cầu này.");
      System.exit(3);
      return;
    }
    if (answer.statusCode() < 400) {
      out.write(answer.body()); // a stored file has to stay as it is, byte for byte: only JSON gets a line end
      if (answer.body().length > 0 && answer.body()[0] == '{') {
        out.println();
      }
      return;
    }
    String refusal = new String(answer.body(), StandardCharsets.UTF_8);
    err.println("Bị từ chối (" + answer.statusCode() + " " + field(refusal, "code") + "): " + field(refusal, "detail"));
    err.println(field(refusal, "action"));
    err.println(refusal);
    System.exit(2);
  }
}
