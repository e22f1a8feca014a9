// SPDX-License-Identifier: GPL-2.0
/* QEMU itself takes the accelerator: qtest finds it on the bus, and reaches its registers, its memory, its copy engine and interrupts. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel_hw.h"

#define QEMU		"/usr/bin/qemu-system-x86_64"
#define SLOT		4
#define REGISTERS	0xe0000000ull
#define WINDOW		0x800000000ull
#define RING		0x100000ull
#define DATA		0x200000ull
#define MESSAGE		0x300000ull
#define MSIX_CAP	0x80

struct qemu {
	char folder[32];
	pid_t server;
	pid_t qemu;
	FILE *to;
	FILE *from;
};

/* A child with its output, and if wanted its input, at pipes. */
static pid_t start(char *const *args, FILE **from, FILE **to)
{
	int in[2], out[2];
	pid_t pid;

	assert_false(pipe(in) || pipe(out));
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		execv(args[0], args);
		_exit(99);
	}
	assert_true(pid > 0);
	close(in[0]);
	close(out[1]);
	*from = fdopen(out[0], "r");
	*to = fdopen(in[1], "w");
	assert_true(*from && *to);
	return pid;
}

static void start_server(struct qemu *qemu, const char *path)
{
	char option[96];
	char *args[] = { getenv("HMM_P2P_ACCEL"), option, "--memory=64M", NULL };
	char line[16] = "";
	FILE *from, *to;

	assert_non_null(args[0]);
	snprintf(option, sizeof(option), "--socket-path=%s", path);
	qemu->server = start(args, &from, &to);
	assert_non_null(fgets(line, sizeof(line), from));
	assert_string_equal(line, "ready\n");
	fclose(from);
	fclose(to);
}

/* One command of qtest, and the number in its answer: "OK" or "OK 0x...". */
static uint64_t ask(struct qemu *qemu, const char *command)
{
	char line[256];

	fprintf(qemu->to, "%s\n", command);
	fflush(qemu->to);
	do {
		assert_non_null(fgets(line, sizeof(line), qemu->from));
	} while (!strncmp(line, "IRQ", 3));
	assert_memory_equal(line, "OK", 2);
	return strtoull(line + 2, NULL, 0);
}

static uint64_t get(struct qemu *qemu, const char *what, uint64_t at)
{
	char command[64];

	snprintf(command, sizeof(command), "%s %#llx", what, (unsigned long long)at);
	return ask(qemu, command);
}

static void put(struct qemu *qemu, const char *what, uint64_t at, uint64_t value)
{
	char command[96];

	snprintf(command, sizeof(command), "%s %#llx %#llx", what, (unsigned long long)at, (unsigned long long)value);
	ask(qemu, command);
}

static uint32_t config_read(struct qemu *qemu, unsigned int at)
{
	put(qemu, "outl", 0xcf8, 0x80000000 | SLOT << 11 | at);
	return get(qemu, "inl", 0xcfc);
}

static void config_write(struct qemu *qemu, unsigned int at, uint32_t value)
{
	put(qemu, "outl", 0xcf8, 0x80000000 | SLOT << 11 | at);
	put(qemu, "outl", 0xcfc, value);
}

static int set_up(void **state)
{
	struct qemu *qemu = calloc(1, sizeof(*qemu));
	char path[64], device[192];
	char *args[] = {
		QEMU, "-accel", "qtest", "-qtest", "stdio", "-qtest-log", "none", "-display", "none", "-nodefaults", "-m", "64M",
		"-object", "memory-backend-memfd,id=ram,size=64M,share=on", "-machine", "q35,memory-backend=ram",
		"-device", device, NULL,
	};

	alarm(120);	/* nothing takes so long unless it never comes */
	strcpy(qemu->folder, "/tmp/accel-qemu.XXXXXX");
	assert_non_null(mkdtemp(qemu->folder));
	snprintf(path, sizeof(path), "%s/socket", qemu->folder);
	snprintf(device, sizeof(device),
		 "{\"driver\":\"vfio-user-pci\",\"addr\":\"%02x.0\",\"socket\":{\"type\":\"unix\",\"path\":\"%s\"}}",
		 SLOT, path);
	start_server(qemu, path);
	qemu->qemu = start(args, &qemu->from, &qemu->to);
	*state = qemu;
	config_write(qemu, 0x10, REGISTERS);
	config_write(qemu, 0x18, (uint32_t)WINDOW);
	config_write(qemu, 0x1c, WINDOW >> 32);
	config_write(qemu, 0x04, 6);
	return 0;
}

