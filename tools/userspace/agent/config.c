// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Check the settings of the configuration file, which libconfuse parses. */

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <confuse.h>
#include <linux/ipcp_rekey_netlink.h>

#include "config-int.h"
#include "config.h"
#include "log.h"

#define SECONDS_MAX	(30 * 86400.0)

/* Convert a time in seconds to milliseconds. */
static bool get_time_up_to(cfg_t *cfg, const char *key, double min, double max,
			   uint32_t *ms)
{
	double s = cfg_getfloat(cfg, key);

	if (!(s >= min && s <= max)) {
		log_err("%s = %g: give seconds, from %g to %g", key, s, min, max);
		return false;
	}
	*ms = s * 1000 + 0.5;
	return true;
}

static bool get_time(cfg_t *cfg, const char *key, double min, uint32_t *ms)
{
	return get_time_up_to(cfg, key, min, SECONDS_MAX, ms);
}

static bool get_auth(const char *text, enum oap_auth *auth)
{
	static const char * const words[] = { "none", "optional", "required" };
	int i;

	for (i = 0; i < 3; i++) {
		if (!strcmp(text, words[i])) {
			*auth = i;
			return true;
		}
	}
	log_err("auth = %s: use none, optional or required", text);
	return false;
}

static bool get_crl(const char *text, bool *need)
{
	*need = !strcmp(text, "required");
	if (*need || !strcmp(text, "optional"))
		return true;
	log_err("crl = %s: use optional or required", text);
	return false;
}

static bool get_number(const char *text, uint32_t *value)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || v >= UINT32_MAX)
		return false;
	*value = v;
	return true;
}

static bool get_uid(const char *text, uint32_t *id)
{
	struct passwd *pw;

	if (get_number(text, id))
		return true;
	pw = getpwnam(text);
	if (pw)
		*id = pw->pw_uid;
	return pw;
}

static bool get_gid(const char *text, uint32_t *id)
{
	struct group *gr;

	if (get_number(text, id))
		return true;
	gr = getgrnam(text);
	if (gr)
		*id = gr->gr_gid;
	return gr;
}

static bool get_ids(cfg_t *sec, const char *key,
		    bool (*get)(const char *, uint32_t *), uint32_t **ids,
		    size_t *count, bool *anyone)
{
	unsigned int i, n = cfg_size(sec, key);
	const char *text;

	*ids = calloc(n + 1, sizeof(**ids));
	if (!*ids)
		return false;
	for (i = 0; i < n; i++) {
		text = cfg_getnstr(sec, key, i);
		if (!strcmp(text, "*")) {
			*anyone = true;
		} else if (!get(text, &(*ids)[(*count)++])) {
			log_err("name \"%s\": %s: there is no '%s'",
				cfg_title(sec), key, text);
			return false;
		}
	}
	return true;
}

static bool get_strings(cfg_t *sec, const char *key, char ***list,
			size_t *count)
{
	unsigned int i, n = cfg_size(sec, key);

	*list = calloc(n + 1, sizeof(**list));
	if (!*list)
		return false;
	for (i = 0; i < n; i++) {
		(*list)[i] = strdup(cfg_getnstr(sec, key, i));
		if (!(*list)[i])
			return false;
		(*count)++;
	}
	return true;
}

/* Warn if the agent cannot see a program: no process would match the rule. */
static bool check_program(const char *name, const char *key, const char *path)
{
	struct stat st;

	if (path[0] != '/') {
		log_err("name \"%s\": %s: give the full path of '%s'", name, key,
			path);
		return false;
	}
	if (stat(path, &st))
		log_warn("name \"%s\": %s: nobody will be let in as %s: %s; the service does not see /home, /root, /run/user, /tmp and /var/tmp unless its unit has other ProtectHome= and PrivateTmp=",
			 name, key, path, strerror(errno));
	return true;
}

static bool get_rule(cfg_t *sec, const char *what, struct rule *rule)
{
	char users[32], groups[32], programs[32];
	size_t i;

	snprintf(users, sizeof(users), "%s-users", what);
	snprintf(groups, sizeof(groups), "%s-groups", what);
	snprintf(programs, sizeof(programs), "%s-programs", what);
	rule->listed = cfg_size(sec, users) || cfg_size(sec, groups) ||
		       cfg_size(sec, programs);
	if (!get_ids(sec, users, get_uid, &rule->uids, &rule->nuids,
		     &rule->anyone) ||
	    !get_ids(sec, groups, get_gid, &rule->gids, &rule->ngids,
		     &rule->anyone) ||
	    !get_strings(sec, programs, &rule->programs, &rule->nprograms))
		return false;
	for (i = 0; i < rule->nprograms; i++)
		if (!check_program(cfg_title(sec), programs, rule->programs[i]))
			return false;
	return true;
}

