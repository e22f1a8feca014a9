// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between RAM and a BAR that the CPU maps write-combined, and between
 * RAM and RAM that stands for device memory.
 *
 * What is right on hardware: stores that do not go through the caches, which
 * fill whole write-combining buffers; memcpy_flushcache() does them from
 * general registers. And streaming loads, because an ordinary load from
 * write-combined memory goes out to the device for every word. Those need
 * vector registers, which are held for one page at a time so that the kernel
 * stays preemptible in between. What is a BAR in name only, the RAM of an
 * emulator, is read faster by ordinary loads: hmm_p2p_fastest_loads() tries.
 */
#include <linux/export.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "../core/core.h"

#ifdef CONFIG_X86_64
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

/* What the vector registers that are there anyway hold in one go. */
#define WIDE_BLOCK	128
#define NARROW_BLOCK	64

/* Streaming loads and stores have to be aligned to the widest vector. */
#define STREAM_ALIGN	32

static __always_inline void wide_block(void *dst, const void *src, bool to_io)
{
	asm volatile("vmovntdqa (%0), %%ymm0\n"
		     "vmovntdqa 32(%0), %%ymm1\n"
		     "vmovntdqa 64(%0), %%ymm2\n"
		     "vmovntdqa 96(%0), %%ymm3\n"
		     :: "r" (src) : "memory");
	if (to_io)
		asm volatile("vmovntdq %%ymm0, (%0)\n"
			     "vmovntdq %%ymm1, 32(%0)\n"
			     "vmovntdq %%ymm2, 64(%0)\n"
			     "vmovntdq %%ymm3, 96(%0)\n"
			     :: "r" (dst) : "memory");
	else
		asm volatile("vmovdqu %%ymm0, (%0)\n"
			     "vmovdqu %%ymm1, 32(%0)\n"
			     "vmovdqu %%ymm2, 64(%0)\n"
			     "vmovdqu %%ymm3, 96(%0)\n"
			     :: "r" (dst) : "memory");
}

static __always_inline void narrow_block(void *dst, const void *src, bool to_io)
{
	asm volatile("movntdqa (%0), %%xmm0\n"
		     "movntdqa 16(%0), %%xmm1\n"
		     "movntdqa 32(%0), %%xmm2\n"
		     "movntdqa 48(%0), %%xmm3\n"
		     :: "r" (src) : "memory");
	if (to_io)
		asm volatile("movntdq %%xmm0, (%0)\n"
			     "movntdq %%xmm1, 16(%0)\n"
			     "movntdq %%xmm2, 32(%0)\n"
			     "movntdq %%xmm3, 48(%0)\n"
			     :: "r" (dst) : "memory");
	else
		asm volatile("movdqu %%xmm0, (%0)\n"
			     "movdqu %%xmm1, 16(%0)\n"
			     "movdqu %%xmm2, 32(%0)\n"
			     "movdqu %%xmm3, 48(%0)\n"
			     :: "r" (dst) : "memory");
}

static __always_inline void copy_wide(void *dst, const void *src, size_t len, bool to_io)
{
	kernel_fpu_begin();
	for (; len; len -= WIDE_BLOCK, dst += WIDE_BLOCK, src += WIDE_BLOCK)
		wide_block(dst, src, to_io);
	asm volatile("vzeroupper");
	kernel_fpu_end();
}

static __always_inline void copy_narrow(void *dst, const void *src, size_t len, bool to_io)
{
	kernel_fpu_begin();
	for (; len; len -= NARROW_BLOCK, dst += NARROW_BLOCK, src += NARROW_BLOCK)
		narrow_block(dst, src, to_io);
	kernel_fpu_end();
}

static bool is_wide(void)
{
	return cpu_feature_enabled(X86_FEATURE_AVX2) &&
	       cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL);
}

static bool can_stream(unsigned long streams, size_t len)
{
	return cpu_feature_enabled(X86_FEATURE_XMM4_1) && irq_fpu_usable() &&
	       IS_ALIGNED(streams, STREAM_ALIGN) && IS_ALIGNED(len, WIDE_BLOCK);
}

/* @to_io, a constant: is @dst write-combined, too? */
static __always_inline bool copy_streaming(void *dst, const void __iomem *io,
					   size_t len, bool to_io)
{
	const void *src = (const void __force *)io;
	bool wide = is_wide();
	size_t part;

	if (!can_stream((unsigned long)src | (to_io ? (unsigned long)dst : 0), len))
		return false;
	for (; len; len -= part, dst += part, src += part) {
		part = min_t(size_t, len, PAGE_SIZE);
		if (wide)
			copy_wide(dst, src, part, to_io);
		else
			copy_narrow(dst, src, part, to_io);
	}
	return true;
}

/* What one turn of copy_ordinary() loads. */
#define ORDINARY_BLOCK	32

/* Each load is a trip to the device: 8 bytes. memcpy_fromio() takes 4, and memcpy() may take 1. */
static void copy_ordinary(void *dst, const void __iomem *src, size_t len)
{
	u64 *to = dst, a, b, c, d;

	for (; len >= ORDINARY_BLOCK; len -= ORDINARY_BLOCK, src += ORDINARY_BLOCK) {
		a = __raw_readq(src);
		b = __raw_readq(src + 8);
		c = __raw_readq(src + 16);
		d = __raw_readq(src + 24);
		put_unaligned(a, to++);
		put_unaligned(b, to++);
		put_unaligned(c, to++);
		put_unaligned(d, to++);
	}
	memcpy_fromio(to, src, len);
}

