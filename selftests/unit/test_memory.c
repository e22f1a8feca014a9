// SPDX-License-Identifier: GPL-2.0
/* Processes, migration and access. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"

/* ---------------------------------------------------------------- process */

static void process_names_the_caller(void **state)
{
	struct hmm_p2p_process self = { 1, 1 };

	(void)state;
	hmm_p2p_process_self(&self);
	assert_int_equal(self.pid, HMM_P2P_SELF_PID);
	assert_int_equal(self.mem_fd, HMM_P2P_NO_FD);
	hmm_p2p_process_close(&self);
	hmm_p2p_process_self(NULL);
	hmm_p2p_process_close(NULL);
}

static void process_opens_mem(void **state)
{
	struct hmm_p2p_process process;
	int fd;

	(void)state;
	assert_int_equal(hmm_p2p_process_open(&process, MOCK_PID, false), 0);
	assert_int_equal(process.pid, MOCK_PID);
	assert_int_equal(mock.mem_flags, O_RDONLY | O_CLOEXEC);
	fd = process.mem_fd;
	hmm_p2p_process_close(&process);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(process.mem_fd, HMM_P2P_NO_FD);
	hmm_p2p_process_close(&process);

	assert_int_equal(hmm_p2p_process_open(&process, MOCK_PID, true), 0);
	assert_int_equal(mock.mem_flags, O_RDWR | O_CLOEXEC);
	hmm_p2p_process_close(&process);
}

static void test_err_process(pid_t pid, int err)
{
	struct hmm_p2p_process process = { 1, 1 };

	assert_int_equal(hmm_p2p_process_open(&process, pid, false), -err);
	assert_int_equal(process.pid, HMM_P2P_SELF_PID);
	assert_int_equal(process.mem_fd, HMM_P2P_NO_FD);
}

static void process_reports_errors(void **state)
{
	(void)state;
	test_err_process(0, EINVAL);
	test_err_process(-1, EINVAL);
	assert_int_equal(hmm_p2p_process_open(NULL, 1, false), -EINVAL);
	mock.mem_errno = EACCES;
	test_err_process(MOCK_PID, EACCES);
	mock.mem_errno = ENOENT;
	test_err_process(MOCK_PID, ESRCH);
	mock.no_proc = true;
	test_err_process(MOCK_PID, ENOENT);
}

/* -------------------------------------------------------------- migration */

static void migrate_counts(void **state)
{
	struct hmm_p2p_migrate result;

	/* 12 on the heap, one of them busy; a hole; a file; 32 untouched. */
	mock.pages[505].busy = true;
	mock_put(510, 2, VRAM0);
	assert_int_equal(hmm_p2p_migrate_flags(*state, NULL, VRAM0,
					       HMM_P2P_MIGRATE_POPULATE, mock_addr(500),
					       300 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.out_moved, 9 + 32);
	assert_int_equal(result.out_populated, 32);
	assert_int_equal(result.out_already, 2);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_BUSY], 1);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_HOLE], 128);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NOT_ANON], 128);
	assert_int_equal(mock.pid, HMM_P2P_SELF_PID);
	assert_int_equal(mock.mem_fd, HMM_P2P_NO_FD);
}

