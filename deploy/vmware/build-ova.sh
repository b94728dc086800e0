#!/usr/bin/env bash
# Assembles an OVA of a cloud image and our package, with what Debian ships: qemu-img (qemu-utils), mke2fs (e2fsprogs), tar.
# The image stays as it is: cloud-init in it reads the OVF properties, installs the package from a second disk and starts the set-up.
# It needs cloud-init and open-vm-tools in the image, and the drivers vmxnet3 and pvscsi, as the server images of Ubuntu have them.
#
# Usage: build-ova.sh --image IMAGE --package FILE --out FILE.ova
#                     [--packs DIR] [--version V] [--disk GIB] [--cpus N] [--memory MB] [--user-data FILE]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
fail() { echo "build-ova: $*" >&2; exit 1; }

image='' package='' out='' packs='' version=dev disk=40 cpus=2 memory=4096 userdata=$here/../cloud-init/user-data
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case "$1" in
    --image) image=$2 ;;
    --package) package=$2 ;;
    --out) out=$2 ;;
    --packs) packs=$2 ;;
    --version) version=$2 ;;
    --disk) disk=$2 ;;
    --cpus) cpus=$2 ;;
    --memory) memory=$2 ;;
    --user-data) userdata=$2 ;;
    *) fail "$1 is unknown; see the head of this file" ;;
  esac
  shift 2
done
[ -n "$image" ] && [ -n "$package" ] && [ -n "$out" ] || fail "--image, --package and --out are needed"
for file in "$image" "$package" "$userdata"; do [ -f "$file" ] || fail "$file is no file"; done
for number in "$disk" "$cpus" "$memory"; do [[ $number =~ ^[1-9][0-9]*$ ]] || fail "$number is no number"; done
[[ $version =~ ^[A-Za-z0-9.+~_-]+$ ]] || fail "--version $version: letters, digits and .+~_- alone"
case "$package" in *.deb | *.rpm) ;; *) fail "$package is no deb or rpm" ;; esac
for tool in qemu-img mke2fs tar sha256sum; do command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin; command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install qemu-utils e2fsprogs tar coreutils"; done
image=$(realpath "$image") out=$(realpath -m "$out")
name=$(basename "$out" .ova)
[[ $name =~ ^[A-Za-z0-9._-]+$ ]] || fail "--out: letters, digits and ._- alone in the name"

work=$(mktemp -d "$(dirname "$out")/.build-ova.XXXXXX")
trap 'rm -rf "$work"' EXIT

# stream FROM TO: the disk format of OVF.
stream() { qemu-img convert -O vmdk -o subformat=streamOptimized,adapter_type=lsilogic "$1" "$2"; }
size() { stat -c %s "$1"; }
# capacity VMDK: what the guest sees, in bytes.
capacity() { qemu-img info --output=json "$1" | sed -nE 's/^ *"virtual-size": ([0-9]+),?$/\1/p' | tail -n 1; }

# The image under an overlay that is larger: cloud-init grows the file system into it at the first boot.
format=$(qemu-img info --output=json "$image" | sed -nE 's/^ *"format": "([a-z0-9]+)",?$/\1/p' | tail -n 1)
have=$(capacity "$image")
[ "$have" -le $((disk << 30)) ] || fail "the image is larger than $disk GiB: use --disk"
qemu-img create -q -f qcow2 -F "$format" -b "$image" "$work/system.qcow2" "${disk}G"
stream "$work/system.qcow2" "$work/$name-system.vmdk"

# The second disk: the package, and packs. mke2fs fills it without root.
mkdir "$work/payload"
cp "$package" "$work/payload/pack-registry.${package##*.}"
[ -z "$packs" ] || cp -R "$packs" "$work/payload/packs"
chmod -R a+rX "$work/payload"
megabytes=$(($(du -sm --apparent-size "$work/payload" | cut -f1) * 11 / 10 + 16))
mke2fs -q -t ext4 -O ^has_journal -m 0 -L PACKREGISTRY -E root_owner=0:0 -d "$work/payload" "$work/payload.raw" "${megabytes}M" >/dev/null
stream "$work/payload.raw" "$work/$name-payload.vmdk"

sed -e "s|@SYSTEM_FILE@|$name-system.vmdk|; s|@SYSTEM_SIZE@|$(size "$work/$name-system.vmdk")|; s|@SYSTEM_CAPACITY@|$(capacity "$work/$name-system.vmdk")|" \
  -e "s|@PAYLOAD_FILE@|$name-payload.vmdk|; s|@PAYLOAD_SIZE@|$(size "$work/$name-payload.vmdk")|; s|@PAYLOAD_CAPACITY@|$(capacity "$work/$name-payload.vmdk")|" \
  -e "s|@CPUS@|$cpus|; s|@MEMORY@|$memory|; s|@VERSION@|$version|; s|@USER_DATA@|$(base64 -w 0 "$userdata")|" \
  "$here/pack-registry.ovf.in" >"$work/$name.ovf"
! grep -n '@[A-Z_]*@' "$work/$name.ovf" || fail "the descriptor has gaps"

# The descriptor has to come first, and the rest in the order of its references (DSP0243, 6).
files=("$name.ovf" "$name.mf" "$name-system.vmdk" "$name-payload.vmdk")
(cd "$work" && for f in "${files[0]}" "${files[@]:2}"; do echo "SHA256($f)= $(sha256sum "$f" | cut -d' ' -f1)"; done >"$name.mf")
tar -C "$work" --format=ustar --owner=0 --group=0 --numeric-owner --mode=0644 -cf "$work/$name.ova" "${files[@]}"
mv "$work/$name.ova" "$out"
echo "$out"
