/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* A listener that accepts nothing, and whose queue is full. */
#ifndef REKEYD_TEST_QUEUE_H
#define REKEYD_TEST_QUEUE_H

#include <sys/un.h>

#define QUEUE	4	/* clients: more than the queue of listen(fd, 0) takes */

/* Connect clients to the listener until its queue takes no more. */
void queue_fill(int clients[QUEUE], const struct sockaddr_un *addr);
void queue_close(const int clients[QUEUE]);

#endif /* REKEYD_TEST_QUEUE_H */
