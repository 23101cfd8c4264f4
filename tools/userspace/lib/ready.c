// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Notify the service manager that a server is ready (sd_notify(3)). */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dev.h"

/**
 * ipcp_dev_ready() - send READY=1 to $NOTIFY_SOCKET if it is set
 *
 * Removes the variable from the environment, so that children do not notify
 * again.
 */
void ipcp_dev_ready(void)
{
	static const char msg[] = "READY=1";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(sun.sun_path))
		return;
	memcpy(sun.sun_path, path, len);
	if (path[0] == '@')
		sun.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* a missing service manager is not an error */
	(void)!sendto(fd, msg, sizeof(msg) - 1, MSG_NOSIGNAL,
		      (struct sockaddr *)&sun,
		      offsetof(struct sockaddr_un, sun_path) + len);
	close(fd);
	unsetenv("NOTIFY_SOCKET");
}
