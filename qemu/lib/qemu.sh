# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# A topology file becomes a QEMU command, with the accelerators that are served to it; a guest boots and leaves its
# console, results and status in a folder.

topologies() { (cd "$lab/topologies" && printf '%s ' *); }

topology_file() { printf '%s\n' "$lab/topologies/$1"; }

# topology_lines NAME: as this host, of one or two, sees them. @HOST@ is its number and @PEER@ the other's.
host=1
topology_lines() { sed "s/@HOST@/$host/g; s/@PEER@/$((3 - host))/g" "$(topology_file "$1")"; }

# topology_values NAME KEY: the values of KEY, one per line.
topology_values() { topology_lines "$1" | sed -n "s/^$2=//p"; }

topology_value() { topology_values "$1" "$2" | tail -n 1; }

topology_check() {
	[ -f "$(topology_file "$1")" ] || die "there is no topology $1; there are: $(topologies)"
	bad=$(grep -nvE '^(#.*|desc=.*|disk=[a-z0-9]+ [0-9]+[KMG]|(cpu|smp|memory|machine|thread|icount|object|numa|drive|netdev|device|chardev|append|module|hosts|tree|server|root)=.+|)$' \
		"$(topology_file "$1")") && die "topology $1 has a line that means nothing: $bad"
	return 0
}

kernel_append() {
	printf '%s' "console=ttyS0 ignore_loglevel printk.devkmsg=on log_buf_len=8M panic=-1 oops=panic mitigations=off tsc=nowatchdog no_timer_check"
	[ "$2" != debug ] || printf ' preempt=full'
	topology_values "$1" append | while IFS= read -r words; do printf ' %s' "$words"; done
	[ -z "${want_append:-}" ] || printf ' %s' "$want_append"
}

# qemu_args TOPOLOGY KERNEL MODE: the command, one word per line, with paths as they are inside the tree. The
# topology's devices come first: an IOMMU must stand before what it translates, and their addresses stay the same
# whatever the lab adds.
qemu_args() {
	printf '%s\n' qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot
	accel_args "$1"
	printf '%s\n' -machine "q35$(topology_values "$1" machine | while IFS= read -r word; do printf ',%s' "$word"; done)"
	printf '%s\n' -cpu "$(topology_value "$1" cpu)" -smp "$(topology_value "$1" smp)" -m "$(topology_value "$1" memory)"
	topology_lines "$1" | sed -nE 's/^(object|numa|drive|netdev|chardev|device)=(.*)/-\1\n\2/p'
	printf '%s\n' -kernel /kernel/vmlinuz -initrd /out/initrd -append "$(kernel_append "$1" "$2")"
	printf '%s\n' -fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap
	# Behind a PCIe port, which the topology names, it outlives a suspend of the guest's devices.
	root_bus=$(topology_value "$1" root)
	[ -z "$root_bus" ] || root_bus=$root_bus,x-pcie-pm-no-soft-reset=on
	printf '%s\n' -device "virtio-9p-pci,bus=${root_bus:-pcie.0},fsdev=root,mount_tag=root"
	printf '%s\n' -serial file:/out/console.log
	[ "$3" != shell ] || printf '%s\n' -chardev stdio,id=terminal,mux=on,signal=off -serial chardev:terminal
	printf '%s\n' -device virtio-serial-pci,bus=pcie.0
	for port in results status; do
		printf '%s\n' -chardev "file,id=$port,path=/out/$port" -device "virtserialport,chardev=$port,name=$port"
	done
	# The monitor and the guest's port to it are two ends of one socket, both in this QEMU.
	printf '%s\n' -chardev socket,id=monitor,path=/out/monitor,server=on,wait=off
	printf '%s\n' -object monitor-hmp,id=hmp,chardev=monitor,readline=on
	printf '%s\n' -chardev socket,id=guest-monitor,path=/out/monitor
	printf '%s\n' -device virtserialport,chardev=guest-monitor,name=monitor
}

# The command as one could type it.
qemu_show() {
	qemu_args "$@" | awk '
		/[^A-Za-z0-9_.,:\/=-]/ { $0 = "\047" $0 "\047" }
		NR == 1 { printf "%s", $0; next }
		/^-/ { printf " \\\n    %s", $0; next }
		{ printf " %s", $0 }
		END { print "" }'
}

# conf NAME VALUE: one variable of guest.conf.
conf() { printf "%s='%s'\n" "$1" "$(printf '%s' "$2" | sed "s/'/'\\\\''/g")"; }

