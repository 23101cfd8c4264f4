// SPDX-License-Identifier: GPL-2.0
/* Our flows: made by who runs us, so they are only read and written here. */
#include <unistd.h>

#include "pair.h"

static void send_flow(struct pair *p)
{
	want(ok(write(p->tx, p->out, p->size), "write"), p->size,
	     "bytes written");
}

static unsigned int recv_flow(struct pair *p)
{
	want(ok(read(p->rx, p->in, BUF_LEN), "read"), p->size,
	     "bytes received");
	return 1;
}

const struct way flow_way = {
	.name = "ipcp-rekey",
	.needs_fds = 1,
	.send = send_flow,
	.recv = recv_flow,
};
