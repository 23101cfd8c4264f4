/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * A flow through io_uring: requests are completed inline or polled, and need no
 * worker thread.
 *
 * uring CASE		run a case, with a flow to the name "demo", which echoes
 *			each message; "bye" ends the flow
 */
#include <dirent.h>
#include <errno.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ouroboros/dev.h>

#define DEPTH		64
#define MESSAGES	2048
#define SIZE		256
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define IS(got, wanted)		is((got), (wanted), #got, __LINE__)

static struct io_uring ring;
static int flow;

static void is(long got, long wanted, const char *what, int line)
{
	if (got == wanted)
		return;
	printf("line %d: %s is %ld, not %ld\n", line, what, got, wanted);
	exit(1);
}

/* Count the worker threads that run blocking requests for this process. */
static int workers(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(dir))) {
		char path[64], comm[32] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm",
			 entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(comm, sizeof(comm), file) && !strncmp(comm, "iou-wrk", 7))
			count++;
		fclose(file);
	}
	closedir(dir);
	return count;
}

struct op {
	bool write;
	uint32_t msg[SIZE / sizeof(uint32_t)];
};

static void queue(struct op *op, unsigned int flags)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (op->write)
		io_uring_prep_write(sqe, flow, op->msg, SIZE, -1);
	else
		io_uring_prep_read(sqe, flow, op->msg, SIZE, -1);
	io_uring_sqe_set_flags(sqe, flags);
	io_uring_sqe_set_data(sqe, op);
}

static unsigned int done_flags;		/* of the last completion */

/* Wait for the next completion. Return: its result */
static int done(struct op **op)
{
	/* catches hangs; long, since a machine may be held up */
	struct __kernel_timespec patience = { .tv_sec = 600 };
	struct io_uring_cqe *cqe;
	int res;

	IS(io_uring_submit(&ring) < 0, 0);
	IS(io_uring_wait_cqe_timeout(&ring, &cqe, &patience), 0);
	*op = io_uring_cqe_get_data(cqe);
	res = cqe->res;
	done_flags = cqe->flags;
	io_uring_cqe_seen(&ring, cqe);
	return res;
}

static bool idle(void)
{
	struct io_uring_cqe *cqe;

	return io_uring_peek_cqe(&ring, &cqe) == -EAGAIN;
}

/* Numbered messages, and the echoes received so far. */
static struct {
	struct op writes[DEPTH], *spare[DEPTH];
	unsigned int left, sent, received;
	bool seen[MESSAGES];
} all;

static void begin_all(void)
{
	for (all.left = 0; all.left < DEPTH; all.left++) {
		all.writes[all.left].write = true;
		all.spare[all.left] = &all.writes[all.left];
	}
}

/*
 * Queue as many writes as may be in flight: at most DEPTH, since a full ring
 * would drop messages.
 */
static void write_some(void)
{
	struct op *op;

	while (all.left && all.sent < MESSAGES && all.sent - all.received < DEPTH) {
		op = all.spare[--all.left];
		op->msg[0] = all.sent++;
		queue(op, 0);
	}
}

static void count_received(const uint32_t *msg)
{
	IS(*msg < MESSAGES && !all.seen[*msg], 1);
	all.seen[*msg] = true;
	all.received++;
}

/* Keep as many reads as writes queued; each message is echoed once. */
static void both_ways(void)
{
	static struct op reads[DEPTH];
	struct op *op;
	unsigned int i;

	begin_all();
	for (i = 0; i < DEPTH; i++)
		queue(&reads[i], 0);
	while (all.received < MESSAGES) {
		write_some();
		IS(done(&op), SIZE);
		if (op->write) {
			all.spare[all.left++] = op;
			continue;
		}
		count_received(op->msg);
		queue(op, 0);
	}
	IS(workers(), 0);
}