/* 8 on the heap, and 16 that nobody has touched. */
static void migrate_populates_when_asked(void **state)
{
	struct hmm_p2p_migrate result;

	assert_int_equal(hmm_p2p_migrate(*state, NULL, VRAM0, mock_addr(0),
					 8 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.out_moved, 8);
	assert_int_equal(hmm_p2p_migrate(*state, NULL, VRAM0, mock_addr(800),
					 16 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED], 16);
	assert_int_equal(hmm_p2p_migrate_flags(*state, NULL, VRAM0,
					       HMM_P2P_MIGRATE_POPULATE, mock_addr(800),
					       16 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.out_moved, 16);
	assert_int_equal(result.out_populated, 16);
	assert_int_equal(hmm_p2p_migrate(*state, NULL, VRAM0, mock_addr(800),
					 16 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.out_already, 16);
}

static void migrate_names_the_process(void **state)
{
	struct hmm_p2p_process process;

	assert_int_equal(hmm_p2p_process_open(&process, MOCK_PID, false), 0);
	assert_int_equal(hmm_p2p_migrate(*state, &process, VRAM0, mock_addr(0),
					 MOCK_PAGE_SIZE, NULL), 0);
	assert_int_equal(mock.pid, MOCK_PID);
	assert_int_equal(mock.mem_fd, process.mem_fd);
	hmm_p2p_process_close(&process);
	process.pid = MOCK_PID + 1;
	assert_int_equal(hmm_p2p_migrate(*state, &process, VRAM0, mock_addr(0),
					 MOCK_PAGE_SIZE, NULL), -ESRCH);
}

static void migrate_reports_partial_work(void **state)
{
	struct hmm_p2p_migrate result;

	assert_int_equal(hmm_p2p_migrate(*state, NULL, VRAM1, mock_addr(0),
					 100 * MOCK_PAGE_SIZE, &result), -ENOSPC);
	assert_int_equal(result.out_moved, 64);
	assert_int_equal(result.flags, 0);
}

static void migrate_hands_flags_on(void **state)
{
	struct hmm_p2p_migrate result;

	assert_int_equal(hmm_p2p_migrate_flags(*state, NULL, VRAM1,
					       HMM_P2P_MIGRATE_NO_EVICT, mock_addr(0),
					       2 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.flags, HMM_P2P_MIGRATE_NO_EVICT);
	assert_int_equal(result.out_moved, 2);
	assert_int_equal(hmm_p2p_migrate_flags(*state, NULL, VRAM1, 1U << 31,
					       mock_addr(0), MOCK_PAGE_SIZE, NULL),
			 -EINVAL);
	assert_int_equal(hmm_p2p_migrate_flags(*state, NULL, 0,
					       HMM_P2P_MIGRATE_TO_RAM |
					       HMM_P2P_MIGRATE_POPULATE,
					       mock_addr(0), MOCK_PAGE_SIZE, NULL),
			 -EINVAL);
}

/* Two parts of the heap and memory that nobody has touched, as one move. */
static void migrate_moves_ranges(void **state)
{
	const struct hmm_p2p_range ranges[] = {
		{ mock_addr(0), 10 * MOCK_PAGE_SIZE },
		{ mock_addr(20), 20 * MOCK_PAGE_SIZE },
		{ mock_addr(800), 5 * MOCK_PAGE_SIZE },
	};
	struct hmm_p2p_migrate result;

	mock_put(20, 3, VRAM0);
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM0, 0, ranges, 3,
						&result), 0);
	assert_int_equal(result.out_moved, 27);
	assert_int_equal(result.out_already, 3);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_UNTOUCHED], 5);
	assert_int_equal(result.out_move, 1);
	assert_int_equal(mock.moves, 1);
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, 0, HMM_P2P_MIGRATE_TO_RAM,
						ranges, 3, &result), 0);
	assert_int_equal(result.out_moved, 30);
	assert_int_equal(result.out_move, 0);
	assert_int_equal(mock.moves, 1);
}

/* The second does not fit, and ends it. */
static void migrate_of_ranges_ends(void **state)
{
	const struct hmm_p2p_range ranges[] = {
		{ mock_addr(0), 40 * MOCK_PAGE_SIZE },
		{ mock_addr(100), 40 * MOCK_PAGE_SIZE },
		{ mock_addr(200), 40 * MOCK_PAGE_SIZE },
	};
	struct hmm_p2p_migrate result;

	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM1, 0, ranges, 3,
						&result), -ENOSPC);
	assert_int_equal(result.out_moved, 64);
	assert_int_equal(result.addr, mock_addr(100));
	assert_int_equal(result.length, 40 * MOCK_PAGE_SIZE);
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM1, 0, ranges, 0, NULL),
			 -EINVAL);
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM1, 0, NULL, 1, NULL),
			 -EINVAL);
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM1,
						HMM_P2P_MIGRATE_TO_RAM, ranges, 3, NULL),
			 -EINVAL);
}

