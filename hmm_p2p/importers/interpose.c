// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes for callers of hmm_range_fault() that nobody changed.
 *
 * An ftrace handler sends calls of hmm_range_fault() to interposed(). That
 * looks at who called. For a caller that an adapter knows, it asks
 * hmm_p2p_range_fault() in the name of the device that the adapter finds; for
 * everybody else it calls hmm_range_fault() as if nothing had happened.
 *
 * The way back: the handler lets calls from this module and from the core
 * through, and it knows them by their return address. So nothing here may call
 * hmm_range_fault() as its last act: the compiler would turn that into a jump,
 * the return address would be the first caller's, and the call would come back
 * here for ever.
 *
 * Unloading: once the handler is gone, whoever was sent to interposed() has
 * entered it (RCU tasks: no voluntary switch in between) and is in an SRCU
 * section until it is about to return (RCU tasks again).
 */
#include <linux/ftrace.h>
#include <linux/hmm_p2p.h>
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include <linux/string.h>

#include "interpose.h"

#ifdef HMM_P2P_NATIVE_HOOK
#error "this kernel has get_dma_pfn_for_device(): there is nothing to interpose"
#endif
#if !IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && !IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#error "hmm_p2p_interpose needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS=y or _WITH_REGS=y"
#endif

DEFINE_STATIC_SRCU(interposed_srcu);

static const struct hmm_p2p_adapter * const adapters[] = {
	&hmm_p2p_odp_adapter,
};

/**
 * struct caller - a place that calls hmm_range_fault()
 * @ip: return address; 0 in an unused slot
 * @adapter: who knows it, NULL: nobody
 */
struct caller {
	unsigned long ip;
	const struct hmm_p2p_adapter *adapter;
};

/* Few places call it, and each is looked up by name once. */
#define CALLER_SLOTS	16

/* Written under callers_lock; a slot's ip is set last and read first. */
static struct caller callers[CALLER_SLOTS];
static DEFINE_SPINLOCK(callers_lock); /* writers of callers */

static const struct hmm_p2p_adapter *adapter_by_name(unsigned long ip)
{
	char name[KSYM_SYMBOL_LEN];
	size_t len;
	int i;

	sprint_symbol_no_offset(name, ip);
	for (i = 0; i < ARRAY_SIZE(adapters); i++) {
		len = strlen(adapters[i]->caller);
		/* In a module, the module's name follows in brackets. */
		if (!strncmp(name, adapters[i]->caller, len) &&
		    (!name[len] || name[len] == ' '))
			return adapters[i];
	}
	return NULL;
}

static void caller_remember(unsigned long ip, const struct hmm_p2p_adapter *adapter)
{
	int i;

	spin_lock(&callers_lock);
	for (i = 0; i < CALLER_SLOTS; i++) {
		if (callers[i].ip == ip)
			break;
		if (callers[i].ip)
			continue;
		callers[i].adapter = adapter;
		/* The adapter is there before the address: pairs with adapter_of(). */
		smp_store_release(&callers[i].ip, ip);
		break;
	}
	spin_unlock(&callers_lock);
}

static const struct hmm_p2p_adapter *adapter_of(unsigned long ip)
{
	const struct hmm_p2p_adapter *adapter;
	unsigned long seen;
	int i;

	for (i = 0; i < CALLER_SLOTS; i++) {
		/* pairs with caller_remember() */
		seen = smp_load_acquire(&callers[i].ip);
		if (seen == ip)
			return callers[i].adapter;
		if (!seen)
			break;
	}
	adapter = adapter_by_name(ip);
	caller_remember(ip, adapter);
	return adapter;
}

/* A module's addresses may be somebody else's after it is gone. */
static void callers_forget(void)
{
	spin_lock(&callers_lock);
	memset(callers, 0, sizeof(callers));
	spin_unlock(&callers_lock);
}

static int module_changed(struct notifier_block *nb, unsigned long state, void *data)
{
	if (state == MODULE_STATE_GOING)
		callers_forget();
	return NOTIFY_DONE;
}

static struct notifier_block module_notifier = {
	.notifier_call = module_changed,
};

/* Called in place of hmm_range_fault(), with its caller's return address. */
static noinline int interposed(struct hmm_range *range)
{
	unsigned long ip = (unsigned long)__builtin_return_address(0);
	const struct hmm_p2p_adapter *adapter;
	struct device *importer = NULL;
	int idx, ret;

	idx = srcu_read_lock(&interposed_srcu);
	adapter = adapter_of(ip);
	if (adapter)
		importer = adapter->importer(range);
	if (importer)
		ret = hmm_p2p_range_fault(range, importer);
	else
		ret = hmm_range_fault(range);
	srcu_read_unlock(&interposed_srcu, idx);
	return ret;
}

static void notrace interpose_handler(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct ftrace_regs *fregs)
{
	if (within_module(parent_ip, THIS_MODULE) || hmm_p2p_core_text(parent_ip))
		return;
	ftrace_regs_set_instruction_pointer(fregs, (unsigned long)interposed);
}

static struct ftrace_ops interpose_ops = {
	.func	= interpose_handler,
	.flags	= FTRACE_OPS_FL_IPMODIFY |
		  (IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) ?
		   0 : FTRACE_OPS_FL_SAVE_REGS),
};

static int attach(void)
{
	int ret;

	ret = ftrace_set_filter_ip(&interpose_ops, (unsigned long)hmm_range_fault,
				   0, 0);
	if (ret) {
		pr_err("hmm_p2p_interpose: ftrace cannot hook hmm_range_fault (%d): is it disabled (kernel.ftrace_enabled=0)?\n",
		       ret);
		return ret;
	}
	ret = register_ftrace_function(&interpose_ops);
	if (!ret)
		return 0;
	pr_err("hmm_p2p_interpose: cannot take over hmm_range_fault (%d)%s\n", ret,
	       ret == -EBUSY ? ": a live patch or another module holds it; unload that first" : "");
	ftrace_free_filter(&interpose_ops);
	return ret;
}

static void detach(void)
{
	unregister_ftrace_function(&interpose_ops);
	ftrace_free_filter(&interpose_ops);
	synchronize_rcu_tasks();
	synchronize_srcu(&interposed_srcu);
	synchronize_rcu_tasks();
}

static int __init interpose_init(void)
{
	int ret;

	ret = register_module_notifier(&module_notifier);
	if (ret)
		return ret;
	ret = attach();
	if (ret)
		unregister_module_notifier(&module_notifier);
	return ret;
}
module_init(interpose_init);

static void __exit interpose_exit(void)
{
	detach();
	unregister_module_notifier(&module_notifier);
}
module_exit(interpose_exit);

MODULE_DESCRIPTION("hmm_p2p: p2p pages for the kernel's own hmm_range_fault() callers");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("HMM_P2P");
