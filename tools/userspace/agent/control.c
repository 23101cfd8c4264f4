// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* The status socket. */

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "log.h"

#define CLIENTS_MAX	16
#define PAUSE_US	1000000

/* A client whose document has not been sent completely. */
struct client {
	TAILQ_ENTRY(client) entry;
	struct control *control;
	sd_event_source *source;
	int fd;
	char *text;
	size_t len;
	size_t sent;
};

struct control {
	sd_event *loop;
	sd_event_source *source;
	sd_event_source *pause;		/* timer, see pause_accepting() */
	int fd;
	struct sockaddr_un addr;
	char *(*document)(void *arg);
	void *arg;
	TAILQ_HEAD(, client) clients;
	unsigned int nclients;
};

static void client_free(struct client *c)
{
	TAILQ_REMOVE(&c->control->clients, c, entry);
	c->control->nclients--;
	sd_event_source_disable_unref(c->source);
	close(c->fd);
	free(c->text);
	free(c);
}

/* Send as much as the socket takes; free the client after the last byte. */
static void client_send(struct client *c)
{
	ssize_t n;

	while (c->sent < c->len) {
		n = send(c->fd, c->text + c->sent, c->len - c->sent,
			 MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		c->sent += n;
	}
	client_free(c);
}

static int on_room(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	(void)s;
	(void)fd;
	(void)revents;
	client_send(arg);
	return 0;
}

static void client_new(struct control *control, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		close(fd);
		return;
	}
	c->control = control;
	c->fd = fd;
	TAILQ_INSERT_TAIL(&control->clients, c, entry);
	control->nclients++;
	c->text = control->document(control->arg);
	if (!c->text || sd_event_add_io(control->loop, &c->source, fd, EPOLLOUT,
					on_room, c) < 0) {
		client_free(c);
		return;
	}
	c->len = strlen(c->text);
	client_send(c);
}

/* Accept no client for a second: the event would come at once again. */
static void pause_accepting(struct control *control)
{
	sd_event_source_set_enabled(control->source, SD_EVENT_OFF);
	sd_event_source_set_time_relative(control->pause, PAUSE_US);
	sd_event_source_set_enabled(control->pause, SD_EVENT_ONESHOT);
}

static int on_pause_over(sd_event_source *s, uint64_t usec, void *arg)
{
	struct control *control = arg;

	(void)s;
	(void)usec;
	return sd_event_source_set_enabled(control->source, SD_EVENT_ON);
}

/* True if accept() failed, and left the client in the queue. */
static bool is_short_of_something(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	       error == ENOMEM;
}

static int on_connect(sd_event_source *s, int fd, uint32_t revents, void *arg)
{
	struct control *control = arg;
	int client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)s;
	(void)revents;
	if (client < 0) {
		if (is_short_of_something(errno))
			pause_accepting(control);
		return 0;
	}
	/* evict a client that does not read */
	if (control->nclients == CLIENTS_MAX)
		client_free(TAILQ_FIRST(&control->clients));
	client_new(control, client);
	return 0;
}

/* True if a process listens on the socket. EAGAIN: its queue is full. */
static bool is_alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive = fd >= 0 && (!connect(fd, (const struct sockaddr *)addr,
					  sizeof(*addr)) || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return alive;
}

/* Remove a socket, but no other kind of file. */
static int remove_socket(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) && errno != ENOENT ? -errno : 0;
}

static int make_socket(struct control *control)
{
	const struct sockaddr *addr = (const struct sockaddr *)&control->addr;
	mode_t mask;
	int err;

	control->fd = socket(AF_UNIX,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control->fd < 0)
		return -errno;
	if (is_alive(&control->addr))
		return -EADDRINUSE;
	err = remove_socket(control->addr.sun_path);
	if (err)
		return err;
	mask = umask(0117);
	err = bind(control->fd, addr, sizeof(control->addr)) ? -errno : 0;
	umask(mask);
	if (!err && listen(control->fd, 16))
		err = -errno;
	return err;
}

struct control *control_open(sd_event *loop, const char *path,
			     char *(*document)(void *arg), void *arg)
{
	struct control *control = calloc(1, sizeof(*control));
	int err = -ENAMETOOLONG;

	if (!control)
		return NULL;
	TAILQ_INIT(&control->clients);
	control->loop = loop;
	control->document = document;
	control->arg = arg;
	control->addr.sun_family = AF_UNIX;
	control->fd = -1;
	if (strlen(path) < sizeof(control->addr.sun_path)) {
		strcpy(control->addr.sun_path, path);
		err = make_socket(control);
	}
	if (!err)
		err = sd_event_add_io(loop, &control->source, control->fd,
				      EPOLLIN, on_connect, control);
	if (err >= 0)
		err = sd_event_add_time(loop, &control->pause, CLOCK_MONOTONIC, 0,
					0, on_pause_over, control);
	if (err >= 0)
		err = sd_event_source_set_enabled(control->pause, SD_EVENT_OFF);
	if (err >= 0)
		return control;
	log_warn("cannot open the status socket %s: %s%s", path, strerror(-err),
		 err == -EADDRINUSE ? ": another agent uses it; give each agent its own socket" :
		 err == -EEXIST ? ", which is no socket: remove it, or set another path" : "");
	sd_event_source_disable_unref(control->pause);
	sd_event_source_disable_unref(control->source);
	if (control->fd >= 0)
		close(control->fd);
	free(control);
	return NULL;
}

void control_close(struct control *control)
{
	if (!control)
		return;
	remove_socket(control->addr.sun_path);
	while (!TAILQ_EMPTY(&control->clients))
		client_free(TAILQ_FIRST(&control->clients));
	sd_event_source_disable_unref(control->pause);
	sd_event_source_disable_unref(control->source);
	close(control->fd);
	free(control);
}

void control_prepare(const char *path, const char *user)
{
	const struct passwd *pw = user ? getpwnam(user) : NULL;
	char *dir = strdup(path);
	char *slash = dir ? strrchr(dir, '/') : NULL;

	if (slash && slash != dir) {
		*slash = '\0';
		/* give away only a directory that was created here */
		if (!mkdir(dir, 0755) && pw && chown(dir, pw->pw_uid, pw->pw_gid))
			log_warn("%s: %s", dir, strerror(errno));
	}
	free(dir);
}
