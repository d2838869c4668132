# shellcheck shell=bash
# What a guest script has at hand (tests/vm/README.md). It runs in the guest, as root, in a fresh system.
# The host is 10.0.2.2; /share/env told: NEEDS, PORT (of USB/IP), USB (the token's idVendor:idProduct), SERIAL.

# check NAME COMMAND...: passes when the command does; a command's words are shown when it fails.
check() {
  local name=$1 out status=0
  shift
  out=$("$@" 2>&1) || status=$?
  verdict "$name" "$status" "exit status $status" "$out"
}

# shows NAME PATTERN COMMAND...: the command passes, and a line that it prints matches (extended, as grep -E).
shows() {
  local name=$1 pattern=$2 out status=0
  shift 2
  out=$("$@" 2>&1) || status=$?
  [ $status != 0 ] || grep -qE -- "$pattern" <<<"$out" || status="0, but nothing matches $pattern"
  verdict "$name" "$status" "exit status $status" "$out"
}

# refuses NAME PATTERN COMMAND...: the command fails, and says why.
refuses() {
  local name=$1 pattern=$2 out status=0
  shift 2
  out=$("$@" 2>&1) || status=$?
  if [ $status = 0 ]; then status="0, and should have failed"
  elif grep -qE -- "$pattern" <<<"$out"; then status=0
  else status+=", but nothing matches $pattern"; fi
  verdict "$name" "$status" "exit status $status" "$out"
}

# verdict NAME 0-OR-NOT WHY WORDS
verdict() {
  if [ "$2" = 0 ]; then echo "PASS $1"; else
    printf 'FAIL %s: %s\n' "$1" "$3"
    [ -z "$4" ] || tail -n 25 <<<"$4" | sed 's/^/     | /'
  fi
}

# within SECONDS COMMAND...: tries the command ten times a second until it passes.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "not within the time: $*"; return 1; }
    sleep 0.1
  done
}

# host COMMAND...: one command line carried out on the host, with ushield and cert-tool in its path and USHIELD_CONTROL
# and USHIELD_USBIP those of this script's server; its output and exit status. The server's process is $UP_PID there.
host() {
  local status
  exec 9<>/dev/host
  echo "$*" >&9
  read -r status <&9
  exec 9>&-
  cat /share/answer
  return "$status"
}

# attach [BUSID]: attaches the token with stock usbip, and waits until the kernel has set its configuration.
attach() {
  usbip --tcp-port "$PORT" attach -r 10.0.2.2 -b "${1:-1-1}" && within 60 on_the_bus
}

# detach: pulls every vhci port empty, as stock usbip does.
detach() {
  local port
  for port in $(ports); do usbip detach -p "$port"; done
}

# The vhci ports in use.
ports() { usbip port 2>/dev/null | sed -n 's/^Port \([0-9]*\):.*/\1/p'; }

# on_the_bus [VID:PID]: prints the device's folder in /sys once it is configured.
on_the_bus() {
  local device vendor product configuration
  for device in /sys/bus/usb/devices/[0-9]*-[0-9]*/idVendor; do # `read` alone: a fork is dear under emulation
    device=${device%/idVendor} vendor='' product='' configuration=''
    { read -r vendor <"$device/idVendor" && read -r product <"$device/idProduct" &&
      read -r configuration <"$device/bConfigurationValue"; } 2>/dev/null
    [ "$vendor:$product" = "${1:-$USB}" ] && [ -n "$configuration" ] && echo "$device" && return
  done
  return 1
}

# start_pcscd: starts stock pcscd, and waits until it answers. Its log is /tmp/pcscd.log.
start_pcscd() {
  pcscd --foreground >>/tmp/pcscd.log 2>&1 &
  within 60 test -S /run/pcscd/pcscd.comm
}

# a_reader [PATTERN], no_reader: whether pcscd has one.
a_reader() { opensc-tool -l 2>&1 | grep -E "^[0-9]+ +Yes.*${1:-}"; }
no_reader() { opensc-tool -l 2>&1 | grep -q "No smart card readers found"; }

# The kernel's folder of URB traces has one file for all buses. What is traced stands in /tmp/urbs.
trace() {
  modprobe usbmon
  cat /sys/kernel/debug/usb/usbmon/0u >/tmp/urbs &
  tracer=$!
}

# Copies the trace, and passes if every URB of the copy is answered.
settled() {
  cp /tmp/urbs /tmp/urbs.settled
  ! awk -f /share/urbs.awk /tmp/urbs.settled | grep -q ^unanswered
}

# Gives the host what it judges: the kernel's log, with its levels, and the URBs.
leave() {
  # A trace may end while an answer is under way. So this waits for a trace in which every URB has its answer.
  within 60 settled
  kill "$tracer"
  cp /tmp/urbs.settled /share/urbs
  [ ! -s /tmp/pcscd.log ] || cp /tmp/pcscd.log /share/
  dmesg -x >/share/dmesg
  cat /proc/sys/kernel/tainted >/share/tainted
}

# Brings what the script needs.
prepare() {
  case $NEEDS in
    none | server) ;;
    token) check "attached by usbip" attach ;;
    reader)
      check "attached by usbip" attach
      start_pcscd
      check "stock pcscd has the reader, with the card in it" within 60 a_reader
      ;;
    *) echo "FAIL needs: $NEEDS is not one of none, server, token, reader" ;;
  esac
}

# a_ca: a CA of openssl's, ca.pem and ca.key. certify NAME [OPTION...]: NAME.pem, of the key NAME.pub, issued by it.
a_ca() {
  openssl ecparam -name prime256v1 -genkey -noout -out ca.key &&
    openssl req -x509 -new -key ca.key -subj '/CN=CA of the suite' -days 30 -out ca.pem
}
certify() {
  openssl x509 -new -force_pubkey "$1.pub" -subj "/CN=$1" -CA ca.pem -CAkey ca.key -days 30 -out "$1.pem" "${@:2}"
}

# piv ARGUMENT...: yubico-piv-tool, with the token's reader; its own would have Yubico in its name.
piv() { yubico-piv-tool -r "$SERIAL" "$@"; }

# an_id SLOT: a P-256 key in the slot, certified and installed, by stock programs alone; SLOT.pub and SLOT.pem.
an_id() {
  [ -e ca.pem ] || a_ca
  piv -s "$1" -A ECCP256 -a generate -o "$1.pub" && certify "$1" && piv -s "$1" -a import-certificate -i "$1.pem"
}
