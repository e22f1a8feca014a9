// SPDX-License-Identifier: GPL-2.0
/*
 * The three outcomes for callers of hmm_range_fault() that nobody changed.
 *
 * An ftrace handler looks at who calls hmm_range_fault(). A caller that an adapter
 * knows is sent to the adapter, which asks hmm_p2p_range_fault() in the name of
 * the device that will reach the memory; everybody else, and that call itself,
 * goes on as if nothing had happened. Where the kernel has
 * hmm_range_fault_unlocked_timeout(), the same is done to that.
 *
 * The handler gets the caller's address from ftrace: on the stack there may be
 * the function graph tracer's instead.
 *
 * An adapter calls interposed.c, and nothing here.
 */
#include <linux/ftrace.h>
#include <linux/hmm_p2p.h>
#include <linux/kallsyms.h>
#include <linux/module.h>
#include <linux/seqlock.h>
#include <linux/string.h>

#include "interpose.h"
#include "interposed.h"

#if !IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) && !IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
#error "hmm_p2p_interpose needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS=y or _WITH_REGS=y"
#endif

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

/*
 * Written under callers_lock. A slot may be emptied and taken by another caller
 * while it is read, so who reads asks the lock whether that happened.
 */
static struct caller callers[CALLER_SLOTS];
static DEFINE_SEQLOCK(callers_lock); /* callers */

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

/* The slot of @ip, else the first unused one, else NULL: all are others'. */
static struct caller *caller_slot(unsigned long ip)
{
	unsigned long seen;
	int i;

	for (i = 0; i < CALLER_SLOTS; i++) {
		seen = READ_ONCE(callers[i].ip);
		if (seen == ip || !seen)
			return &callers[i];
	}
	return NULL;
}

static void caller_remember(unsigned long ip, const struct hmm_p2p_adapter *adapter)
{
	struct caller *slot;

	write_seqlock(&callers_lock);
	slot = caller_slot(ip);
	if (slot) {
		WRITE_ONCE(slot->adapter, adapter);
		WRITE_ONCE(slot->ip, ip);
	}
	write_sequnlock(&callers_lock);
}

/* Return: whether @ip was looked up before; then @adapter is the answer. */
static bool caller_recall(unsigned long ip, const struct hmm_p2p_adapter **adapter)
{
	struct caller *slot;
	unsigned int seq;
	bool known;

	do {
		seq = read_seqbegin(&callers_lock);
		slot = caller_slot(ip);
		known = slot && READ_ONCE(slot->ip) == ip;
		if (known)
			*adapter = READ_ONCE(slot->adapter);
	} while (read_seqretry(&callers_lock, seq));
	return known;
}

static const struct hmm_p2p_adapter *adapter_of(unsigned long ip)
{
	const struct hmm_p2p_adapter *adapter;

	if (caller_recall(ip, &adapter))
		return adapter;
	adapter = adapter_by_name(ip);
	caller_remember(ip, adapter);
	return adapter;
}

/* A module's addresses may be somebody else's after it is gone. */
static void callers_forget(void)
{
	write_seqlock(&callers_lock);
	memset(callers, 0, sizeof(callers));
	write_sequnlock(&callers_lock);
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

static void notrace range_fault_handler(unsigned long ip, unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	const struct hmm_p2p_adapter *adapter = adapter_of(parent_ip);

	if (adapter)
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)adapter->range_fault);
}

#ifdef HMM_P2P_HAVE_UNLOCKED
static void notrace unlocked_handler(unsigned long ip, unsigned long parent_ip,
				     struct ftrace_ops *ops,
				     struct ftrace_regs *fregs)
{
	const struct hmm_p2p_adapter *adapter = adapter_of(parent_ip);

	if (adapter)
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)adapter->range_fault_unlocked);
}
#endif

