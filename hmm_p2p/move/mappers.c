// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes may map a huge device page, and where: for a device that goes, when
 * the process that got the page has ended after a fork(), or has moved its mapping.
 *
 * Modules have no way from a page to its mappings, so this goes over all processes.
 * What the kernel's own way goes by tells where to look: an anonymous page has an index,
 * from which its address in a mapping follows, also after fork() and mremap(); and
 * all mappings of it have anon_vmas of one root. Nobody keeps the page there
 * meanwhile: what is found is a hint. Who follows it looks for himself.
 */
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "mappers.h"

/**
 * struct sought - what the mappings of a page have in common
 * @index: of the page, in each of them
 * @root: of their anon_vmas; only to compare
 */
struct sought {
	pgoff_t index;
	const struct anon_vma *root;
};

/* As folio_get_anon_vma(): that of a page that is mapped outlives a grace period. */
static const struct anon_vma *folio_root(const struct folio *folio)
{
	unsigned long mapping;

	guard(rcu)();
	mapping = (unsigned long)READ_ONCE(folio->mapping);
	if ((mapping & FOLIO_MAPPING_FLAGS) != FOLIO_MAPPING_ANON || !folio_mapped(folio))
		return NULL;
	return READ_ONCE(((struct anon_vma *)(mapping - FOLIO_MAPPING_ANON))->root);
}

/* What of the page may be in the mapping, from @start on? */
static bool place_in(const struct sought *sought, struct vm_area_struct *vma,
		     unsigned long *start, unsigned long *end)
{
	const struct anon_vma *anon_vma = READ_ONCE(vma->anon_vma);
	pgoff_t offset = vma->vm_pgoff, first, last;

	if (!vma_is_anonymous(vma) || !anon_vma || anon_vma->root != sought->root)
		return false;
	first = max(offset, sought->index);
	last = min(offset + vma_pages(vma), sought->index + HPAGE_PMD_NR);
	if (first >= last || vma->vm_start + ((last - offset) << PAGE_SHIFT) <= *start)
		return false;
	*start = vma->vm_start + ((first - offset) << PAGE_SHIFT);
	*end = vma->vm_start + ((last - offset) << PAGE_SHIFT);
	return true;
}

/* May the process map it, from @start on? Who has its mmap_lock is not waited for. */
static bool place_next(const struct sought *sought, struct mm_struct *mm,
		       unsigned long *start, unsigned long *end)
{
	VMA_ITERATOR(vmi, mm, *start);
	struct vm_area_struct *vma;
	bool found = false;

	if (!mmap_read_trylock(mm))
		return false;
	for_each_vma(vmi, vma) {
		found = place_in(sought, vma, start, end);
		if (found)
			break;
		cond_resched();
	}
	mmap_read_unlock(mm);
	return found;
}

/* Returns whether a visit said that it is enough. */
static bool visit_process(const struct hmm_p2p_mappers *mappers,
			  const struct sought *sought, struct mm_struct *mm)
{
	unsigned long start = 0, end;

	for (; place_next(sought, mm, &start, &end); start = end)
		if (mappers->visit(mappers->arg, mm, start, end))
			return true;
	return false;
}

/* The first thread may have ended before the others. */
static struct mm_struct *process_mm(struct task_struct *process)
{
	struct task_struct *thread;
	struct mm_struct *mm;

	for_each_thread(process, thread) {
		mm = get_task_mm(thread);
		if (mm)
			return mm;
	}
	return NULL;
}

/*
 * The next PID from @pid on to @last, if any. @mm receives what its process has, with a
 * reference to the users, or NULL.
 */
static bool pid_next(pid_t *pid, pid_t last, struct mm_struct **mm)
{
	struct task_struct *process;
	struct pid *next;

	guard(rcu)();
	next = find_ge_pid(*pid, &init_pid_ns);
	if (!next || pid_nr(next) > last)
		return false;
	*pid = pid_nr(next);
	process = pid_task(next, PIDTYPE_TGID);
	*mm = process ? process_mm(process) : NULL;
	return true;
}

/* As visit_process(), of all from mappers->pid to @last; it ends at who was right. */
static bool visit_pids(struct hmm_p2p_mappers *mappers, const struct sought *sought,
		       pid_t last)
{
	struct mm_struct *mm;
	bool enough;

	for (; pid_next(&mappers->pid, last, &mm); mappers->pid++) {
		cond_resched();
		if (!mm)
			continue;
		enough = visit_process(mappers, sought, mm);
		/* What it may still have to do at its end is not waited for. */
		mmput_async(mm);
		if (enough)
			return true;
	}
	return false;
}

/**
 * hmm_p2p_mappers_visit - look for a process that maps a huge device page
 * @mappers: whom to tell, and where to begin
 * @page: first page of the chunk; of what is not one huge page nothing is found
 *
 * A process is not found whose mmap_lock somebody has, or that has ended, though
 * somebody still holds its memory.
 *
 * Context: may sleep; no mmap_lock is held. The device of @page stays.
 * Return: whether @visit returned true.
 */
bool hmm_p2p_mappers_visit(struct hmm_p2p_mappers *mappers, struct page *page)
{
	const struct folio *folio = page_folio(page);
	struct sought sought = { .root = folio_root(folio) };
	pid_t first = mappers->pid;

	if (!sought.root || !folio_test_large(folio))
		return false;
	sought.index = READ_ONCE(folio->index);
	if (visit_pids(mappers, &sought, INT_MAX))
		return true;
	mappers->pid = 0;
	return visit_pids(mappers, &sought, first - 1);
}
