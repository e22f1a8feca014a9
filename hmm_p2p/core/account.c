// SPDX-License-Identifier: GPL-2.0
/*
 * A limit for each user (the parameter user_limit), for kernels that have no dmem
 * controller, or whose administrator sets no limits there. Off by default; what is
 * handed out while it is off, nobody pays for.
 *
 * The user is the owner of the process that gets the memory, by its real user id,
 * whoever moves it; of shared memory, who maps it first. As with other resources
 * CAP_SYS_RESOURCE of the caller goes beyond the limit: what he gets is counted, and
 * not refused.
 */
#include <kunit/visibility.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm_types.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "account.h"
#include "device.h"

/* Bytes; below 0: percent of the device's memory; 0: off. */
static s64 user_limit;

/* Return: 0, or -EINVAL for a text that is no limit. */
int hmm_p2p_limit_parse(const char *text, s64 *limit)
{
	s64 sign = 1;
	char *end;
	u64 value;

	value = memparse(text, &end);
	if (end == text)
		return -EINVAL;
	if (*end == '%') {
		sign = -1;
		end++;
	}
	if (*end == '\n')
		end++;
	if (*end || value > (sign < 0 ? 100 : S64_MAX))
		return -EINVAL;
	*limit = sign * (s64)value;
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_limit_parse);

static int user_limit_set(const char *text, const struct kernel_param *kp)
{
	s64 limit;
	int ret = hmm_p2p_limit_parse(text, &limit);

	if (!ret)
		WRITE_ONCE(user_limit, limit);
	return ret;
}

static int user_limit_get(char *text, const struct kernel_param *kp)
{
	s64 limit = READ_ONCE(user_limit);

	return limit < 0 ? sysfs_emit(text, "%lld%%\n", -limit) :
			   sysfs_emit(text, "%lld\n", limit);
}

static const struct kernel_param_ops user_limit_ops = {
	.set = user_limit_set,
	.get = user_limit_get,
};

module_param_cb(user_limit, &user_limit_ops, NULL, 0644);
MODULE_PARM_DESC(user_limit, "how much of each device's memory a user may have: bytes with K, M, G suffix, or percent as in 25% (default: 0, no limit)");

bool hmm_p2p_accounts_on(void)
{
	return READ_ONCE(user_limit);
}

/* What a limit comes to, on a device with so many @bytes. */
u64 hmm_p2p_limit_bytes(s64 limit, u64 bytes)
{
	if (limit > 0)
		return limit;
	/* It may have been switched off just now. */
	if (!limit)
		return U64_MAX;
	return div_u64(bytes, 100) * -limit;
}
EXPORT_SYMBOL_IF_KUNIT(hmm_p2p_limit_bytes);

static u64 limit_of(const struct hmm_p2p_device *hdev)
{
	return hmm_p2p_limit_bytes(READ_ONCE(user_limit), hdev->config.memory +
				   hdev->config.shared + hdev->config.apart);
}

static kuid_t user_of(struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	guard(rcu)();
	owner = rcu_dereference(mm->owner);
	if (owner)
		return task_uid(owner);
#endif
	return current_uid();
}

/*
 * The account of the user whose process has @mm.
 *
 * Context: may sleep.
 * Return: the account, or NULL when there is no memory for it.
 */
struct hmm_p2p_account *hmm_p2p_account_of(struct hmm_p2p_device *hdev,
					   struct mm_struct *mm)
{
	unsigned long uid = __kuid_val(user_of(mm));
	struct hmm_p2p_account *account, *found;

	account = xa_load(&hdev->accounts, uid);
	if (account)
		return account;
	account = kzalloc_obj(*account, HMM_P2P_GFP_USER);
	if (!account)
		return NULL;
	found = xa_cmpxchg(&hdev->accounts, uid, NULL, account, HMM_P2P_GFP_USER);
	if (!found)
		return account;
	kfree(account);
	return xa_is_err(found) ? NULL : found;
}

/* A kernel thread that moves for a device does so for the process. */
static bool may_exceed(void)
{
	return !(current->flags & PF_KTHREAD) &&
	       ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE);
}

/* Return: 0, or -EAGAIN at the limit. */
int hmm_p2p_account_take(struct hmm_p2p_device *hdev,
			 struct hmm_p2p_account *account, u64 bytes)
{
	u64 used = atomic64_add_return(bytes, &account->used);

	if (used <= limit_of(hdev) || may_exceed())
		return 0;
	hmm_p2p_account_give(account, bytes);
	return -EAGAIN;
}

/* Nobody knows the device any more, and nobody pays for a page of it. */
void hmm_p2p_accounts_free(struct hmm_p2p_device *hdev)
{
	struct hmm_p2p_account *account;
	unsigned long uid;

	xa_for_each(&hdev->accounts, uid, account)
		kfree(account);
	xa_destroy(&hdev->accounts);
}
