#!/usr/bin/env bash
# Boots Debian's kernel in qemu with a small initramfs that holds the static kring, kubectl and images, and runs
# guest.sh in it: the pod flow where cgroup v2 is pure and complete. No disk, no network card.
#   usage: tests/vm/run_vm.sh amd64|arm64 BUILD_DIR KERNEL_DIR KUBECTL BUSYBOX
set -euo pipefail
arch=$1 build=$(readlink -f "$2") kernel=$(readlink -f "$3") kubectl=$(readlink -f "$4") busybox=$(readlink -f "$5")
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d /tmp/kring-vm.XXXXXX)
trap 'rm -rf "$work"' EXIT

tree=$work/tree
mkdir -p "$tree"/{bin,proc,sys,dev,new,images,modules,manifests}
cp "$busybox" "$tree/bin/busybox"
cp "$build/kring" "$tree/bin/kring"
cp "$kubectl" "$tree/bin/kubectl"
cp "$build"/images/kuard-1.tar "$build"/images/busybox.tar "$tree/images/"
cp "$here/../../examples/walk-through/"0[134]*.yaml "$here"/manifests/*.yaml "$tree/manifests/"
[[ $arch == amd64 ]] || sed -i "s/kuard-amd64/kuard-$arch/" "$tree"/manifests/*.yaml
version=$(ls "$kernel/lib/modules")
for module in overlay veth; do
  cp "$(find "$kernel/lib/modules/$version" -name "$module.ko")" "$tree/modules/"
done
cp "$here/guest.sh" "$tree/guest.sh"
cat >"$tree/init" <<'I'
#!/bin/busybox sh
# pivot_root does not work on the initial rootfs: move to a tmpfs first.
/bin/busybox mount -t tmpfs -o size=90%,mode=755 tmpfs /new
/bin/busybox cp -a /bin /images /modules /manifests /guest.sh /new/
/bin/busybox mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/etc /new/var/lib /new/run
exec /bin/busybox switch_root /new /guest.sh
I
chmod 755 "$tree/init" "$tree/guest.sh"
(cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd"

common=(-smp 2 -m 1536 -nographic -no-reboot -nic none -kernel "$kernel/vmlinuz" -initrd "$work/initrd")
case $arch in
  amd64)
    qemu=(qemu-system-x86_64 -machine q35 -cpu max -accel tcg,thread=multi "${common[@]}"
      -append "console=ttyS0 quiet panic=-1 rdinit=/init systemd.unified_cgroup_hierarchy=1")
    ;;
  arm64)
    qemu=(qemu-system-aarch64 -M virt -cpu cortex-a72 -accel tcg,thread=multi "${common[@]}"
      -append "console=ttyAMA0 quiet panic=-1 rdinit=/init")
    ;;
  *)
    echo "run_vm.sh: unknown architecture $arch" >&2
    exit 2
    ;;
esac
timeout 600 "${qemu[@]}" </dev/null 2>&1 | tr -d '\r' | tee "$work/console" | grep --line-buffered -a '^vm:' || :
if ! grep -aq '^vm: done, 0 failed$' "$work/console"; then
  echo "run_vm.sh: the guest did not pass; the console's last lines:" >&2
  tail -n 60 "$work/console" >&2
  exit 1
fi
