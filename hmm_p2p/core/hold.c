// SPDX-License-Identifier: GPL-2.0
/*
 * Device memory that must not be handed out again for a while, although the pages
 * that it was are free to go: for I/O that goes on in it, see uapi/file_io.c.
 */
#include <linux/export.h>

#include "chunk.h"
#include "device.h"
#include "hold.h"
#include "pagemap.h"

/* How often it is said that a device waits for I/O. */
#define SAY_INTERVAL	(60 * HZ)

/* Holds pages of one device, up to the next one that is not; 0 when its pages are to go. */
static unsigned long hold_run(struct page *const *pages, unsigned long nr,
			      struct hmm_p2p_hold *holds)
{
	struct hmm_p2p_device *hdev = hmm_p2p_page_device(pages[0]);
	unsigned long i;

	spin_lock_irq(&hdev->lock);
	for (i = 0; i < nr && !hdev->removed && !hdev->paused; i++) {
		if (!pages[i] || hmm_p2p_page_device(pages[i]) != hdev)
			break;
		holds[i].hdev = hdev;
		holds[i].index = hmm_p2p_page_index(pages[i]);
		hmm_p2p_chunk_of(&hdev->chunks, holds[i].index)->holds++;
		hdev->held++;
	}
	spin_unlock_irq(&hdev->lock);
	return i;
}

/**
 * hmm_p2p_pages_hold - keep the memory behind pages from being handed out again
 * @pages: device-private pages, mapped; NULL where there is none
 * @nr: how many
 * @holds: what is held, for hmm_p2p_pages_release(); nothing before the call
 *
 * A page itself may be freed and go home at any time, as if there was no
 * hold; its bytes in device memory stay as they are, and the device does not
 * end its unregistering, before hmm_p2p_pages_release().
 *
 * Context: process; the mirror lock of a range in which @pages are mapped is
 * held.
 * Return: false when a device is going away, or pauses; then nothing is held.
 */
bool hmm_p2p_pages_hold(struct page *const *pages, unsigned long nr,
			struct hmm_p2p_hold *holds)
{
	unsigned long i, held;

	for (i = 0; i < nr; i += held) {
		held = 1;
		if (!pages[i])
			continue;
		held = hold_run(pages + i, nr - i, holds + i);
		if (held)
			continue;
		hmm_p2p_pages_release(holds, i);
		return false;
	}
	return true;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pages_hold, HMM_P2P_INTERNAL_NS);

/* Releases holds on one device, up to the next one that is not. */
static unsigned long release_run(struct hmm_p2p_hold *holds, unsigned long nr)
{
	struct hmm_p2p_device *hdev = holds[0].hdev;
	struct hmm_p2p_chunk *chunk;
	unsigned long i;

	spin_lock_irq(&hdev->lock);
	for (i = 0; i < nr && holds[i].hdev == hdev; i++) {
		chunk = hmm_p2p_chunk_of(&hdev->chunks, holds[i].index);
		if (!--chunk->holds)
			hmm_p2p_chunk_list(&hdev->chunks, chunk);
		holds[i].hdev = NULL;
	}
	hdev->held -= i;
	if (!hdev->held)
		wake_up_all(&hdev->drained);
	spin_unlock_irq(&hdev->lock);
	return i;
}

/**
 * hmm_p2p_pages_release - end of hmm_p2p_pages_hold()
 * @holds: what was held, or nothing
 * @nr: how many
 *
 * Context: process.
 */
void hmm_p2p_pages_release(struct hmm_p2p_hold *holds, unsigned long nr)
{
	unsigned long i, released;

	for (i = 0; i < nr; i += released)
		released = holds[i].hdev ? release_run(holds + i, nr - i) : 1;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_pages_release, HMM_P2P_INTERNAL_NS);

static bool any_held(struct hmm_p2p_device *hdev)
{
	guard(spinlock_irq)(&hdev->lock);
	return hdev->held;
}

/* I/O takes a moment, as a rule. */
static void say_held(struct hmm_p2p_device *hdev)
{
	dev_warn(hdev->config.dev,
		 "hmm_p2p: %s waits for I/O of its users in %lu of its pages. It goes on when the disk has done that, or has given it up\n",
		 hdev->name, READ_ONCE(hdev->held));
}

/**
 * hmm_p2p_wait_held - wait for the last hmm_p2p_pages_release()
 * @hdev: device; @removed or @paused keeps new ones away
 * @may_end: any signal ends it
 *
 * Once a minute the log says what it waits for.
 *
 * Context: may sleep.
 * Return: 0, or -EINTR.
 */
int hmm_p2p_wait_held(struct hmm_p2p_device *hdev, bool may_end)
{
	long ret = 0;

	while (!ret) {
		if (may_end)
			ret = wait_event_interruptible_timeout(hdev->drained,
							       !any_held(hdev),
							       SAY_INTERVAL);
		else
			ret = wait_event_timeout(hdev->drained, !any_held(hdev),
						 SAY_INTERVAL);
		if (!ret)
			say_held(hdev);
	}
	return ret < 0 ? -EINTR : 0;
}
