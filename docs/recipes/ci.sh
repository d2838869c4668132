#!/bin/sh
# A token for the life of one job: no root, no kernel module, nothing kept.
# Needs ushield and cert-tool in PATH. Pays an order of its own, or the one that it is given: ci.sh ORDER.json
set -eu
work=$(mktemp -d)
echo 135246 >"$work/pin"

# Port 0: jobs beside this one have tokens of their own.
ushield up -d --memory --pin-file "$work/pin" --panel accept --listen 127.0.0.1:0 \
  --control "$work/control" --ready-file "$work/ready.json"
export USHIELD_CONTROL="$work/control"
trap 'ushield down; rm -rf "$work"' EXIT
USHIELD_USBIP=$(sed -n 's/.*"listen": "\(.*\)".*/\1/p' "$work/ready.json") # or: jq -r .listen
export USHIELD_USBIP

cert-tool ca init --dir "$work/ca" --no-passphrase
cert-tool enrol --ca "$work/ca" --name 张三 --user-id 6222020200112233 --pin-file "$work/pin"

# Your program here, in the place of these three.
order=${1:-$work/order.json}
[ $# -gt 0 ] || ushield order --out "$order"
ushield pay "$order" --out "$work/payment.cms" --pin-file "$work/pin"
ushield verify "$work/payment.cms" --ca "$work/ca/ca.pem" --crl "$work/ca/crl.pem" --order "$order" \
  --payer 6222020200112233
