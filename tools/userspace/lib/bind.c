// SPDX-License-Identifier: LGPL-2.1-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Bindings: which names a program serves. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/ipcp_rekey.h>

#include "bind.h"

#define BLANKS " \t\r\n"

const char ipcp_bindings[] = IPCP_BINDINGS;

/*
 * Split a line in place. The name is the last word, since a name contains no
 * blanks; a program may. Return: false for a comment or a line that is not a
 * binding.
 */
static bool split(char *line, const char **program, const char **name)
{
	char *end = line + strlen(line);
	char *word;

	line += strspn(line, BLANKS);
	while (end > line && strchr(BLANKS, end[-1]))
		*--end = '\0';
	word = end;
	while (word > line && !strchr(BLANKS, word[-1]))
		word--;
	if (*line == '#' || word == line)
		return false;
	*program = line;
	*name = word;
	while (strchr(BLANKS, word[-1]))
		*--word = '\0';
	return true;
}

/**
 * ipcp_bind_each() - call a function for each binding
 * @path: path of the file
 * @fn: the function
 * @arg: argument of @fn
 *
 * Return: 0, also without a file; the value of @fn if it is not 0; or a
 * negative errno.
 */
int ipcp_bind_each(const char *path, ipcp_bind_fn fn, void *arg)
{
	const char *program, *name;
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int ret = 0;

	if (!file)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && getline(&line, &room, file) >= 0)
		if (split(line, &program, &name))
			ret = fn(program, name, arg);
	if (!ret && !feof(file))
		ret = -EIO;
	free(line);
	fclose(file);
	return ret;
}

/**
 * ipcp_bind_is() - check whether a binding applies to a program
 * @program: program of the binding: a path, or its last component to match
 *	every program of that name
 * @exe: path of the running program
 *
 * Return: true if it applies.
 */
bool ipcp_bind_is(const char *program, const char *exe)
{
	const char *last = strrchr(exe, '/');

	if (!strchr(program, '/') && last)
		exe = last + 1;
	return !strcmp(program, exe);
}

/**
 * ipcp_bind_check() - check the syntax of a binding
 * @program: path of the program, or its last component
 * @name: name to serve
 *
 * Return: 0, -EINVAL, or -ENAMETOOLONG.
 */
int ipcp_bind_check(const char *program, const char *name)
{
	const unsigned char *c;
	size_t len = strlen(program);

	for (c = (const unsigned char *)name; *c; c++)
		if (*c <= ' ' || *c == 0x7f)
			return -EINVAL;
	for (c = (const unsigned char *)program; *c; c++)
		if (*c < ' ' || *c == 0x7f)
			return -EINVAL;
	if (!*name || !len || program[0] == ' ' || program[0] == '#' ||
	    program[len - 1] == ' ' || program[len - 1] == '/')
		return -EINVAL;
	return strlen(name) > IPCP_NAME_LEN || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* An edit of the file: the output, and the line to add or remove. */
struct edit {
	const char *program;
	const char *name;
	bool remove;
	bool found;
	FILE *out;
};

/* True if a line is the edited binding. Splits the line in place. */
static bool is_it(const struct edit *edit, char *line)
{
	const char *program, *name;

	return split(line, &program, &name) &&
	       !strcmp(program, edit->program) && !strcmp(name, edit->name);
}

/* Copy a line, which may hold any bytes, unless it is the line to remove. */
static int copy_line(struct edit *edit, const char *line, size_t len)
{
	char *copy = malloc(len + 1);
	bool is;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, line, len + 1);
	is = is_it(edit, copy);
	free(copy);
	edit->found |= is;
	if (!is || !edit->remove)
		fwrite(line, 1, len, edit->out);
	return 0;
}

/* Copy all lines except the line to remove; store the last byte at @last. */
static int copy_lines(struct edit *edit, FILE *in, char *last)
{
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = 0;

	while (!err && (len = getline(&line, &room, in)) > 0) {
		err = copy_line(edit, line, len);
		*last = line[len - 1];
	}
	if (!err && !feof(in))
		err = -EIO;
	free(line);
	return err;
}

/* Write the new file. */
static int write_lines(struct edit *edit, const char *path)
{
	FILE *in = fopen(path, "re");
	char last = '\n';
	int err = 0;

	if (in) {
		err = copy_lines(edit, in, &last);
		fclose(in);
	} else if (errno != ENOENT) {
		err = -errno;
	}
	if (!err && !edit->remove && !edit->found)
		fprintf(edit->out, "%s%s %s\n", last == '\n' ? "" : "\n",
			edit->program, edit->name);
	return err;
}

/* Write the complete new file, then rename it over the old one. */
static int replace(struct edit *edit, const char *path, const char *tmp)
{
	int err;

	if (fchmod(fileno(edit->out), 0644))
		return -errno;
	err = write_lines(edit, path);
	if (err)
		return err;
	if (edit->found != edit->remove)
		return edit->remove ? -ENOENT : -EEXIST;
	if (fflush(edit->out))
		return -errno;
	/* an earlier write failed */
	if (ferror(edit->out))
		return -EIO;
	if (fsync(fileno(edit->out)) || rename(tmp, path))
		return -errno;
	return 0;
}

static int edit_locked(struct edit *edit, const char *path)
{
	char tmp[PATH_MAX];
	int fd, err;

	if (snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= (int)sizeof(tmp))
		return -ENAMETOOLONG;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	edit->out = fdopen(fd, "w");
	if (!edit->out) {
		err = -errno;
		close(fd);
	} else {
		err = replace(edit, path, tmp);
		fclose(edit->out);
	}
	if (err)
		unlink(tmp);
	return err;
}

/* Edit the file under a lock on its directory, which serializes edits. */
static int edit_file(struct edit *edit, const char *path)
{
	char *copy = strdup(path);
	int dir, err;

	if (!copy)
		return -ENOMEM;
	dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (dir < 0)
		return -errno;
	err = flock(dir, LOCK_EX) ? -errno : edit_locked(edit, path);
	close(dir);
	return err;
}

/**
 * ipcp_bind_add() - bind a program to a name
 * @path: path of the file
 * @program: path of the program, or its last component
 * @name: name to serve
 *
 * Return: 0; -EEXIST if the binding exists; or a negative errno.
 */
int ipcp_bind_add(const char *path, const char *program, const char *name)
{
	struct edit edit = { .program = program, .name = name };
	int err = ipcp_bind_check(program, name);

	return err ? err : edit_file(&edit, path);
}

/**
 * ipcp_bind_remove() - remove a binding
 * @path: path of the file
 * @program: program as it was bound
 * @name: name as it was bound
 *
 * Return: 0; -ENOENT if the binding does not exist; or a negative errno.
 */
int ipcp_bind_remove(const char *path, const char *program, const char *name)
{
	struct edit edit = { .program = program, .name = name, .remove = true };
	int err = ipcp_bind_check(program, name);

	return err ? err : edit_file(&edit, path);
}
