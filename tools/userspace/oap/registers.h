/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Zero the registers that a call may change. */
#ifndef OAP_REGISTERS_H
#define OAP_REGISTERS_H

#if !defined(__has_attribute)
#define ZEROES
#elif __has_attribute(zero_call_used_regs)
#define ZEROES	__attribute__((noinline, zero_call_used_regs("all")))
#else
#define ZEROES	__attribute__((noinline))
#endif

/*
 * ZEROES makes the compiler zero registers on return, including the vector
 * registers that all processors have.
 */
static void ZEROES zero_registers(void)
{
	__asm__ volatile("");
}

#ifdef __x86_64__
/* Zero the upper halves of the 16 vector registers, which need AVX. */
static void ZEROES __attribute__((target("avx"))) zero_avx(void)
{
	__asm__ volatile("");
}

/* Zero the other 16 vector registers, which need AVX-512. */
static void __attribute__((noinline, target("avx512f"))) zero_avx512(void)
{
	__asm__ volatile(".irp n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n\t"
			 "vpxord %%zmm\\n, %%zmm\\n, %%zmm\\n\n\t"
			 ".endr" : : : "memory");
}

static inline void oap_registers_wipe(void)
{
	if (__builtin_cpu_supports("avx512f"))
		zero_avx512();
	if (__builtin_cpu_supports("avx"))
		zero_avx();
	zero_registers();
}
#else
static inline void oap_registers_wipe(void)
{
	zero_registers();
}
#endif

#endif /* OAP_REGISTERS_H */
