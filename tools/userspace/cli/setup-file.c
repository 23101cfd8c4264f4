// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Transactions of file changes: new files are written beside the old ones, and
 * renamed after all of them are complete. A file that is replaced has a second
 * name until the end. If a change fails, or a signal asks for the end of the
 * program, all is as before; a crash can leave a part of the changes.
 *
 * The folder "security" belongs to the agent's user, who can put links there at
 * any time. Root therefore makes changes in it with the rights of that user.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "io.h"
#include "setup.h"

#define DIR_MAX		600	/* path limit of the agent's library */
#define SECURE_HEAP	(256 * 1024)

/**
 * struct setup_step - a change
 * @next: the previous change
 * @temp: the new file; NULL for a folder, which is created at once
 * @old: second name of the file that @path was before; NULL if there is none
 * @done: true if @path is the new file
 * @security: true if @path is in the folder "security"
 * @path: final path of the new file
 */
struct setup_step {
	struct setup_step *next;
	char *temp;
	char *old;
	bool done;
	bool security;
	char path[];
};

/* Report a failed system call; return the exit status. */
int setup_file_fail(const char *what, const char *path)
{
	bool rights = errno == EACCES || errno == EPERM;
	const char *hint = "";

	if (rights && getuid())
		hint = "; run this as root";
	else if (rights && geteuid())
		hint = "; the owner of the folder 'security' must be able to change all in it, without links to elsewhere";
	return fail("cannot %s %s: %s%s", what, path, strerror(errno), hint);
}

/*
 * Take the rights of the owner of the folder "security", unless this program has
 * no others anyway. End with drop_owner().
 */
static int be_owner(const struct setup_tx *tx)
{
	if (geteuid() || !tx->uid)
		return EXIT_OK;
	if (!setgroups(0, NULL) && !setegid(tx->gid) && !seteuid(tx->uid))
		return EXIT_OK;
	return fail("cannot act as the owner of %s, user %u: %s", tx->security,
		    tx->uid, strerror(errno));
}

/* Become root again, without supplementary groups. Keeps errno. */
static void drop_owner(const struct setup_tx *tx)
{
	int err = errno;

	if (getegid() != tx->egid || geteuid() != tx->euid) {
		if (seteuid(tx->euid) || setegid(tx->egid)) {
			fail("cannot become root again: %s; look for files .setup.* in %s",
			     strerror(errno), tx->dir);
			_exit(EXIT_FAIL);
		}
	}
	errno = err;
}

/* True if a path exists, or cannot be seen: its use then reports the error. */
bool setup_file_exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st) || errno == EACCES;
}

/* Build a path. The parts are short enough, see DIR_MAX. */
void setup_file_join(char path[PATH_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, PATH_MAX, fmt, ap);
	va_end(ap);
}

/* The signals with which a user ends a program. */
static const int ends[] = { SIGINT, SIGTERM, SIGHUP };

/*
 * Hold signals back until the end: one that ended this program between two
 * changes would leave temporary files, even private keys.
 */
static void hold_signals(struct setup_tx *tx)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	/* SIGPIPE: nobody reads the messages */
	sigaddset(&set, SIGPIPE);
	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, &tx->mask);
}

static bool was_interrupted(void)
{
	sigset_t set;
	size_t i;

	if (sigpending(&set))
		return false;
	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		if (sigismember(&set, ends[i]) == 1)
			return true;
	return false;
}

/* Lock the folder: two commands at a time would both edit the old contents. */
static int take_lock(struct setup_tx *tx)
{
	tx->lock = open(tx->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tx->lock < 0)
		return setup_file_fail("open", tx->dir);
	if (!flock(tx->lock, LOCK_EX | LOCK_NB))
		return EXIT_OK;
	close(tx->lock);
	if (errno == EWOULDBLOCK)
		return fail("another setup command works in %s; wait for its end",
			    tx->dir);
	return setup_file_fail("lock", tx->dir);
}

