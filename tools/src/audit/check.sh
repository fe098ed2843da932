#!/bin/sh
# Checks this evidence with sha256sum and openssl alone. README tells what each step proves, and how to do it by hand.
set -eu
export LC_ALL=C
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

# Whether the file $2 is the signature of the file $1.
signed() {
    openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in "$1" -sigfile "$2" >"$work/said" 2>&1
}

# 1. The files are those in the list.
sha256sum --check --quiet --strict SHA256SUMS || fail 'a file is not the one that SHA256SUMS names'

# 2. The journal vouches for the list.
signed attestation attestation.sig || fail 'attestation.sig is not the signature of attestation'
sum=$(sha256sum SHA256SUMS | cut -c1-64)
grep -qF "sha256=$sum\"" attestation || fail 'the attestation is of another SHA256SUMS'

# 3. Each entry of the ledger is signed, and follows the one before it.
entries=$(wc -l <ledger)
[ "$entries" -eq "$(wc -l <ledger.sig)" ] || fail 'ledger and ledger.sig do not have the same number of lines'
line=0
before=
while IFS= read -r entry <&3 && IFS= read -r signature <&4; do
    line=$((line + 1))
    printf '%s' "$entry" >"$work/entry"
    printf '%s' "$signature" | openssl base64 -d -A >"$work/signature"
    signed "$work/entry" "$work/signature" || fail "line $line of ledger does not have the signature in ledger.sig"
    case $entry in
    '{"n":'*',"at":"'*'","prev":"'"$before"*) ;;
    *) fail "line $line of ledger does not follow the line before it" ;;
    esac
    before="$(sha256sum <"$work/entry" | cut -c1-64)\""
done 3<ledger 4<ledger.sig
[ "$line" -eq "$entries" ] || fail 'ledger could not be read to its end'

echo "OK: the files are unchanged, the journal vouches for them, and $line entries of its ledger are signed and chained"
echo "Compare the key with the one you know: $(sha256sum public.pem)"