static bool get_addresses(cfg_t *sec, struct config_name *name)
{
	unsigned int i, n = cfg_size(sec, "address");
	const char *text, *wrong;

	name->places = calloc(n + 1, sizeof(*name->places));
	if (!name->places)
		return false;
	for (i = 0; i < n; i++) {
		text = cfg_getnstr(sec, "address", i);
		wrong = place_read(&name->places[i], text, name->port);
		if (wrong) {
			log_err("name \"%s\": address = %s: %s",
				cfg_title(sec), text, wrong);
			return false;
		}
		name->nplaces++;
	}
	return true;
}

static bool get_port(long value, uint16_t *port, const char *where)
{
	if (value < 1 || value > 65535) {
		log_err("%s: port = %ld: give 1 to 65535", where, value);
		return false;
	}
	*port = value;
	return true;
}

/*
 * Refuse lists that are given but empty: an empty list counts as if it were absent,
 * which lets in everybody. A list with a default of its own may be empty.
 */
static bool check_lists(const cfg_t *cfg)
{
	const cfg_flag_t given = CFGF_LIST | CFGF_NODEFAULT | CFGF_MODIFIED;
	const cfg_opt_t *opt;
	bool ok = true;

	for (opt = cfg->opts; opt->name; opt++) {
		if ((opt->flags & given) != given || opt->nvalues)
			continue;
		ok = false;
		log_err("%s%s%s%s = {}: give at least one, or remove the key for its default",
			cfg->title ? "name \"" : "", cfg->title ? cfg->title : "",
			cfg->title ? "\": " : "", opt->name);
	}
	return ok;
}

/* Refuse peers that no certificate can name. */
static bool check_peers(const struct config_name *name)
{
	size_t i;

	for (i = 0; i < name->npeers; i++) {
		if (!strcmp(name->peers[i], "*")) {
			log_err("name \"%s\": peers: '*' is the name of no peer: leave peers out to let in all",
				name->name);
			return false;
		}
		if (!oap_name_ok(name->peers[i])) {
			log_err("name \"%s\": peers: '%s' is not the name of a certificate: it has 1 to 255 printable characters, no space and no '/', and does not begin with '.'",
				name->name, name->peers[i]);
			return false;
		}
	}
	return true;
}

static bool get_name(cfg_t *sec, const struct config *conf,
		     struct config_name *name)
{
	const char *auth = cfg_getstr(sec, "auth");

	name->direct = cfg_getbool(sec, "direct");
	name->name = strdup(cfg_title(sec));
	if (!name->name || !oap_name_ok(name->name)) {
		log_err("name \"%s\": a name has 1 to 255 printable characters, no space and no '/', and does not begin with '.'",
			cfg_title(sec));
		return false;
	}
	if (!check_lists(sec))
		return false;
	name->port = conf->port;
	name->has_port = cfg_size(sec, "port");
	if (name->has_port &&
	    !get_port(cfg_getint(sec, "port"), &name->port, name->name))
		return false;
	name->has_recover = cfg_size(sec, "recover");
	if (name->has_recover)
		name->recover = cfg_getbool(sec, "recover");
	if (auth && auth[0]) {
		name->has_auth = true;
		if (!get_auth(auth, &name->auth))
			return false;
	}
	if (!get_addresses(sec, name) ||
	    !get_rule(sec, "listen", &name->listen) ||
	    !get_rule(sec, "alloc", &name->alloc) ||
	    !get_rule(sec, "provide", &name->provide) ||
	    !get_strings(sec, "peers", &name->peers, &name->npeers) ||
	    !check_peers(name))
		return false;
	if (name->direct && name->npeers) {
		log_err("name \"%s\": peers and direct exclude each other: a program on this host has no certificate",
			name->name);
		return false;
	}
	return true;
}

static bool get_params(cfg_t *cfg, struct config *conf)
{
	struct ipcp_nl_params *p = &conf->params;
	long ppl = cfg_getint(cfg, "packets-per-leaf");
	double factor = cfg_getfloat(cfg, "max-epoch-age");
	double age;

	if (ppl < 64 || ppl > 1 << 20 || ppl & (ppl - 1)) {
		log_err("packets-per-leaf = %ld: give a power of two from 64 to 1048576",
			ppl);
		return false;
	}
	p->packets_per_leaf = ppl;
	if (!(factor == 0 || (factor >= 2 && factor <= 1e6))) {
		log_err("max-epoch-age = %g: give how many rekey-intervals an epoch may last, at least 2, or 0 for no limit",
			factor);
		return false;
	}
	age = factor * conf->rekey_interval;
	p->max_epoch_age = age > UINT32_MAX ? UINT32_MAX : age;
	p->set = IPCP_NL_P_PACKETS_PER_LEAF | IPCP_NL_P_GRACE |
		 IPCP_NL_P_LINGER | IPCP_NL_P_MAX_EPOCH_AGE | IPCP_NL_P_BLOB;
	if (cfg_size(cfg, "peer-timeout")) {
		p->set |= IPCP_NL_P_PEER_TIMEOUT;
		if (!get_time(cfg, "peer-timeout", 0, &p->peer_timeout))
			return false;
	}
	return get_time(cfg, "grace", 0.01, &p->grace) &&
	       get_time(cfg, "linger", 0.01, &p->linger);
}