/* What a later range has on the device is the move's before the first one needs room. */
static void migrate_of_ranges_claims_later_ones(void **state)
{
	const struct hmm_p2p_range ranges[] = {
		{ mock_addr(0), 10 * MOCK_PAGE_SIZE },
		{ mock_addr(100), 10 * MOCK_PAGE_SIZE },
	};
	struct hmm_p2p_migrate result;

	mock_put(103, 4, VRAM0);
	mock_put(3, 1, VRAM1);
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM0, 0, ranges, 2,
						&result), 0);
	assert_int_equal(mock.first_addr, mock_addr(103));
	assert_int_equal(mock.first_length, 4 * MOCK_PAGE_SIZE);
	assert_int_equal(mock.first_flags, HMM_P2P_MIGRATE_NO_EVICT);
	assert_int_equal(result.out_moved, 16);
	assert_int_equal(result.out_already, 4);
	assert_int_equal(mock.moves, 1);
}

/* A range that is none ends the move where it stands, not before. */
static void migrate_of_ranges_moves_what_is_before(void **state)
{
	const struct hmm_p2p_range ranges[] = {
		{ mock_addr(0), 10 * MOCK_PAGE_SIZE },
		{ mock_addr(100), 0 },
		{ mock_addr(200), -10ULL * MOCK_PAGE_SIZE },
	};
	struct hmm_p2p_migrate result;

	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM0, 0, ranges, 3,
						&result), -EINVAL);
	assert_int_equal(result.out_moved, 10);
	assert_int_equal(result.addr, mock_addr(100));
	assert_int_equal(hmm_p2p_migrate_ranges(*state, NULL, VRAM0, 0, ranges + 2, 1,
						&result), -EINVAL);
}

static void migrate_comes_back(void **state)
{
	struct hmm_p2p_migrate result;

	mock_put(0, 10, VRAM0);
	mock_put(10, 10, VRAM1);
	assert_int_equal(hmm_p2p_migrate_to_ram(*state, NULL, mock_addr(0),
						30 * MOCK_PAGE_SIZE, &result), 0);
	assert_int_equal(result.out_moved, 20);
	assert_int_equal(result.out_already, 10);
	assert_int_equal(result.flags, HMM_P2P_MIGRATE_TO_RAM);
	assert_int_equal(hmm_p2p_migrate_to_ram(*state, NULL, mock_addr(0),
						MOCK_PAGE_SIZE, NULL), 0);
}

static void test_err_migrate(struct hmm_p2p *ctx, uint32_t device, uint64_t addr,
			     uint64_t length, int err)
{
	struct hmm_p2p_migrate result;

	memset(&result, 0xff, sizeof(result));
	assert_int_equal(hmm_p2p_migrate(ctx, NULL, device, addr, length, &result),
			 -err);
	assert_int_equal(result.out_moved, 0);
	assert_int_equal(result.out_reasons[0], 0);
}

static void migrate_reports_errors(void **state)
{
	const uint64_t page = MOCK_PAGE_SIZE;

	test_err_migrate(*state, VRAM0, MOCK_BASE + 1, page, EINVAL);
	test_err_migrate(*state, VRAM0, MOCK_BASE, page + 1, EINVAL);
	test_err_migrate(*state, VRAM0, MOCK_BASE, 0, EINVAL);
	test_err_migrate(*state, VRAM0, -page, 2 * page, EINVAL);
	test_err_migrate(*state, 77, MOCK_BASE, page, ENOENT);
	test_err_migrate(*state, EDU0, MOCK_BASE, page, EOPNOTSUPP);
	test_err_migrate(NULL, VRAM0, MOCK_BASE, page, EINVAL);
	mock.fail_cmd = HMM_P2P_IOC_MIGRATE;
	mock.fail_errno = ENODEV;
	test_err_migrate(*state, VRAM0, MOCK_BASE, page, ENODEV);
}

/* ----------------------------------------------------------------- access */

#define NR	8

struct buffer {
	uint8_t bytes[NR][MOCK_PAGE_SIZE];
	uint8_t outcomes[NR];
	struct hmm_p2p_access result;
};

static struct buffer buffer;