/**
 * setup_file_begin() - begin a transaction
 * @tx: the changes; end them with setup_file_end() if this succeeds
 * @dir: the folder
 *
 * Return: the exit status.
 */
int setup_file_begin(struct setup_tx *tx, const char *dir)
{
	struct rlimit none = { 0, 0 };

	memset(tx, 0, sizeof(*tx));
	if (!realpath(dir, tx->dir)) {
		if (errno == ENOENT)
			return fail("there is no folder %s: install ipcp-rekey-tools, or make the folder",
				    dir);
		return setup_file_fail("open", dir);
	}
	if (strlen(tx->dir) > DIR_MAX)
		return fail("the path of the folder is too long: %.40s...",
			    tx->dir);
	setup_file_join(tx->security, "%s/security", tx->dir);
	tx->euid = geteuid();
	tx->egid = getegid();
	umask(077);
	setrlimit(RLIMIT_CORE, &none);
	if (take_lock(tx))
		return EXIT_FAIL;
	hold_signals(tx);
	/* if memory cannot be locked, the ordinary heap is wiped, too */
	CRYPTO_secure_malloc_init(SECURE_HEAP, 16);
	return EXIT_OK;
}

static struct setup_step *add_step(struct setup_tx *tx, const char *path,
				   char *temp, bool security)
{
	struct setup_step *s = calloc(1, sizeof(*s) + strlen(path) + 1);

	if (!s)
		return NULL;
	strcpy(s->path, path);
	s->temp = temp;
	s->security = security;
	s->next = tx->steps;
	tx->steps = s;
	return s;
}

static int make_folder(struct setup_tx *tx, const char *path, bool security)
{
	struct stat st;

	if (security && !lstat(path, &st) && S_ISLNK(st.st_mode))
		return fail("%s is a link, and the keys and certificates must not lie elsewhere: move it away, and put the folder itself there",
			    path);
	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return EXIT_OK;
		return fail("%s is no folder: move it away", path);
	}
	if (mkdir(path, 0700))
		return setup_file_fail("make", path);
	if (add_step(tx, path, NULL, security))
		return EXIT_OK;
	rmdir(path);
	return fail("out of memory");
}

