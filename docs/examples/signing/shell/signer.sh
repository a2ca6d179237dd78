#!/usr/bin/env bash
# Ký một yêu cầu bằng chữ ký thông điệp HTTP (RFC 9421), gửi đi và in câu trả lời.
#
#   ./signer.sh -k khoa.pem -i SEC-DEMO-1 POST http://127.0.0.1:8080/v1/events event.json
#   ./signer.sh -k khoa.pem -i SEC-DEMO-1 GET  http://127.0.0.1:8080/v1/events/019a0f5e-...
#
# Cần bash, openssl 3, curl và coreutils. Khóa riêng dạng PEM: Ed25519 (ed25519) hoặc RSA (rsa-pss-sha512).
# Kết thúc bằng 0 khi được nhận, 2 khi bị từ chối, 3 khi không kết nối được.
set -euo pipefail

key="" keyid="" type="application/json"
while getopts "k:i:t:" option; do
  case "$option" in
    k) key="$OPTARG" ;;
    i) keyid="$OPTARG" ;;
    t) type="$OPTARG" ;;
    *) exit 64 ;;
  esac
done
shift $((OPTIND - 1))
if [ -z "$key" ] || [ -z "$keyid" ] || [ $# -lt 2 ]; then
  echo "Cách dùng: $0 -k KHÓA.pem -i TÊN_KHÓA [-t LOẠI_NỘI_DUNG] PHƯƠNG_THỨC ĐỊA_CHỈ [TỆP]" >&2
  exit 64
fi
method="$1" url="$2" file="${3:-}"
for needed in "$key" ${file:+"$file"}; do
  [ -r "$needed" ] || { echo "Không đọc được tệp $needed." >&2; exit 64; }
done

case "$(openssl pkey -in "$key" -noout -text | head -n 1)" in
  ED25519*) algorithm="ed25519" ;;
  *bit*primes*) algorithm="rsa-pss-sha512" ;;
  *) echo "Khóa phải là Ed25519 hoặc RSA; với EC P-256 hãy dùng ví dụ Python hoặc Java." >&2; exit 64 ;;
esac

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

# 1. Những gì được ký: phương thức, đường dẫn, phần sau dấu hỏi nếu có, và nội dung nếu có.
target="/${url#*://*/}"
names='"@method" "@path"'
base="\"@method\": $method
\"@path\": ${target%%\?*}"
if [[ "$target" == *\?* ]]; then
  names="$names \"@query\""
  base="$base
\"@query\": ?${target#*\?}"
fi
headers=()
if [ -n "$file" ]; then
  digest="sha-256=:$(openssl dgst -sha256 -binary "$file" | base64 -w 0):"
  names="$names \"content-digest\" \"content-type\""
  base="$base
\"content-digest\": $digest
\"content-type\": $type"
  headers+=(-H "Content-Digest: $digest" -H "Content-Type: $type" --data-binary "@$file")
fi
params="($names);created=$(date +%s);keyid=\"$keyid\";alg=\"$algorithm\""
printf '%s\n"@signature-params": %s' "$base" "$params" > "$work/base"

# 2. Ký. RSA: PSS với SHA-512, salt 64 byte (RFC 9421 mục 3.3.1).
if [ "$algorithm" = ed25519 ]; then
  openssl pkeyutl -sign -inkey "$key" -rawin -in "$work/base" -out "$work/signature"
else
  openssl dgst -sha512 -sign "$key" -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:64 -sigopt rsa_mgf1_md:sha512 \
    -out "$work/signature" "$work/base"
fi

# 3. Gửi. `Expect:` để trống: không chờ câu trả lời trung gian.
status="$(curl -sS -o "$work/answer" -w '%{http_code}' -X "$method" "$url" -H 'Expect:' "${headers[@]}" \
  -H "Signature-Input: sig1=$params" -H "Signature: sig1=:$(base64 -w 0 < "$work/signature"):")" || {
  echo "Không kết nối được tới $url. Hãy gửi lại đúng yêu cầu này." >&2
  exit 3
}

# 4. Câu trả lời. Lời từ chối có detail (chuyện gì xảy ra) và action (phải làm gì).
if [ "$status" -lt 400 ]; then
  cat "$work/answer"
  # Một tệp tải về phải giữ nguyên từng byte: chỉ xuống dòng sau câu trả lời JSON.
  [ "$(head -c 1 "$work/answer" | tr -d '\0')" != "{" ] || echo
  exit 0
fi
field() { grep -oE "\"$1\":\"([^\"\\\\]|\\\\.)*\"" "$work/answer" | head -n 1 | cut -d '"' -f 4- | sed 's/"$//'; }
echo "Bị từ chối ($status $(field code)): $(field detail)" >&2
field action >&2
cat "$work/answer" >&2
echo >&2
exit 2
