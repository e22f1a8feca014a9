// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between RAM and a BAR that the CPU maps write-combined, and between
 * RAM and RAM that stands for device memory.
 *
 * What is right on hardware: stores that fill whole write-combining buffers,
 * and streaming loads, because an ordinary load from write-combined memory
 * goes out to the device for every word. Both need vector registers, which are
 * held for one page at a time so that the kernel stays preemptible in between.
 */
#include <linux/export.h>
#include <linux/io.h>
#include <linux/string.h>

#include "internal.h"

#ifdef CONFIG_X86_64
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>

/* What the vector registers that are there anyway hold in one go. */
#define WIDE_BLOCK	128
#define NARROW_BLOCK	64

/* The side that streams has to be aligned to the widest vector. */
#define STREAM_ALIGN	32

static __always_inline void wide_block(void *dst, const void *src, bool from, bool to)
{
	if (from)
		asm volatile("vmovntdqa (%0), %%ymm0\n"
			     "vmovntdqa 32(%0), %%ymm1\n"
			     "vmovntdqa 64(%0), %%ymm2\n"
			     "vmovntdqa 96(%0), %%ymm3\n"
			     :: "r" (src) : "memory");
	else
		asm volatile("vmovdqu (%0), %%ymm0\n"
			     "vmovdqu 32(%0), %%ymm1\n"
			     "vmovdqu 64(%0), %%ymm2\n"
			     "vmovdqu 96(%0), %%ymm3\n"
			     :: "r" (src) : "memory");
	if (to)
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

static __always_inline void narrow_block(void *dst, const void *src, bool from, bool to)
{
	if (from)
		asm volatile("movntdqa (%0), %%xmm0\n"
			     "movntdqa 16(%0), %%xmm1\n"
			     "movntdqa 32(%0), %%xmm2\n"
			     "movntdqa 48(%0), %%xmm3\n"
			     :: "r" (src) : "memory");
	else
		asm volatile("movdqu (%0), %%xmm0\n"
			     "movdqu 16(%0), %%xmm1\n"
			     "movdqu 32(%0), %%xmm2\n"
			     "movdqu 48(%0), %%xmm3\n"
			     :: "r" (src) : "memory");
	if (to)
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

static __always_inline void copy_wide(void *dst, const void *src, size_t len,
				      bool from, bool to)
{
	kernel_fpu_begin();
	for (; len; len -= WIDE_BLOCK, dst += WIDE_BLOCK, src += WIDE_BLOCK)
		wide_block(dst, src, from, to);
	asm volatile("vzeroupper");
	kernel_fpu_end();
}

static __always_inline void copy_narrow(void *dst, const void *src, size_t len,
					bool from, bool to)
{
	kernel_fpu_begin();
	for (; len; len -= NARROW_BLOCK, dst += NARROW_BLOCK, src += NARROW_BLOCK)
		narrow_block(dst, src, from, to);
	kernel_fpu_end();
}

static bool is_wide(void)
{
	return cpu_feature_enabled(X86_FEATURE_AVX2) &&
	       cpu_has_xfeatures(XFEATURE_MASK_SSE | XFEATURE_MASK_YMM, NULL);
}

static bool is_usable(unsigned long streams, size_t len)
{
	return cpu_feature_enabled(X86_FEATURE_XMM4_1) && irq_fpu_usable() &&
	       IS_ALIGNED(streams, STREAM_ALIGN) && IS_ALIGNED(len, WIDE_BLOCK);
}

/* @from and @to, constants: does that side stream? */
static __always_inline bool copy_vector(void *dst, const void *src, size_t len,
					bool from, bool to)
{
	unsigned long streams = (from ? (unsigned long)src : 0) |
				(to ? (unsigned long)dst : 0);
	bool wide = is_wide();
	size_t part;

	if (!is_usable(streams, len))
		return false;
	for (; len; len -= part, dst += part, src += part) {
		part = min_t(size_t, len, PAGE_SIZE);
		if (wide)
			copy_wide(dst, src, part, from, to);
		else
			copy_narrow(dst, src, part, from, to);
	}
	if (to)
		wmb(); /* streaming stores are ordered by nothing else */
	return true;
}
#else
static bool copy_vector(void *dst, const void *src, size_t len, bool from, bool to)
{
	return false;
}
#endif

/**
 * hmm_p2p_copy_to_io - copy from RAM to device memory
 * @dst: write-combined mapping of device memory
 * @src: kernel address
 * @len: bytes; multiples of 128, with @dst 32-byte aligned, are fastest
 *
 * The bytes have left the CPU when this returns.
 *
 * Context: any.
 */
void hmm_p2p_copy_to_io(void __iomem *dst, const void *src, size_t len)
{
	if (copy_vector((void __force *)dst, src, len, false, true))
		return;
	memcpy_toio(dst, src, len);
	wmb(); /* flush write-combining buffers before anybody reads */
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_to_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_from_io - copy from device memory to RAM
 * @dst: kernel address
 * @src: write-combined mapping of device memory
 * @len: bytes; multiples of 128, with @src 32-byte aligned, are fastest
 *
 * Context: any.
 */
void hmm_p2p_copy_from_io(void *dst, const void __iomem *src, size_t len)
{
	if (copy_vector(dst, (const void __force *)src, len, true, false))
		return;
	memcpy_fromio(dst, src, len);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_from_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_io_to_io - copy between two devices' memory
 * @dst: write-combined mapping of device memory
 * @src: write-combined mapping of device memory
 * @len: bytes, a multiple of 64, as both addresses; multiples of 128 are fastest
 *
 * Context: any.
 */
void hmm_p2p_copy_io_to_io(void __iomem *dst, const void __iomem *src, size_t len)
{
	u8 line[64];

	if (copy_vector((void __force *)dst, (const void __force *)src, len, true, true))
		return;
	for (; len; len -= sizeof(line), dst += sizeof(line), src += sizeof(line)) {
		memcpy_fromio(line, src, sizeof(line));
		memcpy_toio(dst, line, sizeof(line));
	}
	wmb(); /* as in hmm_p2p_copy_to_io() */
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_io_to_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_past_caches - copy system memory that is more than caches hold
 * @dst: kernel address
 * @src: kernel address
 * @len: bytes; multiples of 128, with @dst 32-byte aligned, are fastest
 *
 * For runs of pages, of which nobody is about to read all.
 *
 * Context: any.
 */
void hmm_p2p_copy_past_caches(void *dst, const void *src, size_t len)
{
	if (!copy_vector(dst, src, len, false, true))
		memcpy(dst, src, len);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_past_caches, HMM_P2P_NS);