/* Give the new folder "security" to the user of the agent, if there is one. */
static int give_to_agent(const struct setup_tx *tx)
{
	struct passwd *pw = geteuid() ? NULL : getpwnam(SETUP_USER);
	int fd, bad;

	if (!pw)
		return EXIT_OK;
	fd = open(tx->security, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return setup_file_fail("open", tx->security);
	bad = fchown(fd, pw->pw_uid, 0);
	close(fd);
	return bad ? setup_file_fail("give away", tx->security) : EXIT_OK;
}

/* Find whose rights changes in the folder "security" need. */
static int find_owner(struct setup_tx *tx)
{
	struct passwd *pw;
	struct stat st;

	if (stat(tx->security, &st))
		return setup_file_fail("open", tx->security);
	pw = getpwuid(st.st_uid);
	tx->uid = st.st_uid;
	tx->gid = pw ? pw->pw_gid : st.st_gid;
	return EXIT_OK;
}

/**
 * setup_file_security() - find the owner of the keys; create their folder
 * @tx: the changes
 *
 * Return: the exit status.
 */
int setup_file_security(struct setup_tx *tx)
{
	static const char * const inside[] = {
		"cacert", "untrusted", "crls", "server", "client"
	};
	const struct setup_step *before = tx->steps;
	char path[PATH_MAX];
	int status;
	size_t i;

	status = make_folder(tx, tx->security, false);
	if (!status && tx->steps != before)
		status = give_to_agent(tx);
	if (!status)
		status = find_owner(tx);
	for (i = 0; !status && i < sizeof(inside) / sizeof(*inside); i++) {
		setup_file_join(path, "%s/%s", tx->security, inside[i]);
		status = setup_file_folder(tx, path, true);
	}
	return status;
}

/**
 * setup_file_folder() - create a folder unless it exists
 * @tx: the changes
 * @path: its path
 * @security: true if it is in the folder "security"
 *
 * Return: the exit status.
 */
int setup_file_folder(struct setup_tx *tx, const char *path, bool security)
{
	int status = security ? be_owner(tx) : EXIT_OK;

	if (!status)
		status = make_folder(tx, path, security);
	drop_owner(tx);
	return status;
}

/* Return the name of a temporary file beside @path; the agent ignores it. */
static char *temp_beside(const char *path)
{
	char *copy = strdup(path), *temp = NULL;

	if (copy && asprintf(&temp, "%s/.setup.XXXXXX", dirname(copy)) < 0)
		temp = NULL;
	free(copy);
	return temp;
}

/*
 * Fill a file. Set the owner before the mode, which may let others read. A file
 * in the folder "security" has its owner already.
 */
static int fill(int fd, BIO *data, mode_t mode, uid_t uid, gid_t gid)
{
	char *p;
	long len = BIO_get_mem_data(data, &p);

	if (io_write_all(fd, p, len))
		return -1;
	if (geteuid() == 0 && fchown(fd, uid, gid))
		return -1;
	return fchmod(fd, mode) || fsync(fd) ? -1 : 0;
}

static int put(struct setup_tx *tx, const char *path, BIO *data,
	       const struct stat *as, bool security)
{
	char *temp = data ? temp_beside(path) : NULL;
	struct stat st;
	bool bad;
	int fd;

	if (!temp)
		return fail("out of memory");
	if (!lstat(path, &st) && S_ISDIR(st.st_mode)) {
		free(temp);
		return fail("%s is a folder: move it away", path);
	}
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		free(temp);
		return setup_file_fail("write", path);
	}
	if (!add_step(tx, path, temp, security)) {
		close(fd);
		unlink(temp);
		free(temp);
		return fail("out of memory");
	}
	bad = fill(fd, data, as->st_mode & 07777, as->st_uid, as->st_gid);
	bad = close(fd) || bad;
	return bad ? setup_file_fail("write", path) : EXIT_OK;
}

/**
 * setup_file_put() - write a file that the caller owns
 * @tx: the changes
 * @path: the file
 * @data: contents; NULL: out of memory
 * @mode: file mode
 *
 * Return: the exit status.
 */
int setup_file_put(struct setup_tx *tx, const char *path, BIO *data,
		   mode_t mode)
{
	struct stat as = {
		.st_mode = mode, .st_uid = geteuid(), .st_gid = getegid()
	};

	return put(tx, path, data, &as, false);
}

/**
 * setup_file_put_security() - write a file for the agent
 * @tx: the changes
 * @path: the file, in the folder "security"
 * @data: contents; NULL: out of memory
 * @mode: file mode
 *
 * Return: the exit status.
 */
int setup_file_put_security(struct setup_tx *tx, const char *path, BIO *data,
			    mode_t mode)
{
	struct stat as = {
		.st_mode = mode, .st_uid = tx->uid, .st_gid = tx->gid
	};

	int status = be_owner(tx);

	if (!status)
		status = put(tx, path, data, &as, true);
	drop_owner(tx);
	return status;
}

/**
 * setup_file_replace() - replace the contents of a file; keep its owner and
 * mode
 * @tx: the changes
 * @path: the file
 * @data: contents; NULL: out of memory
 *
 * Return: the exit status.
 */
int setup_file_replace(struct setup_tx *tx, const char *path, BIO *data)
{
	struct stat as;

	if (stat(path, &as))
		return setup_file_fail("open", path);
	return put(tx, path, data, &as, false);
}

static int put_link(struct setup_tx *tx, const char *path, const char *target)
{
	char *temp = temp_beside(path);
	int fd;

	if (!temp)
		return fail("out of memory");
	/* only to get an unused name */
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0 || close(fd) || unlink(temp) || symlink(target, temp)) {
		free(temp);
		return setup_file_fail("write", path);
	}
	if (add_step(tx, path, temp, true))
		return EXIT_OK;
	unlink(temp);
	free(temp);
	return fail("out of memory");
}

