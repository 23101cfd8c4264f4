/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The table of "top": columns, their order and their widths. */
#ifndef IPCP_CLI_COLUMNS_H
#define IPCP_CLI_COLUMNS_H

#include "reading.h"

#define COLUMNS		13
#define COLUMNS_LINE	1024	/* buffer size of a line */

/**
 * struct columns - a layout
 * @width: characters of each column; 0 to leave it out
 */
struct columns {
	unsigned int width[COLUMNS];
};

int columns_by_name(const char *name);
const char *columns_names(char *buf, size_t len);
void columns_sort(struct reading *set, int by);
void columns_fit(struct columns *c, unsigned int cols,
		 const struct reading *set);
void columns_head(const struct columns *c, char line[COLUMNS_LINE]);
void columns_row(const struct columns *c, const struct flow_row *row,
		 char line[COLUMNS_LINE]);

#endif /* IPCP_CLI_COLUMNS_H */