static void access_reads_what_is_there(void **state)
{
	mock_put(0, 4, VRAM0);
	assert_int_equal(hmm_p2p_read(*state, NULL, EDU0, mock_addr(0),
				      sizeof(buffer.bytes), buffer.bytes, 0,
				      buffer.outcomes, &buffer.result), 0);
	assert_memory_equal(buffer.bytes, mock_data, sizeof(buffer.bytes));
	assert_int_equal(buffer.result.out_p2p, 4);
	assert_int_equal(buffer.result.out_system, 4);
	assert_int_equal(buffer.result.out_bytes, sizeof(buffer.bytes));
	assert_int_equal(hmm_p2p_outcome_of(buffer.outcomes[3]),
			 HMM_P2P_OUTCOME_P2P);
	assert_int_equal(hmm_p2p_outcome_of(buffer.outcomes[4]),
			 HMM_P2P_OUTCOME_SYSTEM);
}

static void access_writes(void **state)
{
	memset(buffer.bytes, 0x5a, sizeof(buffer.bytes));
	mock_put(16, 2, VRAM0);
	assert_int_equal(hmm_p2p_write(*state, NULL, VRAM1, mock_addr(16),
				       2 * MOCK_PAGE_SIZE, buffer.bytes, 0, NULL,
				       &buffer.result), 0);
	assert_int_equal(buffer.result.out_private, 2);
	assert_memory_equal(buffer.bytes, mock_data[16], 2 * MOCK_PAGE_SIZE);
	assert_int_equal(hmm_p2p_write(*state, NULL, VRAM1, mock_addr(16),
				       MOCK_PAGE_SIZE, buffer.bytes, 0, NULL, NULL), 0);
}

/* Each reason arrives in the byte of its page and in the sum. */
static void access_gives_reasons(void **state)
{
	mock_put(0, 2, VRAM2);
	mock_put(2, 4, VRAM0);
	mock_device(VRAM0)->out_window_bytes = 2 * MOCK_PAGE_SIZE;
	assert_int_equal(hmm_p2p_fault(*state, NULL, EDU0, mock_addr(0),
				       NR * MOCK_PAGE_SIZE, 0, buffer.outcomes,
				       &buffer.result), 0);
	assert_int_equal(buffer.result.out_migrated, 4);
	assert_int_equal(buffer.result.out_p2p, 2);
	assert_int_equal(buffer.result.out_bytes, 0);
	assert_int_equal(buffer.result.out_reasons[HMM_P2P_REASON_NO_PATH], 2);
	assert_int_equal(buffer.result.out_reasons[HMM_P2P_REASON_NO_ALIAS], 2);
	assert_int_equal(hmm_p2p_reason_of(buffer.outcomes[0]),
			 HMM_P2P_REASON_NO_PATH);
	assert_int_equal(hmm_p2p_outcome_of(buffer.outcomes[0]),
			 HMM_P2P_OUTCOME_MIGRATED);
	assert_int_equal(hmm_p2p_reason_of(buffer.outcomes[5]),
			 HMM_P2P_REASON_NO_ALIAS);
}

static void access_opts_out(void **state)
{
	mock_put(0, 1, VRAM0);
	assert_int_equal(hmm_p2p_fault(*state, NULL, EDU0, mock_addr(0),
				       MOCK_PAGE_SIZE, HMM_P2P_ACCESS_NO_P2P,
				       buffer.outcomes, &buffer.result), 0);
	assert_int_equal(hmm_p2p_reason_of(buffer.outcomes[0]),
			 HMM_P2P_REASON_IMPORTER);
}

/* Shared memory that the importer may not have: an error, and which pages. */
static void access_tells_what_is_refused(void **state)
{
	uint8_t outcomes[2] = { 0xff, 0xff };
	struct hmm_p2p_access result;

	mock_share(1, 1, VRAM0);
	assert_int_equal(hmm_p2p_fault(*state, NULL, EDU1, mock_addr(0),
				       2 * MOCK_PAGE_SIZE, 0, outcomes, &result),
			 -EREMOTEIO);
	assert_int_equal(result.out_reasons[HMM_P2P_REASON_NO_PATH], 1);
	assert_int_equal(hmm_p2p_outcome_of(outcomes[1]), HMM_P2P_OUTCOME_NONE);
	assert_int_equal(hmm_p2p_reason_of(outcomes[1]), HMM_P2P_REASON_NO_PATH);
	assert_int_equal(hmm_p2p_fault(*state, NULL, EDU0, mock_addr(0),
				       2 * MOCK_PAGE_SIZE, 0, outcomes, &result), 0);
	assert_int_equal(hmm_p2p_outcome_of(outcomes[1]), HMM_P2P_OUTCOME_P2P);
}

