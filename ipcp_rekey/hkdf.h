/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
#ifndef _IPCP_HKDF_H
#define _IPCP_HKDF_H

#include <linux/types.h>

#define IPCP_PRK_LEN	32
#define IPCP_HKDF_MAX	(255 * 32)	/* RFC 5869, 2.3 */

void ipcp_hkdf_expand(u8 *out, size_t len, const u8 prk[IPCP_PRK_LEN],
		      const u8 *info, size_t info_len);
void ipcp_hkdf_extract(u8 prk[IPCP_PRK_LEN], const u8 salt[IPCP_PRK_LEN],
		       const u8 *ikm, size_t len);
void ipcp_stack_wipe(void);

#endif /* _IPCP_HKDF_H */
