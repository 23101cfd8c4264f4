/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The KEMs, and the files of a static key. Needs OpenSSL 3.5. */
#ifndef OAP_TEST_KEMS_H
#define OAP_TEST_KEMS_H

#include "pair.h"

/* Write a new static key for the server, and its public key for the client. */
void kem_key_files(const char *kex);
/* The text of an enc.conf; valid until the next call. */
char *kem_conf(const char *kex, const char *mode);
/* Give both sides the static key, and select client mode. */
void kem_client_mode(const char *kex);
/* Add a test for each KEM, with the name of the KEM as its argument. */
void kem_add(struct suite *suite, CMUnitTestFunction f, const char *what);

#endif /* OAP_TEST_KEMS_H */
