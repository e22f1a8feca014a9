// SPDX-License-Identifier: GPL-2.0
/* A thread that serves the slots that are registered with userfaultfd. */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "fuzz.h"

static void serve_copy(struct fuzz *f, uint64_t addr, uint8_t *data)
{
	struct uffdio_copy copy = {
		.dst = addr,
		.src = (uintptr_t)data,
		.len = page_size,
	};
	struct uffdio_range range = { .start = addr, .len = page_size };

	/* The mappings change just now: the kernel asks to come again. */
	while (ioctl(f->uffd, UFFDIO_COPY, &copy) && errno == EAGAIN)
		copy.copy = 0;
	/* Whoever waits looks again: the page is there, or the mapping has gone. */
	ioctl(f->uffd, UFFDIO_WAKE, &range);
}

static void serve_one(struct fuzz *f, uint8_t *data)
{
	struct uffd_msg msg;
	uint64_t at;
	size_t slot;

	if (read(f->uffd, &msg, sizeof(msg)) != sizeof(msg) ||
	    msg.event != UFFD_EVENT_PAGEFAULT)
		return;
	at = (msg.arg.pagefault.address & ~(page_size - 1)) - (uintptr_t)FUZZ_ARENA;
	slot = at / FUZZ_SLOT_BYTES;
	pattern_fill(data, at, page_size,
		     __atomic_load_n(&f->slots[slot].served, __ATOMIC_ACQUIRE));
	serve_copy(f, (uintptr_t)FUZZ_ARENA + at, data);
}

static void *serve(void *arg)
{
	struct fuzz *f = arg;
	struct pollfd fds[] = {
		{ .fd = f->uffd, .events = POLLIN },
		{ .fd = f->server_stop[0], .events = POLLIN },
	};
	uint8_t *data = calloc(1, page_size);

	REQUIRE(data);
	while (poll(fds, 2, -1) > 0 && !fds[1].revents)
		serve_one(f, data);
	free(data);
	return NULL;
}

int fuzz_userfault_open(struct fuzz *f)
{
	struct uffdio_api api = { .api = UFFD_API };

	f->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (f->uffd >= 0)
		CHECK(ioctl(f->uffd, UFFDIO_API, &api) == 0);
	return 0;
}

int fuzz_userfault_start(struct fuzz *f)
{
	if (f->uffd < 0)
		return 0;
	CHECK(pipe2(f->server_stop, O_CLOEXEC) == 0);
	CHECK(pthread_create(&f->server, NULL, serve, f) == 0);
	return 0;
}

int fuzz_userfault_end(struct fuzz *f)
{
	if (f->uffd < 0)
		return 0;
	CHECK(write(f->server_stop[1], "", 1) == 1);
	CHECK(pthread_join(f->server, NULL) == 0);
	close(f->uffd);
	return 0;
}

bool fuzz_userfault_register(struct fuzz *f, unsigned int slot)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)fuzz_slot_mem(slot), .len = FUZZ_SLOT_BYTES },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	return f->uffd >= 0 && !ioctl(f->uffd, UFFDIO_REGISTER, &reg);
}