/**
 * setup_file_link() - create a symbolic link in the folder "security"
 * @tx: the changes
 * @path: the link
 * @target: target of the link
 *
 * Return: the exit status.
 */
int setup_file_link(struct setup_tx *tx, const char *path, const char *target)
{
	int status = be_owner(tx);

	if (!status)
		status = put_link(tx, path, target);
	drop_owner(tx);
	return status;
}

/* Reverse the list, so that the first change comes first. */
static struct setup_step *reversed(struct setup_step *s)
{
	struct setup_step *first = NULL, *next;

	for (; s; s = next) {
		next = s->next;
		s->next = first;
		first = s;
	}
	return first;
}

static int sync_folder_of(const char *path)
{
	char *copy = strdup(path);
	int fd, bad;

	if (!copy)
		return -1;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -1;
	bad = fsync(fd);
	close(fd);
	return bad;
}

/* Rename a new file. Keep the one that it replaces by a second name. */
static int rename_file(struct setup_step *s)
{
	char *old;

	if (asprintf(&old, "%s.old", s->temp) < 0)
		return fail("out of memory");
	if (!link(s->path, old)) {
		s->old = old;
	} else {
		free(old);
		if (errno != ENOENT)
			return setup_file_fail("replace", s->path);
	}
	return rename(s->temp, s->path) ? setup_file_fail("write", s->path) :
					  EXIT_OK;
}

static int rename_one(const struct setup_tx *tx, struct setup_step *s)
{
	int status = s->security ? be_owner(tx) : EXIT_OK;

	if (!status && s->temp)
		status = rename_file(s);
	s->done = !status;
	drop_owner(tx);
	return status;
}

static int rename_all(struct setup_tx *tx)
{
	struct setup_step *s;
	int status = EXIT_OK;

	tx->steps = reversed(tx->steps);
	for (s = tx->steps; s && !status; s = s->next)
		status = rename_one(tx, s);
	for (s = tx->steps; s && !status; s = s->next)
		if (sync_folder_of(s->path))
			status = setup_file_fail("write", s->path);
	tx->steps = reversed(tx->steps);
	return status;
}

static void undo_file(const struct setup_step *s)
{
	if (s->done && s->old && rename(s->old, s->path))
		setup_file_fail("restore", s->path);
	else if (s->done && !s->old)
		unlink(s->path);
	else if (!s->done && s->old)
		unlink(s->old);
	if (!s->done)
		unlink(s->temp);
}

/* End a change: undo it if the transaction failed. */
static void end_one(const struct setup_tx *tx, const struct setup_step *s,
		    bool failed)
{
	if (s->security && be_owner(tx))
		note("remove files .setup.* beside %s", s->path);
	else if (failed && s->temp)
		undo_file(s);
	else if (failed)
		rmdir(s->path);
	else if (s->old)
		unlink(s->old);
	drop_owner(tx);
}

/**
 * setup_file_end() - end a transaction
 * @tx: the changes
 * @status: exit status so far
 *
 * Makes all changes if @status is EXIT_OK. Otherwise, after an error, and if a
 * signal has arrived, undoes them all.
 *
 * Return: the exit status.
 */
int setup_file_end(struct setup_tx *tx, int status)
{
	struct setup_step *s;

	if (!status && !was_interrupted())
		status = rename_all(tx);
	/* maybe only now */
	if (!status && was_interrupted())
		status = fail("interrupted: nothing was changed");
	while ((s = tx->steps)) {
		tx->steps = s->next;
		end_one(tx, s, status != EXIT_OK);
		free(s->temp);
		free(s->old);
		free(s);
	}
	close(tx->lock);
	sigprocmask(SIG_SETMASK, &tx->mask, NULL);
	return status;
}
