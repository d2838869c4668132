# shellcheck shell=bash
# What build, run and shell share; they source it.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=$(cd "$here/../.." && pwd)

# Where guests are kept between runs, one folder for each set of inputs (about 600 MB).
cache=${USHIELD_VM_DIR:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/ushield-vm}

die() {
  printf '%s: %s\n' "tests/vm/${0##*/}" "$1" >&2
  exit "${2:-1}"
}

# Debian's release that the guest is made of: the host's own, so that one mirror serves both.
suite() {
  local ID='' VERSION_CODENAME=''
  [ ! -r /etc/os-release ] || . /etc/os-release
  if [ "$ID" = debian ] && [ -n "$VERSION_CODENAME" ]; then echo "$VERSION_CODENAME"; else echo bookworm; fi
}

# The guest's packages, in one line.
guest_packages() { sed 's/#.*//' "$here/packages" | xargs; }

# The folder of the guest that this tree describes.
guest_folder() {
  local inputs
  inputs=$({ suite; guest_packages; cat "$here/build" "$here"/init/*; } | sha256sum)
  echo "$cache/guest-${inputs:0:12}"
}

# Installs Debian packages that are missing, as root; says what to do elsewhere.
install_missing() {
  local package missing=()
  command -v dpkg-query >/dev/null || die "the guest is made with Debian's tools (mmdebstrap, apt): run this on Debian or a derivative"
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "some packages are missing; install them: sudo apt-get install ${missing[*]}"
  echo "installing ${missing[*]}" >&2
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=600)
  { "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } \
    >/dev/null || die "apt-get did not install ${missing[*]}"
}

# Puts the programs of this tree into $1: those in $USHIELD_BIN, or release builds of now.
programs() {
  local into=$1 file
  mkdir -p "$into"
  if [ -n "${USHIELD_BIN:-}" ]; then
    for file in "$USHIELD_BIN"/{ushield,cert-tool} "$USHIELD_BIN"/lib*.so; do
      [ ! -f "$file" ] || ln -sf "$(realpath "$file")" "$into/"
    done
  else
    # The whole workspace, as the demo and the other suites build it: another choice of packages is another build.
    while read -r file; do
      ln -sf "$file" "$into/"
    done < <(cd "$tree" && cargo build --quiet --release --workspace --message-format=json-render-diagnostics |
      grep -o '"[^"]*/release/\(ushield\|cert-tool\|lib[^"/]*\.so\)"' | tr -d '"' | sort -u)
  fi
  [ -x "$into/ushield" ] && [ -x "$into/cert-tool" ] || die "there is no ushield and cert-tool in ${USHIELD_BIN:-what cargo built}"
}

# Puts programs of $1 into $2/bin for the guest, each with the host's libraries and loader beside it, so that the guest's
# C library may be older than the host's. Libraries of ours are loaded into the guest's programs, and come as they are.
programs_for_guest() {
  local from=$1 into=$2 file name library
  mkdir -p "$into/bin" "$into/lib"
  for file in "$from"/*; do
    name=${file##*/}
    case $name in
      *.so) cp -L "$file" "$into/lib/$name" ;;
      *)
        while read -r library; do cp -nL "$library" "$into/lib/"; done < <(ldd "$file" | grep -o '/[^ ]*')
        patchelf --set-interpreter /share/lib/ld-linux-x86-64.so.2 --set-rpath /share/lib \
          --output "$into/bin/$name" "$(realpath "$file")"
        ;;
    esac
  done
}