static void access_refuses_to_write_read_only(void **state)
{
	mock.pages[1].writable = false;
	assert_int_equal(hmm_p2p_fault(*state, NULL, EDU0, mock_addr(0),
				       2 * MOCK_PAGE_SIZE, HMM_P2P_ACCESS_WRITE,
				       NULL, &buffer.result), -EPERM);
	assert_int_equal(buffer.result.out_system, 1);
}

static void test_err_read(struct hmm_p2p *ctx, uint32_t importer, uint64_t addr,
			  uint64_t length, uint32_t flags, int err)
{
	memset(&buffer.result, 0xff, sizeof(buffer.result));
	assert_int_equal(hmm_p2p_read(ctx, NULL, importer, addr, length,
				      buffer.bytes, flags, NULL, &buffer.result),
			 -err);
	assert_int_equal(buffer.result.out_p2p, 0);
	assert_int_equal(buffer.result.out_bytes, 0);
}

static void access_reports_errors(void **state)
{
	const uint64_t page = MOCK_PAGE_SIZE;

	test_err_read(*state, EDU0, MOCK_BASE + 8, page, 0, EINVAL);
	test_err_read(*state, EDU0, MOCK_BASE, page, HMM_P2P_ACCESS_WRITE, EINVAL);
	test_err_read(*state, EDU0, MOCK_BASE, page, 1U << 31, EINVAL);
	test_err_read(*state, 77, MOCK_BASE, page, 0, ENOENT);
	test_err_read(*state, CARVE0, MOCK_BASE, page, 0, EOPNOTSUPP);
	test_err_read(*state, EDU0, mock_addr(512), page, 0, EFAULT);
	test_err_read(NULL, EDU0, MOCK_BASE, page, 0, EINVAL);
	assert_int_equal(hmm_p2p_read(*state, NULL, EDU0, MOCK_BASE, page, NULL, 0,
				      NULL, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_write(*state, NULL, EDU0, MOCK_BASE, page, NULL, 0,
				       NULL, &buffer.result), -EINVAL);
	assert_int_equal(hmm_p2p_fault(NULL, NULL, EDU0, MOCK_BASE, page, 0, NULL,
				       NULL), -EINVAL);
}

static void access_reports_partial_work(void **state)
{
	assert_int_equal(hmm_p2p_read(*state, NULL, EDU0, mock_addr(508),
				      NR * MOCK_PAGE_SIZE, buffer.bytes, 0, NULL,
				      &buffer.result), -EFAULT);
	assert_int_equal(buffer.result.out_bytes, 4 * MOCK_PAGE_SIZE);
}

/* --------------------------------------------------------------- file I/O */

static void file_io_asks_as_told(void **state)
{
	uint8_t outcomes[4];

	mock.file_bytes = 1 << 20;
	assert_int_equal(hmm_p2p_pread(*state, MOCK_FILE, buffer.bytes, 8192, 4096,
				       HMM_P2P_FILE_IO_NO_P2P, outcomes, NULL), 8192);
	assert_int_equal(mock.file_io.flags, HMM_P2P_FILE_IO_NO_P2P);
	assert_int_equal(mock.file_io.addr, (uintptr_t)buffer.bytes);
	assert_int_equal(mock.file_io.length, 8192);
	assert_int_equal(mock.file_io.offset, 4096);
	assert_int_equal(mock.file_io.outcomes, (uintptr_t)outcomes);

	assert_int_equal(hmm_p2p_pwrite(*state, MOCK_FILE, buffer.bytes, 512, 0, 0,
					NULL, NULL), 512);
	assert_int_equal(mock.file_io.flags, HMM_P2P_FILE_IO_WRITE);
	assert_int_equal(mock.file_io.outcomes, 0);
}

/* A short count at the end of the file, 0 behind it. */
static void file_io_counts(void **state)
{
	struct hmm_p2p_file_io result;

	mock.file_bytes = 5000;
	assert_int_equal(hmm_p2p_pread(*state, MOCK_FILE, buffer.bytes, 8192, 0, 0,
				       NULL, &result), 5000);
	assert_int_equal(result.out_bytes, 5000);
	assert_int_equal(result.out_p2p, 2);
	assert_int_equal(hmm_p2p_pread(*state, MOCK_FILE, buffer.bytes, 8192, 8192, 0,
				       NULL, &result), 0);
	assert_int_equal(result.out_bytes, 0);
}

static void file_io_reports_errors(void **state)
{
	struct hmm_p2p_file_io result;

	assert_int_equal(hmm_p2p_pread(*state, -1, buffer.bytes, 512, 0, 0, NULL,
				       &result), -EBADF);
	assert_int_equal(result.fd, -1);
	assert_int_equal(hmm_p2p_pread(*state, MOCK_FILE, buffer.bytes, 512, 0,
				       HMM_P2P_FILE_IO_WRITE, NULL, &result), -EINVAL);
	assert_int_equal(result.out_bytes, 0);
	assert_int_equal(hmm_p2p_pwrite(*state, MOCK_FILE, buffer.bytes, 512, 0,
					1U << 31, NULL, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_pwrite(NULL, MOCK_FILE, buffer.bytes, 512, 0, 0,
					NULL, NULL), -EINVAL);
	mock.fail_cmd = HMM_P2P_IOC_FILE_IO;
	mock.fail_errno = EIO;
	assert_int_equal(hmm_p2p_pwrite(*state, MOCK_FILE, buffer.bytes, 512, 0, 0,
					NULL, &result), -EIO);
}

static void export_tells_where(void **state)
{
	struct hmm_p2p_export result;

	mock_share(8, 4, VRAM1);
	assert_int_equal(hmm_p2p_export(*state, (void *)(uintptr_t)(mock_addr(9) + 100),
					MOCK_PAGE_SIZE, &result), MOCK_BUFFER);
	assert_int_equal(result.out_fd, MOCK_BUFFER);
	assert_int_equal(result.out_device, VRAM1);
	assert_int_equal(result.out_offset, 100);
	assert_int_equal(result.out_length, 2 * MOCK_PAGE_SIZE);
	assert_int_equal(hmm_p2p_export(*state, (void *)(uintptr_t)mock_addr(8), 1, NULL),
			 MOCK_BUFFER);
	assert_int_equal(mock.bad_requests, 0);
}

static void export_reports_errors(void **state)
{
	void *other = (void *)(uintptr_t)mock_addr(0);
	struct hmm_p2p_export result;

	assert_int_equal(hmm_p2p_export(*state, other, MOCK_PAGE_SIZE, &result), -EOPNOTSUPP);
	assert_int_equal(result.out_fd, HMM_P2P_NO_FD);
	assert_int_equal(hmm_p2p_export(*state, other, 0, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_export(NULL, other, 1, &result), -EINVAL);
	assert_int_equal(result.out_fd, HMM_P2P_NO_FD);
	mock.fail_cmd = HMM_P2P_IOC_EXPORT;
	mock.fail_errno = EMFILE;
	assert_int_equal(hmm_p2p_export(*state, other, 1, NULL), -EMFILE);
}

static void import_moves_bytes(void **state)
{
	static uint8_t data[MOCK_PAGE_SIZE];

	mock_share(8, 4, VRAM1);
	assert_int_equal(hmm_p2p_export(*state, (void *)(uintptr_t)mock_addr(8),
					4 * MOCK_PAGE_SIZE, NULL), MOCK_BUFFER);
	memset(data, 0x5a, sizeof(data));
	assert_int_equal(hmm_p2p_import_write(*state, EDU0, MOCK_BUFFER, MOCK_PAGE_SIZE,
					      data, sizeof(data)), sizeof(data));
	assert_memory_equal(mock_data[9], data, sizeof(data));
	memset(data, 0, sizeof(data));
	assert_int_equal(hmm_p2p_import_read(*state, EDU0, MOCK_BUFFER, MOCK_PAGE_SIZE,
					     data, sizeof(data)), sizeof(data));
	assert_memory_equal(mock_data[9], data, sizeof(data));
	assert_int_equal(mock.bad_requests, 0);
}

static void import_reports_errors(void **state)
{
	static uint8_t data[MOCK_PAGE_SIZE];

	assert_int_equal(hmm_p2p_import_read(*state, EDU0, 3, 0, data, sizeof(data)), -EBADF);
	assert_int_equal(hmm_p2p_import_read(*state, 77, 3, 0, data, sizeof(data)), -ENOENT);
	assert_int_equal(hmm_p2p_import_write(*state, CARVE0, 3, 0, data, sizeof(data)),
			 -EOPNOTSUPP);
	assert_int_equal(hmm_p2p_import_write(NULL, EDU0, 3, 0, data, sizeof(data)), -EINVAL);
	mock.fail_cmd = HMM_P2P_IOC_IMPORT;
	mock.fail_errno = EREMOTEIO;
	assert_int_equal(hmm_p2p_import_write(*state, EDU0, 3, 0, data, sizeof(data)),
			 -EREMOTEIO);
}

static void map_names_device_and_offset(void **state)
{
	void *mem;

	assert_int_equal(hmm_p2p_map(*state, VRAM1, 8192, 4096, &mem), 0);
	assert_int_equal(mock.map_length, 4096);
	assert_int_equal(mock.map_prot, PROT_READ | PROT_WRITE);
	assert_int_equal(mock.map_flags, MAP_SHARED);
	assert_true(mock.map_offset == HMM_P2P_MAP_OFFSET(VRAM1, 8192));
	assert_true(mock.map_offset == ((uint64_t)VRAM1 << HMM_P2P_MAP_SHIFT) + 8192);
	memset(mem, 1, 4096);
	assert_int_equal(hmm_p2p_unmap(mem, 4096), 0);
	assert_int_equal(hmm_p2p_unmap((char *)mem + 1, 4096), -EINVAL);
}

/* What mmap() would round, or take for another device, does not get there. */
static void map_refuses(void **state)
{
	const uint64_t most = 1ULL << HMM_P2P_MAP_SHIFT;
	void *mem = state;

	assert_int_equal(hmm_p2p_map(*state, VRAM0, 0, 0, &mem), -EINVAL);
	assert_null(mem);
	assert_int_equal(hmm_p2p_map(*state, VRAM0, 0, 4095, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(*state, VRAM0, 512, 4096, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(*state, VRAM0, most, 4096, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(*state, VRAM0, most - 4096, 8192, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(*state, VRAM0, -4096ULL, 8192, &mem), -EINVAL);
	assert_int_equal(hmm_p2p_map(*state, VRAM0, 0, 4096, NULL), -EINVAL);
	assert_int_equal(hmm_p2p_map(NULL, VRAM0, 0, 4096, &mem), -EINVAL);
	assert_int_equal(mock.map_length, 0);
}

static void map_reports_errors(void **state)
{
	void *mem = state;

	mock.map_errno = ENOSPC;
	assert_int_equal(hmm_p2p_map(*state, VRAM0, 0, 4096, &mem), -ENOSPC);
	assert_null(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mock_test(process_names_the_caller),
		mock_test(process_opens_mem),
		mock_test(process_reports_errors),
		mock_test(migrate_counts),
		mock_test(migrate_populates_when_asked),
		mock_test(migrate_names_the_process),
		mock_test(migrate_reports_partial_work),
		mock_test(migrate_hands_flags_on),
		mock_test(migrate_moves_ranges),
		mock_test(migrate_of_ranges_ends),
		mock_test(migrate_of_ranges_claims_later_ones),
		mock_test(migrate_of_ranges_moves_what_is_before),
		mock_test(migrate_comes_back),
		mock_test(migrate_reports_errors),
		mock_test(access_reads_what_is_there),
		mock_test(access_writes),
		mock_test(access_gives_reasons),
		mock_test(access_opts_out),
		mock_test(access_tells_what_is_refused),
		mock_test(access_refuses_to_write_read_only),
		mock_test(access_reports_errors),
		mock_test(access_reports_partial_work),
		mock_test(file_io_asks_as_told),
		mock_test(file_io_counts),
		mock_test(file_io_reports_errors),
		mock_test(export_tells_where),
		mock_test(export_reports_errors),
		mock_test(import_moves_bytes),
		mock_test(import_reports_errors),
		mock_test(map_names_device_and_offset),
		mock_test(map_refuses),
		mock_test(map_reports_errors),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