static bool get_range(cfg_t *cfg, const char *key, long min, long max,
		      uint32_t *value)
{
	long v = cfg_getint(cfg, key);

	if (v < min || v > max) {
		log_err("%s = %ld: give %ld to %ld", key, v, min, max);
		return false;
	}
	*value = v;
	return true;
}

/* Get a mark from text: libconfuse's integers are too short on 32 bits. */
static bool get_mark(const char *text, uint32_t *mark)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || *end || errno || v > UINT32_MAX) {
		log_err("mark = %s: give 0 to %" PRIu32, text, UINT32_MAX);
		return false;
	}
	*mark = v;
	return true;
}

/* Copy a word; NULL if it is empty. False if there is no memory. */
static bool get_word(cfg_t *cfg, const char *key, char **word)
{
	const char *text = cfg_getstr(cfg, key);

	if (!text || !text[0])
		return true;
	*word = strdup(text);
	return *word;
}

/* Require a full path: operators do not know the working folder of a daemon. */
static bool get_keylog(cfg_t *cfg, struct config *conf)
{
	if (!get_word(cfg, "keylog", &conf->keylog))
		return false;
	if (!conf->keylog || conf->keylog[0] == '/')
		return true;
	log_err("keylog = %s: give the full path of a file", conf->keylog);
	return false;
}

static bool get_user(cfg_t *cfg, struct config *conf)
{
	uint32_t uid;

	if (!get_word(cfg, "user", &conf->user))
		return false;
	if (!conf->user || (getpwnam(conf->user) &&
			    get_uid(conf->user, &uid) && uid))
		return true;
	log_err("user = %s: give the name of a user who is not root",
		conf->user);
	return false;
}

/* Join the strings of a list. Return NULL if there are none, or no memory. */
static char *join(cfg_t *cfg, const char *opt, const char *separator)
{
	unsigned int i, n = cfg_size(cfg, opt);
	size_t len = 1;
	char *all;

	for (i = 0; i < n; i++)
		len += strlen(cfg_getnstr(cfg, opt, i)) + strlen(separator);
	all = n ? calloc(1, len) : NULL;
	for (i = 0; all && i < n; i++) {
		strcat(all, i ? separator : "");
		strcat(all, cfg_getnstr(cfg, opt, i));
	}
	return all;
}

/* Join the servers with commas, as the resolver library expects. */
static bool get_dns_servers(cfg_t *cfg, struct config *conf)
{
	unsigned int i, n = cfg_size(cfg, "dns-servers");
	const char *text, *wrong;
	struct place place;

	for (i = 0; i < n; i++) {
		text = cfg_getnstr(cfg, "dns-servers", i);
		wrong = place_read(&place, text, 0);
		if (wrong) {
			log_err("dns-servers = %s: %s", text, wrong);
			return false;
		}
	}
	conf->dns_servers = join(cfg, "dns-servers", ",");
	return conf->dns_servers || !n;
}

static bool get_kex(cfg_t *cfg, struct config *conf)
{
	unsigned int i, n = cfg_size(cfg, "accept-kex");
	const char *name;

	for (i = 0; i < n; i++) {
		name = cfg_getnstr(cfg, "accept-kex", i);
		if (!oap_kex_known(name)) {
			log_err("accept-kex: '%s' is not a key exchange; oap.md lists them",
				name);
			return false;
		}
	}
	conf->kex_accept = n ? join(cfg, "accept-kex", " ") : strdup("");
	return conf->kex_accept;
}

static bool get_times(cfg_t *cfg, struct config *conf)
{
	bool ok = true;

	ok &= get_time(cfg, "rekey-interval", 0.05, &conf->rekey_interval);
	/* while no other claim of the flow can be made */
	ok &= get_time_up_to(cfg, "rekey-timeout", 10,
			     IPCP_REKEY_CLAIM_TIMEOUT / 2, &conf->rekey_timeout);
	ok &= get_time(cfg, "alloc-timeout", 0.1, &conf->alloc_timeout);
	ok &= get_time(cfg, "clock-slack", 0, &conf->clock_slack);
	return ok;
}