/* When QEMU goes, the server ends, and well. */
static int tear_down(void **state)
{
	struct qemu *qemu = *state;
	int status;

	fclose(qemu->to);
	kill(qemu->qemu, SIGTERM);
	waitpid(qemu->qemu, &status, 0);
	fclose(qemu->from);
	assert_int_equal(waitpid(qemu->server, &status, 0), qemu->server);
	assert_int_equal(status, 0);
	rmdir(qemu->folder);
	free(qemu);
	return 0;
}

static void test_on_the_bus(void **state)
{
	uint64_t beat;

	assert_int_equal(config_read(*state, 0x00), 0x11ea1234);
	assert_int_equal(config_read(*state, 0x08), 0x12000001);
	assert_int_equal(get(*state, "readl", REGISTERS + REG_MAGIC), ACCEL_MAGIC);
	assert_int_equal(get(*state, "readl", REGISTERS + REG_MEMORY_SIZE), 64 << 20);
	beat = get(*state, "readl", REGISTERS + REG_HEARTBEAT);
	assert_int_not_equal(get(*state, "readl", REGISTERS + REG_HEARTBEAT), beat);
	put(*state, "writeq", REGISTERS + REG_INV_START, 0x0123456789abcdef);
	assert_int_equal(get(*state, "readq", REGISTERS + REG_INV_START), 0x0123456789abcdef);
}

/* From the window, by DMA, to the guest's memory. */
static void test_copy(void **state)
{
	static const struct accel_desc desc = {
		.op = COPY_COPY, .flags = TARGET_BUS << DESC_DST_TARGET | TARGET_LOCAL << DESC_SRC_TARGET,
		.dst = DATA, .src = 0x5000, .length = 0x1000,
	};
	const uint64_t *word = (const uint64_t *)&desc;
	unsigned int i;

	put(*state, "writeq", WINDOW + 0x5000, 0x1122334455667788);
	put(*state, "writeq", WINDOW + 0x5ff8, 0x99aabbccddeeff00);
	for (i = 0; i < sizeof(desc) / sizeof(*word); i++)
		put(*state, "writeq", RING + 8 * i, word[i]);
	put(*state, "writeq", REGISTERS + REG_COPY + RING_BASE, RING);
	put(*state, "writel", REGISTERS + REG_COPY + RING_ORDER, 2);
	put(*state, "writel", REGISTERS + REG_COPY + RING_CTRL, CTRL_ENABLE);
	put(*state, "writel", REGISTERS + REG_COPY + RING_TAIL, 1);
	while (get(*state, "readl", REGISTERS + REG_COPY + RING_HEAD) != 1)
		;
	assert_int_equal(get(*state, "readl", RING + 0x38), STATUS_DONE);
	assert_int_equal(get(*state, "readq", DATA), 0x1122334455667788);
	assert_int_equal(get(*state, "readq", DATA + 0xff8), 0x99aabbccddeeff00);
}

/* A message of MSI-X is a write to the bus: here to the guest's memory, where the test can see it. */
static void test_interrupt(void **state)
{
	uint64_t table = REGISTERS + ACCEL_MSIX_TABLE + 16 * VECTOR_FAULT;

	config_write(*state, MSIX_CAP, config_read(*state, MSIX_CAP) | 0x80000000);
	put(*state, "writel", table, MESSAGE);
	put(*state, "writel", table + 4, 0);
	put(*state, "writel", table + 8, 0x4711);
	put(*state, "writel", table + 12, 0);
	put(*state, "writel", REGISTERS + REG_INT_ENABLE, 1 << VECTOR_FAULT);
	put(*state, "writel", REGISTERS + REG_INT_TEST, 1 << VECTOR_COPY);
	assert_int_equal(get(*state, "readl", MESSAGE), 0);
	put(*state, "writel", REGISTERS + REG_INT_TEST, 1 << VECTOR_FAULT);
	while (get(*state, "readl", MESSAGE) != 0x4711)
		;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_on_the_bus),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_interrupt),
	};

	if (access(QEMU, X_OK)) {
		puts("1..1\nok 1 - " QEMU " # SKIP it is not there");
		return 0;
	}
	return cmocka_run_group_tests_name("accel_qemu", tests, set_up, tear_down);
}
