// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * The agent of a network namespace: event loop, timers, signals, configuration.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "agent.h"
#include "control.h"
#include "dns.h"
#include "engine.h"
#include "kernel.h"
#include "keylog.h"
#include "log.h"
#include "privs.h"
#include "renew.h"
#include "status.h"
#include "work.h"

#define SETTLE_US	500000		/* wait for file changes to settle */
#define PATIENCE_US	5000000		/* log unusable files after this */
#define AGAIN_US	300000000	/* read files without an event */

struct agent {
	const char *file;
	struct config *conf;
	struct oap_env *oap;
	struct kernel kernel;
	struct engine *engine;
	struct work work;
	struct control *control;
	struct renew *renew;
	sd_event *loop;
	sd_event_source *timer;
	uint64_t started;
	uint64_t read;		/* uptime when the configuration was read */
	unsigned int copies;	/* known copies of the machine */
};

static uint64_t now_ms(void)
{
	return kernel_ops.now(NULL);
}

static uint64_t uptime_ms(void)
{
	return kernel_ops.uptime(NULL);
}

/* Do the work that is due, and set the timer for the next work. */
static void turn(struct agent *a)
{
	uint64_t next;
	int err = work_turn(&a->work, &next);

	if (err) {
		sd_event_exit(a->loop, err);
		return;
	}
	sd_event_source_set_time(a->timer, next * 1000);
	sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	(void)s;
	(void)usec;
	turn(arg);
	return 0;
}

/* Start over if the kernel has noticed a further copy of the machine. */
static void check_copies(struct agent *a)
{
	unsigned int copies;

	if (kernel_copies(&a->kernel, &copies) || copies == a->copies)
		return;
	a->copies = copies;
	log_warn("the machine is a copy of another one: all flows get fresh keys");
	engine_copied(a->engine);
}

static int on_events(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct kernel_news news;
	struct agent *a = arg;
	unsigned int i;
	int err;

	(void)s;
	(void)fd;
	(void)revents;
	err = kernel_events(&a->kernel, &news);
	if (err) {
		log_err("cannot read events: %s", strerror(-err));
		return sd_event_exit(a->loop, err);
	}
	if (news.copied || news.lost)
		check_copies(a);
	if (news.upcalls || news.lost)
		err = work_upcalls(&a->work);
	if (err)
		return sd_event_exit(a->loop, err);
	for (i = 0; i < news.nasked; i++)
		engine_asked(a->engine, news.asked_flows[i]);
	for (i = 0; i < news.ndue; i++)
		kernel_want(&a->kernel, a->engine, news.due_flows[i]);
	if (news.lost)
		err = work_look(&a->work);
	if (!err && (news.due || news.lost))
		err = work_claim(&a->work);
	if (err)
		return sd_event_exit(a->loop, err);
	turn(a);
	return 0;
}

static void on_resolved(void *arg, uint32_t flow,
			const struct sockaddr_storage *addrs, size_t count,
			const char *why)
{
	struct agent *a = arg;

	engine_resolved(a->engine, flow, addrs, count, why);
	/* once for all answers that have arrived */
	sd_event_source_set_time(a->timer, 0);
	sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

/* Status for the operator */

static json_t *about(struct agent *a)
{
	uint64_t now = now_ms();

	return json_pack("{s:s, s:i, s:i, s:I, s:{s:s, s:I, s:i, s:I, s:I, s:s?}}",
			 "version", AGENT_VERSION, "pid", (int)getpid(),
			 "uid", (int)getuid(),
			 "up_ms", (json_int_t)(now - a->started), "config",
			 "file", a->file,
			 "read_ms_ago", (json_int_t)(uptime_ms() - a->read),
			 "port", (int)a->conf->port, "rekey_interval_ms",
			 (json_int_t)a->conf->rekey_interval, "max_exchanges",
			 (json_int_t)a->conf->max_exchanges,
			 "keylog", keylog_path(a->kernel.keylog));
}

static char *document(void *arg)
{
	struct agent *a = arg;
	struct status_flows flows = { 0 };
	json_t *parts[3], *all = json_object();
	char *text;
	int i;

	ipcp_nl_flow_dump(a->kernel.nl, status_flow, &flows);
	parts[0] = about(a);
	parts[1] = status_flows(&flows);
	parts[2] = status_engine(a->engine);
	for (i = 0; i < 3; i++) {
		json_object_update(all, parts[i]);
		json_decref(parts[i]);
	}
	text = json_dumps(all, JSON_INDENT(2));
	json_decref(all);
	return text;
}

/* Signals */

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si,
		   void *arg)
{
	struct agent *a = arg;

	(void)s;
	log_info("signal %u: exiting; flows continue", si->ssi_signo);
	sd_notify(0, "STOPPING=1\nSTATUS=exiting; flows continue");
	return sd_event_exit(a->loop, 0);
}