/* Get everything, so that the log has all errors. */
static bool get_all(cfg_t *cfg, struct config *conf)
{
	unsigned int n = cfg_size(cfg, "name");
	bool ok = true;

	conf->security = strdup(cfg_getstr(cfg, "security"));
	conf->names = calloc(n + 1, sizeof(*conf->names));
	if (!conf->security || !conf->names)
		return false;
	conf->recover = cfg_getbool(cfg, "recover");
	ok &= get_port(cfg_getint(cfg, "port"), &conf->port, "configuration");
	ok &= get_range(cfg, "source-ports", 0, 8, &conf->source_ports);
	ok &= get_mark(cfg_getstr(cfg, "mark"), &conf->mark);
	ok &= get_range(cfg, "max-exchanges", 1, 65536, &conf->max_exchanges);
	ok &= get_word(cfg, "socket", &conf->socket);
	ok &= get_keylog(cfg, conf);
	ok &= get_user(cfg, conf);
	ok &= check_lists(cfg);
	ok &= get_dns_servers(cfg, conf);
	ok &= get_kex(cfg, conf);
	ok &= get_times(cfg, conf);
	ok &= get_auth(cfg_getstr(cfg, "auth"), &conf->auth);
	ok &= get_crl(cfg_getstr(cfg, "crl"), &conf->need_lists);
	ok &= get_params(cfg, conf);
	for (; conf->nnames < n; conf->nnames++)
		ok &= get_name(cfg_getnsec(cfg, "name", conf->nnames), conf,
			       &conf->names[conf->nnames]);
	return ok;
}

/*
 * All except exchanges over finite fields, which are by far the most expensive.
 */
#define ACCEPT_KEX							\
	"{prime256v1, X25519, secp384r1, X448, secp521r1, ML-KEM-512, "	\
	"ML-KEM-768, ML-KEM-1024, X25519MLKEM768, X448MLKEM1024}"

static cfg_opt_t name_opts[] = {
	CFG_STR_LIST("address", NULL, CFGF_NODEFAULT),
	CFG_INT("port", 0, CFGF_NODEFAULT),
	CFG_BOOL("direct", cfg_false, CFGF_NONE),
	CFG_STR("auth", "", CFGF_NONE),
	CFG_BOOL("recover", cfg_true, CFGF_NODEFAULT),
	CFG_STR_LIST("listen-users", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("listen-groups", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("listen-programs", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("provide-users", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("provide-groups", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("provide-programs", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("alloc-users", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("alloc-groups", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("alloc-programs", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("peers", NULL, CFGF_NODEFAULT),
	CFG_END()
};

static cfg_opt_t top_opts[] = {
	CFG_INT("port", 3435, CFGF_NONE),
	CFG_INT("source-ports", 0, CFGF_NONE),
	CFG_STR("mark", "0", CFGF_NONE),
	CFG_INT("max-exchanges", 256, CFGF_NONE),
	CFG_STR("user", "", CFGF_NONE),
	CFG_STR("socket", CONFIG_SOCKET, CFGF_NONE),
	CFG_STR("keylog", "", CFGF_NONE),
	CFG_STR_LIST("dns-servers", NULL, CFGF_NODEFAULT),
	CFG_STR_LIST("accept-kex", ACCEPT_KEX, CFGF_NONE),
	CFG_FLOAT("rekey-interval", 120, CFGF_NONE),
	CFG_FLOAT("rekey-timeout", 30, CFGF_NONE),
	CFG_FLOAT("alloc-timeout", 20, CFGF_NONE),
	CFG_FLOAT("max-epoch-age", 10, CFGF_NONE),
	CFG_INT("packets-per-leaf", 1 << 20, CFGF_NONE),
	CFG_FLOAT("peer-timeout", 0, CFGF_NODEFAULT),
	CFG_FLOAT("grace", 5, CFGF_NONE),
	CFG_FLOAT("linger", 10, CFGF_NONE),
	CFG_STR("auth", "required", CFGF_NONE),
	CFG_STR("crl", "optional", CFGF_NONE),
	CFG_BOOL("recover", cfg_true, CFGF_NONE),
	CFG_FLOAT("clock-slack", 2, CFGF_NONE),
	CFG_STR("security", CONFIG_SECURITY, CFGF_NONE),
	CFG_SEC("name", name_opts, CFGF_MULTI | CFGF_TITLE |
		CFGF_NO_TITLE_DUPES),
	CFG_END()
};

struct config *config_load(const char *file)
{
	struct config *conf = calloc(1, sizeof(*conf));
	cfg_t *cfg = cfg_init(top_opts, CFGF_NONE);

	if (!conf || !cfg) {
		if (cfg)
			cfg_free(cfg);
		free(conf);
		return NULL;
	}
	if (!config_read(cfg, file) || !get_all(cfg, conf)) {
		config_free(conf);
		conf = NULL;
	}
	cfg_free(cfg);
	return conf;
}
