// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit: descriptions of devices that contradict themselves, or whose aliases are
 * not what importers need. None is registered; the one that they differ from is.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/hmm_p2p.h>
#include <linux/mm.h>
#include <linux/sizes.h>

static unsigned long alias;
static int alias_error;

static int get_dma_pfn(struct page *private_page, unsigned long *dma_pfn)
{
	*dma_pfn = alias;
	return alias_error;
}

/* Says something else than get_dma_pfn(). */
static unsigned long get_other_run(struct page *private_page, unsigned long nr,
				   unsigned long *dma_pfn)
{
	*dma_pfn = alias + 1;
	return nr;
}

static unsigned long get_no_run(struct page *private_page, unsigned long nr,
				unsigned long *dma_pfn)
{
	*dma_pfn = alias;
	return 0;
}

static struct dma_fence *copy(struct hmm_p2p_device *hdev, const struct hmm_p2p_copy *runs,
			      unsigned int nr)
{
	return NULL;
}

static const struct hmm_p2p_device_ops good_ops = {
	.get_dma_pfn_for_device	= get_dma_pfn,
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops no_alias_ops = {
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops run_alone_ops = {
	.get_dma_pfn_run	= get_other_run,
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops other_run_ops = {
	.get_dma_pfn_for_device	= get_dma_pfn,
	.get_dma_pfn_run	= get_other_run,
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops no_run_ops = {
	.get_dma_pfn_for_device	= get_dma_pfn,
	.get_dma_pfn_run	= get_no_run,
	.copy_to_device		= copy,
	.copy_to_ram		= copy,
};

static const struct hmm_p2p_device_ops one_way_ops = {
	.get_dma_pfn_for_device	= get_dma_pfn,
	.copy_to_device		= copy,
};

static struct hmm_p2p_device_config good_config(struct kunit *test)
{
	struct device *dev = kunit_device_register(test, "hmm_p2p_kunit");
	struct page *page = virt_to_page(kunit_kmalloc(test, PAGE_SIZE, GFP_KERNEL));

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	alias = page_to_pfn(page);
	alias_error = 0;
	return (struct hmm_p2p_device_config) {
		.dev = dev,
		.name = "kunit",
		.ops = &good_ops,
		.memory = SZ_2M,
		.window = SZ_2M,
		.alias_is_system = true,
	};
}

static int try(const struct hmm_p2p_device_config *config)
{
	struct hmm_p2p_device *hdev = hmm_p2p_device_register(config);

	if (!IS_ERR(hdev))
		hmm_p2p_device_unregister(hdev);
	return PTR_ERR_OR_ZERO(hdev);
}

static void test_good(struct kunit *test)
{
	struct hmm_p2p_device_config config = good_config(test);

	config.name = "thirty-one bytes: no more fit i";
	KUNIT_EXPECT_EQ(test, strlen(config.name), HMM_P2P_NAME_SIZE - 1);
	KUNIT_EXPECT_EQ(test, try(&config), 0);
}

#define REFUSED(member, value)					\
	do {							\
		struct hmm_p2p_device_config bad = config;	\
								\
		bad.member = value;				\
		KUNIT_EXPECT_EQ(test, try(&bad), -EINVAL);	\
	} while (0)

static void test_contradictions(struct kunit *test)
{
	struct hmm_p2p_device_config config = good_config(test);

	REFUSED(dev, NULL);
	REFUSED(name, NULL);
	REFUSED(name, "");
	REFUSED(name, "thirty-two bytes: no more fit in");
	REFUSED(ops, NULL);
	REFUSED(ops, &no_alias_ops);
	REFUSED(ops, &one_way_ops);
	config.window = 0;
	REFUSED(ops, &run_alone_ops);
	config.window = SZ_2M;
	REFUSED(memory, 0);
	REFUSED(memory, SZ_2M + 1);
	REFUSED(memory, 1ULL << 63);
	REFUSED(window, SZ_2M + PAGE_SIZE);
	REFUSED(shared, SZ_2M);
	KUNIT_EXPECT_EQ(test, try(&config), 0);
}

static void test_aliases(struct kunit *test)
{
	struct hmm_p2p_device_config config = good_config(test);

	REFUSED(alias_is_system, false);
	REFUSED(ops, &other_run_ops);
	REFUSED(ops, &no_run_ops);
	alias = ~0UL >> PAGE_SHIFT;
	KUNIT_EXPECT_EQ(test, try(&config), -EINVAL);
	alias_error = -ENXIO;
	KUNIT_EXPECT_EQ(test, try(&config), -EINVAL);
	config.window = 0;
	KUNIT_EXPECT_EQ(test, try(&config), 0);
}

/* The number of the owner is nobody's business here: it is compared as it is. */
static struct hmm_p2p_owner *owner_of(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_owner *owner = hmm_p2p_device_owner(hdev);

	hmm_p2p_owner_put(owner);
	return owner;
}

static void test_owners(struct kunit *test)
{
	struct hmm_p2p_device_config config = good_config(test);
	struct hmm_p2p_owner *owner = hmm_p2p_owner_create();
	struct hmm_p2p_device *one, *two;

	KUNIT_ASSERT_NOT_NULL(test, owner);
	one = hmm_p2p_device_register(&config);
	config.name = "kunit-two";
	two = hmm_p2p_device_register(&config);
	KUNIT_EXPECT_FALSE(test, IS_ERR(one) || IS_ERR(two));
	if (IS_ERR(one) || IS_ERR(two))
		goto out;
	KUNIT_EXPECT_PTR_NE(test, owner_of(one), owner_of(two));
	KUNIT_EXPECT_EQ(test, hmm_p2p_device_join(one, owner), 0);
	KUNIT_EXPECT_EQ(test, hmm_p2p_device_join(two, owner), 0);
	KUNIT_EXPECT_PTR_EQ(test, owner_of(one), owner);
	KUNIT_EXPECT_PTR_EQ(test, owner_of(two), owner);
	KUNIT_EXPECT_EQ(test, hmm_p2p_device_leave(one), 0);
	KUNIT_EXPECT_PTR_NE(test, owner_of(one), owner);
	KUNIT_EXPECT_PTR_EQ(test, owner_of(two), owner);
out:
	if (!IS_ERR(one))
		hmm_p2p_device_unregister(one);
	if (!IS_ERR(two))
		hmm_p2p_device_unregister(two);
	hmm_p2p_owner_put(owner);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_good),
	KUNIT_CASE(test_contradictions),
	KUNIT_CASE(test_aliases),
	KUNIT_CASE(test_owners),
	{ }
};

static struct kunit_suite suite = {
	.name = "hmm_p2p_device",
	.test_cases = cases,
};

kunit_test_suite(suite);
