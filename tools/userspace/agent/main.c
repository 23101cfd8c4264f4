// SPDX-License-Identifier: GPL-2.0
/* ipcp-rekeyd: the agent of a network namespace. */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "engine.h"
#include "kernel.h"
#include "log.h"

#define SECURE_HEAP	(1 << 20)
#define SECURE_MIN	32
#define CLAIMS_A_TICK	8

struct agent {
	const char *file;
	struct config *conf;
	struct oap_env *oap;
	struct ipcp_nl *nl;
	struct engine *engine;
	sd_event *loop;
	sd_event_source *timer;
	uint64_t next_claim;
	uint64_t next_look;
	bool more;		/* upcalls may wait */
};

static uint64_t now_ms(void)
{
	return kernel_ops.now(NULL);
}

/* From 3/4 to 5/4 of a time, so that many agents do not go in step. */
static uint64_t jitter(uint64_t ms)
{
	uint16_t r = 0;

	RAND_bytes((uint8_t *)&r, sizeof(r));
	return ms - ms / 4 + ms * r / 2 / UINT16_MAX;
}

static uint64_t clamp(uint64_t ms, uint64_t min, uint64_t max)
{
	return ms < min ? min : ms > max ? max : ms;
}

/* Keys stay in memory, and memory stays with us. */
static void harden(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	if (CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_MIN) != 1)
		log_warn("no locked memory for keys: raise the limit of locked memory");
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warn("cannot lock memory: %s", strerror(errno));
}

static void claim(struct agent *a)
{
	int i, n;

	for (i = 0; i < CLAIMS_A_TICK; i++) {
		n = kernel_claim(a->nl, a->engine, a->conf->rekey_interval);
		if (n < 0)
			log_err("cannot claim flows: %s",
				ipcp_nl_reason(a->nl));
		if (n < IPCP_REKEY_CLAIM_MAX)
			return;
	}
}

static void look(struct agent *a)
{
	kernel_want_all(a->nl, a->engine);
	a->next_look = now_ms() +
		jitter(clamp(a->conf->rekey_interval / 2, 1000, 10000));
}

static int take_upcalls(struct agent *a)
{
	int err = kernel_upcalls(a->nl, a->engine, a->conf, a->oap);

	a->more = err > 0;
	return err < 0 ? err : 0;
}

/* Does what is due and sets the timer for what is next. */
static void turn(struct agent *a)
{
	uint64_t next, now, wish;

	next = engine_tick(a->engine);
	now = now_ms();
	if (now >= a->next_claim || engine_claim_at(a->engine) <= now) {
		claim(a);
		a->next_claim = now + jitter(clamp(a->conf->rekey_interval / 8,
						   20, 5000));
		next = engine_tick(a->engine);
	}
	if (now >= a->next_look)
		look(a);
	wish = engine_claim_at(a->engine);
	next = a->next_claim < next ? a->next_claim : next;
	next = a->next_look < next ? a->next_look : next;
	next = wish < next ? wish : next;
	next = a->more ? now : next;
	sd_event_source_set_time(a->timer, next * 1000);
	sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *arg)
{
	struct agent *a = arg;

	(void)s;
	(void)usec;
	if (a->more && take_upcalls(a))
		return sd_event_exit(a->loop, -EIO);
	turn(a);
	return 0;
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
	err = kernel_events(a->nl, &news);
	if (err) {
		log_err("cannot read events: %s", strerror(-err));
		return sd_event_exit(a->loop, err);
	}
	if (news.upcalls || news.lost)
		err = take_upcalls(a);
	if (err)
		return sd_event_exit(a->loop, err);
	for (i = 0; i < news.ndue; i++)
		kernel_want(a->nl, a->engine, news.due_flows[i]);
	if (news.lost)
		look(a);
	if (news.due || news.lost)
		claim(a);
	turn(a);
	return 0;
}

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si,
		   void *arg)
{
	struct agent *a = arg;

	(void)s;
	log_info("signal %u: ending; flows go on", si->ssi_signo);
	sd_notify(0, "STOPPING=1");
	return sd_event_exit(a->loop, 0);
}

static int on_stats(sd_event_source *s, const struct signalfd_siginfo *si,
		    void *arg)
{
	struct agent *a = arg;
	const struct engine_stats *st = engine_stats(a->engine);

	(void)s;
	(void)si;
	log_info("allocations: %llu done, %llu failed, %llu answered, %llu refused",
		 (unsigned long long)st->alloc_done,
		 (unsigned long long)st->alloc_failed,
		 (unsigned long long)st->alloc_answered,
		 (unsigned long long)st->alloc_refused);
	log_info("re-keys: %llu done, %llu failed (%llu without answer), %llu put off, %llu answered, %llu refused",
		 (unsigned long long)st->rekey_done,
		 (unsigned long long)st->rekey_failed,
		 (unsigned long long)st->rekey_timeout,
		 (unsigned long long)st->rekey_busy,
		 (unsigned long long)st->rekey_answered,
		 (unsigned long long)st->rekey_refused);
	log_info("cookies sent: %llu; messages that made no sense: %llu",
		 (unsigned long long)st->cookies,
		 (unsigned long long)st->bad_messages);
	return 0;
}

static struct oap_env *open_oap(const struct config *conf)
{
	struct oap_settings set = {
		.dir = conf->security, .slack_ms = conf->clock_slack,
	};
	struct oap_env *oap;
	struct oap_err err;

	if (!oap_env_open(&oap, &set, &err))
		return oap;
	log_err("%s", err.text);
	return NULL;
}

