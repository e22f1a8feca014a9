// SPDX-License-Identifier: GPL-2.0
/* hmm_p2p_open() and what belongs to it. Linked with --wrap=calloc. */
#include <fcntl.h>

#include "test.h"

static bool fail_calloc;

void *__real_calloc(size_t nr, size_t size);
void *__wrap_calloc(size_t nr, size_t size);

void *__wrap_calloc(size_t nr, size_t size)
{
	return fail_calloc ? NULL : __real_calloc(nr, size);
}

static void test_open_error(int err)
{
	struct hmm_p2p *ctx = (struct hmm_p2p *)-1;

	mock.open_errno = err;
	assert_int_equal(hmm_p2p_open(&ctx), -err);
	assert_null(ctx);
}

static void open_reports_errors(void **state)
{
	(void)state;
	test_open_error(ENOENT);
	test_open_error(EACCES);
	test_open_error(ENXIO);
	test_open_error(EMFILE);
}

static void open_is_close_on_exec(void **state)
{
	assert_non_null(*state);
	assert_int_equal(mock.open_flags, O_RDWR | O_CLOEXEC);
}

static void open_takes_path_from_environment(void **state)
{
	struct hmm_p2p *ctx;

	(void)state;
	setenv(HMM_P2P_DEVICE_ENV, "/dev/hmm_p2p_other", 1);
	assert_int_equal(hmm_p2p_open(&ctx), 0);
	assert_int_equal(mock.open_nodes, 2);
	hmm_p2p_close(ctx);

	setenv(HMM_P2P_DEVICE_ENV, "", 1);
	assert_int_equal(hmm_p2p_open(&ctx), 0);
	assert_int_equal(mock.open_nodes, 2);
	hmm_p2p_close(ctx);
	unsetenv(HMM_P2P_DEVICE_ENV);
}

static void open_refuses_another_driver(void **state)
{
	struct hmm_p2p *ctx;

	(void)state;
	mock.fail_cmd = HMM_P2P_IOC_INFO;
	mock.fail_errno = ENOTTY;
	assert_int_equal(hmm_p2p_open(&ctx), -ENOTTY);
	assert_int_equal(mock.open_nodes, 1);

	mock.fail_errno = 0;
	mock.page_size = 0;
	assert_int_equal(hmm_p2p_open(&ctx), -ENOTTY);
	assert_int_equal(mock.open_nodes, 1);
}

static void open_without_memory(void **state)
{
	struct hmm_p2p *ctx;

	(void)state;
	fail_calloc = true;
	assert_int_equal(hmm_p2p_open(&ctx), -ENOMEM);
	fail_calloc = false;
	assert_null(ctx);
	assert_int_equal(mock.open_nodes, 1);
}

static void null_arguments(void **state)
{
	struct hmm_p2p_info info;

	assert_int_equal(hmm_p2p_open(NULL), -EINVAL);
	hmm_p2p_close(NULL);
	assert_int_equal(hmm_p2p_fd(NULL), -EINVAL);
	assert_int_equal(hmm_p2p_page_size(NULL), 0);
	assert_int_equal(hmm_p2p_get_info(NULL, &info), -EINVAL);
	assert_int_equal(hmm_p2p_get_info(*state, NULL), -EINVAL);
}

static void close_closes(void **state)
{
	struct hmm_p2p *ctx;

	(void)state;
	assert_int_equal(hmm_p2p_open(&ctx), 0);
	assert_true(hmm_p2p_fd(ctx) >= 0);
	assert_int_equal(mock.open_nodes, 2);
	hmm_p2p_close(ctx);
	assert_int_equal(mock.open_nodes, 1);
}

static void info_tells(void **state)
{
	struct hmm_p2p_info info;

	assert_int_equal(hmm_p2p_get_info(*state, &info), 0);
	assert_int_equal(info.out_abi_version, HMM_P2P_ABI_VERSION);
	assert_int_equal(info.out_page_size, MOCK_PAGE_SIZE);
	assert_int_equal(info.out_huge_page_size, 512 * MOCK_PAGE_SIZE);
	assert_int_equal(info.out_devices, MOCK_DEVICES);
	assert_int_equal(hmm_p2p_page_size(*state), MOCK_PAGE_SIZE);
}

static void info_reports_errors(void **state)
{
	struct hmm_p2p_info info;

	memset(&info, 0xff, sizeof(info));
	mock.fail_cmd = HMM_P2P_IOC_INFO;
	mock.fail_errno = ENODEV;
	assert_int_equal(hmm_p2p_get_info(*state, &info), -ENODEV);
	assert_int_equal(info.out_devices, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		mock_test(open_reports_errors),
		mock_test(open_is_close_on_exec),
		mock_test(open_takes_path_from_environment),
		mock_test(open_refuses_another_driver),
		mock_test(open_without_memory),
		mock_test(null_arguments),
		mock_test(close_closes),
		mock_test(info_tells),
		mock_test(info_reports_errors),
	};

	return cmocka_run_group_tests_name("context", tests, NULL, NULL);
}
