// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Status socket: files that opening replaces and closing removes. */

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "files.h"
#include "log.h"
#include "queue.h"

#define LIMIT	60	/* seconds */

static sd_event *loop;
static char line[512];

static char *document(void *arg)
{
	(void)arg;
	return strdup("{}");
}

static void keep_line(int priority, const char *text)
{
	(void)priority;
	snprintf(line, sizeof(line), "%s", text);
}

static struct control *open_at(const char *name)
{
	line[0] = '\0';
	return control_open(loop, path(name), document, NULL);
}

/* The type of a file; 0 if there is none. */
static mode_t type_of(const char *name)
{
	struct stat st;

	return lstat(path(name), &st) ? 0 : st.st_mode & S_IFMT;
}

/* Return a socket that is bound to the path. */
static int make_socket(const char *name, struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	assert_true(strlen(path(name)) < sizeof(addr->sun_path));
	strcpy(addr->sun_path, path(name));
	assert_int_equal(bind(fd, (struct sockaddr *)addr, sizeof(*addr)), 0);
	return fd;
}

/* Create a socket without a listener. */
static void leave_socket(const char *name)
{
	struct sockaddr_un addr;

	close(make_socket(name, &addr));
}

/* Create a listener that accepts nothing, with as many clients as its queue takes. */
static int leave_busy(const char *name, int clients[QUEUE])
{
	struct sockaddr_un addr;
	int fd = make_socket(name, &addr);

	assert_int_equal(listen(fd, 0), 0);
	queue_fill(clients, &addr);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	files_begin("control");
	assert_true(sd_event_new(&loop) >= 0);
	log_divert(keep_line);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_divert(NULL);
	loop = sd_event_unref(loop);
	return files_end();
}

static void closing_removes_the_socket(void **state)
{
	struct control *control;

	(void)state;
	control = open_at("sock");
	assert_non_null(control);
	assert_int_equal(type_of("sock"), S_IFSOCK);
	control_close(control);
	assert_int_equal(type_of("sock"), 0);
}

static void a_stale_socket_is_replaced(void **state)
{
	struct control *control;

	(void)state;
	leave_socket("sock");
	control = open_at("sock");
	assert_non_null(control);
	control_close(control);
}

static void a_socket_in_use_is_not_replaced(void **state)
{
	struct control *control;

	(void)state;
	control = open_at("sock");
	assert_non_null(control);
	assert_null(open_at("sock"));
	assert_non_null(strstr(line, "another agent uses it"));
	assert_int_equal(type_of("sock"), S_IFSOCK);
	control_close(control);
}

/* A hanging agent does not make another one hang at its start. */
static void a_socket_with_a_full_queue_is_in_use(void **state)
{
	int clients[QUEUE], fd;

	(void)state;
	fd = leave_busy("sock", clients);
	alarm(LIMIT);
	assert_null(open_at("sock"));
	alarm(0);
	assert_non_null(strstr(line, "another agent uses it"));
	assert_int_equal(type_of("sock"), S_IFSOCK);
	queue_close(clients);
	close(fd);
}

/* Return a client that is connected to the socket. */
static int client_of(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	strcpy(addr.sun_path, path(name));
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Allow no more descriptors than there are. Return the limit before. */
static struct rlimit use_up_descriptors(void)
{
	int next = dup(STDIN_FILENO);
	struct rlimit before, none;

	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = next;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	return before;
}

static void a_client_waits_while_no_descriptor_is_left(void **state)
{
	struct control *control = open_at("sock");
	int fd = client_of("sock");
	struct rlimit before = use_up_descriptors();
	char text[8] = "";

	(void)state;
	alarm(LIMIT);
	handle_all(loop);	/* ends */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (recv(fd, text, sizeof(text), MSG_DONTWAIT) < 0)
		assert_true(sd_event_run(loop, UINT64_MAX) > 0);
	alarm(0);
	assert_string_equal(text, "{}");
	close(fd);
	control_close(control);
}

static void files_other_than_sockets_are_not_replaced(void **state)
{
	(void)state;
	put("file");
	assert_null(open_at("file"));
	assert_non_null(strstr(line, "no socket"));
	assert_int_equal(type_of("file"), S_IFREG);
	ln("nowhere", "link");
	assert_null(open_at("link"));
	assert_non_null(strstr(line, "no socket"));
	assert_int_equal(type_of("link"), S_IFLNK);
}

/* A file that has replaced the socket does not belong to the agent. */
static void closing_keeps_a_file_that_replaced_the_socket(void **state)
{
	struct control *control;

	(void)state;
	control = open_at("sock");
	assert_non_null(control);
	rm("sock");
	put("sock");
	control_close(control);
	assert_int_equal(type_of("sock"), S_IFREG);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(closing_removes_the_socket),
		TEST(a_stale_socket_is_replaced),
		TEST(a_socket_in_use_is_not_replaced),
		TEST(a_socket_with_a_full_queue_is_in_use),
		TEST(a_client_waits_while_no_descriptor_is_left),
		TEST(files_other_than_sockets_are_not_replaced),
		TEST(closing_keeps_a_file_that_replaced_the_socket),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
