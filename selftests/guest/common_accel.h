/* SPDX-License-Identifier: GPL-2.0 */
/* Jobs on the lab's accelerators. */
#ifndef GUEST_COMMON_ACCEL_H
#define GUEST_COMMON_ACCEL_H

#include <drm/hmm_p2p_accel.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common.h"

/* The address spaces that a device has, but for the one of jobs on buffers. */
#define CONTEXTS	15

/* How long a job keeps a unit that others wait for. */
#define SLICE		"/sys/module/hmm_p2p_accel/parameters/slice_ms"

/* A job has begun long before, or it never does. */
#define BEGIN_SECONDS	60

/* Return: a descriptor, or -errno. */
int accel_open(unsigned int nr);

/* Return: 0 or -errno. */
int accel_run(int fd, struct drm_hmm_p2p_accel_run *job);

/* The number of an accelerator's memory, or skip. */
uint32_t accel_memory(unsigned int nr);

/*
 * The last one, or skip: it has no neighbour, and takes commands. Its number changes when
 * its driver is bound anew.
 */
unsigned int accel_last(void);

uint64_t address(const void *mem);
uint64_t sum_of(const void *mem, size_t length);

/* The jobs, on the memory of the caller. Return: 0 or -errno. */
int fill(int fd, void *mem, size_t length, uint64_t value);
int try_sum(int fd, const void *mem, size_t length, struct drm_hmm_p2p_accel_run *job);

/* A sum that succeeds. */
struct drm_hmm_p2p_accel_run sum(int fd, const void *mem, size_t length);

/* A job without an end, as long as the word at @self is its own address. */
struct drm_hmm_p2p_accel_run endless_job(uint64_t *self);

/* Until it is true, looking again and again: a condition that nobody is told of. */
#define AWAIT(cond)							\
	do {								\
		double begun = seconds_now();				\
									\
		while (!(cond))						\
			await_more(begun, __FILE__, __LINE__, #cond);	\
	} while (0)

void await_more(double begun, const char *file, int line, const char *what);

/* By the PCI core, as a function. Return: 0 or -errno. */
int accel_reset(unsigned int nr);

/* Those whose processes take commands: the one with a neighbour, and the third one. */
#define PORT_FIRST	"accel0"
#define PORT_LAST	"accel2"

/* As in qemu/accel/README.md; it succeeds. Skips where they take none. */
void accel_command(const char *port, const char *words);

/* Its answer. Skips where they take none. */
bool accel_asked(const char *port, const char *words);

/* As accel_open(), of a device that is there: skips where the topology has none. */
int open_accel(unsigned int nr);

/**
 * struct runner - a thread with a job
 * @fd: the device
 * @job: what it does
 * @thread: that runs it
 * @tid: the same, when it has begun
 * @ret: how it ended
 */
struct runner {
	int fd;
	struct drm_hmm_p2p_accel_run job;
	pthread_t thread;
	atomic_int tid;
	int ret;
};

void runner_start(struct runner *runner);

/* Its job is in the ring, or waits to be. */
void runner_await(struct runner *runner);

/* Until its job has ended, or that takes far too long. Return: how. */
int runner_end(struct runner *runner);

#endif /* GUEST_COMMON_ACCEL_H */
