// SPDX-License-Identifier: GPL-2.0
/* open(), ioctl(), mmap(), close() and access() of the program under test. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hmm_p2p.h"
#include "mock.h"

#define MAX_FDS	1024

static bool is_node[MAX_FDS], is_pagemap[MAX_FDS];

static int real_open(const char *path, int flags, mode_t mode)
{
	static int (*next)(const char *path, int flags, ...);

	if (!next)
		next = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
	return next(path, flags, mode);
}

static int fail(int err)
{
	errno = err;
	return -1;
}

static int open_node(int flags)
{
	int fd;

	mock.open_flags = flags;
	if (mock.open_errno)
		return fail(mock.open_errno);
	fd = real_open("/dev/null", flags, 0);
	if (fd >= 0 && fd < MAX_FDS) {
		is_node[fd] = true;
		mock.open_nodes++;
	}
	return fd;
}

static int open_pagemap(int flags)
{
	int fd = real_open("/dev/null", flags, 0);

	if (fd >= 0 && fd < MAX_FDS)
		is_pagemap[fd] = true;
	return fd;
}

static int open_proc(const char *path, int flags)
{
	const char *root = getenv(MOCK_PROC_ENV);
	char other[PATH_MAX];

	if (mock.no_proc)
		return fail(ENOENT);
	if (!strcmp(strrchr(path, '/'), "/mem")) {
		mock.mem_flags = flags;
		if (mock.mem_errno)
			return fail(mock.mem_errno);
		return real_open("/dev/null", flags, 0);
	}
	if (!strcmp(strrchr(path, '/'), "/pagemap"))
		return open_pagemap(flags);
	if (!root)
		return real_open(path, flags, 0);
	snprintf(other, sizeof(other), "%s%s", root, path + strlen("/proc"));
	return real_open(other, flags, 0);
}

static bool is_mock_proc(const char *path)
{
	char prefix[32];

	if (!strcmp(path, "/proc/cpuinfo"))
		return true;
	snprintf(prefix, sizeof(prefix), "/proc/%d/", MOCK_PID);
	return !strncmp(path, prefix, strlen(prefix));
}

static int do_open(const char *path, int flags, mode_t mode)
{
	const char *node = getenv(HMM_P2P_DEVICE_ENV);

	if (!strcmp(path, node && *node ? node : HMM_P2P_DEVICE_PATH))
		return open_node(flags);
	if (is_mock_proc(path))
		return open_proc(path, flags);
	if (mock.no_proc && !strncmp(path, "/proc/", 6))
		return fail(ENOENT);
	return real_open(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return do_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
	__attribute__((alias("open")));

/* What open() becomes with _FORTIFY_SOURCE. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	return do_open(path, flags, 0);
}

int ioctl(int fd, unsigned long cmd, ...)
{
	static int (*next)(int fd, unsigned long cmd, ...);
	va_list args;
	void *arg;

	va_start(args, cmd);
	arg = va_arg(args, void *);
	va_end(args);
	if (fd >= 0 && fd < MAX_FDS && is_node[fd]) {
		if (cmd == HMM_P2P_IOC_MIGRATE)
			mock_before_migrate(arg);
		return mock_ioctl(cmd, arg);
	}
	if (fd >= 0 && fd < MAX_FDS && is_pagemap[fd])
		return mock_pagemap(cmd, arg);
	if (!next)
		next = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	return next(fd, cmd, arg);
}

static void *mmap_node(size_t length, int prot, int flags, off_t offset)
{
	mock.map_length = length;
	mock.map_prot = prot;
	mock.map_flags = flags;
	mock.map_offset = (uint64_t)offset;
	if (mock.map_errno) {
		errno = mock.map_errno;
		return MAP_FAILED;
	}
	return mmap(NULL, length, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
{
	static void *(*next)(void *addr, size_t length, int prot, int flags, int fd,
			     off_t offset);

	if (fd >= 0 && fd < MAX_FDS && is_node[fd])
		return mmap_node(length, prot, flags, offset);
	if (!next)
		next = (void *(*)(void *, size_t, int, int, int, off_t))
		       dlsym(RTLD_NEXT, "mmap");
	return next(addr, length, prot, flags, fd, offset);
}

int close(int fd)
{
	static int (*next)(int fd);

	if (fd >= 0 && fd < MAX_FDS && is_node[fd]) {
		is_node[fd] = false;
		mock.open_nodes--;
	}
	if (fd >= 0 && fd < MAX_FDS)
		is_pagemap[fd] = false;
	if (!next)
		next = (int (*)(int))dlsym(RTLD_NEXT, "close");
	return next(fd);
}

int access(const char *path, int mode)
{
	static int (*next)(const char *path, int mode);

	if (mock.no_proc && !strncmp(path, "/proc/", 6))
		return fail(ENOENT);
	if (!next)
		next = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
	return next(path, mode);
}