struct oap_env *agent_oap(const struct config *conf)
{
	struct oap_settings set = {
		.dir = conf->security, .slack_ms = conf->clock_slack,
		.need_lists = conf->need_lists,
	};
	struct oap_env *oap;
	struct oap_err err;

	if (!oap_env_open(&oap, &set, &err))
		return oap;
	log_err("%s", err.text);
	return NULL;
}

/*
 * Reload the trust store in place, which keeps the replay cache and the keys in
 * memory; if the folder is a different one, load everything.
 */
static struct oap_env *reload_oap(struct agent *a, const struct config *conf)
{
	struct oap_err err;

	if (strcmp(conf->security, a->conf->security))
		return agent_oap(conf);
	if (!oap_env_reload(a->oap, &err)) {
		oap_env_set(a->oap, conf->clock_slack, conf->need_lists);
		return a->oap;
	}
	log_err("%s", err.text);
	return NULL;
}

static void watch_files(struct agent *a, const char *dir, struct oap_env *oap)
{
	struct renew_settings set = {
		.dir = dir, .oap = oap,
		.settle = SETTLE_US, .patience = PATIENCE_US,
		.again = AGAIN_US,
	};

	renew_close(a->renew);
	a->renew = renew_open(a->loop, &set);
}

/* Write seeds to another key log, to none, or to the same one reopened. */
static void switch_keylog(struct agent *a, struct keylog *keylog)
{
	if (a->kernel.keylog && !keylog)
		log_info("the key log %s is closed: delete the file when it is of no use any more",
			 a->conf->keylog);
	keylog_close(a->kernel.keylog);
	a->kernel.keylog = keylog;
}

/* Switch to a new configuration. */
static void switch_to(struct agent *a, struct config *conf, struct oap_env *oap)
{
	engine_set_config(a->engine, conf, oap);
	/* exchanges in progress keep a reference to their environment */
	if (oap != a->oap) {
		engine_drop_runs(a->engine,
				 "the agent's configuration changed: try again");
		watch_files(a, conf->security, oap);
		oap_env_close(a->oap);
	} else {
		renew_now(a->renew);
	}
	config_free(a->conf);
	a->conf = conf;
	a->oap = oap;
	a->work.conf = conf;
	a->work.oap = oap;
	a->work.next_look = 0;	/* existing flows follow the configuration */
	a->read = uptime_ms();
}

static struct dns_settings dns_settings(const struct config *conf)
{
	return (struct dns_settings){
		.servers = conf->dns_servers, .patience = conf->alloc_timeout,
	};
}

static struct dns_source *prepare_dns(struct agent *a,
				      const struct config *conf)
{
	struct dns_settings set = dns_settings(conf);

	return dns_prepare(a->kernel.dns, &set);
}

/*
 * Prepare everything that can fail, then switch: a failed reload changes
 * nothing.
 */
static bool reload(struct agent *a)
{
	struct config *conf = config_load(a->file);
	struct dns_source *dns = NULL;
	struct keylog *keylog = NULL;
	struct oap_env *oap = NULL;

	if (conf)
		dns = prepare_dns(a, conf);
	/* last, because the trust store may be replaced in place */
	if (dns && keylog_open(conf->keylog, &keylog))
		oap = reload_oap(a, conf);
	if (!oap) {
		keylog_close(keylog);
		dns_discard(dns);
		config_free(conf);
		return false;
	}
	if (config_keep_fixed(a->conf, conf))
		log_warn("port, source-ports, mark, user and socket change only when the agent is restarted");
	dns_commit(a->kernel.dns, dns);
	switch_keylog(a, keylog);
	switch_to(a, conf, oap);
	return true;
}

/*
 * Send RELOADING with a time that is not before the signal, as systemd
 * requires.
 */
static void tell_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   ts.tv_sec * 1000000ULL + ts.tv_nsec / 1000);
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si,
		     void *arg)
{
	struct agent *a = arg;
	bool ok;

	(void)s;
	(void)si;
	tell_reloading();
	ok = reload(a);
	a->work.refused = !ok;
	if (ok)
		log_info("configuration reloaded");
	else
		log_err("keeping the old configuration");
	sd_notify(0, ok ? "READY=1\nSTATUS=configuration reloaded" :
		  "READY=1\nSTATUS=the new configuration cannot be used, keeping the old one");
	turn(a);
	return 0;
}

