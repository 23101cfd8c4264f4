// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Sets of flows, and their events. A socket replaces the device. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include <cmocka.h>

#include "pair.h"

static const struct timespec now = { 0, 0 };

/*
 * Check the reported events, each with a character for the flow: a letter or a
 * digit (a silent peer), from 'a', 'A' or '0' on for the first flow.
 */
static void assert_events(fset_t *set, int first, const char *text)
{
	fqueue_t *fq = fqueue_create();
	char got[16] = "";
	size_t n = 0;
	int fd;

	assert_int_equal(fevent(set, fq, &now), *text ? 1 : -ETIMEDOUT);
	while ((fd = fqueue_next(fq)) >= 0) {
		switch (fqueue_type(fq)) {
		case FLOW_PKT:
			got[n++] = 'a' + fd - first;
			break;
		case FLOW_DEALLOC:
			got[n++] = 'A' + fd - first;
			break;
		case FLOW_PEER:
			got[n++] = '0' + fd - first;
			break;
		default:
			got[n++] = '?';
		}
	}
	assert_int_equal(fd, -EPERM);
	assert_string_equal(got, text);
	fqueue_destroy(fq);
}

static void a_flow_is_in_one_set_at_most(void **state)
{
	struct pair a = make_pair(), b = make_pair();
	fset_t *set = fset_create(), *other = fset_create();

	(void)state;
	assert_events(set, a.fd, "");
	assert_int_equal(fset_add(set, a.fd), 0);
	assert_int_equal(fset_add(set, a.fd), -EPERM);
	assert_int_equal(fset_add(other, a.fd), -EPERM);
	assert_int_equal(fset_add(other, b.fd), 0);
	assert_true(fset_has(set, a.fd));
	assert_false(fset_has(other, a.fd));
	fset_del(other, a.fd);
	assert_true(fset_has(set, a.fd));
	fset_del(set, a.fd);
	assert_false(fset_has(set, a.fd));
	assert_int_equal(fset_add(other, a.fd), 0);
	fset_zero(other);
	assert_false(fset_has(other, a.fd) || fset_has(other, b.fd));
	assert_int_equal(fset_add(set, 0), -EINVAL);
	assert_int_equal(fset_add(set, -1), -EINVAL);
	assert_int_equal(fset_add(NULL, a.fd), -EINVAL);
	assert_false(fset_has(set, 255) || fset_has(set, -1));
	fset_destroy(set);
	fset_destroy(other);
	end_pair(&a);
	end_pair(&b);
}

static void messages_are_events_until_they_are_read(void **state)
{
	struct pair a = make_pair(), b = make_pair();
	fset_t *set = fset_create();

	(void)state;
	/* a message from before fset_add() is an event, too, until read */
	send_text(&a, "1");
	assert_int_equal(fset_add(set, a.fd), 0);
	assert_int_equal(fset_add(set, b.fd), 0);
	assert_events(set, a.fd, "a");
	assert_events(set, a.fd, "a");
	send_text(&b, "2");
	assert_events(set, a.fd, "ab");
	assert_read(a.fd, 64, "1");
	assert_events(set, a.fd, "b");
	assert_read(b.fd, 64, "2");
	assert_events(set, a.fd, "");
	end_pair(&a);
	end_pair(&b);
	fset_destroy(set);
}

static void a_partly_read_message_is_an_event(void **state)
{
	struct pair pair = make_pair();
	fset_t *set = fset_create();

	(void)state;
	assert_int_equal(fset_add(set, pair.fd), 0);
	send_text(&pair, "12");
	assert_read(pair.fd, 1, "1");
	assert_events(set, pair.fd, "a");
	assert_read(pair.fd, 1, "2");
	assert_events(set, pair.fd, "a");
	assert_read(pair.fd, 1, "");
	assert_events(set, pair.fd, "");
	end_pair(&pair);
	fset_destroy(set);
}

static void the_end_of_a_flow_is_reported_once(void **state)
{
	struct pair pair = make_pair();
	fset_t *set = fset_create();

	(void)state;
	assert_int_equal(fset_add(set, pair.fd), 0);
	close(pair.peer);
	assert_events(set, pair.fd, "A");
	assert_events(set, pair.fd, "");
	assert_true(fset_has(set, pair.fd));
	assert_int_equal(flow_dealloc(pair.fd), 0);
	assert_false(fset_has(set, pair.fd));
	fset_destroy(set);
}

static void the_end_of_a_flow_comes_after_the_rest_of_a_message(void **state)
{
	struct pair pair = make_pair();
	fset_t *set = fset_create();

	(void)state;
	assert_int_equal(fset_add(set, pair.fd), 0);
	send_text(&pair, "12");
	assert_read(pair.fd, 1, "1");
	close(pair.peer);
	assert_events(set, pair.fd, "a");
	assert_read(pair.fd, 1, "2");
	assert_events(set, pair.fd, "a");
	assert_read(pair.fd, 1, "");
	assert_events(set, pair.fd, "A");
	assert_int_equal(flow_dealloc(pair.fd), 0);
	fset_destroy(set);
}

/* Signal EPOLLRDHUP. The socket stays readable, as if messages waited. */
static void be_silent(const struct pair *pair)
{
	assert_int_equal(shutdown(pair->peer, SHUT_WR), 0);
}