/* One read receives all messages into provided buffers until the flow ends. */
static void multishot(void)
{
	static uint32_t memory[DEPTH][SIZE / sizeof(uint32_t)];
	static struct op bye = { .write = true };
	const int mask = io_uring_buf_ring_mask(DEPTH);
	struct io_uring_buf_ring *buffers;
	struct io_uring_sqe *sqe;
	struct op *op;
	int i, err;

	buffers = io_uring_setup_buf_ring(&ring, DEPTH, 0, 0, &err);
	IS(!buffers, 0);
	for (i = 0; i < DEPTH; i++)
		io_uring_buf_ring_add(buffers, memory[i], SIZE, i, mask, i);
	io_uring_buf_ring_advance(buffers, DEPTH);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read_multishot(sqe, flow, 0, -1, 0);
	io_uring_sqe_set_data(sqe, NULL);
	begin_all();
	while (all.received < MESSAGES) {
		write_some();
		IS(done(&op), SIZE);
		if (op) {
			all.spare[all.left++] = op;
			continue;
		}
		IS(done_flags & IORING_CQE_F_MORE, IORING_CQE_F_MORE);
		i = done_flags >> IORING_CQE_BUFFER_SHIFT;
		count_received(memory[i]);
		io_uring_buf_ring_add(buffers, memory[i], SIZE, i, mask, 0);
		io_uring_buf_ring_advance(buffers, 1);
	}
	memcpy(bye.msg, "bye", 3);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write(sqe, flow, bye.msg, 3, -1);
	io_uring_sqe_set_data(sqe, &bye);
	while (done(&op) > 0)
		IS(op != NULL, true);
	IS(op == NULL, true);
	IS(done_flags & IORING_CQE_F_MORE, 0);
	IS(workers(), 0);
}

/* Reads of an empty queue are polled, and can be cancelled. */
static void reads_wait(void)
{
	static struct op ops[DEPTH];
	struct io_uring_sqe *sqe;
	struct op *op;
	unsigned int i;

	for (i = 0; i < DEPTH; i++)
		queue(&ops[i], 0);
	IS(io_uring_submit(&ring), DEPTH);
	IS(idle(), true);
	IS(workers(), 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_cancel_fd(sqe, flow, IORING_ASYNC_CANCEL_ALL);
	io_uring_sqe_set_data(sqe, NULL);
	for (i = 0; i <= DEPTH; i++) {
		int res = done(&op);

		IS(res, op ? -ECANCELED : DEPTH);
	}
	IS(workers(), 0);
}

/* A pending read fails with ESHUTDOWN when the flow ends. */
static void it_ends(void)
{
	static struct op ops[2], bye = { .write = true };
	struct io_uring_sqe *sqe;
	struct op *op;

	memcpy(bye.msg, "bye", 3);
	queue(&ops[0], 0);
	IS(io_uring_submit(&ring), 1);
	IS(idle(), true);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_write(sqe, flow, bye.msg, 3, -1);
	io_uring_sqe_set_data(sqe, &bye);
	IS(done(&op), 3);
	IS(done(&op), -ESHUTDOWN);
	IS(op == &ops[0], true);
	IS(workers(), 0);
}

/* Link each read to its write, message by message. */
static void linked(void)
{
	static struct op there = { .write = true }, back;
	struct op *op;
	uint32_t i;

	for (i = 0; i < 100; i++) {
		there.msg[0] = i;
		queue(&there, IOSQE_IO_LINK);
		queue(&back, 0);
		IS(done(&op), SIZE);
		IS(done(&op), SIZE);
		IS(back.msg[0], i);
	}
	IS(workers(), 0);
}

/* An IOSQE_ASYNC request runs in a worker thread, and workers() sees it. */
static void threads_show(void)
{
	static struct op read;

	queue(&read, IOSQE_ASYNC);
	IS(io_uring_submit(&ring), 1);
	/* A worker sets its name when it first runs. */
	while (!workers())
		usleep(1000);
	IS(workers(), 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "both-ways", both_ways },
	{ "multishot", multishot },
	{ "reads-wait", reads_wait },
	{ "it-ends", it_ends },
	{ "linked", linked },
	{ "threads-show", threads_show },
};

int main(int argc, char **argv)
{
	unsigned int i;

	flow = flow_alloc("demo", NULL, NULL);
	IS(flow < 0, 0);
	IS(io_uring_queue_init(4 * DEPTH, &ring, 0), 0);
	for (i = 0; argc == 2 && i < ARRAY_SIZE(cases); i++)
		if (!strcmp(argv[1], cases[i].name)) {
			cases[i].run();
			return 0;
		}
	return 2;
}
