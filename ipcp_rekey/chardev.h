/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _IPCP_CHARDEV_H
#define _IPCP_CHARDEV_H

int ipcp_chardev_init(void);
void ipcp_chardev_exit(void);

#endif /* _IPCP_CHARDEV_H */
