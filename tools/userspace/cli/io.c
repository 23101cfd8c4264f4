// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Flows of the sub-commands. A flow is opened in blocking mode, in which a
 * signal simply terminates the program, and is non-blocking afterwards.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "io.h"

volatile sig_atomic_t stopped;
static sigset_t wait_mask;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/**
 * signal_catch() - call a function on a signal
 * @sig: the signal
 * @handler: the function
 *
 * The signal is blocked except in wait_poll(), so that no signal is missed
 * between the check of a flag that @handler sets and the wait.
 */
void signal_catch(int sig, void (*handler)(int sig))
{
	struct sigaction sa = { .sa_handler = handler };
	static bool have_mask;
	sigset_t block;

	if (!have_mask)
		sigprocmask(SIG_BLOCK, NULL, &wait_mask);
	have_mask = true;
	sigemptyset(&block);
	sigaddset(&block, sig);
	sigprocmask(SIG_BLOCK, &block, NULL);
	sigdelset(&wait_mask, sig);
	sigaction(sig, &sa, NULL);
}

/**
 * stop_catch_also() - make another signal set @stopped
 * @sig: the signal
 */
void stop_catch_also(int sig)
{
	signal_catch(sig, on_stop);
}

/* Make SIGINT and SIGTERM set @stopped. */
void stop_catch(void)
{
	stop_catch_also(SIGINT);
	stop_catch_also(SIGTERM);
}

/* Read the monotonic clock. */
int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/**
 * wait_poll() - ppoll() with a deadline
 * @fds: as for poll()
 * @n: number of @fds
 * @until: deadline by now_ns(), or 0 for none
 *
 * Return: as for poll(); also 0 after a signal.
 */
int wait_poll(struct pollfd *fds, unsigned int n, int64_t until)
{
	struct timespec ts = { 0 };
	int64_t left = until ? until - now_ns() : 0;
	int ret;

	if (left > 0) {
		ts.tv_sec = left / NSEC_PER_SEC;
		ts.tv_nsec = left % NSEC_PER_SEC;
	}
	ret = ppoll(fds, n, until ? &ts : NULL, &wait_mask);
	if (ret >= 0)
		return ret;
	while (n)
		fds[--n].revents = 0;
	return errno == EINTR ? 0 : -errno;
}

/* Print the error, close @fd, return -1. */
static int give_up(int fd, enum ipcp_dev_op op, int err, const char *name)
{
	char line[512];

	ipcp_dev_explain(fd, op, err, name, line, sizeof(line));
	fail("%s", line);
	if (fd >= 0)
		close(fd);
	return -1;
}

/**
 * io_connect() - allocate a flow to a name
 * @name: name of the destination
 * @timeout: nanoseconds, or 0 for the default of the kernel
 *
 * Return: a non-blocking flow; -1 after printing an error.
 */
int io_connect(const char *name, int64_t timeout)
{
	int fd = ipcp_dev_open(0);
	int err;

	if (fd < 0)
		return give_up(-1, IPCP_DEV_OPEN, fd, NULL);
	err = ipcp_dev_alloc(fd, name, NULL, timeout);
	if (!err)
		err = ipcp_dev_nonblock(fd, true);
	return err ? give_up(fd, IPCP_DEV_ALLOC, err, name) : fd;
}

/**
 * io_serve() - serve a name, and report it on stderr
 * @name: the name
 *
 * SIGINT and SIGTERM set @stopped from then on.
 *
 * Return: a non-blocking listening endpoint; -1 after printing an error.
 */
int io_serve(const char *name)
{
	int fd = ipcp_dev_open(0);
	int err;

	if (fd < 0)
		return give_up(-1, IPCP_DEV_OPEN, fd, NULL);
	err = ipcp_dev_listen(fd, name, 0);
	if (!err)
		err = ipcp_dev_nonblock(fd, true);
	if (err)
		return give_up(fd, IPCP_DEV_LISTEN, err, name);
	stop_catch();
	note("serving '%s'", name);
	ipcp_dev_ready();
	return fd;
}

