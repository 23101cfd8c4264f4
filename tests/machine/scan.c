// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Search a big file for many byte strings in one pass, at any offset, whole or
 * in pieces of at least 8 bytes.
 *
 * Usage: scan FILE <STRINGS
 *   STRINGS   one per line, in lower-case hexadecimal, of 8 to 512 bytes
 *
 * Prints for each piece found: the number of the string (from 0), the offset in
 * the string, the number of bytes, the offset in the file.
 *
 * A piece is found by a word of 8 bytes at a multiple of 8 in the string, so a
 * piece of 8 to 14 bytes without an aligned word is missed. Processors move
 * words, so they do not leave such pieces.
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define WORD		8
#define STRING_MAX	512
#define FILTER_BITS	24	/* rejects most words early */
#define TABLE_BITS	20

struct string {
	uint8_t bytes[STRING_MAX];
	size_t len;
	size_t reported;	/* end of the last piece in the file */
};

struct entry {
	struct entry *next;
	uint64_t word;
	unsigned int string;
	unsigned int at;
};

static struct string *strings;
static unsigned int nstrings;
static uint64_t filter[1 << (FILTER_BITS - 6)];
static struct entry *table[1 << TABLE_BITS];

static uint64_t word_at(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

static uint64_t hash(uint64_t word)
{
	return word * 0x9e3779b97f4a7c15ULL;
}

static void remember(unsigned int string, unsigned int at)
{
	struct entry *e = malloc(sizeof(*e));
	uint64_t h;

	if (!e)
		err(2, "malloc");
	e->word = word_at(strings[string].bytes + at);
	e->string = string;
	e->at = at;
	h = hash(e->word);
	e->next = table[h >> (64 - TABLE_BITS)];
	table[h >> (64 - TABLE_BITS)] = e;
	h >>= 64 - FILTER_BITS;
	filter[h / 64] |= 1ULL << (h % 64);
}

/* Return: the value of a hexadecimal digit, or -1 */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void read_string(struct string *s, const char *hex)
{
	s->len = 0;
	s->reported = 0;
	while (s->len < STRING_MAX && digit(hex[0]) >= 0 && digit(hex[1]) >= 0) {
		s->bytes[s->len++] = digit(hex[0]) << 4 | digit(hex[1]);
		hex += 2;
	}
	if (s->len < WORD || *hex != '\n')
		errx(2, "string %u is too short, too long, or not hexadecimal", nstrings);
}

static void read_strings(void)
{
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		if (!(nstrings & (nstrings - 1)))
			strings = reallocarray(strings, nstrings ? 2 * nstrings : 1,
					       sizeof(*strings));
		if (!strings)
			err(2, "reallocarray");
		read_string(&strings[nstrings], line);
		nstrings++;
	}
	free(line);
	for (unsigned int i = 0; i < nstrings; i++)
		for (unsigned int at = 0; at + WORD <= strings[i].len; at += WORD)
			remember(i, at);
}

/* Print the piece of a string around the word of it at @pos. */
static void piece(const struct entry *e, const uint8_t *file, size_t size,
		  size_t pos)
{
	struct string *s = &strings[e->string];
	size_t begin = e->at, end = e->at + WORD, from = pos, to = pos + WORD;

	if (pos < s->reported)
		return;		/* part of the piece before */
	while (begin && from && file[from - 1] == s->bytes[begin - 1]) {
		begin--;
		from--;
	}
	while (end < s->len && to < size && file[to] == s->bytes[end]) {
		end++;
		to++;
	}
	s->reported = to;
	printf("%u %zu %zu %zu\n", e->string, begin, end - begin, from);
}

static void look(const uint8_t *file, size_t size)
{
	for (size_t pos = 0; pos + WORD <= size; pos++) {
		uint64_t word = word_at(file + pos), h = hash(word);
		struct entry *e;

		if (!(filter[h >> (64 - FILTER_BITS + 6)] >>
		      (h >> (64 - FILTER_BITS) & 63) & 1))
			continue;
		for (e = table[h >> (64 - TABLE_BITS)]; e; e = e->next)
			if (e->word == word)
				piece(e, file, size, pos);
	}
}

int main(int argc, char **argv)
{
	struct stat st;
	void *file;
	int fd;

	if (argc != 2 || argv[1][0] == '-')
		errx(2, "usage: scan FILE <STRINGS");
	read_strings();
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(2, "%s", argv[1]);
	file = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		err(2, "%s", argv[1]);
	look(file, st.st_size);
	return fflush(stdout) ? 1 : 0;
}
