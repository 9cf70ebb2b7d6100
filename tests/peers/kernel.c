/* A Bluetooth kernel for programs on a machine that has none; preloaded (LD_PRELOAD).
 *
 * In: calls of an unmodified bluetoothd or gateway. Out: a socket of the Bluetooth family that is bound to a channel
 * of HCI becomes a connection to a unix socket of packets: the management channel (3) to the one KERNEL_MANAGEMENT
 * names, the user channel (1) to the one KERNEL_USER names. Sockets of the other Bluetooth protocols and of the
 * kernel's cryptography never hear anything. Every other call goes its usual way.
 *
 * Source of the numbers: bluetooth.h and hci.h of BlueZ; the layout of sockaddr_hci is family, device, channel. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FAMILY_BLUETOOTH = 31, FAMILY_CRYPTOGRAPHY = 38, PROTOCOL_HCI = 1 };
enum { CHANNEL_USER = 1, CHANNEL_MANAGEMENT = 3 };
enum { FILES_MAX = 65536 };

/* What a descriptor stands for: nothing of ours, an HCI socket, or one that never hears anything. */
enum { OTHERS = 0, HCI, DUMB };
static unsigned char kind[FILES_MAX];

static unsigned char kind_of(int file) { return file >= 0 && file < FILES_MAX ? kind[file] : OTHERS; }

static int note(int file, unsigned char what) {
    if (file >= 0 && file < FILES_MAX) kind[file] = what;
    return file;
}

/* The call of the same name that would have been made without this file. */
#define USUAL(result, name, ...) static result (*usual)(__VA_ARGS__); if (!usual) usual = dlsym(RTLD_NEXT, #name)

int socket(int family, int type, int protocol) {
    USUAL(int, socket, int, int, int);
    int flags = type & (SOCK_CLOEXEC | SOCK_NONBLOCK), ends[2];
    if (family == FAMILY_BLUETOOTH && protocol == PROTOCOL_HCI)
        return note(usual(AF_UNIX, SOCK_SEQPACKET | flags, 0), HCI);
    if (family != FAMILY_BLUETOOTH && family != FAMILY_CRYPTOGRAPHY) return usual(family, type, protocol);
    /* The other end stays open, or a poll would see that it has gone. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | flags, 0, ends) < 0) return -1;
    return note(ends[0], DUMB);
}

int bind(int file, const struct sockaddr *address, socklen_t length) {
    USUAL(int, bind, int, const struct sockaddr *, socklen_t);
    if (kind_of(file) == OTHERS) return usual(file, address, length);
    if (kind_of(file) == DUMB) return 0;
    unsigned short fields[3];
    if (length < sizeof fields) { errno = EINVAL; return -1; }
    memcpy(fields, address, sizeof fields);
    const char *path = fields[2] == CHANNEL_MANAGEMENT ? getenv("KERNEL_MANAGEMENT")
                     : fields[2] == CHANNEL_USER ? getenv("KERNEL_USER") : NULL;
    if (!path) { errno = fields[2] == CHANNEL_USER ? ENODEV : EINVAL; return -1; }
    struct sockaddr_un place = { .sun_family = AF_UNIX };
    strncpy(place.sun_path, path, sizeof place.sun_path - 1);
    return connect(file, (struct sockaddr *)&place, sizeof place);
}

int listen(int file, int backlog) {
    USUAL(int, listen, int, int);
    return kind_of(file) == OTHERS ? usual(file, backlog) : 0;
}

int setsockopt(int file, int level, int name, const void *value, socklen_t length) {
    USUAL(int, setsockopt, int, int, int, const void *, socklen_t);
    if (kind_of(file) == OTHERS || level == SOL_SOCKET) return usual(file, level, name, value, length);
    return 0;
}

int getsockopt(int file, int level, int name, void *value, socklen_t *length) {
    USUAL(int, getsockopt, int, int, int, void *, socklen_t *);
    if (kind_of(file) == OTHERS || level == SOL_SOCKET) return usual(file, level, name, value, length);
    memset(value, 0, *length);
    return 0;
}

int getsockname(int file, struct sockaddr *address, socklen_t *length) {
    USUAL(int, getsockname, int, struct sockaddr *, socklen_t *);
    if (kind_of(file) == OTHERS) return usual(file, address, length);
    memset(address, 0, *length);
    address->sa_family = FAMILY_BLUETOOTH;
    return 0;
}

int close(int file) {
    USUAL(int, close, int);
    note(file, OTHERS);
    return usual(file);
}
