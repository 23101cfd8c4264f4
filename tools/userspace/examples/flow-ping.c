/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * flow-ping: serve the name that the program is bound to, and echo all messages
 * of all flows. flow-ping NAME COUNT SIZE: measure round-trip times to NAME.
 *
 * C89. The server has one thread that accepts and one that waits for all flows;
 * the client has one that writes and one that reads the same flow.
 */
#define _POSIX_C_SOURCE 200112L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ouroboros/dev.h>
#include <ouroboros/errno.h>
#include <ouroboros/fccntl.h>
#include <ouroboros/fqueue.h>
#include <ouroboros/qos.h>

#define MAX_SIZE	1400
#define MAX_FLOWS	256	/* descriptors are below this */
#define IDLE		60	/* s; then close the flow */

struct ping {
	unsigned long id;
	struct timespec sent;
};

/* --- server */

static fset_t *flows;
static fqueue_t *events;
static time_t heard[MAX_FLOWS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void end_flow(int fd)
{
	pthread_mutex_lock(&lock);
	fset_del(flows, fd);
	pthread_mutex_unlock(&lock);
	flow_dealloc(fd);
}

static void end_idle(void)
{
	time_t now = time(NULL);
	int fd, idle;

	for (fd = 0; fd < MAX_FLOWS; fd++) {
		pthread_mutex_lock(&lock);
		idle = fset_has(flows, fd) && now - heard[fd] > IDLE;
		pthread_mutex_unlock(&lock);
		if (idle)
			end_flow(fd);
	}
}

static void answer(int fd)
{
	char buf[MAX_SIZE];
	ssize_t len = flow_read(fd, buf, sizeof(buf));

	if (len == -EFLOWDOWN || len == -EFLOWPEER) {
		end_flow(fd);
		return;
	}
	if (len < 0)
		return;
	pthread_mutex_lock(&lock);
	heard[fd] = time(NULL);
	pthread_mutex_unlock(&lock);
	if (flow_write(fd, buf, len) < 0)
		fprintf(stderr, "flow %d: an answer was lost\n", fd);
}

static void *answer_all(void *arg)
{
	struct timespec second = { 1, 0 };
	time_t checked = time(NULL);
	int err, fd;

	(void)arg;
	for (;;) {
		err = fevent(flows, events, &second);
		if (err < 0 && err != -ETIMEDOUT)
			break;
		while ((fd = fqueue_next(events)) >= 0)
			answer(fd);
		if (time(NULL) != checked)
			end_idle();
		checked = time(NULL);
	}
	fprintf(stderr, "cannot wait for events: %d\n", err);
	exit(1);
}

static int serve(void)
{
	pthread_t thread;
	qosspec_t qos;
	int fd;

	flows = fset_create();
	events = fqueue_create();
	if (!flows || !events ||
	    pthread_create(&thread, NULL, answer_all, NULL))
		return 1;
	for (;;) {
		fd = flow_accept(&qos, NULL);
		if (fd < 0)
			break;
		if (fd >= MAX_FLOWS) {
			flow_dealloc(fd);
			continue;
		}
		/* one thread serves all flows, so none of them may block */
		fccntl(fd, FLOWSFLAGS, FLOWFRDWR | FLOWFRNOPART | FLOWFNONBLOCK);
		pthread_mutex_lock(&lock);
		heard[fd] = time(NULL);
		fset_add(flows, fd);
		pthread_mutex_unlock(&lock);
	}
	fprintf(stderr, "cannot accept a flow: %d\n", fd);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	fqueue_destroy(events);
	fset_destroy(flows);
	return 1;
}

/* --- client */

static struct {
	int fd;
	unsigned long count;
	size_t size;
	unsigned long received;
	unsigned long disordered;
	double least;
	double most;
	double sum;
} run;

static double since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1e3 +
	       (now.tv_nsec - then->tv_nsec) / 1e6;
}

static void *write_all(void *arg)
{
	struct timespec gap = { 0, 1000000 };
	char buf[MAX_SIZE];
	struct ping ping;

	(void)arg;
	memset(buf, 0, sizeof(buf));
	for (ping.id = 0; ping.id < run.count; ping.id++) {
		clock_gettime(CLOCK_MONOTONIC, &ping.sent);
		memcpy(buf, &ping, sizeof(ping));
		if (flow_write(run.fd, buf, run.size) < 0)
			break;
		nanosleep(&gap, NULL);
	}
	return NULL;
}

static void take(const struct ping *ping, unsigned long expected)
{
	double rtt = since(&ping->sent);

	if (ping->id < expected)
		run.disordered++;
	if (!run.received || rtt < run.least)
		run.least = rtt;
	if (rtt > run.most)
		run.most = rtt;
	run.sum += rtt;
	run.received++;
}

static void *read_all(void *arg)
{
	unsigned long expected = 0;
	char buf[MAX_SIZE];
	struct ping ping;
	ssize_t len;

	(void)arg;
	while (run.received < run.count) {
		len = flow_read(run.fd, buf, sizeof(buf));
		if (len < (ssize_t)sizeof(ping))
			break;
		memcpy(&ping, buf, sizeof(ping));
		take(&ping, expected);
		if (ping.id >= expected)
			expected = ping.id + 1;
	}
	return NULL;
}

static void report(void)
{
	printf("%lu messages sent, %lu received, %lu out of order\n",
	       run.count, run.received, run.disordered);
	if (run.received)
		printf("round trip least/mean/most: %.3f/%.3f/%.3f ms\n",
		       run.least, run.sum / run.received, run.most);
}

static int measure(const char *name)
{
	struct timespec patience = { 20, 0 };
	pthread_t reader, writer;
	qosspec_t qos = qos_raw;

	run.fd = flow_alloc(name, &qos, NULL);
	if (run.fd < 0) {
		fprintf(stderr, "no flow to %s: %d\n", name, run.fd);
		return 1;
	}
	fccntl(run.fd, FLOWSFLAGS, FLOWFRDWR | FLOWFRNOPART);
	fccntl(run.fd, FLOWSRCVTIMEO, &patience);
	if (pthread_create(&reader, NULL, read_all, NULL) ||
	    pthread_create(&writer, NULL, write_all, NULL))
		exit(1);
	pthread_join(writer, NULL);
	pthread_join(reader, NULL);
	flow_dealloc(run.fd);
	report();
	return run.received != run.count;
}

int main(int argc, char **argv)
{
	if (argc == 1)
		return serve();
	if (argc == 4) {
		run.count = strtoul(argv[2], NULL, 10);
		run.size = strtoul(argv[3], NULL, 10);
	}
	if (!run.count || run.size < sizeof(struct ping) || run.size > MAX_SIZE) {
		fprintf(stderr, "Usage: flow-ping [NAME COUNT SIZE]\n");
		return 2;
	}
	return measure(argv[1]);
}
