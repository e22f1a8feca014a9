// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs on accelerators, where there are any: they copy to and from the slot, whose lock
 * the thread holds, and read where nobody's lock is held.
 *
 * Another call may say at any time that two accelerators share an interconnect, and there
 * is none: what one of them has is out of the other's reach then, and its job ends with EIO.
 */
#include "common_accel.h"
#include "fuzz.h"

#define MOST_SLOTS	4

/* Before privileges are dropped, and by the process whose memory it is. */
void fuzz_jobs_open(struct fuzz *f)
{
	int fd;

	while (f->nr_accels < MAX_DEVICES && (fd = accel_open(f->nr_accels)) >= 0)
		f->accels[f->nr_accels++] = fd;
}

static int run_job(struct fuzz_thread *t, struct drm_hmm_p2p_accel_run *job)
{
	int ret = accel_run(t->f->accels[fuzz_random(t, t->f->nr_accels)], job);

	errno = -ret;
	return ret;
}

int fuzz_job_reads(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_COPY,
		.dst = address(t->buffer),
		.src = address(run.mem),
		.length = run.length,
	};
	int ret;

	if (!t->f->nr_accels)
		return 0;
	ret = run_job(t, &job);
	if (ret == -EIO)
		return 0;
	if (!fuzz_for_importers(&run, PROT_READ)) {
		CHECK(ret == -EFAULT);
		return 0;
	}
	CHECK(ret == 0);
	CHECK(fuzz_right(&run, t->buffer) == 0);
	return 0;
}

/* A job that ends with EIO does not say how far it came: a page is written or it is not. */
static void settle(struct fuzz_thread *t, const struct fuzz_run *run,
		   const struct fuzz_page *before)
{
	size_t i;

	for (i = 0; i < run->nr; i++) {
		struct fuzz_run page = *run;
		size_t at = i * page_size;

		page.first += i;
		page.nr = 1;
		if (!fuzz_allows(&page, PROT_READ) ||
		    memcmp(run->mem + at, t->buffer + at, page_size))
			run->slot->page[page.first] = before[i];
	}
}

/* The pages before the one that it names are written, and no others. */
int fuzz_job_writes(struct fuzz_thread *t)
{
	struct fuzz_run run = fuzz_some(t);
	bool allowed = fuzz_for_importers(&run, PROT_READ | PROT_WRITE);
	struct fuzz_page before[FUZZ_SLOT_PAGES];
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_COPY,
		.dst = address(run.mem),
		.src = address(t->buffer),
		.length = run.length,
	};
	int ret;

	if (!t->f->nr_accels)
		return 0;
	memcpy(before, &run.slot->page[run.first], run.nr * sizeof(before[0]));
	fuzz_renew(t, &run, t->buffer);
	ret = run_job(t, &job);
	if (ret == -EIO) {
		settle(t, &run, before);
		return 0;
	}
	CHECK(ret == (allowed ? 0 : -EFAULT));
	if (ret) {
		CHECK(job.out_address - job.dst < run.length);
		fuzz_partly_written(&run, before, job.out_address - job.dst);
	}
	return 0;
}

/* Some of it may be somebody's who is about to change it. */
int fuzz_job_faults(struct fuzz_thread *t)
{
	unsigned int first = fuzz_random(t, FUZZ_SLOTS);
	unsigned int most = FUZZ_SLOTS - first;
	struct drm_hmm_p2p_accel_run job = {
		.op = HMM_P2P_ACCEL_CRC32C,
		.src = address(fuzz_slot_mem(first)),
		.length = (1 + fuzz_random(t, most > MOST_SLOTS ? MOST_SLOTS : most)) *
			  FUZZ_SLOT_BYTES,
	};
	int ret;

	if (!t->f->nr_accels)
		return 0;
	ret = run_job(t, &job);
	CHECK(ret == 0 || ret == -EFAULT || ret == -EIO);
	return 0;
}
