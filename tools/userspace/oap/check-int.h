/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Declarations shared by the check-*.c files, which check the directory. */
#ifndef OAP_CHECK_INT_H
#define OAP_CHECK_INT_H

#include <stdbool.h>
#include <time.h>

#include <openssl/x509.h>

#include "int.h"

struct dirent;

struct oap_check {
	const char *dir;
	time_t now;
	bool need_lists;
	oap_check_fn report;
	void *arg;
	unsigned int errors;
};

/* check-report.c */
typedef void (*oap_check_say)(struct oap_check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void oap_check_error(struct oap_check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void oap_check_warn(struct oap_check *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void oap_check_unreadable(struct oap_check *c, const char *path);

/* check-crt.c: certificates */
const char *oap_check_date(const ASN1_TIME *time, char *buf, size_t len);
bool oap_check_dates(struct oap_check *c, const char *path, const X509 *crt,
		     oap_check_say say);
STACK_OF(X509) *oap_check_read_certs(struct oap_check *c, const char *path);
X509 *oap_check_certs(struct oap_check *c, const char *path, bool *more);

/* check-folder.c */
int oap_check_visible(const struct dirent *entry);
void oap_check_free_list(struct dirent **list, int n);
int oap_check_folder(struct oap_check *c, const char *folder,
		     void (*each)(struct oap_check *c, const char *path,
				  void *arg), void *arg);

/* check-lists.c: revocation lists */
void oap_check_lists(struct oap_check *c, struct oap_store *store);

/* check-store.c: the trust store */
void oap_check_store(struct oap_check *c);

/* check-name.c: the files of a name */
void oap_check_place(struct oap_check *c, bool server, const char *name);
void oap_check_listed(struct oap_check *c, bool server, const char *name);

#endif /* OAP_CHECK_INT_H */