/**
 * io_accept() - accept a flow if one is pending
 * @listener: endpoint from io_serve()
 *
 * Return: a non-blocking flow, -EAGAIN, or another negative errno.
 */
int io_accept(int listener)
{
	return ipcp_dev_accept(listener, IPCP_ACCEPT_NONBLOCK,
			       IPCP_TIMEOUT_DEFAULT, NULL);
}

/**
 * io_accept_short() - test whether a pending flow has to wait
 * @err: negative errno of io_accept()
 *
 * Return: true if a descriptor or memory was missing, and the call can be
 * repeated later.
 */
bool io_accept_short(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM;
}

/**
 * io_accept_status() - report why no flow was accepted
 * @listener: endpoint from io_serve()
 * @err: negative errno of io_accept()
 * @more: what follows from it, or ""
 *
 * Return: EXIT_FAIL.
 */
int io_accept_status(int listener, int err, const char *more)
{
	char line[512];

	ipcp_dev_explain(listener, IPCP_DEV_ACCEPT, err, NULL, line, sizeof(line));
	return fail("%s%s", line, more);
}

/**
 * io_write_all() - write to a file
 * @fd: the file
 * @buf: the bytes
 * @len: length of @buf
 *
 * Return: 0, or -1 and errno.
 */
int io_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/*
 * True for an error that costs at most one message, and is temporary: no keys,
 * no memory or no route.
 */
static bool passes(int err)
{
	return err == EKEYEXPIRED || err == ENOBUFS || err == EDQUOT ||
	       err == ENOMEM || err == ENETUNREACH || err == EHOSTUNREACH;
}

/**
 * io_send() - send one message
 * @fd: a flow
 * @buf: the message
 * @len: length of @buf
 *
 * Return: IO_SENT, IO_ROOM or IO_LATER, or a negative errno.
 */
int io_send(int fd, const void *buf, size_t len)
{
	if (write(fd, buf, len) >= 0)
		return IO_SENT;
	if (errno == EAGAIN || errno == EINTR)
		return IO_ROOM;
	return passes(errno) ? IO_LATER : -errno;
}

/**
 * io_recv() - receive one message
 * @fd: a flow
 * @buf: the buffer
 * @len: size of @buf
 *
 * A message that cannot be read for lack of memory stays in the queue, and poll()
 * reports it at once. So this function sleeps before the caller tries again.
 *
 * Return: length of the message, may be 0, or a negative errno; -EAGAIN also
 * without memory.
 */
int io_recv(int fd, void *buf, size_t len)
{
	const struct timespec pause = { .tv_nsec = 10 * NSEC_PER_MSEC };
	ssize_t ret = read(fd, buf, len);

	if (ret >= 0)
		return ret;
	if (errno != ENOMEM)
		return -errno;
	nanosleep(&pause, NULL);
	return -EAGAIN;
}

/* True if an error means that the flow has ended. */
bool io_ended(int err)
{
	return err == -ESHUTDOWN;
}

/**
 * io_end_status() - report how a flow ended
 * @fd: the flow
 * @op: IPCP_DEV_READ or IPCP_DEV_WRITE
 * @err: negative errno of the operation
 *
 * Return: EXIT_OK if the peer closed the flow; EXIT_FAIL after printing an
 * error otherwise.
 */
int io_end_status(int fd, enum ipcp_dev_op op, int err)
{
	struct ipcp_info info;
	char line[512];

	if (io_ended(err) && !ipcp_dev_info(fd, &info) &&
	    (!info.error || io_ended(-(int)info.error)))
		return EXIT_OK;
	ipcp_dev_explain(fd, op, err, NULL, line, sizeof(line));
	return fail("%s", line);
}

/*
 * Install the seed that EPOLLPRI announces. A read reports the end of the flow.
 */
void io_rekey(int fd)
{
	char line[512];
	int err = ipcp_dev_rekey(fd);

	if (!err || io_ended(err))
		return;
	ipcp_dev_explain(fd, IPCP_DEV_REKEY, err, NULL, line, sizeof(line));
	note("%s", line);
}
