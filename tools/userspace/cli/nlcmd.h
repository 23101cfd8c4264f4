/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Netlink for the sub-commands.
 */
#ifndef IPCP_CLI_NLCMD_H
#define IPCP_CLI_NLCMD_H

#include "nl.h"
#include "out.h"

#define NLCMD_TEXT_LEN	512

int nlcmd_open(struct ipcp_nl **nl);
int nlcmd_open_loaded(struct ipcp_nl **nl);
int nlcmd_fail(struct ipcp_nl *nl, const char *what, int err);

const char *nlcmd_text(const char *text, char buf[NLCMD_TEXT_LEN]);
json_t *nlcmd_json(const char *text);
json_t *nlcmd_drops(const struct ipcp_nl_drops *drops);

/* State of printing or collecting a list. */
struct listing {
	json_t *json;		/* an array, or NULL for text */
	bool head;		/* the heading has been printed */
};

/**
 * struct nlcmd_list - a sub-command that lists objects
 * @name: full name, "flow list"
 * @about: description; each line ends with a newline
 * @failed: error text, "cannot list flows"
 * @dump: adds each object to the listing
 */
struct nlcmd_list {
	const char *name;
	const char *about;
	const char *failed;
	int (*dump)(struct ipcp_nl *nl, struct listing *list);
};

int nlcmd_list(const struct nlcmd_list *of, int argc, char **argv);

#endif /* IPCP_CLI_NLCMD_H */
