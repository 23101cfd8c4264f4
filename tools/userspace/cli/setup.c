// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekey setup: first steps: certificates, keys and names of a host. */
#include <openssl/crypto.h>

#include "setup.h"

int cmd_setup(int argc, char **argv)
{
	static const struct cmd table[] = {
		{ "ca", "make a CA", setup_ca },
		{ "host", "make the key and the certificate of a name", setup_host },
		{ "sign", "sign the request of another host", setup_sign },
		{ "install", "install the answer to a request", setup_install },
		{ "peer", "name a destination, and its address", setup_peer },
		{ 0 }
	};
	int status = cmd_dispatch("setup ", table, argc, argv);

	CRYPTO_secure_malloc_done();
	return status;
}
