# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# What runs the guests' code: QEMU itself (tcg), or the host's processor (kvm) where that was asked for and works.

accel=tcg
kvm_seconds=30

# What each guest's QEMU gets. Some topologies are about what only TCG can do.
accel_args() {
	icount=$(topology_value "$1" icount)
	threads=$(topology_value "$1" thread)
	if [ -n "$icount" ]; then
		printf '%s\n' -accel tcg,thread=single -icount "$icount" -seed 1
	elif [ "$accel" = kvm ]; then
		printf '%s\n' -accel kvm
	else
		printf '%s\n' -accel "tcg,thread=${threads:-multi}"
	fi
}

# kvm_boot KERNEL: the kernel, and no root: when it has got as far as to miss that, KVM runs guests. Output: its console.
kvm_boot() {
	enter "$(kernel_dir "$1"):/kernel:ro" -- timeout -k 5 "$kvm_seconds" qemu-system-x86_64 -nodefaults -no-user-config \
		-display none -no-reboot -accel kvm -machine q35 -cpu "$(topology_value demo cpu)" -m 512M \
		-kernel /kernel/vmlinuz -append "console=ttyS0 panic=-1" -serial stdio
}

# accel_ready KERNEL: sets $accel to what was asked for, or to what works; says so.
accel_ready() {
	[ "${want_accel:-tcg}" = kvm ] || return 0
	if [ ! -c /dev/kvm ]; then
		say "no KVM here (there is no /dev/kvm): TCG instead"
	elif step "trying KVM" "$logs/kvm.log" kvm_boot "$1"; grep -q 'Unable to mount root fs' "$logs/kvm.log"; then
		accel=kvm
	else
		say "KVM did not boot the kernel $1 within $kvm_seconds s ($logs/kvm.log): TCG instead"
	fi
}