static void each_silence_of_the_peer_is_reported_once(void **state)
{
	struct pair a = make_pair(), b = make_pair();
	fset_t *set = fset_create();

	(void)state;
	assert_int_equal(fset_add(set, a.fd), 0);
	assert_int_equal(fset_add(set, b.fd), 0);
	be_silent(&a);
	assert_events(set, a.fd, "a0");
	assert_events(set, a.fd, "a");
	assert_events(set, a.fd, "a");
	/* a wakeup with EPOLLRDHUP is a new silence */
	be_silent(&a);
	be_silent(&b);
	assert_events(set, a.fd, "ab01");
	assert_events(set, a.fd, "ab");
	/* the end of a flow is no silence */
	close(b.peer);
	assert_events(set, a.fd, "aB");
	assert_events(set, a.fd, "a");
	assert_int_equal(flow_dealloc(b.fd), 0);
	end_pair(&a);
	fset_destroy(set);
}

/* Action of another thread between an event of the kernel and its report. */
static void (*meanwhile)(void);

int __real_epoll_pwait2(int epfd, struct epoll_event *got, int max,
			const struct timespec *timeo, const sigset_t *mask);
int __wrap_epoll_pwait2(int epfd, struct epoll_event *got, int max,
			const struct timespec *timeo, const sigset_t *mask);

int __wrap_epoll_pwait2(int epfd, struct epoll_event *got, int max,
			const struct timespec *timeo, const sigset_t *mask)
{
	int n = __real_epoll_pwait2(epfd, got, max, timeo, mask);

	if (meanwhile)
		meanwhile();
	meanwhile = NULL;
	return n;
}

static struct pair replaced;
static fset_t *replaced_in;

static void replace(void)
{
	int fd = replaced.fd;

	end_pair(&replaced);
	replaced = make_pair();
	assert_int_equal(replaced.fd, fd);
}

static void replace_in_set(void)
{
	replace();
	assert_int_equal(fset_add(replaced_in, replaced.fd), 0);
}

static void the_end_of_a_flow_is_not_reported_for_its_successor(void **state)
{
	fset_t *set = fset_create();

	(void)state;
	replaced = make_pair();
	replaced_in = set;
	assert_int_equal(fset_add(set, replaced.fd), 0);
	assert_int_equal(shutdown(replaced.peer, SHUT_RDWR), 0);
	meanwhile = replace_in_set;
	assert_events(set, replaced.fd, "");
	send_text(&replaced, "x");
	assert_events(set, replaced.fd, "a");
	end_pair(&replaced);
	fset_destroy(set);
}

static void an_event_is_not_returned_for_the_successor_of_its_flow(void **state)
{
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();
	struct pair other = make_pair();

	(void)state;
	replaced = make_pair();
	replaced_in = set;
	assert_int_equal(fset_add(set, replaced.fd), 0);
	assert_int_equal(fset_add(set, other.fd), 0);
	assert_int_equal(shutdown(replaced.peer, SHUT_RDWR), 0);
	assert_int_equal(fevent(set, fq, &now), 1);
	replace_in_set();
	assert_int_equal(fqueue_next(fq), -EPERM);
	/* nor for a successor in no set; the next event is returned */
	send_text(&replaced, "x");
	send_text(&other, "x");
	assert_int_equal(fevent(set, fq, &now), 1);
	replace();
	assert_int_equal(fqueue_next(fq), other.fd);
	assert_int_equal(fqueue_next(fq), -EPERM);
	/* an event that is skipped does not end the wait */
	send_text(&replaced, "x");
	assert_int_equal(flow_read(other.fd, (char [8]) { 0 }, 8), 1);
	assert_int_equal(fset_add(set, replaced.fd), 0);
	assert_int_equal(fevent(set, fq, &now), 1);
	replace();
	assert_int_equal(fevent(set, fq, &now), -ETIMEDOUT);
	end_pair(&replaced);
	end_pair(&other);
	fqueue_destroy(fq);
	fset_destroy(set);
}

static void events_not_yet_fetched_come_before_new_ones(void **state)
{
	struct pair a = make_pair(), b = make_pair();
	fset_t *set = fset_create();
	fqueue_t *fq = fqueue_create();

	(void)state;
	assert_int_equal(fqueue_next(NULL), -EINVAL);
	assert_int_equal((int)fqueue_type(NULL), -EINVAL);
	assert_int_equal((int)fqueue_type(fq), -EPERM);
	assert_int_equal(fevent(NULL, fq, &now), -EINVAL);
	assert_int_equal(fevent(set, NULL, &now), -EINVAL);
	fset_add(set, a.fd);
	fset_add(set, b.fd);
	send_text(&a, "1");
	send_text(&b, "2");
	assert_int_equal(fevent(set, fq, NULL), 1);
	assert_int_equal(fqueue_next(fq), a.fd);
	assert_int_equal(fevent(set, fq, NULL), 1);
	assert_int_equal(fqueue_next(fq), b.fd);
	assert_int_equal(fqueue_next(fq), -EPERM);
	end_pair(&a);
	end_pair(&b);
	fqueue_destroy(fq);
	fset_destroy(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_in_one_set_at_most),
		cmocka_unit_test(messages_are_events_until_they_are_read),
		cmocka_unit_test(a_partly_read_message_is_an_event),
		cmocka_unit_test(each_silence_of_the_peer_is_reported_once),
		cmocka_unit_test(the_end_of_a_flow_is_reported_once),
		cmocka_unit_test(the_end_of_a_flow_comes_after_the_rest_of_a_message),
		cmocka_unit_test(the_end_of_a_flow_is_not_reported_for_its_successor),
		cmocka_unit_test(an_event_is_not_returned_for_the_successor_of_its_flow),
		cmocka_unit_test(events_not_yet_fetched_come_before_new_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
