// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* What a function prints, for tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture.h"

static int captured, kept, file;

void capture_begin(int fd)
{
	fflush(NULL);
	captured = fd;
	kept = dup(fd);
	file = memfd_create("captured", MFD_CLOEXEC);
	assert_true(kept >= 0 && file >= 0);
	assert_int_equal(dup2(file, fd), fd);
}

char *capture_end(void)
{
	char *text;
	off_t len;

	fflush(NULL);
	assert_int_equal(dup2(kept, captured), captured);
	len = lseek(file, 0, SEEK_END);
	text = calloc(1, len + 1);
	assert_non_null(text);
	assert_int_equal(pread(file, text, len, 0), len);
	close(kept);
	close(file);
	return text;
}

int count_words(const char *text, const char *word)
{
	int n = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		n++;
	}
	return n;
}
