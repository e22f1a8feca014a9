/* SPDX-License-Identifier: GPL-2.0 */
/* What every unit test begins with. */
#ifndef HMM_P2P_UNIT_TEST_H
#define HMM_P2P_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmm_p2p.h"
#include "mock/mock.h"

/* Group fixture: a fresh mock and a context for each test. */
static inline int set_up(void **state)
{
	mock_reset();
	return hmm_p2p_open((struct hmm_p2p **)state);
}

/* Whatever a test did, it broke no rule of the ABI and leaked no descriptor. */
static inline int tear_down(void **state)
{
	hmm_p2p_close(*state);
	return mock.bad_requests || mock.open_nodes ? -1 : 0;
}

#define mock_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif /* HMM_P2P_UNIT_TEST_H */