static void store_io(void __iomem *dst, const void *src, size_t len)
{
	memcpy_flushcache((void __force *)dst, src, len);
}

static void copy_between_io(void __iomem *dst, const void __iomem *src, size_t len)
{
	store_io(dst, (const void __force *)src, len);
}

static void copy_past_caches(void *dst, const void *src, size_t len)
{
	memcpy_flushcache(dst, src, len);
	wmb(); /* stores past the caches are ordered by nothing else */
}
#else
static bool can_stream(unsigned long streams, size_t len)
{
	return false;
}

static bool copy_streaming(void *dst, const void __iomem *io, size_t len, bool to_io)
{
	return false;
}

static void copy_ordinary(void *dst, const void __iomem *src, size_t len)
{
	memcpy_fromio(dst, src, len);
}

static void store_io(void __iomem *dst, const void *src, size_t len)
{
	memcpy_toio(dst, src, len);
}

static void copy_between_io(void __iomem *dst, const void __iomem *src, size_t len)
{
	u8 line[64];

	for (; len; len -= sizeof(line), dst += sizeof(line), src += sizeof(line)) {
		memcpy_fromio(line, src, sizeof(line));
		memcpy_toio(dst, line, sizeof(line));
	}
}

static void copy_past_caches(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}
#endif

/**
 * hmm_p2p_copy_to_io - copy from RAM to device memory
 * @dst: write-combined mapping of device memory
 * @src: kernel address
 * @len: bytes; multiples of 8, with @dst 8-byte aligned, are fastest
 *
 * The bytes have left the CPU when this returns.
 *
 * Context: any.
 */
void hmm_p2p_copy_to_io(void __iomem *dst, const void *src, size_t len)
{
	store_io(dst, src, len);
	wmb(); /* flush write-combining buffers before anybody reads */
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_to_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_from_io - copy from device memory to RAM
 * @dst: kernel address
 * @src: write-combined mapping of device memory
 * @len: bytes; multiples of 128, with @src 32-byte aligned, can stream
 * @loads: how to read; what hmm_p2p_fastest_loads() said of this memory
 *
 * Context: any.
 */
void hmm_p2p_copy_from_io(void *dst, const void __iomem *src, size_t len,
			  enum hmm_p2p_loads loads)
{
	if (loads != HMM_P2P_LOADS_ORDINARY && copy_streaming(dst, src, len, false))
		return;
	copy_ordinary(dst, src, len);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_from_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_io_to_io - copy between two devices' memory
 * @dst: write-combined mapping of device memory
 * @src: write-combined mapping of device memory
 * @len: bytes, a multiple of 64, as both addresses; multiples of 128 can stream
 * @loads: how to read; what hmm_p2p_fastest_loads() said of @src
 *
 * Context: any.
 */
void hmm_p2p_copy_io_to_io(void __iomem *dst, const void __iomem *src, size_t len,
			   enum hmm_p2p_loads loads)
{
	if (loads == HMM_P2P_LOADS_ORDINARY ||
	    !copy_streaming((void __force *)dst, src, len, true))
		copy_between_io(dst, src, len);
	wmb(); /* as in hmm_p2p_copy_to_io() */
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_io_to_io, HMM_P2P_NS);

/* Of so many tries the fastest counts: the others met an interrupt. */
#define LOADS_TRIES	8

static u64 time_loads(void *dst, const void __iomem *src, enum hmm_p2p_loads loads)
{
	u64 best = U64_MAX, start;
	int i;

	for (i = 0; i < LOADS_TRIES; i++) {
		start = ktime_get_ns();
		hmm_p2p_copy_from_io(dst, src, PAGE_SIZE, loads);
		best = min(best, ktime_get_ns() - start);
	}
	return best;
}

/**
 * hmm_p2p_fastest_loads - how a device's memory is best read by the CPU
 * @src: write-combined mapping of a page of device memory, page aligned
 *
 * Reads the page several times, which takes milliseconds where a word takes a
 * microsecond; once for every device is enough.
 *
 * Context: may sleep.
 * Return: which loads to use for all of the device's memory; streaming loads
 * when there was no memory to try, ordinary ones when the CPU has no others.
 */
enum hmm_p2p_loads hmm_p2p_fastest_loads(const void __iomem *src)
{
	enum hmm_p2p_loads fastest = HMM_P2P_LOADS_STREAMING;
	void *page;

	if (!can_stream((unsigned long)src, PAGE_SIZE))
		return HMM_P2P_LOADS_ORDINARY;
	page = kmalloc(PAGE_SIZE, GFP_KERNEL);
	if (page && time_loads(page, src, HMM_P2P_LOADS_ORDINARY) <
		    time_loads(page, src, HMM_P2P_LOADS_STREAMING))
		fastest = HMM_P2P_LOADS_ORDINARY;
	kfree(page);
	return fastest;
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_fastest_loads, HMM_P2P_NS);

/**
 * hmm_p2p_copy_past_caches - copy system memory that is more than caches hold
 * @dst: kernel address
 * @src: kernel address
 * @len: bytes; multiples of 8, with @dst 8-byte aligned, are fastest
 *
 * For runs of pages, of which nobody is about to read all. On other machines
 * than x86-64 it is memcpy().
 *
 * Context: any.
 */
void hmm_p2p_copy_past_caches(void *dst, const void *src, size_t len)
{
	copy_past_caches(dst, src, len);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_past_caches, HMM_P2P_NS);
