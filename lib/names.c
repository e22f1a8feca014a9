// SPDX-License-Identifier: LGPL-2.1-or-later
/* Words for the numbers of the ABI. */
#include "hmm_p2p_internal.h"

static const char unknown[] = "unknown";

static const char *const outcome_names[] = {
	[HMM_P2P_OUTCOME_NONE] = "none",
	[HMM_P2P_OUTCOME_PRIVATE] = "private",
	[HMM_P2P_OUTCOME_P2P] = "p2p",
	[HMM_P2P_OUTCOME_MIGRATED] = "migrated",
	[HMM_P2P_OUTCOME_SYSTEM] = "system",
};

static const struct {
	const char *name;
	const char *text;
} reasons[HMM_P2P_REASON_COUNT] = {
	[HMM_P2P_REASON_NONE] = {
		"none",
		"There is no better outcome for this page.",
	},
	[HMM_P2P_REASON_NO_PATH] = {
		"no path",
		"The PCI topology does not let the two devices talk to each other; 'hmmp2p topo --explain' names the bridge, ACS bit or host bridge that decides, and moving a card below the same switch usually helps.",
	},
	[HMM_P2P_REASON_NO_ALIAS] = {
		"no alias",
		"The page lies outside the part of device memory that other devices can reach (the window); enlarge the window if the BAR has room, or move less memory to this device.",
	},
	[HMM_P2P_REASON_READ_ONLY] = {
		"read only",
		"The importer asked to write a page that is copy on write, for example after fork(); the first write has to copy it to RAM, so write to it before it goes to the device.",
	},
	[HMM_P2P_REASON_MIXED_HUGE] = {
		"mixed huge",
		"Only a part of the huge page lies inside the device's window, so all of it came back to RAM; choose a window that is a multiple of the huge page size.",
	},
	[HMM_P2P_REASON_EXPORTER] = {
		"exporter opted out",
		"The driver of the device that holds the page does not allow peer to peer; look for a setting of that driver.",
	},
	[HMM_P2P_REASON_IMPORTER] = {
		"importer opted out",
		"The importer does not take peer-to-peer pages, because its driver or the caller (HMM_P2P_ACCESS_NO_P2P) said so; allow them there.",
	},
	[HMM_P2P_REASON_REMOVED] = {
		"removed",
		"The device that holds the page is being removed, so the page came back to RAM; nothing is lost, and nothing is to be done.",
	},
	[HMM_P2P_REASON_NO_DEVICE_MEMORY] = {
		"no device memory",
		"The device has no room for the page, or your control group (dmem.max) or user (user_limit of hmm_p2p) may have no more of it; bring other memory back to RAM first ('hmmp2p migrate PID RANGE --to ram') or move less.",
	},
	[HMM_P2P_REASON_HOLE] = {
		"hole",
		"Nothing is mapped at this address, so there is no page to move; compare the range with /proc/PID/maps.",
	},
	[HMM_P2P_REASON_NOT_ANON] = {
		"not anonymous",
		"The page belongs to a file, or to a shared, hugetlb, special or unreadable mapping, and only private anonymous memory that can be read can live on a device; copy the data to memory from malloc() first.",
	},
	[HMM_P2P_REASON_BUSY] = {
		"busy",
		"Somebody has a reference on the page, or it is locked or already in motion: try again; if it stays so look for a driver or io_uring buffer that pins it.",
	},
	[HMM_P2P_REASON_NO_MEMORY] = {
		"no system memory",
		"No system memory could be allocated for the page; free some, or raise the memory limit of the process or its control group.",
	},
	[HMM_P2P_REASON_DEVICE_ERROR] = {
		"device error",
		"The device failed to copy the page, which stayed where it was; the kernel log (dmesg) says what the device reported.",
	},
	[HMM_P2P_REASON_KSM] = {
		"merged",
		"KSM (ksmd) has merged the page with others that have the same content, and such a page cannot leave RAM; write to it, or take the memory from ksmd with madvise(MADV_UNMERGEABLE), then try again.",
	},
	[HMM_P2P_REASON_UNTOUCHED] = {
		"untouched",
		"Nobody has touched the page yet, or only to read, so there is nothing to move; to have it touched first on the device, ask for that (HMM_P2P_MIGRATE_POPULATE, 'hmmp2p migrate --populate').",
	},
};

static const char *const counter_names[HMM_P2P_COUNTER_COUNT] = {
	[HMM_P2P_COUNTER_PRIVATE] = "private",
	[HMM_P2P_COUNTER_P2P] = "p2p",
	[HMM_P2P_COUNTER_SENT_HOME] = "sent_home",
	[HMM_P2P_COUNTER_TO_DEVICE] = "to_device",
	[HMM_P2P_COUNTER_POPULATED] = "populated",
	[HMM_P2P_COUNTER_TO_RAM] = "to_ram",
	[HMM_P2P_COUNTER_CPU_FAULT] = "cpu_fault",
	[HMM_P2P_COUNTER_EVICTED] = "evicted",
	[HMM_P2P_COUNTER_HUGE_TO_DEVICE] = "huge_to_device",
	[HMM_P2P_COUNTER_HUGE_TO_RAM] = "huge_to_ram",
	[HMM_P2P_COUNTER_SPLIT] = "split",
	[HMM_P2P_COUNTER_ALLOC_FAILED] = "alloc_failed",
	[HMM_P2P_COUNTER_EVICTED_FULL] = "evicted_full",
	[HMM_P2P_COUNTER_PREFETCHED] = "prefetched",
	[HMM_P2P_COUNTER_PREFETCH_USED] = "prefetch_used",
	[HMM_P2P_COUNTER_REFUSED] = "refused",
};

EXPORT const char *hmm_p2p_outcome_name(unsigned int outcome)
{
	return outcome < ARRAY_SIZE(outcome_names) ? outcome_names[outcome] :
						     unknown;
}

EXPORT const char *hmm_p2p_reason_name(unsigned int reason)
{
	return reason < ARRAY_SIZE(reasons) ? reasons[reason].name : unknown;
}

EXPORT const char *hmm_p2p_reason_text(unsigned int reason)
{
	if (reason < ARRAY_SIZE(reasons))
		return reasons[reason].text;
	return "The driver gave a reason that this library does not know; a newer libhmm_p2p will.";
}

EXPORT const char *hmm_p2p_counter_name(unsigned int counter)
{
	return counter < ARRAY_SIZE(counter_names) ? counter_names[counter] :
						     unknown;
}