guest_conf() {
	conf topology "$1"
	conf host "$host"
	conf kernel "$2"
	conf mode "$3"
	conf release "$(kernel_release "$2")"
	conf modules "hmm_p2p_uapi$nl$(topology_values "$1" module)$nl$(with_modules "$2")"
	conf with "${boot_with:-}"
	conf theirs "$(with_modules "$2" | awk '{ print $1 }')"
	conf disks "$(topology_values "$1" disk | awk '{ printf " %s ", $1 }')"
	conf tests "${boot_tests:-}"
	conf limit "${boot_limit:-120}"
	conf program "${boot_program:-}"
	conf arguments "${boot_arguments:-}"
	conf share "${boot_share:-}"
	conf cases "${want_test:-}"
	if [ "$3" = shell ]; then
		conf term "${TERM:-vt100}"
		size=$(stty size 2>/dev/null) || size="24 80"
		conf rows "${size% *}"
		conf columns "${size#* }"
	fi
}

# tree_of TOPOLOGY: what its guests have as their root: with tree=NAME one that has the packages of qemu/packages.NAME, too.
tree_of() (
	more=$(topology_value "$1" tree)
	plain=$tree
	if [ -n "$more" ]; then more_tree_path "$more"; else printf '%s\n' "$tree"; fi
)

# What a guest sees besides its tree, $root; $out is this boot's folder, and in $wire the sockets of two hosts meet.
guest_enter() (
	kernel=$(kernel_dir "$1")
	shift
	mkdir -p "$wire"
	tree=$root
	enter "$repo:/src:ro" "$stage:/build:ro" "$kernel:/kernel:ro" "$out:/out" "$wire:/wire" -- "$@"
)

# A topology's disks are empty files that live as long as the guest: drive=...,file=/out/NAME.img
make_disks() {
	topology_values "$1" disk | while read -r name size; do
		truncate -s "$size" "$out/$name.img"
	done
}

# boot TOPOLOGY KERNEL MODE SECONDS: returns when QEMU has ended; 124 and 137 are a timeout, 0 says nothing yet.
boot() (
	root=$(tree_of "$1")
	guest_conf "$1" "$2" "$3" >"$out/guest.conf"
	qemu_show "$1" "$2" "$3" >"$out/command"
	guest_enter "$2" /src/qemu/build/initrd "$(kernel_release "$2")" >"$out/initrd.log" 2>&1 || exit
	make_disks "$1"
	topology_values "$1" server >"$out/servers"
	rm -f "$out"/*.sock "$out"/*.control "$out"/*.ready
	: >"$out/console.log"
	: >"$out/results"
	: >"$out/status"
	kernel=$2 mode=$3 seconds=$4
	IFS=$nl
	set -f
	# shellcheck disable=SC2046 # one word per line
	set -- $(qemu_args "$1" "$2" "$3")
	unset IFS
	[ ! -s "$out/servers" ] || set -- /src/qemu/build/serve /out/servers "$@"
	boot_status=0
	if [ "$mode" = shell ]; then
		guest_enter "$kernel" "$@" 2>"$out/qemu.log" || boot_status=$?
	else
		guest_enter "$kernel" timeout -k 10 "$seconds" "$@" >"$out/qemu.log" 2>&1 || boot_status=$?
	fi
	rm -f "$out"/*.img
	exit "$boot_status"
)

# The folder of the second host, in that of the first.
second=host2

# boot_hosts TOPOLOGY KERNEL MODE SECONDS: the topology's one or two hosts (for a shell, the first); returns as boot does,
# for the first.
boot_hosts() {
	wire=$out/wire
	if [ "$(topology_value "$1" hosts)" != 2 ] || [ "$3" = shell ]; then
		boot "$@"
		return
	fi
	mkdir -p "$out/$second"
	(host=2 out=$out/$second && boot "$@") &
	second_pid=$!
	first_status=0 second_status=0
	boot "$@" || first_status=$?
	wait "$second_pid" || second_status=$?
	echo "$second_status" >"$out/$second/ended"
	return "$first_status"
}

# verdict STATUS: how the boot whose files are in $out ended: "finished", or the failure.
verdict() {
	if grep -q '^exit [0-9]' "$out/status"; then
		echo finished
	elif grep -q 'Kernel panic - not syncing' "$out/console.log"; then
		sed -n 's/.*\(Kernel panic - not syncing.*\)/panic: \1/p' "$out/console.log" | head -n 1 | tr -d '\r'
	elif [ "$1" = 124 ] || [ "$1" = 137 ]; then
		echo "timeout: the guest was still running"
	elif [ ! -s "$out/console.log" ]; then
		echo "QEMU did not start: $(tail -n 1 "$out/qemu.log" "$out/initrd.log" 2>/dev/null | tr '\n' ' ')"
	else
		echo "silent: the guest ended and said nothing on its status channel"
	fi
}
