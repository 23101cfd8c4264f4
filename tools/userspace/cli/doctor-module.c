// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* Checks of "doctor": the module and its device. */
#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "dev.h"
#include "doctor.h"

#define MODULE		"ipcp_rekey"
#define SIGNED		"~Module signature appended~\n"
#define SECURE_BOOT	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define LOCKDOWN	"/sys/kernel/security/lockdown"
#define DKMS_KEY	"/var/lib/dkms/mok.pub"

static char module_file[PATH_MAX];

static int on_module_file(const char *path, const struct stat *st, int type,
			  struct FTW *at)
{
	(void)st;
	if ((type != FTW_F && type != FTW_SL) ||
	    strncmp(path + at->base, MODULE ".ko", strlen(MODULE ".ko")))
		return 0;
	snprintf(module_file, sizeof(module_file), "%s", path);
	return 1;
}

/* Find the module of a kernel. If found, set module_file and return true. */
static bool find_module(const char *folder)
{
	char path[PATH_MAX];

	/* the folder may be a link, but links inside lead to the sources */
	return realpath(folder, path) &&
	       nftw(path, on_module_file, 16, FTW_PHYS) == 1;
}

/* True if a file has these bytes at offset @from, relative to @whence. */
static bool file_has(const char *path, long from, int whence, const char *bytes,
		     size_t len)
{
	char buf[64] = { 0 };
	FILE *file = fopen(path, "re");
	bool has;

	if (!file)
		return false;
	has = !fseek(file, from, whence) && len <= sizeof(buf) &&
	      fread(buf, 1, len, file) == len && !memcmp(buf, bytes, len);
	fclose(file);
	return has;
}

/* True if the kernel loads only modules with a trusted signature. */
static bool wants_signature(void)
{
	static const char enforced[] = "Y\n";
	char line[128] = "";
	FILE *file;

	/* four bytes of attributes precede the value */
	if (file_has(SECURE_BOOT, 4, SEEK_SET, "\1", 1) ||
	    file_has("/sys/module/module/parameters/sig_enforce", 0, SEEK_SET,
		     enforced, 1))
		return true;
	file = fopen(LOCKDOWN, "re");
	if (file && !fgets(line, sizeof(line), file))
		line[0] = '\0';
	if (file)
		fclose(file);
	return line[0] && !strstr(line, "[none]");
}

/* True if a module has no signature. False for a compressed module. */
static bool is_unsigned(const char *path)
{
	size_t len = strlen(path);

	return len > 3 && !strcmp(path + len - 3, ".ko") && !access(path, R_OK) &&
	       !file_has(path, -(long)strlen(SIGNED), SEEK_END, SIGNED,
			 strlen(SIGNED));
}

static void advise_loading(struct doctor *d)
{
	if (!wants_signature())
		doctor_advise(d, "modprobe " MODULE);
	else if (is_unsigned(module_file))
		doctor_advise(d, "install the module with DKMS, which signs it, as the README says: this kernel loads signed modules only, and %s is not signed; see \"Secure Boot\" in operations.md",
			      module_file);
	else
		doctor_advise(d, "modprobe " MODULE "; if that says \"Key was rejected by service\": mokutil --import "
			      DKMS_KEY " && reboot, see \"Secure Boot\" in operations.md");
}

static void not_loaded(struct doctor *d)
{
	char folder[PATH_MAX], build[PATH_MAX + 8];
	struct utsname kernel;
	glob_t sources;

	uname(&kernel);
	snprintf(folder, sizeof(folder), "/lib/modules/%s", kernel.release);
	snprintf(build, sizeof(build), "%s/build", folder);
	if (find_module(folder)) {
		doctor_error(d, "not loaded; %s is there", module_file);
		advise_loading(d);
		return;
	}
	if (!glob("/usr/src/ipcp-rekey-[0-9]*", 0, NULL, &sources)) {
		doctor_error(d, "not loaded, and not built for this kernel, %s",
			     kernel.release);
		if (access(build, F_OK))
			doctor_advise(d, "apt-get install linux-headers-%s && dkms autoinstall -k %s && modprobe " MODULE,
				      kernel.release, kernel.release);
		else
			doctor_advise(d, "dkms autoinstall -k %s && modprobe " MODULE,
				      kernel.release);
	} else {
		doctor_error(d, "not loaded, and not installed for this kernel, %s",
			     kernel.release);
		doctor_advise(d, "apt-get install ./ipcp-rekey-dkms_*.deb, or make install in the sources; then modprobe "
			      MODULE);
	}
	globfree(&sources);
}

