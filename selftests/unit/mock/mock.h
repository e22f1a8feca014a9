/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver that lives in the test: the rules of <linux/hmm_p2p.h> about
 * structures, and a small model of devices and one process's memory.
 *
 * Linked into a test or preloaded into the tool, it takes over open(), ioctl(),
 * mmap() and close(): the device node and /proc of MOCK_PID become its own, all else
 * goes to the C library.
 */
#ifndef HMM_P2P_MOCK_H
#define HMM_P2P_MOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/hmm_p2p.h>

#define MOCK_PID	4242
#define MOCK_PAGE_SIZE	4096U
#define MOCK_BASE	0x7f0000000000ULL
#define MOCK_NR_PAGES	1024
#define MOCK_END	(MOCK_BASE + (uint64_t)MOCK_NR_PAGES * MOCK_PAGE_SIZE)
#define MOCK_DEVICES	8
#define MOCK_FILE	77
#define MOCK_BUFFER	78	/* the dma-buf of what was exported last */

/* Where /proc/MOCK_PID and /proc/cpuinfo are looked up instead. */
#define MOCK_PROC_ENV	"HMM_P2P_MOCK_PROC"
/* What the preloaded mock is to do, see mock_configure(). */
#define MOCK_ENV	"HMM_P2P_MOCK"

enum mock_id {
	VRAM0 = 1,	/* exporter and importer, owner 1, switch 1, half a window */
	VRAM1 = 2,	/* the same owner and switch, room for 64 pages */
	VRAM2 = 4,	/* owner 2, alone below another root port */
	CARVE0 = 5,	/* stolen system memory, no importer, no PCI */
	EDU0 = 6,	/* importer below switch 1 */
	EDU1 = 9,	/* importer below the other root port */
	TWIN0 = 10,	/* importers that are no PCI devices, */
	TWIN1 = 11,	/* with the same bus address */
};

struct mock_page {
	bool mapped, anonymous, writable, touched, busy, huge;
	bool shared;		/* on @device, and stays there */
	bool unreadable;	/* nobody knows where it is */
	bool guard;		/* of a mapping that cannot be reached */
	uint32_t device;	/* 0: RAM */
	uint32_t offset;	/* page of the device's memory */
};

struct mock {
	struct hmm_p2p_device_info devices[MOCK_DEVICES];
	unsigned int nr_devices;
	struct hmm_p2p_stat stats[MOCK_DEVICES];
	struct mock_page pages[MOCK_NR_PAGES];
	uint32_t next_owner;

	/* Failures to be had */
	int open_errno;		/* of the device node */
	int mem_errno;		/* of /proc/MOCK_PID/mem */
	int map_errno;		/* of mmap() of the device node */
	bool no_proc;
	unsigned long fail_cmd;
	int fail_errno;
	unsigned int fail_after;	/* calls of fail_cmd that succeed first */
	bool fail_once;
	uint32_t page_size;
	uint32_t query_limit;	/* extents per call */
	unsigned int query_calls;	/* whoever makes so many of them is killed */
	unsigned int migrate_calls;	/* the same */
	unsigned long lookups;	/* as query_calls, for pages of numa_move_pages() */
	bool no_scan;		/* no PAGEMAP_SCAN */
	uint64_t query_stride;	/* bytes per call, 0: all */
	bool query_stuck;	/* makes no progress */
	bool query_beyond;	/* goes on behind the range */
	bool endless_names;	/* not NUL terminated */
	bool no_path;		/* nothing is peer to peer */
	uint64_t file_bytes;	/* in the file of descriptor MOCK_FILE */
	uint32_t ram_pages;	/* for which a drain finds room */
	unsigned int interrupt_at;	/* SIGINT comes with this call of migrate */
	bool one_move;		/* whoever begins a second one is killed */
	bool counts;		/* each call of stat finds more */

	/* What was seen */
	unsigned int calls;
	unsigned int open_nodes;	/* descriptors of the node that are open */
	unsigned long bad_requests;	/* broke a rule of the ABI */
	int open_flags;
	int mem_flags;
	uint64_t moves;		/* to devices, each with a number */
	uint64_t first_addr, first_length;	/* of the first call of a move to a device */
	uint32_t first_flags;
	int32_t pid, mem_fd;	/* of the last call that has them */
	struct hmm_p2p_file_io file_io;	/* the last one */
	uint64_t buffer_addr, buffer_length;	/* what MOCK_BUFFER is */
	size_t map_length;	/* of the last mmap() of the device node */
	int map_prot, map_flags;
	uint64_t map_offset;
};

extern struct mock mock;
extern uint8_t mock_data[MOCK_NR_PAGES][MOCK_PAGE_SIZE];

/* Back to the state that every test begins with. */
void mock_reset(void);

/*
 * A list such as "empty,fail=migrate:28:1": no devices; each migrate but the
 * first fails with errno 28, or only the next one with "once". Also "open=13", "mem=13", and for the preloaded mock
 * "nomem", "nonuma", "nopages" (numa_move_pages() fails); "home": no page
 * is on a device; "nopath": nothing is peer to peer over PCI; "noread": some pages cannot be read; "ram=4": that many
 * pages fit into RAM when a device is drained; "int=2": SIGINT comes with the second migrate;
 * "onemove": each migrate to a device has to go on with the first one; "counts": each
 * call of stat finds 1 more than the call before for the first counter, 2 for the second, and so on; "pcinames": names such as "pci-0000:03:00.0"; "queries=3": whoever
 * asks where memory is for the third time is killed; "moves=3": as who calls migrate; "gaps": every other page is a
 * hole, or a guard that cannot be reached; "lookups=1000": as whoever asks for the NUMA nodes of
 * so many pages; "noscan": no PAGEMAP_SCAN.
 */
void mock_configure(const char *text);

/* Before a call of migrate: raises the signals that are due. */
void mock_before_migrate(const struct hmm_p2p_migrate *request);

/* After a call of stat: counts on, if it is to. */
void mock_after_stat(struct hmm_p2p_stat *stat);

/* The driver: 0, or -1 with errno. */
int mock_ioctl(unsigned long cmd, void *arg);

/* PAGEMAP_SCAN on /proc/MOCK_PID/pagemap: what is in RAM, a page at a time. */
int mock_pagemap(unsigned long cmd, void *arg);

/* The ioctl of that name, 0 when there is none. */
unsigned long mock_cmd(const char *name);

uint64_t mock_addr(unsigned int page);
bool mock_is_in_ram(uint64_t addr);
void mock_send_home(struct mock_page *page);
void mock_put(unsigned int first, unsigned int nr, uint32_t device);
void mock_share(unsigned int first, unsigned int nr, uint32_t device);
struct hmm_p2p_device_info *mock_device(uint32_t id);
void mock_verdict(uint32_t exporter, uint32_t importer, struct hmm_p2p_path *path);

#endif /* HMM_P2P_MOCK_H */