/* Set-up */

static int make_loop(struct agent *a)
{
	static const struct {
		int signal;
		sd_event_signal_handler_t handler;
	} signals[] = {
		{ SIGTERM, on_stop }, { SIGINT, on_stop }, { SIGHUP, on_reload },
	};
	sigset_t set;
	size_t i;
	int err;

	sigemptyset(&set);
	for (i = 0; i < 3; i++)
		sigaddset(&set, signals[i].signal);
	sigprocmask(SIG_BLOCK, &set, NULL);
	err = sd_event_default(&a->loop);
	for (i = 0; err >= 0 && i < 3; i++)
		err = sd_event_add_signal(a->loop, NULL, signals[i].signal,
					  signals[i].handler, a);
	if (err >= 0)
		err = sd_event_add_io(a->loop, NULL,
				      ipcp_nl_event_fd(a->kernel.nl), EPOLLIN,
				      on_events, a);
	if (err >= 0)
		err = sd_event_add_time(a->loop, &a->timer, CLOCK_MONOTONIC, 0,
					1000, on_timer, a);
	if (err >= 0)
		err = sd_event_set_watchdog(a->loop, true);
	if (err < 0)
		log_err("cannot create an event loop: %s", strerror(-err));
	return err < 0 ? err : 0;
}

/* Become the agent; upcalls arrive from here on. */
static int attach(struct agent *a)
{
	int err = ipcp_nl_open(&a->kernel.nl);

	if (err) {
		log_err("cannot reach the module: %s%s", strerror(-err),
			err == -ENOENT ? ": load it with \"modprobe ipcp_rekey\"" :
			"");
		return err;
	}
	err = ipcp_nl_subscribe(a->kernel.nl,
				IPCP_NL_GRP_AGENT | IPCP_NL_GRP_EVENTS);
	if (err) {
		log_err("cannot subscribe to the module's events: %s",
			ipcp_nl_reason(a->kernel.nl));
		return err;
	}
	err = ipcp_nl_agent_set(a->kernel.nl, a->conf->port, a->conf->mark,
				a->conf->source_ports);
	if (err)
		log_err("cannot become the agent: %s%s",
			ipcp_nl_reason(a->kernel.nl),
			err == -EBUSY ? ": another agent runs in this network namespace: stop it first" :
			err == -EADDRINUSE ? ": the UDP port is taken: stop the program that 'ss -ulpn' shows, or set another port in the configuration" :
			"");
	return err;
}

static int set_up(struct agent *a)
{
	struct dns_settings set = dns_settings(a->conf);
	int err = attach(a);

	if (err)
		return err;
	if (!keylog_open(a->conf->keylog, &a->kernel.keylog))
		return -EINVAL;
	a->engine = engine_new(&kernel_ops, &a->kernel, a->conf, a->oap);
	if (!a->engine)
		return -ENOMEM;
	a->work = (struct work){
		.kernel = &a->kernel, .engine = a->engine,
		.conf = a->conf, .oap = a->oap,
	};
	kernel_copies(&a->kernel, &a->copies);
	err = make_loop(a);
	if (err)
		return err;
	a->kernel.dns = dns_open(a->loop, &set, on_resolved, a);
	if (!a->kernel.dns)
		return -EINVAL;
	watch_files(a, a->conf->security, a->oap);
	if (a->conf->socket)
		a->control = control_open(a->loop, a->conf->socket, document,
					  a);
	return work_upcalls(&a->work);
}

static int run(struct agent *a)
{
	int err = set_up(a);

	if (err)
		return err;
	turn(a);
	log_info("ready, port %u, re-key every %g s", a->conf->port,
		 a->conf->rekey_interval / 1e3);
	sd_notify(0, "READY=1");
	log_settled();
	return sd_event_loop(a->loop);
}

int agent_run(const char *file, struct config *conf, struct oap_env *oap)
{
	struct agent a = {
		.file = file, .conf = conf, .oap = oap,
		.started = now_ms(), .read = uptime_ms(),
	};
	int err = run(&a);

	control_close(a.control);
	renew_close(a.renew);
	engine_free(a.engine);
	dns_close(a.kernel.dns);
	sd_event_source_unref(a.timer);
	sd_event_unref(a.loop);
	ipcp_nl_close(a.kernel.nl);
	keylog_close(a.kernel.keylog);
	oap_env_close(a.oap);
	config_free(a.conf);
	return err;
}