void doctor_module(struct doctor *d)
{
	if (d->nl_err == -ENOENT) {
		not_loaded(d);
	} else if (d->nl_err) {
		doctor_error(d, "cannot be asked: %s", strerror(-d->nl_err));
		doctor_advise(d, "run this as root, in a network namespace of the host");
	} else if (strcmp(d->info.version, VERSION)) {
		doctor_warning(d, "loaded, version %s, but these tools are version %s",
			       d->info.version, VERSION);
		doctor_advise(d, "systemctl stop ipcp-rekeyd; modprobe -r " MODULE
			      " && modprobe " MODULE
			      "; systemctl start ipcp-rekeyd, once nothing uses the module; this removes interfaces of the kind "
			      MODULE);
	} else {
		doctor_ok(d, "loaded, version %s", d->info.version);
	}
}

static void check_mode(struct doctor *d, const struct stat *st)
{
	const struct group *gr = getgrgid(st->st_gid);
	const char *group = gr ? gr->gr_name : "a group without a name";
	unsigned int mode = st->st_mode & 0777;

	if (mode & 06) {
		doctor_warning(d, "everybody may open " IPCP_REKEY_DEVICE ", mode %04o",
			       mode);
		doctor_advise(d, "chmod o= " IPCP_REKEY_DEVICE ", and check the rules in /etc/udev/rules.d");
	} else if (st->st_gid && (mode & 060) == 060) {
		doctor_ok(d, "root and the members of %s may open " IPCP_REKEY_DEVICE,
			  group);
	} else {
		doctor_note(d, "only root may open " IPCP_REKEY_DEVICE
			    ", mode %04o, group %s; for others see \"Device\" in operations.md",
			    mode, group);
	}
}

static void cannot_open(struct doctor *d, const struct stat *st, int err)
{
	const struct group *gr = getgrgid(st->st_gid);

	doctor_error(d, "this user cannot open " IPCP_REKEY_DEVICE ": %s",
		     strerror(err));
	if (err != EACCES && err != EPERM)
		doctor_advise(d, "modprobe ipcp_rekey, and run this again");
	else if (gr && st->st_gid && (st->st_mode & 060) == 060)
		doctor_advise(d, "adduser USER %s, and log in again", gr->gr_name);
	else if (getgrnam("ipcp-rekey"))
		doctor_advise(d, "udevadm control --reload && udevadm trigger --settle --name-match=ipcp_rekey: the rule gives the device to the group ipcp-rekey");
	else
		doctor_advise(d, "systemd-sysusers && udevadm control --reload && udevadm trigger --settle --name-match=ipcp_rekey: the group ipcp-rekey does not exist");
}

void doctor_device(struct doctor *d)
{
	struct stat st;
	int fd;

	if (stat(IPCP_REKEY_DEVICE, &st)) {
		doctor_error(d, IPCP_REKEY_DEVICE ": %s", strerror(errno));
		doctor_advise(d, d->nl ? "udevadm trigger --settle --name-match=ipcp_rekey; in a container, let it have the device of the host" :
			      "modprobe ipcp_rekey, the module makes the device");
		return;
	}
	if (!S_ISCHR(st.st_mode)) {
		doctor_error(d, IPCP_REKEY_DEVICE " is not a device");
		doctor_advise(d, "rm " IPCP_REKEY_DEVICE ", then load the module again");
		return;
	}
	fd = ipcp_dev_open(0);
	if (fd < 0) {
		cannot_open(d, &st, -fd);
		return;
	}
	close(fd);
	check_mode(d, &st);
}
