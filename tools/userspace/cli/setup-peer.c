// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * ipcp-rekey setup peer: add a destination, and choose the certificate of this
 * host for it. Links lead to that certificate, so that a renewal applies to all
 * destinations.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../agent/place.h"
#include "../oap/int.h"
#include "setup.h"

#define ADDRESSES_MAX	16
#define PORT		3435	/* any port, for a check that does not use it */

struct dest {
	const char *name;
	const char *as;
	char host[OAP_NAME_MAX + 1];	/* owner of the certificate */
	char **addresses;
};

static bool has(const struct setup_tx *tx, const char *name, const char *file)
{
	char path[PATH_MAX];

	setup_file_join(path, "%s/server/%s/%s", tx->security, name, file);
	return oap_name_ok(name) && setup_file_exists(path);
}

/* Say how to get a certificate; a key and a request may be there already. */
static int no_crt(const struct setup_tx *tx, const char *name)
{
	char path[PATH_MAX];

	setup_file_join(path, "%s/%s.csr", tx->dir, name);
	if (has(tx, name, "key.pem") && setup_file_exists(path))
		return fail("there is a key of '%s' here, but no certificate yet: sign %s on the host of the CA with 'ipcp-rekey setup sign', and install the answer here with 'ipcp-rekey setup install'",
			    name, path);
	return fail("there is no certificate of '%s' here: run 'ipcp-rekey setup host %s'",
		    name, name);
}

/*
 * Choose the only name of this host that has a certificate. Without any, name
 * one that has a key.
 */
static int find_host(const struct setup_tx *tx, struct dest *d)
{
	struct dirent **list = NULL;
	char path[PATH_MAX];
	int i, n, found = 0;

	setup_file_join(path, "%s/server", tx->security);
	n = scandir(path, &list, NULL, alphasort);
	for (i = 0; i < n; i++) {
		if (has(tx, list[i]->d_name, "crt.pem")) {
			strcpy(d->host, list[i]->d_name);
			found++;
		} else if (!found && has(tx, list[i]->d_name, "key.pem")) {
			strcpy(d->host, list[i]->d_name);
		}
		free(list[i]);
	}
	free(list);
	if (found == 1)
		return EXIT_OK;
	if (found)
		return fail("this host has certificates of %d names: choose one of 'ls %s' with --as",
			    found, path);
	if (d->host[0])
		return no_crt(tx, d->host);
	return fail("this host has no certificate yet: run 'ipcp-rekey setup host NAME' with its name");
}

static int get_host(const struct setup_tx *tx, struct dest *d)
{
	if (!d->as)
		return find_host(tx, d);
	strcpy(d->host, d->as);
	return has(tx, d->as, "crt.pem") ? EXIT_OK : no_crt(tx, d->as);
}

/* Refuse a certificate that a peer would refuse. */
static int check_host(const struct setup_tx *tx, const struct dest *d)
{
	struct oap_creds creds;
	char path[PATH_MAX];
	struct oap_err err;
	int status = EXIT_OK;

	setup_file_join(path, "%s/server/%s", tx->security, d->host);
	if (oap_auth_creds_load(&creds, path, &err))
		return fail("%s; renew it with 'ipcp-rekey setup host %s'",
			    err.text, d->host);
	if (oap_auth_useful(&creds, NULL, time(NULL), &err))
		status = fail("%s/crt.pem: %s; renew it with 'ipcp-rekey setup host %s'",
			      path, err.text, d->host);
	oap_auth_creds_free(&creds);
	return status;
}

/* Make client/NAME/FILE a link to the same file of the host. */
static int put_link(struct setup_tx *tx, const struct dest *d,
		    const char *file)
{
	char path[PATH_MAX], target[PATH_MAX], old[PATH_MAX];
	struct stat st;
	ssize_t len;

	setup_file_join(path, "%s/client/%s/%s", tx->security, d->name, file);
	setup_file_join(target, "../../server/%s/%s", d->host, file);
	if (lstat(path, &st))
		return setup_file_link(tx, path, target);
	if (!S_ISLNK(st.st_mode))
		return fail("%s is a file of its own: remove both %s/client/%s/crt.pem and key.pem to have links to those of '%s'",
			    path, tx->security, d->name, d->host);
	len = readlink(path, old, sizeof(old) - 1);
	if (len < 0)
		return setup_file_fail("read", path);
	old[len] = '\0';
	return strcmp(old, target) ? setup_file_link(tx, path, target) :
				     EXIT_OK;
}

static int make(struct setup_tx *tx, struct dest *d)
{
	char path[PATH_MAX];
	int status = setup_file_security(tx);

	if (!status)
		status = get_host(tx, d);
	if (!status)
		status = check_host(tx, d);
	setup_file_join(path, "%s/client/%s", tx->security, d->name);
	if (!status)
		status = setup_file_folder(tx, path, true);
	if (!status)
		status = put_link(tx, d, "crt.pem");
	if (!status)
		status = put_link(tx, d, "key.pem");
	return status ? status : setup_conf_add(tx, d->name, d->addresses);
}

static void say(const struct setup_tx *tx, const struct dest *d)
{
	size_t i;

	printf("this host asks for '%s' with the certificate of '%s'", d->name,
	       d->host);
	for (i = 0; d->addresses[i]; i++)
		printf("%s%s", i ? ", " : ", at ", d->addresses[i]);
	putchar('\n');
	if (!i)
		puts("(no address was given: the agent's configuration, or the DNS, has to have it)");
	puts("Next, check, start and reload the agent:");
	setup_say_agent(tx);
	puts("and, while a program there serves the name, as root:");
	fputs("    " PROG " connect ", stdout);
	setup_say_word(stdout, d->name);
	putchar('\n');
}

static void check_addresses(const struct use *use, char **addresses)
{
	const char *wrong;
	struct place place;

	for (; *addresses; addresses++) {
		wrong = place_read(&place, *addresses, PORT);
		if (wrong)
			exit(use_error(use, "'%s': %s", *addresses, wrong));
	}
}

int setup_peer(int argc, char **argv)
{
	const char *dir = SETUP_DIR;
	struct dest d = { 0 };
	const struct opt opts[] = {
		SETUP_OPT_DIR(dir),
		{ "as", 'a', "HOST", "name of this host whose certificate is shown",
		  OPT_TEXT, &d.as, 0, 0 },
		{ 0 }
	};
	const struct use use = {
		"setup peer", "NAME [ADDRESS]...",
		"Lets this host ask for flows to NAME: chooses the certificate, and writes\n"
		"the addresses of NAME's agent into DIR/ipcp-rekeyd.conf. Without any, the\n"
		"agent asks the DNS.\n",
		opts, 1, 1 + ADDRESSES_MAX
	};
	struct setup_tx tx;
	char **args;
	int status;

	args = use_parse(&use, argc, argv);
	d.name = setup_crt_use_name(&use, args[0]);
	if (d.as)
		setup_crt_use_name(&use, d.as);
	d.addresses = args + 1;
	check_addresses(&use, d.addresses);
	if (setup_file_begin(&tx, dir))
		return EXIT_FAIL;
	status = setup_file_end(&tx, make(&tx, &d));
	if (!status)
		say(&tx, &d);
	return status;
}
