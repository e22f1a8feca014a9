// SPDX-License-Identifier: GPL-2.0
/* Words for numbers: all there, all different, all sentences. */
#include <ctype.h>
#include <limits.h>

#include "test.h"

typedef const char *(*name_fn)(unsigned int value);

static void assert_names(name_fn name, unsigned int count)
{
	unsigned int i, j;

	for (i = 0; i < count; i++) {
		assert_non_null(name(i));
		assert_true(strlen(name(i)) > 0);
		assert_string_not_equal(name(i), "unknown");
		for (j = 0; j < i; j++)
			assert_string_not_equal(name(i), name(j));
	}
	assert_string_equal(name(count), "unknown");
	assert_string_equal(name(UINT_MAX), "unknown");
}

static void outcomes_have_names(void **state)
{
	(void)state;
	assert_names(hmm_p2p_outcome_name, HMM_P2P_OUTCOME_SYSTEM + 1);
	assert_string_equal(hmm_p2p_outcome_name(HMM_P2P_OUTCOME_P2P), "p2p");
}

static void reasons_have_names(void **state)
{
	(void)state;
	assert_names(hmm_p2p_reason_name, HMM_P2P_REASON_COUNT);
	assert_string_equal(hmm_p2p_reason_name(HMM_P2P_REASON_NO_PATH),
			    "no path");
	/* Four bits of an outcomes byte and the arrays have room for them. */
	assert_true(HMM_P2P_REASON_COUNT <= HMM_P2P_REASON_SLOTS);
}

static void counters_have_names(void **state)
{
	unsigned int i;
	const char *c;

	(void)state;
	assert_names(hmm_p2p_counter_name, HMM_P2P_COUNTER_COUNT);
	assert_true(HMM_P2P_COUNTER_COUNT <= HMM_P2P_COUNTER_SLOTS);
	for (i = 0; i < HMM_P2P_COUNTER_COUNT; i++)
		for (c = hmm_p2p_counter_name(i); *c; c++)
			assert_true(islower((unsigned char)*c) ||
				    isdigit((unsigned char)*c) || *c == '_');
}

static void assert_sentence(const char *text)
{
	assert_non_null(text);
	assert_true(strlen(text) > 10);
	assert_true(isupper((unsigned char)text[0]));
	assert_int_equal(text[strlen(text) - 1], '.');
	assert_null(strchr(text, '\n'));
}

static void reasons_have_sentences(void **state)
{
	unsigned int i, j;

	(void)state;
	for (i = 0; i <= HMM_P2P_REASON_COUNT; i++) {
		assert_sentence(hmm_p2p_reason_text(i));
		for (j = 0; j < i; j++)
			assert_string_not_equal(hmm_p2p_reason_text(i),
						hmm_p2p_reason_text(j));
	}
	assert_sentence(hmm_p2p_reason_text(UINT_MAX));
}

static void errors_have_sentences(void **state)
{
	unsigned int call;
	int err;

	(void)state;
	for (call = 0; call <= HMM_P2P_CALL_COUNT; call++) {
		for (err = 0; err < 200; err++) {
			assert_sentence(hmm_p2p_errno_text(err, call));
			assert_ptr_equal(hmm_p2p_errno_text(err, call),
					 hmm_p2p_errno_text(-err, call));
		}
		assert_sentence(hmm_p2p_errno_text(INT_MIN, call));
	}
}

/* Every errno that the ABI lists has words of its own, for every call. */
static void errors_of_the_abi_are_known(void **state)
{
	static const int errors[] = {
		0, ENOTTY, EINVAL, E2BIG, EOPNOTSUPP, ENOENT, ENODEV, ESRCH,
		EACCES, EPERM, EFAULT, EINTR, ENOSPC, ENOMEM, EBUSY, EIO,
		EREMOTEIO, ENOTUNIQ, EPROTO, ENXIO, EMFILE, ENFILE, EBADF,
	};
	const char *unknown = hmm_p2p_errno_text(199, HMM_P2P_CALL_ANY);
	unsigned int call;
	size_t i;

	(void)state;
	for (call = 0; call < HMM_P2P_CALL_COUNT; call++)
		for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
			assert_string_not_equal(hmm_p2p_errno_text(errors[i], call),
						unknown);
}

static void errors_depend_on_the_call(void **state)
{
	const char *no_module = hmm_p2p_errno_text(-ENOENT, HMM_P2P_CALL_OPEN);
	const char *no_right = hmm_p2p_errno_text(-EACCES, HMM_P2P_CALL_OPEN);

	(void)state;
	assert_non_null(strstr(no_module, "modprobe"));
	assert_non_null(strstr(no_right, "group"));
	assert_string_not_equal(no_module,
				hmm_p2p_errno_text(-ENOENT, HMM_P2P_CALL_DEVICE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes_have_names),
		cmocka_unit_test(reasons_have_names),
		cmocka_unit_test(counters_have_names),
		cmocka_unit_test(reasons_have_sentences),
		cmocka_unit_test(errors_have_sentences),
		cmocka_unit_test(errors_of_the_abi_are_known),
		cmocka_unit_test(errors_depend_on_the_call),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
