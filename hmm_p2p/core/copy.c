// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between RAM and a BAR that the CPU maps write-combined.
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

#define VECTOR	16
#define LINE	64

static bool vectors_usable(const void *a, const void *b, size_t len)
{
	return cpu_feature_enabled(X86_FEATURE_XMM4_1) && irq_fpu_usable() &&
	       IS_ALIGNED((unsigned long)a | (unsigned long)b, VECTOR) &&
	       IS_ALIGNED(len, LINE);
}

static void copy_lines(void *dst, const void *src, size_t len, bool from_io)
{
	size_t i;

	kernel_fpu_begin();
	for (i = 0; i < len; i += LINE) {
		if (from_io)
			asm volatile("movntdqa (%0), %%xmm0\n"
				     "movntdqa 16(%0), %%xmm1\n"
				     "movntdqa 32(%0), %%xmm2\n"
				     "movntdqa 48(%0), %%xmm3\n"
				     :: "r" (src + i) : "memory");
		else
			asm volatile("movdqa (%0), %%xmm0\n"
				     "movdqa 16(%0), %%xmm1\n"
				     "movdqa 32(%0), %%xmm2\n"
				     "movdqa 48(%0), %%xmm3\n"
				     :: "r" (src + i) : "memory");
		asm volatile("movntdq %%xmm0, (%0)\n"
			     "movntdq %%xmm1, 16(%0)\n"
			     "movntdq %%xmm2, 32(%0)\n"
			     "movntdq %%xmm3, 48(%0)\n"
			     :: "r" (dst + i) : "memory");
	}
	asm volatile("sfence" ::: "memory");
	kernel_fpu_end();
}

static bool copy_vector(void *dst, const void *src, size_t len, bool from_io)
{
	size_t part;

	if (!vectors_usable(dst, src, len))
		return false;
	for (; len; len -= part, dst += part, src += part) {
		part = min_t(size_t, len, PAGE_SIZE);
		copy_lines(dst, src, part, from_io);
	}
	return true;
}
#else
static bool copy_vector(void *dst, const void *src, size_t len, bool from_io)
{
	return false;
}
#endif

/**
 * hmm_p2p_copy_to_io - copy from RAM to device memory
 * @dst: write-combined mapping of device memory
 * @src: kernel address
 * @len: bytes; multiples of 64, with both addresses 16-byte aligned, are fastest
 *
 * The bytes have left the CPU when this returns.
 *
 * Context: any.
 */
void hmm_p2p_copy_to_io(void __iomem *dst, const void *src, size_t len)
{
	if (copy_vector((void __force *)dst, src, len, false))
		return;
	memcpy_toio(dst, src, len);
	wmb(); /* flush write-combining buffers before anybody reads */
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_to_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_from_io - copy from device memory to RAM
 * @dst: kernel address
 * @src: write-combined mapping of device memory
 * @len: bytes; multiples of 64, with both addresses 16-byte aligned, are fastest
 *
 * Context: any.
 */
void hmm_p2p_copy_from_io(void *dst, const void __iomem *src, size_t len)
{
	if (copy_vector(dst, (const void __force *)src, len, true))
		return;
	memcpy_fromio(dst, src, len);
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_from_io, HMM_P2P_NS);

/**
 * hmm_p2p_copy_io_to_io - copy between two devices' memory
 * @dst: write-combined mapping of device memory
 * @src: write-combined mapping of device memory
 * @len: bytes, a multiple of 64; both addresses are aligned so
 *
 * Context: any.
 */
void hmm_p2p_copy_io_to_io(void __iomem *dst, const void __iomem *src, size_t len)
{
	u8 line[64];

	if (copy_vector((void __force *)dst, (const void __force *)src, len, true))
		return;
	for (; len; len -= sizeof(line), dst += sizeof(line), src += sizeof(line)) {
		memcpy_fromio(line, src, sizeof(line));
		memcpy_toio(dst, line, sizeof(line));
	}
	wmb(); /* as in hmm_p2p_copy_to_io() */
}
EXPORT_SYMBOL_NS_GPL(hmm_p2p_copy_io_to_io, HMM_P2P_NS);