/* Permanent: refused while ftrace is switched off, and it stays on from here. */
#define INTERPOSE_FLAGS	(FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT | \
			 (IS_ENABLED(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) ? \
			  0 : FTRACE_OPS_FL_SAVE_REGS))

/**
 * struct target - a function of the kernel that is interposed
 * @func: the function
 * @ops: sends some of its callers elsewhere
 */
struct target {
	void *func;
	struct ftrace_ops ops;
};

static struct target targets[] = {
	{
		.func = hmm_range_fault,
		.ops = { .func = range_fault_handler, .flags = INTERPOSE_FLAGS },
	},
#ifdef HMM_P2P_HAVE_UNLOCKED
	{
		.func = hmm_range_fault_unlocked_timeout,
		.ops = { .func = unlocked_handler, .flags = INTERPOSE_FLAGS },
	},
#endif
};

static void notrace probe_handler(unsigned long ip, unsigned long parent_ip,
				  struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
}

static struct ftrace_ops probe_ops = {
	.func	= probe_handler,
	.flags	= FTRACE_OPS_FL_PERMANENT,
};

/* What else could be busy: this changes nothing, so nobody can hold it. */
static bool ftrace_is_off(void)
{
	int ret;

	ret = ftrace_set_filter_ip(&probe_ops, (unsigned long)hmm_range_fault, 0, 0);
	if (!ret)
		ret = register_ftrace_function(&probe_ops);
	if (!ret)
		unregister_ftrace_function(&probe_ops);
	ftrace_free_filter(&probe_ops);
	return ret == -EBUSY;
}

static void explain(const struct target *target, int err)
{
	if (err == -ENODEV)
		pr_err("hmm_p2p_interpose: ftrace has shut itself down, see the kernel log; only a reboot helps\n");
	else if (err != -EBUSY)
		pr_err("hmm_p2p_interpose: ftrace cannot take over %ps (%d)\n",
		       target->func, err);
	else if (ftrace_is_off())
		pr_err("hmm_p2p_interpose: ftrace is switched off: set kernel.ftrace_enabled=1 and load again\n");
	else
		pr_err("hmm_p2p_interpose: a live patch or another module holds %ps: unload that first\n",
		       target->func);
}

static int attach(struct target *target)
{
	int ret;

	ret = ftrace_set_filter_ip(&target->ops, (unsigned long)target->func, 0, 0);
	if (!ret)
		ret = register_ftrace_function(&target->ops);
	if (!ret)
		return 0;
	explain(target, ret);
	ftrace_free_filter(&target->ops);
	return ret;
}

/* The first @nr targets are left alone again. */
static void detach(int nr)
{
	while (nr--) {
		unregister_ftrace_function(&targets[nr].ops);
		ftrace_free_filter(&targets[nr].ops);
	}
	hmm_p2p_interposed_drain();
}

static int attach_all(void)
{
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(targets); i++) {
		ret = attach(&targets[i]);
		if (ret) {
			detach(i);
			return ret;
		}
	}
	return 0;
}

static int __init interpose_init(void)
{
	int ret;

	if (__is_defined(HMM_P2P_HAVE_HOOK)) {
		pr_err("hmm_p2p_interpose: this kernel's hmm_range_fault() knows importers: nothing to interpose, on-demand paging has p2p without it\n");
		return -EOPNOTSUPP;
	}
	ret = register_module_notifier(&module_notifier);
	if (ret)
		return ret;
	ret = attach_all();
	if (ret)
		unregister_module_notifier(&module_notifier);
	return ret;
}
module_init(interpose_init);

static void __exit interpose_exit(void)
{
	detach(ARRAY_SIZE(targets));
	unregister_module_notifier(&module_notifier);
}
module_exit(interpose_exit);

MODULE_DESCRIPTION("hmm_p2p: p2p pages for the kernel's own hmm_range_fault() callers");
MODULE_LICENSE("GPL");
MODULE_VERSION(HMM_P2P_VERSION);
MODULE_IMPORT_NS("HMM_P2P");
