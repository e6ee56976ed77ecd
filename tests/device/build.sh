#!/bin/bash
# Makes the virtual device in DIR, once: Debian 12's kernel with the kernel's own simulated GPIO chip, a root with systemd and
# Python, and a first root that finds the disk. Everything comes from Debian's packages and, for lgpio, from PyPI.
#   build.sh DIR PYTHON
set -euo pipefail
dir=$(realpath -m "$1") python=$2
mkdir -p "$dir/chip" "$dir/kernel" "$dir/first/"{bin,modules,root,proc,sys,dev}
package=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
version=${package#linux-image-}
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends qemu-system-x86 mmdebstrap kmod busybox-static \
    cpio e2fsprogs xz-utils gcc make "linux-headers-$version" > "$dir/apt.log"
cd "$dir"
apt-get download -q "$package" linux-source-6.1 >> apt.log
dpkg-deb -x linux-image-*.deb kernel

# Debian's kernels leave gpio-sim out, and the interrupt simulator that it needs. One module from Debian's own source; the one
# function that is not exported to modules is put in another way.
dpkg-deb --fsys-tarfile linux-source-6.1_*.deb | tar -xO ./usr/src/linux-source-6.1.tar.xz |
    tar -xJ --strip-components=1 -C chip linux-source-6.1/drivers/gpio/gpio-sim.c linux-source-6.1/drivers/gpio/gpiolib.h \
        linux-source-6.1/kernel/irq/irq_sim.c
cd chip
cp drivers/gpio/* kernel/irq/irq_sim.c .
sed -i 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq_safe(irqnum)/' irq_sim.c
printf 'obj-m := gate-gpio-sim.o\ngate-gpio-sim-objs := gpio-sim.o irq_sim.o\n' > Makefile
make -s -C "/lib/modules/$version/build" M="$dir/chip" modules
cd ..

mmdebstrap -q --variant=minbase --include=systemd,systemd-sysv,udev,kmod,python3,procps bookworm rootfs
mkdir -p "rootfs/lib/modules/$version/extra" rootfs/opt/pins rootfs/bench
cp -a "kernel/lib/modules/$version/." "rootfs/lib/modules/$version/"
rm -rf "rootfs/lib/modules/$version/kernel/"{sound,drivers/{gpu,net,infiniband,iio,staging,hwmon,scsi,ata,media,usb}}
cp chip/gate-gpio-sim.ko "rootfs/lib/modules/$version/extra/"
depmod -b rootfs "$version"
"$python" -m pip install -q --target rootfs/opt/pins 'lgpio>=0.2.2.0'

cp /bin/busybox first/bin/
n=10
for module in virtio_pci virtio_blk crc32c_generic ext4; do
    modprobe -d "$dir/rootfs" -S "$version" --show-depends "$module"
done | awk '/^insmod/ && !seen[$2]++ { print $2 }' | while read -r file; do
    cp "$file" "first/modules/$n-$(basename "$file")"
    n=$((n + 1))
done
cat > first/init <<'I'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs none /dev; $b mount -t proc none /proc; $b mount -t sysfs none /sys
for file in /modules/*.ko; do $b insmod "$file"; done
$b mount -t ext4 /dev/vda /root || $b poweroff -f
$b umount /sys; $b umount /proc
exec $b switch_root /root /sbin/init
I
chmod +x first/init
(cd first && find . | cpio -o -H newc 2> /dev/null | gzip -1) > first.gz
cp kernel/boot/vmlinuz-* vmlinuz
rm -rf kernel chip first ./*.deb
touch built
