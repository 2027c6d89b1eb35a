#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What QEMU's guest sees first: busybox, the modules that it needs to see the
# host's files, and a script that goes there.  Prints the file's name.  Called
# with the cache locked.
#
#   initramfs.sh KERNEL

. "$(dirname "$0")/lib.sh"

kernel=$1
out=$kernel/.initramfs
busybox=$(command -v busybox)
key=$(hash_text "$(cat "$0" "$kernel/.mtty-mig-stamp")" "$(sha256sum <"$busybox")")
if stamped "$out" "$key"; then
	echo "$out/initramfs"
	exit 0
fi

root=$CACHE/tmp/initramfs
rm -rf "$root" "$out"
mkdir -p "$root"/{bin,dev,proc,root,modules} "$out"
cp "$busybox" "$root/bin/busybox"
# If it is not a static one: the loader and what it asks for.
{ ldd "$busybox" 2>/dev/null || true; } | sed -n 's,^[^/]*\(/[^ ]*\).*,\1,p' |
	while read -r library; do cp --parents -L "$library" "$root/"; done
modules=
if [ -e "$kernel/initramfs.modules" ]; then
	modules=$(tr '\n' ' ' <"$kernel/initramfs.modules")
	for module in $modules; do
		cp "$kernel/modules/$module.ko" "$root/modules/"
	done
fi
cat >"$root/init" <<END
#!/bin/busybox sh
die() { echo "initramfs: \$1"; sleep 3; exec /bin/busybox poweroff -f; }
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
for module in $modules; do
	/bin/busybox insmod "/modules/\$module.ko" || die "\$module.ko did not load"
done
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose \\
	root /root || die "the host's files cannot be mounted"
/bin/busybox umount /proc
/bin/busybox umount /dev
exec /bin/busybox switch_root /root "\$LAB/guest-init.sh"
die "there is no \$LAB/guest-init.sh"
END
chmod +x "$root/init"
pack() {
	(cd "$root" && find . | "$busybox" cpio -o -H newc >"$out/initramfs")
}
step initramfs pack
rm -rf "$root"
stamp "$out" "$key"
echo "$out/initramfs"
