// SPDX-License-Identifier: GPL-2.0
/* The process: one device for one QEMU. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accel.h"
#include "sockets.h"
#include "vfio_user.h"

#define MIN_SIZE	0x100000ull
#define MAX_SIZE	(1ull << 40)

struct arguments {
	struct accel_options device;
	const char *socket_path;
	int fd;
};

static const char usage[] =
	"usage: accel --socket-path=PATH | --fd=N [OPTION]...\n"
	"\n"
	"Serves the accelerator of SPEC.md to QEMU's vfio-user-pci, until QEMU goes.\n"
	"\n"
	"  --socket-path=PATH   listen there; \"ready\" on standard output says when\n"
	"  --fd=N               a socket that is connected\n"
	"  --memory=SIZE        of the device, K, M or G (256M)\n"
	"  --window=SIZE        of BAR 2, a power of two (the largest that fits)\n"
	"  --uid=N              of the device (random)\n"
	"  --link-listen=PATH   the interconnect: one side listens,\n"
	"  --link-connect=PATH  the other one connects\n"
	"  --control=PATH       listen there for commands that break things\n"
	"  --populate           all memory is there from the start, for measurements\n";

static int complain(const char *what, const char *value)
{
	fprintf(stderr, "accel: %s: %s\n", what, value);
	return -EINVAL;
}

static int parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMG";
	const char *unit;
	unsigned int shift;
	char *end;

	errno = 0;
	*size = strtoull(text, &end, 0);
	unit = *end ? strchr(units, *end) : NULL;
	if (errno || end == text || *text == '-' || (*end && (!unit || end[1])))
		return complain("not a size", text);
	shift = unit ? 10 * (unit - units + 1) : 0;
	if (*size > MAX_SIZE >> shift)
		return complain("too much", text);
	*size <<= shift;
	return 0;
}

static int parse_number(const char *text, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' ? complain("not a number", text) : 0;
}

static int parse_fd(const char *text, int *fd)
{
	uint64_t number;
	int err = parse_number(text, &number);

	if (err || number > INT32_MAX)
		return -EINVAL;
	*fd = number;
	return 0;
}

enum { OPT_SOCKET = 1, OPT_FD, OPT_MEMORY, OPT_WINDOW, OPT_UID, OPT_LISTEN, OPT_CONNECT, OPT_CONTROL, OPT_POPULATE };

static const struct option long_options[] = {
	{ "socket-path", required_argument, NULL, OPT_SOCKET },
	{ "fd", required_argument, NULL, OPT_FD },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "uid", required_argument, NULL, OPT_UID },
	{ "link-listen", required_argument, NULL, OPT_LISTEN },
	{ "link-connect", required_argument, NULL, OPT_CONNECT },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "populate", no_argument, NULL, OPT_POPULATE },
	{ NULL, 0, NULL, 0 },
};

static int take_option(struct arguments *arguments, int option)
{
	switch (option) {
	case OPT_FD:
		return parse_fd(optarg, &arguments->fd);
	case OPT_MEMORY:
		return parse_size(optarg, &arguments->device.memory);
	case OPT_WINDOW:
		return parse_size(optarg, &arguments->device.window);
	case OPT_UID:
		return parse_number(optarg, &arguments->device.uid);
	case OPT_SOCKET:
		arguments->socket_path = optarg;
		return 0;
	case OPT_LISTEN:
		arguments->device.link_listen = optarg;
		return 0;
	case OPT_CONNECT:
		arguments->device.link_connect = optarg;
		return 0;
	case OPT_CONTROL:
		arguments->device.control = optarg;
		return 0;
	case OPT_POPULATE:
		arguments->device.populate = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int check_sizes(struct accel_options *device)
{
	if (device->memory < MIN_SIZE || device->memory % HUGE_BYTES)
		return complain("--memory", "at least 2M, and a multiple of it");
	if (!device->window)
		for (device->window = MIN_SIZE; device->window * 2 <= device->memory; device->window *= 2)
			;
	if (device->window < PAGE_BYTES || device->window & (device->window - 1) ||
	    device->window > device->memory)
		return complain("--window", "a power of two, at least 4K, and not more than the memory");
	return 0;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
	bool has_path, has_fd;
	int option, err = 0;

	while (!err && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		err = take_option(arguments, option);
	has_path = arguments->socket_path;
	has_fd = arguments->fd >= 0;
	if (!err && (optind != argc || has_path == has_fd))
		err = -EINVAL;
	if (!err && arguments->device.link_listen && arguments->device.link_connect)
		err = complain("a link", "has two ends, this is one of them");
	if (!err)
		err = check_sizes(&arguments->device);
	while (!err && !arguments->device.uid)
		if (getrandom(&arguments->device.uid, sizeof(arguments->device.uid), 0) < 0)
			err = -errno;
	return err;
}

static int wait_for_qemu(const char *path)
{
	int listener, fd;

	listener = socket_listen(path);
	if (listener < 0)
		return listener;
	puts("ready");
	fflush(stdout);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	close(listener);
	unlink(path);
	return fd;
}

static int serve(struct accel *accel, const struct arguments *arguments)
{
	pthread_mutex_t send_lock = PTHREAD_MUTEX_INITIALIZER;
	int fd = arguments->fd;
	int err = accel_open(accel, &arguments->device);

	/* Threads may be there already: the process ends, and they with it. */
	if (err)
		return err;
	if (fd < 0)
		fd = wait_for_qemu(arguments->socket_path);
	if (fd < 0)
		return fd;
	dma_connect(&accel->dma, fd, &send_lock);
	err = vfio_user_serve(accel, fd, &send_lock);
	accel_close(accel);
	close(fd);
	return err;
}

int main(int argc, char **argv)
{
	struct arguments arguments = { .device.memory = 256 << 20, .fd = -1 };
	int err = parse(argc, argv, &arguments);
	struct accel *accel;

	if (err) {
		fputs(usage, stderr);
		return 2;
	}
	accel = calloc(1, sizeof(*accel));
	err = accel ? serve(accel, &arguments) : -ENOMEM;
	if (err)
		fprintf(stderr, "accel: %s\n", strerror(-err));
	free(accel);
	return err ? 1 : 0;
}
