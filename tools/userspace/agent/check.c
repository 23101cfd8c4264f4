// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* ipcp-rekeyd --test: load all files that the agent may load. */

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "check.h"
#include "log.h"
#include "privs.h"

static void on_problem(void *arg, bool warning, const char *text)
{
	(void)arg;
	if (warning)
		log_warn("%s", text);
	else
		log_err("%s", text);
}

static unsigned int check_security(const struct config *conf)
{
	const char **names = calloc(conf->nnames + 1, sizeof(*names));
	struct oap_settings set = {
		.dir = conf->security, .need_lists = conf->need_lists,
	};
	unsigned int errors;
	size_t i;

	if (!names) {
		log_err("out of memory");
		return 1;
	}
	for (i = 0; i < conf->nnames; i++)
		names[i] = conf->names[i].name;
	errors = oap_check(&set, names, on_problem, NULL);
	free(names);
	return errors;
}

/*
 * Warn about names that may be served without a certificate: peers refuse them.
 */
static void check_served(const struct config *conf, const struct oap_env *oap)
{
	const struct config_name *name;
	size_t i;

	for (i = 0; i < conf->nnames; i++) {
		name = &conf->names[i];
		if (name->listen.listed &&
		    !oap_has_credentials(oap, true, name->name))
			log_warn("name \"%s\" is served here, but %s/server/%s/crt.pem is missing: peers refuse it unless they have auth = \"optional\" or \"none\"",
				 name->name, conf->security, name->name);
	}
}

static void report_user(void)
{
	const struct passwd *pw = getpwuid(getuid());

	log_info("the configuration and its files can be used by %s",
		 pw ? pw->pw_name : "this user");
	if (!getuid())
		log_warn("the files were read as root: if the agent runs as another user, test as that user");
}

/*
 * As root, become the user that the agent will run as when the service manager
 * starts it: the owner of the keys. "doctor" uses the same user.
 */
static int become_agent(const struct config *conf)
{
	struct config as = *conf;
	const struct passwd *pw = NULL;
	struct stat st;
	int err;

	if (!conf->user && !geteuid() && !stat(conf->security, &st))
		pw = getpwuid(st.st_uid);
	if (!pw)
		return privs_become_reader(conf);
	as.user = strdup(pw->pw_name);
	if (!as.user) {
		log_err("out of memory");
		return -ENOMEM;
	}
	err = privs_become_reader(&as);
	free(as.user);
	return err;
}

int check_files(const struct config *conf)
{
	struct oap_env *oap;
	unsigned int errors;
	int err;

	err = become_agent(conf);
	if (err)
		return err;
	errors = check_security(conf);
	if (errors) {
		log_err("%u problem%s", errors, errors == 1 ? "" : "s");
		return -EINVAL;
	}
	oap = agent_oap(conf);
	if (!oap)
		return -EINVAL;
	check_served(conf, oap);
	if (conf->keylog)
		log_warn("keylog = %s: the agent will write the seeds of all flows to this file",
			 conf->keylog);
	oap_env_close(oap);
	report_user();
	return 0;
}