/* The replay cache lives on unless the folder or the clock's slack changed. */
static struct oap_env *reload_oap(struct agent *a, const struct config *conf)
{
	struct oap_err err;

	if (strcmp(conf->security, a->conf->security) ||
	    conf->clock_slack != a->conf->clock_slack)
		return open_oap(conf);
	if (!oap_env_reload(a->oap, &err))
		return a->oap;
	log_err("%s", err.text);
	return NULL;
}

static int on_reload(sd_event_source *s, const struct signalfd_siginfo *si,
		     void *arg)
{
	struct agent *a = arg;
	struct config *conf = config_load(a->file);
	struct oap_env *oap = conf ? reload_oap(a, conf) : NULL;

	(void)s;
	(void)si;
	if (!oap) {
		log_err("the configuration stays as it was");
		config_free(conf);
		return 0;
	}
	if (conf->port != a->conf->port || conf->mark != a->conf->mark)
		log_warn("port and mark change only when the agent starts anew");
	engine_set_config(a->engine, conf, oap);
	/* exchanges that are under way hold on to their environment */
	if (oap != a->oap)
		engine_drop_runs(a->engine);
	if (oap != a->oap)
		oap_env_close(a->oap);
	config_free(a->conf);
	a->conf = conf;
	a->oap = oap;
	log_info("configuration read again");
	turn(a);
	return 0;
}

static int add_signal(struct agent *a, int sig, sd_event_signal_handler_t fn)
{
	return sd_event_add_signal(a->loop, NULL, sig, fn, a);
}

static int make_loop(struct agent *a)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	err = sd_event_default(&a->loop);
	if (err >= 0)
		err = add_signal(a, SIGTERM, on_stop);
	if (err >= 0)
		err = add_signal(a, SIGINT, on_stop);
	if (err >= 0)
		err = add_signal(a, SIGHUP, on_reload);
	if (err >= 0)
		err = add_signal(a, SIGUSR1, on_stats);
	if (err >= 0)
		err = sd_event_add_io(a->loop, NULL, ipcp_nl_event_fd(a->nl),
				      EPOLLIN, on_events, a);
	if (err >= 0)
		err = sd_event_add_time(a->loop, &a->timer, CLOCK_MONOTONIC, 0,
					1000, on_timer, a);
	if (err < 0)
		log_err("no event loop: %s", strerror(-err));
	return err < 0 ? err : 0;
}

/* From here on this is the agent, and upcalls come. */
static int attach(struct agent *a)
{
	int err = ipcp_nl_open(&a->nl);

	if (err) {
		log_err("cannot reach the module: %s%s", strerror(-err),
			err == -ENOENT ? ": load it with \"modprobe ipcp_rekey\"" :
			"");
		return err;
	}
	err = ipcp_nl_subscribe(a->nl, IPCP_NL_GRP_AGENT | IPCP_NL_GRP_EVENTS);
	if (err) {
		log_err("cannot subscribe to the module's events: %s",
			ipcp_nl_reason(a->nl));
		return err;
	}
	err = ipcp_nl_agent_set(a->nl, a->conf->port, a->conf->mark);
	if (err)
		log_err("cannot be the agent: %s%s", ipcp_nl_reason(a->nl),
			err == -EBUSY ? ": another agent runs in this network namespace" :
			err == -EADDRINUSE ? ": the UDP port is taken" : "");
	return err;
}

static int run(struct agent *a)
{
	int err;

	a->engine = engine_new(&kernel_ops, a->nl, a->conf, a->oap);
	if (!a->engine)
		return -ENOMEM;
	err = make_loop(a);
	if (!err)
		err = take_upcalls(a);
	if (err)
		return err;
	turn(a);
	log_info("ready, port %u, re-key every %g s", a->conf->port,
		 a->conf->rekey_interval / 1e3);
	sd_notify(0, "READY=1");
	return sd_event_loop(a->loop);
}

static void usage(FILE *to)
{
	fputs("Usage: ipcp-rekeyd [OPTION]...\n"
	      "Agent of the ipcp_rekey module: allocates flows and re-keys them.\n"
	      "\n"
	      "  -c, --config FILE  configuration (default " CONFIG_FILE ")\n"
	      "  -t, --test         check the configuration and end\n"
	      "  -v, --verbose      say more\n"
	      "  -h, --help\n"
	      "\n"
	      "It stays in the foreground. SIGHUP reads the configuration again,\n"
	      "SIGUSR1 logs counters, SIGTERM ends it; flows go on without it.\n",
	      to);
}

static void release(struct agent *a)
{
	engine_free(a->engine);
	sd_event_source_unref(a->timer);
	sd_event_unref(a->loop);
	ipcp_nl_close(a->nl);
	oap_env_close(a->oap);
	config_free(a->conf);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "test", no_argument, NULL, 't' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct agent a = { .file = CONFIG_FILE };
	bool verbose = false, test = false;
	int c, status = EXIT_FAILURE;

	while ((c = getopt_long(argc, argv, "c:tvh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a.file = optarg;
			break;
		case 't':
			test = true;
			break;
		case 'v':
			verbose = true;
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 2;
	}
	log_setup(verbose, getenv("JOURNAL_STREAM"));
	harden();
	a.conf = config_load(a.file);
	a.oap = a.conf ? open_oap(a.conf) : NULL;
	if (a.oap && test)
		status = EXIT_SUCCESS;
	else if (a.oap && !attach(&a) && !run(&a))
		status = EXIT_SUCCESS;
	release(&a);
	return status;
}
