/* SPDX-License-Identifier: GPL-2.0 */
/* What the measurements share. */
#ifndef HMM_P2P_BENCH_H
#define HMM_P2P_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include <hmm_p2p.h>

#define HUGE_SIZE	(2UL << 20)
#define BENCH_DISK	"/dev/nvme0n1"

extern struct hmm_p2p *bench_ctx;
extern struct hmm_p2p_device_info bench_exporter;
extern struct hmm_p2p_device_info bench_importer;

/* Phases of a migration, as the driver's debugfs file names them. */
enum bench_phase {
	PHASE_SETUP, PHASE_ALLOC, PHASE_COPY, PHASE_PAGES, PHASE_FINALIZE, PHASE_COUNT
};

/**
 * struct bench_profile - nanoseconds per phase
 * @to_device: on the way to the device
 * @to_ram: on the way back
 */
struct bench_profile {
	uint64_t to_device[PHASE_COUNT];
	uint64_t to_ram[PHASE_COUNT];
};

void bench_die(const char *what, int err, enum hmm_p2p_call call);
uint64_t bench_now(void);

/* What this process had of the CPU, in microseconds. */
uint64_t bench_cpu_us(void);
void *bench_map(uint64_t length, bool huge);
void bench_unmap(void *buf, uint64_t length);
uint64_t bench_to(uint32_t device, void *buf, uint64_t length);
uint64_t bench_to_device(void *buf, uint64_t length);
uint64_t bench_to_ram(void *buf, uint64_t length);
void bench_profile_start(void);
void bench_profile_read(struct bench_profile *profile);

/* With O_DIRECT. The driver may be built in, and the disk takes a moment. */
int bench_disk_open(void);

void bench_faults(void);
void bench_touch(void);
void bench_throughput(void);
void bench_phases(void);
void bench_growth(const char *only);
void bench_importers(void);
void bench_accel(void);
void bench_capture(void);
void bench_mappings(void);

#endif /* HMM_P2P_BENCH_H */
