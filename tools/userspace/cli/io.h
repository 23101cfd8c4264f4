/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* Flows of the sub-commands: open, read, write; stopping; the clock. */
#ifndef IPCP_CLI_IO_H
#define IPCP_CLI_IO_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev.h"

#define NSEC_PER_SEC	1000000000LL
#define NSEC_PER_MSEC	1000000LL

#define MESSAGE_MAX	65536

/* Set by SIGINT and SIGTERM after stop_catch(). */
extern volatile sig_atomic_t stopped;
void stop_catch(void);
void stop_catch_also(int sig);
void signal_catch(int sig, void (*handler)(int sig));

int64_t now_ns(void);
int wait_poll(struct pollfd *fds, unsigned int n, int64_t until);

int io_connect(const char *name, int64_t timeout);
int io_serve(const char *name);
int io_accept(int listener);
bool io_accept_short(int err);
int io_accept_status(int listener, int err, const char *more);

/* Return values of io_send() that are not errors. */
enum {
	IO_ROOM,	/* not sent: wait for POLLOUT */
	IO_LATER,	/* not sent: wait for keys or a route, or IO_LATER_NS */
	IO_SENT,
};

#define IO_LATER_NS	(50 * NSEC_PER_MSEC)

int io_write_all(int fd, const void *buf, size_t len);
int io_send(int fd, const void *buf, size_t len);
int io_recv(int fd, void *buf, size_t len);
bool io_ended(int err);
int io_end_status(int fd, enum ipcp_dev_op op, int err);
void io_rekey(int fd);

#endif /* IPCP_CLI_IO_H */
